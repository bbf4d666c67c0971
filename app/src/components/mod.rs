//! The pieces every page is built from. Server HTML: they work without WASM and carry no state.
//!
//! `Option` below means an optional property (leave it out, or pass the plain value). Text properties take `&str` or `String`.
//! Times take `now` as a property, so that a page shows one consistent "now".
//!
//! | Component | Properties | For |
//! |---|---|---|
//! | [`Button`] | `variant?: Variant`, `size?: Size`, `icon?: Icon`, `name?`, `value?`, `form?`, `disabled?: bool`, `kind?: "submit"\|"button"`, children | submits the form it is in |
//! | [`LinkButton`] | `href`, `variant?`, `size?`, `icon?`, children | a link that looks like a button; primary action of a list |
//! | [`StatusBadge`] | `status` | any provider's or our own status word, as word + icon + colour |
//! | [`Badge`] | `label`, `tone?: Tone`, `icon?: Icon` | other short facts ("test", "signed", "HTTP 500") |
//! | [`Glyph`] | `icon: Icon`, `class?` | an icon beside words |
//! | [`Card`] | `title?`, `actions?: AnyView`, `padded?: bool` (true), children | a titled section (`<section>`, `<h2>`) |
//! | [`PageHeader`] | `title`, `status?`, `subtitle?`, `id?`, children = actions | the `<h1>` of a page; `id` is shown as a copyable id |
//! | [`Live`] | `name`, `announce?: bool`, children | region that `LiveRegion` refreshes, or announces instead of moving |
//! | [`Table`] | `caption`, `head: Vec<Column>`, `stack?: bool` (true), children = rows | `Column::text("Type")`, `Column::end("Amount")`, `Column::hidden("Select")` |
//! | [`Row`] | `selected?: bool`, children = cells | `<tr>`, found by j/k |
//! | [`LinkCell`] | `href`, `label`, children | the one cell of a row whose link covers the row |
//! | [`Cell`] | `label`, `end?: bool`, `wide?: bool`, children | `label` is the column's name, shown on phones |
//! | [`SelectCell`] | `name`, `value`, `label` | check box for bulk actions; join it to a form outside of the table with `form` |
//! | [`Pager`] | `path`, `query: Vec<(String, String)>`, `prev: Option`, `next: Option`, `note?` | keyset links `?before=` / `?after=`, keeping the query |
//! | [`TextField`] | `label`, `name`, `value?`, `kind?` ("text"), `hint?`, `error?`, `placeholder?`, `required?`, `compact?`, `mono?`, `autocomplete?` | |
//! | [`SelectField`] | `label`, `name`, `options: Vec<(value, label)>`, `value?`, `hint?`, `error?`, `compact?` | |
//! | [`TextareaField`] | `label`, `name`, `value?`, `hint?`, `error?`, `rows?: u32`, `mono?`, `required?` | |
//! | [`CheckField`] | `label`, `name`, `value?` ("true"), `checked?`, `hint?` | |
//! | [`FilterBar`] | `action`, `filters?: usize`, `export_href?`, children = compact fields | GET form; folds on a phone |
//! | [`ConfirmCard`] | `title`, `lead`, `effects: Vec<Effect>`, `cancel_href`, `danger?: bool`, children = the form | a page that says exactly what will happen |
//! | [`ConfirmDialog`] | `id`, `trigger`, `title`, `lead`, `effects?`, `variant?`, `size?`, `icon?`, children = the form | the same in a pop-over opened by a button, without any script |
//! | [`EmptyState`] | `title`, `icon?`, children = how to get something here, links included | |
//! | [`ErrorState`] | `error: UserError`, `request_id?`, `retry_href?` | what happened, whose fault, what next |
//! | [`Notice`] | `tone`, `title`, children | a standing remark on a page ("the provider is down; you see our copy") |
//! | [`FlashBanner`] | `flash: Flash` | the outcome of the last action; the frames render it |
//! | [`Timeline`] | children = entries | |
//! | [`TimelineEntry`] | `source: TimelineSource`, `title`, `at`, `now`, `href?`, `by?`, `status?`, children = detail | newest first |
//! | [`KeyValues`], [`KeyValue`] | children; `label`, children | description list |
//! | [`JsonView`] | `value: Value`, `open?: bool` | a payload, nested parts folded |
//! | [`DiffView`] | `rows: Vec<DiffRow>` from [`json_diff`]`(&before, &after)` | what changed, path by path |
//! | [`StatTile`] | `label`, `value`, `change?: Change`, `points?: Vec<f64>`, `href?`, `note?`, `status?` | a number that matters |
//! | [`BarChart`] | `title`, `labels: Vec<String>`, `series: Vec<Series>`, `unit?` | stacked bars; SVG with a table as alternative |
//! | [`AreaChart`] | the same, first series only as area, others as lines | |
//! | [`Progress`] | `label`, `done: i64`, `total: Option<i64>`, `detail?` | `detail`: "1,200 of 3,000 · 40 per second · 45 s left" |
//! | [`Tabs`] | `label`, `items: Vec<Tab>` | links; `Tab { label, href, current, count }` |
//! | [`Breadcrumbs`] | `crumbs: Vec<(String, Option<String>)>` | the frames render it |
//! | [`Time`] | `at: Timestamp`, `now: Timestamp` | relative, exact on hover |
//! | [`ExactTime`] | `at`, `date_only?: bool` | |
//! | [`Amount`] | `money: Money`, `strong?: bool` | |
//! | [`Id`] | `text`, `href?`, `short?: bool` | monospace, copyable |
//! | [`Code`] | children | inline monospace |
//! | [`WindowTitle`] | `text` | the title of the window; the frames render it |
//!
//! [`url::query`] and [`url::with_query`] build query strings. The strict content policy forbids `style="…"` attributes.

mod badge;
mod breadcrumbs;
mod button;
mod card;
mod chart;
mod code;
mod confirm;
mod diff;
mod empty_state;
mod error_state;
mod field;
mod filter_bar;
mod flash;
mod icons;
mod json;
mod key_values;
mod money;
mod pager;
mod progress;
mod stat;
mod table;
mod tabs;
mod time;
mod timeline;
pub mod url;
#[cfg(feature = "ssr")]
mod window_title;

pub use badge::{Badge, StatusBadge, Tone};
pub use breadcrumbs::Breadcrumbs;
pub use button::{Button, LinkButton, Size, Variant};
pub use card::{Card, Live, PageHeader};
pub use chart::{AreaChart, BarChart, Series};
pub use code::{Code, Id};
pub use confirm::{ConfirmCard, ConfirmDialog, Effect};
pub use diff::{DiffRow, DiffView, json_diff};
pub use empty_state::EmptyState;
pub use error_state::{ErrorState, Notice};
pub use field::{CheckField, SelectField, TextField, TextareaField};
pub use filter_bar::FilterBar;
pub use flash::{Flash, FlashBanner, FlashKind};
pub use icons::{Glyph, Icon};
pub use json::JsonView;
pub use key_values::{KeyValue, KeyValues};
pub use money::Amount;
pub use pager::Pager;
pub use progress::Progress;
pub use stat::{Change, Direction, Sparkline, StatTile};
pub use table::{Cell, Column, LinkCell, Row, SelectCell, Table};
pub use tabs::{Tab, Tabs};
pub use time::{ExactTime, Time};
pub use timeline::{Timeline, TimelineEntry, TimelineSource};
#[cfg(feature = "ssr")]
pub use window_title::WindowTitle;
