//! What a period of a subscription costs, and what a change in the middle of one does: the unused part of the old price back,
//! the remaining part of the new one, by the second.

use super::model::{Credited, Every, Invoice, Item, Line, Price, Product, Subscription};
use super::pricing::{self, Charge};
use super::state::State;
use super::{discounts, meters, time};

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

/// The interval a subscription renews by: the shortest of its items.
pub(crate) fn interval(state: &State, items: &[Item]) -> Every {
    let all = items.iter().filter_map(|item| state.get::<Price>(&item.price)?.every());
    all.min_by_key(|every| every.days()).unwrap_or(Every::MONTH)
}

/// The items of a subscription with the periods they are in at `at`. None of them is in another than the subscription, unless
/// it is charged less often.
pub(crate) fn with_periods(state: &State, row: &Subscription, items: &[Item], at: i64) -> Vec<Item> {
    let (shortest, renews) = (interval(state, items), interval(state, &row.items));
    let every = |item: &Item| state.get::<Price>(&item.price).and_then(Price::every).unwrap_or(shortest);
    items
        .iter()
        .map(|item| {
            let before = row.items.iter().find(|old| old.id == item.id && every(old).is(every(item)));
            let period = match before {
                _ if row.status == "trialing" || every(item).is(shortest) => None,
                Some(old) if old.period.is_some() || every(old).is(renews) => {
                    Some(old.period.unwrap_or((row.period_start, row.period_end)))
                }
                _ => Some(time::period(row.anchor, at, every(item))),
            };
            Item { period, ..item.clone() }
        })
        .collect()
}

fn name_of(state: &State, price: &Price) -> String {
    state.get::<Product>(&price.product).map_or_else(|| price.id.clone(), |product| product.name.clone())
}

fn priced(state: &mut State, item: &Item, price: &Price, charge: &Charge, (start, end): (i64, i64)) -> Line {
    let name = name_of(state, price);
    let at = charge.tier.as_ref().map(|tier| format!("{tier} ")).unwrap_or_default();
    let unit = charge.unit.money(&price.currency);
    let unit = price.package.as_ref().map_or(unit.clone(), |package| format!("{unit} per {}", package.divide_by));
    Line {
        id: state.id("il_1", 23),
        amount: charge.amount,
        description: format!("{} × {name} ({at}at {unit}{})", charge.quantity, pricing::every(price)),
        start,
        end,
        price: price.id.clone(),
        product: price.product.clone(),
        unit_amount: Some(charge.unit),
        quantity: charge.quantity,
        item: item.id.clone(),
        proration: false,
        usage: price.meter().is_some(),
        credited: None,
        discounts: Vec::new(),
    }
}

/// The lines of what an item costs for a period, or of what was used in it.
fn whole(state: &mut State, item: &Item, quantity: i64, period: (i64, i64)) -> Vec<Line> {
    let Some(price) = state.get::<Price>(&item.price).cloned() else { return Vec::new() };
    let charges = pricing::charges(&price, quantity);
    charges.into_iter().map(|charge| priced(state, item, &price, &charge, period)).collect()
}

/// The lines of the first period: what is paid in advance.
pub(crate) fn first_lines(state: &mut State, row: &Subscription, trial: bool) -> Vec<Line> {
    let mut lines = Vec::new();
    for item in &row.items {
        let is_metered = state.get::<Price>(&item.price).is_some_and(|price| price.meter().is_some());
        let period = item.period.unwrap_or((row.period_start, row.period_end));
        match (is_metered, trial) {
            (true, _) if row.flexible => {}
            (true, _) => lines.extend(whole(state, item, 0, period)),
            (false, true) => lines.extend(free(state, row, item, period)),
            (false, false) => lines.extend(whole(state, item, item.quantity, period)),
        }
    }
    lines
}

fn free(state: &mut State, row: &Subscription, item: &Item, period: (i64, i64)) -> Option<Line> {
    let price = state.get::<Price>(&item.price)?.clone();
    let name = name_of(state, &price);
    let charge = Charge { amount: 0, quantity: item.quantity, unit: 0.into(), tier: None };
    let mut line = priced(state, item, &price, &charge, period);
    line.description = if row.flexible {
        format!("Free trial for {} × {name}", item.quantity)
    } else {
        format!("Trial period for {name}")
    };
    Some(line)
}

/// The lines of a renewal at `start`: what is paid in advance for the periods that begin, what was used in those that end.
/// Answers the items in their new periods with them.
pub(crate) fn renewal(state: &mut State, row: &Subscription, start: i64) -> (Vec<Item>, Vec<Line>) {
    let shortest = interval(state, &row.items);
    let (mut items, mut lines) = (row.items.clone(), Vec::new());
    for item in &mut items {
        let Some(price) = state.get::<Price>(&item.price).cloned() else { continue };
        let before = item.period.unwrap_or((row.period_start, row.period_end));
        if before.1 > start {
            continue;
        }
        let every = price.every().unwrap_or(shortest);
        let period = (start, time::period_end(row.anchor, start, every));
        item.period = (!every.is(shortest)).then_some(period);
        match price.meter() {
            Some(_) if row.status == "trialing" => {}
            Some(meter) => {
                let since = item.usage_from.take().unwrap_or(before.0);
                if since >= start {
                    continue;
                }
                let used = meters::usage(state, meter, &row.customer, since, start);
                lines.extend(whole(state, item, used, (since, start)));
            }
            None => lines.extend(whole(state, item, item.quantity, period)),
        }
    }
    (items, lines)
}

/// What was used of an item and never billed, up to `at`.
pub(crate) fn unbilled(state: &mut State, row: &Subscription, item: &Item, at: i64) -> Vec<Line> {
    let Some(meter) = state.get::<Price>(&item.price).and_then(|price| price.meter().map(str::to_owned)) else {
        return Vec::new();
    };
    let since = item.usage_from.unwrap_or(item.period.map_or(row.period_start, |period| period.0));
    match meters::usage(state, &meter, &row.customer, since, at) {
        0 => Vec::new(),
        used => whole(state, item, used, (since, at)),
    }
}

/// What it comes to when `row` has `next` from `at` on.
pub(crate) fn of_change(state: &mut State, row: &Subscription, next: &[Item], at: i64) -> Outcome {
    let mut outcome = Outcome::default();
    if row.status == "trialing" {
        return outcome;
    }
    let restarts = !row.flexible && !interval(state, &row.items).is(interval(state, next));
    let changed = |item: &Item, others: &[Item]| {
        restarts
            || !others
                .iter()
                .any(|other| other.id == item.id && other.price == item.price && other.quantity == item.quantity)
    };
    for item in row.items.iter().filter(|item| changed(item, next)) {
        let lines = back(state, row, item, at);
        outcome.prorations.extend(lines);
    }
    if restarts {
        let end = time::period_end(at, at, interval(state, next));
        let row = Subscription { items: next.to_vec(), period_start: at, period_end: end, ..row.clone() };
        outcome.restart = first_lines(state, &row, false);
        return outcome;
    }
    let shown = time::period(row.anchor, at, interval(state, next));
    let kept = interval(state, &row.items).is(interval(state, next));
    let running = if kept { (row.period_start, row.period_end) } else { shown };
    for item in with_periods(state, row, next, at).iter().filter(|item| changed(item, &row.items)) {
        let line = remaining(state, row, next, item, item.period.unwrap_or(running), at);
        outcome.prorations.extend(line);
    }
    outcome
}

/// The credit when a subscription ends in the middle of its period.
pub(crate) fn of_end(state: &mut State, row: &Subscription, at: i64) -> Vec<Line> {
    if row.status == "trialing" {
        return Vec::new();
    }
    row.items.iter().flat_map(|item| back(state, row, item, at)).collect()
}

/// What an item gives back at `at`, or what was used of it until then.
fn back(state: &mut State, row: &Subscription, item: &Item, at: i64) -> Vec<Line> {
    if row.flexible {
        [unbilled(state, row, item, at), credits(state, row, item, at)].concat()
    } else {
        classic(state, row, item, at)
    }
}

/// The credit of the classic billing mode: a part of what the item costs now.
fn classic(state: &mut State, row: &Subscription, item: &Item, at: i64) -> Vec<Line> {
    let Some(price) = state.get::<Price>(&item.price).filter(|price| price.meter().is_none()).cloned() else {
        return Vec::new();
    };
    let (start, end) = item.period.unwrap_or((row.period_start, row.period_end));
    let amount = -part(net_price(state, row, &row.items, item), at, (start, end));
    vec![prorated(state, item, &price, "Unused", amount, (at, end))]
}

/// The credits of the flexible billing mode: one for each debit of the item whose time is not over, a part of what was debited.
fn credits(state: &mut State, row: &Subscription, item: &Item, at: i64) -> Vec<Line> {
    let mut groups: Vec<(Option<String>, Vec<Line>)> = Vec::new();
    for (invoice, line) in debits(state, row, item, at) {
        let same = |(other, lines): &&mut (Option<String>, Vec<Line>)| {
            *other == invoice && lines[0].start == line.start && lines[0].end == line.end
        };
        match groups.iter_mut().find(same) {
            Some((_, lines)) => lines.push(line),
            None => groups.push((invoice, vec![line])),
        }
    }
    groups
        .into_iter()
        .filter_map(|(invoice, debits)| {
            let first = &debits[0];
            let period = (first.start, first.end);
            let price = state.get::<Price>(&first.price)?.clone();
            let quantity = if debits.len() == 1 { first.quantity } else { item.quantity };
            let of = Item { quantity, ..item.clone() };
            let amount = -part(debits.iter().map(Line::net).sum(), at, period);
            let mut line = prorated(state, &of, &price, "Unused", amount, (at.max(period.0), period.1));
            line.credited = Some(Credited { invoice, lines: debits.into_iter().map(|line| line.id).collect() });
            Some(line)
        })
        .collect()
}

/// What was debited for an item beyond `at` and not given back yet, with the invoices it is on.
fn debits(state: &State, row: &Subscription, item: &Item, at: i64) -> Vec<(Option<String>, Line)> {
    let invoices = state
        .tables
        .invoices
        .oldest()
        .filter(|invoice: &&Invoice| invoice.subscription.as_ref() == Some(&row.id) && invoice.status != "void");
    let billed = invoices.flat_map(|invoice| invoice.lines.iter().map(|line| (Some(invoice.id.clone()), line)));
    let all: Vec<(Option<String>, &Line)> = billed.chain(row.pending.iter().map(|line| (None, line))).collect();
    let given_back = |line: &Line| {
        all.iter().any(|(_, other)| other.credited.as_ref().is_some_and(|credited| credited.lines.contains(&line.id)))
    };
    all.iter()
        .filter(|(_, line)| line.item == item.id && line.end > at && line.net() > 0 && !line.usage && !given_back(line))
        .map(|(invoice, line)| (invoice.clone(), (*line).clone()))
        .collect()
}

fn remaining(
    state: &mut State,
    row: &Subscription,
    among: &[Item],
    item: &Item,
    period: (i64, i64),
    at: i64,
) -> Option<Line> {
    let price = state.get::<Price>(&item.price).filter(|price| price.meter().is_none())?.clone();
    let amount = part(net_price(state, row, among, item), at, period);
    Some(prorated(state, item, &price, "Remaining", amount, (at, period.1)))
}

/// What an item costs for a whole period, its part of the discounts taken off.
fn net_price(state: &State, row: &Subscription, among: &[Item], item: &Item) -> i64 {
    let licensed = among.iter().filter_map(|item| {
        let price = state.get::<Price>(&item.price).filter(|price| price.meter().is_none())?;
        Some((item, (pricing::amount(price, item.quantity), price.product.clone())))
    });
    let (items, amounts): (Vec<&Item>, Vec<_>) = licensed.unzip();
    let at = items.iter().position(|other| other.id == item.id).unwrap_or(usize::MAX);
    discounts::net(&discounts::holding(state, row), &amounts, at)
}

/// The part of an amount that is left at `at`.
fn part(amount: i64, at: i64, (start, end): (i64, i64)) -> i64 {
    let whole = end - start;
    share(amount, (end - at).clamp(0, whole), whole)
}

fn prorated(state: &mut State, item: &Item, price: &Price, word: &str, amount: i64, (start, end): (i64, i64)) -> Line {
    let name = name_of(state, price);
    let many = if item.quantity == 1 { String::new() } else { format!("{} × ", item.quantity) };
    Line {
        id: state.id("il_1", 23),
        amount,
        description: format!("{word} time on {many}{name} after {}", time::day(start)),
        start,
        end,
        price: price.id.clone(),
        product: price.product.clone(),
        unit_amount: price.unit_amount,
        quantity: item.quantity,
        item: item.id.clone(),
        proration: true,
        usage: false,
        credited: None,
        discounts: Vec::new(),
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
}
