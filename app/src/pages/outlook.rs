//! What comes next for a subscription, in a sentence: the same for staff and customers. It says what our record says, and
//! less where something else decides.

use super::billing_tables::ends_at;
use patchbay_domain::{
    Timestamp,
    billing::{Pause, Subscription},
};
use patchbay_engine::NextPhase;

pub fn outlook(subscription: &Subscription, next: Option<&NextPhase>) -> String {
    let scheduled = subscription.schedule.is_some() && subscription.is_in_force();
    let mut text = match next.filter(|_| scheduled && ends_at(subscription).is_none()) {
        Some(next) => with_phase(subscription, next),
        None if scheduled => {
            format!("{} A change is scheduled; amounts may differ after it.", first_sentence(subscription))
        }
        None => first_sentence(subscription),
    };
    if let Some(update) = subscription.pending_update.as_ref().filter(|_| subscription.is_in_force()) {
        let until = update.expires_at.map(|at| format!(", until {}", at.date())).unwrap_or_default();
        text = format!("{text} A plan change is waiting for its payment{until}.");
    }
    text
}

/// What comes next where a schedule decides it. What it charges at its change depends on more than is known here.
fn with_phase(subscription: &Subscription, next: &NextPhase) -> String {
    let (at, change) = match next {
        NextPhase::Ends(at) => return format!("Ends on {}, as scheduled.", at.date()),
        // The amounts stay as they are.
        NextPhase::GoesOn(_) => return first_sentence(subscription),
        NextPhase::Changes { at, plans: Some(plans) } => (*at, format!("changes to {plans}")),
        NextPhase::Changes { at, plans: None } => (*at, "changes as scheduled".to_owned()),
    };
    let renews_before = subscription.pause.is_some() || subscription.current_period_end.is_some_and(|end| end < at);
    if renews_before {
        format!("{} On {} it {change}.", first_sentence(subscription), at.date())
    } else {
        format!("On {} it {change}.", at.date())
    }
}

fn first_sentence(subscription: &Subscription) -> String {
    if let Some(at) = subscription.ended_at {
        return format!("Ended on {}.", at.date());
    }
    if let Some(at) = ends_at(subscription) {
        let renews_before = subscription.current_period_end.filter(|end| *end < at && subscription.pause.is_none());
        return match renews_before {
            Some(end) => {
                format!("{} Ends on {}.", renewal(subscription, end), at.date())
            }
            None if subscription.charges().usage => {
                format!("Ends on {}. What is used until then is still billed.", at.date())
            }
            None => format!("Ends on {}. Nothing more is charged, and everything works until then.", at.date()),
        };
    }
    match (subscription.status.as_str(), &subscription.pause, subscription.current_period_end) {
        ("canceled" | "incomplete_expired", ..) => "It has ended.".to_owned(),
        ("paused", ..) => "Paused: nothing is charged until it is resumed.".to_owned(),
        ("incomplete", ..) => "It starts when its first payment is made.".to_owned(),
        ("unpaid", ..) => "Open invoices must be paid first; new ones are not collected until then.".to_owned(),
        (_, Some(pause), _) => {
            let (until, meanwhile) = pause_words(pause);
            format!("{until}: {meanwhile}.")
        }
        ("trialing", _, end) => trial(subscription, subscription.trial_end.or(end)),
        (_, _, Some(end)) => renewal(subscription, end),
        _ => "Renews automatically.".to_owned(),
    }
}

/// `Collection is paused until 24 Jan 2027`, and what that means meanwhile.
pub fn pause_words(pause: &Pause) -> (String, &'static str) {
    let until = pause.resumes_at.map_or_else(|| "until it is resumed".to_owned(), |at| format!("until {}", at.date()));
    let meanwhile = match pause.behavior.as_str() {
        "void" | "mark_uncollectible" => "nothing is charged meanwhile",
        "keep_as_draft" => "invoices are kept as drafts meanwhile, and can be charged later",
        _ => "invoices are not collected meanwhile",
    };
    (format!("Collection is paused {until}"), meanwhile)
}

fn trial(subscription: &Subscription, end: Option<Timestamp>) -> String {
    let Some(end) = end else { return "Free trial.".to_owned() };
    let then = match (is_sent(subscription), amount_then(subscription, end)) {
        (true, Some(amount)) => format!("The first invoice, {amount}, is sent then."),
        (true, None) => "The first invoice is sent then.".to_owned(),
        (false, Some(amount)) => format!("The first payment of {amount} is made then."),
        (false, None) => "Payments begin then.".to_owned(),
    };
    format!("Free trial until {}. {then}", end.date())
}

fn renewal(subscription: &Subscription, end: Timestamp) -> String {
    let amount = amount_then(subscription, end);
    if is_sent(subscription) {
        let over = amount.map(|amount| format!(" for {amount}")).unwrap_or_default();
        let due = match subscription.days_until_due {
            Some(1) => ", due within a day".to_owned(),
            Some(days) => format!(", due within {days} days"),
            None => String::new(),
        };
        return format!("On {} an invoice{over} is sent{due}.", end.date());
    }
    // Where others renew later, it is only a part that renews.
    let others_later = subscription.items.iter().any(|item| item.current_period_end.is_some_and(|at| at > end));
    match amount {
        Some(amount) if others_later => format!("The next payment, {amount}, is on {}.", end.date()),
        None if others_later => format!("The next payment is on {}.", end.date()),
        Some(amount) => format!("Renews on {} for {amount}.", end.date()),
        None => format!("Renews on {}.", end.date()),
    }
}

fn is_sent(subscription: &Subscription) -> bool {
    subscription.collection_method.as_deref() == Some("send_invoice")
}

/// What is charged at `end`: the items whose period ends then, where that is one amount.
fn amount_then(subscription: &Subscription, end: Timestamp) -> Option<String> {
    let is_due = |at: Option<Timestamp>| at.is_none_or(|at| at <= end);
    let items = subscription.items.iter().filter(|item| is_due(item.current_period_end)).cloned().collect();
    let charges = Subscription { items, ..subscription.clone() }.charges();
    let [charge] = charges.fixed.as_slice() else { return None };
    if charges.unknown {
        return None;
    }
    let usage = if charges.usage { " plus usage" } else { "" };
    let discount = if subscription.discounted { ", before discounts" } else { "" };
    Some(format!("{}{usage}{discount}", charge.money()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use patchbay_domain::billing::{PendingUpdate, Price, SubscriptionItem};

    const END: &str = "2026-12-01T00:00:00Z";

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    fn item(minor: i64, interval: &str, end: &str) -> SubscriptionItem {
        let price = Price {
            unit_amount: Some(minor),
            currency: "eur".to_owned(),
            interval: Some(interval.to_owned()),
            interval_count: 1,
            ..Price::default()
        };
        SubscriptionItem { price, quantity: Some(1), current_period_end: Some(at(end)), ..SubscriptionItem::default() }
    }

    fn plan() -> Subscription {
        Subscription {
            status: "active".to_owned(),
            current_period_end: Some(at(END)),
            items: vec![item(2_900, "month", END)],
            ..Subscription::default()
        }
    }

    fn pause(behavior: &str) -> Pause {
        Pause { behavior: behavior.to_owned(), resumes_at: Some(at("2027-01-24T00:00:00Z")) }
    }

    #[test]
    fn what_happens_next_takes_every_field_into_account() {
        let waits = PendingUpdate { expires_at: Some(at(END)), ..PendingUpdate::default() };
        let cases = [
            (plan(), "Renews on 1 Dec 2026 for 29.00 EUR."),
            (
                Subscription { cancel_at_period_end: true, ..plan() },
                "Ends on 1 Dec 2026. Nothing more is charged, and everything works until then.",
            ),
            (
                Subscription { cancel_at: Some(at("2027-03-01T00:00:00Z")), ..plan() },
                "Renews on 1 Dec 2026 for 29.00 EUR. Ends on 1 Mar 2027.",
            ),
            (
                Subscription { pause: Some(pause("void")), ..plan() },
                "Collection is paused until 24 Jan 2027: nothing is charged meanwhile.",
            ),
            (
                Subscription { pause: Some(pause("keep_as_draft")), ..plan() },
                "Collection is paused until 24 Jan 2027: invoices are kept as drafts meanwhile, and can be charged later.",
            ),
            (
                Subscription { status: "trialing".to_owned(), trial_end: Some(at(END)), ..plan() },
                "Free trial until 1 Dec 2026. The first payment of 29.00 EUR is made then.",
            ),
            (
                Subscription { collection_method: Some("send_invoice".to_owned()), days_until_due: Some(30), ..plan() },
                "On 1 Dec 2026 an invoice for 29.00 EUR is sent, due within 30 days.",
            ),
            (Subscription { discounted: true, ..plan() }, "Renews on 1 Dec 2026 for 29.00 EUR, before discounts."),
            (
                Subscription { schedule: Some("sub_sched_1".to_owned()), ..plan() },
                "Renews on 1 Dec 2026 for 29.00 EUR. A change is scheduled; amounts may differ after it.",
            ),
            (
                Subscription { pending_update: Some(waits), ..plan() },
                "Renews on 1 Dec 2026 for 29.00 EUR. A plan change is waiting for its payment, until 1 Dec 2026.",
            ),
            (Subscription { status: "incomplete".to_owned(), ..plan() }, "It starts when its first payment is made."),
            (
                // Only the monthly item is charged on that day.
                Subscription {
                    items: vec![item(900, "month", END), item(120_000, "year", "2027-11-01T00:00:00Z")],
                    ..plan()
                },
                "The next payment, 9.00 EUR, is on 1 Dec 2026.",
            ),
        ];
        for (subscription, said) in cases {
            assert_eq!(outlook(&subscription, None), said);
        }
    }

    #[test]
    fn a_schedule_says_what_changes_and_when() {
        let scheduled = Subscription { schedule: Some("sub_sched_1".to_owned()), ..plan() };
        let plans = || Some("Scale, 349.00 EUR per month".to_owned());
        let later = at("2027-03-01T00:00:00Z");
        let cases = [
            (
                NextPhase::Changes { at: later, plans: plans() },
                "Renews on 1 Dec 2026 for 29.00 EUR. On 1 Mar 2027 it changes to Scale, 349.00 EUR per month.",
            ),
            // The period's end is the change: what is charged then is not what was.
            (
                NextPhase::Changes { at: at(END), plans: plans() },
                "On 1 Dec 2026 it changes to Scale, 349.00 EUR per month.",
            ),
            (
                NextPhase::Changes { at: later, plans: None },
                "Renews on 1 Dec 2026 for 29.00 EUR. On 1 Mar 2027 it changes as scheduled.",
            ),
            (NextPhase::Ends(later), "Ends on 1 Mar 2027, as scheduled."),
            (NextPhase::GoesOn(later), "Renews on 1 Dec 2026 for 29.00 EUR."),
        ];
        for (next, said) in cases {
            assert_eq!(outlook(&scheduled, Some(&next)), said);
        }
        // Without a schedule, what is held of an old one does not count.
        assert_eq!(outlook(&plan(), Some(&NextPhase::Ends(later))), "Renews on 1 Dec 2026 for 29.00 EUR.");
    }

    #[test]
    fn where_an_amount_is_not_known_none_is_named() {
        let mut metered = plan();
        metered.items[0].price.metered = true;
        assert_eq!(outlook(&metered, None), "Renews on 1 Dec 2026.");
        metered.items.push(item(500, "month", END));
        assert_eq!(outlook(&metered, None), "Renews on 1 Dec 2026 for 5.00 EUR plus usage.");
        metered.cancel_at_period_end = true;
        assert_eq!(outlook(&metered, None), "Ends on 1 Dec 2026. What is used until then is still billed.");
    }
}
