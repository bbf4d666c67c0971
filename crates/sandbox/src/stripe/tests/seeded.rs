//! The seed data, and the state file that keeps what becomes of it.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn whole(bench: &Bench) -> Vec<String> {
    bench.look(|state| state.all_lines().collect())
}

#[test]
fn the_same_seed_makes_the_same_history() {
    let (one, two) = (Bench::new(), Bench::new());
    assert_eq!(whole(&one), whole(&two));
    let (mut other, _) = options("http://127.0.0.1:9", 40);
    other.seed = 8;
    let other = Sandbox::open(other).expect("opens");
    let lines: Vec<String> = other.hub.look(|state| state.all_lines().collect());
    assert_ne!(whole(&one), lines);
}

#[test]
fn the_seed_has_what_a_business_has() {
    let bench = Bench::at("http://127.0.0.1:9", 400);
    bench.look(|state| {
        let tables = &state.tables;
        assert_eq!(tables.customers.len(), 400);
        assert_eq!((tables.products.len(), tables.prices.len()), (16, 33));
        let mut statuses: BTreeMap<&str, usize> = BTreeMap::new();
        for row in tables.subscriptions.oldest() {
            *statuses.entry(&row.status).or_default() += 1;
        }
        for (status, least) in [("active", 150), ("trialing", 2), ("past_due", 2), ("canceled", 30), ("paused", 2)] {
            let found = statuses.get(status).copied().unwrap_or_default();
            assert!(found >= least, "{status}: {statuses:?}");
        }
        assert!(tables.subscriptions.oldest().any(|s| s.pause.is_some()));
        assert!(tables.subscriptions.oldest().any(|s| s.cancel_at_period_end));
        let currencies: BTreeSet<&str> = tables.invoices.oldest().map(|i| i.currency.as_str()).collect();
        assert_eq!(currencies, BTreeSet::from(["eur", "jpy", "usd"]));
        let count = tables.invoices.len();
        assert!((1_200..6_000).contains(&count), "{count} invoices");
        let reasons: BTreeSet<&str> = tables.invoices.oldest().map(|i| i.billing_reason.as_str()).collect();
        assert!(reasons.contains("subscription_update"));
        let foreign = |name: &String| !name.is_ascii();
        let names = tables.customers.oldest().filter_map(|c| c.name.as_ref());
        assert!(names.filter(|name| foreign(name)).count() > 100);
        // Nobody is told of history, and it reads oldest first.
        assert_eq!(tables.events.len(), 0);
        let created: Vec<i64> = tables.invoices.oldest().map(|i| i.created).collect();
        assert!(created.is_sorted());
        assert!(created[0] < NOW - 390 * 86_400);
        // Every period that has ended was billed.
        let overdue = |s: &&Subscription| s.alive() && s.status != "paused" && s.period_end <= NOW;
        assert_eq!(tables.subscriptions.oldest().filter(overdue).count(), 0);
    });
}

#[tokio::test]
async fn northwind_subscribes_and_umbra_does_not() {
    let bench = Bench::new();
    let (customer, subscription) = bench.northwind();
    let row = bench.get(&format!("customers/{customer}")).await;
    assert_eq!(row["name"], "Northwind Traders");
    assert_eq!(row["metadata"]["organisation_id"], "org_sandbox_northwind");
    let row = bench.get(&format!("subscriptions/{subscription}")).await;
    assert_eq!((&row["status"], &row["currency"]), (&"active".into(), &"eur".into()));
    let item = &row["items"]["data"][0];
    assert_eq!(item["price"]["lookup_key"], "growth_monthly_eur");
    assert!(item["current_period_end"].as_i64() > Some(NOW));
    let invoices = bench.get(&format!("invoices?customer={customer}")).await;
    assert!(invoices["data"].as_array().expect("a list").len() >= 7);
    let cards = bench.get(&format!("customers/{customer}/payment_methods")).await;
    assert_eq!(cards["data"][0]["card"]["last4"], "4242");
    let anyone = bench.look(|state| {
        let mut rows = state.tables.customers.oldest();
        rows.any(|c| c.metadata.values().any(|v| v == "org_sandbox_umbra"))
    });
    assert!(!anyone);
}

#[tokio::test]
async fn the_state_file_brings_everything_back() {
    let path = std::env::temp_dir().join(format!("sandbox-{}.jsonl", std::process::id()));
    let (mut first, _) = options("http://127.0.0.1:9", 12);
    first.state_file = Some(path.clone());
    let first = Sandbox::open(first).expect("opens");
    crate::stripe::traffic::burst(&first.hub, 30);
    let before: Vec<String> = first.hub.look(|state| state.all_lines().collect());
    let waiting = first.hub.deliveries.counts().waiting;
    assert!(waiting >= 30);
    // As after a crash: nothing was rewritten, and the last line was cut short.
    let mut text = std::fs::read(&path).expect("a file");
    text.extend_from_slice(b"{\"kind\":\"customer\",\"row\":{\"id\":\"cus_ha");
    std::fs::write(&path, text).expect("written");
    let (mut second, _) = options("http://127.0.0.1:9", 12);
    second.state_file = Some(path.clone());
    let second = Sandbox::open(second).expect("opens again");
    let after: Vec<String> = second.hub.look(|state| state.all_lines().collect());
    assert_eq!(before, after);
    assert_eq!(second.hub.deliveries.counts().waiting, waiting);
    std::fs::remove_file(path).expect("removed");
}

#[tokio::test]
async fn some_of_many_customers_have_the_less_usual_prices() {
    let bench = Bench::at("http://127.0.0.1:9", 400);
    let of = |organisation: &str| {
        bench.look(|state| {
            let mut customers = state.tables.customers.oldest();
            let is_theirs = |row: &&crate::stripe::model::Customer| {
                row.metadata.get("organisation_id").is_some_and(|id| id == organisation)
            };
            let customer = customers.find(is_theirs).expect("a customer").id.clone();
            let mut rows = state.tables.subscriptions.oldest();
            rows.find(|row| row.customer == customer).expect("a subscription").clone()
        })
    };
    let invoice = async |row: &Subscription| {
        let id = row.latest_invoice.as_ref().expect("an invoice");
        bench.get(&format!("invoices/{id}")).await
    };
    let lines = |invoice: &Value| invoice["lines"]["data"].as_array().expect("lines").clone();
    let metered = invoice(&of("org_sandbox_lumen")).await;
    assert!(lines(&metered).iter().any(|line| line["quantity"].as_i64() > Some(10_000)), "{metered}");
    let fabrikam = of("org_sandbox_fabrikam");
    let tiered = invoice(&fabrikam).await;
    assert_eq!(lines(&tiered).len(), 2);
    assert_eq!((&tiered["subtotal"], &tiered["total"]), (&23_100.into(), &18_480.into()));
    assert!(fabrikam.schedule.is_some());
    let mixed = of("org_sandbox_contoso");
    assert!(mixed.items.iter().any(|item| item.period.is_some()) && mixed.items.len() > 10);
    assert_eq!(invoice(&mixed).await["lines"]["has_more"], true);
}
