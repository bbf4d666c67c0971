//! What a subscription waits for, as staff say it on the phone.

use crate::components::{Icon, LinkButton, Notice, Size, Tone};
use leptos::prelude::*;
use patchbay_domain::{Money, Timestamp, billing::Subscription};
use patchbay_engine::{Awaited, OpenPayment};

#[component]
pub fn AwaitedNotice(subscription: Subscription, awaited: Awaited, email: Option<String>) -> impl IntoView {
    let (title, text) = sentence(&subscription, &awaited)?;
    let page = awaited.payment.and_then(|payment| payment.invoice.hosted_invoice_url);
    let page = page.map(|href| {
        view! { <LinkButton href=href size=Size::Small icon=Icon::ExternalLink>"The customer's payment page"</LinkButton> }
    });
    let write = email.map(|email| {
        view! { <LinkButton href=format!("mailto:{email}") size=Size::Small>"Email the customer"</LinkButton> }
    });
    Some(view! {
        <Notice tone=Tone::Warn title=title>
            <p>{text}</p>
            <div class="mt-3 flex flex-wrap gap-2">{page} {write}</div>
        </Notice>
    })
}

/// Title and text, where something is waited for.
fn sentence(subscription: &Subscription, awaited: &Awaited) -> Option<(&'static str, String)> {
    let payment = awaited.payment.as_ref();
    let asks = payment.is_some_and(OpenPayment::asks_customer);
    let update = subscription.pending_update.as_ref().filter(|_| subscription.is_in_force());
    if update.is_none() && !asks {
        return None;
    }
    let amount = payment.map(|payment| {
        let money = Money::new(payment.invoice.amount_remaining, payment.invoice.currency.clone());
        format!(" of {money}")
    });
    let amount = amount.unwrap_or_default();
    let since = payment
        .map(|payment| format!(" The invoice has been open since {} UTC.", minute(payment.invoice.created_at)))
        .unwrap_or_default();
    let what = match (asks, payment.and_then(OpenPayment::refusal)) {
        _ if payment.is_some_and(OpenPayment::is_under_way) => {
            format!("The bank is processing the payment{amount}; that can take some days.{since}")
        }
        (true, _) => {
            format!("The customer has to confirm the payment{amount} with their bank.{since}")
        }
        (false, Some(why)) => {
            format!("The payment{amount} was declined ({}).{since}", why.trim_end_matches('.'))
        }
        (false, None) => format!("The payment{amount} has not been made yet.{since}"),
    };
    let Some(update) = update else { return Some(("The customer has to confirm a payment", what)) };
    let plan = awaited.plan.as_ref().map(|plan| format!(" to {plan}")).unwrap_or_default();
    let until = update
        .expires_at
        .map(|at| format!(" If it is not paid by {} UTC, the change is dropped.", minute(at)))
        .unwrap_or_default();
    let title = if asks {
        "A plan change is waiting for the customer to confirm its payment"
    } else {
        "A plan change is waiting for its payment"
    };
    Some((title, format!("{what} Once it is paid, the plan changes{plan}; until then it stays as it is.{until}")))
}

/// `20 Nov 2026, 12:00`.
fn minute(at: Timestamp) -> String {
    at.zoned("%-d %b %Y, %H:%M")
}

#[cfg(test)]
mod tests {
    use super::*;
    use patchbay_domain::billing::{Invoice, PaymentIntent, PendingUpdate};

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    fn waits(status: &str) -> (Subscription, Awaited) {
        let update = PendingUpdate { expires_at: Some(at("2026-11-21T11:00:00Z")), ..PendingUpdate::default() };
        let subscription =
            Subscription { status: "active".to_owned(), pending_update: Some(update), ..Subscription::default() };
        let invoice = Invoice {
            amount_remaining: 12_500,
            currency: "eur".to_owned(),
            created_at: at("2026-11-20T12:00:00Z"),
            ..Invoice::default()
        };
        let last_error = Some("Your card was declined.".to_owned());
        let intent = PaymentIntent { status: status.to_owned(), last_error, ..PaymentIntent::default() };
        let payment = Some(OpenPayment { invoice, intent: Some(intent) });
        (subscription, Awaited { payment, plan: Some("Scale, 349.00 EUR per month".to_owned()), ..Awaited::default() })
    }

    #[test]
    fn staff_read_what_is_waited_for_since_when_and_until_when() {
        let (subscription, awaited) = waits("requires_action");
        let (title, text) = sentence(&subscription, &awaited).unwrap();
        assert_eq!(title, "A plan change is waiting for the customer to confirm its payment");
        assert_eq!(
            text,
            "The customer has to confirm the payment of 125.00 EUR with their bank. The invoice has been open since 20 Nov 2026, \
             12:00 UTC. Once it is paid, the plan changes to Scale, 349.00 EUR per month; until then it stays as it is. If it is \
             not paid by 21 Nov 2026, 11:00 UTC, the change is dropped."
        );
        let (_, awaited) = waits("processing");
        let (_, text) = sentence(&subscription, &awaited).unwrap();
        assert!(
            text.starts_with("The bank is processing the payment of 125.00 EUR; that can take some days."),
            "{text}"
        );
        let (_, awaited) = waits("requires_payment_method");
        let (title, text) = sentence(&subscription, &awaited).unwrap();
        assert_eq!(title, "A plan change is waiting for its payment");
        assert!(text.contains("was declined (Your card was declined). The invoice has been open since"), "{text}");
        assert_eq!(sentence(&Subscription::default(), &awaited), None);
    }
}
