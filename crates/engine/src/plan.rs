//! Changing a subscription's plan: the same rules for staff and customers.

use crate::{Engine, PlanChangePreview, act::billing, storage_failed};
use patchbay_domain::{
    ObjectKey, Timestamp, UserError,
    billing::{PRICE, PRODUCT, Price, Product, Subscription},
    error::Reason,
};
use patchbay_providers::{Connection, provider::PlanChange};
use patchbay_store::{PageRequest, Record, RecordFilter};
use std::{sync::Arc, time::Duration};

/// How long a preview may be looked at before it must be made anew.
const PREVIEW_AGE: Duration = Duration::from_hours(1);
/// Plans on offer; more than this is a catalogue, not a choice.
const OFFERS: u32 = 200;

/// A price somebody can choose.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanOption {
    pub price: Price,
    pub product: Product,
    /// The one the subscription has now.
    pub current: bool,
}

pub(crate) fn subscription(record: &Record) -> Result<Subscription, UserError> {
    record.decode().map_err(|error| {
        tracing::error!(object = %record.key, %error, "a stored record cannot be read");
        UserError::internal()
    })
}

/// Recurring active prices of active products, cheapest first, in the subscription's currency where there is one.
pub(crate) async fn options(
    engine: &Engine,
    connection: &str,
    current: Option<&Subscription>,
) -> Result<Vec<PlanOption>, UserError> {
    let store = &engine.0.store;
    let page = PageRequest { limit: OFFERS, ..PageRequest::default() };
    let filter = |kind| RecordFilter {
        connection: Some(connection.to_owned()),
        status: Some("active".to_owned()),
        ..RecordFilter::of(kind)
    };
    let products = store.list_records(&filter(PRODUCT), &page).await.map_err(|error| storage_failed(&error))?;
    let prices = store.list_records(&filter(PRICE), &page).await.map_err(|error| storage_failed(&error))?;
    let products: Vec<Product> = products.items.iter().filter_map(|record| record.decode().ok()).collect();
    let has_now = current.and_then(|subscription| subscription.items.first()).map(|item| item.price.id.as_str());
    let mut options: Vec<PlanOption> = prices
        .items
        .iter()
        .filter_map(|record| record.decode::<Price>().ok())
        .filter(|price| price.interval.is_some() && current.is_none_or(|now| now.currency == price.currency))
        .filter_map(|price| {
            let product = products.iter().find(|product| product.id == price.product)?.clone();
            Some(PlanOption { current: has_now == Some(price.id.as_str()), price, product })
        })
        .collect();
    options.sort_by(|one, other| {
        let rank = |option: &PlanOption| {
            (option.price.currency.clone(), option.price.interval.clone(), option.price.unit_amount)
        };
        rank(one).cmp(&rank(other))
    });
    Ok(options)
}

pub(crate) async fn preview(
    engine: &Engine,
    connection: &Arc<dyn Connection>,
    record: &Record,
    price: &str,
) -> Result<PlanChangePreview, UserError> {
    // Providers count in whole seconds; so does the moment that both calls share.
    let proration_at = Timestamp::from_seconds(engine.clock().now().seconds());
    let change = checked_change(engine, record, price, proration_at).await?;
    let subscription = subscription(record)?;
    let invoice = billing(connection)?
        .preview_plan_change(&subscription.customer, &change)
        .await
        .map_err(|error| error.for_person())?;
    let price = find_price(engine, &record.connection, price).await?;
    Ok(PlanChangePreview { subscription, price, invoice, proration_at })
}

pub(crate) async fn checked_change(
    engine: &Engine,
    record: &Record,
    price: &str,
    proration_at: Timestamp,
) -> Result<PlanChange, UserError> {
    let now = engine.clock().now();
    if now.since(proration_at) > PREVIEW_AGE || proration_at > now {
        return Err(UserError::new(
            Reason::Conflict,
            "This preview is over an hour old. Look at a fresh one before you agree.",
        ));
    }
    let subscription = subscription(record)?;
    let item = subscription
        .items
        .first()
        .ok_or_else(|| UserError::new(Reason::Invalid, "This subscription has no item whose plan could change."))?;
    if subscription.ended_at.is_some() {
        return Err(UserError::new(Reason::Conflict, "This subscription has ended. Start a new one instead."));
    }
    if item.price.id == price {
        return Err(UserError::new(Reason::Invalid, "That is the plan it has already. Choose another one."));
    }
    let wanted = find_price(engine, &record.connection, price).await?;
    if !wanted.active || wanted.currency != subscription.currency {
        return Err(UserError::new(
            Reason::Invalid,
            "That plan is not on offer for this subscription. Choose one from the list.",
        ));
    }
    Ok(PlanChange {
        subscription: subscription.id,
        item: item.id.clone(),
        price: wanted.id,
        quantity: item.quantity,
        proration_at,
    })
}

pub(crate) async fn find_price(engine: &Engine, connection: &str, price: &str) -> Result<Price, UserError> {
    let record = engine.0.store.record(Some(connection), &ObjectKey::new(PRICE, price)).await;
    let record = record.map_err(|error| storage_failed(&error))?.ok_or_else(|| UserError::not_found("plan"))?;
    record.decode().map_err(|_| UserError::internal())
}
