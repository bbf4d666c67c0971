//! Changing a subscription's plan: the same rules for staff and customers, but for what each may choose.

use crate::{
    Engine, PlanChangePreview,
    act::{Action, billing},
    judge,
    payment::{OpenPayment, PlanChanged},
    quote::Quote,
    storage_failed,
};
use patchbay_domain::{
    Kind, ObjectKey, Principal, RecordBody, State, Timestamp, UserError,
    billing::{
        CUSTOMER, Customer, Invoice, PAYMENT_METHOD, PRICE, PRODUCT, PaymentMethod, Price, Product, Subscription,
        SubscriptionItem,
    },
    error::Reason,
};
use patchbay_providers::{
    Connection,
    billing::{PaidBy, PlanChange},
    gone,
};
use patchbay_store::{PageRequest, Record, RecordFilter};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Rows that are read at once.
const ROWS: u32 = 500;

/// What customers may choose, and who of them may choose it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillingRules {
    /// Ids of products and prices that are on offer whatever their metadata says.
    pub plans: BTreeSet<String>,
    /// Roles and permissions of which one is needed to act; for the sentence to those who have none.
    pub roles: Vec<String>,
}

impl Default for BillingRules {
    fn default() -> Self {
        Self { plans: BTreeSet::new(), roles: vec!["admin".to_owned()] }
    }
}

impl BillingRules {
    /// What a price says of itself counts more than what its product says.
    fn offers(&self, price: &Price, product: &Product) -> bool {
        self.plans.contains(&price.id)
            || price.on_offer.unwrap_or_else(|| self.plans.contains(&product.id) || product.on_offer == Some(true))
    }

    /// Who may act, for those who may not.
    pub(crate) fn who_may_act(&self, organisation: &str) -> String {
        let roles = self.roles.join(" or ");
        format!(
            "You can look at this but not change it: that takes the role {roles} in {organisation}. Ask somebody who has it."
        )
    }
}

/// For whom something is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chooser {
    /// Any active recurring price.
    Staff,
    /// What is on offer.
    Customer,
}

/// A price somebody can choose, or has.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanOption {
    pub price: Price,
    pub product: Product,
    /// The one the subscription has now.
    pub current: bool,
    /// The subscription gets it when its payment is made.
    pub awaited: bool,
    /// Whether customers may choose it themselves.
    pub on_offer: bool,
}

pub(crate) fn subscription(record: &Record) -> Result<Subscription, UserError> {
    record.decode().map_err(|error| {
        patchbay_domain::limited!(error, object = %record.key, %error, "a stored record cannot be read");
        UserError::internal()
    })
}

/// What may be chosen, cheapest first, in the subscription's currency where there is one. The price that the subscription
/// has now is among them whether it may be chosen or not.
pub(crate) async fn options(
    engine: &Engine,
    connection: &str,
    current: Option<&Subscription>,
    chooser: Chooser,
) -> Result<Vec<PlanOption>, UserError> {
    let has_now = current.and_then(Subscription::plan_item).map(|item| &item.price);
    let products: BTreeMap<String, Product> = active(engine, connection, PRODUCT)
        .await?
        .into_iter()
        .map(|product: Product| (product.id.clone(), product))
        .collect();
    let mut options = Vec::new();
    for price in active::<Price>(engine, connection, PRICE).await? {
        let Some(product) = products.get(&price.product) else { continue };
        let on_offer = engine.0.settings.billing.offers(&price, product);
        let fits = price.interval.is_some() && current.is_none_or(|now| now.currency == price.currency);
        if fits && (on_offer || chooser == Chooser::Staff) {
            let awaited = current.is_some_and(|now| now.awaits_price(&price.id));
            let current = current.is_some_and(|now| now.has_price(&price.id));
            options.push(PlanOption { current, awaited, on_offer, product: product.clone(), price });
        }
    }
    if let Some(now) = has_now
        && !options.is_empty()
        && !options.iter().any(|option| option.current)
    {
        let product = find::<Product>(engine, connection, PRODUCT, &now.product).await?.unwrap_or_else(|| Product {
            name: now.nickname.clone().unwrap_or_else(|| now.label()),
            ..Product::default()
        });
        options.push(PlanOption { price: now.clone(), product, current: true, awaited: false, on_offer: false });
    }
    options.sort_by(|one, other| {
        let rank =
            |option: &PlanOption| (option.price.currency.clone(), option.price.interval.clone(), option.price.unit());
        rank(one).cmp(&rank(other))
    });
    Ok(options)
}

/// All records of a kind that are active: an old plan is on offer as well as a new one, however many prices were made since.
async fn active<B: RecordBody>(engine: &Engine, connection: &str, kind: Kind) -> Result<Vec<B>, UserError> {
    let filter = RecordFilter {
        connection: Some(connection.to_owned()),
        status: Some("active".to_owned()),
        ..RecordFilter::of(kind)
    };
    let mut page = PageRequest { limit: ROWS, ..PageRequest::default() };
    let mut all = Vec::new();
    loop {
        let found = engine.0.store.list_records(&filter, &page).await.map_err(|error| storage_failed(&error))?;
        all.extend(found.items.iter().filter_map(|record| record.decode().ok()));
        match found.next {
            Some(next) => page.after = Some(next),
            None => return Ok(all),
        }
    }
}

/// A change of plan that somebody asks for.
pub(crate) struct Asked<'a> {
    pub record: &'a Record,
    pub price: &'a str,
    /// The item that the price replaces, where somebody chose it.
    pub item: Option<&'a str>,
    pub chooser: Chooser,
    pub person: &'a Principal,
}

/// An item of a subscription that a plan may replace.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemOption {
    pub item: SubscriptionItem,
    /// `Seats, 9.00 EUR per month`.
    pub name: String,
}

/// The items that may be meant, where it is not clear which of them the price replaces. None where it is.
pub(crate) async fn items(engine: &Engine, asked: &Asked<'_>) -> Result<Vec<ItemOption>, UserError> {
    let subscription = subscription(asked.record)?;
    let connection = &asked.record.connection;
    let wanted = offered(engine, connection, asked.price, Some(&subscription.currency), asked.chooser).await?;
    let candidates = subscription.items_for(&wanted.price);
    if subscription.has_price(asked.price) || candidates.len() < 2 {
        return Ok(Vec::new());
    }
    let mut options = Vec::with_capacity(candidates.len());
    for item in candidates.into_iter().filter(|item| !item.id.is_empty()) {
        let product = find::<Product>(engine, connection, PRODUCT, &item.price.product).await?;
        let name = product.map(|product| product.name).or_else(|| item.price.nickname.clone());
        let name = name.map_or_else(|| item.price.label(), |name| format!("{name}, {}", item.price.label()));
        options.push(ItemOption { item: item.clone(), name });
    }
    Ok(options)
}

/// What the change would charge. The person who looks may agree to it for a quarter of an hour.
pub(crate) async fn preview(
    engine: &Engine,
    connection: &Arc<dyn Connection>,
    asked: &Asked<'_>,
) -> Result<PlanChangePreview, UserError> {
    let now = engine.clock().now();
    // Providers count in whole seconds; so does the moment that both calls share.
    let proration_at = Timestamp::from_seconds(now.seconds());
    let subscription = subscription(asked.record)?;
    if subscription.has_price(asked.price) {
        return Err(UserError::new(Reason::Invalid, "That is the plan it has already. Choose another one."));
    }
    if subscription.awaits_price(asked.price) {
        return Err(UserError::new(
            Reason::Conflict,
            "That change is already waiting for its payment. It happens when the open invoice is paid.",
        ));
    }
    let (change, option) = checked_change(engine, asked, &subscription, proration_at).await?;
    let invoice = previewed(connection, &subscription, &change).await?;
    let quote = Quote::new(asked.person, &asked.record.connection, &change, &invoice, now).sign(engine).await?;
    let PlanOption { price, on_offer, .. } = option;
    Ok(PlanChangePreview { subscription, price, on_offer, invoice, quote })
}

/// Carries out the change that a preview was signed for, and tells whether it is in force or waits for its payment.
pub(crate) async fn change(
    engine: &Engine,
    connection: &Arc<dyn Connection>,
    asked: &Asked<'_>,
    agreed: (&Action<'_>, &str),
) -> Result<PlanChanged, UserError> {
    let (action, quote) = agreed;
    if !action.is_done().await? {
        let change = agreed_change(engine, connection, asked, quote).await?;
        let (billing, provider, key) = (billing(connection)?, connection.manifest().name, action.idempotency_key());
        let call = async { judge::moved(provider, billing.change_plan(&change, &key).await?, &change.price) };
        action.change(call).await?;
    }
    let name = &asked.record.connection;
    let record = engine.0.store.record(name, &asked.record.key).await.map_err(|error| storage_failed(&error))?;
    let now = subscription(record.as_ref().unwrap_or(asked.record))?;
    if now.has_price(asked.price) || !now.awaits_price(asked.price) {
        return Ok(PlanChanged::Now);
    }
    let payment = OpenPayment::read(engine, (name, connection), &now, action).await?;
    Ok(PlanChanged::WhenPaid(payment.map(Box::new)))
}

/// The plan that waits for its payment: name and price.
pub(crate) async fn awaited(
    engine: &Engine,
    connection: &str,
    subscription: &Subscription,
) -> Result<Option<String>, UserError> {
    let Some(update) = &subscription.pending_update else { return Ok(None) };
    let new = update.prices.iter().filter(|id| !subscription.has_price(id)).map(|id| (id.as_str(), None));
    names(engine, connection, new).await
}

/// `Scale, 349.00 EUR per month`, `3 × Seats, 9.00 EUR per month and Base, …`; none where one of them is not known.
pub(crate) async fn names(
    engine: &Engine,
    connection: &str,
    prices: impl Iterator<Item = (&str, Option<i64>)>,
) -> Result<Option<String>, UserError> {
    let mut names = Vec::new();
    for (id, quantity) in prices {
        let Some(price) = find::<Price>(engine, connection, PRICE, id).await? else { return Ok(None) };
        let product = find::<Product>(engine, connection, PRODUCT, &price.product).await?;
        let name = product.map(|product| product.name).or_else(|| price.nickname.clone());
        let name = name.map_or_else(|| price.label(), |name| format!("{name}, {}", price.label()));
        names.push(match quantity {
            Some(count) if count != 1 => format!("{count} × {name}"),
            _ => name,
        });
    }
    Ok((!names.is_empty()).then(|| names.join(" and ")))
}

/// The change that a preview was signed for, if it is still what was shown.
async fn agreed_change(
    engine: &Engine,
    connection: &Arc<dyn Connection>,
    asked: &Asked<'_>,
    quote: &str,
) -> Result<PlanChange, UserError> {
    let quote = Quote::read(engine, asked.person, quote).await?;
    quote.is_about(asked.record, asked.price)?;
    let subscription = subscription(asked.record)?;
    // What was signed names the item that was chosen.
    let asked = &Asked { item: Some(&quote.item), ..*asked };
    let (change, _) = checked_change(engine, asked, &subscription, quote.proration_at).await?;
    quote.is_of(&change)?;
    // It may have been carried out with its answer lost on the way; asked again under the same key it is one effect.
    if subscription.has_price(asked.price) || subscription.awaits_price(asked.price) {
        return Ok(change);
    }
    match quote.costs(&previewed(connection, &subscription, &change).await?) {
        Err(_) if has_moved(connection, asked).await? => Ok(change),
        costs => costs.map(|()| change),
    }
}

/// Whether the subscription has the price at the provider, which our record does not know yet.
async fn has_moved(connection: &Arc<dyn Connection>, asked: &Asked<'_>) -> Result<bool, UserError> {
    let now = gone::read(connection.as_ref(), &asked.record.key).await.map_err(|error| error.for_person())?;
    let State::Present { body, .. } = now.state else { return Ok(false) };
    let subscription: Subscription = serde_json::from_value(body).map_err(|_| UserError::internal())?;
    Ok(subscription.has_price(asked.price) || subscription.awaits_price(asked.price))
}

/// How the subscription is paid.
async fn paid_by(engine: &Engine, connection: &str, subscription: &Subscription) -> Result<PaidBy, UserError> {
    if subscription.collection_method.as_deref() == Some("send_invoice") {
        return Ok(PaidBy::SentInvoice);
    }
    let mut pays = subscription.paid_with().map(str::to_owned);
    if pays.is_none() {
        let customer = find::<Customer>(engine, connection, CUSTOMER, &subscription.customer).await?;
        pays = customer.and_then(|customer| customer.paid_with().map(str::to_owned));
    }
    let Some(id) = pays else { return Ok(PaidBy::Method(None)) };
    let method = find::<PaymentMethod>(engine, connection, PAYMENT_METHOD, &id).await?;
    Ok(PaidBy::Method(method.map(|method| method.method_type)))
}

async fn previewed(
    connection: &Arc<dyn Connection>,
    subscription: &Subscription,
    change: &PlanChange,
) -> Result<Invoice, UserError> {
    let invoice = billing(connection)?.preview_plan_change(&subscription.customer, change).await;
    invoice.map_err(|error| error.for_person())
}

async fn checked_change(
    engine: &Engine,
    asked: &Asked<'_>,
    subscription: &Subscription,
    proration_at: Timestamp,
) -> Result<(PlanChange, PlanOption), UserError> {
    if subscription.ended_at.is_some() {
        return Err(UserError::new(Reason::Conflict, "This subscription has ended. Start a new one instead."));
    }
    let currency = Some(subscription.currency.as_str());
    let wanted = offered(engine, &asked.record.connection, asked.price, currency, asked.chooser).await?;
    // After the change was carried out, it is the item that has the price.
    let moved = subscription.items.iter().find(|item| item.price.id == wanted.price.id);
    let chosen = asked.item.and_then(|id| subscription.items.iter().find(|item| item.id == id));
    let item = moved.or(chosen).or_else(|| subscription.item_for(&wanted.price)).filter(|item| !item.id.is_empty());
    let item = item.ok_or_else(|| {
        UserError::new(
            Reason::Conflict,
            "This subscription has several items, and it is not clear which of them that plan would replace. \
             Nothing was changed; choose the item first.",
        )
    })?;
    let change = PlanChange {
        subscription: subscription.id.clone(),
        item: item.id.clone(),
        // What is counted by use has no quantity, and the provider refuses one.
        quantity: (!wanted.price.metered).then(|| item.quantity.unwrap_or(1)),
        price: wanted.price.id.clone(),
        proration_at,
        paid_by: paid_by(engine, &asked.record.connection, subscription).await?,
    };
    Ok((change, wanted))
}

/// A price that `chooser` may choose. Whatever else there is at the provider, or at another of its accounts, is no plan.
pub(crate) async fn offered(
    engine: &Engine,
    connection: &str,
    price: &str,
    currency: Option<&str>,
    chooser: Chooser,
) -> Result<PlanOption, UserError> {
    let not_on_offer = || UserError::new(Reason::Invalid, "That plan is not on offer. Choose one from the list.");
    let price = find::<Price>(engine, connection, PRICE, price).await?.ok_or_else(not_on_offer)?;
    let product = find::<Product>(engine, connection, PRODUCT, &price.product).await?.ok_or_else(not_on_offer)?;
    let on_offer = engine.0.settings.billing.offers(&price, &product);
    let fits = currency.is_none_or(|currency| currency == price.currency);
    let sells = price.active && product.active && price.interval.is_some();
    if !fits || !sells || (chooser == Chooser::Customer && !on_offer) {
        return Err(not_on_offer());
    }
    Ok(PlanOption { price, product, current: false, awaited: false, on_offer })
}

async fn find<B: RecordBody>(engine: &Engine, connection: &str, kind: Kind, id: &str) -> Result<Option<B>, UserError> {
    let record = engine.0.store.record(connection, &ObjectKey::new(kind, id)).await;
    let record = record.map_err(|error| storage_failed(&error))?.filter(|record| !record.deleted);
    record.map(|record| record.decode()).transpose().map_err(|error| {
        tracing::error!(id, %error, "a stored record cannot be read");
        UserError::internal()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(rules: &BillingRules, price: Option<bool>, product: Option<bool>) -> bool {
        let price = Price { id: "price_1".to_owned(), on_offer: price, ..Price::default() };
        rules.offers(&price, &Product { id: "prod_1".to_owned(), on_offer: product, ..Product::default() })
    }

    #[test]
    fn nothing_is_on_offer_until_price_product_or_configuration_say_so() {
        let none = BillingRules::default();
        assert!(!offers(&none, None, None) && !offers(&none, None, Some(false)));
        assert!(offers(&none, Some(true), None) && offers(&none, Some(true), Some(false)));
        assert!(offers(&none, None, Some(true)));
        for id in ["price_1", "prod_1"] {
            let listed = BillingRules { plans: BTreeSet::from([id.to_owned()]), ..BillingRules::default() };
            assert!(offers(&listed, None, None), "{id}");
        }
    }

    #[test]
    fn a_price_can_be_taken_out_of_a_product_that_is_on_offer() {
        assert!(!offers(&BillingRules::default(), Some(false), Some(true)));
        let listed = BillingRules { plans: BTreeSet::from(["prod_1".to_owned()]), ..BillingRules::default() };
        assert!(!offers(&listed, Some(false), None));
    }
}
