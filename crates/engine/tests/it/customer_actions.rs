//! Every action of a customer's desk, as it is used.

use crate::{
    actions::{NORTHWIND, Tried, UMBRA, a_record, audit, desk, of_organisation, origin},
    world::World,
};
use patchbay_domain::{
    Role, UserError,
    billing::{CUSTOMER, Subscription},
    error::Reason,
};
use patchbay_engine::{CustomerDesk, Engine};
use patchbay_providers::billing::CancelReason;
use patchbay_store::RecordFilter;
use std::{sync::atomic::Ordering, time::Duration};

const BACK: &str = "http://127.0.0.1:3000/billing";

async fn manager(engine: &Engine) -> CustomerDesk {
    desk(engine, NORTHWIND, Role::CustomerManager).await
}

async fn subscription(engine: &Engine) -> Subscription {
    manager(engine).await.subscription().await.unwrap().unwrap()
}

/// A plan that Northwind does not have.
async fn another_plan(engine: &Engine) -> String {
    let plans = manager(engine).await.plans().await.unwrap();
    plans.into_iter().find(|plan| !plan.current).unwrap().price.id
}

/// A second card of Northwind's, which pays nothing yet.
async fn another_card(world: &World) -> String {
    let engine = world.synced().await;
    let customer = subscription(&engine).await.customer;
    let card =
        world.post("payment_methods/pm_card_mastercard/attach", &[("customer", &customer)], Duration::ZERO).await;
    world.line.writes.store(0, Ordering::SeqCst);
    card["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_plan_is_changed() {
    let world = World::new().await;
    let engine = world.synced().await;
    let price = another_plan(&engine).await;
    let quote = manager(&engine).await.preview_plan_change(&price).await.unwrap().quote;
    let sent =
        async |engine: &Engine, form: &str| manager(engine).await.change_plan(&price, &quote, form).await.map(drop);
    Tried { action: "subscription.change_plan", calls: 1, sent }.holds(&world, &engine).await;
    assert_eq!(subscription(&engine).await.items[0].price.id, price);
}

#[tokio::test]
async fn a_plan_is_cancelled_and_kept() {
    let world = World::new().await;
    let engine = world.synced().await;
    let reason = CancelReason { feedback: Some("unused".to_owned()), comment: None };
    let sent = async |engine: &Engine, form: &str| manager(engine).await.cancel(&reason, form).await;
    Tried { action: "subscription.cancel", calls: 1, sent }.holds(&world, &engine).await;
    assert!(subscription(&engine).await.cancel_at_period_end);
    let sent = async |engine: &Engine, form: &str| manager(engine).await.keep(form).await;
    world.line.writes.store(0, Ordering::SeqCst);
    Tried { action: "subscription.keep", calls: 1, sent }.holds(&world, &engine).await;
    assert!(!subscription(&engine).await.cancel_at_period_end);
}

#[tokio::test]
async fn another_card_becomes_the_default() {
    let world = World::new().await;
    let card = another_card(&world).await;
    let engine = world.synced().await;
    let sent = async |engine: &Engine, form: &str| manager(engine).await.set_default_payment_method(&card, form).await;
    Tried { action: "payment_method.set_default", calls: 2, sent }.holds(&world, &engine).await;
    let home = manager(&engine).await.home().await.unwrap();
    assert_eq!(home.customer.unwrap().default_payment_method, Some(card.clone()));
    // Where the subscription names a card of its own, it is that one that pays.
    if let Some(pays) = home.subscription.unwrap().default_payment_method {
        assert_eq!(pays, card);
    }
}

#[tokio::test]
async fn a_card_is_removed() {
    let world = World::new().await;
    let card = another_card(&world).await;
    let engine = world.synced().await;
    let sent = async |engine: &Engine, form: &str| match manager(engine).await.remove_payment_method(&card, form).await
    {
        // It is not theirs any more: the second form finds it gone.
        Err(error) if error.reason == Reason::NotFound && form == "form_1" => Ok(()),
        outcome => outcome,
    };
    Tried { action: "payment_method.remove", calls: 1, sent }.holds(&world, &engine).await;
    let methods = manager(&engine).await.payment_methods().await.unwrap();
    assert!(!methods.is_empty() && methods.iter().all(|method| method.id != card));
}

#[tokio::test]
async fn a_card_that_pays_the_subscription_is_not_removed() {
    let world = World::new().await;
    let engine = world.synced().await;
    let card = manager(&engine).await.payment_methods().await.unwrap()[0].id.clone();
    let refused = manager(&engine).await.remove_payment_method(&card, "form_1").await.unwrap_err();
    assert_eq!(refused.reason, Reason::Conflict);
    assert_eq!(world.line.writes.load(Ordering::SeqCst), 0);
}

/// The same form leads to the same page of the provider, however often it is sent.
#[tokio::test]
async fn a_first_subscription_is_led_to_one_page_and_one_customer() {
    let world = World::new().await;
    let (engine, crashed) = (world.synced().await, world.synced().await);
    let umbra = async |engine: &Engine| desk(engine, UMBRA, Role::CustomerManager).await;
    let price = umbra(&engine).await.plans().await.unwrap()[0].price.id.clone();
    let start = async |engine: &Engine, form: &str| umbra(engine).await.start_subscription(&price, BACK, form).await;
    world.line.refuses.store(true, Ordering::SeqCst);
    assert_eq!(start(&engine, "form_refused").await.unwrap_err().reason, Reason::Invalid);
    world.line.refuses.store(false, Ordering::SeqCst);
    let first = start(&crashed, "form_1").await.unwrap();
    let again = start(&engine, "form_1").await.unwrap();
    let twice = start(&engine, "form_1").await.unwrap();
    assert_eq!((&first, &first), (&again, &twice));
    let filter = RecordFilter { organisation: Some(UMBRA.to_owned()), ..RecordFilter::of(CUSTOMER) };
    let customers = engine.store().list_records(&filter, &patchbay_store::PageRequest::default()).await.unwrap();
    assert_eq!(customers.items.len(), 1);
    let told = audit(&engine, "subscription.checkout").await;
    assert!(told.iter().all(|entry| entry.organisation.as_deref() == Some(UMBRA)) && !told.is_empty());
}

#[tokio::test]
async fn a_new_card_is_led_to_one_page() {
    let world = World::new().await;
    let engine = world.synced().await;
    let add = async |form: &str| manager(&engine).await.add_payment_method(BACK, form).await;
    world.line.refuses.store(true, Ordering::SeqCst);
    assert_eq!(add("form_refused").await.unwrap_err().reason, Reason::Invalid);
    world.line.refuses.store(false, Ordering::SeqCst);
    let first = add("form_1").await.unwrap();
    assert_eq!(add("form_1").await.unwrap(), first);
    assert_ne!(add("form_2").await.unwrap(), first);
}

#[tokio::test]
async fn who_has_a_subscription_starts_no_second_one() {
    let world = World::new().await;
    let engine = world.synced().await;
    let price = another_plan(&engine).await;
    let refused = manager(&engine).await.start_subscription(&price, BACK, "form_1").await.unwrap_err();
    assert_eq!(refused.reason, Reason::Conflict);
    assert_eq!(world.line.writes.load(Ordering::SeqCst), 0);
}

/// Everything a desk can do, for those who may not do it.
async fn everything(desk: &CustomerDesk, price: &str, method: &str, quote: &str) -> Vec<Result<(), UserError>> {
    vec![
        desk.change_plan(price, quote, "form_1").await.map(drop),
        desk.cancel(&CancelReason::default(), "form_1").await,
        desk.keep("form_1").await,
        desk.start_subscription(price, BACK, "form_1").await.map(drop),
        desk.add_payment_method(BACK, "form_1").await.map(drop),
        desk.set_default_payment_method(method, "form_1").await,
        desk.remove_payment_method(method, "form_1").await,
    ]
}

#[tokio::test]
async fn a_member_sees_everything_and_does_nothing() {
    let world = World::new().await;
    let engine = world.synced().await;
    let member = desk(&engine, NORTHWIND, Role::CustomerMember).await;
    let home = member.home().await.unwrap();
    let why = home.look_only.unwrap();
    assert!(why.contains("admin") && why.contains("Northwind Traders"), "{why}");
    let price = another_plan(&engine).await;
    let quote = member.preview_plan_change(&price).await.unwrap().quote;
    let method = home.methods[0].id.clone();
    for outcome in everything(&member, &price, &method, &quote).await {
        let refused = outcome.unwrap_err();
        assert_eq!((refused.reason, &refused.message), (Reason::Forbidden, &why));
    }
    assert_eq!(world.line.writes.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn staff_have_no_desk() {
    let world = World::new().await;
    let engine = world.engine().await;
    for role in [Role::StaffAdmin, Role::StaffViewer] {
        let staff = patchbay_domain::Principal { organisation: None, ..of_organisation(NORTHWIND, role) };
        assert_eq!(engine.customer(&staff, &origin()).await.err().unwrap().reason, Reason::Forbidden);
    }
}

#[tokio::test]
async fn nobody_acts_on_what_another_organisation_has() {
    let world = World::new().await;
    let engine = world.synced().await;
    let northwind = subscription(&engine).await;
    let theirs = northwind.customer.clone();
    let others_method =
        a_record(&engine, "payment_method", |record| record.index.owner.as_ref() != Some(&theirs)).await;
    let desk_of_northwind = manager(&engine).await;
    for outcome in [
        desk_of_northwind.set_default_payment_method(&others_method, "form_1").await,
        desk_of_northwind.remove_payment_method(&others_method, "form_1").await,
        desk_of_northwind.invoice("in_of_somebody_else").await.map(drop),
    ] {
        assert_eq!(outcome.unwrap_err().reason, Reason::NotFound);
    }
    // Umbra has nothing, whatever ids and previews it sends.
    let price = another_plan(&engine).await;
    let quote = desk_of_northwind.preview_plan_change(&price).await.unwrap().quote;
    let umbra = desk(&engine, UMBRA, Role::CustomerManager).await;
    let method = desk_of_northwind.payment_methods().await.unwrap()[0].id.clone();
    assert_eq!(umbra.change_plan(&price, &quote, "form_1").await.unwrap_err().reason, Reason::Conflict);
    assert_eq!(umbra.cancel(&CancelReason::default(), "form_1").await.unwrap_err().reason, Reason::Conflict);
    assert_eq!(umbra.keep("form_1").await.unwrap_err().reason, Reason::Conflict);
    assert_eq!(umbra.set_default_payment_method(&method, "form_1").await.unwrap_err().reason, Reason::NotFound);
    assert_eq!(umbra.remove_payment_method(&method, "form_1").await.unwrap_err().reason, Reason::NotFound);
    assert_eq!(world.line.writes.load(Ordering::SeqCst), 0);
}
