//! One search over everything: ids, names and e-mail addresses.

use crate::{
    context::{AppContext, RequestContext},
    pages::links::record_or_owner_href,
};
use patchbay_domain::UserError;
use patchbay_store::Record;
use serde::Serialize;

const FOUND: u32 = 12;

/// A place to go to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hit {
    pub title: String,
    pub href: String,
    pub hint: String,
    /// What tells it from others of its name: a customer's e-mail address.
    pub detail: String,
}

/// Staff search everything; customers have nothing to search.
pub async fn find(app: &AppContext, request: &RequestContext, text: &str) -> Result<Vec<Hit>, UserError> {
    let staff = app.engine.staff(request.principal()?)?;
    let text = text.trim();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let internal = |error: patchbay_store::StoreError| {
        patchbay_domain::limited!(error, %error, "the search failed");
        UserError::internal()
    };
    let mut hits: Vec<Hit> = Vec::new();
    for event in staff.store().event_by_external(text).await.map_err(internal)? {
        hits.push(Hit {
            title: event.event_type,
            href: format!("/events/{}", event.id),
            hint: format!("Event {}", event.external_id),
            detail: String::new(),
        });
    }
    let records = staff.store().find_anything(text, FOUND).await.map_err(internal)?;
    hits.extend(records.iter().map(hit));
    Ok(hits)
}

fn hit(record: &Record) -> Hit {
    let id = &record.key.id;
    let title = if record.index.title.is_empty() { id.clone() } else { record.index.title.clone() };
    let detail = if record.index.subtitle == title { String::new() } else { record.index.subtitle.clone() };
    let hint = format!("{} {id}", record.key.kind.as_str().replace('_', " "));
    Hit { title, href: record_or_owner_href(record), hint, detail }
}
