//! What may be chosen, and what a preview is worth.

use crate::{
    actions::{NORTHWIND, UMBRA, desk, of_organisation, operator, origin},
    world::World,
};
use patchbay_domain::{ObjectKey, Principal, RecordRef, Role, billing::SUBSCRIPTION, error::Reason};
use patchbay_engine::{BillingRules, CustomerDesk, Engine};
use std::{collections::BTreeSet, sync::atomic::Ordering, time::Duration};

const INTERNAL: [&str; 3] = ["price_sandbox_friends", "price_sandbox_staff", "price_sandbox_partner"];

async fn manager(engine: &Engine) -> CustomerDesk {
    desk(engine, NORTHWIND, Role::CustomerManager).await
}

async fn northwinds(engine: &Engine) -> RecordRef {
    let id = manager(engine).await.subscription().await.unwrap().unwrap().id;
    RecordRef::new("stripe", ObjectKey::new(SUBSCRIPTION, id))
}

async fn offered(engine: &Engine, organisation: &str) -> BTreeSet<String> {
    let plans = desk(engine, organisation, Role::CustomerManager).await.plans().await.unwrap();
    plans.into_iter().map(|plan| plan.price.id).collect()
}

#[tokio::test]
async fn customers_choose_among_what_is_on_offer_and_staff_among_everything() {
    let world = World::new().await;
    let engine = world.synced().await;
    for organisation in [NORTHWIND, UMBRA] {
        let offered = offered(&engine, organisation).await;
        assert!(offered.len() >= 6 && INTERNAL.iter().all(|id| !offered.contains(*id)), "{offered:?}");
    }
    for price in INTERNAL {
        assert_eq!(manager(&engine).await.preview_plan_change(price).await.unwrap_err().reason, Reason::Invalid);
        let umbra = desk(&engine, UMBRA, Role::CustomerManager).await;
        let started = umbra.start_subscription(price, "http://127.0.0.1/billing", "form_1").await;
        assert_eq!(started.unwrap_err().reason, Reason::Invalid, "{price}");
    }
    assert_eq!(world.line.writes.load(Ordering::SeqCst), 0);
    let subscription = northwinds(&engine).await;
    let options = operator(&engine).plan_options(&subscription).await.unwrap();
    let hidden: Vec<_> =
        options.iter().filter(|option| !option.on_offer).map(|option| option.price.id.as_str()).collect();
    assert_eq!(hidden.len(), INTERNAL.len(), "{hidden:?}");
    assert!(!operator(&engine).preview_plan_change(&subscription, INTERNAL[2]).await.unwrap().on_offer);
}

#[tokio::test]
async fn the_configuration_puts_prices_on_offer_too() {
    let world = World::new().await;
    let plans = BTreeSet::from([INTERNAL[2].to_owned()]);
    let engine = world.synced_with(BillingRules { plans, ..BillingRules::default() }).await;
    assert!(offered(&engine, NORTHWIND).await.contains(INTERNAL[2]));
    manager(&engine).await.preview_plan_change(INTERNAL[2]).await.unwrap();
}

#[tokio::test]
async fn what_a_preview_was_signed_for_is_refused_once_it_is_not_on_offer_any_more() {
    let world = World::new().await;
    let plans = BTreeSet::from([INTERNAL[2].to_owned()]);
    let open = world.synced_with(BillingRules { plans, ..BillingRules::default() }).await;
    let closed = world.synced().await;
    let quote = manager(&open).await.preview_plan_change(INTERNAL[2]).await.unwrap().quote;
    let refused = manager(&closed).await.change_plan(INTERNAL[2], &quote, "form_1").await.unwrap_err();
    assert_eq!(refused.reason, Reason::Invalid);
    assert_eq!(world.line.writes.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn prices_of_another_currency_or_of_nobody_are_no_plans() {
    let world = World::new().await;
    let engine = world.synced().await;
    let plans = desk(&engine, UMBRA, Role::CustomerManager).await.plans().await.unwrap();
    let other = plans.iter().find(|plan| plan.price.currency == "usd").unwrap();
    for price in [other.price.id.as_str(), "price_of_another_account", ""] {
        let refused = manager(&engine).await.preview_plan_change(price).await.unwrap_err();
        assert_eq!(refused.reason, Reason::Invalid, "{price}");
    }
}

#[tokio::test]
async fn a_plan_that_somebody_has_is_shown_although_it_is_not_on_offer() {
    let world = World::new().await;
    let engine = world.synced().await;
    let subscription = northwinds(&engine).await;
    let quote = operator(&engine).preview_plan_change(&subscription, INTERNAL[2]).await.unwrap().quote;
    operator(&engine).change_plan(&subscription, INTERNAL[2], &quote, "form_1").await.unwrap();
    let plans = manager(&engine).await.plans().await.unwrap();
    let current: Vec<_> = plans.iter().filter(|plan| plan.current).collect();
    assert_eq!((current.len(), current[0].price.id.as_str(), current[0].on_offer), (1, INTERNAL[2], false));
}

struct Previewed {
    world: World,
    engine: Engine,
    price: String,
    quote: String,
}

async fn previewed() -> Previewed {
    let world = World::new().await;
    let engine = world.synced().await;
    let plans = manager(&engine).await.plans().await.unwrap();
    // The dearest: its amount due goes with the time that is left of the period.
    let price = plans
        .iter()
        .rfind(|plan| !plan.current && plan.price.interval.as_deref() == Some("month"))
        .unwrap()
        .price
        .id
        .clone();
    let quote = manager(&engine).await.preview_plan_change(&price).await.unwrap().quote;
    Previewed { world, engine, price, quote }
}

impl Previewed {
    async fn is_refused(&self, desk: &CustomerDesk, price: &str, quote: &str, because: &str) {
        let refused = desk.change_plan(price, quote, "form_1").await.unwrap_err();
        assert_eq!(refused.reason, Reason::Conflict, "{refused}");
        assert!(refused.message.contains(because) && refused.message.contains("fresh preview"), "{refused}");
        assert_eq!(self.world.line.writes.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test]
async fn nothing_that_was_signed_elsewhere_or_changed_on_the_way_is_agreed_to() {
    let it = previewed().await;
    let desk = manager(&it.engine).await;
    let (text, signature) = it.quote.split_once('.').unwrap();
    let flipped = if text.starts_with('7') { text.replacen('7', "5", 1) } else { text.replacen('5', "7", 1) };
    for forged in [
        "",
        ".",
        "1795176000000000",
        text,
        &format!("{text}."),
        &format!("{flipped}.{signature}"),
        &format!("{text}.{text}"),
    ] {
        it.is_refused(&desk, &it.price, forged, "not made here").await;
    }
    it.is_refused(&desk, INTERNAL[0], &it.quote, "another change").await;
}

#[tokio::test]
async fn a_preview_is_good_for_a_quarter_of_an_hour_and_for_the_one_who_saw_it() {
    let it = previewed().await;
    let chiara = of_organisation(NORTHWIND, Role::CustomerManager);
    let colleague = Principal { user_id: "user_colleague".to_owned(), ..chiara };
    let colleague = it.engine.customer(&colleague, &origin()).await.unwrap();
    it.is_refused(&colleague, &it.price, &it.quote, "somebody else").await;
    it.world.clock.advance(Duration::from_mins(15) + Duration::from_secs(1));
    it.is_refused(&manager(&it.engine).await, &it.price, &it.quote, "quarter of an hour").await;
}

#[tokio::test]
async fn a_preview_of_another_amount_or_quantity_is_refused() {
    let it = previewed().await;
    let subscription = manager(&it.engine).await.subscription().await.unwrap().unwrap();
    // Somebody puts credit on the account meanwhile: less is due than was shown.
    let customer = format!("customers/{}", subscription.customer);
    it.world.post(&customer, &[("balance", "-1000")], Duration::ZERO).await;
    it.world.line.writes.store(0, Ordering::SeqCst);
    it.is_refused(&manager(&it.engine).await, &it.price, &it.quote, "by now").await;

    it.world.post(&customer, &[("balance", "0")], Duration::from_secs(1)).await;
    let (item, path) = (subscription.items[0].id.clone(), format!("subscriptions/{}", subscription.id));
    it.world.post(&path, &[("items[0][id]", &item), ("items[0][quantity]", "4")], Duration::from_secs(1)).await;
    for event in it.world.events().await {
        it.world.deliver(&it.engine, &event).await.unwrap();
    }
    it.engine.drain().await.unwrap();
    it.world.line.writes.store(0, Ordering::SeqCst);
    it.is_refused(&manager(&it.engine).await, &it.price, &it.quote, "was changed since").await;
}

/// A second item of the same interval beside Northwind's plan.
async fn with_two_items(world: &World) -> (Engine, Vec<String>) {
    let held = manager(&world.synced().await).await.subscription().await.unwrap().unwrap();
    let form = [("items[0][price]", INTERNAL[0]), ("proration_behavior", "none")];
    world.post(&format!("subscriptions/{}", held.id), &form, Duration::from_secs(1)).await;
    world.line.writes.store(0, Ordering::SeqCst);
    let engine = world.synced().await;
    let now = manager(&engine).await.subscription().await.unwrap().unwrap();
    (engine, now.items.into_iter().map(|item| item.id).collect())
}

#[tokio::test]
async fn where_two_items_may_be_meant_the_one_that_is_chosen_is_replaced() {
    let world = World::new().await;
    let (engine, items) = with_two_items(&world).await;
    let plans = manager(&engine).await.plans().await.unwrap();
    let monthly = |plan: &&patchbay_engine::PlanOption| plan.price.interval.as_deref() == Some("month");
    let price = plans.iter().filter(monthly).rfind(|plan| !plan.current).unwrap().price.id.clone();
    let unclear = manager(&engine).await.preview_plan_change(&price).await.unwrap_err();
    assert!(unclear.reason == Reason::Conflict && unclear.message.contains("choose the item"), "{unclear}");
    let options = manager(&engine).await.plan_items(&price).await.unwrap();
    let offered: Vec<_> = options.iter().map(|option| option.item.id.clone()).collect();
    assert!(offered == items && options[0].name.contains("per month"), "{options:?}");
    let id = manager(&engine).await.subscription().await.unwrap().unwrap().id;
    let id = RecordRef::new("stripe", ObjectKey::new(SUBSCRIPTION, id));
    assert_eq!(operator(&engine).plan_items(&id, &price).await.unwrap(), options);

    let chosen = Some(items[1].as_str());
    let quote = manager(&engine).await.preview_item_change(&price, chosen).await.unwrap().quote;
    manager(&engine).await.change_plan(&price, &quote, "form_1").await.unwrap();
    let after = manager(&engine).await.subscription().await.unwrap().unwrap();
    let prices: Vec<_> = after.items.iter().map(|item| (item.id.as_str(), item.price.id == price)).collect();
    assert_eq!(prices, [(items[0].as_str(), false), (items[1].as_str(), true)]);
}

#[tokio::test]
async fn where_one_item_is_the_plan_nothing_is_to_be_chosen() {
    let it = previewed().await;
    assert_eq!(manager(&it.engine).await.plan_items(&it.price).await.unwrap(), []);
    let nobodys = manager(&it.engine).await.preview_item_change(&it.price, Some("si_of_somebody")).await.unwrap();
    assert_eq!(nobodys.subscription.items.len(), 1, "an item that is not theirs is not taken for one");
}

/// The sum of a preview's lines that begin with a word.
fn sum_of(invoice: &patchbay_domain::billing::Invoice, word: &str) -> i64 {
    invoice.lines.iter().filter(|line| line.description.starts_with(word)).map(|line| line.amount).sum()
}

#[tokio::test]
async fn a_preview_gives_back_what_was_debited_and_not_what_the_plan_costs_now() {
    let world = World::new().await;
    let engine = world.synced().await;
    let subscription = manager(&engine).await.subscription().await.unwrap().unwrap();
    let plans = manager(&engine).await.plans().await.unwrap();
    let monthly = |name: &str| {
        let is = |plan: &&patchbay_engine::PlanOption| {
            plan.product.name == name && plan.price.interval.as_deref() == Some("month")
        };
        plans.iter().find(is).unwrap().price.id.clone()
    };
    // The provider moves to the dearest plan without charging anything for it.
    let (item, path) = (subscription.items[0].id.clone(), format!("subscriptions/{}", subscription.id));
    let scale = monthly("Scale");
    let form = [("items[0][id]", item.as_str()), ("items[0][price]", &scale), ("proration_behavior", "none")];
    let moved = world.post(&path, &form, Duration::from_secs(1)).await;
    assert_eq!(moved["billing_mode"]["type"], "flexible");
    for event in world.events().await {
        world.deliver(&engine, &event).await.unwrap();
    }
    engine.drain().await.unwrap();
    let starter = monthly("Starter");
    let preview = manager(&engine).await.preview_plan_change(&starter).await.unwrap();
    // €99.00 of this month were paid, however much the plan of today costs; €19.00 are the new plan.
    let (back, remaining) = (-sum_of(&preview.invoice, "Unused"), sum_of(&preview.invoice, "Remaining"));
    assert!(back > 0 && (back * 1_900 - remaining * 9_900).abs() < 10_000, "{back} back, {remaining} to pay");
    assert_eq!(preview.invoice.total, remaining - back);
    manager(&engine).await.change_plan(&starter, &preview.quote, "form_1").await.unwrap();
    let after = world.get(&format!("{path}?expand[]=latest_invoice")).await;
    assert_eq!(after["latest_invoice"]["total"], preview.invoice.total);
    let credited =
        "/latest_invoice/lines/data/0/parent/subscription_item_details/proration_details/credited_items/invoice";
    assert!(after.pointer(credited).is_some_and(serde_json::Value::is_string), "{after}");
}
