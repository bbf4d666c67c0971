//! `/audit/{id}`: one action of a person and what it changed.

use super::{
    audit::Target,
    links::record_href,
    page::{page, staff_frame},
    stored::stored,
};
use crate::{
    components::{
        Button, Card, DiffView, ExactTime, Id, JsonView, KeyValue, KeyValues, Notice, PageHeader, Size, Tone,
        json_diff, url,
    },
    context::{operator, staff},
};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use patchbay_domain::{RecordRef, UserError};
use patchbay_engine::Organisations;
use patchbay_store::{AuditEntry, AuditOutcome};
use serde_json::Value;
use uuid::Uuid;

#[component]
pub fn AuditEntryPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("id").unwrap_or_default());
    page(async move {
        let staff = staff()?;
        let may_act = operator().is_ok();
        let id = Uuid::parse_str(&id).map_err(|_| UserError::not_found("audit entry"))?;
        let entry = stored(staff.store().audit_entry(id).await)?.ok_or_else(|| UserError::not_found("audit entry"))?;
        let crumbs = vec![("Audit log".to_owned(), Some("/audit".to_owned())), (entry.action.clone(), None)];
        let title = entry.action.clone();
        let organisations = staff.organisations(std::slice::from_ref(&entry)).await?;
        Ok(staff_frame(
            &title,
            crumbs,
            "",
            view! { <EntryBody entry=entry organisations=organisations may_act=may_act/> }.into_any(),
        ))
    })
}

#[component]
fn EntryBody(entry: AuditEntry, organisations: Organisations, may_act: bool) -> impl IntoView {
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
    let outcome = view! { <Outcome outcome=entry.outcome error=entry.error target=entry.target.clone() may_act=may_act id=entry.id/> };
    let found_out = entry.settled.and_then(|settled| Some((settled.at, settled.by?)));
    let settled = found_out.map(|(at, by)| {
        view! {
            <KeyValue label="Found out">
                <ExactTime at=at/>
                <div class="text-ink-soft">"by " {by}</div>
            </KeyValue>
        }
    });
    view! {
        <PageHeader title=entry.action status=entry.outcome.as_str().to_owned() subtitle=subtitle/>
        {outcome}
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
                    {settled}
                    {address}
                    {session}
                    {request}
                    <KeyValue label="Our id"><Id text=entry.id.to_string()/></KeyValue>
                </KeyValues>
            </Card>
        </div>
    }
}

/// What became of it, where that is not simply done.
#[component]
fn Outcome(outcome: AuditOutcome, error: Option<String>, target: RecordRef, may_act: bool, id: Uuid) -> impl IntoView {
    let error = error.map(|text| view! { <p class="break-words">{text}</p> });
    let notice = match outcome {
        AuditOutcome::Done => return ().into_any(),
        AuditOutcome::Failed => {
            view! { <Notice tone=Tone::Bad title="It failed; nothing was changed">{error}</Notice> }.into_any()
        }
        AuditOutcome::Started => view! {
            <Notice tone=Tone::Info title="It is under way">
                <p>"The provider is being asked. If no answer comes within three minutes, its outcome is unknown."</p>
            </Notice>
        }
        .into_any(),
        AuditOutcome::Unknown => {
            let settle = may_act.then(|| view! { <Settle id=id/> });
            view! {
                <Notice tone=Tone::Warn title="It is not known whether this took effect">
                    {error}
                    <p>
                        "The provider did not say. Our copy of " <Target target=target/>
                        " is read again; where that tells what happened, it is filled in here."
                    </p>
                    {settle}
                </Notice>
            }
            .into_any()
        }
    };
    view! { <div class="mb-4">{notice}</div> }.into_any()
}

/// For what only a person can tell, who looks at the provider's own pages.
#[component]
fn Settle(id: Uuid) -> impl IntoView {
    let button = |took_effect: bool, label: &'static str| {
        view! {
            <form method="post" action="/actions/settle-action">
                <input type="hidden" name="id" value=id.to_string()/>
                <input type="hidden" name="took_effect" value=took_effect.to_string()/>
                <Button size=Size::Small>{label}</Button>
            </form>
        }
    };
    view! { <div class="mt-3 flex flex-wrap gap-2">{button(true, "It took effect")} {button(false, "It did not")}</div> }
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
