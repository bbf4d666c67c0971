//! `/v1/coupons` and `/v1/promotion_codes`.

use serde_json::{Value, json};

use super::api::{find, retrieve};
use super::catalogue::chosen_id;
use super::errors::ApiError;
use super::form::Form;
use super::model::{Coupon, Customer, Duration, Metadata, Off, Product, PromotionCode};
use super::paging;
use super::pricing::Decimal;
use super::state::State;

/// A coupon that is not deleted.
pub(crate) fn living<'a>(state: &'a State, id: &str, param: &str) -> Result<&'a Coupon, ApiError> {
    let row = find::<Coupon>(state, id, param)?;
    if row.deleted { Err(ApiError::no_such("coupon", id, param)) } else { Ok(row) }
}

pub(crate) fn list(state: &State, form: &Form) -> Result<Value, ApiError> {
    form.only(&paging::NAMES)?;
    paging::list(state, form, "/v1/coupons", |row: &Coupon| !row.deleted)
}

pub(crate) fn get(state: &State, id: &str) -> Result<Value, ApiError> {
    living(state, id, "id")?;
    retrieve::<Coupon>(state, id)
}

pub(crate) fn create(state: &mut State, form: &Form) -> Result<Value, ApiError> {
    form.only(&[
        "id",
        "amount_off",
        "applies_to",
        "currency",
        "duration",
        "duration_in_months",
        "max_redemptions",
        "metadata",
        "name",
        "percent_off",
        "redeem_by",
    ])?;
    form.only_in("applies_to", &["products"])?;
    let products: Vec<String> = form
        .parts("applies_to")
        .map(|parts| parts.texts("products"))
        .unwrap_or_default()
        .into_iter()
        .map(str::to_owned)
        .collect();
    for product in &products {
        find::<Product>(state, product, "applies_to[products]")?;
    }
    let redeem_by = form.int("redeem_by")?;
    if redeem_by.is_some_and(|by| by <= state.now) {
        return Err(ApiError::invalid("Invalid redeem_by: it must be a time in the future.").of("redeem_by"));
    }
    let row = Coupon {
        off: off(form)?,
        duration: duration(form)?,
        id: chosen_id::<Coupon>(state, form, "")?,
        created: state.now,
        name: form.text("name").map(str::to_owned),
        max_redemptions: positive(form, "max_redemptions")?,
        redeem_by,
        times_redeemed: 0,
        products,
        metadata: form.metadata(),
        deleted: false,
    };
    let id = row.id.clone();
    state.create(row, "coupon.created");
    retrieve::<Coupon>(state, &id)
}

fn positive(form: &Form, name: &str) -> Result<Option<i64>, ApiError> {
    match form.int(name)? {
        Some(n) if n < 1 => Err(ApiError::invalid("This value must be greater than or equal to 1.").of(name)),
        n => Ok(n),
    }
}

fn off(form: &Form) -> Result<Off, ApiError> {
    match (form.text("percent_off"), positive(form, "amount_off")?) {
        (Some(_), Some(_)) => {
            let message = "You may only specify one of these parameters: amount_off, percent_off.";
            Err(ApiError::invalid(message).of("percent_off"))
        }
        (Some(text), None) => {
            let percent: Option<Decimal> = text.parse().ok();
            let percent = percent.filter(|percent| *percent > 0.into() && *percent <= 100.into());
            percent.map(Off::Percent).ok_or_else(|| {
                ApiError::invalid("Invalid percent_off: must be above 0 and at most 100.").of("percent_off")
            })
        }
        (None, Some(minor)) => Ok(Off::Amount { minor, currency: form.need("currency")?.to_lowercase() }),
        (None, None) => Err(ApiError::missing("percent_off")),
    }
}

fn duration(form: &Form) -> Result<Duration, ApiError> {
    let months = positive(form, "duration_in_months")?;
    match (form.word("duration", &["forever", "once", "repeating"])?, months) {
        (Some("repeating"), Some(months)) => Ok(Duration::Months(i32::try_from(months).unwrap_or(i32::MAX).min(1_200))),
        (Some("repeating"), None) => Err(ApiError::missing("duration_in_months")),
        (_, Some(_)) => {
            let message = "You may only set `duration_in_months` if `duration` is `repeating`.";
            Err(ApiError::invalid(message).of("duration_in_months"))
        }
        (Some("forever"), None) => Ok(Duration::Forever),
        (_, None) => Ok(Duration::Once),
    }
}

pub(crate) fn update(state: &mut State, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.only(&["metadata", "name"])?;
    living(state, id, "id")?;
    state.change::<Coupon>(id, "coupon.updated", |row| {
        if form.has("name") {
            row.name = form.text("name").map(str::to_owned);
        }
        form.merge_metadata(&mut row.metadata);
    });
    retrieve::<Coupon>(state, id)
}

/// Nobody redeems it any more; who did keeps it.
pub(crate) fn delete(state: &mut State, id: &str) -> Result<Value, ApiError> {
    living(state, id, "id")?;
    state.announce::<Coupon>(id, "coupon.deleted");
    state.edit::<Coupon>(id, |row| row.deleted = true);
    Ok(json!({"id": id, "object": "coupon", "deleted": true}))
}

pub(crate) fn codes(state: &State, form: &Form) -> Result<Value, ApiError> {
    form.only(&[&paging::NAMES[..], &["active", "code", "coupon", "customer"]].concat())?;
    let active = form.truth("active")?;
    let (code, coupon, customer) = (form.text("code"), form.text("coupon"), form.text("customer"));
    paging::list(state, form, "/v1/promotion_codes", |row: &PromotionCode| {
        active.is_none_or(|active| row.is_active(state.now) == active)
            && code.is_none_or(|code| row.code.eq_ignore_ascii_case(code))
            && coupon.is_none_or(|coupon| row.coupon == coupon)
            && (customer.is_none() || row.customer.as_deref() == customer)
    })
}

pub(crate) fn code(state: &State, id: &str) -> Result<Value, ApiError> {
    retrieve::<PromotionCode>(state, id)
}

pub(crate) fn create_code(state: &mut State, form: &Form) -> Result<Value, ApiError> {
    form.only(&[
        "promotion",
        "active",
        "code",
        "customer",
        "expires_at",
        "max_redemptions",
        "metadata",
        "restrictions",
    ])?;
    form.only_in("promotion", &["coupon", "type"])?;
    form.only_in("restrictions", &["first_time_transaction", "minimum_amount", "minimum_amount_currency"])?;
    let coupon = form.deep("promotion", "coupon").ok_or_else(|| ApiError::missing("promotion[coupon]"))?;
    let coupon = living(state, coupon, "promotion[coupon]")?.id.clone();
    if form.deep("promotion", "type") != Some("coupon") {
        return Err(ApiError::invalid("Invalid promotion[type]: must be coupon").of("promotion[type]"));
    }
    let customer = form.text("customer").map(|id| find::<Customer>(state, id, "customer").map(|row| row.id.clone()));
    let customer = customer.transpose()?;
    let code = form.text("code").map_or_else(|| state.id("", 8).to_uppercase(), str::to_owned);
    if !code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err(ApiError::invalid("Promotion codes consist of letters, numbers and dashes.").of("code"));
    }
    let taken = |row: &PromotionCode| row.code.eq_ignore_ascii_case(&code) && row.is_active(state.now);
    if state.tables.promotion_codes.oldest().any(taken) {
        let message = format!("An active promotion code with `code: {code}` already exists.");
        return Err(ApiError::invalid(message).of("code"));
    }
    let nothing = Form::default();
    let limits = form.parts("restrictions").unwrap_or(&nothing);
    let minimum = match (positive(limits, "minimum_amount")?, limits.text("minimum_amount_currency")) {
        (Some(minor), Some(currency)) => Some((minor, currency.to_lowercase())),
        (None, None) => None,
        _ => return Err(ApiError::missing("restrictions[minimum_amount_currency]")),
    };
    let row = PromotionCode {
        id: state.id("promo_1", 23),
        created: state.now,
        code,
        coupon,
        customer,
        active: form.truth("active")?.unwrap_or(true),
        expires_at: form.int("expires_at")?,
        max_redemptions: positive(form, "max_redemptions")?,
        times_redeemed: 0,
        first_time: limits.truth("first_time_transaction")? == Some(true),
        minimum,
        metadata: form.metadata(),
    };
    let id = row.id.clone();
    state.create(row, "promotion_code.created");
    retrieve::<PromotionCode>(state, &id)
}

pub(crate) fn update_code(state: &mut State, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.only(&["active", "metadata"])?;
    find::<PromotionCode>(state, id, "id")?;
    let active = form.truth("active")?;
    state.change::<PromotionCode>(id, "promotion_code.updated", |row| {
        row.active = active.unwrap_or(row.active);
        form.merge_metadata(&mut row.metadata);
    });
    retrieve::<PromotionCode>(state, id)
}

/// A coupon for tests and the seed: a percentage, for ever.
pub(crate) fn percent(id: &str, percent: i64, duration: Duration) -> Coupon {
    Coupon {
        id: id.to_owned(),
        created: 0,
        name: None,
        off: Off::Percent(percent.into()),
        duration,
        max_redemptions: None,
        redeem_by: None,
        times_redeemed: 0,
        products: Vec::new(),
        metadata: Metadata::new(),
        deleted: false,
    }
}
