//! The frame every sandbox page shares: a strip that says where one is, a way back to the product, and plain readable styles.

use axum::http::header;
use axum::response::IntoResponse;
use maud::{DOCTYPE, Markup, html};

/// A whole page: strip, main landmark with `title` as its heading, footer.
pub(crate) fn page(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) " · Sandbox" }
                link rel="stylesheet" href="/sandbox/style.css";
            }
            body {
                a class="skip" href="#main" { "Skip to the content" }
                header class="strip" {
                    nav aria-label="Sandbox" {
                        strong { "Sandbox" }
                        span { "Nothing here is real: no money moves." }
                        a href="/sandbox" { "Switches" }
                        a href="/" { "Back to Patchbay" }
                    }
                }
                main id="main" tabindex="-1" {
                    h1 { (title) }
                    (body)
                }
            }
        }
    }
}

/// The one style sheet of all sandbox pages.
pub(crate) async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")], STYLE)
}

const STYLE: &str = r#"
:root { color-scheme: light dark; --ink: #1a1d21; --soft: #4c535c; --paper: #ffffff; --card: #f5f6f8; --line: #7b838d; --act: #1d4fbe; --act-ink: #ffffff; --bad: #a3161b; --good: #14632f; }
@media (prefers-color-scheme: dark) { :root { --ink: #eceff3; --soft: #b4bcc6; --paper: #14171b; --card: #1e2329; --line: #78818c; --act: #9dbcff; --act-ink: #10131a; --bad: #ff9a94; --good: #8fdca8; } }
* { box-sizing: border-box; }
body { margin: 0; font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; color: var(--ink); background: var(--paper); }
.skip { position: absolute; left: -100rem; background: var(--paper); color: var(--ink); padding: .5rem 1rem; }
.skip:focus { left: .5rem; top: .5rem; z-index: 2; }
.strip { background: repeating-linear-gradient(135deg, #ffd34d 0 1.25rem, #ffc81f 1.25rem 2.5rem); color: #221a00; padding: .5rem 1rem; }
.strip nav { max-width: 60rem; margin: 0 auto; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; align-items: baseline; }
.strip strong { text-transform: uppercase; letter-spacing: .08em; }
.strip a { color: #221a00; text-underline-offset: .2em; }
.strip a:first-of-type { margin-inline-start: auto; }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
main:focus { outline: none; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 1rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
a { color: var(--act); }
p, dl, ul, table, form { margin: 0 0 1rem; }
.soft, .hint { color: var(--soft); }
.hint { font-size: .875rem; display: block; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: 1rem 1.25rem; margin: 0 0 1rem; }
.narrow { max-width: 32rem; }
.grid { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); }
.row { display: flex; flex-wrap: wrap; gap: .75rem; align-items: center; }
label { font-weight: 600; display: block; }
label.tick { display: flex; gap: .5rem; align-items: center; }
input, select, textarea, button, .button { font: inherit; min-height: 2.75rem; border-radius: .375rem; border: 1px solid var(--line); padding: .4rem .75rem; color: var(--ink); background: var(--paper); }
input:not([type=checkbox], [type=radio]), select, textarea { width: 100%; }
input[type=checkbox], input[type=radio] { min-height: 1.5rem; width: 1.5rem; height: 1.5rem; }
button, .button { cursor: pointer; font-weight: 600; display: inline-block; text-decoration: none; }
button.main, .button.main { background: var(--act); color: var(--act-ink); border-color: var(--act); }
:focus-visible { outline: 3px solid var(--act); outline-offset: 2px; }
.field { margin: 0 0 1rem; }
.note { border-inline-start: .3rem solid var(--line); padding: .25rem .75rem; }
.note.bad { border-color: var(--bad); color: var(--bad); }
.note.good { border-color: var(--good); color: var(--good); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: start; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th.num, td.num { text-align: end; font-variant-numeric: tabular-nums; }
dl { display: grid; grid-template-columns: fit-content(65%) 1fr; gap: .25rem 1rem; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.total { font-size: 1.5rem; font-weight: 700; }
"#;
