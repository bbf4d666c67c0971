//! What changed between two versions of an object, path by path.

use super::{Badge, Icon, Tone};
use leptos::prelude::*;
use serde_json::Value;

/// One difference. `before` is none for what was added, `after` is none for what was removed.
#[derive(Clone, Debug, PartialEq)]
pub struct DiffRow {
    /// Such as `items[0].price.id`.
    pub path: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// Differences in the order of the paths; empty when the values are equal.
pub fn json_diff(before: &Value, after: &Value) -> Vec<DiffRow> {
    let mut rows = Vec::new();
    compare("", Some(before), Some(after), &mut rows);
    rows
}

fn compare(path: &str, before: Option<&Value>, after: Option<&Value>, rows: &mut Vec<DiffRow>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let added = new.keys().filter(|key| !old.contains_key(*key));
            let mut keys: Vec<&String> = old.keys().chain(added).collect();
            keys.sort();
            for key in keys {
                let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                compare(&inner, old.get(key), new.get(key), rows);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            for index in 0..old.len().max(new.len()) {
                compare(&format!("{path}[{index}]"), old.get(index), new.get(index), rows);
            }
        }
        _ => rows.push(DiffRow { path: path.to_owned(), before: before.cloned(), after: after.cloned() }),
    }
}

#[component]
pub fn DiffView(rows: Vec<DiffRow>) -> impl IntoView {
    if rows.is_empty() {
        return view! { <p class="text-sm text-ink-soft">"Nothing differs."</p> }.into_any();
    }
    let items = rows
        .into_iter()
        .map(|row| {
            let (word, tone, icon) = match (&row.before, &row.after) {
                (None, _) => ("added", Tone::Good, Icon::Plus),
                (_, None) => ("removed", Tone::Bad, Icon::X),
                _ => ("changed", Tone::Info, Icon::ArrowRight),
            };
            view! {
                <li class="grid gap-x-4 gap-y-1 px-4 py-2 md:grid-cols-[minmax(0,2fr)_minmax(0,5fr)]">
                    <div class="flex min-w-0 items-center gap-2 self-start">
                        <Badge label=word tone=tone icon=icon/>
                        <code class="min-w-0 font-mono text-xs break-words"><bdi>{row.path}</bdi></code>
                    </div>
                    <div class="grid min-w-0 gap-1 font-mono text-xs">
                        {row.before.map(|value| view! { <Side value=value removed=true/> })}
                        {row.after.map(|value| view! { <Side value=value removed=false/> })}
                    </div>
                </li>
            }
        })
        .collect_view();
    view! { <ul class="divide-y divide-line">{items}</ul> }.into_any()
}

#[component]
fn Side(value: Value, removed: bool) -> impl IntoView {
    let (sign, word, tone) = if removed { ("−", "before", Tone::Bad) } else { ("+", "after", Tone::Good) };
    let text = match value {
        Value::Object(_) | Value::Array(_) => serde_json::to_string_pretty(&value).unwrap_or_default(),
        other => other.to_string(),
    };
    // Line by line, so that a value in another script moves nothing outside of its line.
    let lines = text.lines().map(|line| view! { <bdi class="block">{line.to_owned()}</bdi> }).collect_view();
    view! {
        <div class=format!("flex min-w-0 gap-2 rounded-sm px-2 py-1 {}", tone.class())>
            <span aria-hidden="true">{sign}</span>
            <span class="sr-only">{word}</span>
            <span class="min-w-0 break-words whitespace-pre-wrap">{lines}</span>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn equal_values_have_no_differences() {
        assert!(json_diff(&json!({"a": [1, {"b": null}]}), &json!({"a": [1, {"b": null}]})).is_empty());
    }

    #[test]
    fn differences_name_the_deepest_path() {
        let before = json!({"status": "active", "items": [{"price": "p1", "quantity": 1}], "old": true});
        let after = json!({"status": "past_due", "items": [{"price": "p2", "quantity": 1}, {"price": "p3"}]});
        let rows = json_diff(&before, &after);
        let paths: Vec<&str> = rows.iter().map(|row| row.path.as_str()).collect();
        assert_eq!(paths, ["items[0].price", "items[1]", "old", "status"]);
        assert_eq!(rows[1].before, None);
        assert_eq!(rows[2].after, None);
        assert_eq!(rows[3].after, Some(json!("past_due")));
    }

    #[cfg(feature = "ssr")]
    #[test]
    fn paths_and_values_have_a_direction_of_their_own() {
        let rows = json_diff(&json!({"name": "Ada"}), &json!({"name": "שלום 123"}));
        let html = view! { <DiffView rows=rows/> }.to_html().replace("<!>", "");
        assert!(html.contains("<bdi>name</bdi>"), "{html}");
        assert!(html.contains(r#"<bdi class="block">"שלום 123"</bdi>"#), "{html}");
    }

    #[test]
    fn null_is_a_value_and_not_an_absence() {
        let rows = json_diff(&json!({"a": null}), &json!({}));
        assert_eq!(rows, [DiffRow { path: "a".to_owned(), before: Some(Value::Null), after: None }]);
    }

    #[test]
    fn a_change_of_type_is_one_row() {
        let rows = json_diff(&json!({"a": {"b": 1}}), &json!({"a": "b"}));
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].path, "a");
    }
}
