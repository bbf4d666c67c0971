//! What is not as it should be and concerns no single page: deliveries that are no events yet, and limits that are looser.

use super::links::counted;
use crate::{
    components::{Code, Notice, Time, Tone},
    context::app,
};
use leptos::prelude::*;
use patchbay_domain::{Timestamp, UserError};
use patchbay_engine::{Aside, Held, Staff};
use patchbay_store::Waiting;

/// All that applies now; nothing where everything is well.
pub async fn standing(staff: &Staff, now: Timestamp) -> Result<AnyView, UserError> {
    let Held { waiting, aside } = staff.held().await?;
    let app = app();
    // While the database is away, the frame says so on every page.
    let waiting = waiting.filter(|_| app.engine.database_away_since().is_none());
    let aside = aside.into_iter().map(|aside| view! { <SetAside aside=aside now=now/> }).collect_view();
    Ok(view! {
        <div class="grid gap-3 not-empty:mb-4">
            {aside} {waiting.map(|waiting| view! { <Late waiting=waiting now=now/> })}
            {app.redis_away.since().map(|since| view! { <LimitsApart since=since now=now/> })}
        </div>
    }
    .into_any())
}

#[component]
fn SetAside(aside: Aside, now: Timestamp) -> impl IntoView {
    let Aside { connection, deliveries, since, reasons } = aside;
    let verb = if deliveries == 1 { "is" } else { "are" };
    let title = format!("{} of {connection} {verb} set aside", counted(deliveries, "delivery", "deliveries"));
    let reasons = reasons.into_iter().map(|why| view! { <li class="break-words">{why}</li> }).collect_view();
    view! {
        <Notice tone=Tone::Bad title=title>
            <p>
                "Acknowledged, the first one " <Time at=since now=now/>
                ", but they cannot be filed as events. They are kept, and nothing waits behind them. Why:"
            </p>
            <ul class="my-1 list-disc pl-5">{reasons}</ul>
            <p>
                "On the server, " <Code>"patchbay inbox list"</Code> " names each one. After the repair, or with a newer version, "
                <span class="whitespace-nowrap"><Code>"patchbay inbox retry --yes"</Code></span> " files them again."
            </p>
        </Notice>
    }
}

#[component]
fn Late(waiting: Waiting, now: Timestamp) -> impl IntoView {
    let verb = if waiting.deliveries == 1 { "waits" } else { "wait" };
    let title = format!("{} {verb} to be filed", counted(waiting.deliveries, "delivery", "deliveries"));
    let since = waiting.since.map(|since| view! { ", the first one " <Time at=since now=now/> });
    view! {
        <Notice tone=Tone::Warn title=title>
            <p>
                "They are acknowledged and kept" {since}
                ", and become events, in order, when their turn comes. Mostly that takes milliseconds. If the number does not fall, "
                <Code>"/readyz"</Code> " and the log of the server say what holds them up."
            </p>
        </Notice>
    }
}

#[component]
fn LimitsApart(since: Timestamp, now: Timestamp) -> impl IntoView {
    view! {
        <Notice tone=Tone::Warn title="Redis does not answer">
            <p>
                "It was lost " <Time at=since now=now/>
                ". Until it is back, each server counts requests by itself, so somebody who reaches several of them may ask more often than the limits say. Nothing else depends on Redis. Check it and "
                <Code>"REDIS_URL"</Code> "."
            </p>
        </Notice>
    }
}
