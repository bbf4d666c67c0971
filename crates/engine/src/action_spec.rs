//! Every action there is, declared once: what the audit log calls it, and how it is found out what became of one that was left
//! without an answer.

use patchbay_domain::{
    Change, Kind, RecordBody, State,
    billing::{PaymentMethod, Subscription},
};

/// None where the target cannot be read.
pub type TookEffect = fn(&Change) -> Option<bool>;

/// One action, of staff, of customers or of somebody at the command line.
pub struct ActionSpec {
    /// `subscription.cancel`: noun, dot, verb.
    pub name: &'static str,
    /// For a list of what people did.
    pub words: &'static str,
    /// Tells from the target as it is now whether the action took effect; none where only a person can tell.
    pub took_effect: Option<TookEffect>,
}

const fn ours(name: &'static str, words: &'static str) -> ActionSpec {
    ActionSpec { name, words, took_effect: None }
}

const fn by_reading(name: &'static str, words: &'static str, took_effect: TookEffect) -> ActionSpec {
    ActionSpec { name, words, took_effect: Some(took_effect) }
}

/// In the order of their names.
pub const ACTIONS: &[ActionSpec] = &[
    by_reading("asset.delete", "Delete a video", is_deleted),
    ours("audit.settle", "Say what became of an action"),
    ours("connection.check", "Check what keys may read"),
    ours("connection.rename", "Rename a connection"),
    ours("customer.create", "Create a customer"),
    ours("customer.found_deleted", "Find a customer deleted"),
    ours("database.back_up", "Back up the database"),
    ours("database.migrate", "Bring the schema up to date"),
    ours("database.restore", "Restore the database"),
    ours("events.replay", "Replay events"),
    ours("inbox.retry", "Retry what was set aside"),
    ours("list.export", "Export a list"),
    ours("payment_method.add", "Add a payment method"),
    by_reading("payment_method.remove", "Remove a payment method", is_detached),
    ours("payment_method.set_default", "Set the default payment method"),
    by_reading("subscription.cancel", "Cancel at the end of the period", ends),
    by_reading("subscription.cancel_now", "Cancel at once", is_over),
    ours("subscription.change_plan", "Change the plan"),
    ours("subscription.checkout", "Start a subscription"),
    by_reading("subscription.keep", "Keep a canceled subscription", goes_on),
    ours("subscription.set_payment_method", "Set a subscription's payment method"),
    ours("sync.cancel", "Cancel a sync"),
    ours("sync.start", "Start a sync"),
];

pub fn action_spec(name: &str) -> Option<&'static ActionSpec> {
    ACTIONS.iter().find(|spec| spec.name == name)
}

/// What the object says, or `gone` where there is none any more.
fn judge<B: RecordBody>(change: &Change, gone: bool, says: impl FnOnce(&B) -> bool) -> Option<bool> {
    match &change.state {
        State::Present { body, .. } => Some(says(&serde_json::from_value(body.clone()).ok()?)),
        State::Deleted => Some(gone),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it stands beside those that may not know")]
fn is_deleted(change: &Change) -> Option<bool> {
    Some(matches!(change.state, State::Deleted))
}

fn is_detached(change: &Change) -> Option<bool> {
    judge::<PaymentMethod>(change, true, |method| method.customer.is_none())
}

fn ends(change: &Change) -> Option<bool> {
    judge(change, true, Subscription::is_ending)
}

fn is_over(change: &Change) -> Option<bool> {
    judge::<Subscription>(change, true, |subscription| !subscription.is_running())
}

fn goes_on(change: &Change) -> Option<bool> {
    judge::<Subscription>(change, false, |subscription| !subscription.is_ending())
}

/// Kinds whose records the declared actions are about, for those who look for the target.
pub(crate) fn is_about_record(kind: &Kind) -> bool {
    patchbay_providers::registry::PROVIDERS.iter().any(|entry| entry.manifest.kind(kind).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use patchbay_domain::{ObjectKey, Timestamp, billing::SUBSCRIPTION, video};

    #[test]
    fn actions_are_in_the_order_of_their_names_and_no_name_stands_twice() {
        assert!(ACTIONS.windows(2).all(|pair| pair[0].name < pair[1].name));
    }

    #[test]
    fn a_subscription_tells_by_itself_what_became_of_an_action() {
        let as_it_is = |subscription: Subscription| Change {
            key: ObjectKey::new(SUBSCRIPTION, "sub_1"),
            version: Timestamp(1).into(),
            state: State::Present { index: subscription.index(), body: serde_json::to_value(subscription).unwrap() },
        };
        let active = || Subscription { status: "active".to_owned(), ..Subscription::default() };
        let running = as_it_is(active());
        let ending = as_it_is(Subscription { cancel_at_period_end: true, ..active() });
        let by_date = as_it_is(Subscription { cancel_at: Some(Timestamp(9)), ..active() });
        let over = as_it_is(Subscription { status: "canceled".to_owned(), ..Subscription::default() });
        let took = |name: &str, change: &Change| action_spec(name).unwrap().took_effect.unwrap()(change);
        let all = |name: &str| [&running, &ending, &by_date, &over].map(|change| took(name, change));
        assert_eq!(all("subscription.cancel"), [false, true, true, true].map(Some));
        assert_eq!(all("subscription.cancel_now"), [false, false, false, true].map(Some));
        assert_eq!(all("subscription.keep"), [true, false, false, false].map(Some));
        let body = serde_json::json!({ "status": 7 });
        let state = State::Present { index: patchbay_domain::Index::default(), body };
        let odd = Change { state, ..running.clone() };
        for name in ["subscription.cancel", "subscription.cancel_now", "subscription.keep"] {
            assert_eq!(took(name, &odd), None, "{name}: what cannot be read tells nothing");
        }
        let gone = Change::deleted(ObjectKey::new(video::Asset::KIND, "a1"), Timestamp(1));
        assert_eq!((took("asset.delete", &gone), took("asset.delete", &running)), (Some(true), Some(false)));
    }
}
