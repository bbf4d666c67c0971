//! What a change in the middle of a period costs: the unused part of the old price back, the remaining part of the new one, by the second.

use super::model::{Interval, Item, Line, Price, Subscription};
use super::state::State;
use super::time;

/// A price as wanted from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The item it changes; none for a new one.
    pub item: Option<String>,
    pub price: String,
    pub quantity: i64,
}

/// What a change comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Credits and debits of the running period.
    pub prorations: Vec<Line>,
    /// The first lines of a period that starts with the change, when the interval changes.
    pub restart: Vec<Line>,
}

/// `amount` × `part` ÷ `whole`, rounded half away from zero.
pub(crate) fn share(amount: i64, part: i64, whole: i64) -> i64 {
    if whole <= 0 {
        return 0;
    }
    let (amount, part, whole) = (i128::from(amount), i128::from(part), i128::from(whole));
    let product = amount * part;
    let rounded = (product.abs() * 2 + whole) / (whole * 2);
    i64::try_from(rounded * product.signum()).unwrap_or_default()
}

/// The interval a subscription runs by.
pub(crate) fn interval(state: &State, items: &[Item]) -> Interval {
    items.first().and_then(|item| state.get::<Price>(&item.price)).map_or(Interval::Month, |price| price.interval)
}

/// The lines of a whole period.
pub(crate) fn period_lines(state: &mut State, items: &[Item], start: i64, end: i64, trial: bool) -> Vec<Line> {
    items
        .iter()
        .filter_map(|item| {
            let price = state.get::<Price>(&item.price)?.clone();
            let name = product_name(state, &price);
            let unit_amount = if trial { 0 } else { price.unit_amount };
            let description = if trial {
                format!("Trial period for {name}")
            } else {
                format!(
                    "{} × {name} (at {} / {})",
                    item.quantity,
                    money(&price.currency, price.unit_amount),
                    price.interval.word()
                )
            };
            Some(Line {
                id: state.id("il_1", 23),
                amount: unit_amount * item.quantity,
                description,
                start,
                end,
                price: price.id,
                product: price.product,
                unit_amount,
                quantity: item.quantity,
                item: item.id.clone(),
                proration: false,
            })
        })
        .collect()
}

/// What it comes to when `subscription` has `next` from `at` on.
pub(crate) fn of_change(state: &mut State, subscription: &Subscription, next: &[Item], at: i64) -> Outcome {
    let mut outcome = Outcome::default();
    if subscription.status == "trialing" {
        return outcome;
    }
    let restart = interval(state, &subscription.items) != interval(state, next);
    let changed = |item: &Item, others: &[Item]| {
        restart
            || !others
                .iter()
                .any(|other| other.id == item.id && other.price == item.price && other.quantity == item.quantity)
    };
    for item in subscription.items.iter().filter(|item| changed(item, next)) {
        let line = part_line(state, subscription, item, at, -1);
        outcome.prorations.extend(line);
    }
    if restart {
        let end = time::period_end(at, at, interval(state, next));
        outcome.restart = period_lines(state, next, at, end, false);
        return outcome;
    }
    for item in next.iter().filter(|item| changed(item, &subscription.items)) {
        let line = part_line(state, subscription, item, at, 1);
        outcome.prorations.extend(line);
    }
    outcome
}

/// The credit when a subscription ends in the middle of its period.
pub(crate) fn of_end(state: &mut State, subscription: &Subscription, at: i64) -> Vec<Line> {
    if subscription.status == "trialing" {
        return Vec::new();
    }
    subscription.items.iter().filter_map(|item| part_line(state, subscription, item, at, -1)).collect()
}

fn part_line(state: &mut State, subscription: &Subscription, item: &Item, at: i64, sign: i64) -> Option<Line> {
    let price = state.get::<Price>(&item.price)?.clone();
    let name = product_name(state, &price);
    let whole = subscription.period_end - subscription.period_start;
    let part = (subscription.period_end - at).clamp(0, whole);
    let amount = share(sign * price.unit_amount * item.quantity, part, whole);
    let word = if sign < 0 { "Unused" } else { "Remaining" };
    let many = if item.quantity == 1 { String::new() } else { format!("{} × ", item.quantity) };
    Some(Line {
        id: state.id("il_1", 23),
        amount,
        description: format!("{word} time on {many}{name} after {}", time::day(at)),
        start: at,
        end: subscription.period_end,
        price: price.id,
        product: price.product,
        unit_amount: sign * price.unit_amount,
        quantity: item.quantity,
        item: item.id.clone(),
        proration: true,
    })
}

fn product_name(state: &State, price: &Price) -> String {
    state.get::<super::model::Product>(&price.product).map_or_else(|| price.id.clone(), |product| product.name.clone())
}

/// An amount as people write it.
pub(crate) fn money(currency: &str, amount: i64) -> String {
    let sign = if amount < 0 { "-" } else { "" };
    let symbol = match currency {
        "eur" => "€",
        "usd" => "$",
        "gbp" => "£",
        "jpy" => "¥",
        _ => "",
    };
    let digits = |n: u64| {
        let plain = n.to_string();
        let mut out = String::new();
        for (at, digit) in plain.chars().enumerate() {
            if at > 0 && (plain.len() - at).is_multiple_of(3) {
                out.push(',');
            }
            out.push(digit);
        }
        out
    };
    let value = amount.unsigned_abs();
    if currency == "jpy" {
        format!("{sign}{symbol}{}", digits(value))
    } else {
        format!("{sign}{symbol}{}.{:02}", digits(value / 100), value % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded_half_away_from_zero() {
        assert_eq!(share(1_000, 15, 30), 500);
        assert_eq!(share(-1_000, 1, 3), -333);
        assert_eq!(share(5, 1, 2), 3);
        assert_eq!(share(-5, 1, 2), -3);
        assert_eq!(share(9_900, 1_296_000, 2_592_000), 4_950);
        assert_eq!(share(1, 1, 0), 0);
    }

    #[test]
    fn money_is_written_with_its_own_decimals() {
        assert_eq!(money("eur", 123_456), "€1,234.56");
        assert_eq!(money("jpy", 14_800), "¥14,800");
        assert_eq!(money("usd", -5), "-$0.05");
    }
}
