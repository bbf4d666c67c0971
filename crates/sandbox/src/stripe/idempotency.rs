//! Answers kept by idempotency key: the same request gets the same answer, another request with the key is refused.

use axum::http::StatusCode;

use super::errors::ApiError;
use super::form::Form;
use super::model::Kept;
use super::state::State;

/// How long an answer is kept.
const KEPT_FOR: i64 = 24 * 3_600;
/// The longest key.
const LONGEST: usize = 255;

/// What the request is, in one text.
pub(crate) fn asked(path: &str, form: &Form) -> String {
    format!("{path}?{}", form.canonical())
}

/// The kept answer, if the key was used for this request before.
pub(crate) fn find(state: &State, key: &str, asked: &str) -> Result<Option<Kept>, ApiError> {
    if key.len() > LONGEST {
        return Err(ApiError::invalid("Idempotency keys may be up to 255 characters in length."));
    }
    match state.get::<Kept>(key) {
        Some(kept) if state.now - kept.created > KEPT_FOR => Ok(None),
        Some(kept) if kept.asked == asked => Ok(Some(kept.clone())),
        Some(_) => Err(ApiError::idempotency()),
        None => Ok(None),
    }
}

/// Keeps an answer.
pub(crate) fn keep(state: &mut State, key: &str, asked: String, status: StatusCode, body: &str, request: &str) {
    let created = state.now;
    state.put(Kept {
        id: key.to_owned(),
        created,
        asked,
        status: status.as_u16(),
        body: body.to_owned(),
        request: request.to_owned(),
    });
}
