//! What people do: plan changes, cancellations, payment methods and hosted pages.

use super::{
    client::{checked_id, parse, refused},
    connection::Stripe,
    project::ORGANISATION,
    read, types,
};
use crate::{
    billing::{Billing, CancelReason, Checkout, NewCustomer, PaidBy, PlanChange},
    error::ProviderError,
    gateway::Reply,
    gone,
    provider::Answer,
};
use patchbay_domain::{
    Change, Kind, ObjectKey, State,
    billing::{self, CUSTOMER, INVOICE, PAYMENT_METHOD, SUBSCRIPTION},
};
use std::collections::HashMap;
use stripe_billing::{
    billing_portal_session::CreateBillingPortalSession,
    subscription::{
        CancelSubscription, CancelSubscriptionCancellationDetails, UpdateSubscription,
        UpdateSubscriptionCancellationDetails, UpdateSubscriptionItems, UpdateSubscriptionPaymentBehavior,
        UpdateSubscriptionProrationBehavior,
    },
};
use stripe_checkout::{
    CheckoutSessionMode,
    checkout_session::{CreateCheckoutSession, CreateCheckoutSessionLineItems},
};
use stripe_client_core::StripeRequest;
use stripe_core::customer::{CreateCustomer, UpdateCustomer, UpdateCustomerInvoiceSettings};
use stripe_payment::payment_method::DetachPaymentMethod;

/// For customers who have never been charged and so have no currency of their own yet.
const DEFAULT_CURRENCY: &str = "usd";

/// Types of payment that no pending update is possible with.
const BANK_DEBITS: [&str; 8] = [
    "sepa_debit",
    "us_bank_account",
    "bacs_debit",
    "au_becs_debit",
    "nz_bank_account",
    "acss_debit",
    "bank_account",
    "customer_balance",
];

impl Stripe {
    /// Sends a request that answers with an object of `kind`.
    async fn act(
        &self,
        operation: &'static str,
        kind: &Kind,
        request: &(impl StripeRequest + Sync),
        idempotency_key: &str,
    ) -> Result<Change, ProviderError> {
        let reply = self.client.request(operation, request, Some(idempotency_key)).await?;
        read::answered(&self.client, operation, kind, &reply).await
    }

    async fn preview(&self, customer: &str, change: &PlanChange) -> Result<billing::Invoice, ProviderError> {
        const OPERATION: &str = "invoices.create_preview";
        let mut form = vec![
            ("customer", customer.to_owned()),
            ("subscription", change.subscription.clone()),
            ("subscription_details[items][0][id]", change.item.clone()),
            ("subscription_details[items][0][price]", change.price.clone()),
            ("subscription_details[proration_behavior]", "always_invoice".to_owned()),
            ("subscription_details[proration_date]", change.proration_at.seconds().to_string()),
        ];
        if let Some(count) = quantity(OPERATION, change.quantity)? {
            form.insert(4, ("subscription_details[items][0][quantity]", count.to_string()));
        }
        let reply = self.client.form(OPERATION, "/v1/invoices/create_preview", &form, None).await?;
        let invoice: types::Invoice = parse(OPERATION, &reply)?;
        // Some versions give previews an id; nothing is saved under it.
        Ok(billing::Invoice { id: String::new(), ..invoice.into() })
    }

    /// Charges the difference at once. A payment that is not made leaves the subscription as it is: the change waits.
    async fn change(&self, change: &PlanChange, idempotency_key: &str) -> Result<Change, ProviderError> {
        const OPERATION: &str = "subscriptions.update";
        let mut item = UpdateSubscriptionItems::new();
        item.id = Some(change.item.clone());
        item.price = Some(change.price.clone());
        item.quantity = quantity(OPERATION, change.quantity)?;
        let request = UpdateSubscription::new(checked_id(OPERATION, &change.subscription)?)
            .items(vec![item])
            .proration_behavior(UpdateSubscriptionProrationBehavior::AlwaysInvoice)
            .proration_date(change.proration_at.seconds());
        let request = match payment_behavior(&change.paid_by) {
            Some(behavior) => request.payment_behavior(behavior),
            None => request,
        };
        self.act(OPERATION, &SUBSCRIPTION, &request, idempotency_key).await
    }

    async fn schedule_cancel(
        &self,
        subscription: &str,
        reason: &CancelReason,
        idempotency_key: &str,
    ) -> Result<Change, ProviderError> {
        const OPERATION: &str = "subscriptions.cancel_at_period_end";
        let mut details = UpdateSubscriptionCancellationDetails::new();
        details.comment.clone_from(&reason.comment);
        details.feedback = parsed(OPERATION, reason.feedback.as_deref())?;
        let request = UpdateSubscription::new(checked_id(OPERATION, subscription)?).cancel_at_period_end(true);
        let request = if *reason == CancelReason::default() { request } else { request.cancellation_details(details) };
        self.act(OPERATION, &SUBSCRIPTION, &request, idempotency_key).await
    }

    /// A DELETE has no idempotency key, so "it is cancelled already" is success: ours, or as good as ours.
    async fn cancel(
        &self,
        subscription: &str,
        reason: &CancelReason,
        idempotency_key: &str,
    ) -> Result<Change, ProviderError> {
        const OPERATION: &str = "subscriptions.cancel";
        let mut details = CancelSubscriptionCancellationDetails::new();
        details.comment.clone_from(&reason.comment);
        details.feedback = parsed(OPERATION, reason.feedback.as_deref())?;
        let request = CancelSubscription::new(checked_id(OPERATION, subscription)?);
        let request = if *reason == CancelReason::default() { request } else { request.cancellation_details(details) };
        match self.act(OPERATION, &SUBSCRIPTION, &request, idempotency_key).await {
            Err(error) if !error.is_temporary() => {
                let key = ObjectKey::new(SUBSCRIPTION, subscription);
                let now = Box::pin(gone::read(self, &key)).await;
                now.ok().filter(is_cancelled).ok_or(error)
            }
            outcome => outcome,
        }
    }

    async fn keep_on(
        &self,
        subscription: &str,
        ends_on_a_date: bool,
        idempotency_key: &str,
    ) -> Result<Change, ProviderError> {
        const OPERATION: &str = "subscriptions.keep";
        if ends_on_a_date {
            // A portal sets a date in flexible billing mode. An empty value clears it, which the crate cannot write.
            let path = format!("/v1/subscriptions/{}", checked_id(OPERATION, subscription)?);
            let form = [("cancel_at", String::new())];
            let reply = self.client.form(OPERATION, &path, &form, Some(idempotency_key)).await?;
            return read::answered(&self.client, OPERATION, &SUBSCRIPTION, &reply).await;
        }
        let request = UpdateSubscription::new(checked_id(OPERATION, subscription)?).cancel_at_period_end(false);
        self.act(OPERATION, &SUBSCRIPTION, &request, idempotency_key).await
    }

    async fn new_customer(&self, customer: &NewCustomer, idempotency_key: &str) -> Result<Change, ProviderError> {
        let metadata = HashMap::from([(ORGANISATION.to_owned(), customer.organisation.clone())]);
        let request = CreateCustomer::new().name(&customer.name).metadata(metadata);
        let request = match &customer.email {
            Some(email) => request.email(email),
            None => request,
        };
        self.act("customers.create", &CUSTOMER, &request, idempotency_key).await
    }

    async fn default_method(
        &self,
        customer: &str,
        method: &str,
        idempotency_key: &str,
    ) -> Result<Change, ProviderError> {
        const OPERATION: &str = "customers.set_default_payment_method";
        let mut settings = UpdateCustomerInvoiceSettings::new();
        settings.default_payment_method = Some(method.to_owned());
        let request = UpdateCustomer::new(checked_id(OPERATION, customer)?).invoice_settings(settings);
        self.act(OPERATION, &CUSTOMER, &request, idempotency_key).await
    }

    async fn pay_with(&self, subscription: &str, method: &str, idempotency_key: &str) -> Result<Change, ProviderError> {
        const OPERATION: &str = "subscriptions.set_payment_method";
        let request =
            UpdateSubscription::new(checked_id(OPERATION, subscription)?).default_payment_method(method.to_owned());
        self.act(OPERATION, &SUBSCRIPTION, &request, idempotency_key).await
    }

    async fn detach(&self, method: &str, idempotency_key: &str) -> Result<Change, ProviderError> {
        const OPERATION: &str = "payment_methods.detach";
        let request = DetachPaymentMethod::new(checked_id(OPERATION, method)?);
        self.act(OPERATION, &PAYMENT_METHOD, &request, idempotency_key).await
    }

    async fn checkout(&self, checkout: &Checkout, idempotency_key: &str) -> Result<String, ProviderError> {
        const OPERATION: &str = "checkout.create_subscription";
        let mut line = CreateCheckoutSessionLineItems::new();
        line.price = Some(checkout.price.clone().ok_or_else(|| refused(OPERATION, "a price must be chosen"))?);
        line.quantity = quantity(OPERATION, checkout.quantity)?;
        let request = CreateCheckoutSession::new()
            .mode(CheckoutSessionMode::Subscription)
            .customer(&checkout.customer)
            .line_items(vec![line])
            .success_url(&checkout.success_url)
            .cancel_url(&checkout.cancel_url);
        self.hosted(OPERATION, &request, Some(idempotency_key)).await
    }

    /// A page in setup mode must be told a currency: the customer's own, where there is one.
    async fn add_method(&self, checkout: &Checkout, idempotency_key: &str) -> Result<String, ProviderError> {
        const OPERATION: &str = "checkout.create_setup";
        const READ: &str = "customers.retrieve";
        let customer = checked_id(OPERATION, &checkout.customer)?;
        let reply = self.client.get(READ, format!("/v1/customers/{customer}")).await?;
        let currency = parse::<types::Customer>(READ, &reply)?.currency;
        let form = [
            ("mode", "setup".to_owned()),
            ("customer", customer.to_owned()),
            ("currency", currency.unwrap_or_else(|| DEFAULT_CURRENCY.to_owned())),
            ("success_url", checkout.success_url.clone()),
            ("cancel_url", checkout.cancel_url.clone()),
        ];
        let reply = self.client.form(OPERATION, "/v1/checkout/sessions", &form, Some(idempotency_key)).await?;
        page_url(OPERATION, &reply)
    }

    async fn hosted(
        &self,
        operation: &'static str,
        request: &(impl StripeRequest + Sync),
        idempotency_key: Option<&str>,
    ) -> Result<String, ProviderError> {
        let reply = self.client.request(operation, request, idempotency_key).await?;
        page_url(operation, &reply)
    }
}

impl Billing for Stripe {
    fn preview_plan_change<'a>(&'a self, customer: &'a str, change: &'a PlanChange) -> Answer<'a, billing::Invoice> {
        Box::pin(self.preview(customer, change))
    }

    fn change_plan<'a>(&'a self, change: &'a PlanChange, idempotency_key: &'a str) -> Answer<'a, Change> {
        Box::pin(self.change(change, idempotency_key))
    }

    fn payment_of<'a>(&'a self, invoice: &'a str) -> Answer<'a, Vec<Change>> {
        Box::pin(async move {
            let invoice = ObjectKey::new(INVOICE, invoice);
            let mut changes = vec![read::fetch(&self.client, &invoice).await?];
            changes.extend(Box::pin(read::payments(&self.client, &invoice.id)).await?);
            Ok(changes)
        })
    }

    fn cancel_at_period_end<'a>(
        &'a self,
        subscription: &'a str,
        reason: &'a CancelReason,
        idempotency_key: &'a str,
    ) -> Answer<'a, Change> {
        Box::pin(self.schedule_cancel(subscription, reason, idempotency_key))
    }

    fn cancel_now<'a>(
        &'a self,
        subscription: &'a str,
        reason: &'a CancelReason,
        idempotency_key: &'a str,
    ) -> Answer<'a, Change> {
        Box::pin(self.cancel(subscription, reason, idempotency_key))
    }

    fn keep<'a>(&'a self, subscription: &'a str, ends_on_a_date: bool, idempotency_key: &'a str) -> Answer<'a, Change> {
        Box::pin(self.keep_on(subscription, ends_on_a_date, idempotency_key))
    }

    fn create_customer<'a>(&'a self, customer: &'a NewCustomer, idempotency_key: &'a str) -> Answer<'a, Change> {
        Box::pin(self.new_customer(customer, idempotency_key))
    }

    fn checkout_subscription<'a>(&'a self, checkout: &'a Checkout, idempotency_key: &'a str) -> Answer<'a, String> {
        Box::pin(self.checkout(checkout, idempotency_key))
    }

    fn checkout_payment_method<'a>(&'a self, checkout: &'a Checkout, idempotency_key: &'a str) -> Answer<'a, String> {
        Box::pin(self.add_method(checkout, idempotency_key))
    }

    fn set_default_payment_method<'a>(
        &'a self,
        customer: &'a str,
        method: &'a str,
        idempotency_key: &'a str,
    ) -> Answer<'a, Change> {
        Box::pin(self.default_method(customer, method, idempotency_key))
    }

    fn pay_subscription_with<'a>(
        &'a self,
        subscription: &'a str,
        method: &'a str,
        idempotency_key: &'a str,
    ) -> Answer<'a, Change> {
        Box::pin(self.pay_with(subscription, method, idempotency_key))
    }

    fn detach_payment_method<'a>(&'a self, method: &'a str, idempotency_key: &'a str) -> Answer<'a, Change> {
        Box::pin(self.detach(method, idempotency_key))
    }

    fn portal<'a>(&'a self, customer: &'a str, return_url: &'a str) -> Answer<'a, String> {
        Box::pin(async move {
            let request = CreateBillingPortalSession::new().customer(customer).return_url(return_url);
            self.hosted("portal.create", &request, None).await
        })
    }
}

/// What becomes of a change whose payment is not made at once.
fn payment_behavior(paid_by: &PaidBy) -> Option<UpdateSubscriptionPaymentBehavior> {
    match paid_by {
        // Nothing is charged: the invoice goes out, and is paid by its due date.
        PaidBy::SentInvoice => None,
        // A debit takes days, and Stripe takes no pending updates for it. Whatever else there is would deliver the new plan
        // for a debt; so a change that cannot be paid is refused as a whole.
        PaidBy::Method(Some(kind)) if BANK_DEBITS.contains(&kind.as_str()) => {
            Some(UpdateSubscriptionPaymentBehavior::ErrorIfIncomplete)
        }
        PaidBy::Method(_) => Some(UpdateSubscriptionPaymentBehavior::PendingIfIncomplete),
    }
}

fn page_url(operation: &'static str, reply: &Reply) -> Result<String, ProviderError> {
    let page: types::Hosted = parse(operation, reply)?;
    page.url.ok_or_else(|| refused(operation, "there is no page to go to"))
}

fn quantity(operation: &'static str, quantity: Option<i64>) -> Result<Option<u64>, ProviderError> {
    let sound = |quantity| u64::try_from(quantity).map_err(|_| refused(operation, "the quantity must not be negative"));
    quantity.map(sound).transpose()
}

/// One of the words that Stripe takes as feedback. The crate's enums are open, so any word parses.
fn parsed<T: std::str::FromStr>(operation: &'static str, word: Option<&str>) -> Result<Option<T>, ProviderError> {
    word.map(|word| word.parse().map_err(|_| refused(operation, "that is not a reason that can be given"))).transpose()
}

fn is_cancelled(change: &Change) -> bool {
    match &change.state {
        State::Present { index, .. } => index.status == "canceled",
        State::Deleted => true,
    }
}
