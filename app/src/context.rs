//! What pages and actions know: the application, who is asking, and what the address says.

use crate::{
    components::{Flash, FlashKind},
    cookies::{Cookies, FLASH},
};
use http::{HeaderMap, Uri, request::Parts};
use leptos::prelude::use_context;
use patchbay_domain::{Principal, Timestamp, UserError, error::Reason};
use patchbay_engine::{CustomerDesk, Engine, Operator, RequestOrigin, Staff};
use patchbay_store::PageRequest;
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering::Relaxed},
};

/// Rows of a list page.
pub const PAGE_ROWS: u32 = 50;

/// The same for every request.
#[derive(Clone)]
pub struct AppContext {
    pub engine: Engine,
    /// The product runs against the sandbox; every page says so.
    pub sandbox: bool,
    /// Scheme, host and port as browsers see them, without a trailing slash.
    pub public_url: String,
    pub cookies: Cookies,
    pub sign_in_url: Option<String>,
    pub sign_out_url: Option<String>,
    /// Providers without usable keys, with the reason.
    pub not_configured: Arc<[(String, String)]>,
    /// Since when several servers do not count requests together, though they shall.
    pub redis_away: AwaySince,
}

/// Since when something does not answer. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct AwaySince(Arc<AtomicI64>);

impl AwaySince {
    pub fn since(&self) -> Option<Timestamp> {
        Some(Timestamp(self.0.load(Relaxed))).filter(|since| since.0 != 0)
    }

    /// It does not answer; the first time counts.
    pub fn note_away(&self, now: Timestamp) {
        self.0.compare_exchange(0, now.0.max(1), Relaxed, Relaxed).ok();
    }

    pub fn note_back(&self) {
        self.0.store(0, Relaxed);
    }
}

/// One request, read before any page runs.
#[derive(Clone, Debug)]
pub struct RequestContext {
    pub principal: Option<Principal>,
    pub request_id: String,
    /// The client's network address, where the server knows it.
    pub address: Option<String>,
    pub path: String,
    query: Vec<(String, String)>,
    /// The message that the action before this page left.
    pub flash: Option<Flash>,
    /// What was typed into the form of that action, where it failed.
    draft: Vec<(String, String)>,
}

impl RequestContext {
    pub fn read(headers: &HeaderMap, uri: &Uri, cookies: Cookies, principal: Option<Principal>) -> Self {
        let query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        let header =
            |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let flash = cookies.read(headers, FLASH);
        Self {
            principal,
            request_id: header("x-request-id"),
            address: None,
            path: uri.path().to_owned(),
            query,
            flash: flash.as_deref().and_then(decode_flash),
            draft: flash.as_deref().map(decode_draft).unwrap_or_default(),
        }
    }

    /// A query parameter that was filled in.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// What the person typed into this field before the action failed.
    pub fn draft(&self, field: &str) -> Option<String> {
        self.draft.iter().find(|(name, _)| name == field).map(|(_, value)| value.clone())
    }

    /// All query parameters, for links that keep the filter.
    pub fn query(&self) -> &[(String, String)] {
        &self.query
    }

    /// The page of a list that the address asks for (`after`, `before`).
    pub fn page(&self) -> PageRequest {
        PageRequest {
            after: self.param("after").map(str::to_owned),
            before: self.param("before").map(str::to_owned),
            limit: PAGE_ROWS,
        }
    }

    pub fn origin(&self) -> RequestOrigin {
        RequestOrigin { request_id: self.request_id.clone(), address: self.address.clone() }
    }

    pub fn principal(&self) -> Result<&Principal, UserError> {
        self.principal.as_ref().ok_or_else(|| UserError::new(Reason::SignedOut, "Sign in to see this page."))
    }
}

/// Browsers drop cookies of 4,096 bytes and more, name and attributes included.
const FLASH_BYTES: usize = 3_800;

/// For the value of the `flash` cookie, which lives until the next page: the message, and what was typed into the form,
/// so that a failure costs nobody their words. Never in an address, which ends up in logs and histories. What would not
/// fit into a cookie is cut off.
pub fn encode_flash(flash: &Flash, draft: &[(&str, &str)]) -> String {
    let kind = if flash.kind == FlashKind::Success { "success" } else { "error" };
    let text: String = flash.text.chars().take(500).collect();
    let mut value = pair(kind, &text);
    for (name, typed) in draft.iter().filter(|(_, typed)| !typed.is_empty()) {
        let room = FLASH_BYTES.saturating_sub(value.len() + name.len() + 2);
        value = format!("{value}&{}", pair(name, &fitting(typed, room)));
    }
    value
}

/// As many letters as take up `room` bytes once they are encoded.
fn fitting(text: &str, room: usize) -> String {
    let mut left = room;
    let fits = |letter: &char| {
        let bytes = letter.encode_utf8(&mut [0; 4]).as_bytes().to_owned();
        let size: usize = url::form_urlencoded::byte_serialize(&bytes).map(str::len).sum();
        let fits = size <= left;
        left = left.saturating_sub(size);
        fits
    };
    text.chars().take_while(fits).collect()
}

fn pair(name: &str, value: &str) -> String {
    url::form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish()
}

/// The fields after the message.
fn decode_draft(text: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(text.as_bytes()).into_owned().skip(1).collect()
}

pub fn decode_flash(text: &str) -> Option<Flash> {
    let (kind, text) = url::form_urlencoded::parse(text.as_bytes()).next()?;
    match kind.as_ref() {
        "success" => Some(Flash::success(text)),
        "error" => Some(Flash::error(text)),
        _ => None,
    }
}

/// The application, from inside a page or an action.
pub fn app() -> AppContext {
    #[expect(clippy::expect_used, reason = "the router provides it to every page; without it nothing can be drawn")]
    use_context::<AppContext>().expect("the router provides the application")
}

/// This request, from inside a page or an action.
pub fn request() -> RequestContext {
    use_context::<Parts>()
        .and_then(|parts| parts.extensions.get::<RequestContext>().cloned())
        .unwrap_or_else(|| RequestContext::read(&HeaderMap::new(), &Uri::default(), Cookies::new(false), None))
}

/// For pages that staff look at.
pub fn staff() -> Result<Staff, UserError> {
    app().engine.staff(request().principal()?)
}

/// For actions of staff admins.
pub fn operator() -> Result<Operator, UserError> {
    let request = request();
    app().engine.operator(request.principal()?, &request.origin())
}

/// For a customer's own pages and actions.
pub async fn customer() -> Result<CustomerDesk, UserError> {
    let (app, request) = (app(), request());
    app.engine.customer(request.principal()?, &request.origin()).await
}

/// The current time, from the application's clock.
pub fn now() -> Timestamp {
    app().engine.clock().now()
}

/// A fresh id for a form, so that sending it twice is one effect.
pub fn form_id() -> String {
    app().engine.store().new_id().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flash_survives_its_cookie_with_any_text() {
        let flash = Flash::error("Stripe refused: card; declined = 100 % \u{2014} \u{0434}\u{0430}");
        assert_eq!(decode_flash(&encode_flash(&flash, &[])), Some(flash));
    }

    #[test]
    fn what_was_typed_comes_back_with_the_message() {
        let flash = Flash::error("Stripe is not answering.");
        let comment = "Too dear & slow;\nsorry = \u{0434}";
        let text = encode_flash(&flash, &[("feedback", ""), ("comment", comment)]);
        assert_eq!(decode_flash(&text), Some(flash));
        assert_eq!(decode_draft(&text), [("comment".to_owned(), comment.to_owned())]);
    }

    #[test]
    fn a_long_text_is_cut_to_what_a_cookie_holds() {
        let long = "\u{6f22}".repeat(2_000);
        let text = encode_flash(&Flash::error("No."), &[("when", "now"), ("comment", &long)]);
        assert!(text.len() < 3_900, "{}", text.len());
        let draft = decode_draft(&text);
        assert_eq!(draft[0].1, "now");
        assert!(draft[1].1.chars().count() > 400 && long.starts_with(&draft[1].1));
    }

    #[test]
    fn a_cookie_that_nobody_here_wrote_shows_nothing() {
        assert_eq!(decode_flash("hello"), None);
    }
}
