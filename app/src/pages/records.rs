//! What the pages of mirrored objects share.

use super::{events::capitalised, links::list_href, page::Crumbs, stored::stored};
use crate::{
    components::{Badge, Card, DiffRow, ExactTime, Icon, Id, JsonView, KeyValue, KeyValues, Notice, Tab, Tone, url},
    context::RequestContext,
};
use leptos::prelude::*;
use patchbay_domain::{Kind, RecordBody, RecordRef, Timestamp, UserError};
use patchbay_engine::Staff;
use patchbay_store::{PageRequest, Record, RecordFilter};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Rows of a list that is only a part of a page.
pub const PART_ROWS: u32 = 10;
/// Customers whose objects one search looks through.
const SEARCHED_OWNERS: u32 = 200;

pub fn first_rows(limit: u32) -> PageRequest {
    PageRequest { limit, ..PageRequest::default() }
}

/// The content of a record; one that cannot be read is our fault.
pub fn decoded<B: RecordBody>(record: &Record) -> Result<B, UserError> {
    stored(record.decode())
}

/// `List > Title`.
pub fn crumbs(list: &str, href: &str, title: &str) -> Crumbs {
    vec![(list.to_owned(), Some(href.to_owned())), (title.to_owned(), None)]
}

/// Records by connection and id, as other records name them.
#[derive(Clone, Debug, Default)]
pub struct Related(HashMap<(String, String), Record>);

impl Related {
    /// Reads them together: one query for each connection, however many rows name them.
    pub async fn read(staff: &Staff, kind: &Kind, ids: Vec<(String, String)>) -> Result<Self, UserError> {
        let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (connection, id) in ids {
            wanted.entry(connection).or_default().insert(id);
        }
        let mut found = HashMap::new();
        for (connection, ids) in wanted {
            let ids: Vec<String> = ids.into_iter().collect();
            for record in stored(staff.store().records_by_ids(&connection, kind, &ids).await)? {
                found.insert((connection.clone(), record.key.id.clone()), record);
            }
        }
        Ok(Self(found))
    }

    /// The customers that these records belong to.
    pub async fn owners_of(staff: &Staff, records: &[Record]) -> Result<Self, UserError> {
        let ids = records.iter().filter_map(|record| Some((record.connection.clone(), record.index.owner.clone()?)));
        let ids: Vec<_> = ids.collect();
        Self::read(staff, &patchbay_domain::billing::CUSTOMER, ids).await
    }

    pub fn get(&self, connection: &str, id: &str) -> Option<&Record> {
        self.0.get(&(connection.to_owned(), id.to_owned()))
    }

    /// What a person calls it: its title, or its id where it has none.
    pub fn title(&self, connection: &str, id: &str) -> String {
        let title = self.get(connection, id).map(|record| record.index.title.clone());
        title.filter(|title| !title.is_empty()).unwrap_or_else(|| id.to_owned())
    }
}

/// Billing objects carry no name: a text is looked for in their customers, and else in what they are called themselves.
pub async fn with_text(staff: &Staff, filter: RecordFilter, text: Option<String>) -> Result<RecordFilter, UserError> {
    let Some(text) = text else { return Ok(filter) };
    let customers = RecordFilter { text: Some(text.clone()), ..RecordFilter::of(patchbay_domain::billing::CUSTOMER) };
    let customers = stored(staff.store().list_records(&customers, &first_rows(SEARCHED_OWNERS)).await)?;
    let owners: Vec<RecordRef> = customers.items.iter().map(Record::reference).collect();
    let text = owners.is_empty().then_some(text);
    Ok(RecordFilter { owners, text, ..filter })
}

/// The filter of a list, as the address has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListQuery {
    path: &'static str,
    /// Filled-in filters only, in a fixed order, without the paging.
    pub pairs: Vec<(String, String)>,
}

impl ListQuery {
    pub fn read(path: &'static str, request: &RequestContext, names: &[&str]) -> Self {
        let pair = |name: &&str| Some(((*name).to_owned(), request.param(name)?.trim().to_owned()));
        let pairs = names.iter().filter_map(pair).filter(|(_, value)| !value.is_empty()).collect();
        Self { path, pairs }
    }

    pub fn get(&self, name: &str) -> Option<String> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    }

    pub fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default()
    }

    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Filters in the bar: the status has its tabs.
    pub fn count(&self) -> usize {
        self.pairs.iter().filter(|(name, _)| name != "status").count()
    }

    /// The same list with another value of one filter.
    pub fn with(&self, name: &str, value: &str) -> String {
        let rest = self.pairs.iter().filter(|(key, _)| key != name).cloned();
        url::with_query(self.path, rest.chain([(name.to_owned(), value.to_owned())]))
    }

    /// One tab for each status, with how many there are of it.
    pub fn status_tabs(&self, counts: &[(String, i64)]) -> Vec<Tab> {
        let chosen = self.text("status");
        let all = counts.iter().map(|(_, count)| count).sum();
        let mut tabs = vec![Tab::new("All", self.with("status", ""), chosen.is_empty()).count(all)];
        let named = counts.iter().filter(|(status, _)| !status.is_empty());
        tabs.extend(named.map(|(status, count)| {
            Tab::new(spaced(status), self.with("status", status), *status == chosen).count(*count)
        }));
        // A status from an old link stays visible, also when nothing has it now.
        if !chosen.is_empty() && tabs.iter().all(|tab| !tab.current) {
            tabs.push(Tab::new(spaced(&chosen), self.with("status", &chosen), true).count(0));
        }
        tabs
    }
}

/// `past_due` as `Past due`.
pub fn spaced(word: &str) -> String {
    capitalised(&word.replace('_', " "))
}

/// A name among other words, in a direction of its own. What stands alone in its element is isolated by that.
pub fn isolated(text: &str) -> String {
    if text.is_ascii() { text.to_owned() } else { format!("\u{2068}{text}\u{2069}") }
}

/// A field of a list that has nothing in it.
pub fn or_dash(text: Option<String>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or_else(|| "—".to_owned())
}

/// `1:02:05`, `4:10`.
pub fn clock_time(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "videos last for hours, not for ages")]
    let whole = seconds.max(0.0).round() as u64;
    let (hours, minutes, seconds) = (whole / 3_600, whole % 3_600 / 60, whole % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// Times inside of records are microseconds; people read dates.
pub fn readable(rows: Vec<DiffRow>) -> Vec<DiffRow> {
    let side = |value: Value| match value.as_i64() {
        Some(micros @ 100_000_000_000_000..=9_999_999_999_999_999) => {
            Value::String(format!("{} UTC", Timestamp(micros).date_time()))
        }
        _ => value,
    };
    rows.into_iter()
        .map(|row| DiffRow { path: row.path, before: row.before.map(side), after: row.after.map(side) })
        .collect()
}

/// The record as it is stored, and how it came to be.
#[component]
pub fn StoredRecord(record: Record) -> impl IntoView {
    let events = list_href("/events", &record.reference(), "object");
    view! {
        <Card title="Our copy">
            <KeyValues>
                <KeyValue label="Connection"><a href="/connections" class="text-accent hover:underline">{record.connection}</a></KeyValue>
                <KeyValue label="First seen"><ExactTime at=record.recorded_at/></KeyValue>
                <KeyValue label="Last written"><ExactTime at=record.updated_at/></KeyValue>
                <KeyValue label="Revision">{record.revision}</KeyValue>
                <KeyValue label="Deliveries"><a href=events class="text-accent hover:underline">"Events about it"</a></KeyValue>
                <KeyValue label="Id"><Id text=record.key.id short=true/></KeyValue>
            </KeyValues>
            <div class="mt-3"><JsonView value=record.body/></div>
        </Card>
    }
}

/// Whose it is, where a connected account of the connection's platform has it: nobody may take it for the platform's own.
#[component]
pub fn OfAccount(connection: String) -> impl IntoView {
    let (_, account) = connection.split_once('@')?;
    Some(view! { <Badge label=format!("Account {account}") icon=Icon::Plug/> })
}

/// Says that the provider has it no more.
#[component]
pub fn DeletedNotice(record: Record) -> impl IntoView {
    record.deleted.then(|| {
        view! {
            <Notice tone=Tone::Neutral title="Deleted at the provider">
                <p>"You see what we knew of it last. It is gone from every list."</p>
            </Notice>
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_length_reads_like_on_a_player() {
        assert_eq!(clock_time(9.6), "0:10");
        assert_eq!(clock_time(3_725.0), "1:02:05");
    }

    #[test]
    fn times_in_a_diff_are_dates_and_amounts_stay_numbers() {
        let row =
            DiffRow { path: "a".to_owned(), before: Some(json!(9_900)), after: Some(json!(1_763_631_000_000_000_i64)) };
        let rows = readable(vec![row]);
        assert_eq!(rows[0].before, Some(json!(9_900)));
        assert_eq!(rows[0].after, Some(json!("20 Nov 2025, 09:30:00 UTC")));
    }

    #[test]
    fn a_chosen_status_keeps_its_tab() {
        let query = ListQuery { path: "/x", pairs: vec![("status".to_owned(), "gone".to_owned())] };
        let tabs = query.status_tabs(&[("active".to_owned(), 2)]);
        assert_eq!(tabs.iter().map(|tab| tab.label.as_str()).collect::<Vec<_>>(), ["All", "Active", "Gone"]);
        assert!(tabs[2].current);
    }
}
