//! What a preview showed, signed into its form. Of a form only what was signed here counts: not the moment of proration, nor
//! the price, nor the amount that somebody's browser sends back.

use crate::{Engine, storage_failed};
use hmac::{Hmac, Mac};
use patchbay_domain::{Money, Principal, Timestamp, UserError, billing::Invoice, error::Reason};
use patchbay_providers::billing::PlanChange;
use patchbay_store::Record;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::time::Duration;

/// For how long the amounts of a preview may be agreed to.
const LIFETIME: Duration = Duration::from_mins(15);
/// Name of the key, in the database: every process on it reads what another one signed, also after a restart.
const KEY: &str = "quotes";
/// What is signed, so that the key may sign something else one day.
const PURPOSE: &[u8] = b"patchbay plan change 1\n";

/// A change of plan and what it was said to cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Quote {
    person: String,
    connection: String,
    subscription: String,
    pub item: String,
    price: String,
    quantity: Option<i64>,
    amount_due: i64,
    currency: String,
    pub proration_at: Timestamp,
    expires_at: Timestamp,
}

impl Quote {
    pub fn new(person: &Principal, connection: &str, change: &PlanChange, invoice: &Invoice, now: Timestamp) -> Self {
        Self {
            person: person.user_id.clone(),
            connection: connection.to_owned(),
            subscription: change.subscription.clone(),
            item: change.item.clone(),
            price: change.price.clone(),
            quantity: change.quantity,
            amount_due: invoice.amount_due,
            currency: invoice.currency.clone(),
            proration_at: change.proration_at,
            expires_at: now.plus(LIFETIME),
        }
    }

    /// The text for the form: the quote, a dot and its signature.
    pub async fn sign(&self, engine: &Engine) -> Result<String, UserError> {
        let text = serde_json::to_vec(self).map_err(|_| UserError::internal())?;
        let signature = mac(engine, &text).await?.finalize().into_bytes();
        Ok(format!("{}.{}", hex::encode(&text), hex::encode(signature)))
    }

    /// What was signed, if it was signed here and this person may still agree to it.
    pub async fn read(engine: &Engine, person: &Principal, signed: &str) -> Result<Self, UserError> {
        let quote = Self::verified(engine, signed)
            .await?
            .ok_or_else(|| fresh("The preview in this form was not made here, or was changed on the way."))?;
        if quote.person != person.user_id {
            return Err(fresh("This preview was made for somebody else."));
        }
        if quote.expires_at < engine.clock().now() {
            return Err(fresh("This preview is over a quarter of an hour old, and amounts change with time."));
        }
        Ok(quote)
    }

    async fn verified(engine: &Engine, signed: &str) -> Result<Option<Self>, UserError> {
        let decoded = signed
            .split_once('.')
            .and_then(|(text, signature)| Some((hex::decode(text).ok()?, hex::decode(signature).ok()?)));
        let Some((text, signature)) = decoded else { return Ok(None) };
        if mac(engine, &text).await?.verify_slice(&signature).is_err() {
            return Ok(None);
        }
        Ok(serde_json::from_slice(&text).ok())
    }

    /// Whether it is about this subscription and this price.
    pub fn is_about(&self, record: &Record, price: &str) -> Result<(), UserError> {
        if self.connection == record.connection && self.subscription == record.key.id && self.price == price {
            Ok(())
        } else {
            Err(fresh("The preview in this form belongs to another change."))
        }
    }

    /// Whether the change is still the one that was previewed.
    pub fn is_of(&self, change: &PlanChange) -> Result<(), UserError> {
        if self.item == change.item && self.quantity == change.quantity {
            Ok(())
        } else {
            Err(fresh("The subscription was changed since you looked."))
        }
    }

    /// Whether it still costs what it was said to cost.
    pub fn costs(&self, invoice: &Invoice) -> Result<(), UserError> {
        if self.amount_due == invoice.amount_due && self.currency == invoice.currency {
            return Ok(());
        }
        let was = Money::new(self.amount_due, self.currency.clone());
        let is = Money::new(invoice.amount_due, invoice.currency.clone());
        Err(fresh(&format!("The amount due today is {is} by now; the preview said {was}.")))
    }
}

/// Pages show the preview anew for this.
fn fresh(why: &str) -> UserError {
    UserError::new(Reason::Conflict, format!("{why} Nothing was changed. Here is a fresh preview: agree to that one."))
}

async fn mac(engine: &Engine, text: &[u8]) -> Result<Hmac<Sha256>, UserError> {
    let inner = &engine.0;
    let key = inner.quote_key.get_or_try_init(|| inner.store.app_key(KEY, &inner.settings.key_candidate)).await;
    let mut mac = Hmac::<Sha256>::new_from_slice(key.map_err(|error| storage_failed(&error))?)
        .map_err(|_| UserError::internal())?;
    mac.update(PURPOSE);
    mac.update(text);
    Ok(mac)
}
