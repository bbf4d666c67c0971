//! `/v1/subscription_schedules`: phases that a subscription goes through as time passes.

use serde_json::Value;

use super::api::{find, retrieve};
use super::billing::{self, Behaviour, Charge, NewSubscription};
use super::customers::living;
use super::errors::ApiError;
use super::form::Form;
use super::model::{Every, Interval, Item, Metadata, Phase, PhaseItem, Price, Schedule, Subscription};
use super::proration::Wanted;
use super::state::State;
use super::{paging, proration, subscriptions, time};

const BEHAVIOURS: [&str; 3] = ["always_invoice", "create_prorations", "none"];

pub(crate) fn list(state: &State, form: &Form) -> Result<Value, ApiError> {
    form.only(&[&paging::NAMES[..], &["customer", "scheduled"]].concat())?;
    let customer = form.text("customer");
    let scheduled = form.truth("scheduled")?;
    paging::list(state, form, "/v1/subscription_schedules", |row: &Schedule| {
        customer.is_none_or(|customer| row.customer == customer)
            && scheduled.is_none_or(|scheduled| (row.status == "not_started") == scheduled)
    })
}

pub(crate) fn get(state: &State, id: &str) -> Result<Value, ApiError> {
    retrieve::<Schedule>(state, id)
}

pub(crate) fn create(state: &mut State, form: &Form) -> Result<Value, ApiError> {
    form.only(&["customer", "end_behavior", "from_subscription", "metadata", "phases", "start_date", "billing_mode"])?;
    let id = match form.text("from_subscription") {
        Some(subscription) => of_subscription(state, form, subscription)?,
        None => new(state, form)?,
    };
    retrieve::<Schedule>(state, &id)
}

fn blank(state: &mut State, customer: String) -> Schedule {
    Schedule {
        id: state.id("sub_sched_1", 23),
        created: state.now,
        customer,
        status: "not_started".to_owned(),
        subscription: None,
        released_subscription: None,
        phases: Vec::new(),
        cancels: false,
        canceled_at: None,
        completed_at: None,
        released_at: None,
        end_told: false,
        metadata: Metadata::new(),
        flexible: true,
    }
}

/// A schedule of a subscription that runs, whose first phase is the running period.
fn of_subscription(state: &mut State, form: &Form, subscription: &str) -> Result<String, ApiError> {
    for name in ["customer", "end_behavior", "phases", "start_date", "billing_mode"] {
        if form.has(name) {
            let message = format!("You cannot set `{name}` if `from_subscription` is set.");
            return Err(ApiError::invalid(message).of(name));
        }
    }
    let of = find::<Subscription>(state, subscription, "from_subscription")?.clone();
    if !of.alive() || of.schedule.is_some() {
        let message = "You cannot migrate a subscription that is already attached to a schedule, or that has ended.";
        return Err(ApiError::invalid(message).of("from_subscription"));
    }
    let items = of.items.iter().map(|item| PhaseItem {
        price: item.price.clone(),
        quantity: item.quantity,
        metadata: item.metadata.clone(),
    });
    let phase = Phase {
        start: of.period_start,
        end: of.period_end,
        currency: of.currency.clone(),
        items: items.collect(),
        proration_behavior: "create_prorations".to_owned(),
        description: None,
        metadata: Metadata::new(),
    };
    let row = Schedule {
        status: "active".to_owned(),
        subscription: Some(of.id.clone()),
        phases: vec![phase],
        cancels: of.cancel_at_period_end,
        metadata: form.metadata(),
        flexible: of.flexible,
        ..blank(state, of.customer.clone())
    };
    let id = row.id.clone();
    state.create(row, "subscription_schedule.created");
    hold(state, &of.id, Some(id.clone()));
    Ok(id)
}

fn new(state: &mut State, form: &Form) -> Result<String, ApiError> {
    let customer = form.need("customer")?.to_owned();
    living(state, &customer, "customer")?;
    let start = match form.text("start_date") {
        None | Some("now") => state.now,
        Some(_) => form.int("start_date")?.unwrap_or(state.now),
    };
    if start < state.now {
        let message = "The sandbox starts schedules now or later; it does not date them back.";
        return Err(ApiError::invalid(message).of("start_date"));
    }
    let classic = subscriptions::classic(form)?;
    let cancels = form.word("end_behavior", &["cancel", "release"])? == Some("cancel");
    let phases = phases(state, form, start)?;
    let is_now = start == state.now;
    if let Some(first) = phases.first().filter(|_| is_now) {
        let items = wanted(&first.items);
        let items = billing::next_items(state, &subscriptions::unborn(state, &customer), &items);
        subscriptions::renews_together(state, &items, !classic)?;
    }
    let row = Schedule { phases, cancels, metadata: form.metadata(), flexible: !classic, ..blank(state, customer) };
    let id = row.id.clone();
    state.create(row, "subscription_schedule.created");
    if is_now {
        begin(state, &id);
    }
    Ok(id)
}

fn wanted(items: &[PhaseItem]) -> Vec<Wanted> {
    let wish = |item: &PhaseItem| Wanted { item: None, price: item.price.clone(), quantity: item.quantity };
    items.iter().map(wish).collect()
}

/// The phases of a request, one after the other from `start`.
fn phases(state: &State, form: &Form, start: i64) -> Result<Vec<Phase>, ApiError> {
    form.only_in_each(
        "phases",
        &["items", "start_date", "end_date", "duration", "proration_behavior", "currency", "description", "metadata"],
    )?;
    let mut out: Vec<Phase> = Vec::new();
    for (at, part) in form.list("phases").into_iter().enumerate() {
        let start = out.last().map_or(start, |before| before.end);
        out.push(phase(state, part, at, start)?);
    }
    if out.is_empty() {
        return Err(ApiError::missing("phases"));
    }
    Ok(out)
}

fn phase(state: &State, part: &Form, at: usize, start: i64) -> Result<Phase, ApiError> {
    let name = |name: &str| format!("phases[{at}][{name}]");
    if part.text("start_date").is_some_and(|text| text != "now") && part.int("start_date")? != Some(start) {
        let message = "The `start_date` of a phase must be the end of the phase before it.";
        return Err(ApiError::invalid(message).of(&name("start_date")));
    }
    let items = items(state, part, at)?;
    let currency = items
        .first()
        .and_then(|item| state.get::<Price>(&item.price))
        .map_or_else(String::new, |price| price.currency.clone());
    if part.text("currency").is_some_and(|asked| !asked.eq_ignore_ascii_case(&currency)) {
        return Err(ApiError::invalid("The currency of the phase is not the one of its prices.").of(&name("currency")));
    }
    let word = part.text("proration_behavior").unwrap_or("create_prorations");
    if !BEHAVIOURS.contains(&word) {
        let message = format!("Invalid proration_behavior: must be one of {}; got {word}", BEHAVIOURS.join(", "));
        return Err(ApiError::invalid(message).of(&name("proration_behavior")));
    }
    let end = match (part.int("end_date")?, part.parts("duration")) {
        (Some(_), Some(_)) => {
            let message = "You may only specify one of these parameters: duration, end_date.";
            return Err(ApiError::invalid(message).of(&name("duration")));
        }
        (Some(end), None) => end,
        (None, Some(duration)) => {
            let interval = duration.text("interval").and_then(Interval::of);
            let interval = interval.ok_or_else(|| ApiError::missing(&name("duration][interval")))?;
            let count = duration.int("interval_count")?.unwrap_or(1).clamp(1, 1_000);
            time::after(start, Every { interval, count: 1 }, i32::try_from(count).unwrap_or(1))
        }
        // One period of what it sells.
        (None, None) => {
            let every = items.iter().filter_map(|item| state.get::<Price>(&item.price)?.every());
            time::after(start, every.min_by_key(|every| every.days()).unwrap_or(Every::MONTH), 1)
        }
    };
    if end <= start {
        return Err(ApiError::invalid("The `end_date` of a phase must be after its start.").of(&name("end_date")));
    }
    let description = part.text("description").map(str::to_owned);
    let proration_behavior = word.to_owned();
    Ok(Phase { start, end, currency, items, proration_behavior, description, metadata: part.metadata() })
}

fn items(state: &State, part: &Form, at: usize) -> Result<Vec<PhaseItem>, ApiError> {
    let mut out = Vec::new();
    for (item, form) in part.list("items").into_iter().enumerate() {
        let name = |name: &str| format!("phases[{at}][items][{item}][{name}]");
        if let Some((other, _)) = form
            .pairs()
            .iter()
            .find(|(other, _)| !["price", "quantity"].contains(&other.as_str()) && !other.starts_with("metadata"))
        {
            return Err(ApiError::unknown(&name(other)));
        }
        let id = form.text("price").ok_or_else(|| ApiError::missing(&name("price")))?;
        let price = find::<Price>(state, id, &name("price"))?;
        if price.recurring.is_none() || !price.active {
            let message = "This field only accepts active prices with `type=recurring`.";
            return Err(ApiError::invalid(message).of(&name("price")));
        }
        let quantity = subscriptions::quantity(price, form.int("quantity")?, &name("quantity"))?.unwrap_or(1);
        out.push(PhaseItem { price: id.to_owned(), quantity, metadata: form.metadata() });
    }
    if out.is_empty() {
        return Err(ApiError::missing(&format!("phases[{at}][items]")));
    }
    Ok(out)
}

fn hold(state: &mut State, subscription: &str, schedule: Option<String>) {
    state.change::<Subscription>(subscription, "customer.subscription.updated", |row| row.schedule = schedule);
}

/// The subscription of a schedule starts with its first phase.
fn begin(state: &mut State, id: &str) {
    let Some(row) = state.get::<Schedule>(id).cloned() else { return };
    let Some(first) = row.phases.first() else { return };
    let subscription = billing::start(
        state,
        NewSubscription {
            customer: row.customer.clone(),
            items: first.items.iter().map(|item| (item.price.clone(), item.quantity)).collect(),
            metadata: first.metadata.clone(),
            description: first.description.clone(),
            classic: !row.flexible,
            ..NewSubscription::default()
        },
    );
    hold(state, &subscription, Some(id.to_owned()));
    state.change::<Schedule>(id, "subscription_schedule.updated", |row| {
        "active".clone_into(&mut row.status);
        row.subscription = Some(subscription);
    });
}

pub(crate) fn update(state: &mut State, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.only(&["end_behavior", "metadata", "phases", "proration_behavior"])?;
    let row = running(state, id)?;
    let behaviour = subscriptions::behaviour(form)?;
    let cancels = form.word("end_behavior", &["cancel", "release"])?.map(|word| word == "cancel");
    let now = state.now;
    let mut next = None;
    if form.has("phases") {
        let first = form.list("phases").first().map(|part| part.int("start_date")).transpose()?.flatten();
        let running = row.phase_at(now).map_or(row.phases[0].start, |phase| phase.start);
        let start = first.unwrap_or(running);
        if row.subscription.is_some() && start != running {
            let message = "The first phase must be the current one: its `start_date` cannot be moved.";
            return Err(ApiError::invalid(message).of("phases[0][start_date]"));
        }
        let past = row.phases.iter().filter(|phase| phase.end <= start).cloned();
        next = Some(past.chain(phases(state, form, start)?).collect::<Vec<Phase>>());
    }
    state.change::<Schedule>(id, "subscription_schedule.updated", |row| {
        row.cancels = cancels.unwrap_or(row.cancels);
        form.merge_metadata(&mut row.metadata);
        if let Some(phases) = next {
            row.phases = phases;
            row.end_told = false;
        }
    });
    let current = state.get::<Schedule>(id).and_then(|row| row.phase_at(now)).cloned();
    let before = row.phase_at(now).map(|phase| phase.items.clone());
    if let Some((subscription, phase)) = row.subscription.zip(current)
        && before.as_ref() != Some(&phase.items)
    {
        enter(state, &subscription, &phase, behaviour);
    }
    retrieve::<Schedule>(state, id)
}

fn running(state: &State, id: &str) -> Result<Schedule, ApiError> {
    let row = find::<Schedule>(state, id, "id")?;
    if row.runs() {
        return Ok(row.clone());
    }
    let status = &row.status;
    let message = format!(
        "You cannot update a subscription schedule that is currently in the `{status}` status. It must be in `not_started` or `active` status."
    );
    Err(ApiError::invalid(message).of("id"))
}

/// Gives a subscription the items of a phase; those of the same price stay who they are.
fn enter(state: &mut State, subscription: &str, phase: &Phase, behaviour: Behaviour) {
    let Some(row) = state.get::<Subscription>(subscription).cloned() else { return };
    let mut left = row.items.clone();
    let mut next: Vec<Item> = Vec::new();
    for wish in &phase.items {
        let same = left.iter().position(|item| item.price == wish.price);
        let at_all = same.or_else(|| (phase.items.len() == 1 && left.len() == 1).then_some(0));
        if let Some(at) = at_all {
            let item = left.remove(at);
            next.push(Item { price: wish.price.clone(), quantity: wish.quantity, ..item });
        } else {
            let only = Wanted { item: None, price: wish.price.clone(), quantity: wish.quantity };
            let none = Subscription { items: Vec::new(), ..row.clone() };
            next.extend(billing::next_items(state, &none, &[only]));
        }
    }
    if next != row.items && row.period_end <= state.now {
        // The next period is billed at the new prices, and nothing is prorated.
        state.change::<Subscription>(subscription, "customer.subscription.updated", |row| row.items = next);
    } else if next != row.items {
        let at = state.now.max(row.period_start);
        billing::change_items(state, subscription, &next, behaviour, at, Charge::Now);
    }
    state.change::<Subscription>(subscription, "customer.subscription.updated", |row| {
        row.metadata.extend(phase.metadata.clone());
        if phase.description.is_some() {
            row.description.clone_from(&phase.description);
        }
    });
}

/// `POST …/release`: the subscription goes on by itself.
pub(crate) fn release(state: &mut State, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.only(&["preserve_cancel_date"])?;
    form.truth("preserve_cancel_date")?;
    let row = running(state, id)?;
    let subscription = row.subscription.ok_or_else(|| {
        let message = "You cannot release a subscription schedule that is currently in the `not_started` status.";
        ApiError::invalid(message).of("id")
    })?;
    let_go(state, id, &subscription);
    retrieve::<Schedule>(state, id)
}

fn let_go(state: &mut State, id: &str, subscription: &str) {
    let now = state.now;
    hold(state, subscription, None);
    state.edit::<Schedule>(id, |row| {
        "released".clone_into(&mut row.status);
        row.released_at = Some(now);
        row.released_subscription = row.subscription.take();
    });
    state.announce::<Schedule>(id, "subscription_schedule.released");
}

/// `POST …/cancel`: the subscription ends with it, at once.
pub(crate) fn cancel(state: &mut State, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.only(&["invoice_now", "prorate"])?;
    let row = running(state, id)?;
    let invoice_now = form.truth("invoice_now")?.unwrap_or(true);
    let prorate = form.truth("prorate")?.unwrap_or(true);
    match &row.subscription {
        Some(subscription) => subscriptions::end_now(state, subscription, invoice_now, prorate),
        None => over(state, id, "canceled"),
    }
    retrieve::<Schedule>(state, id)
}

/// A schedule ends as `canceled` or `completed`. It is `aborted` when its subscription ends for debts, and `canceled` then.
pub(crate) fn over(state: &mut State, id: &str, how: &str) {
    let now = state.now;
    state.edit::<Schedule>(id, |row| {
        if how == "completed" {
            row.completed_at = Some(now);
        } else {
            row.canceled_at = Some(now);
        }
        if how == "aborted" { "canceled" } else { how }.clone_into(&mut row.status);
    });
    state.announce::<Schedule>(id, &format!("subscription_schedule.{how}"));
}

/// Tells of the schedules whose last phase ends within a week, once each.
fn ending(state: &mut State) {
    const BEFORE: i64 = 7 * 86_400;
    let now = state.now;
    let soon = |row: &&Schedule| {
        let end = row.phases.last().map(|phase| phase.end);
        row.status == "active" && !row.end_told && end.is_some_and(|end| (now..=now + BEFORE).contains(&end))
    };
    let found: Vec<String> = state.tables.schedules.oldest().filter(soon).map(|row| row.id.clone()).collect();
    for id in found {
        state.edit::<Schedule>(&id, |row| row.end_told = true);
        state.announce::<Schedule>(&id, "subscription_schedule.expiring");
    }
}

/// What time brings: schedules that start, phases that follow one another, schedules that are through.
pub(crate) fn pass(state: &mut State) {
    ending(state);
    let now = state.now;
    let due = |row: &&Schedule| match row.status.as_str() {
        "not_started" => row.phases.first().is_some_and(|phase| phase.start <= now),
        "active" => row.phases.iter().any(|phase| phase.end <= now),
        _ => false,
    };
    let rows: Vec<Schedule> = state.tables.schedules.oldest().filter(due).cloned().collect();
    for row in rows {
        match &row.subscription {
            None => begin(state, &row.id),
            Some(subscription) => follow(state, &row, subscription),
        }
    }
}

/// The phase that holds now, where the subscription is still in an earlier one.
fn follow(state: &mut State, row: &Schedule, subscription: &str) {
    let now = state.now;
    let Some(of) = state.get::<Subscription>(subscription).cloned() else { return };
    let Some(phase) = row.phase_at(now).cloned() else {
        if row.cancels {
            billing::finish(state, subscription);
        } else {
            let_go(state, &row.id, subscription);
        }
        return;
    };
    let prices = |items: &[Item]| items.iter().map(|item| (item.price.clone(), item.quantity)).collect::<Vec<_>>();
    let wanted: Vec<_> = phase.items.iter().map(|item| (item.price.clone(), item.quantity)).collect();
    if prices(&of.items) == wanted {
        return;
    }
    let behaviour = match phase.proration_behavior.as_str() {
        "none" => Behaviour::None,
        "always_invoice" => Behaviour::Always,
        _ => Behaviour::Create,
    };
    if of.period_end <= now {
        for item in of.items.iter().filter(|item| !wanted.iter().any(|(price, _)| *price == item.price)) {
            let used = proration::unbilled(state, &of, item, of.period_end);
            state.edit::<Subscription>(subscription, |row| row.pending.extend(used));
        }
    }
    enter(state, subscription, &phase, behaviour);
    state.announce::<Schedule>(&row.id, "subscription_schedule.updated");
}
