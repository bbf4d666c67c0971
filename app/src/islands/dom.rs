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

/// What a refresh did to the page.
pub enum Refresh {
    /// Everything is current, but for so many new rows of lists that wait to be asked for.
    Done(u32),
    /// Somebody is using a region; it was left alone.
    Busy,
    Failed,
}

/// Reads the page again and puts in place what differs. Lists that announce their news change only when `announced`.
pub async fn refresh(announced: bool) -> Refresh {
    // A page without regions, such as the preview of a change, may be dear to make again.
    if !exists("[data-live]") {
        return Refresh::Done(0);
    }
    let Some(href) = window().location().href().ok() else { return Refresh::Failed };
    let Some(html) = get(&href).await else { return Refresh::Failed };
    let parsed = DomParser::new().and_then(|parser| parser.parse_from_string(&html, SupportedType::TextHtml));
    let Ok(fresh) = parsed else { return Refresh::Failed };
    let (mut busy, mut news) = (false, 0);
    for region in all("[data-live]") {
        let Some(name) = region.get_attribute("data-live") else { continue };
        let Ok(Some(counterpart)) = fresh.query_selector(&format!("[data-live=\"{name}\"]")) else { continue };
        if substance(&region) == substance(&counterpart) {
            continue;
        }
        if region.get_attribute("data-live-mode").as_deref() == Some("announce") {
            if !announced {
                news += new_rows(&region, &counterpart);
                continue;
            }
        } else if in_use(&region) {
            busy = true;
            continue;
        }
        region.set_inner_html(&counterpart.inner_html());
        wake(&region);
    }
    if busy { Refresh::Busy } else { Refresh::Done(news) }
}

/// A region's HTML without what differs between two readings of the same content: how long ago something was, a form's
/// one-time id, what islands made of themselves, and what a person unfolded. So a page that is current stays untouched,
/// with its selection and its scroll position.
fn substance(region: &Element) -> String {
    let Some(copy) = region.clone_node_with_deep(true).ok().and_then(|node| node.dyn_into::<Element>().ok()) else {
        return region.inner_html();
    };
    for element in elements_of(&copy, "time[data-relative],leptos-island") {
        element.set_text_content(None);
    }
    for (selector, attribute) in [("input[name=form_id]", "value"), ("details", "open")] {
        for element in elements_of(&copy, selector) {
            // Removing an attribute that is not there is fine.
            let _ = element.remove_attribute(attribute);
        }
    }
    copy.inner_html()
}

/// Rows that the fresh region has and the page does not. A row is the same while it leads to the same page.
fn new_rows(region: &Element, fresh: &Element) -> u32 {
    let known: Vec<String> = elements_of(region, "[data-row]").iter().map(row_key).collect();
    let rows = elements_of(fresh, "[data-row]");
    let new = rows.iter().filter(|row| !known.contains(&row_key(row))).count();
    u32::try_from(new).unwrap_or(u32::MAX)
}

fn row_key(row: &Element) -> String {
    let link = row.query_selector(".row-link").ok().flatten().and_then(|link| link.get_attribute("href"));
    link.unwrap_or_else(|| substance(row))
}

fn in_use(region: &Element) -> bool {
    let focused = document().active_element().is_some_and(|active| region.contains(Some(&active)));
    let opened = "dialog[open],details[open]:not([data-open]),:popover-open,input:checked";
    focused
        || region.query_selector(opened).ok().flatten().is_some()
        || elements_of(region, "input,textarea").iter().any(is_edited)
}

/// Whether a person changed what the server put into the field.
fn is_edited(field: &Element) -> bool {
    let text = |name: &str| js_sys::Reflect::get(field, &name.into()).ok().and_then(|value| value.as_string());
    text("value") != text("defaultValue")
}

/// Hydrates the islands of HTML that arrived after the page did.
fn wake(region: &Element) {
    let Ok(hydrate) = js_sys::Reflect::get(&window(), &"__hydrateIsland".into()) else { return };
    let Some(hydrate) = hydrate.dyn_ref::<js_sys::Function>() else { return };
    for island in elements_of(region, "leptos-island") {
        let id = island.get_attribute("data-component").unwrap_or_default();
        // An island that fails to wake stays what it was without WASM.
        let _ = hydrate.call2(&JsValue::NULL, &island, &id.into());
    }
}

fn elements_of(element: &Element, selector: &str) -> Vec<Element> {
    element.query_selector_all(selector).map(|list| elements(&list)).unwrap_or_default()
}

fn elements(list: &web_sys::NodeList) -> Vec<Element> {
    (0..list.length()).filter_map(|index| list.item(index)?.dyn_into().ok()).collect()
}
