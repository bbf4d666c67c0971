//! The full wire shape of every object, with the members of the current API version.

mod catalogue;
mod discounts;
mod money;
mod people;
mod schedules;

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

pub(crate) use catalogue::{meter, meter_event, plan, price, product};
pub(crate) use discounts::{coupon, discount, promotion_code};
pub(crate) use money::{
    checkout_session, event, invoice, invoice_payment, kept, line, line_items_of, payment_intent, portal_session,
    preview, setup_intent,
};
pub(crate) use people::{collection_method, customer, payment_method, subscription, subscription_item};
pub(crate) use schedules::schedule;

use super::model::{
    CheckoutSession, Coupon, Customer, Discount, Event, Invoice, PaymentIntent, PaymentMethod, Price, Product,
    PromotionCode, Schedule, SetupIntent, Subscription,
};
use super::state::{Row, State};

/// The members that are the same for every object of a kind.
struct Template {
    text: &'static str,
    parsed: LazyLock<Map<String, Value>>,
}

/// A copy of `template` with the members of `own` over it.
fn over(template: &Map<String, Value>, own: Value) -> Value {
    let mut whole = template.clone();
    if let Value::Object(own) = own {
        whole.extend(own);
    }
    Value::Object(whole)
}

impl Template {
    fn with(&self, own: Value) -> Value {
        over(&self.parsed, own)
    }
}

macro_rules! template {
    ($name:ident, $text:literal) => {
        static $name: Template =
            Template { text: $text, parsed: LazyLock::new(|| serde_json::from_str($name.text).unwrap_or_default()) };
    };
}
use template;

/// So many of a list are shown within their object; the rest is asked for.
const INLINE: usize = 10;

/// A list answer.
pub(crate) fn list(url: &str, data: Vec<Value>, has_more: bool) -> Value {
    let mut whole = json!({"object": "list", "url": url, "has_more": has_more});
    whole["data"] = Value::Array(data);
    whole
}

/// The object with this id, whatever its kind.
pub(crate) fn by_id(state: &State, id: &str) -> Option<Value> {
    fn one<T: Row>(state: &State, id: &str) -> Option<Value> {
        state.get::<T>(id).map(|row| row.render(state))
    }
    let prefix = id.split('_').next().unwrap_or_default();
    match prefix {
        "cus" => one::<Customer>(state, id),
        "prod" => one::<Product>(state, id),
        "price" => one::<Price>(state, id),
        "ba" | "card" | "src" => state.get::<PaymentMethod>(id).map(super::sources::render),
        "pm" => one::<PaymentMethod>(state, id),
        "sub" if !id.starts_with("sub_sched_") => one::<Subscription>(state, id),
        "in" => one::<Invoice>(state, id),
        "pi" => one::<PaymentIntent>(state, id),
        "seti" => one::<SetupIntent>(state, id),
        "cs" => one::<CheckoutSession>(state, id),
        "evt" => one::<Event>(state, id),
        "di" => one::<Discount>(state, id),
        "promo" => one::<PromotionCode>(state, id),
        _ if id.starts_with("sub_sched_") => one::<Schedule>(state, id),
        // Coupons may be called anything.
        _ => one::<Coupon>(state, id),
    }
}

/// Replaces ids by their objects along the `expand` paths of a request.
pub(crate) fn expand(state: &State, whole: &mut Value, paths: &[&str]) {
    for path in paths {
        let steps: Vec<&str> = path.split('.').collect();
        expand_one(state, whole, &steps);
    }
}

fn expand_one(state: &State, at: &mut Value, steps: &[&str]) {
    if let Value::String(id) = at
        && let Some(object) = by_id(state, id)
    {
        *at = object;
    }
    if let Value::Array(items) = at {
        for item in items {
            expand_one(state, item, steps);
        }
        return;
    }
    let Some((step, rest)) = steps.split_first() else {
        return;
    };
    let Value::Object(members) = at else { return };
    if *step == "payments" && members.get("object").is_some_and(|o| o == "invoice") {
        let payments = members.get("id").and_then(Value::as_str).map(|id| money::payments_of(state, id));
        if let Some(payments) = payments {
            members.insert("payments".to_owned(), payments);
        }
    }
    if *step == "sources" && members.get("object").is_some_and(|o| o == "customer") {
        let sources = members.get("id").and_then(Value::as_str).map(|id| super::sources::all_of(state, id));
        if let Some(sources) = sources {
            members.insert("sources".to_owned(), sources);
        }
    }
    if *step == "tiers" && members.get("object").is_some_and(|o| o == "price") {
        let price = members.get("id").and_then(Value::as_str).and_then(|id| state.get::<Price>(id));
        if let Some(price) = price.filter(|price| price.tiers.is_some()) {
            members.insert("tiers".to_owned(), catalogue::tiers(price));
        }
    }
    if *step == "applies_to" && members.get("object").is_some_and(|o| o == "coupon") {
        let coupon = members.get("id").and_then(Value::as_str).and_then(|id| state.get::<Coupon>(id));
        if let Some(coupon) = coupon.filter(|coupon| !coupon.products.is_empty()) {
            members.insert("applies_to".to_owned(), json!({"products": coupon.products}));
        }
    }
    if *step == "line_items" && members.get("object").is_some_and(|o| o == "checkout.session") {
        let items = members.get("id").and_then(Value::as_str).map(|id| money::line_items_of(state, id));
        if let Some(items) = items {
            members.insert("line_items".to_owned(), items);
        }
    }
    if let Some(next) = members.get_mut(*step) {
        expand_one(state, next, rest);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn templates_are_valid() {
        for template in
            super::people::templates().into_iter().chain(super::catalogue::templates()).chain(super::money::templates())
        {
            assert!(!template.parsed.is_empty(), "{}", template.text);
        }
    }
}
