//! Coupons as they are redeemed: which discounts hold, what they take off the lines of an invoice, when they end.

use serde_json::Value;

use super::api::find;
use super::coupons;
use super::errors::ApiError;
use super::form::Form;
use super::model::{Coupon, Customer, Discount, Duration, Every, Invoice, Line, Off, PromotionCode, Subscription};
use super::state::{Row, State};
use super::time;

/// What a request asks to be taken off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// One that holds already.
    Kept(String),
    New {
        coupon: String,
        promotion_code: Option<String>,
    },
}

/// For whom something is redeemed.
pub(crate) struct For<'a> {
    pub customer: &'a str,
    pub currency: &'a str,
    /// What the first invoice comes to.
    pub amount: i64,
    /// What holds now.
    pub now: &'a [String],
}

/// The `discounts` of a request; none if it says nothing of them.
pub(crate) fn asked(state: &State, form: &Form, whose: &For<'_>) -> Result<Option<Vec<Asked>>, ApiError> {
    let list = form.list("discounts");
    if list.is_empty() {
        // An empty text takes all away.
        return Ok(form.has("discounts").then(Vec::new));
    }
    form.only_in_each("discounts", &["coupon", "discount", "promotion_code"])?;
    if list.len() > 20 {
        return Err(ApiError::invalid("A maximum of 20 discounts can be applied.").of("discounts"));
    }
    let all = list.into_iter().enumerate().map(|(at, part)| one(state, part, at, whose));
    all.collect::<Result<_, _>>().map(Some)
}

fn one(state: &State, part: &Form, at: usize, whose: &For<'_>) -> Result<Asked, ApiError> {
    let name = |name: &str| format!("discounts[{at}][{name}]");
    match (part.text("coupon"), part.text("promotion_code"), part.text("discount")) {
        (Some(id), None, None) => {
            let coupon = coupons::living(state, id, &name("coupon"))?;
            redeemable(state, coupon, whose, &name("coupon"))?;
            Ok(Asked::New { coupon: id.to_owned(), promotion_code: None })
        }
        (None, Some(id), None) => {
            let param = name("promotion_code");
            let code = find::<PromotionCode>(state, id, &param)?;
            allowed(state, code, whose, &param)?;
            let coupon = coupons::living(state, &code.coupon, &param)?;
            redeemable(state, coupon, whose, &param)?;
            Ok(Asked::New { coupon: coupon.id.clone(), promotion_code: Some(id.to_owned()) })
        }
        (None, None, Some(id)) if whose.now.iter().any(|held| held == id) => Ok(Asked::Kept(id.to_owned())),
        (None, None, Some(id)) => Err(ApiError::no_such("discount", id, &name("discount"))),
        _ => {
            let message = "Specify one of these parameters: coupon, discount, promotion_code.";
            Err(ApiError::invalid(message).of(&name("coupon")))
        }
    }
}

fn redeemable(state: &State, coupon: &Coupon, whose: &For<'_>, param: &str) -> Result<(), ApiError> {
    if !coupon.is_valid(state.now) {
        let message = format!("Coupon expired: {}", coupon.id);
        return Err(ApiError::invalid(message).of(param).code("coupon_expired"));
    }
    match &coupon.off {
        Off::Amount { currency, .. } if currency != whose.currency => {
            let message =
                format!("The coupon's currency ({currency}) is not the one of the subscription ({}).", whose.currency);
            Err(ApiError::invalid(message).of(param))
        }
        _ => Ok(()),
    }
}

fn allowed(state: &State, code: &PromotionCode, whose: &For<'_>, param: &str) -> Result<(), ApiError> {
    let refuse = |why: &str| Err(ApiError::invalid(why).of(param));
    let has_paid = |row: &Invoice| row.customer == whose.customer && row.amount_paid > 0;
    if !code.is_active(state.now) {
        return refuse("This promotion code is not active.");
    }
    if code.customer.as_deref().is_some_and(|only| only != whose.customer) {
        return refuse("This promotion code cannot be redeemed because the customer is not eligible for it.");
    }
    if code.first_time && state.tables.invoices.newest().any(has_paid) {
        return refuse(
            "This promotion code cannot be redeemed because the associated customer has prior transactions.",
        );
    }
    match &code.minimum {
        Some((minor, currency)) if currency != whose.currency || whose.amount < *minor => {
            refuse("This promotion code cannot be redeemed because the amount is below its minimum.")
        }
        _ => Ok(()),
    }
}

/// Makes the discounts of a subscription what was asked, and tells of each that came or went.
pub(crate) fn set(state: &mut State, subscription: &str, asked: Vec<Asked>) {
    let Some(row) = state.get::<Subscription>(subscription).cloned() else { return };
    let is_switch = row.discounts.len() == 1 && matches!(asked.as_slice(), [Asked::New { .. }]);
    let mut kept = Vec::new();
    let mut made = Vec::new();
    for wish in asked {
        match wish {
            Asked::Kept(id) => kept.push(id),
            Asked::New { coupon, promotion_code } => {
                let mut new = redeem(state, &row.customer, &coupon, promotion_code);
                new.subscription = Some(subscription.to_owned());
                kept.push(new.id.clone());
                made.push(new.id.clone());
                state.put(new);
            }
        }
    }
    let gone: Vec<String> = row.discounts.iter().filter(|id| !kept.contains(id)).cloned().collect();
    state.change::<Subscription>(subscription, "customer.subscription.updated", |row| row.discounts = kept);
    for id in gone {
        if is_switch { state.edit::<Discount>(&id, |row| row.deleted = true) } else { end(state, &id) }
    }
    for id in made {
        state.announce::<Discount>(
            &id,
            if is_switch { "customer.discount.updated" } else { "customer.discount.created" },
        );
    }
}

/// Redeems what a new subscription begins with.
pub(crate) fn begin(state: &mut State, row: &mut Subscription, asked: Vec<Asked>) {
    for wish in asked {
        if let Asked::New { coupon, promotion_code } = wish {
            let new = redeem(state, &row.customer, &coupon, promotion_code);
            row.discounts.push(new.id.clone());
            state.put(Discount { subscription: Some(row.id.clone()), ..new });
        }
    }
}

/// A discount of a coupon, counted as redeemed and not kept yet.
fn redeem(state: &mut State, customer: &str, coupon: &str, promotion_code: Option<String>) -> Discount {
    if let Some(code) = &promotion_code {
        state.change::<PromotionCode>(code, "promotion_code.updated", |row| row.times_redeemed += 1);
    }
    state.change::<Coupon>(coupon, "coupon.updated", |row| row.times_redeemed += 1);
    let months = state.get::<Coupon>(coupon).map(|row| row.duration);
    let end = match months {
        Some(Duration::Months(months)) => Some(time::after(state.now, Every::MONTH, months)),
        _ => None,
    };
    Discount {
        id: state.id("di_1", 23),
        created: state.now,
        coupon: coupon.to_owned(),
        promotion_code,
        customer: customer.to_owned(),
        subscription: None,
        invoice: None,
        end,
        deleted: false,
    }
}

/// Gives a customer a discount on everything.
pub(crate) fn give(state: &mut State, customer: &str, coupon: &str) {
    let discount = redeem(state, customer, coupon, None);
    let id = discount.id.clone();
    state.put(discount);
    state.change::<Customer>(customer, "customer.updated", |row| row.discount = Some(id.clone()));
    state.announce::<Discount>(&id, "customer.discount.created");
}

/// Ends a discount wherever it holds.
pub(crate) fn end(state: &mut State, id: &str) {
    let Some(row) = state.get::<Discount>(id).cloned() else { return };
    if let Some(subscription) = &row.subscription {
        state.change::<Subscription>(subscription, "customer.subscription.updated", |row| {
            row.discounts.retain(|held| held != id);
        });
    } else {
        state.change::<Customer>(&row.customer, "customer.updated", |row| {
            row.discount.take_if(|held| held == id);
        });
    }
    state.edit::<Discount>(id, |row| row.deleted = true);
    state.announce::<Discount>(id, "customer.discount.deleted");
}

/// `DELETE /v1/subscriptions/{id}/discount`: all of them.
pub(crate) fn of_subscription(state: &mut State, id: &str) -> Result<Value, ApiError> {
    let held = find::<Subscription>(state, id, "id")?.discounts.clone();
    let Some(first) = held.first().cloned() else { return Err(none(id)) };
    for discount in held {
        end(state, &discount);
    }
    find::<Discount>(state, &first, "id").map(|row| row.render(state))
}

/// `DELETE /v1/customers/{id}/discount`.
pub(crate) fn of_customer(state: &mut State, id: &str) -> Result<Value, ApiError> {
    let held = find::<Customer>(state, id, "id")?.discount.clone().ok_or_else(|| none(id))?;
    end(state, &held);
    find::<Discount>(state, &held, "id").map(|row| row.render(state))
}

fn none(id: &str) -> ApiError {
    ApiError::no_such("active discount for", id, "id")
}

/// The discounts that hold for a subscription now: its own, or else its customer's.
pub(crate) fn holding(state: &State, row: &Subscription) -> Vec<(Discount, Coupon)> {
    let own = row.discounts.iter();
    let inherited = state.get::<Customer>(&row.customer).and_then(|customer| customer.discount.as_ref());
    let ids: Vec<&String> = if row.discounts.is_empty() { inherited.into_iter().collect() } else { own.collect() };
    let found = ids.into_iter().filter_map(|id| {
        let discount = state.get::<Discount>(id)?;
        let coupon = state.get::<Coupon>(&discount.coupon)?;
        let holds = !discount.deleted && discount.end.is_none_or(|end| state.now < end);
        holds.then(|| (discount.clone(), coupon.clone()))
    });
    found.collect()
}

/// Discounts as they would be, for a preview.
pub(crate) fn imagined(state: &mut State, customer: &str, asked: Vec<Asked>) -> Vec<(Discount, Coupon)> {
    let mut out = Vec::new();
    for wish in asked {
        let found = match wish {
            Asked::Kept(id) => state.get::<Discount>(&id).cloned(),
            Asked::New { coupon, promotion_code } => Some(Discount {
                id: state.id("di_1", 23),
                created: state.now,
                coupon,
                promotion_code,
                customer: customer.to_owned(),
                subscription: None,
                invoice: None,
                end: None,
                deleted: false,
            }),
        };
        out.extend(found.and_then(|row| state.get::<Coupon>(&row.coupon).cloned().map(|coupon| (row, coupon))));
    }
    out
}

/// Takes the discounts off the lines, one after the other. Prorations have theirs in their amounts already.
pub(crate) fn apply(lines: &mut [Line], discounts: &[(Discount, Coupon)]) {
    for (discount, coupon) in discounts {
        let mut on: Vec<&mut Line> =
            lines.iter_mut().filter(|line| !line.proration && line.net() > 0 && coupon.covers(&line.product)).collect();
        let nets: Vec<i64> = on.iter().map(|line| line.net()).collect();
        for (line, off) in on.iter_mut().zip(parts(coupon, &nets)) {
            if off > 0 {
                line.discounts.push((discount.id.clone(), off));
            }
        }
    }
}

/// What a coupon takes off each of some amounts. An amount is shared out in proportion, and nothing of it is lost.
fn parts(coupon: &Coupon, nets: &[i64]) -> Vec<i64> {
    match &coupon.off {
        Off::Percent(percent) => nets.iter().map(|net| percent.percent_of(*net)).collect(),
        Off::Amount { minor, .. } => {
            let whole: i64 = nets.iter().sum();
            let off = whole.min(*minor);
            let (mut sum, mut given) = (0, 0);
            let share = |net: &i64| {
                sum += net;
                let until = super::proration::share(off, sum, whole);
                let part = until - given;
                given = until;
                part
            };
            nets.iter().map(share).collect()
        }
    }
}

/// What is left of an item's price for a period when the discounts that hold are taken off; `all` are the prices and products
/// of the items they are shared out among.
pub(crate) fn net(discounts: &[(Discount, Coupon)], all: &[(i64, String)], at: usize) -> i64 {
    let mut nets: Vec<i64> = all.iter().map(|(amount, _)| *amount).collect();
    for (_, coupon) in discounts.iter().filter(|(_, coupon)| coupon.duration != Duration::Once) {
        let covered: Vec<usize> = (0..all.len()).filter(|at| coupon.covers(&all[*at].1)).collect();
        let amounts: Vec<i64> = covered.iter().map(|at| nets[*at]).collect();
        for (at, off) in covered.into_iter().zip(parts(coupon, &amounts)) {
            nets[at] -= off;
        }
    }
    nets.get(at).copied().unwrap_or_default()
}

/// What is over once an invoice has it.
pub(crate) fn used_up(state: &mut State, lines: &[Line]) {
    let used = |id: &String| lines.iter().any(|line| line.discounts.iter().any(|(discount, _)| discount == id));
    let once = |row: &&Discount| {
        !row.deleted && used(&row.id) && state.get::<Coupon>(&row.coupon).is_some_and(|c| c.duration == Duration::Once)
    };
    let over: Vec<String> = state.tables.discounts.newest().filter(once).map(|row| row.id.clone()).collect();
    for id in over {
        end(state, &id);
    }
}

/// Ends what has held long enough.
pub(crate) fn lapse(state: &mut State) {
    let now = state.now;
    let rows = state.tables.discounts.oldest().filter(|row| !row.deleted && row.end.is_some_and(|end| end <= now));
    let over: Vec<String> = rows.map(|row| row.id.clone()).collect();
    for id in over {
        end(state, &id);
    }
}
