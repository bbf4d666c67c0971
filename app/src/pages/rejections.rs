//! `/rejections`: deliveries that were refused, so that a wrong secret is seen at once.

use super::{
    events::connection_options,
    links::{HOUR, counted},
    page::{page, staff_frame},
    stored::stored,
};
use crate::{
    components::{
        Card, Cell, Column, EmptyState, FilterBar, Icon, KeyValue, KeyValues, Live, Notice, PageHeader, Pager, Row,
        SelectField, Table, Time, Tone,
    },
    context::{now, request, staff},
};
use leptos::prelude::*;
use patchbay_domain::Timestamp;
use patchbay_store::{MinuteCount, Page, Rejection};
use std::collections::{BTreeMap, BTreeSet};

const PATH: &str = "/rejections";

#[component]
pub fn RejectionsPage() -> impl IntoView {
    page(async move {
        let (staff, request, now) = (staff()?, request(), now());
        let connection = request.param("connection").map(str::to_owned);
        let paging = request.page();
        let store = staff.store();
        let rejections = stored(store.list_rejections(connection.as_deref(), &paging).await)?;
        let minutes = stored(store.minute_counts(connection.as_deref(), now.minus(HOUR), now).await)?;
        let names = staff.engine().connection_names().map(str::to_owned).collect();
        let options = connection_options(names, connection.clone());
        let chosen = connection.clone();
        let content = view! {
            <PageHeader title="Rejections" subtitle="Deliveries that were refused. Their bodies are not kept; of what one address sends, 20 a minute are listed and the rest is counted."/>
            <FilterBar action=PATH filters=usize::from(chosen.is_some())>
                <SelectField label="Connection" name="connection" compact=true options=options value=chosen.unwrap_or_default()/>
            </FilterBar>
            <Live name="rejections" announce=true>
                <RejectionList rejections=rejections minutes=minutes connection=connection now=now/>
            </Live>
        };
        Ok(staff_frame("Rejections", vec![("Rejections".to_owned(), None)], "rejections", content.into_any()))
    })
}

#[component]
fn RejectionList(
    rejections: Page<Rejection>,
    minutes: Vec<MinuteCount>,
    connection: Option<String>,
    now: Timestamp,
) -> impl IntoView {
    if rejections.items.is_empty() {
        return view! {
            <Card padded=false>
                <EmptyState title="Nothing was refused" icon=Icon::CircleCheck>
                    <p>"A delivery with a wrong or missing signature would be listed here with the reason, and answered with 401."</p>
                </EmptyState>
            </Card>
        }
        .into_any();
    }
    let unsigned: BTreeSet<String> = rejections
        .items
        .iter()
        .filter(|rejection| rejection.reason.contains("signature"))
        .map(|rejection| rejection.connection.clone())
        .collect();
    let mut reasons: Vec<String> = rejections.items.iter().map(|rejection| rejection.reason.clone()).collect();
    reasons.sort();
    reasons.dedup();
    let rows = rejections
        .items
        .into_iter()
        .map(|rejection| view! { <RejectionRow rejection=rejection now=now/> })
        .collect_view();
    let head = ["Received", "Reason", "Detail", "From", "Connection", "Headers"].map(Column::text).to_vec();
    let query: Vec<(String, String)> = connection.map(|name| ("connection".to_owned(), name)).into_iter().collect();
    view! {
        <div class="grid gap-4">
            <WithinTheHour minutes=minutes unsigned=unsigned/>
            <Reasons reasons=reasons/>
            <Card padded=false>
                <Table caption="Refused deliveries, newest first" head=head>{rows}</Table>
                <Pager path=PATH query=query prev=rejections.prev next=rejections.next note="50 per page, newest first"/>
            </Card>
        </div>
    }
    .into_any()
}

/// Who is refused just now, beside how much of it is accepted. It may be the secret only where a signature did not fit.
#[component]
fn WithinTheHour(minutes: Vec<MinuteCount>, unsigned: BTreeSet<String>) -> impl IntoView {
    let mut sums: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for minute in minutes {
        let sum = sums.entry(minute.connection).or_default();
        sum.0 += minute.rejected;
        sum.1 += minute.accepted + minute.duplicates;
    }
    sums.retain(|_, (rejected, _)| *rejected > 0);
    if sums.is_empty() {
        return view! { <Notice tone=Tone::Good title="None within the last hour"><p>"What is listed below is older."</p></Notice> }.into_any();
    }
    let items = sums
        .into_iter()
        .map(|(name, (rejected, accepted))| {
            let accepted = if name.starts_with('(') {
                "sent to addresses that belong to no connection".to_owned()
            } else {
                judged(accepted, unsigned.contains(&name))
            };
            view! {
                <li>
                    <span class="font-medium">{name}</span>
                    {format!(": {} refused, {accepted}", super::links::count(rejected))}
                </li>
            }
        })
        .collect_view();
    view! { <Notice tone=Tone::Warn title="Refused within the last hour"><ul>{items}</ul></Notice> }.into_any()
}

fn judged(accepted: i64, is_unsigned: bool) -> String {
    let why = match (accepted, is_unsigned) {
        (0, true) => ": if these come from the provider itself, the secret here is wrong",
        (_, true) => ": the secret is right, somebody else may be knocking",
        (_, false) => "; the reasons below say why",
    };
    let accepted = if accepted == 0 { "none".to_owned() } else { super::links::count(accepted) };
    format!("{accepted} accepted{why}")
}

#[component]
fn Reasons(reasons: Vec<String>) -> impl IntoView {
    let title =
        format!("What {} and what to do", if reasons.len() == 1 { "this reason means" } else { "these reasons mean" });
    let items = reasons
        .into_iter()
        .map(|reason| {
            let advice = advice(&reason);
            view! { <KeyValue label=reason.replace('_', " ")>{advice}</KeyValue> }
        })
        .collect_view();
    view! { <Card title=title><div class="max-w-5xl"><KeyValues>{items}</KeyValues></div></Card> }
}

fn advice(reason: &str) -> &'static str {
    match reason {
        "missing_signature" => {
            "The delivery carries no signature. Providers always sign: this is somebody trying the address, or a proxy that drops headers."
        }
        "malformed_signature" => {
            "The signature header is not in the provider's form. Check that no proxy rewrites it and that the address belongs to this provider."
        }
        "signature_mismatch" => {
            "The secret here is not the one of the provider's endpoint, or the body was changed on the way. Copy the secret from the provider's dashboard; after a rotation keep the old one beside it until the provider stops using it."
        }
        "too_old" => {
            "The signature was made too long ago: a delivery was held up or sent again by somebody else, or this machine's clock is ahead. Run the doctor command; it compares the clocks."
        }
        "from_the_future" => "The signature is dated ahead of this machine's clock. Correct the clock.",
        "no_secret" => {
            "This connection has no webhook secret. Set it from the provider's dashboard. Until then everything is answered with 503, so that the provider sends it again."
        }
        "misconfigured" => {
            "This connection's settings cannot be right, as the detail says. Repair them. Until then everything is answered with 503, so that the provider sends it again."
        }
        "unknown_connection" => {
            "Nobody configured a connection of that address. Compare the address at the provider with those under Connections; after a renaming both must be changed."
        }
        "wrong_method" => {
            "Providers deliver with POST. This is somebody trying the address, or a redirect that made a GET of it."
        }
        "too_long" => "The body is longer than any provider's event. This is somebody trying the address.",
        "cut_off" => "The sender left, or was too slow, before the body was complete. Providers send it again.",
        "encoded" => {
            "The body was compressed on the way, and signatures are made over the plain one. Check the proxy in front."
        }
        "malformed" => {
            "The signature is right, but the body is not an event as the provider documents it. Compare the API version of the endpoint with the one shown under Connections."
        }
        _ => "Look at the detail of the delivery.",
    }
}

#[component]
fn RejectionRow(rejection: Rejection, now: Timestamp) -> impl IntoView {
    let headers = if rejection.headers.is_empty() {
        view! { <span class="text-ink-soft">"none kept"</span> }.into_any()
    } else {
        let label = counted(i64::try_from(rejection.headers.len()).unwrap_or(i64::MAX), "header", "headers");
        let lines = rejection
            .headers
            .into_iter()
            .map(|(name, value)| view! { <li class="break-all"><span class="text-ink-soft">{name}": "</span>{value}</li> })
            .collect_view();
        view! {
            <details>
                <summary class="cursor-pointer text-accent">{label}</summary>
                <ul class="mt-1 grid max-w-md gap-1 font-mono text-xs whitespace-normal">{lines}</ul>
            </details>
        }
        .into_any()
    };
    view! {
        <Row>
            <Cell label="Received"><span class="text-ink-soft"><Time at=rejection.received_at now=now/></span></Cell>
            <Cell label="Reason"><span class="font-medium">{rejection.reason.replace('_', " ")}</span></Cell>
            <Cell label="Detail" wide=true>{rejection.detail}</Cell>
            <Cell label="From"><span class="font-mono text-xs">{rejection.remote.unwrap_or_else(|| "unknown".to_owned())}</span></Cell>
            <Cell label="Connection">{rejection.connection}</Cell>
            <Cell label="Headers" wide=true>{headers}</Cell>
        </Row>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use patchbay_providers::Rejection as Refusal;

    #[test]
    fn the_secret_is_blamed_only_where_a_signature_did_not_fit() {
        let (blamed, praised) = (judged(0, true), judged(1_200, true));
        assert!(blamed.starts_with("none accepted") && blamed.contains("the secret here is wrong"), "{blamed}");
        assert!(praised.starts_with("1,200 accepted") && praised.contains("the secret is right"), "{praised}");
        assert_eq!(judged(0, false), "none accepted; the reasons below say why");
    }

    #[test]
    fn every_reason_has_its_own_advice() {
        let refusals = [
            Refusal::MissingSignature("a"),
            Refusal::MalformedSignature("a"),
            Refusal::SignatureMismatch,
            Refusal::TooOld { age_seconds: 1, tolerance_seconds: 1 },
            Refusal::FromTheFuture { ahead_seconds: 1, tolerance_seconds: 1 },
            Refusal::NoSecret("A_SETTING"),
        ];
        let ours =
            ["misconfigured", "unknown_connection", "wrong_method", "too_long", "cut_off", "encoded", "malformed"];
        for reason in refusals.iter().map(Refusal::name).chain(ours) {
            assert_ne!(advice(reason), advice("never heard of"), "{reason}");
        }
    }
}
