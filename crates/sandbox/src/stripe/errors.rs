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
    pub decline: String,
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

    /// A parameter nobody knows.
    pub(crate) fn unknown(param: &str) -> Self {
        Self::invalid(format!("Received unknown parameter: {param}")).of(param).code("parameter_unknown")
    }

    /// There is no such object: 404 when it is the one asked for.
    pub(crate) fn no_such(what: &str, id: &str, param: &str) -> Self {
        let mut error = Self::invalid(format!("No such {what}: '{id}'")).of(param).code("resource_missing");
        if param == "id" || param == "intent" {
            error.status = StatusCode::NOT_FOUND;
        }
        error
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
        error.card = Some(Box::new(CardRefusal { decline: decline.to_owned(), payment_intent }));
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
        if let Some(card) = &self.card {
            error.insert("decline_code".into(), card.decline.clone().into());
        }
        error.insert("message".into(), self.message.clone().into());
        if let Some(param) = &self.param {
            error.insert("param".into(), param.clone().into());
        }
        if let Some(intent) = self.card.as_ref().and_then(|card| card.payment_intent.as_ref()) {
            error.insert(
                "payment_intent".into(),
                json!({"id": intent, "object": "payment_intent", "status": "requires_payment_method"}),
            );
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
        _ => "Your card was declined.",
    }
}

/// The error code of a refused card; expiry has its own.
pub(crate) fn decline_code(decline: &str) -> &'static str {
    if decline == "expired_card" { "expired_card" } else { "card_declined" }
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
