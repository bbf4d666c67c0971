//! Coupons, codes and schedules: what they take off, when they end, what time makes of them.

use super::*;
use crate::stripe::discounts;
use crate::stripe::traffic::overdue;

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

async fn coupon(bench: &Bench, form: &[(&str, &str)]) -> String {
    text(&bench.post("coupons", form).await["id"])
}

async fn subscribe(bench: &Bench, more: &[(&str, &str)]) -> Value {
    let (customer, _) = bench.northwind();
    let price = bench.price("starter_monthly_eur");
    let form = [&[("customer", customer.as_str()), ("items[0][price]", price.as_str())][..], more].concat();
    bench.post("subscriptions", &form).await
}

async fn latest(bench: &Bench, id: &str) -> Value {
    let row = bench.get(&format!("subscriptions/{id}")).await;
    bench.get(&format!("invoices/{}", text(&row["latest_invoice"]))).await
}

/// Lets the clock stand at the end of the running period.
async fn renew(bench: &Bench, id: &str) -> Value {
    let row = bench.get(&format!("subscriptions/{id}")).await;
    let end = row["items"]["data"][0]["current_period_end"].as_i64().expect("an end");
    bench.clock.store(end, Ordering::Relaxed);
    bench.sandbox.hub.work(overdue);
    bench.get(&format!("subscriptions/{id}")).await
}

fn sums(invoice: &Value) -> (i64, i64, i64) {
    let off = invoice["total_discount_amounts"].as_array().expect("a list");
    let off = off.iter().filter_map(|one| one["amount"].as_i64()).sum();
    let of = |name: &str| invoice[name].as_i64().expect("an amount");
    (of("subtotal"), off, of("total"))
}

#[tokio::test]
async fn a_coupon_once_is_taken_off_the_first_invoice_alone() {
    let bench = Bench::new();
    let half = coupon(&bench, &[("percent_off", "50"), ("duration", "once"), ("name", "Half")]).await;
    let made = subscribe(&bench, &[("discounts[0][coupon]", &half)]).await;
    let id = text(&made["id"]);
    let invoice = latest(&bench, &id).await;
    assert_eq!(sums(&invoice), (1_900, 950, 950));
    assert_eq!((&invoice["amount_due"], &invoice["amount_paid"]), (&950.into(), &950.into()));
    assert_eq!(invoice.pointer("/lines/data/0/discount_amounts/0/amount"), Some(&950.into()));
    assert_eq!(invoice.pointer("/discounts/0"), invoice.pointer("/total_discount_amounts/0/discount"));
    assert_eq!(bench.get(&format!("subscriptions/{id}")).await["discounts"], serde_json::json!([]));
    renew(&bench, &id).await;
    assert_eq!(sums(&latest(&bench, &id).await), (1_900, 0, 1_900));
    let kinds = bench.event_kinds();
    for kind in ["customer.discount.created", "customer.discount.deleted", "coupon.created"] {
        assert!(kinds.contains(&kind.to_owned()), "{kind}");
    }
    assert_eq!(bench.get(&format!("coupons/{half}")).await["times_redeemed"], 1);
}

#[tokio::test]
async fn an_amount_is_shared_out_among_the_lines_and_nothing_of_it_is_lost() {
    let bench = Bench::new();
    let ten = coupon(&bench, &[("amount_off", "1000"), ("currency", "eur"), ("duration", "forever")]).await;
    let growth = bench.price("growth_monthly_eur");
    let made = subscribe(&bench, &[("items[1][price]", &growth), ("discounts[0][coupon]", &ten)]).await;
    let invoice = latest(&bench, &text(&made["id"])).await;
    assert_eq!(sums(&invoice), (11_800, 1_000, 10_800));
    let off = |at: usize| invoice.pointer(&format!("/lines/data/{at}/discount_amounts/0/amount")).cloned();
    assert_eq!((off(0), off(1)), (Some(161.into()), Some(839.into())));
    let dear = coupon(&bench, &[("amount_off", "999900"), ("currency", "eur"), ("duration", "once")]).await;
    let free = subscribe(&bench, &[("discounts[0][coupon]", &dear)]).await;
    let invoice = latest(&bench, &text(&free["id"])).await;
    assert_eq!((sums(&invoice), &invoice["status"]), ((1_900, 1_900, 0), &"paid".into()));
}

#[tokio::test]
async fn a_repeating_coupon_ends_after_its_months() {
    let bench = Bench::new();
    let form = [("percent_off", "10"), ("duration", "repeating"), ("duration_in_months", "2"), ("id", "two-months")];
    coupon(&bench, &form).await;
    let made = subscribe(&bench, &[("discounts[0][coupon]", "two-months")]).await;
    let id = text(&made["id"]);
    let mut off = vec![sums(&latest(&bench, &id).await).1];
    for _ in 0..2 {
        renew(&bench, &id).await;
        off.push(sums(&latest(&bench, &id).await).1);
    }
    assert_eq!(off, [190, 190, 0]);
}

#[tokio::test]
async fn a_discount_is_seen_in_a_preview_and_in_prorations_and_goes_when_it_is_taken_away() {
    let bench = Bench::new();
    let half = coupon(&bench, &[("percent_off", "50"), ("duration", "forever")]).await;
    let (customer, other) = bench.northwind();
    let preview = [("subscription", other.as_str()), ("discounts[0][coupon]", half.as_str())];
    assert_eq!(sums(&bench.post("invoices/create_preview", &preview).await), (9_900, 4_950, 4_950));
    let made = subscribe(&bench, &[("discounts[0][coupon]", &half)]).await;
    let id = text(&made["id"]);
    let middle = bench.look(|state| {
        let row = state.get::<Subscription>(&id).expect("it");
        row.period_start + (row.period_end - row.period_start) / 2
    });
    bench.clock.store(middle, Ordering::Relaxed);
    let item = text(&made["items"]["data"][0]["id"]);
    let growth = bench.price("growth_monthly_eur");
    let form = [
        ("items[0][id]", item.as_str()),
        ("items[0][price]", growth.as_str()),
        ("proration_behavior", "always_invoice"),
    ];
    let path = format!("subscriptions/{id}");
    bench.post(&path, &form).await;
    // Half of the half that was paid back, half of the half of the new price; nothing is taken off twice.
    assert_eq!(sums(&latest(&bench, &id).await), (2_475 - 475, 0, 2_000));
    let gone = bench.api("DELETE", &format!("{path}/discount"), &[]).await.json();
    assert_eq!((&gone["deleted"], &gone["source"]["coupon"]), (&true.into(), &half.as_str().into()));
    renew(&bench, &id).await;
    assert_eq!(sums(&latest(&bench, &id).await), (9_900, 0, 9_900));
    bench.sandbox.hub.work(|state| discounts::give(state, &customer, &half));
    let given = bench.get(&format!("customers/{customer}")).await;
    assert_eq!(given["discount"]["source"]["coupon"], half.as_str());
    renew(&bench, &id).await;
    assert_eq!(sums(&latest(&bench, &id).await), (9_900, 4_950, 4_950));
    bench.api("DELETE", &format!("customers/{customer}/discount"), &[]).await;
    assert_eq!(bench.get(&format!("customers/{customer}")).await["discount"], Value::Null);
}

#[tokio::test]
async fn codes_are_redeemed_by_whom_they_are_for() {
    let bench = Bench::new();
    let half = coupon(&bench, &[("percent_off", "50"), ("duration", "forever"), ("max_redemptions", "1")]).await;
    let (customer, _) = bench.northwind();
    let base = [("promotion[type]", "coupon"), ("promotion[coupon]", half.as_str())];
    let code = |more: &[(&'static str, &str)]| {
        let form = [&base[..], more].concat();
        let form: Vec<(String, String)> = form.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        form
    };
    let mut ids = Vec::new();
    for more in [
        &[("code", "FIRST"), ("restrictions[first_time_transaction]", "true")][..],
        &[("restrictions[minimum_amount]", "5000"), ("restrictions[minimum_amount_currency]", "eur")],
        &[("customer", customer.as_str()), ("code", "YOURS")],
    ] {
        let form = code(more);
        let form: Vec<(&str, &str)> = form.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        ids.push(text(&bench.post("promotion_codes", &form).await["id"]));
    }
    let price = bench.price("starter_monthly_eur");
    let buy = |id: &str| {
        let form = [("customer", customer.as_str()), ("items[0][price]", &price), ("discounts[0][promotion_code]", id)];
        form.map(|(a, b)| (a.to_owned(), b.to_owned()))
    };
    for (id, status) in ids.iter().zip([400, 400, 200]) {
        let form = buy(id);
        let form = form.each_ref().map(|(a, b)| (a.as_str(), b.as_str()));
        let answer = bench.api("POST", "subscriptions", &form).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text());
    }
    let codes = bench.get("promotion_codes?code=yours").await;
    assert_eq!((&codes["data"][0]["times_redeemed"], codes["data"].as_array().map(Vec::len)), (&1.into(), Some(1)));
    // It is redeemed as often as it may be.
    assert_eq!(bench.get(&format!("coupons/{half}")).await["valid"], false);
    let refused = bench.api("POST", "subscriptions", &buy_coupon(&customer, &price, &half)).await;
    assert_eq!(refused.json()["error"]["code"], "coupon_expired");
    assert_eq!(bench.api("DELETE", &format!("coupons/{half}"), &[]).await.json()["deleted"], true);
    assert_eq!(bench.api("GET", &format!("coupons/{half}"), &[]).await.status, StatusCode::NOT_FOUND);
}

fn buy_coupon<'a>(customer: &'a str, price: &'a str, coupon: &'a str) -> [(&'static str, &'a str); 3] {
    [("customer", customer), ("items[0][price]", price), ("discounts[0][coupon]", coupon)]
}

#[tokio::test]
async fn a_schedule_changes_the_plan_when_its_time_comes_and_lets_go_at_its_end() {
    let bench = Bench::new();
    let made = subscribe(&bench, &[]).await;
    let (id, growth) = (text(&made["id"]), bench.price("growth_monthly_eur"));
    let starter = bench.price("starter_monthly_eur");
    let schedule = bench.post("subscription_schedules", &[("from_subscription", &id)]).await;
    let path = format!("subscription_schedules/{}", text(&schedule["id"]));
    assert_eq!((&schedule["status"], &schedule["subscription"]), (&"active".into(), &made["id"]));
    assert_eq!(bench.get(&format!("subscriptions/{id}")).await["schedule"], schedule["id"]);
    let ends = schedule["phases"][0]["end_date"].to_string();
    let starts = schedule["phases"][0]["start_date"].to_string();
    let phases = [
        ("phases[0][items][0][price]", starter.as_str()),
        ("phases[0][start_date]", &starts),
        ("phases[0][end_date]", &ends),
        ("phases[1][items][0][price]", &growth),
        ("phases[1][duration][interval]", "month"),
        ("phases[1][duration][interval_count]", "2"),
    ];
    let planned = bench.post(&path, &phases).await;
    assert_eq!(planned["phases"][1]["items"][0]["price"], growth.as_str());
    let refused = bench.api("POST", &format!("subscriptions/{id}"), &[("cancel_at_period_end", "true")]).await;
    assert_eq!(refused.json()["error"]["param"], "cancel_at_period_end");
    let moved = renew(&bench, &id).await;
    assert_eq!(moved["items"]["data"][0]["price"]["id"], growth.as_str());
    assert_eq!(moved["items"]["data"][0]["id"], made["items"]["data"][0]["id"]);
    assert_eq!(sums(&latest(&bench, &id).await), (9_900, 0, 9_900));
    renew(&bench, &id).await;
    let free = renew(&bench, &id).await;
    assert_eq!((&free["schedule"], &free["status"]), (&Value::Null, &"active".into()));
    let over = bench.get(&path).await;
    assert_eq!((&over["status"], &over["released_subscription"]), (&"released".into(), &made["id"]));
    let kinds = bench.event_kinds();
    for kind in ["created", "updated", "released"] {
        assert!(kinds.contains(&format!("subscription_schedule.{kind}")), "{kind}");
    }
    assert_eq!(bench.api("POST", &format!("{path}/release"), &[]).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_schedule_can_start_later_and_end_its_subscription() {
    let bench = Bench::new();
    let (customer, _) = bench.northwind();
    let (starter, later) = (bench.price("starter_monthly_eur"), (NOW + 86_400).to_string());
    let form = [
        ("customer", customer.as_str()),
        ("start_date", &later),
        ("end_behavior", "cancel"),
        ("phases[0][items][0][price]", &starter),
        ("phases[0][items][0][quantity]", "2"),
    ];
    let made = bench.post("subscription_schedules", &form).await;
    let path = format!("subscription_schedules/{}", text(&made["id"]));
    assert_eq!((&made["status"], &made["subscription"]), (&"not_started".into(), &Value::Null));
    bench.clock.fetch_add(86_400, Ordering::Relaxed);
    bench.sandbox.hub.work(overdue);
    let begun = bench.get(&path).await;
    assert_eq!(begun["status"], "active");
    let id = text(&begun["subscription"]);
    assert_eq!(latest(&bench, &id).await["total"], 3_800);
    assert_eq!(renew(&bench, &id).await["status"], "canceled");
    assert_eq!(bench.get(&path).await["status"], "completed");
}

#[tokio::test]
async fn cancelling_a_schedule_ends_its_subscription_and_ending_that_ends_the_schedule() {
    let bench = Bench::new();
    for by_schedule in [true, false] {
        let id = text(&subscribe(&bench, &[]).await["id"]);
        let schedule = bench.post("subscription_schedules", &[("from_subscription", &id)]).await;
        let path = format!("subscription_schedules/{}", text(&schedule["id"]));
        if by_schedule {
            bench.post(&format!("{path}/cancel"), &[]).await;
        } else {
            bench.api("DELETE", &format!("subscriptions/{id}"), &[]).await;
        }
        assert_eq!(bench.get(&path).await["status"], "canceled");
        assert_eq!(bench.get(&format!("subscriptions/{id}")).await["status"], "canceled");
    }
}
