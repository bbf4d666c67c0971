//! The records: written through the store's own `apply`, as a sync would.

use super::history::{KINDS, Scale, mix, object_id};
use crate::Failure;
use patchbay_domain::{
    Change, Source, State, Timestamp,
    billing::{Customer, Invoice, InvoiceLine, PaymentMethod, Price, Product, Subscription, SubscriptionItem},
    video::Asset,
};
use patchbay_store::Store;
use std::time::Duration;

const PER_TRANSACTION: u64 = 5_000;
const PLANS: [(&str, i64); 4] = [("Starter", 900), ("Team", 2_900), ("Business", 9_900), ("Enterprise", 49_900)];
const DAY: Duration = Duration::from_hours(24);

pub async fn write(store: &Store, scale: Scale, now: Timestamp) -> Result<(), Failure> {
    let source = Source::Sync { id: store.new_id().to_string() };
    let mut catalogue = store.begin().await?;
    for number in 0..PLANS.len() as u64 {
        let product = Product {
            id: format!("prod_g{number}"),
            name: plan(number).0.to_owned(),
            active: true,
            created_at: now,
            ..Product::default()
        };
        catalogue.apply("stripe", &Change::present(&product, now)?, &source, None).await?;
        catalogue.apply("stripe", &Change::present(&price(number, now), now)?, &source, None).await?;
    }
    catalogue.commit().await?;
    for (kind, ..) in KINDS {
        let connection = if kind == "asset" { "mux" } else { "stripe" };
        let count = scale.of(kind);
        for from in (0..count).step_by(usize::try_from(PER_TRANSACTION)?) {
            let mut tx = store.begin().await?;
            for number in from..(from + PER_TRANSACTION).min(count) {
                tx.apply(connection, &change(kind, number, scale, now)?, &source, None).await?;
            }
            tx.commit().await?;
        }
    }
    Ok(())
}

fn change(kind: &str, number: u64, scale: Scale, now: Timestamp) -> Result<Change, serde_json::Error> {
    let chance = mix(number);
    // Spread over two years.
    let created_at = now.minus(DAY * u32::try_from(chance % 730).unwrap_or(0) + Duration::from_secs(chance % 86_400));
    let id = object_id(kind, number);
    let customer = object_id("customer", number % scale.of("customer"));
    match kind {
        "customer" => Change::present(&person(id, number, created_at), now),
        "subscription" => Change::present(&subscription(id, customer, number, created_at), now),
        "invoice" => {
            let subscription = object_id("subscription", number % scale.of("subscription"));
            Change::present(&invoice(id, customer, subscription, number, created_at), now)
        }
        "payment_method" => Change::present(&card(id, customer, created_at), now),
        _ => Change::present(&asset(id, number, created_at), now),
    }
}

/// The body of a record of this kind as the database keeps it, for its history.
pub fn body_text(kind: &str, id: &str) -> Result<String, Failure> {
    let now = Timestamp::from_seconds(1_790_000_000);
    let mut change = change(kind, 1, Scale { events: 1, records: 100 }, now)?;
    if let State::Present { body, .. } = &mut change.state {
        body["id"] = id.into();
        return Ok(body.to_string());
    }
    Err("a record without a body".into())
}

fn plan(number: u64) -> (&'static str, i64) {
    let index = usize::try_from(number).unwrap_or(0) % PLANS.len();
    PLANS[index]
}

fn price(number: u64, created_at: Timestamp) -> Price {
    let (name, amount) = plan(number);
    Price {
        id: format!("price_g{}", number % 4),
        product: format!("prod_g{}", number % 4),
        nickname: Some(name.to_owned()),
        active: true,
        currency: "eur".to_owned(),
        unit_amount: Some(amount),
        interval: Some("month".to_owned()),
        interval_count: 1,
        on_offer: Some(true),
        created_at,
        ..Price::default()
    }
}

fn person(id: String, number: u64, created_at: Timestamp) -> Customer {
    const NAMES: [&str; 8] = ["Northwind", "Umbra", "Contoso", "Fabrikam", "Globex", "Initech", "Hooli", "Acme"];
    let name = NAMES[usize::try_from(mix(number) % 8).unwrap_or(0)];
    Customer {
        id,
        name: Some(format!("{name} {number}")),
        email: Some(format!("billing{number}@{}.example", name.to_lowercase())),
        currency: Some("eur".to_owned()),
        delinquent: number % 50 == 3,
        organisation: Some(format!("org_g{number:08}")),
        country: Some("DE".to_owned()),
        created_at,
        ..Customer::default()
    }
}

fn subscription(id: String, customer: String, number: u64, created_at: Timestamp) -> Subscription {
    let status = match number % 20 {
        0..=13 => "active",
        14 => "trialing",
        15 => "past_due",
        _ => "canceled",
    };
    let ended_at = (status == "canceled").then(|| created_at.plus(DAY * 20));
    Subscription {
        items: vec![SubscriptionItem {
            id: format!("si_{id}"),
            price: price(number, created_at),
            quantity: Some(1),
            current_period_start: Some(created_at),
            current_period_end: Some(created_at.plus(DAY * 30)),
        }],
        id,
        customer,
        status: status.to_owned(),
        currency: "eur".to_owned(),
        canceled_at: ended_at,
        ended_at,
        started_at: created_at,
        current_period_start: Some(created_at),
        current_period_end: Some(created_at.plus(DAY * 30)),
        created_at,
        ..Subscription::default()
    }
}

fn invoice(id: String, customer: String, subscription: String, number: u64, created_at: Timestamp) -> Invoice {
    let status = match number % 20 {
        0 => "open",
        1 => "draft",
        2 => "void",
        _ => "paid",
    };
    let (name, amount) = plan(number);
    Invoice {
        id,
        number: Some(format!("PB-{number:08}")),
        customer: Some(customer),
        subscription: Some(subscription),
        status: status.to_owned(),
        currency: "eur".to_owned(),
        subtotal: amount,
        total: amount,
        amount_due: amount,
        amount_paid: if status == "paid" { amount } else { 0 },
        lines: vec![InvoiceLine {
            description: format!("1 × {name}"),
            amount,
            quantity: Some(1),
            ..InvoiceLine::default()
        }],
        created_at,
        ..Invoice::default()
    }
}

fn card(id: String, customer: String, created_at: Timestamp) -> PaymentMethod {
    PaymentMethod {
        id,
        customer: Some(customer),
        method_type: "card".to_owned(),
        brand: Some("visa".to_owned()),
        last4: Some("4242".to_owned()),
        exp_month: Some(12),
        exp_year: Some(2030),
        created_at,
        ..PaymentMethod::default()
    }
}

fn asset(id: String, number: u64, created_at: Timestamp) -> Asset {
    Asset {
        id,
        title: Some(format!("Lesson {number}")),
        status: if number.is_multiple_of(100) { "errored" } else { "ready" }.to_owned(),
        duration_seconds: Some(12.5),
        aspect_ratio: Some("16:9".to_owned()),
        quality: Some("basic".to_owned()),
        passthrough: Some(format!("course-{}", number % 400)),
        created_at,
        ..Asset::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use patchbay_domain::RecordBody;

    #[test]
    fn every_kind_makes_records_of_that_kind() {
        let scale = Scale { events: 1, records: 100 };
        for (kind, ..) in KINDS {
            let change = change(kind, 3, scale, Timestamp::from_seconds(1_790_000_000)).unwrap();
            assert_eq!(change.key.kind.as_str(), kind);
            assert_eq!(change.key.id, object_id(kind, 3));
        }
        assert_eq!(Customer::KIND.as_str(), "customer");
    }
}
