//! The title of the window. Everything a page puts into the head goes through here.

use leptos::prelude::*;
use leptos_meta::Title;

/// `leptos_meta` writes a title as it is, so a name with `</title>` in it would become markup.
#[component]
pub fn WindowTitle(#[prop(into)] text: String) -> impl IntoView {
    #[expect(clippy::disallowed_methods, reason = "the one place that escapes what it is given")]
    let title = view! { <Title text=in_head(&text)/> };
    title
}

fn in_head(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            // A window's title has no markup to isolate directions with, and an override would turn what follows.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            other if other.is_control() => safe.push(' '),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_text_whatever_is_in_it() {
        assert_eq!(in_head("</title><h1>&amp;"), "&lt;/title&gt;&lt;h1&gt;&amp;amp;");
        assert_eq!(in_head("Invoice \u{202e}fdp.exe\n"), "Invoice fdp.exe ");
    }
}
