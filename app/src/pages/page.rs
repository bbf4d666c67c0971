//! What every page shares: waiting for its data, and what is shown when that fails.

use crate::{
    components::ErrorState,
    context::{app, request},
    layout::{CustomerFrame, StaffFrame},
};
use http::{HeaderValue, StatusCode, header};
use leptos::prelude::*;
use leptos_axum::ResponseOptions;
use patchbay_domain::{Principal, UserError, error::Reason};
use std::future::Future;

/// Draws what `content` answers. An error becomes a page with the right status, inside the person's own frame.
pub fn page<F>(content: F) -> AnyView
where
    F: Future<Output = Result<AnyView, UserError>> + Send + 'static,
{
    Suspend::new(async move {
        match content.await {
            Ok(view) => view,
            Err(error) => failed(error),
        }
    })
    .into_any()
}

/// Crumbs of a frame: what it says, and where it leads.
pub type Crumbs = Vec<(String, Option<String>)>;

/// The staff's frame around a page. `live` names the topics that refresh it, separated by commas; empty for none.
pub fn staff_frame(title: &str, crumbs: Crumbs, live: &str, content: AnyView) -> AnyView {
    let (app, request) = (app(), request());
    let Some(principal) = request.principal.clone() else { return content };
    view! {
        <StaffFrame
            principal=principal
            sandbox=app.sandbox
            path=request.path.clone()
            crumbs=crumbs
            title=title.to_owned()
            flash=request.flash.clone()
            live=live
        >
            {content}
        </StaffFrame>
    }
    .into_any()
}

/// The customer's frame around a page. It refreshes whenever their billing changes.
pub fn customer_frame(title: &str, crumbs: Crumbs, content: AnyView) -> AnyView {
    let (app, request) = (app(), request());
    let Some(principal) = request.principal.clone() else { return content };
    view! {
        <CustomerFrame
            principal=principal
            sandbox=app.sandbox
            path=request.path.clone()
            crumbs=crumbs
            title=title.to_owned()
            flash=request.flash.clone()
            live="billing"
        >
            {content}
        </CustomerFrame>
    }
    .into_any()
}

fn failed(error: UserError) -> AnyView {
    if let Some(response) = use_context::<ResponseOptions>() {
        response.set_status(StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
        if error.reason == Reason::Busy {
            response.insert_header(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
    }
    let request = request();
    let content =
        view! { <ErrorState error=error request_id=request.request_id.clone() retry_href=request.path.clone()/> }
            .into_any();
    match request.principal.as_ref().map(Principal::is_staff) {
        Some(false) => customer_frame("Something is wrong", Vec::new(), content),
        Some(true) => staff_frame("Something is wrong", Vec::new(), "", content),
        None => content,
    }
}

/// For addresses that lead nowhere.
#[component]
pub fn NotFound() -> impl IntoView {
    failed(UserError::not_found("page"))
}
