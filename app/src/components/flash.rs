//! The outcome of the last action, shown once on the page it led to.

use super::{Glyph, Icon, Tone};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlashKind {
    Success,
    Info,
    Warning,
    Error,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flash {
    pub kind: FlashKind,
    pub text: String,
}

impl Flash {
    pub fn success(text: impl Into<String>) -> Self {
        Self { kind: FlashKind::Success, text: text.into() }
    }

    pub fn error(text: impl Into<String>) -> Self {
        Self { kind: FlashKind::Error, text: text.into() }
    }
}

#[component]
pub fn FlashBanner(flash: Flash) -> impl IntoView {
    let (tone, icon, role) = match flash.kind {
        FlashKind::Success => (Tone::Good, Icon::CircleCheck, "status"),
        FlashKind::Info => (Tone::Info, Icon::Info, "status"),
        FlashKind::Warning => (Tone::Warn, Icon::TriangleAlert, "alert"),
        FlashKind::Error => (Tone::Bad, Icon::CircleX, "alert"),
    };
    view! {
        <div role=role class=format!("mb-4 flex items-start gap-2.5 rounded-md px-3.5 py-2.5 text-sm {}", tone.class())>
            <Glyph icon=icon class="mt-0.5 size-4 shrink-0"/>
            <p class="min-w-0 break-words">{flash.text}</p>
        </div>
    }
}
