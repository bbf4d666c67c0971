//! A database that only a newer version can read: no page, and a sentence that says why. Deliveries are taken all the same.

use super::AppState;
use axum::{
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

pub async fn while_refused(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let Some(refusal) = state.engine.store().refusal() else { return next.run(request).await };
    let text = format!(
        "Patchbay cannot show anything now: {refusal}.\n\nDeliveries are acknowledged and kept in the inbox's file; they become \
         events when a version runs that knows this database.\n"
    );
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "60")], text).into_response()
}
