//! `/calls/{id}`: one attempt of a call to a provider.

use super::{
    calls::Answer,
    links::duration,
    page::{page, staff_frame},
    stored::stored,
};
use crate::{
    components::{Card, ExactTime, Id, KeyValue, KeyValues, LinkButton, Notice, PageHeader, Size, Tone, Variant, url},
    context::staff,
};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use patchbay_domain::UserError;
use patchbay_store::Call;
use uuid::Uuid;

#[component]
pub fn CallPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("id").unwrap_or_default());
    page(async move {
        let staff = staff()?;
        let id = Uuid::parse_str(&id).map_err(|_| UserError::not_found("call"))?;
        let call = stored(staff.store().call(id).await)?.ok_or_else(|| UserError::not_found("call"))?;
        let crumbs = vec![("Calls".to_owned(), Some("/calls".to_owned())), (call.operation.clone(), None)];
        let title = call.operation.clone();
        Ok(staff_frame(&title, crumbs, "", view! { <CallBody call=call/> }.into_any()))
    })
}

#[component]
fn CallBody(call: Call) -> impl IntoView {
    let alike = url::with_query("/calls", [("operation".to_owned(), call.operation.clone())]);
    let error = call.error.clone().map(|text| {
        let next = if call.status.is_none() {
            "The provider did not answer: the network, its side, or our breaker that pauses calls after failures."
        } else {
            "This is the provider's answer. Its dashboard finds the request by the id below."
        };
        view! {
            <Notice tone=Tone::Bad title="The call failed">
                <p class="break-words">{text}</p>
                <p class="mt-1 text-ink-soft">{next}</p>
            </Notice>
        }
    });
    let request_id = match call.request_id {
        Some(id) => view! { <Id text=id/> }.into_any(),
        None => view! { <span class="text-ink-soft">"none given"</span> }.into_any(),
    };
    view! {
        <PageHeader title=call.operation subtitle=format!("{} · {}", call.connection, call.at.date_time())>
            <LinkButton href=alike size=Size::Small variant=Variant::Secondary>"Calls of this operation"</LinkButton>
        </PageHeader>
        <div class="grid max-w-4xl gap-4">
            {error}
            <Card title="Request and answer">
                <KeyValues>
                    <KeyValue label="Answer"><Answer status=call.status failed=call.error.is_some()/></KeyValue>
                    <KeyValue label="Request"><code class="font-mono text-xs break-all">{call.method} " " {call.path}</code></KeyValue>
                    <KeyValue label="Took">{duration(call.duration_us)}</KeyValue>
                    <KeyValue label="Attempt">{call.attempt}</KeyValue>
                    <KeyValue label="Sent"><ExactTime at=call.at/></KeyValue>
                    <KeyValue label="Provider's request id">{request_id}</KeyValue>
                    {call.cause.map(|cause| view! { <KeyValue label="Caused by"><Id text=cause/></KeyValue> })}
                    <KeyValue label="Our id"><Id text=call.id.to_string()/></KeyValue>
                </KeyValues>
            </Card>
            <p class="text-xs text-ink-soft">"Bodies and keys are never kept; values that name a person are masked in the address."</p>
        </div>
    }
}
