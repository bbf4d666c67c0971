//! What pages and actions know: the application, who is asking, and what the address says.

use crate::components::{Flash, FlashKind};
use http::{HeaderMap, Uri, request::Parts};
use leptos::prelude::use_context;
use patchbay_domain::{Principal, Timestamp, UserError, error::Reason};
use patchbay_engine::{CustomerDesk, Engine, Operator, Staff};
use patchbay_store::PageRequest;
use std::sync::Arc;

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
    pub sign_in_url: Option<String>,
    pub sign_out_url: Option<String>,
    /// Providers without usable keys, with the reason.
    pub not_configured: Arc<[(String, String)]>,
}

/// One request, read before any page runs.
#[derive(Clone, Debug)]
pub struct RequestContext {
    pub principal: Option<Principal>,
    pub request_id: String,
    pub path: String,
    query: Vec<(String, String)>,
    /// The message that the action before this page left.
    pub flash: Option<Flash>,
}

impl RequestContext {
    pub fn read(headers: &HeaderMap, uri: &Uri, principal: Option<Principal>) -> Self {
        let query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        let header =
            |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        Self {
            principal,
            request_id: header("x-request-id"),
            path: uri.path().to_owned(),
            query,
            flash: cookie(headers, "flash").and_then(|value| decode_flash(&value)),
        }
    }

    /// A query parameter that was filled in.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
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

    pub fn principal(&self) -> Result<&Principal, UserError> {
        self.principal.as_ref().ok_or_else(|| UserError::new(Reason::SignedOut, "Sign in to see this page."))
    }
}

/// For the value of the `flash` cookie, which lives until the next page.
pub fn encode_flash(flash: &Flash) -> String {
    let kind = if flash.kind == FlashKind::Success { "success" } else { "error" };
    let text: String = flash.text.chars().take(500).collect();
    url::form_urlencoded::Serializer::new(String::new()).append_pair(kind, &text).finish()
}

pub fn decode_flash(text: &str) -> Option<Flash> {
    let (kind, text) = url::form_urlencoded::parse(text.as_bytes()).next()?;
    match kind.as_ref() {
        "success" => Some(Flash::success(text)),
        "error" => Some(Flash::error(text)),
        _ => None,
    }
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(http::header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
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
        .unwrap_or_else(|| RequestContext::read(&HeaderMap::new(), &Uri::default(), None))
}

/// For pages that staff look at.
pub fn staff() -> Result<Staff, UserError> {
    app().engine.staff(request().principal()?)
}

/// For actions of staff admins.
pub fn operator() -> Result<Operator, UserError> {
    let request = request();
    app().engine.operator(request.principal()?, &request.request_id)
}

/// For a customer's own pages and actions.
pub async fn customer() -> Result<CustomerDesk, UserError> {
    let (app, request) = (app(), request());
    app.engine.customer(request.principal()?, &request.request_id).await
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
        assert_eq!(decode_flash(&encode_flash(&flash)), Some(flash));
    }

    #[test]
    fn a_cookie_that_nobody_here_wrote_shows_nothing() {
        assert_eq!(decode_flash("hello"), None);
    }
}
