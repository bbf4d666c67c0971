//! Which events there were: deterministic, spread evenly over the past, as mixed as an account's own.

use super::rows::{Cell, Event, Row, text};
use crate::{Failure, events};
use patchbay_domain::{Kind, ObjectKey, Timestamp, event::EventState};
use patchbay_store::payloads;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// Over how long the events are spread.
const SPAN: Duration = Duration::from_hours(24 * 90);
const MINUTE: i64 = 60_000_000;
/// One in so many events is a dead letter.
const DEAD: u64 = 2_000;

/// How much there shall be.
#[derive(Clone, Copy)]
pub struct Scale {
    pub events: u64,
    pub records: u64,
}

/// Kinds of records, with how many of a hundred are of each and what their ids begin with.
pub const KINDS: [(&str, &str, u64); 5] = [
    ("customer", "cus_g", 30),
    ("subscription", "sub_g", 25),
    ("invoice", "in_g", 30),
    ("payment_method", "pm_g", 10),
    ("asset", "asset_g", 5),
];

impl Scale {
    /// Records of a kind; at least one.
    pub fn of(self, kind: &str) -> u64 {
        let share = KINDS.iter().find(|(name, ..)| *name == kind).map_or(0, |(.., share)| *share);
        (self.records * share / 100).max(1)
    }
}

pub fn object_id(kind: &str, number: u64) -> String {
    let prefix = KINDS.iter().find(|(name, ..)| *name == kind).map_or("ch_g", |(_, prefix, _)| *prefix);
    format!("{prefix}{number:08}")
}

/// Rows that belong together.
#[derive(Default)]
pub struct Batch {
    pub events: Vec<Row>,
    pub payloads: Vec<Row>,
    pub attempts: Vec<Row>,
    pub history: Vec<Row>,
}

/// What the tables of counts say in the end.
#[derive(Default)]
pub struct Counts {
    /// Accepted, processed, dead.
    minutes: BTreeMap<(i64, &'static str), [i64; 3]>,
    /// With their outlines.
    types: BTreeMap<(&'static str, &'static str), Vec<u8>>,
}

impl Counts {
    pub fn minutes(&self) -> Vec<Row> {
        let row = |(&(minute, connection), [accepted, processed, dead]): (&(i64, &str), &[i64; 3])| {
            let counts = [*accepted, 0, 0, *processed, *dead].map(Cell::Int);
            [Cell::Int(minute), text(connection)].into_iter().chain(counts).collect()
        };
        self.minutes.iter().map(row).collect()
    }

    pub fn types(&self) -> Vec<Row> {
        self.types
            .iter()
            .map(|((connection, event_type), outline)| {
                vec![text(connection), text(event_type), Cell::Bytes(outline.clone())]
            })
            .collect()
    }
}

/// One in so many events is of this type.
struct Type {
    connection: &'static str,
    name: &'static str,
    kind: &'static str,
    share: u64,
    /// Texts with `@id`, `@event` and `@created` to fill in.
    body: String,
    body_after: Option<String>,
}

pub struct Maker {
    scale: Scale,
    first: Timestamp,
    types: Vec<Type>,
    pub counts: Counts,
}

impl Maker {
    pub fn new(scale: Scale, now: Timestamp) -> Result<Self, Failure> {
        let mut types = Vec::new();
        for (name, kind, share) in [
            ("customer.updated", "customer", 22),
            ("customer.subscription.updated", "subscription", 25),
            ("invoice.created", "invoice", 13),
            ("invoice.finalized", "invoice", 13),
            ("invoice.paid", "invoice", 13),
            ("payment_method.attached", "payment_method", 4),
            // Nothing reads these, so they are skipped.
            ("charge.succeeded", "charge", 6),
        ] {
            let object = wire_object(kind);
            let body = events::envelope("@event", name, 0, &object)
                .to_string()
                .replace("\"created\":0", "\"created\":@created");
            let body_after = (kind != "charge").then(|| super::records::body_text(kind, "@id")).transpose()?;
            types.push(Type { connection: "stripe", name, kind, share, body, body_after });
        }
        let body = json!({ "type": "video.asset.ready", "id": "@event", "object": { "type": "asset", "id": "@id" },
            "created_at": "@created", "data": { "id": "@id", "status": "ready", "duration": 12.5, "passthrough": "course-12" } });
        types.push(Type {
            connection: "mux",
            name: "video.asset.ready",
            kind: "asset",
            share: 4,
            body: body.to_string(),
            body_after: Some(super::records::body_text("asset", "@id")?),
        });
        Ok(Self { scale, first: now.minus(SPAN + Duration::from_mins(10)), types, counts: Counts::default() })
    }

    pub fn event(&mut self, number: u64, batch: &mut Batch) {
        let event = self.made(number);
        let minute = event.received_at.0.div_euclid(MINUTE) * MINUTE;
        let [accepted, processed, dead] = self.counts.minutes.entry((minute, event.connection)).or_default();
        *accepted += 1;
        *(if event.state == EventState::Dead { dead } else { processed }) += 1;
        let outline = self
            .counts
            .types
            .entry((event.connection, event.name))
            .or_insert_with(|| payloads::outline(event.body.as_bytes()));
        batch.events.push(event.event_row());
        batch.payloads.push(event.payload_row(outline));
        batch.attempts.extend(event.attempt_rows());
        batch.history.extend(event.history_row());
    }

    fn made(&self, number: u64) -> Event {
        let chance = mix(number);
        let kind = self.kind(chance);
        let after = u128::from(number) * SPAN.as_micros() / u128::from(self.scale.events.max(1));
        let received_at = Timestamp(self.first.0 + i64::try_from(after).unwrap_or(0));
        let id = object_id(kind.kind, mix(chance) % self.scale.of(kind.kind));
        let external_id = format!("evt_g{number:010}");
        let state = if chance % DEAD == 7 {
            EventState::Dead
        } else if kind.body_after.is_none() {
            EventState::Skipped
        } else {
            EventState::Processed
        };
        let created = (received_at.seconds() - 1).to_string();
        let body = kind.body.replace("@id", &id).replace("@event", &external_id).replace("@created", &created);
        let body_after = kind.body_after.as_ref().filter(|_| state == EventState::Processed);
        Event {
            number,
            connection: kind.connection,
            external_id,
            name: kind.name,
            body_after: body_after.map(|text| text.replace("@id", &id)),
            object: ObjectKey::new(Kind::new(kind.kind), id),
            received_at,
            state,
            body,
        }
    }

    fn kind(&self, chance: u64) -> &Type {
        let total: u64 = self.types.iter().map(|kind| kind.share).sum();
        let mut left = (chance >> 32) % total;
        let found = self.types.iter().find(|kind| {
            let here = left < kind.share;
            left = left.saturating_sub(kind.share);
            here
        });
        found.unwrap_or(&self.types[0])
    }
}

fn wire_object(kind: &str) -> Value {
    match kind {
        "customer" => events::customer("@id", 1),
        "subscription" => events::subscription("@id", "cus_g00000001", 1),
        "invoice" => invoice(),
        other => json!({ "id": "@id", "object": other, "customer": "cus_g00000001", "amount": 2900, "currency": "eur",
            "created": 1_790_000_000, "livemode": false, "metadata": {}, "billing_details": { "email": null, "name": null,
            "phone": null, "address": { "city": null, "country": "DE", "line1": null, "postal_code": null } } }),
    }
}

fn invoice() -> Value {
    json!({
        "id": "@id", "object": "invoice", "account_country": "DE", "account_name": "Patchbay", "amount_due": 3451,
        "amount_paid": 3451, "amount_remaining": 0, "attempt_count": 1, "attempted": true, "auto_advance": false,
        "billing_reason": "subscription_cycle", "collection_method": "charge_automatically", "created": 1_790_000_000,
        "currency": "eur", "customer": "cus_g00000001", "customer_email": "accounts-payable@northwind.example",
        "customer_name": "Northwind Traders", "default_payment_method": null, "discounts": [], "due_date": null,
        "effective_at": 1_790_000_000, "hosted_invoice_url": "https://invoice.stripe.com/i/acct_1/test_1?s=ap",
        "invoice_pdf": "https://pay.stripe.com/invoice/acct_1/test_1/pdf?s=ap", "livemode": false, "metadata": {},
        "lines": { "object": "list", "has_more": false, "total_count": 1, "url": "/v1/invoices/@id/lines", "data": [{
            "id": "il_1", "object": "line_item", "amount": 2900, "currency": "eur", "description": "1 × Team (at €29.00 / month)",
            "invoice": "@id", "livemode": false, "metadata": {}, "period": { "end": 1_792_592_000, "start": 1_790_000_000 },
            "pricing": { "price_details": { "price": "price_1PgafmTeam", "product": "prod_QXg1team" }, "type": "price_details",
                "unit_amount_decimal": "2900" }, "quantity": 1, "taxes": [] }] },
        "number": "0F3A9C1B-0012", "period_end": 1_790_000_000, "period_start": 1_787_408_000, "status": "paid",
        "subtotal": 2900, "total": 3451, "total_taxes": [{ "amount": 551, "tax_behavior": "exclusive", "taxable_amount": 2900 }],
    })
}

/// Spreads numbers evenly (the finaliser of `SplitMix64`): the same in every run.
pub fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_agree_with_the_events() {
        let scale = Scale { events: 20_000, records: 1_000 };
        let mut maker = Maker::new(scale, Timestamp::from_seconds(1_790_000_000)).unwrap();
        let mut batch = Batch::default();
        (0..scale.events).for_each(|number| maker.event(number, &mut batch));
        assert_eq!(batch.events.len(), 20_000);
        let [accepted, processed, dead] =
            maker.counts.minutes.values().fold([0; 3], |all, [a, p, d]| [all[0] + a, all[1] + p, all[2] + d]);
        assert_eq!((accepted, processed + dead), (20_000, 20_000));
        assert!(dead > 0 && batch.history.len() < batch.events.len());
        assert_eq!(maker.counts.types.len(), 8);
    }
}
