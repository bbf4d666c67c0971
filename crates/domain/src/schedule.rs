//! What is planned for a subscription, phase by phase.

use crate::{Index, Kind, RecordBody, Timestamp, billing::Subscription};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

pub const SCHEDULE: Kind = Kind::new("subscription_schedule");

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    pub id: String,
    pub customer: Option<String>,
    /// None before it began and after it was released.
    pub subscription: Option<String>,
    /// `not_started`, `active`, `completed`, `released`, `canceled`.
    pub status: String,
    /// What becomes of the subscription after the last phase: `release`, `cancel`, …
    pub end_behavior: String,
    /// When the phase that runs began.
    pub current_phase: Option<Timestamp>,
    pub phases: Vec<Phase>,
    pub created_at: Timestamp,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    pub starts_at: Timestamp,
    pub ends_at: Option<Timestamp>,
    pub items: Vec<PhaseItem>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PhaseItem {
    /// The price's id.
    pub price: String,
    pub quantity: Option<i64>,
}

/// What a schedule does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next<'a> {
    Changes {
        at: Timestamp,
        to: &'a [PhaseItem],
    },
    Ends(Timestamp),
    /// The schedule is over then, and the subscription goes on as it is.
    GoesOn(Timestamp),
}

impl Schedule {
    /// What it does next with its subscription; none where what we hold of the two does not fit together.
    pub fn next_for(&self, subscription: &Subscription) -> Option<Next<'_>> {
        let is_its_own = subscription.schedule.as_ref() == Some(&self.id)
            && self.subscription.as_ref() == Some(&subscription.id)
            && self.status == "active";
        let running = self.phases.iter().find(|phase| Some(phase.starts_at) == self.current_phase)?;
        // Somebody changed one of them, and our copy of the other is not the latest.
        if !is_its_own || !running.is_of(subscription) {
            return None;
        }
        let later = self.phases.iter().filter(|phase| phase.starts_at > running.starts_at);
        match later.min_by_key(|phase| phase.starts_at) {
            // Something else changes: a discount, a trial.
            Some(phase) if phase.items == running.items => None,
            Some(phase) => Some(Next::Changes { at: phase.starts_at, to: &phase.items }),
            None => match self.end_behavior.as_str() {
                "cancel" => running.ends_at.map(Next::Ends),
                "release" => running.ends_at.map(Next::GoesOn),
                _ => None,
            },
        }
    }
}

impl Phase {
    fn is_of(&self, subscription: &Subscription) -> bool {
        let has: BTreeSet<&str> = subscription.items.iter().map(|item| item.price.id.as_str()).collect();
        has == self.items.iter().map(|item| item.price.as_str()).collect()
    }
}

impl RecordBody for Schedule {
    const KIND: Kind = SCHEDULE;

    fn id(&self) -> &str {
        &self.id
    }

    fn index(&self) -> Index {
        Index {
            status: self.status.clone(),
            owner: self.customer.clone(),
            parent: self.subscription.clone(),
            created_at: self.created_at,
            ..Index::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::billing::{Price, SubscriptionItem};

    fn phase(starts_at: i64, price: &str) -> Phase {
        Phase {
            starts_at: Timestamp(starts_at),
            ends_at: Some(Timestamp(starts_at + 10)),
            items: vec![PhaseItem { price: price.to_owned(), quantity: Some(1) }],
        }
    }

    fn schedule(phases: Vec<Phase>) -> Schedule {
        Schedule {
            id: "sub_sched_1".to_owned(),
            subscription: Some("sub_1".to_owned()),
            status: "active".to_owned(),
            end_behavior: "release".to_owned(),
            current_phase: Some(Timestamp(0)),
            phases,
            ..Schedule::default()
        }
    }

    fn subscription(price: &str) -> Subscription {
        let price = Price { id: price.to_owned(), ..Price::default() };
        Subscription {
            id: "sub_1".to_owned(),
            schedule: Some("sub_sched_1".to_owned()),
            items: vec![SubscriptionItem { price, ..SubscriptionItem::default() }],
            ..Subscription::default()
        }
    }

    #[test]
    fn the_phase_after_the_one_that_runs_is_next() {
        let plan = schedule(vec![phase(-10, "before"), phase(0, "now"), phase(20, "last"), phase(10, "next")]);
        let next = plan.next_for(&subscription("now"));
        assert!(matches!(next, Some(Next::Changes { at: Timestamp(10), to }) if to[0].price == "next"), "{next:?}");
    }

    #[test]
    fn after_the_last_phase_it_ends_or_goes_on() {
        let last = schedule(vec![phase(0, "now")]);
        assert_eq!(last.next_for(&subscription("now")), Some(Next::GoesOn(Timestamp(10))));
        let cancels = Schedule { end_behavior: "cancel".to_owned(), ..last.clone() };
        assert_eq!(cancels.next_for(&subscription("now")), Some(Next::Ends(Timestamp(10))));
        let unheard_of = Schedule { end_behavior: "renew".to_owned(), ..last };
        assert_eq!(unheard_of.next_for(&subscription("now")), None);
    }

    #[test]
    fn what_does_not_fit_together_says_nothing() {
        let plan = schedule(vec![phase(0, "now"), phase(10, "next")]);
        assert_eq!(plan.next_for(&subscription("next")), None, "the phase is over");
        let elsewhere = Subscription { id: "sub_2".to_owned(), ..subscription("now") };
        assert_eq!(plan.next_for(&elsewhere), None);
        let released = Schedule { status: "released".to_owned(), ..plan };
        assert_eq!(released.next_for(&subscription("now")), None);
    }
}
