//! The browser's interfaces, as far as the islands need them.

use leptos::prelude::{document, window};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{DomParser, Element, HtmlElement, Request, RequestInit, Response, SupportedType};

/// Set on requests that refresh a page in place, so that the server keeps one-time messages for a real visit.
const REFRESH_HEADER: &str = "x-patchbay-refresh";

pub fn has_clipboard() -> bool {
    js_sys::Reflect::get(&window().navigator(), &"clipboard".into()).is_ok_and(|value| !value.is_undefined())
}

pub fn now_millis() -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 are far below 2^53")]
    let millis = js_sys::Date::now() as i64;
    millis
}

/// Whether keys pressed now belong to something else than the page.
pub fn is_typing() -> bool {
    let editable = "input:not([type=checkbox],[type=radio]),textarea,select,[contenteditable]";
    let active = document().active_element();
    active.is_some_and(|element| element.matches(editable).unwrap_or(false)) || exists("dialog[open]")
}

pub fn exists(selector: &str) -> bool {
    document().query_selector(selector).ok().flatten().is_some()
}

pub fn all(selector: &str) -> Vec<Element> {
    document().query_selector_all(selector).map(|list| elements(&list)).unwrap_or_default()
}

/// Moves the focus to the first match; says whether there was one.
pub fn focus(selector: &str) -> bool {
    let found = document().query_selector(selector).ok().flatten();
    found.and_then(|element| element.dyn_into::<HtmlElement>().ok()).is_some_and(|element| element.focus().is_ok())
}

/// Goes where the first matching link goes; says whether there was one.
pub fn follow(selector: &str) -> bool {
    let link = document().query_selector(selector).ok().flatten().and_then(|link| link.get_attribute("href"));
    link.inspect(|href| go(href)).is_some()
}

pub fn go(href: &str) {
    // The browser itself reports a navigation that it refuses.
    let _ = window().location().assign(href);
}

/// The body of a successful answer that was not redirected. Where the sign-in has to be checked again, the page itself is
/// visited again, because only a visit can do that; unless somebody is typing.
pub async fn get(url: &str) -> Option<String> {
    let init = RequestInit::new();
    init.set_method("GET");
    let request = Request::new_with_str_and_init(url, &init).ok()?;
    request.headers().set(REFRESH_HEADER, "1").ok()?;
    let response: Response = JsFuture::from(window().fetch_with_request(&request)).await.ok()?.dyn_into().ok()?;
    if response.status() == 401 && !is_typing() {
        // The browser itself reports a reload that it refuses.
        let _ = window().location().reload();
    }
    if !response.ok() || response.redirected() {
        return None;
    }
    JsFuture::from(response.text().ok()?).await.ok()?.as_string()
}

/// The last HTML of each region, by its name.
pub type Known = Vec<(String, String)>;

/// What a refresh did to the regions of the page.
pub enum Refresh {
    Done,
    /// Somebody is using a region; it was left alone.
    Busy,
    Failed,
}

/// Reads the page again and puts in place what differs. `known` keeps the server's last HTML of each region, because
/// islands and relative times change the page's own.
pub async fn refresh(announced: bool, mut known: Known) -> (Refresh, Known) {
    let Some(href) = window().location().href().ok() else { return (Refresh::Failed, known) };
    let Some(html) = get(&href).await else { return (Refresh::Failed, known) };
    let parsed = DomParser::new().and_then(|parser| parser.parse_from_string(&html, SupportedType::TextHtml));
    let Ok(fresh) = parsed else { return (Refresh::Failed, known) };
    let mut outcome = Refresh::Done;
    for region in all("[data-live]") {
        let Some(name) = region.get_attribute("data-live") else { continue };
        let waits = region.get_attribute("data-live-mode").as_deref() == Some("announce");
        if waits && !announced {
            continue;
        }
        let Ok(Some(counterpart)) = fresh.query_selector(&format!("[data-live=\"{name}\"]")) else { continue };
        let new = counterpart.inner_html();
        if known
            .iter()
            .find(|(seen, _)| *seen == name)
            .map_or_else(|| region.inner_html() == new, |(_, last)| *last == new)
        {
            continue;
        }
        if !waits && in_use(&region) {
            outcome = Refresh::Busy;
            continue;
        }
        region.set_inner_html(&new);
        wake(&region);
        known.retain(|(seen, _)| *seen != name);
        known.push((name, new));
    }
    (outcome, known)
}

fn in_use(region: &Element) -> bool {
    let focused = document().active_element().is_some_and(|active| region.contains(Some(&active)));
    let opened = "dialog[open],details[open]:not([data-open]),:popover-open,input:checked";
    focused || region.query_selector(opened).ok().flatten().is_some()
}

/// Hydrates the islands of HTML that arrived after the page did.
fn wake(region: &Element) {
    let Ok(hydrate) = js_sys::Reflect::get(&window(), &"__hydrateIsland".into()) else { return };
    let Some(hydrate) = hydrate.dyn_ref::<js_sys::Function>() else { return };
    let Ok(list) = region.query_selector_all("leptos-island") else { return };
    for island in elements(&list) {
        let id = island.get_attribute("data-component").unwrap_or_default();
        // An island that fails to wake stays what it was without WASM.
        let _ = hydrate.call2(&JsValue::NULL, &island, &id.into());
    }
}

fn elements(list: &web_sys::NodeList) -> Vec<Element> {
    (0..list.length()).filter_map(|index| list.item(index)?.dyn_into().ok()).collect()
}
