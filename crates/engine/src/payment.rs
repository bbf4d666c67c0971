//! Payments that are not made yet: of which invoice, and what they wait for.

use crate::{
    Engine,
    act::Action,
    plan, storage_failed,
    worker::{note, publish},
};
use patchbay_domain::{
    ObjectKey, Source, Timestamp, UserError,
    billing::{INVOICE, INVOICE_PAYMENT, Invoice, InvoicePayment, PAYMENT_INTENT, PaymentIntent, Subscription},
    schedule::{Next, SCHEDULE, Schedule},
};
use patchbay_providers::{Connection, ProviderError};
use patchbay_store::{PageRequest, Record, RecordFilter, StoreError};
use std::sync::Arc;

/// Payments of one invoice or customer that are looked at.
const PAYMENTS: u32 = 20;
/// The state of a payment that the bank takes its time with.
const PROCESSING: &str = "processing";

/// The latest invoice of a subscription, while it is open.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenPayment {
    pub invoice: Invoice,
    /// How far paying it came, where that is known.
    pub intent: Option<PaymentIntent>,
}

impl OpenPayment {
    /// The customer's bank asks them to confirm it.
    pub fn asks_customer(&self) -> bool {
        self.intent.as_ref().is_some_and(|intent| intent.status == "requires_action")
    }

    /// It was made, and the bank takes its time, as with debits. Paying once more would pay twice.
    pub fn is_under_way(&self) -> bool {
        self.intent.as_ref().is_some_and(|intent| intent.status == PROCESSING)
    }

    /// Why it was refused, in the provider's words.
    pub fn refusal(&self) -> Option<&str> {
        let refused = self.intent.as_ref().filter(|intent| intent.status == "requires_payment_method")?;
        refused.last_error.as_deref()
    }

    /// As far as our records know.
    pub(crate) async fn of(
        engine: &Engine,
        connection: &str,
        subscription: &Subscription,
    ) -> Result<Option<Self>, UserError> {
        let Some(latest) = &subscription.latest_invoice else { return Ok(None) };
        let store = &engine.0.store;
        let record = store.record(connection, &ObjectKey::new(INVOICE, latest.clone())).await;
        let invoice = record.map_err(|error| storage_failed(&error))?.and_then(|record| living::<Invoice>(&record));
        let Some(invoice) = invoice.filter(|invoice| invoice.status == "open") else { return Ok(None) };
        let intent = intent_of(engine, connection, &invoice).await?;
        Ok(Some(Self { invoice, intent }))
    }

    /// Reads it from the provider, where our records do not know it yet: news of an invoice does not name its payment.
    pub(crate) async fn read(
        engine: &Engine,
        connection: (&str, &Arc<dyn Connection>),
        subscription: &Subscription,
        action: &Action<'_>,
    ) -> Result<Option<Self>, UserError> {
        let (name, provider) = connection;
        let known = Self::of(engine, name, subscription).await?;
        let (Some(invoice), Some(billing)) = (&subscription.latest_invoice, provider.billing()) else {
            return Ok(known);
        };
        if known.as_ref().is_some_and(|payment| payment.intent.is_some()) {
            return Ok(known);
        }
        match Box::pin(fetch(engine, name, billing.payment_of(invoice), action)).await {
            Ok(Ok(())) => Self::of(engine, name, subscription).await,
            Ok(Err(error)) => {
                tracing::warn!(invoice, %error, "what a payment waits for was not read; its events may tell");
                Ok(known)
            }
            Err(error) => Err(storage_failed(&error)),
        }
    }
}

/// One of a customer's own invoices.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnInvoice {
    pub invoice: Invoice,
    /// It is open only because the bank is still processing its payment.
    pub under_way: bool,
}

impl OwnInvoice {
    pub(crate) async fn new(engine: &Engine, connection: &str, invoice: Invoice) -> Result<Self, UserError> {
        let intent = if invoice.status == "open" { intent_of(engine, connection, &invoice).await? } else { None };
        Ok(Self { under_way: intent.is_some_and(|intent| intent.status == PROCESSING), invoice })
    }
}

/// How far paying an open invoice came, as far as our records know.
async fn intent_of(engine: &Engine, connection: &str, invoice: &Invoice) -> Result<Option<PaymentIntent>, UserError> {
    let of_invoice = RecordFilter {
        connection: Some(connection.to_owned()),
        parent: Some(invoice.id.clone()),
        ..RecordFilter::of(INVOICE_PAYMENT)
    };
    let payments: Vec<InvoicePayment> = all(engine, &of_invoice).await?;
    let mut open = payments.into_iter().filter(|payment| payment.status == "open");
    if let Some(id) = open.find_map(|payment| payment.payment_intent) {
        let record = engine.0.store.record(connection, &ObjectKey::new(PAYMENT_INTENT, id)).await;
        return Ok(record.map_err(|error| storage_failed(&error))?.and_then(|record| living(&record)));
    }
    // The provider's news of a payment names the customer but no invoice, and there is none of what joins the two until it
    // is paid. A payment of just this amount that the bank is processing may be this one: asking for another could charge
    // twice.
    let Some(customer) = invoice.customer.clone() else { return Ok(None) };
    let of_customer = RecordFilter {
        connection: Some(connection.to_owned()),
        owner: Some(customer),
        status: Some(PROCESSING.to_owned()),
        ..RecordFilter::of(PAYMENT_INTENT)
    };
    let processing: Vec<PaymentIntent> = all(engine, &of_customer).await?;
    let due = (invoice.amount_remaining, &invoice.currency);
    Ok(processing.into_iter().find(|intent| (intent.amount, &intent.currency) == due))
}

async fn all<B: patchbay_domain::RecordBody>(engine: &Engine, filter: &RecordFilter) -> Result<Vec<B>, UserError> {
    let page = PageRequest { limit: PAYMENTS, ..PageRequest::default() };
    let found = engine.0.store.list_records(filter, &page).await.map_err(|error| storage_failed(&error))?;
    Ok(found.items.iter().filter_map(living).collect())
}

async fn fetch(
    engine: &Engine,
    connection: &str,
    reading: patchbay_providers::provider::Answer<'_, Vec<patchbay_domain::Change>>,
    action: &Action<'_>,
) -> Result<Result<(), ProviderError>, StoreError> {
    let changes = match reading.await {
        Ok(changes) => changes,
        Err(error) => return Ok(Err(error)),
    };
    let source = Source::Fetch { cause: format!("{} of {}", action.name, action.target) };
    let mut news = Vec::new();
    let mut tx = engine.0.store.begin().await?;
    for change in &changes {
        let applied = tx.apply(connection, change, &source, None).await?;
        note(&mut news, connection, change, &applied);
    }
    tx.commit().await?;
    publish(engine, news);
    Ok(Ok(()))
}

fn living<B: patchbay_domain::RecordBody>(record: &Record) -> Option<B> {
    if record.deleted { None } else { record.decode().ok() }
}

/// What a subscription waits for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Awaited {
    pub payment: Option<OpenPayment>,
    /// The plan that it changes to with that payment: name and price.
    pub plan: Option<String>,
    /// What its schedule does next, as far as that is known.
    pub next: Option<NextPhase>,
}

/// What the schedule of a subscription does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextPhase {
    /// It changes to these plans, where all of them are known by name.
    Changes {
        at: Timestamp,
        plans: Option<String>,
    },
    Ends(Timestamp),
    /// The schedule is over, and the subscription goes on as it is.
    GoesOn(Timestamp),
}

impl NextPhase {
    async fn of(engine: &Engine, connection: &str, subscription: &Subscription) -> Result<Option<Self>, UserError> {
        let Some(id) = &subscription.schedule else { return Ok(None) };
        let record = engine.0.store.record(connection, &ObjectKey::new(SCHEDULE, id.clone())).await;
        let schedule = record.map_err(|error| storage_failed(&error))?.and_then(|record| living::<Schedule>(&record));
        Ok(match schedule.as_ref().and_then(|schedule| schedule.next_for(subscription)) {
            None => None,
            Some(Next::Ends(at)) => Some(Self::Ends(at)),
            Some(Next::GoesOn(at)) => Some(Self::GoesOn(at)),
            Some(Next::Changes { at, to }) => {
                let prices = to.iter().map(|item| (item.price.as_str(), item.quantity));
                Some(Self::Changes { at, plans: plan::names(engine, connection, prices).await? })
            }
        })
    }
}

impl Awaited {
    pub(crate) async fn of(engine: &Engine, connection: &str, subscription: &Subscription) -> Result<Self, UserError> {
        let payment = OpenPayment::of(engine, connection, subscription).await?;
        let plan = plan::awaited(engine, connection, subscription).await?;
        Ok(Self { payment, plan, next: NextPhase::of(engine, connection, subscription).await? })
    }
}

/// What became of a change of plan.
#[derive(Clone, Debug, PartialEq)]
pub enum PlanChanged {
    Now,
    /// As soon as this is paid.
    WhenPaid(Option<Box<OpenPayment>>),
}
