//! Payments that the customer has to confirm to their bank.

use crate::{
    actions::{NORTHWIND, Tried, UMBRA, desk, operator, staff},
    world::World,
};
use patchbay_domain::{
    ObjectKey, RecordRef, Role,
    billing::{SUBSCRIPTION, Subscription},
    error::Reason,
};
use patchbay_engine::{CustomerDesk, Engine, OpenPayment, PlanChanged};
use patchbay_store::PageRequest;
use std::{sync::atomic::Ordering, time::Duration};

async fn manager(engine: &Engine) -> CustomerDesk {
    desk(engine, NORTHWIND, Role::CustomerManager).await
}

async fn subscription(engine: &Engine) -> Subscription {
    manager(engine).await.subscription().await.unwrap().unwrap()
}

/// Northwind pays with this card from now on.
async fn pays_with(world: &World, card: &str) {
    let held = subscription(&world.synced().await).await;
    let path = format!("payment_methods/{card}/attach");
    let card = world.post(&path, &[("customer", &held.customer)], Duration::ZERO).await;
    let form = [("default_payment_method", card["id"].as_str().unwrap())];
    world.post(&format!("subscriptions/{}", held.id), &form, Duration::from_secs(1)).await;
    world.line.writes.store(0, Ordering::SeqCst);
}

/// The dearest monthly plan: changing to it costs something.
async fn dearest(engine: &Engine) -> String {
    let plans = manager(engine).await.plans().await.unwrap();
    let monthly = |price: &patchbay_domain::billing::Price| price.interval.as_deref() == Some("month");
    plans.into_iter().rfind(|plan| !plan.current && monthly(&plan.price)).unwrap().price.id
}

async fn told(world: &World, engine: &Engine) {
    for event in world.events().await {
        world.deliver(engine, &event).await.unwrap();
    }
    engine.drain().await.unwrap();
}

async fn open_payment(engine: &Engine) -> Option<OpenPayment> {
    manager(engine).await.home().await.unwrap().awaited.payment
}

#[tokio::test]
async fn a_change_whose_payment_is_to_be_confirmed_waits_and_comes_into_force_with_the_confirmation() {
    let world = World::new().await;
    pays_with(&world, "pm_card_authenticationRequired").await;
    let engine = world.synced().await;
    let (before, price) = (subscription(&engine).await, dearest(&engine).await);
    let quote = manager(&engine).await.preview_plan_change(&price).await.unwrap().quote;
    let sent = async |engine: &Engine, form: &str| {
        let changed = manager(engine).await.change_plan(&price, &quote, form).await?;
        let PlanChanged::WhenPaid(Some(payment)) = changed else { panic!("it does not wait: {changed:?}") };
        assert!(payment.asks_customer() && payment.invoice.hosted_invoice_url.is_some(), "{payment:?}");
        Ok(())
    };
    Tried { action: "subscription.change_plan", calls: 1, sent }.holds(&world, &engine).await;
    let waits = subscription(&engine).await;
    assert_eq!((&waits.items, waits.status.as_str()), (&before.items, "active"));
    assert!(waits.awaits_price(&price));
    let home = manager(&engine).await.home().await.unwrap();
    assert!(home.awaited.plan.unwrap().contains("349.00 EUR per month"));
    let again = manager(&engine).await.preview_plan_change(&price).await.unwrap_err();
    assert!(again.reason == Reason::Conflict && again.message.contains("already waiting for its payment"), "{again}");

    world.at_the_bank(&home.awaited.payment.unwrap().invoice.id, "confirm").await;
    told(&world, &engine).await;
    let after = subscription(&engine).await;
    assert!(after.has_price(&price) && after.pending_update.is_none(), "{after:?}");
    assert_eq!(open_payment(&engine).await, None);
}

#[tokio::test]
async fn a_change_that_nobody_confirms_lapses_and_can_be_asked_for_again() {
    let world = World::new().await;
    pays_with(&world, "pm_card_authenticationRequired").await;
    let engine = world.synced().await;
    let (before, price) = (subscription(&engine).await, dearest(&engine).await);
    let held = RecordRef::new("stripe", ObjectKey::new(SUBSCRIPTION, &*before.id));
    let quote = operator(&engine).preview_plan_change(&held, &price).await.unwrap().quote;
    let changed = operator(&engine).change_plan(&held, &price, &quote, "form_1").await.unwrap();
    assert!(matches!(changed, PlanChanged::WhenPaid(Some(payment)) if payment.asks_customer()));
    let record = engine.store().record(&held.connection, &held.key).await.unwrap().unwrap();
    let awaited = engine.staff(&staff(Role::StaffViewer)).unwrap().awaited(&record, &record.decode().unwrap()).await;
    assert!(awaited.unwrap().payment.unwrap().asks_customer());
    world.clock.advance(Duration::from_hours(23));
    told(&world, &engine).await;
    let after = subscription(&engine).await;
    assert_eq!((after.items, after.pending_update), (before.items, None));
    manager(&engine).await.preview_plan_change(&price).await.unwrap();
}

#[tokio::test]
async fn a_change_whose_payment_is_declined_waits_and_names_the_reason() {
    let world = World::new().await;
    pays_with(&world, "pm_card_chargeCustomerFail").await;
    let engine = world.synced().await;
    let price = dearest(&engine).await;
    let quote = manager(&engine).await.preview_plan_change(&price).await.unwrap().quote;
    let changed = manager(&engine).await.change_plan(&price, &quote, "form_1").await.unwrap();
    let PlanChanged::WhenPaid(Some(payment)) = changed else { panic!("{changed:?}") };
    assert_eq!((payment.asks_customer(), payment.refusal()), (false, Some("Your card was declined.")));
    let after = subscription(&engine).await;
    assert!(!after.has_price(&price) && after.status == "active");
}

#[tokio::test]
async fn a_payment_that_is_to_be_confirmed_is_known_from_its_event_alone() {
    let world = World::new().await;
    pays_with(&world, "pm_card_authenticationRequired").await;
    let engine = world.synced().await;
    let (held, price) = (subscription(&engine).await, dearest(&engine).await);
    let form = [
        ("items[0][id]", held.items[0].id.as_str()),
        ("items[0][price]", &price),
        ("proration_behavior", "always_invoice"),
    ];
    // As the provider's own pages do it: what was delivered is owed.
    world.post(&format!("subscriptions/{}", held.id), &form, Duration::from_secs(1)).await;
    told(&world, &engine).await;
    assert_eq!(subscription(&engine).await.status, "past_due");
    assert!(open_payment(&engine).await.unwrap().asks_customer());
}

/// The bank takes days. Its invoice is open meanwhile, and a second payment would be one too many.
#[tokio::test]
async fn an_invoice_whose_debit_is_being_processed_is_not_asked_for_again() {
    let world = World::new().await;
    let engine = world.synced().await;
    let umbra = async || desk(&engine, UMBRA, Role::CustomerManager).await;
    let plans = umbra().await.plans().await.unwrap();
    let price = plans.into_iter().find(|plan| plan.price.currency == "eur" && !plan.current).unwrap().price.id;
    let page = umbra().await.start_subscription(&price, "https://patchbay.test/billing", "form_1").await.unwrap();
    world.on_the_page(&page, &[("iban", "AT61 1904 3002 3457 3201"), ("email", "ulla@umbra.test")]).await;
    told(&world, &engine).await;
    let invoices = umbra().await.invoices(&PageRequest::default()).await.unwrap().items;
    assert!(!invoices.is_empty(), "it has an invoice");
    assert!(invoices.iter().all(|own| own.under_way && own.invoice.status == "open"), "{invoices:?}");
    assert_eq!(umbra().await.invoice(&invoices[0].invoice.id).await.unwrap(), invoices[0]);
}
