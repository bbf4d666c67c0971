//! A payload as it is, with its nested parts folded.

use leptos::prelude::*;
use serde_json::Value;

/// How deep values are folded; below that they show as text.
const MAX_DEPTH: usize = 12;

#[component]
pub fn JsonView(
    value: Value,
    /// Whether everything starts unfolded; otherwise only the first level does.
    #[prop(optional)]
    open: bool,
) -> impl IntoView {
    view! {
        <div class="json min-w-0 overflow-x-auto rounded-md bg-sunken px-3 py-2 font-mono text-xs leading-5" tabindex="0" role="group" aria-label="JSON">
            {node(None, value, 0, open)}
        </div>
    }
}

fn node(key: Option<String>, value: Value, depth: usize, open: bool) -> AnyView {
    let name = key.map(|key| view! { <bdi class="text-accent">{key}</bdi><span class="text-ink-faint">": "</span> });
    match value {
        Value::Object(map) if !map.is_empty() && depth < MAX_DEPTH => {
            let note = format!("{{{}}}", map.len());
            let inner = map.into_iter().map(|(key, value)| node(Some(key), value, depth + 1, open)).collect_view();
            view! { <details open=open || depth == 0 data-open=(open || depth == 0).then_some("")><summary>{name}<span class="text-ink-faint">{note}</span></summary><div class="json-inner">{inner}</div></details> }.into_any()
        }
        Value::Array(list) if !list.is_empty() && depth < MAX_DEPTH => {
            let note = format!("[{}]", list.len());
            let inner = list
                .into_iter()
                .enumerate()
                .map(|(index, value)| node(Some(index.to_string()), value, depth + 1, open))
                .collect_view();
            view! { <details open=open || depth == 0 data-open=(open || depth == 0).then_some("")><summary>{name}<span class="text-ink-faint">{note}</span></summary><div class="json-inner">{inner}</div></details> }.into_any()
        }
        leaf => {
            let class = match leaf {
                Value::String(_) => "text-good",
                Value::Number(_) => "text-info",
                Value::Bool(_) => "text-warn",
                _ => "text-ink-soft",
            };
            view! { <div class="json-leaf break-words whitespace-pre-wrap">{name}<bdi class=class>{leaf.to_string()}</bdi></div> }.into_any()
        }
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_have_a_direction_of_their_own() {
        let value = serde_json::json!({ "שם": ["שלום 123"] });
        let html = view! { <JsonView value=value/> }.to_html().replace("<!>", "");
        assert!(html.contains(r#"<bdi class="text-accent">שם</bdi>"#), "{html}");
        assert!(html.contains(r#"<bdi class="text-good">"שלום 123"</bdi>"#), "{html}");
    }
}
