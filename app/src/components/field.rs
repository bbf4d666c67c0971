//! Form fields with their label, hint and error. `compact` ones fit a filter bar.

use super::{Glyph, Icon};
use leptos::prelude::*;

const CONTROL: &str = "w-full rounded-md border bg-field px-3 text-ink placeholder:text-ink-faint \
                       aria-invalid:border-bad-mark disabled:opacity-60";

fn control_class(compact: bool, mono: bool) -> String {
    let measure = if compact { "h-8 text-[0.8125rem]" } else { "h-9 text-sm" };
    let face = if mono { "font-mono" } else { "" };
    format!("{CONTROL} border-line-strong {measure} {face}")
}

#[component]
pub fn TextField(
    #[prop(into)] label: String,
    #[prop(into)] name: String,
    #[prop(optional, into)] value: Option<String>,
    /// The input's type: `text`, `email`, `search`, `number`, `date`, `url`, …
    #[prop(default = "text")]
    kind: &'static str,
    #[prop(optional, into)] hint: Option<String>,
    #[prop(optional, into)] error: Option<String>,
    #[prop(optional, into)] placeholder: Option<String>,
    #[prop(optional)] required: bool,
    #[prop(optional)] compact: bool,
    #[prop(optional)] mono: bool,
    #[prop(optional)] autocomplete: Option<&'static str>,
) -> impl IntoView {
    let id = format!("field-{name}");
    let described = described_by(&id, hint.is_some(), error.is_some());
    view! {
        <Labelled id=id.clone() label=label hint=hint error=error.clone() compact=compact>
            <input
                id=id
                type=kind
                name=name
                value=value
                placeholder=placeholder
                required=required
                autocomplete=autocomplete.unwrap_or("off")
                aria-invalid=error.is_some().then_some("true")
                aria-describedby=described
                class=control_class(compact, mono)
            />
        </Labelled>
    }
}

#[component]
pub fn SelectField(
    #[prop(into)] label: String,
    #[prop(into)] name: String,
    /// Value and label of each choice.
    options: Vec<(String, String)>,
    #[prop(optional, into)] value: Option<String>,
    #[prop(optional, into)] hint: Option<String>,
    #[prop(optional, into)] error: Option<String>,
    #[prop(optional)] compact: bool,
) -> impl IntoView {
    let id = format!("field-{name}");
    let described = described_by(&id, hint.is_some(), error.is_some());
    let chosen = value.unwrap_or_default();
    let choices = options
        .into_iter()
        .map(|(value, label)| {
            let selected = value == chosen;
            view! { <option value=value selected=selected>{label}</option> }
        })
        .collect_view();
    view! {
        <Labelled id=id.clone() label=label hint=hint error=error.clone() compact=compact>
            <select
                id=id
                name=name
                aria-invalid=error.is_some().then_some("true")
                aria-describedby=described
                class=format!("{} cursor-pointer pr-8", control_class(compact, false))
            >
                {choices}
            </select>
        </Labelled>
    }
}

#[component]
pub fn TextareaField(
    #[prop(into)] label: String,
    #[prop(into)] name: String,
    #[prop(optional, into)] value: Option<String>,
    #[prop(optional, into)] hint: Option<String>,
    #[prop(optional, into)] error: Option<String>,
    #[prop(default = 4)] rows: u32,
    #[prop(optional)] mono: bool,
    #[prop(optional)] required: bool,
) -> impl IntoView {
    let id = format!("field-{name}");
    let described = described_by(&id, hint.is_some(), error.is_some());
    let face = if mono { "font-mono text-[0.8125rem]" } else { "text-sm" };
    view! {
        <Labelled id=id.clone() label=label hint=hint error=error.clone() compact=false>
            <textarea
                id=id
                name=name
                rows=rows.to_string()
                required=required
                aria-invalid=error.is_some().then_some("true")
                aria-describedby=described
                class=format!("{CONTROL} border-line-strong py-2 {face}")
            >
                {value.unwrap_or_default()}
            </textarea>
        </Labelled>
    }
}

#[component]
pub fn CheckField(
    #[prop(into)] label: String,
    #[prop(into)] name: String,
    #[prop(default = "true".to_owned(), into)] value: String,
    #[prop(optional)] checked: bool,
    #[prop(optional, into)] hint: Option<String>,
) -> impl IntoView {
    let id = format!("field-{name}-{value}");
    let hint_id = format!("{id}-hint");
    let described = hint.is_some().then(|| hint_id.clone());
    view! {
        <div class="flex gap-2.5">
            <input
                id=id.clone()
                type="checkbox"
                name=name
                value=value
                checked=checked
                aria-describedby=described
                class="mt-0.5 size-4 shrink-0 cursor-pointer accent-accent-solid"
            />
            <div class="min-w-0 text-sm">
                <label for=id class="cursor-pointer">{label}</label>
                {hint.map(|hint| view! { <p id=hint_id class="text-xs text-ink-soft">{hint}</p> })}
            </div>
        </div>
    }
}

#[component]
fn Labelled(
    id: String,
    label: String,
    hint: Option<String>,
    error: Option<String>,
    compact: bool,
    children: Children,
) -> impl IntoView {
    let label_class = if compact { "mb-1 block text-xs text-ink-soft" } else { "mb-1 block text-sm font-medium" };
    view! {
        <div class=if compact { "min-w-0 flex-1 basis-36 sm:max-w-60" } else { "min-w-0" }>
            <label for=id.clone() class=label_class>{label}</label>
            {children()}
            {hint.map(|text| view! { <p id=format!("{id}-hint") class="mt-1 text-xs text-ink-soft">{text}</p> })}
            {error
                .map(|text| {
                    view! {
                        <p id=format!("{id}-error") class="mt-1 flex items-center gap-1 text-xs text-bad">
                            <Glyph icon=Icon::CircleAlert class="size-3.5 shrink-0"/>
                            {text}
                        </p>
                    }
                })}
        </div>
    }
}

fn described_by(id: &str, hint: bool, error: bool) -> Option<String> {
    match (hint, error) {
        (false, false) => None,
        (true, false) => Some(format!("{id}-hint")),
        (false, true) => Some(format!("{id}-error")),
        (true, true) => Some(format!("{id}-hint {id}-error")),
    }
}
