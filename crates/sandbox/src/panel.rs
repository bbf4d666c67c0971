//! The page with the switches, and the same for programs.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use maud::{Markup, html};
use rand::Rng;
use serde_json::{Map, Value, json};

use crate::html::{page, style};
use crate::hub::Hub;
use crate::stripe::connect::CONNECTED;
use crate::stripe::traffic::{self, Happening};
use crate::stripe::{self, API_VERSION, versions};
use crate::switches::Switches;

/// `/`, `/switches`, `/actions`, `/control` and the style sheet.
pub(crate) fn router(hub: Arc<Hub>) -> Router {
    Router::new()
        .route("/", get(show))
        .route("/style.css", get(style))
        .route("/switches", post(set))
        .route("/actions", post(act))
        .route("/control", get(control).post(set_control))
        .with_state(hub)
}

/// Name, label and hint of a switch that is a number.
const NUMBERS: [(&str, &str, &str, u32); 6] = [
    ("latency_ms", "Latency of the APIs (ms)", "Added to every answer.", 60_000),
    ("rate_limit", "Too many requests (%)", "Share of API requests answered with 429.", 100),
    ("server_error", "Server errors (%)", "Share of API requests answered with 500.", 100),
    ("duplicate", "Duplicate deliveries (%)", "Share of webhooks sent twice.", 100),
    ("late", "Late deliveries (seconds)", "Every webhook is held back this long.", 86_400),
    ("tamper", "Tampered signatures (%)", "Share of webhooks signed with another secret.", 100),
];

const TICKS: [(&str, &str); 3] = [
    ("outage", "Outage: the APIs answer only 503"),
    ("reorder", "Deliveries arrive out of order"),
    ("traffic", "Gentle traffic: something happens every few seconds"),
];

const ACTIONS: [(&str, &str); 13] = [
    ("one", "Send one event now"),
    ("renew", "Renew a subscription"),
    ("fail", "Fail a payment"),
    ("signup", "Sign up a customer"),
    ("upgrade", "Upgrade a subscription"),
    ("cancel", "Cancel a subscription"),
    ("connected", "Send an event of a connected account"),
    ("draft", "Fail to finalize an invoice"),
    ("replace", "Replace a card that ends"),
    ("due", "Do what is due"),
    ("upload", "Upload a video"),
    ("live", "Begin or end a live stream"),
    ("burst", "Burst of 100"),
];

async fn show(State(hub): State<Arc<Hub>>) -> Markup {
    let switches = hub.switches();
    let faults = switches.faults();
    let values = serde_json::to_value(&switches).unwrap_or_default();
    let counts = hub.deliveries.counts();
    let (customers, subscriptions, invoices, events) = hub.look(|state| {
        let t = &state.tables;
        (t.customers.len(), t.subscriptions.len(), t.invoices.len(), t.events.len())
    });
    page(
        "Switches",
        &html! {
            p { "These stand in for Stripe, Mux and Clerk. Patchbay does not know: it calls the same APIs and gets the same webhooks as it would from them." }
            section aria-labelledby="now" {
                h2 id="now" { "Now" }
                @if faults.is_empty() {
                    p class="note good" { "The providers behave well." }
                } @else {
                    div class="note bad" {
                        strong { "The providers misbehave:" }
                        ul { @for fault in &faults { li { (fault) } } }
                    }
                    form method="post" action="/sandbox/actions" {
                        button type="submit" class="main" name="do" value="behave" { "Let them behave well again" }
                    }
                }
                @if switches.webhook_version != API_VERSION {
                    p { "Stripe's webhooks are written in API version " (switches.webhook_version) "." }
                }
                p { @if switches.traffic { "Traffic is on: something happens every few seconds." } @else { "Traffic is off: nothing happens by itself." } }
                dl {
                    dt { "Customers" } dd { (customers) }
                    dt { "Subscriptions" } dd { (subscriptions) }
                    dt { "Invoices" } dd { (invoices) }
                    dt { "Events kept" } dd { (events) }
                    dt { "Deliveries waiting (late, or to be tried again)" } dd { (counts.waiting) }
                    dt { "Delivered since the start" } dd { (counts.delivered) }
                    dt { "Given up since the start" } dd { (counts.given_up) }
                }
            }
            section aria-labelledby="act" {
                h2 id="act" { "Make something happen" }
                form method="post" action="/sandbox/actions" class="row" {
                    @for (name, label) in ACTIONS {
                        button type="submit" name="do" value=(name) { (label) }
                    }
                }
            }
            section aria-labelledby="misbehave" {
                h2 id="misbehave" { "Misbehave" }
                p class="soft" { "For the APIs and webhooks of Stripe and Mux. Signing in always works." }
                form method="post" action="/sandbox/switches" {
                    div class="grid" {
                        @for (name, label, hint, limit) in NUMBERS {
                            div class="field" {
                                label for=(name) { (label) }
                                input type="number" id=(name) name=(name) min="0" max=(limit) required
                                    value=(values[name].as_u64().unwrap_or_default()) aria-describedby={ (name) "-hint" };
                                span class="hint" id={ (name) "-hint" } { (hint) }
                            }
                        }
                    }
                    div class="field" {
                        label for="lacks" { "Permission that the product's key at Stripe lacks" }
                        select id="lacks" name="lacks" aria-describedby="lacks-hint" {
                            option value="" { "None: it has all of them" }
                            @for (permission, words) in stripe::permissions() {
                                option value=(permission) selected[switches.lacks.first() == Some(&permission)] { (words) }
                            }
                        }
                        span class="hint" id="lacks-hint" { "Requests that need it are answered with 403, as for a restricted key." }
                    }
                    div class="field" {
                        label for="webhook_version" { "API version of Stripe's webhooks" }
                        select id="webhook_version" name="webhook_version" aria-describedby="webhook_version-hint" {
                            @for version in versions::ALL {
                                option value=(version) selected[switches.webhook_version == version] { (version) }
                            }
                        }
                        span class="hint" id="webhook_version-hint" { "Events are written as an endpoint of that version gets them." }
                    }
                    @for (name, label) in TICKS {
                        div class="field" {
                            label class="tick" {
                                input type="checkbox" name=(name) checked[values[name] == Value::Bool(true)];
                                (label)
                            }
                        }
                    }
                    button type="submit" class="main" { "Apply" }
                }
            }
        },
    )
}

async fn set(State(hub): State<Arc<Hub>>, Form(fields): Form<Vec<(String, String)>>) -> Response {
    // A box that is not ticked is not sent.
    let mut change: Map<String, Value> = TICKS.iter().map(|(name, _)| ((*name).to_owned(), false.into())).collect();
    change.extend(fields.into_iter().map(|(name, value)| (name, value.into())));
    match hub.set_switches(|s| s.apply(&change)) {
        Ok(_) => Redirect::to("/sandbox").into_response(),
        Err(why) => refuse(&why),
    }
}

fn refuse(why: &str) -> Response {
    let body = html! { p class="note bad" role="alert" { (why) } p { a href="/sandbox" { "Back to the switches" } } };
    (StatusCode::UNPROCESSABLE_ENTITY, page("That does not work", &body)).into_response()
}

async fn act(State(hub): State<Arc<Hub>>, Form(fields): Form<Vec<(String, String)>>) -> Response {
    let wish = fields.iter().find(|(name, _)| name == "do").map_or("", |(_, value)| value.as_str());
    if perform(&hub, wish) { Redirect::to("/sandbox").into_response() } else { refuse("There is no such action.") }
}

fn perform(hub: &Hub, wish: &str) -> bool {
    let what = match wish {
        "one" => Happening::CardUpdated,
        "renew" => Happening::Renewal,
        "fail" => Happening::FailedPayment,
        "signup" => Happening::Signup,
        "upgrade" => Happening::Upgrade,
        "cancel" => Happening::Cancellation,
        "upload" => {
            hub.upload_sample();
            return true;
        }
        "live" => {
            hub.switch_live();
            return true;
        }
        "behave" => {
            let change = |switches: &mut Switches| {
                switches.behave();
                Ok::<(), std::convert::Infallible>(())
            };
            return hub.set_switches(change).is_ok();
        }
        "draft" => Happening::StuckDraft,
        "replace" => Happening::CardReplaced,
        "due" => {
            hub.work(traffic::overdue);
            return true;
        }
        "connected" => {
            let account = rand::rng().random_range(0..CONNECTED.len());
            traffic::happen_in(hub, Some(&CONNECTED[account]), Happening::CardUpdated);
            return true;
        }
        "burst" => {
            traffic::burst(hub, 100);
            return true;
        }
        _ => return false,
    };
    traffic::happen(hub, what);
    true
}

async fn control(State(hub): State<Arc<Hub>>) -> Json<Value> {
    Json(control_value(&hub))
}

fn control_value(hub: &Hub) -> Value {
    let mut value = serde_json::to_value(hub.switches()).unwrap_or_default();
    value["deliveries"] = json!(hub.deliveries.counts());
    value
}

/// Switches by name; `"do"` names an action, as the page's buttons do.
async fn set_control(State(hub): State<Arc<Hub>>, Json(mut change): Json<Map<String, Value>>) -> Response {
    let wish = change.remove("do");
    if let Err(why) = hub.set_switches(|s| s.apply(&change)) {
        return (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({"error": why}))).into_response();
    }
    if let Some(wish) = wish
        && !perform(&hub, wish.as_str().unwrap_or_default())
    {
        let body = json!({"error": "there is no such action"});
        return (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response();
    }
    Json(control_value(&hub)).into_response()
}
