//! Ids and other machine text.

use crate::islands::CopyButton;
use leptos::prelude::*;

/// An id a person may want to paste somewhere.
#[component]
pub fn Id(
    #[prop(into)] text: String,
    #[prop(optional, into)] href: Option<String>,
    /// Shows head and tail of long ids; copying still takes all of it.
    #[prop(optional)]
    short: bool,
) -> impl IntoView {
    let shown = if short { shortened(&text) } else { text.clone() };
    let label = match href {
        Some(href) => {
            view! { <a href=href class="font-mono text-xs break-all text-accent hover:underline">{shown}</a> }
                .into_any()
        }
        None => view! { <code class="font-mono text-xs break-all">{shown}</code> }.into_any(),
    };
    let title = short.then(|| text.clone());
    view! {
        <span class="inline-flex max-w-full items-center gap-1 align-middle" title=title>
            {label} <CopyButton text=text/>
        </span>
    }
}

#[component]
pub fn Code(children: Children) -> impl IntoView {
    view! { <code class="rounded-sm bg-sunken px-1 py-0.5 font-mono text-[0.8125rem] break-words">{children()}</code> }
}

/// `evt_1Pabcdefghijklmnop` as `evt_1Pab…mnop`.
fn shortened(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= 16 {
        return text.to_owned();
    }
    letters[..8].iter().chain(&['…']).chain(&letters[letters.len() - 4..]).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn long_ids_keep_their_head_and_tail() {
        assert_eq!(super::shortened("evt_1Pabcdefghijklmnop"), "evt_1Pab…mnop");
        assert_eq!(super::shortened("evt_1"), "evt_1");
    }
}
