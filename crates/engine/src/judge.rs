//! An action is judged by the object that comes back, not by the answer's status.

use patchbay_domain::{Change, RecordBody, State, billing::Subscription};
use patchbay_providers::{ErrorKind, ProviderError};

/// Keeps the answer only if `why_not` finds nothing against it.
fn judged<B: RecordBody>(
    provider: &'static str,
    operation: &'static str,
    change: Change,
    why_not: impl FnOnce(&B) -> Option<String>,
) -> Result<Change, ProviderError> {
    let State::Present { body, .. } = &change.state else { return Ok(change) };
    // What cannot be read here is written as it came; the pages say what it is.
    let reason = serde_json::from_value::<B>(body.clone()).ok().and_then(|body| why_not(&body));
    match reason {
        Some(reason) => Err(ProviderError::new(provider, operation, ErrorKind::Refused, reason)),
        None => Ok(change),
    }
}

/// A subscription that was to be kept does not end any more.
pub(crate) fn kept(provider: &'static str, change: Change) -> Result<Change, ProviderError> {
    judged::<Subscription>(provider, "subscriptions.keep", change, |subscription| {
        let ends =
            subscription.cancel_at.or(subscription.current_period_end.filter(|_| subscription.cancel_at_period_end));
        if subscription.ended_at.is_some() {
            return Some("the subscription is over and cannot be kept".to_owned());
        }
        ends.map(|at| format!("the subscription still ends on {}", at.date()))
    })
}

/// A subscription that was to be cancelled ends.
pub(crate) fn cancelled(provider: &'static str, change: Change) -> Result<Change, ProviderError> {
    judged::<Subscription>(provider, "subscriptions.cancel", change, |subscription| {
        (!subscription.is_ending()).then(|| "the subscription goes on: it was not canceled".to_owned())
    })
}

/// A subscription that was to change has the price, or gets it with its payment.
pub(crate) fn moved(provider: &'static str, change: Change, price: &str) -> Result<Change, ProviderError> {
    judged::<Subscription>(provider, "subscriptions.update", change, |subscription| {
        let moves = subscription.has_price(price) || subscription.awaits_price(price);
        (!moves).then(|| match &subscription.pending_update {
            Some(_) => "another change of it waits for its payment".to_owned(),
            None => "the subscription still has its old price".to_owned(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use patchbay_domain::{
        Timestamp,
        billing::{PendingUpdate, Price, SubscriptionItem},
    };

    fn answer(subscription: &Subscription) -> Change {
        Change::present(subscription, Timestamp(1)).unwrap()
    }

    #[test]
    fn an_answer_that_did_not_do_it_is_an_error() {
        let ending = Subscription { cancel_at: Some(Timestamp(86_400_000_000)), ..Subscription::default() };
        let kept_on = Subscription::default();
        let reason = kept("Stripe", answer(&ending)).unwrap_err();
        assert_eq!(&*reason.message, "the subscription still ends on 2 Jan 1970");
        assert!(kept("Stripe", answer(&kept_on)).is_ok());
        assert!(cancelled("Stripe", answer(&ending)).is_ok() && cancelled("Stripe", answer(&kept_on)).is_err());
        let item = SubscriptionItem {
            price: Price { id: "price_new".to_owned(), ..Price::default() },
            ..SubscriptionItem::default()
        };
        let new = Subscription { items: vec![item], ..Subscription::default() };
        assert!(moved("Stripe", answer(&new), "price_new").is_ok());
        let update = PendingUpdate { prices: vec!["price_new".to_owned()], ..PendingUpdate::default() };
        let waits = Subscription { pending_update: Some(update), ..Subscription::default() };
        assert!(moved("Stripe", answer(&waits), "price_new").is_ok());
        let other = moved("Stripe", answer(&waits), "price_other").unwrap_err();
        assert_eq!(&*other.message, "another change of it waits for its payment");
        assert!(
            moved("Stripe", answer(&kept_on), "price_new").unwrap_err().message.contains("still has its old price")
        );
    }
}
