//! Server functions: what forms post to. Each is a public URL, so each begins by asking who is there.
//!
//! They work as plain form posts. The outcome travels in a flash cookie over one redirect, so a reload never repeats an
//! action and an error never sits in the address.

mod billing;
mod cancel_subscription;
mod cancel_sync;
mod change_plan;
mod check_connection;
mod delete_asset;
mod keep_subscription;
mod replay_events;
mod settle_action;
mod start_sync;

use crate::{
    components::{Flash, FlashKind},
    context::{self, encode_flash},
    cookies::FLASH,
    pages::links::record_href,
};
use http::header;
use leptos::prelude::{ServerFnError, expect_context};
use leptos_axum::ResponseOptions;
use patchbay_domain::{RecordRef, UserError, error::Reason};
use std::future::Future;

/// Until the next page; it lives longer only if that never comes.
const FLASH_SECONDS: u32 = 30;

/// Where to go and what to say there.
pub struct Outcome {
    pub to: String,
    pub flash: Option<Flash>,
}

impl Outcome {
    pub fn done(to: impl Into<String>, text: impl Into<String>) -> Self {
        Self { to: to.into(), flash: Some(Flash::success(text)) }
    }

    /// It is under way, and somebody has to do something for it.
    pub fn waits(to: impl Into<String>, text: impl Into<String>) -> Self {
        Self { to: to.into(), flash: Some(Flash { kind: FlashKind::Warning, text: text.into() }) }
    }

    /// To another page (a hosted one) that says for itself what happens.
    pub fn go(to: impl Into<String>) -> Self {
        Self { to: to.into(), flash: None }
    }
}

/// Runs an action; on failure the person is back at `on_failure` with the reason.
pub async fn act<F>(on_failure: &str, action: F) -> Result<(), ServerFnError>
where
    F: Future<Output = Result<Outcome, UserError>>,
{
    // Boxed, because every layer would carry the whole action once more.
    Box::pin(act_with_draft(on_failure, &[], action)).await
}

/// As [`act`], for forms that people type into: on failure the page finds what they typed in
/// [`context::RequestContext::draft`].
pub async fn act_with_draft<F>(on_failure: &str, draft: &[(&str, &str)], action: F) -> Result<(), ServerFnError>
where
    F: Future<Output = Result<Outcome, UserError>>,
{
    match action.await {
        Ok(outcome) => finish(&outcome, &[]),
        Err(error) => finish(&failed(on_failure, &error), draft),
    }
    Ok(())
}

fn failed(to: &str, error: &UserError) -> Outcome {
    let text = match error.reason {
        Reason::Internal => format!("{} Request id: {}", error.message, context::request().request_id),
        _ => error.message.clone(),
    };
    Outcome { to: to.to_owned(), flash: Some(Flash::error(text)) }
}

fn finish(outcome: &Outcome, draft: &[(&str, &str)]) {
    if let Some(flash) = &outcome.flash
        && let Some(cookie) = context::app().cookies.write(FLASH, &encode_flash(flash, draft), FLASH_SECONDS)
    {
        expect_context::<ResponseOptions>().append_header(header::SET_COOKIE, cookie);
    }
    leptos_axum::redirect(&outcome.to);
}

/// The record that a form names (`RecordRef::path`).
pub fn named(record: Option<&RecordRef>) -> Result<&RecordRef, UserError> {
    record.ok_or_else(|| UserError::new(Reason::Invalid, "The form names nothing. Go back and choose from the list."))
}

/// Where to go back to: the record's page, or the list where the form names none.
pub fn page_of(record: Option<&RecordRef>, list: &str) -> String {
    record.map_or_else(|| list.to_owned(), record_href)
}

/// Ids come from forms; only these characters may go into an address.
pub fn safe_id(id: &str) -> Result<&str, UserError> {
    let fine = !id.is_empty()
        && id.len() <= 255
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte));
    if fine {
        Ok(id)
    } else {
        Err(UserError::new(Reason::Invalid, "That id cannot be right. Go back and choose from the list."))
    }
}
