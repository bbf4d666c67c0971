//! `/v1/prices`.

use serde_json::Value;

use super::api::{find, retrieve};
use super::catalogue;
use super::errors::ApiError;
use super::form::{Form, Said};
use super::model::{Every, Interval, Metadata, Meter, Package, Price, Product, Recurring, Tier, Tiers};
use super::paging;
use super::pricing::Decimal;
use super::state::State;

const USAGE: [&str; 2] = ["licensed", "metered"];
const TAX: [&str; 3] = ["exclusive", "inclusive", "unspecified"];
const INTERVALS: [&str; 4] = ["day", "month", "week", "year"];
/// No price is charged less often than every three years.
const LONGEST: i32 = 3 * 366;
/// What recurs and how much it is: what a new price, and a price made in passing, have in common.
const RATE: [&str; 11] = [
    "currency",
    "recurring",
    "unit_amount",
    "unit_amount_decimal",
    "billing_scheme",
    "tiers",
    "tiers_mode",
    "transform_quantity",
    "tax_behavior",
    "product",
    "product_data",
];
const NAMES: [&str; 5] = ["active", "lookup_key", "transfer_lookup_key", "nickname", "metadata"];

pub(crate) fn list(state: &State, form: &Form) -> Result<Value, ApiError> {
    let own = ["active", "product", "currency", "type", "lookup_keys", "recurring"];
    form.only(&[&paging::NAMES[..], &own].concat())?;
    form.only_in("recurring", &["interval", "meter", "usage_type"])?;
    let active = form.truth("active")?;
    let (product, currency) = (form.text("product"), form.text("currency"));
    let kind = form.word("type", &["one_time", "recurring"])?;
    let keys = form.texts("lookup_keys");
    let recurring = form.parts("recurring");
    let asked = |name: &str| recurring.and_then(|parts| parts.text(name));
    let (interval, meter, usage) = (asked("interval"), asked("meter"), asked("usage_type"));
    paging::list(state, form, "/v1/prices", |row: &Price| {
        active.is_none_or(|a| row.active == a)
            && product.is_none_or(|p| row.product == p)
            && currency.is_none_or(|c| row.currency == c)
            && kind.is_none_or(|kind| row.recurring.is_some() == (kind == "recurring"))
            && interval.is_none_or(|i| row.every().is_some_and(|every| every.interval.word() == i))
            && (meter.is_none() || row.meter() == meter)
            && usage.is_none_or(|u| row.recurring.is_some() && row.meter().is_some() == (u == "metered"))
            && (keys.is_empty() || row.lookup_key.as_deref().is_some_and(|key| keys.contains(&key)))
    })
}

pub(crate) fn get(state: &State, id: &str) -> Result<Value, ApiError> {
    retrieve::<Price>(state, id)
}

pub(crate) fn create(state: &mut State, form: &Form) -> Result<Value, ApiError> {
    form.only(&[&RATE[..], &NAMES].concat())?;
    let row = make(state, form)?;
    let id = row.id.clone();
    state.create(row, "price.created");
    retrieve::<Price>(state, &id)
}

fn make(state: &mut State, form: &Form) -> Result<Price, ApiError> {
    let currency = form.need("currency")?.to_lowercase();
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Err(ApiError::invalid(format!("Invalid currency: {currency}.")).of("currency"));
    }
    let recurring = recurring(state, form)?;
    let (unit_amount, tiers) = amounts(form)?;
    let package = package(form, tiers.is_some())?;
    let tax_behavior = form.word("tax_behavior", &TAX)?.map(str::to_owned);
    let active = form.truth("active")?.unwrap_or(true);
    let lookup_key = lookup_key(state, form)?;
    let product = product(state, form)?;
    Ok(Price {
        id: state.id("price_1", 23),
        created: state.now,
        product,
        currency,
        unit_amount,
        tiers,
        package,
        recurring,
        active,
        lookup_key: lookup_key.value(),
        nickname: form.text("nickname").map(str::to_owned),
        tax_behavior,
        metadata: form.metadata(),
    })
}

fn product(state: &mut State, form: &Form) -> Result<String, ApiError> {
    match (form.text("product"), form.parts("product_data")) {
        (Some(_), Some(_)) => {
            let message = "You may only specify one of these parameters: product, product_data.";
            Err(ApiError::invalid(message).of("product_data"))
        }
        (Some(id), None) => find::<Product>(state, id, "product").map(|row| row.id.clone()),
        (None, Some(data)) => {
            form.only_in("product_data", &["id", "active", "name", "metadata", "statement_descriptor", "unit_label"])?;
            data.text("name").ok_or_else(|| ApiError::missing("product_data[name]"))?;
            let data = data.clone();
            catalogue::make(state, &data)
        }
        (None, None) => Err(ApiError::missing("product")),
    }
}

fn recurring(state: &State, form: &Form) -> Result<Option<Recurring>, ApiError> {
    form.only_in("recurring", &["interval", "interval_count", "meter", "usage_type"])?;
    let Some(parts) = form.parts("recurring") else { return Ok(None) };
    let of = |name: &str| format!("recurring[{name}]");
    let word = parts.text("interval").ok_or_else(|| ApiError::missing(&of("interval")))?;
    let interval = Interval::of(word).ok_or_else(|| {
        let all = INTERVALS.join(", ");
        ApiError::invalid(format!("Invalid recurring[interval]: must be one of {all}; got {word}")).of(&of("interval"))
    })?;
    let count = parts.int("interval_count")?.unwrap_or(1);
    let every = i32::try_from(count).ok().filter(|count| *count > 0).map(|count| Every { interval, count });
    let every = every.filter(|every| every.count <= LONGEST && every.days() <= LONGEST).ok_or_else(|| {
        ApiError::invalid("Invalid interval_count: a price is charged at least every three years.")
            .of(&of("interval_count"))
    })?;
    let usage = parts.text("usage_type").unwrap_or("licensed");
    if !USAGE.contains(&usage) {
        let message = format!("Invalid recurring[usage_type]: must be one of licensed or metered; got {usage}");
        return Err(ApiError::invalid(message).of(&of("usage_type")));
    }
    let meter = match (usage, parts.text("meter")) {
        ("metered", Some(id)) => Some(find::<Meter>(state, id, &of("meter"))?.id.clone()),
        ("metered", None) => {
            let message = "Metered prices must be backed by a meter. Create one with `/v1/billing/meters`.";
            return Err(ApiError::invalid(message).of(&of("meter")).code("parameter_missing"));
        }
        (_, Some(_)) => {
            let message = "You may only set `recurring[meter]` if `recurring[usage_type]` is `metered`.";
            return Err(ApiError::invalid(message).of(&of("meter")));
        }
        (_, None) => None,
    };
    Ok(Some(Recurring { every, meter }))
}

/// `name` in whole minor units or `name_decimal` in parts of one.
fn decimal(form: &Form, name: &str, shown: &str) -> Result<Option<Decimal>, ApiError> {
    let decimals = format!("{name}_decimal");
    let value = match (form.text(name), form.text(&decimals)) {
        (Some(_), Some(_)) => {
            let message = format!("You may only specify one of these parameters: {shown}, {shown}_decimal.");
            return Err(ApiError::invalid(message).of(shown));
        }
        (Some(_), None) => form.int(name)?.map(Decimal::from),
        (None, Some(text)) => {
            let value = text.parse().map_err(|why: String| ApiError::invalid(why).of(&format!("{shown}_decimal")))?;
            Some(value)
        }
        (None, None) => None,
    };
    if value.is_some_and(|value| value < Decimal::default()) {
        return Err(ApiError::invalid("This value must be greater than or equal to 0.").of(shown));
    }
    Ok(value)
}

fn amounts(form: &Form) -> Result<(Option<Decimal>, Option<Tiers>), ApiError> {
    let unit = decimal(form, "unit_amount", "unit_amount")?;
    if form.word("billing_scheme", &["per_unit", "tiered"])? == Some("tiered") {
        if unit.is_some() {
            let message = "You may not set `unit_amount` if `billing_scheme` is `tiered`.";
            return Err(ApiError::invalid(message).of("unit_amount"));
        }
        return Ok((None, Some(tiers(form)?)));
    }
    for name in ["tiers", "tiers_mode"] {
        if form.has(name) {
            let message = format!("You may only set `{name}` if `billing_scheme` is `tiered`.");
            return Err(ApiError::invalid(message).of(name));
        }
    }
    unit.map(|unit| (Some(unit), None)).ok_or_else(|| ApiError::missing("unit_amount"))
}

fn tiers(form: &Form) -> Result<Tiers, ApiError> {
    let mode = form.word("tiers_mode", &["graduated", "volume"])?.ok_or_else(|| ApiError::missing("tiers_mode"))?;
    form.only_in_each("tiers", &["up_to", "unit_amount", "unit_amount_decimal", "flat_amount", "flat_amount_decimal"])?;
    let mut steps: Vec<Tier> = Vec::new();
    let parts = form.list("tiers");
    for (at, part) in parts.iter().enumerate() {
        let name = |name: &str| format!("tiers[{at}][{name}]");
        let up_to = match part.text("up_to") {
            Some("inf") => None,
            Some(_) => part.int("up_to")?,
            None => return Err(ApiError::missing(&name("up_to"))),
        };
        let before = steps.last().and_then(|step| step.up_to).unwrap_or(0);
        let is_last = at + 1 == parts.len();
        if up_to.is_some_and(|limit| limit <= before) || up_to.is_none() != is_last {
            let message = "Tiers must be in ascending order of `up_to`, and the last one must be `inf`.";
            return Err(ApiError::invalid(message).of(&name("up_to")));
        }
        let unit_amount = decimal(part, "unit_amount", &name("unit_amount"))?;
        let flat_amount = decimal(part, "flat_amount", &name("flat_amount"))?;
        if unit_amount.is_none() && flat_amount.is_none() {
            return Err(ApiError::missing(&name("unit_amount")));
        }
        steps.push(Tier { up_to, unit_amount, flat_amount });
    }
    if steps.is_empty() {
        return Err(ApiError::missing("tiers"));
    }
    Ok(Tiers { graduated: mode == "graduated", steps })
}

fn package(form: &Form, is_tiered: bool) -> Result<Option<Package>, ApiError> {
    form.only_in("transform_quantity", &["divide_by", "round"])?;
    let Some(parts) = form.parts("transform_quantity") else { return Ok(None) };
    let of = |name: &str| format!("transform_quantity[{name}]");
    if is_tiered {
        let message = "You may not set `transform_quantity` if `billing_scheme` is `tiered`.";
        return Err(ApiError::invalid(message).of("transform_quantity"));
    }
    let divide_by = parts.int("divide_by")?.ok_or_else(|| ApiError::missing(&of("divide_by")))?;
    if divide_by < 1 {
        return Err(ApiError::invalid("This value must be greater than or equal to 1.").of(&of("divide_by")));
    }
    match parts.text("round") {
        Some(round @ ("up" | "down")) => Ok(Some(Package { divide_by, rounds_up: round == "up" })),
        Some(other) => {
            let message = format!("Invalid transform_quantity[round]: must be one of down or up; got {other}");
            Err(ApiError::invalid(message).of(&of("round")))
        }
        None => Err(ApiError::missing(&of("round"))),
    }
}

/// The key that a request gives a price, which is taken from its owner where the request says so.
fn lookup_key(state: &mut State, form: &Form) -> Result<Said<String>, ApiError> {
    if !form.has("lookup_key") {
        return Ok(Said::Nothing);
    }
    let key = form.text("lookup_key").map(str::to_owned);
    let owner = state.tables.prices.oldest().find(|row| key.is_some() && row.lookup_key == key);
    if let Some(owner) = owner.map(|row| row.id.clone()) {
        if form.truth("transfer_lookup_key")? != Some(true) {
            let key = key.unwrap_or_default();
            let message = format!("A price (`{owner}`) already uses that lookup key: {key}");
            return Err(ApiError::invalid(message).of("lookup_key"));
        }
        state.change::<Price>(&owner, "price.updated", |row| row.lookup_key = None);
    }
    Ok(key.map_or(Said::Away, Said::To))
}

pub(crate) fn update(state: &mut State, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.only(&[&NAMES[..], &["tax_behavior"]].concat())?;
    let before = find::<Price>(state, id, "id")?.clone();
    let active = form.truth("active")?;
    let tax = form.word("tax_behavior", &TAX)?.map(str::to_owned);
    if tax.is_some() && before.tax_behavior.as_deref().is_some_and(|now| now != "unspecified") {
        let message = "You may only set `tax_behavior` once: it can't be changed from `exclusive` or `inclusive`.";
        return Err(ApiError::invalid(message).of("tax_behavior"));
    }
    let is_default = |product: &Product| product.default_price.as_deref() == Some(id);
    if active == Some(false) && state.get::<Product>(&before.product).is_some_and(is_default) {
        let message = "This price cannot be archived because it is the default price of its product.";
        return Err(ApiError::invalid(message).of("active"));
    }
    let same = form.has("lookup_key") && before.lookup_key.as_deref() == form.text("lookup_key");
    let key = if same { Said::Nothing } else { lookup_key(state, form)? };
    state.change::<Price>(id, "price.updated", |row| {
        row.active = active.unwrap_or(row.active);
        if key != Said::Nothing {
            row.lookup_key = key.value();
        }
        if form.has("nickname") {
            row.nickname = form.text("nickname").map(str::to_owned);
        }
        if tax.is_some() {
            row.tax_behavior = tax;
        }
        form.merge_metadata(&mut row.metadata);
    });
    retrieve::<Price>(state, id)
}

/// A price for tests and the seed: recurring, by unit.
pub(crate) fn plain(id: String, product: &str, currency: &str, unit_amount: i64, every: Every) -> Price {
    Price {
        id,
        created: 0,
        product: product.to_owned(),
        currency: currency.to_owned(),
        unit_amount: Some(unit_amount.into()),
        tiers: None,
        package: None,
        recurring: Some(Recurring { every, meter: None }),
        active: true,
        lookup_key: None,
        nickname: None,
        tax_behavior: None,
        metadata: Metadata::new(),
    }
}
