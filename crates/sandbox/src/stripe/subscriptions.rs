//! `/v1/subscriptions`.

use serde_json::Value;

use super::api::{find, retrieve};
use super::billing::{self, Behaviour, Charge, NewSubscription, Owner};
use super::customers::living;
use super::discounts::{Asked, For};
use super::errors::ApiError;
use super::form::{Form, Said};
use super::model::{Cancellation, Item, Metadata, Pause, PaymentMethod, Price, Subscription};
use super::proration::{self, Wanted};
use super::state::State;
use super::{discounts, paging, pricing, render};

const COLLECTION: [&str; 2] = ["charge_automatically", "send_invoice"];
const PAYMENT: [&str; 4] = ["allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete"];
/// What a change that waits for its payment may consist of. Stripe takes a few more, which the sandbox does not have.
const PENDING: [&str; 4] = ["items", "payment_behavior", "proration_behavior", "proration_date"];
const STATUSES: [&str; 10] = [
    "active",
    "all",
    "canceled",
    "ended",
    "incomplete",
    "incomplete_expired",
    "past_due",
    "paused",
    "trialing",
    "unpaid",
];

pub(crate) fn list(state: &State, form: &Form) -> Result<Value, ApiError> {
    let own = ["customer", "price", "status", "collection_method"];
    form.only(&[&paging::NAMES[..], &own].concat())?;
    let (customer, price) = (form.text("customer"), form.text("price"));
    let status = form.text("status");
    if let Some(word) = status.filter(|s| !STATUSES.contains(s)) {
        return Err(ApiError::invalid(format!("Invalid status: must be one of {}; got {word}", STATUSES.join(", ")))
            .of("status"));
    }
    let method = form.word("collection_method", &COLLECTION)?;
    paging::list(state, form, "/v1/subscriptions", |row: &Subscription| {
        if method.is_some_and(|method| method != render::collection_method(row.days_until_due.is_some())) {
            return false;
        }
        let over = matches!(row.status.as_str(), "canceled" | "incomplete_expired");
        customer.is_none_or(|c| row.customer == c)
            && price.is_none_or(|p| row.items.iter().any(|item| item.price == p))
            && match status {
                None => !over,
                Some("all") => true,
                Some("ended") => over,
                Some(word) => row.status == word,
            }
    })
}

pub(crate) fn get(state: &State, id: &str) -> Result<Value, ApiError> {
    retrieve::<Subscription>(state, id)
}

/// The prices a request asks for, with the items they change.
pub(crate) fn wanted(state: &State, form: &Form, items: &[Item]) -> Result<Vec<Wanted>, ApiError> {
    let mut out = Vec::new();
    form.only_in_each("items", &["id", "price", "quantity", "deleted"])?;
    for (at, part) in form.list("items").into_iter().enumerate() {
        let old = match part.text("id") {
            None => None,
            Some(id) => Some(
                items
                    .iter()
                    .find(|item| item.id == id)
                    .ok_or_else(|| ApiError::no_such("subscription item", id, &format!("items[{at}][id]")))?,
            ),
        };
        let price = match (part.text("price"), old) {
            (Some(id), _) => {
                let price = find::<Price>(state, id, &format!("items[{at}][price]"))?;
                if !price.active {
                    return Err(ApiError::invalid(
                        "The price specified is inactive. This field only accepts active prices.",
                    )
                    .of(&format!("items[{at}][price]")));
                }
                if price.recurring.is_none() {
                    return Err(ApiError::invalid(
                        "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.",
                    )
                    .of(&format!("items[{at}][price]")));
                }
                price.id.clone()
            }
            (None, Some(old)) => old.price.clone(),
            (None, None) => return Err(ApiError::missing(&format!("items[{at}][price]"))),
        };
        let quantity = if part.truth("deleted")? == Some(true) {
            -1
        } else {
            let asked = part.int("quantity")?;
            let asked = match state.get::<Price>(&price) {
                Some(price) => quantity(price, asked, &format!("items[{at}][quantity]"))?,
                None => asked,
            };
            asked.unwrap_or_else(|| old.map_or(1, |item| item.quantity))
        };
        out.push(Wanted { item: old.map(|item| item.id.clone()), price, quantity });
    }
    let known = |id: &String| state.get::<Price>(id);
    let mut currencies = out
        .iter()
        .map(|w| &w.price)
        .chain(items.iter().map(|item| &item.price))
        .filter_map(known)
        .map(|price| &price.currency);
    let first = currencies.next();
    if currencies.any(|c| Some(c) != first) {
        return Err(ApiError::invalid(
            "The price specified supports currencies other than the one of the subscription.",
        )
        .of("items[0][price]"));
    }
    Ok(out)
}

/// What a request says of how many: nothing where usage is counted.
pub(crate) fn quantity(price: &Price, asked: Option<i64>, name: &str) -> Result<Option<i64>, ApiError> {
    match asked {
        Some(_) if price.meter().is_some() => {
            let message = "You cannot set `quantity` of a price whose `recurring[usage_type]` is `metered`.";
            Err(ApiError::invalid(message).of(name))
        }
        Some(n) if n < 0 => Err(ApiError::invalid("This value must be greater than or equal to 0.")
            .of(name)
            .code("parameter_invalid_integer")),
        asked => Ok(asked),
    }
}

/// Whether the prices of a subscription can renew together.
pub(crate) fn renews_together(state: &State, items: &[Item], is_flexible: bool) -> Result<(), ApiError> {
    let shortest = proration::interval(state, items);
    for (at, item) in items.iter().enumerate() {
        if items[..at].iter().any(|other| other.price == item.price) {
            let message = format!("Cannot add multiple subscription items with the same plan: {}", item.price);
            return Err(ApiError::invalid(message).of(&format!("items[{at}][price]")));
        }
        let Some(every) = state.get::<Price>(&item.price).and_then(Price::every) else { continue };
        let fits = if is_flexible { every.is_multiple_of(shortest) } else { every.is(shortest) };
        if !fits {
            let message = if is_flexible {
                "The interval of each price must be a multiple of the shortest interval of the subscription."
            } else {
                "All prices of a subscription must have the same `recurring.interval` and `recurring.interval_count`. Mixed intervals need `billing_mode[type]=flexible`."
            };
            return Err(ApiError::invalid(message).of(&format!("items[{at}][price]")));
        }
    }
    Ok(())
}

/// `billing_mode`: whether it is the classic one.
pub(crate) fn classic(form: &Form) -> Result<bool, ApiError> {
    form.only_in("billing_mode", &["type", "flexible"])?;
    let Some(mode) = form.parts("billing_mode") else { return Ok(false) };
    if let Some(flexible) = mode.parts("flexible")
        && flexible.text("proration_discounts").is_some_and(|word| word != "included")
    {
        let message = "The sandbox shows discounts of prorations as `included` only.";
        return Err(ApiError::invalid(message).of("billing_mode[flexible][proration_discounts]"));
    }
    match mode.text("type") {
        Some("flexible") => Ok(false),
        Some("classic") => Ok(true),
        Some(other) => {
            let message = format!("Invalid billing_mode[type]: must be one of classic or flexible; got {other}");
            Err(ApiError::invalid(message).of("billing_mode[type]"))
        }
        None => Err(ApiError::missing("billing_mode[type]")),
    }
}

/// `POST /v1/subscriptions/{id}/migrate`.
pub(crate) fn migrate(state: &mut State, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.only(&["billing_mode"])?;
    find::<Subscription>(state, id, "id")?;
    form.parts("billing_mode").ok_or_else(|| ApiError::missing("billing_mode"))?;
    if classic(form)? {
        let message = "A subscription can only be migrated to `flexible`.";
        return Err(ApiError::invalid(message).of("billing_mode[type]"));
    }
    state.change::<Subscription>(id, "customer.subscription.updated", |row| row.flexible = true);
    retrieve::<Subscription>(state, id)
}

/// `proration_behavior`.
pub(crate) fn behaviour(form: &Form) -> Result<Behaviour, ApiError> {
    match form.text("proration_behavior") {
        None | Some("create_prorations") => Ok(Behaviour::Create),
        Some("always_invoice") => Ok(Behaviour::Always),
        Some("none") => Ok(Behaviour::None),
        Some(other) => Err(ApiError::invalid(format!(
            "Invalid proration_behavior: must be one of create_prorations, none, or always_invoice; got {other}"
        ))
        .of("proration_behavior")),
    }
}

/// `proration_date`: inside the running period, or now.
pub(crate) fn proration_date(state: &State, row: &Subscription, form: &Form) -> Result<i64, ApiError> {
    match form.int("proration_date")? {
        None => Ok(state.now.clamp(row.period_start, row.period_end)),
        Some(at) if (row.period_start..=row.period_end).contains(&at) => Ok(at),
        Some(_) => {
            Err(ApiError::invalid("Cannot specify a proration date outside of the current subscription period.")
                .of("proration_date"))
        }
    }
}

/// The currency of some items.
pub(crate) fn currency(state: &State, items: &[Item]) -> String {
    items
        .first()
        .and_then(|item| state.get::<Price>(&item.price))
        .map_or_else(|| "usd".to_owned(), |price| price.currency.clone())
}

/// A subscription that is not there yet, to compute with.
pub(crate) fn unborn(state: &State, customer: &str) -> Subscription {
    Subscription {
        id: String::new(),
        created: state.now,
        customer: customer.to_owned(),
        status: "incomplete".to_owned(),
        currency: String::new(),
        items: Vec::new(),
        period_start: state.now,
        period_end: state.now,
        anchor: state.now,
        start_date: state.now,
        trial_start: None,
        trial_end: None,
        cancel_at_period_end: false,
        cancel_at: None,
        canceled_at: None,
        ended_at: None,
        cancellation: Cancellation::default(),
        pause: None,
        days_until_due: None,
        latest_invoice: None,
        default_payment_method: None,
        description: None,
        metadata: Metadata::new(),
        pending: Vec::new(),
        trial_end_told: false,
        waiting: None,
        flexible: true,
        discounts: Vec::new(),
        schedule: None,
        rest_back_at: None,
    }
}

/// The `discounts` that a request gives a subscription with these items.
pub(crate) fn discounts(
    state: &State,
    form: &Form,
    row: &Subscription,
    items: &[Item],
) -> Result<Option<Vec<Asked>>, ApiError> {
    let prices = items.iter().filter_map(|item| Some((state.get::<Price>(&item.price)?, item.quantity)));
    let amount = prices.filter(|(price, _)| price.meter().is_none()).map(|(price, n)| pricing::amount(price, n)).sum();
    let whose = For { customer: &row.customer, currency: &currency(state, items), amount, now: &row.discounts };
    discounts::asked(state, form, &whose)
}

fn strict(form: &Form) -> bool {
    form.text("payment_behavior") == Some("error_if_incomplete")
}

fn card(state: &State, form: &Form, customer: &str) -> Result<Option<String>, ApiError> {
    let Some(id) = form.text("default_payment_method") else {
        return Ok(None);
    };
    let row = find::<PaymentMethod>(state, id, "default_payment_method")?;
    if row.customer.as_deref() == Some(customer) {
        Ok(Some(id.to_owned()))
    } else {
        Err(ApiError::invalid(format!(
            "The customer does not have a payment method with the ID {id}. The payment method must be attached to the customer."
        ))
        .of("default_payment_method")
        .code("resource_missing"))
    }
}

pub(crate) fn create(state: &mut State, form: &Form) -> Result<Value, ApiError> {
    form.only(&[
        "customer",
        "items",
        "metadata",
        "trial_period_days",
        "trial_end",
        "default_payment_method",
        "payment_behavior",
        "collection_method",
        "days_until_due",
        "cancel_at",
        "cancel_at_period_end",
        "off_session",
        "description",
        "billing_mode",
        "discounts",
    ])?;
    let owner = Owner::off_session(form.truth("off_session")?.unwrap_or(false));
    let classic = classic(form)?;
    let customer = form.need("customer")?.to_owned();
    living(state, &customer, "customer")?;
    let wanted = wanted(state, form, &[])?;
    if wanted.is_empty() {
        return Err(ApiError::missing("items"));
    }
    let mut probe = unborn(state, &customer);
    let items = billing::next_items(state, &probe, &wanted);
    renews_together(state, &items, !classic)?;
    let discounts = discounts(state, form, &probe, &items)?.unwrap_or_default();
    let card = card(state, form, &customer)?;
    let trial_days = form.int("trial_period_days")?;
    let trial_end = trial_end(state, form)?.value();
    let days_until_due = days_until_due(form, None)?;
    let behavior = form.word("payment_behavior", &["allow_incomplete", "default_incomplete", "error_if_incomplete"])?;
    let waits_for_payment = behavior == Some("default_incomplete");
    let cancel_at = cancel_at(state, form)?.value();
    probe.default_payment_method.clone_from(&card);
    let has_card = card.is_some() || living(state, &customer, "customer")?.charged_with().is_some();
    if trial_days.is_none() && trial_end.is_none() && days_until_due.is_none() {
        if !has_card && !waits_for_payment {
            return Err(ApiError::invalid(
                "This customer has no attached payment source or default payment method. Please consider adding a default payment method.",
            )
            .code("resource_missing"));
        }
        if let Some(error) = billing::foresee(state, &probe, owner).filter(|_| strict(form)) {
            return Err(error);
        }
    }
    let id = billing::start(
        state,
        NewSubscription {
            customer,
            items: wanted.into_iter().map(|w| (w.price, w.quantity)).collect(),
            trial_days,
            trial_end,
            card,
            metadata: form.metadata(),
            description: form.text("description").map(str::to_owned),
            cancel_at,
            cancel_at_period_end: form.truth("cancel_at_period_end")? == Some(true),
            days_until_due,
            waits_for_payment,
            owner,
            classic,
            discounts,
        },
    );
    retrieve::<Subscription>(state, &id)
}

/// `collection_method` and `days_until_due` together: the days when invoices are sent. `before` is what holds now.
pub(crate) fn days_until_due(form: &Form, before: Option<i64>) -> Result<Option<i64>, ApiError> {
    let days = form.int("days_until_due")?;
    let sends = match form.word("collection_method", &COLLECTION)? {
        Some(method) => method == "send_invoice",
        None => before.is_some(),
    };
    match (sends, days.or(before)) {
        (true, Some(days)) if (0..=365).contains(&days) => Ok(Some(days)),
        (true, Some(_)) => {
            Err(ApiError::invalid("Invalid days_until_due: must be between 0 and 365.").of("days_until_due"))
        }
        (true, None) => {
            let message =
                "You must provide `days_until_due` or `due_date` when using `collection_method` of `send_invoice`.";
            Err(ApiError::invalid(message).of("days_until_due"))
        }
        (false, _) if days.is_some() => {
            let message = "You may only set `days_until_due` if `collection_method` is `send_invoice`.";
            Err(ApiError::invalid(message).of("days_until_due"))
        }
        (false, _) => Ok(None),
    }
}

/// A time to come.
fn later(state: &State, form: &Form, name: &str) -> Result<Said<i64>, ApiError> {
    match form.int(name)? {
        Some(at) if at <= state.now => {
            Err(ApiError::invalid(format!("Invalid {name}: it must be a time in the future.")).of(name))
        }
        Some(at) => Ok(Said::To(at)),
        None if form.has(name) => Ok(Said::Away),
        None => Ok(Said::Nothing),
    }
}

fn cancel_at(state: &State, form: &Form) -> Result<Said<i64>, ApiError> {
    if form.text("cancel_at").is_some() && form.text("cancel_at_period_end").is_some() {
        let message = "You may only specify one of these parameters: cancel_at, cancel_at_period_end.";
        return Err(ApiError::invalid(message).of("cancel_at"));
    }
    later(state, form, "cancel_at")
}

/// "now" takes the trial away.
fn trial_end(state: &State, form: &Form) -> Result<Said<i64>, ApiError> {
    if form.text("trial_end") == Some("now") {
        return Ok(Said::Away);
    }
    later(state, form, "trial_end")
}

fn pause(form: &Form) -> Result<Said<Pause>, ApiError> {
    form.only_in("pause_collection", &["behavior", "resumes_at"])?;
    let Some(parts) = form.parts("pause_collection") else {
        return Ok(if form.has("pause_collection") { Said::Away } else { Said::Nothing });
    };
    let behavior = parts.word("behavior", &["keep_as_draft", "mark_uncollectible", "void"])?;
    let behavior = behavior.ok_or_else(|| ApiError::missing("pause_collection[behavior]"))?.to_owned();
    Ok(Said::To(Pause { behavior, resumes_at: parts.int("resumes_at")? }))
}

fn ended(id: &str) -> ApiError {
    ApiError::no_such("subscription", id, "id")
}

pub(crate) fn update(state: &mut State, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.only(&[
        "items",
        "metadata",
        "proration_behavior",
        "proration_date",
        "payment_behavior",
        "cancel_at",
        "cancel_at_period_end",
        "cancellation_details",
        "collection_method",
        "days_until_due",
        "default_payment_method",
        "pause_collection",
        "trial_end",
        "description",
        "off_session",
        "discounts",
    ])?;
    let payment = form.word("payment_behavior", &PAYMENT)?;
    let waits = payment == Some("pending_if_incomplete");
    if waits {
        form.only(&PENDING)?;
    }
    let row = find::<Subscription>(state, id, "id")?.clone();
    if row.status == "canceled" && (form.has("items") || form.has("cancel_at_period_end")) {
        return Err(ApiError::invalid(
            "A canceled subscription can only update its cancellation_details and metadata.",
        ));
    }
    let wanted = wanted(state, form, &row.items)?;
    let behaviour = behaviour(form)?;
    let at = proration_date(state, &row, form)?;
    let card = card(state, form, &row.customer)?;
    let owner = Owner::off_session(form.truth("off_session")?.unwrap_or(false));
    form.only_in("cancellation_details", &["comment", "feedback"])?;
    let leaves = form.truth("cancel_at_period_end")?;
    let cancel_at = cancel_at(state, form)?;
    let days_until_due = days_until_due(form, row.days_until_due)?;
    let pause = pause(form)?;
    let trial_end = trial_end(state, form)?;
    if matches!(trial_end, Said::To(_)) && row.status != "trialing" {
        let message =
            "The sandbox moves the end of a trial that runs; it does not begin one in a running subscription.";
        return Err(ApiError::invalid(message).of("trial_end"));
    }
    if let Some(schedule) = row.schedule.as_ref().filter(|_| leaves.is_some() || cancel_at != Said::Nothing) {
        let message = format!(
            "The subscription is managed by the subscription schedule `{schedule}`, and updating any cancelation behavior directly is not allowed. Please update the schedule instead."
        );
        return Err(ApiError::invalid(message).of(if leaves.is_some() { "cancel_at_period_end" } else { "cancel_at" }));
    }
    let trial_ends = trial_end == Said::Away && row.status == "trialing";
    let next = billing::next_items(state, &row, &wanted);
    if next.is_empty() {
        return Err(ApiError::invalid("A subscription must have at least one active price."));
    }
    if next != row.items {
        // Classic subscriptions move to another interval with all their items.
        renews_together(state, &next, row.flexible)?;
    }
    let new_discounts = discounts(state, form, &row, &next)?;
    if strict(form) && behaviour == Behaviour::Always && next != row.items {
        let mut probe = row.clone();
        if card.is_some() {
            probe.default_payment_method.clone_from(&card);
        }
        let costs: i64 = proration::of_change(state, &row, &next, at).prorations.iter().map(|line| line.amount).sum();
        if let Some(error) = billing::foresee(state, &probe, owner).filter(|_| costs > 0) {
            return Err(error);
        }
    }
    let now = state.now;
    state.change::<Subscription>(id, "customer.subscription.updated", |row| {
        form.merge_metadata(&mut row.metadata);
        if let Some(card) = card {
            row.default_payment_method = Some(card);
        }
        if form.has("description") {
            row.description = form.text("description").map(str::to_owned);
        }
        if pause != Said::Nothing {
            row.pause = pause.value();
        }
        row.days_until_due = days_until_due;
        if let Said::To(end) = trial_end {
            row.trial_end = Some(end);
            row.period_end = end;
            row.anchor = end;
        }
        if cancel_at != Said::Nothing {
            row.cancel_at = cancel_at.value();
            row.cancel_at_period_end = false;
            row.canceled_at = row.cancel_at.map(|_| now);
            row.rest_back_at = row.cancel_at.filter(|_| behaviour != Behaviour::None);
        }
        match leaves {
            Some(true) => leave(row, now),
            Some(false) => stay(row),
            None => {}
        }
        details(&mut row.cancellation, form);
    });
    if let Some(discounts) = new_discounts {
        discounts::set(state, id, discounts);
    }
    if next != row.items && waits {
        billing::change_if_paid(state, id, next, behaviour, at)?;
    } else if next != row.items {
        let charge = if payment == Some("default_incomplete") { Charge::WhenConfirmed } else { Charge::Now };
        billing::change_items(state, id, &next, behaviour, at, charge);
    }
    if trial_ends {
        state.edit::<Subscription>(id, |row| {
            row.trial_end = Some(now);
            row.period_end = now;
            row.anchor = now;
        });
        billing::renew(state, id);
    }
    retrieve::<Subscription>(state, id)
}

/// Notes that a subscription ends when all that was paid for is over, as the customer portal does.
pub(crate) fn leave_by_portal(row: &mut Subscription, now: i64) {
    leave(row, now);
    if row.flexible {
        row.cancel_at_period_end = false;
        row.cancel_at = Some(row.paid_until());
    }
}

/// Notes that a subscription ends with its period.
pub(crate) fn leave(row: &mut Subscription, now: i64) {
    row.cancel_at_period_end = true;
    row.cancel_at = Some(row.period_end);
    row.canceled_at = Some(now);
    row.rest_back_at = None;
    row.cancellation.reason = Some("cancellation_requested".to_owned());
}

/// Takes that back.
pub(crate) fn stay(row: &mut Subscription) {
    row.cancel_at_period_end = false;
    row.cancel_at = None;
    row.canceled_at = None;
    row.cancellation = Cancellation::default();
}

fn details(row: &mut Cancellation, form: &Form) {
    if let Some(parts) = form.parts("cancellation_details") {
        if parts.has("comment") {
            row.comment = parts.text("comment").map(str::to_owned);
        }
        if parts.has("feedback") {
            row.feedback = parts.text("feedback").map(str::to_owned);
        }
    }
}

pub(crate) fn cancel(state: &mut State, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.only(&["cancellation_details", "invoice_now", "prorate"])?;
    let row = find::<Subscription>(state, id, "id")?.clone();
    if row.status == "canceled" {
        return Err(ended(id));
    }
    let (invoice_now, prorate) = (form.truth("invoice_now")? == Some(true), form.truth("prorate")? == Some(true));
    state.edit::<Subscription>(id, |row| details(&mut row.cancellation, form));
    end_now(state, id, invoice_now, prorate);
    retrieve::<Subscription>(state, id)
}

/// Ends a subscription at once, with a last invoice or without.
pub(crate) fn end_now(state: &mut State, id: &str, invoice_now: bool, prorate: bool) {
    let Some(row) = state.get::<Subscription>(id).cloned() else { return };
    let now = state.now;
    let mut lines = row.pending.clone();
    if prorate {
        lines.extend(proration::of_end(state, &row, now));
    } else if invoice_now {
        for item in &row.items {
            lines.extend(proration::unbilled(state, &row, item, now));
        }
    }
    if invoice_now && !lines.is_empty() {
        billing::bill(state, id, lines, "subscription_update", Owner::Away);
    }
    billing::end(state, id, "cancellation_requested");
}
