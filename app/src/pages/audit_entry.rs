//! `/audit/{id}`: one action of a person and what it changed.

use super::{
    audit::Target,
    links::record_href,
    page::{page, staff_frame},
    stored::stored,
};
use crate::{
    components::{
        Card, DiffView, ExactTime, Id, JsonView, KeyValue, KeyValues, Notice, PageHeader, Tone, json_diff, url,
    },
    context::staff,
};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use patchbay_domain::UserError;
use patchbay_engine::Organisations;
use patchbay_store::AuditEntry;
use serde_json::Value;
use uuid::Uuid;

#[component]
pub fn AuditEntryPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("id").unwrap_or_default());
    page(async move {
        let staff = staff()?;
        let id = Uuid::parse_str(&id).map_err(|_| UserError::not_found("audit entry"))?;
        let entry = stored(staff.store().audit_entry(id).await)?.ok_or_else(|| UserError::not_found("audit entry"))?;
        let crumbs = vec![("Audit log".to_owned(), Some("/audit".to_owned())), (entry.action.clone(), None)];
        let title = entry.action.clone();
        let organisations = staff.organisations(std::slice::from_ref(&entry)).await?;
        Ok(staff_frame(&title, crumbs, "", view! { <EntryBody entry=entry organisations=organisations/> }.into_any()))
    })
}

#[component]
fn EntryBody(entry: AuditEntry, organisations: Organisations) -> impl IntoView {
    let by = url::with_query("/audit", [("actor".to_owned(), entry.actor_id.clone())]);
    let actor = organisations.actor(&entry);
    let subtitle = format!("{actor} · {} UTC", entry.at.date_time());
    let acting_for = entry.organisation.clone().map(|id| {
        let customer = organisations.customer(&id).map(|customer| record_href(&customer.reference()));
        let name = customer
            .map(|href| view! { <a href=href class="text-accent hover:underline">{actor.organisation.clone()}</a> });
        view! {
            <KeyValue label="Acting for">
                {name}
                <div class="text-ink-soft"><Id text=id/></div>
            </KeyValue>
        }
    });
    let impersonator = entry.impersonator.map(|other| {
        let by = url::with_query("/audit", [("actor".to_owned(), other.clone())]);
        view! {
            <KeyValue label="Impersonated by">
                <a href=by class="font-mono text-xs break-all text-accent hover:underline">{other}</a>
            </KeyValue>
        }
    });
    let address = entry.address.map(|address| view! { <KeyValue label="From"><Id text=address/></KeyValue> });
    let session = entry.session_id.map(|id| view! { <KeyValue label="Session"><Id text=id/></KeyValue> });
    let request = (!entry.request_id.is_empty())
        .then(|| view! { <KeyValue label="Request id"><Id text=entry.request_id/></KeyValue> });
    let error = entry.error.map(|text| {
        view! {
            <div class="mb-4">
                <Notice tone=Tone::Bad title="It failed; nothing was changed">
                    <p class="break-words">{text}</p>
                </Notice>
            </div>
        }
    });
    view! {
        <PageHeader title=entry.action status=entry.outcome.clone() subtitle=subtitle/>
        {error}
        <div class="grid items-start gap-4 xl:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
            <Changed before=entry.before after=entry.after/>
            <Card title="Facts">
                <KeyValues>
                    <KeyValue label="Person">
                        <a href=by class="text-accent hover:underline">{entry.actor_name}</a>
                        <div class="text-ink-soft"><Id text=entry.actor_id/></div>
                    </KeyValue>
                    {impersonator}
                    {acting_for}
                    <KeyValue label="Target"><Target target=entry.target/></KeyValue>
                    <KeyValue label="At"><ExactTime at=entry.at/></KeyValue>
                    {address}
                    {session}
                    {request}
                    <KeyValue label="Our id"><Id text=entry.id.to_string()/></KeyValue>
                </KeyValues>
            </Card>
        </div>
    }
}

#[component]
fn Changed(before: Option<Value>, after: Option<Value>) -> impl IntoView {
    match (before, after) {
        (Some(before), Some(after)) => view! {
            <Card title="What changed" padded=false><DiffView rows=json_diff(&before, &after)/></Card>
        }
        .into_any(),
        (None, Some(after)) => view! { <Card title="What it did"><JsonView value=after/></Card> }.into_any(),
        (Some(before), None) => view! { <Card title="What was there before"><JsonView value=before/></Card> }.into_any(),
        (None, None) => view! {
            <Card title="What changed"><p class="text-sm text-ink-soft">"Nothing in our records. The provider's own page did the rest."</p></Card>
        }
        .into_any(),
    }
}
