//! Error answers as the provider words them.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

/// A refused request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub status: StatusCode,
    pub kind: &'static str,
    pub code: Option<&'static str>,
    pub message: String,
    pub param: Option<String>,
    pub card: Option<Box<CardRefusal>>,
}

/// What a refused card adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CardRefusal {
    /// None where the card was not refused: its owner has to confirm the payment.
    pub decline: Option<String>,
    pub payment_intent: Option<String>,
}

impl ApiError {
    fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, code: None, message: message.into(), param: None, card: None }
    }

    /// The request makes no sense.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    /// With the parameter that is wrong.
    pub(crate) fn of(mut self, param: &str) -> Self {
        self.param = Some(param.to_owned());
        self
    }

    /// With the machine-readable code.
    pub(crate) fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// A parameter is needed and was not given.
    pub(crate) fn missing(param: &str) -> Self {
        Self::invalid(format!("Missing required param: {param}.")).of(param).code("parameter_missing")
    }

    /// A parameter that Stripe does not have, or the sandbox does not: what it would drop, it refuses.
    pub(crate) fn unknown(param: &str) -> Self {
        let message = format!("Received unknown parameter: {param} (or the sandbox does not support it)");
        Self::invalid(message).of(param).code("parameter_unknown")
    }

    /// There is no such object: 404 when it is the one asked for.
    pub(crate) fn no_such(what: &str, id: &str, param: &str) -> Self {
        let mut error = Self::invalid(format!("No such {what}: '{id}'")).of(param).code("resource_missing");
        if param == "id" || param == "intent" {
            error.status = StatusCode::NOT_FOUND;
        }
        error
    }

    /// With the status of an object that is not there.
    pub(crate) fn not_found(mut self) -> Self {
        self.status = StatusCode::NOT_FOUND;
        self
    }

    /// There is no such page of the API.
    pub(crate) fn no_route(method: &str, path: &str) -> Self {
        let mut error = Self::invalid(format!(
            "Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at https://support.stripe.com/."
        ));
        error.status = StatusCode::NOT_FOUND;
        error
    }

    /// No key, or a key of somebody else.
    pub(crate) fn unauthorised(key: Option<&str>) -> Self {
        let message = match key {
            None => "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').".to_owned(),
            Some(key) => format!("Invalid API Key provided: {}", masked(key)),
        };
        Self::new(StatusCode::UNAUTHORIZED, "invalid_request_error", message)
    }

    /// A restricted key lacks the permission that this needs.
    pub(crate) fn not_permitted(key: &str, account: &str, permission: &str) -> Self {
        let message = format!(
            "The provided key '{}' does not have the required permissions for this endpoint on account '{account}'. Having the '{permission}' permission would allow this request to continue.",
            masked(key)
        );
        Self::new(StatusCode::FORBIDDEN, "invalid_request_error", message)
    }

    /// Another's account, or none.
    pub(crate) fn no_account(id: &str) -> Self {
        let message = format!(
            "The provided key does not have access to account '{id}' (or that account does not exist). Application access may have been revoked."
        );
        Self::new(StatusCode::FORBIDDEN, "invalid_request_error", message).code("account_invalid")
    }

    /// An idempotency key met again with another request.
    pub(crate) fn idempotency() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "idempotency_error",
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than the one used originally if you meant to execute a different request.",
        )
    }

    /// The card was refused.
    pub(crate) fn declined(decline: &str, payment_intent: Option<String>) -> Self {
        let mut error =
            Self::new(StatusCode::PAYMENT_REQUIRED, "card_error", decline_message(decline)).code(decline_code(decline));
        error.card = Some(Box::new(CardRefusal { decline: Some(decline.to_owned()), payment_intent }));
        error
    }

    /// The owner of the card has to confirm the payment first.
    pub(crate) fn unconfirmed(code: &'static str, payment_intent: Option<String>) -> Self {
        let message = "This payment needs an additional action of the customer before it can be completed. \
                       It can be completed with the PaymentIntent of the invoice.";
        let mut error = Self::new(StatusCode::PAYMENT_REQUIRED, "card_error", message).code(code);
        error.card = Some(Box::new(CardRefusal { decline: None, payment_intent }));
        error
    }

    /// Too many requests.
    pub(crate) fn rate_limited() -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limit_error",
            "Request rate limit exceeded. You can learn more about rate limits here https://stripe.com/docs/rate-limits.",
        )
        .code("rate_limit")
    }

    /// The provider's own fault.
    pub(crate) fn broken(status: StatusCode) -> Self {
        Self::new(
            status,
            "api_error",
            "An unknown error occurred. Sorry about that! If the problem persists, contact us at https://support.stripe.com/.",
        )
    }

    /// The JSON body.
    pub(crate) fn body(&self, pages: &str, request: &str) -> Value {
        let mut error = Map::new();
        if let Some(code) = self.code {
            error.insert("code".into(), code.into());
            error.insert(
                "doc_url".into(),
                format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-")).into(),
            );
        }
        if let Some(decline) = self.card.as_ref().and_then(|card| card.decline.clone()) {
            error.insert("decline_code".into(), decline.into());
        }
        error.insert("message".into(), self.message.clone().into());
        if let Some(param) = &self.param {
            error.insert("param".into(), param.clone().into());
        }
        if let Some(card) = &self.card
            && let Some(intent) = &card.payment_intent
        {
            let status = if card.decline.is_some() { "requires_payment_method" } else { "requires_action" };
            error.insert("payment_intent".into(), json!({"id": intent, "object": "payment_intent", "status": status}));
        }
        error.insert("request_log_url".into(), format!("{pages}/requests/{request}").into());
        error.insert("type".into(), self.kind.into());
        json!({ "error": error })
    }
}

/// The sentence a person reads when a card is refused.
pub(crate) fn decline_message(decline: &str) -> &'static str {
    match decline {
        "insufficient_funds" => "Your card has insufficient funds.",
        "expired_card" => "Your card has expired.",
        "authentication_failure" => {
            "We are unable to authenticate your payment method. Please choose a different payment method and try again."
        }
        _ => "Your card was declined.",
    }
}

/// The error code of a refused card; expiry has its own.
pub(crate) fn decline_code(decline: &str) -> &'static str {
    match decline {
        "expired_card" => "expired_card",
        "authentication_failure" => "payment_intent_authentication_failure",
        _ => "card_declined",
    }
}

fn masked(key: &str) -> String {
    let letters: Vec<char> = key.chars().collect();
    if letters.len() < 12 {
        return "*".repeat(letters.len());
    }
    let head: String = letters[..8].iter().collect();
    let tail: String = letters[letters.len() - 4..].iter().collect();
    format!("{head}{}{tail}", "*".repeat(letters.len() - 12))
}
