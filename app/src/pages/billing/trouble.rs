//! Payments that did not go through, said in a way that can be acted on.

use crate::components::{Icon, LinkButton, Notice, Size, Tone, Variant};
use leptos::prelude::*;
use patchbay_domain::{Money, billing::Subscription};
use patchbay_engine::{Awaited, OpenPayment};

/// `What happened`, what can be done, and where.
#[component]
pub fn Trouble(subscription: Subscription, awaited: Awaited, may_act: bool) -> impl IntoView {
    let pending = subscription.pending_update.is_some() && subscription.is_in_force();
    let unpaid = matches!(subscription.status.as_str(), "past_due" | "unpaid" | "incomplete");
    if !pending && !unpaid {
        return ().into_any();
    }
    if !may_act {
        let title =
            if pending { "A plan change is waiting for its payment" } else { "The last payment did not go through" };
        return view! {
            <Notice tone=Tone::Warn title=title>
                <p>"Tell somebody who manages your organization's billing: they can pay the open invoice or choose another payment method."</p>
            </Notice>
        }
        .into_any();
    }
    let payment = awaited.payment.as_ref();
    if let Some(payment) = payment.filter(|payment| payment.is_under_way()) {
        let text = under_way(payment, pending);
        return view! { <Notice tone=Tone::Info title="Your payment is being processed"><p>{text}</p></Notice> }
            .into_any();
    }
    let title = match (payment.is_some_and(OpenPayment::asks_customer), payment.and_then(OpenPayment::refusal)) {
        (true, _) => "Your bank asks you to confirm a payment",
        (_, Some(_)) if pending => "The payment for your new plan was declined",
        _ if pending => "Your new plan is waiting for its payment",
        _ => "Your last payment did not go through",
    };
    let text = if pending { of_change(&subscription, &awaited) } else { of_debt(payment) };
    let pay = payment.and_then(pay_button);
    view! {
        <Notice tone=Tone::Warn title=title>
            <p>{text}</p>
            <div class="mt-3 flex flex-wrap gap-2">
                {pay}
                <LinkButton href="/billing/payment-methods" size=Size::Small icon=Icon::CreditCard>"Payment methods"</LinkButton>
            </div>
        </Notice>
    }
    .into_any()
}

fn pay_button(payment: &OpenPayment) -> Option<impl IntoView + use<>> {
    let href = payment.invoice.hosted_invoice_url.clone()?;
    let verb = if payment.asks_customer() { "Confirm" } else { "Pay" };
    let label = format!("{verb} {}", due(payment));
    Some(
        view! { <LinkButton href=href variant=Variant::Primary size=Size::Small icon=Icon::ExternalLink>{label}</LinkButton> },
    )
}

fn due(payment: &OpenPayment) -> Money {
    Money::new(payment.invoice.amount_remaining, payment.invoice.currency.clone())
}

/// Nobody may be asked to pay what they have paid.
fn under_way(payment: &OpenPayment, pending: bool) -> String {
    let then = if pending { " Your plan changes when it is paid." } else { "" };
    format!("Your bank is processing {}; that can take some days.{then} You don't need to do anything.", due(payment))
}

/// About a change of plan that waits.
fn of_change(subscription: &Subscription, awaited: &Awaited) -> String {
    let to = awaited.plan.as_ref().map(|plan| format!(" to {plan},")).unwrap_or_default();
    let payment = awaited.payment.as_ref();
    let reason = payment.and_then(OpenPayment::refusal).map(|why| format!("{} ", sentence(why))).unwrap_or_default();
    let when = match payment {
        Some(payment) if payment.asks_customer() => {
            format!("as soon as you have confirmed the payment of {}", due(payment))
        }
        Some(payment) => format!("as soon as {} is paid", due(payment)),
        None => "as soon as its payment is made".to_owned(),
    };
    let until = subscription.pending_update.as_ref().and_then(|update| update.expires_at);
    let otherwise = match until {
        Some(at) => format!(
            "That is possible until {} UTC. After that the change is dropped, and nothing is charged for it.",
            at.zoned("%-d %b %Y, %H:%M")
        ),
        None => "Until then your plan stays as it is.".to_owned(),
    };
    format!("{reason}Your plan changes{to} {when}. {otherwise}")
}

/// About an invoice that is owed.
fn of_debt(payment: Option<&OpenPayment>) -> String {
    match payment {
        Some(payment) if payment.asks_customer() => format!(
            "{} could not be charged without you. Confirm the payment, or choose another payment method.",
            due(payment)
        ),
        Some(payment) => {
            let reason = payment.refusal().map(|why| format!("{} ", sentence(why))).unwrap_or_default();
            format!(
                "{reason}Pay the open invoice, or choose another payment method; then the payment is tried again. If your \
                 bank asks you to confirm it, that happens there, too."
            )
        }
        None => "Pay the open invoice, or choose another payment method; then the payment is tried again.".to_owned(),
    }
}

/// The provider's reason, with a full stop.
fn sentence(why: &str) -> String {
    let why = why.trim();
    if why.ends_with(['.', '!', '?']) { why.to_owned() } else { format!("{why}.") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use patchbay_domain::{
        Timestamp,
        billing::{Invoice, PaymentIntent, PendingUpdate},
    };

    fn payment(status: &str, error: Option<&str>) -> OpenPayment {
        let invoice = Invoice { amount_remaining: 12_500, currency: "eur".to_owned(), ..Invoice::default() };
        let intent = PaymentIntent {
            status: status.to_owned(),
            last_error: error.map(str::to_owned),
            ..PaymentIntent::default()
        };
        OpenPayment { invoice, intent: Some(intent) }
    }

    #[test]
    fn a_change_that_waits_says_what_for_and_for_how_long() {
        let until = Timestamp::parse_rfc3339("2026-11-21T11:00:00Z");
        let update = PendingUpdate { expires_at: until, ..PendingUpdate::default() };
        let subscription = Subscription { pending_update: Some(update), ..Subscription::default() };
        let awaits =
            |payment| Awaited { payment, plan: Some("Scale, 349.00 EUR per month".to_owned()), ..Awaited::default() };
        let asked = of_change(&subscription, &awaits(Some(payment("requires_action", None))));
        assert_eq!(
            asked,
            "Your plan changes to Scale, 349.00 EUR per month, as soon as you have confirmed the payment of 125.00 EUR. That is \
             possible until 21 Nov 2026, 11:00 UTC. After that the change is dropped, and nothing is charged for it."
        );
        let declined = payment("requires_payment_method", Some("Your card has insufficient funds."));
        let declined = of_change(&subscription, &awaits(Some(declined)));
        assert!(declined.starts_with("Your card has insufficient funds. Your plan changes to Scale"), "{declined}");
        let unknown = of_change(&Subscription::default(), &Awaited::default());
        assert_eq!(unknown, "Your plan changes as soon as its payment is made. Until then your plan stays as it is.");
    }

    #[test]
    fn what_the_bank_is_processing_is_not_asked_for_again() {
        assert_eq!(
            under_way(&payment("processing", None), true),
            "Your bank is processing 125.00 EUR; that can take some days. Your plan changes when it is paid. You don't need to do \
             anything."
        );
    }

    #[test]
    fn a_debt_names_the_reason_where_there_is_one() {
        let declined = payment("requires_payment_method", Some("Your card has expired"));
        assert!(of_debt(Some(&declined)).starts_with("Your card has expired. Pay the open invoice"));
        assert!(
            of_debt(Some(&payment("requires_action", None)))
                .starts_with("125.00 EUR could not be charged without you.")
        );
    }
}
