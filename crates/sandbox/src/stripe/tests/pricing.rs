//! What prices can be, and what subscriptions to them cost.

use super::*;

async fn product(bench: &Bench) -> String {
    let made = bench.post("products", &[("name", "Seats"), ("unit_label", "seat")]).await;
    made["id"].as_str().expect("an id").to_owned()
}

/// A monthly price in euros, with `more`.
async fn price(bench: &Bench, more: &[(&str, &str)]) -> String {
    let product = product(bench).await;
    let base = [("product", product.as_str()), ("currency", "eur"), ("recurring[interval]", "month")];
    let made = bench.post("prices", &[&base, more].concat()).await;
    made["id"].as_str().expect("an id").to_owned()
}

async fn meter(bench: &Bench) -> String {
    let form = [("display_name", "Calls"), ("event_name", "api_calls"), ("default_aggregation[formula]", "sum")];
    bench.post("billing/meters", &form).await["id"].as_str().expect("an id").to_owned()
}

async fn metered(bench: &Bench) -> String {
    let meter = meter(bench).await;
    price(bench, &[("recurring[usage_type]", "metered"), ("recurring[meter]", &meter), ("unit_amount_decimal", "0.5")])
        .await
}

async fn subscribe(bench: &Bench, prices: &[&str], more: &[(&str, &str)]) -> Value {
    let (customer, _) = bench.northwind();
    let names: Vec<String> = (0..prices.len()).map(|at| format!("items[{at}][price]")).collect();
    let items = names.iter().map(String::as_str).zip(prices.iter().copied());
    let form: Vec<(&str, &str)> =
        [("customer", customer.as_str())].into_iter().chain(items).chain(more.to_vec()).collect();
    bench.post("subscriptions", &form).await
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn lines(invoice: &Value) -> Vec<(String, i64)> {
    let lines = invoice["lines"]["data"].as_array().expect("lines");
    lines.iter().map(|line| (text(&line["description"]), line["amount"].as_i64().expect("an amount"))).collect()
}

async fn latest(bench: &Bench, id: &str) -> Value {
    let row = bench.get(&format!("subscriptions/{id}")).await;
    bench.get(&format!("invoices/{}", text(&row["latest_invoice"]))).await
}

/// Lets the clock stand at the end of the running period.
async fn renew(bench: &Bench, id: &str) -> Value {
    let row = bench.get(&format!("subscriptions/{id}")).await;
    let ends = row["items"]["data"].as_array().expect("items").iter().filter_map(|i| i["current_period_end"].as_i64());
    bench.clock.store(ends.min().expect("an end"), Ordering::Relaxed);
    bench.sandbox.hub.work(super::super::traffic::overdue);
    bench.get(&format!("subscriptions/{id}")).await
}

#[tokio::test]
async fn a_price_is_kept_as_it_was_made_and_its_tiers_are_shown_on_request() {
    let bench = Bench::new();
    let tiers = [
        ("billing_scheme", "tiered"),
        ("tiers_mode", "graduated"),
        ("tiers[0][up_to]", "5"),
        ("tiers[0][unit_amount]", "1000"),
        ("tiers[1][up_to]", "inf"),
        ("tiers[1][unit_amount_decimal]", "0.25"),
        ("tiers[1][flat_amount]", "500"),
    ];
    let id = price(&bench, &tiers).await;
    let plain = bench.get(&format!("prices/{id}")).await;
    assert_eq!((&plain["billing_scheme"], &plain["unit_amount"]), (&"tiered".into(), &Value::Null));
    assert_eq!(plain.get("tiers"), None);
    let shown = bench.get(&format!("prices/{id}?expand[]=tiers")).await;
    assert_eq!(shown.pointer("/tiers/1/unit_amount_decimal"), Some(&"0.25".into()));
    assert_eq!(shown.pointer("/tiers/1/unit_amount"), Some(&Value::Null));
    assert_eq!(shown.pointer("/tiers/0/up_to"), Some(&5.into()));
    let package = price(
        &bench,
        &[("unit_amount", "300"), ("transform_quantity[divide_by]", "10"), ("transform_quantity[round]", "up")],
    )
    .await;
    let package = bench.get(&format!("prices/{package}")).await;
    assert_eq!(package["transform_quantity"], serde_json::json!({"divide_by": 10, "round": "up"}));
    let events = bench.event_kinds();
    assert!(events.contains(&"price.created".to_owned()) && events.contains(&"product.created".to_owned()));
}

#[tokio::test]
async fn prices_that_cannot_be_are_refused_by_name() {
    let bench = Bench::new();
    let product = product(&bench).await;
    let base = [("product", product.as_str()), ("currency", "eur"), ("recurring[interval]", "month")];
    let cases: [(&[(&str, &str)], &str); 8] = [
        (&[], "unit_amount"),
        (&[("unit_amount", "1"), ("unit_amount_decimal", "1")], "unit_amount"),
        (&[("unit_amount", "-1")], "unit_amount"),
        (&[("unit_amount", "1"), ("recurring[usage_type]", "metered")], "recurring[meter]"),
        (&[("unit_amount", "1"), ("recurring[interval_count]", "48")], "recurring[interval_count]"),
        (&[("billing_scheme", "tiered"), ("tiers_mode", "volume")], "tiers"),
        (&[("unit_amount", "1"), ("lookup_key", "starter_monthly_eur")], "lookup_key"),
        (&[("unit_amount", "1"), ("custom_unit_amount[enabled]", "true")], "custom_unit_amount"),
    ];
    for (more, param) in cases {
        let refused = bench.api("POST", "prices", &[&base, more].concat()).await;
        assert_eq!((refused.status, &refused.json()["error"]["param"]), (StatusCode::BAD_REQUEST, &param.into()));
    }
}

#[tokio::test]
async fn a_price_is_changed_but_not_its_amount() {
    let bench = Bench::new();
    let id = price(&bench, &[("unit_amount", "100"), ("lookup_key", "one")]).await;
    let path = format!("prices/{id}");
    let changed = bench.post(&path, &[("nickname", "One"), ("active", "false"), ("metadata[a]", "b")]).await;
    assert_eq!(
        (&changed["nickname"], &changed["active"], &changed["metadata"]["a"]),
        (&"One".into(), &false.into(), &"b".into())
    );
    let refused = bench.api("POST", &path, &[("unit_amount", "200")]).await;
    assert_eq!(refused.json()["error"]["param"], "unit_amount");
    let other = price(&bench, &[("unit_amount", "1"), ("lookup_key", "one"), ("transfer_lookup_key", "true")]).await;
    assert_eq!(bench.get(&path).await["lookup_key"], Value::Null);
    assert_eq!(bench.get(&format!("prices/{other}")).await["lookup_key"], "one");
}

#[tokio::test]
async fn usage_is_billed_when_its_period_is_over_and_nothing_before() {
    let bench = Bench::new();
    let (customer, _) = bench.northwind();
    let price = metered(&bench).await;
    let made = subscribe(&bench, &[&price], &[]).await;
    assert_eq!((&made["status"], &made["latest_invoice"]), (&"active".into(), &Value::Null));
    let item = &made["items"]["data"][0];
    assert_eq!((item.get("quantity"), &item["price"]["recurring"]["usage_type"]), (None, &"metered".into()));
    for value in ["41", "1000"] {
        let form = [("event_name", "api_calls"), ("payload[stripe_customer_id]", &customer), ("payload[value]", value)];
        bench.post("billing/meter_events", &form).await;
    }
    let id = text(&made["id"]);
    renew(&bench, &id).await;
    let invoice = latest(&bench, &id).await;
    assert_eq!(lines(&invoice), [("1041 × Seats (at €0.005 / month)".to_owned(), 521)]);
    assert_eq!(invoice.pointer("/lines/data/0/period/start"), Some(&NOW.into()));
    assert_eq!(invoice["status"], "paid");
    // A period without use is on its invoice, with nothing to pay.
    renew(&bench, &id).await;
    assert_eq!(lines(&latest(&bench, &id).await), [("0 × Seats (at €0.005 / month)".to_owned(), 0)]);
    let form = [("customer", customer.as_str()), ("items[0][price]", &price), ("items[0][quantity]", "2")];
    let refused = bench.api("POST", "subscriptions", &form).await;
    assert_eq!(refused.json()["error"]["param"], "items[0][quantity]");
}

#[tokio::test]
async fn usage_that_was_not_billed_comes_on_the_last_invoice() {
    let bench = Bench::new();
    let (customer, _) = bench.northwind();
    let made = subscribe(&bench, &[&metered(&bench).await], &[]).await;
    let id = text(&made["id"]);
    let form = [("event_name", "api_calls"), ("payload[stripe_customer_id]", &customer), ("payload[value]", "200")];
    bench.post("billing/meter_events", &form).await;
    bench.clock.fetch_add(60, Ordering::Relaxed);
    let cancelled = bench.api("DELETE", &format!("subscriptions/{id}"), &[("invoice_now", "true")]).await;
    assert_eq!(cancelled.json()["status"], "canceled");
    assert_eq!(latest(&bench, &id).await["total"], 100);
}

#[tokio::test]
async fn meters_refuse_what_they_cannot_count() {
    let bench = Bench::new();
    let (customer, _) = bench.northwind();
    meter(&bench).await;
    let base = [("event_name", "api_calls"), ("payload[stripe_customer_id]", customer.as_str())];
    for (more, param) in [
        ([("payload[value]", "1.5")], "payload[value]"),
        ([("payload[value]", "-1")], "payload[value]"),
        ([("event_name", "nobody")], "event_name"),
    ] {
        let refused = bench.api("POST", "billing/meter_events", &[&base[..], &more].concat()).await;
        assert_eq!(refused.json()["error"]["param"], param);
    }
    let twice = [&base[..], &[("payload[value]", "1"), ("identifier", "one")]].concat();
    bench.post("billing/meter_events", &twice).await;
    assert_eq!(bench.api("POST", "billing/meter_events", &twice).await.json()["error"]["param"], "identifier");
}

#[tokio::test]
async fn items_of_several_intervals_renew_each_in_its_time() {
    let bench = Bench::new();
    let (monthly, yearly) = (bench.price("starter_monthly_eur"), bench.price("scale_yearly_eur"));
    let made = subscribe(&bench, &[&monthly, &yearly], &[]).await;
    let id = text(&made["id"]);
    let ends: Vec<i64> = (0..2).filter_map(|at| made["items"]["data"][at]["current_period_end"].as_i64()).collect();
    assert!(ends[1] > ends[0] + 300 * 86_400, "{ends:?}");
    assert_eq!(latest(&bench, &id).await["total"], 1_900 + 349_000);
    let renewed = renew(&bench, &id).await;
    assert_eq!(renewed["items"]["data"][1]["current_period_end"], ends[1]);
    assert_eq!(latest(&bench, &id).await["total"], 1_900);
    let (customer, _) = bench.northwind();
    let classic = [
        ("customer", customer.as_str()),
        ("items[0][price]", &monthly),
        ("items[1][price]", &yearly),
        ("billing_mode[type]", "classic"),
    ];
    assert_eq!(bench.api("POST", "subscriptions", &classic).await.json()["error"]["param"], "items[1][price]");
}

/// The middle of a subscription's running period.
fn middle(bench: &Bench, id: &str) -> i64 {
    bench.look(|state| {
        let row = state.get::<Subscription>(id).expect("it");
        row.period_start + (row.period_end - row.period_start) / 2
    })
}

async fn move_to(bench: &Bench, made: &Value, price: &str, more: &[(&str, &str)]) -> Value {
    let item = text(&made["items"]["data"][0]["id"]);
    let form = [&[("items[0][id]", item.as_str()), ("items[0][price]", price)][..], more].concat();
    bench.post(&format!("subscriptions/{}", text(&made["id"])), &form).await
}

#[tokio::test]
async fn flexible_credits_are_of_what_was_debited_and_say_where() {
    let bench = Bench::new();
    let made = subscribe(&bench, &[&bench.price("starter_monthly_eur")], &[]).await;
    assert_eq!(made["billing_mode"]["type"], "flexible");
    let (id, first) = (text(&made["id"]), text(&made["latest_invoice"]));
    bench.clock.store(middle(&bench, &id), Ordering::Relaxed);
    // Nothing was paid for the dearer plan, so nothing of it comes back.
    move_to(&bench, &made, &bench.price("scale_monthly_eur"), &[("proration_behavior", "none")]).await;
    move_to(&bench, &made, &bench.price("growth_monthly_eur"), &[("proration_behavior", "always_invoice")]).await;
    let invoice = latest(&bench, &id).await;
    assert_eq!(lines(&invoice).iter().map(|line| line.1).collect::<Vec<_>>(), [-950, 4_950]);
    let details = "/parent/subscription_item_details/proration_details/credited_items";
    let credit = &invoice["lines"]["data"][0];
    assert_eq!(credit.pointer(&format!("{details}/invoice")), Some(&first.as_str().into()));
    let debit = bench.get(&format!("invoices/{first}")).await;
    let debited = credit.pointer(&format!("{details}/invoice_line_items/0"));
    assert_eq!(debited, debit.pointer("/lines/data/0/id"));
    assert_eq!(invoice["lines"]["data"][1].pointer(details), Some(&Value::Null));
}

#[tokio::test]
async fn a_time_paid_in_two_parts_is_given_back_in_two_parts_and_once() {
    let bench = Bench::new();
    let starter = bench.price("starter_monthly_eur");
    let made = subscribe(&bench, &[&starter], &[("items[0][quantity]", "2")]).await;
    let id = text(&made["id"]);
    let item = text(&made["items"]["data"][0]["id"]);
    bench.clock.store(middle(&bench, &id), Ordering::Relaxed);
    let path = format!("subscriptions/{id}");
    let many = |many: &'static str| [("items[0][id]", item.clone()), ("items[0][quantity]", many.to_owned())];
    for quantity in ["4", "1"] {
        let form = many(quantity);
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        bench.post(&path, &form).await;
    }
    renew(&bench, &id).await;
    let invoice = latest(&bench, &id).await;
    // Half of two back, half of four; half of four back, half of one; and the next month of one.
    assert_eq!(lines(&invoice).iter().map(|line| line.1).collect::<Vec<_>>(), [-1_900, 3_800, -3_800, 950, 1_900]);
}

#[tokio::test]
async fn what_waits_is_on_the_invoice_of_the_next_change_and_in_its_preview() {
    let bench = Bench::new();
    let made = subscribe(&bench, &[&bench.price("starter_monthly_eur")], &[]).await;
    let id = text(&made["id"]);
    bench.clock.store(middle(&bench, &id), Ordering::Relaxed);
    move_to(&bench, &made, &bench.price("growth_monthly_eur"), &[]).await;
    let scale = bench.price("scale_monthly_eur");
    let item = text(&made["items"]["data"][0]["id"]);
    let preview = [
        ("subscription", id.as_str()),
        ("subscription_details[items][0][id]", &item),
        ("subscription_details[items][0][price]", &scale),
        ("subscription_details[proration_behavior]", "always_invoice"),
    ];
    let preview = bench.post("invoices/create_preview", &preview).await;
    move_to(&bench, &made, &scale, &[("proration_behavior", "always_invoice")]).await;
    let amounts: Vec<i64> = lines(&latest(&bench, &id).await).iter().map(|line| line.1).collect();
    assert_eq!(amounts, [-950, 4_950, -4_950, 17_450]);
    assert_eq!(lines(&preview).iter().map(|line| line.1).collect::<Vec<_>>(), amounts);
}

#[tokio::test]
async fn the_anchor_stays_in_flexible_mode_and_moves_in_classic() {
    let bench = Bench::new();
    let (starter, yearly) = (bench.price("starter_monthly_eur"), bench.price("starter_yearly_eur"));
    for (mode, stays) in [("flexible", true), ("classic", false)] {
        let made = subscribe(&bench, &[&starter], &[("billing_mode[type]", mode)]).await;
        bench.clock.store(middle(&bench, &text(&made["id"])), Ordering::Relaxed);
        let moved = move_to(&bench, &made, &yearly, &[]).await;
        assert_eq!(moved["billing_cycle_anchor"] == made["billing_cycle_anchor"], stays, "{mode}");
        let end = moved["items"]["data"][0]["current_period_end"].as_i64().expect("an end");
        let anchor = moved["billing_cycle_anchor"].as_i64().expect("an anchor");
        assert_eq!(end - anchor, 365 * 86_400, "{mode}");
    }
}

#[tokio::test]
async fn items_are_added_changed_and_removed_one_at_a_time() {
    let bench = Bench::new();
    let made = subscribe(&bench, &[&bench.price("starter_monthly_eur")], &[]).await;
    let (id, growth) = (text(&made["id"]), bench.price("growth_monthly_eur"));
    let added = bench.post("subscription_items", &[("subscription", &id), ("price", &growth)]).await;
    let path = format!("subscription_items/{}", text(&added["id"]));
    assert_eq!((&added["subscription"], &added["price"]["id"]), (&made["id"], &growth.as_str().into()));
    assert_eq!(bench.post(&path, &[("quantity", "3")]).await["quantity"], 3);
    let refused = bench.api("POST", &path, &[("quantity", "-1")]).await;
    assert_eq!(refused.json()["error"]["param"], "quantity");
    let twice = bench.api("POST", "subscription_items", &[("subscription", &id), ("price", &growth)]).await;
    assert_eq!(twice.json()["error"]["param"], "price");
    assert_eq!(bench.api("DELETE", &path, &[]).await.json()["deleted"], true);
    assert_eq!(bench.api("GET", &path, &[]).await.status, StatusCode::NOT_FOUND);
    let left = bench.get(&format!("subscriptions/{id}")).await;
    assert_eq!(left["items"]["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn lines_and_items_are_read_page_by_page() {
    let bench = Bench::new();
    let mut prices = Vec::new();
    for amount in 1..=14 {
        prices.push(price(&bench, &[("unit_amount", &(amount * 100).to_string())]).await);
    }
    let prices: Vec<&str> = prices.iter().map(String::as_str).collect();
    let made = subscribe(&bench, &prices, &[]).await;
    let invoice = bench.get(&format!("invoices/{}", text(&made["latest_invoice"]))).await;
    assert_eq!((&invoice["total"], &invoice["lines"]["has_more"]), (&10_500.into(), &true.into()));
    assert_eq!(lines(&invoice).len(), 10);
    assert_eq!((made["items"]["data"].as_array().map(Vec::len), &made["items"]["has_more"]), (Some(10), &true.into()));
    for (path, what) in [
        (format!("invoices/{}/lines?limit=5", text(&invoice["id"])), "amount"),
        (format!("subscription_items?subscription={}&limit=5", text(&made["id"])), "created"),
    ] {
        let (mut seen, mut page) = (Vec::new(), bench.get(&path).await);
        loop {
            let rows = page["data"].as_array().expect("rows").clone();
            assert!(rows.iter().all(|row| row[what].is_i64()));
            seen.extend(rows.iter().map(|row| text(&row["id"])));
            if page["has_more"] == false {
                break;
            }
            page = bench.get(&format!("{path}&starting_after={}", seen.last().expect("one"))).await;
        }
        assert_eq!(seen.iter().collect::<std::collections::BTreeSet<_>>().len(), 14, "{path}");
        let back = bench.get(&format!("{path}&ending_before={}", seen[7])).await;
        assert_eq!((text(&back["data"][0]["id"]), &back["has_more"]), (seen[2].clone(), &true.into()));
    }
}
