//! What a request says, and the refusal of what nobody here would heed.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

/// A refused request, in Mux's shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    kind: &'static str,
    message: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into() }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_parameters", message)
    }

    pub(super) fn not_found() -> Self {
        let message = "The requested resource either doesn't exist or you don't have access to it.";
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    fn unknown(name: &str) -> Self {
        Self::invalid(format!("Unknown parameter: {name} (or the sandbox does not support it)."))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        super::api::error(self.status, self.kind, &self.message)
    }
}

/// The members of a JSON object, or of a query; null is the same as nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Params {
    /// What its members are called in messages: `new_asset_settings.`
    above: String,
    members: Map<String, Value>,
}

impl Params {
    /// Reads a body. An empty one has no members.
    pub(super) fn of_body(body: &[u8]) -> Result<Self, Refusal> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Ok(Self { above: String::new(), members }),
            _ => Err(Refusal::invalid("The body is not a JSON object.")),
        }
    }

    /// Reads a query; what is given empty is not given.
    pub(super) fn of_query(query: Option<&str>) -> Self {
        let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        let given = pairs.filter(|(_, value)| !value.is_empty());
        let members = given.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect();
        Self { above: String::new(), members }
    }

    /// One member.
    pub(super) fn of_text(name: &str, text: &str) -> Self {
        let members = [(name.to_owned(), Value::String(text.to_owned()))].into_iter().collect();
        Self { above: String::new(), members }
    }

    /// As it was sent.
    pub(super) fn into_value(self) -> Value {
        Value::Object(self.members)
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    fn wrong(&self, name: &str, what: &str) -> Refusal {
        Refusal::invalid(format!("{}{name} must be {what}.", self.above))
    }

    /// Refuses members that are not in the list.
    pub(super) fn only(&self, names: &[&str]) -> Result<(), Refusal> {
        let other = self.members.keys().find(|name| !names.contains(&name.as_str()));
        other.map_or(Ok(()), |name| Err(Refusal::unknown(&format!("{}{name}", self.above))))
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(name, "a text")),
        }
    }

    pub(super) fn need(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name)?.ok_or_else(|| Refusal::invalid(format!("{}{name} is required.", self.above)))
    }

    /// An address of a file.
    pub(super) fn address(&self, name: &str) -> Result<&str, Refusal> {
        let text = self.need(name)?;
        let sound = url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if sound { Ok(text) } else { Err(self.wrong(name, "an http or https url")) }
    }

    pub(super) fn truth(&self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(truth)) => Ok(Some(*truth)),
            Some(_) => Err(self.wrong(name, "true or false")),
        }
    }

    /// A whole number within a span; queries have it as a text.
    pub(super) fn number(&self, name: &str, span: std::ops::RangeInclusive<i64>) -> Result<Option<i64>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
        match number.filter(|number| span.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(self.wrong(name, &format!("a whole number from {} to {}", span.start(), span.end()))),
        }
    }

    pub(super) fn word(&self, name: &str, words: &[&str]) -> Result<Option<&str>, Refusal> {
        match self.text(name)? {
            Some(word) if !words.contains(&word) => Err(self.wrong(name, &format!("one of {} here", words.join(", ")))),
            word => Ok(word),
        }
    }

    /// A text within Mux's limit.
    pub(super) fn passthrough(&self) -> Result<Option<String>, Refusal> {
        const LONGEST: usize = 255;
        match self.text("passthrough")? {
            Some(text) if text.chars().count() > LONGEST => Err(self.wrong("passthrough", "of at most 255 characters")),
            text => Ok(text.map(str::to_owned)),
        }
    }

    pub(super) fn object(&self, name: &str) -> Result<Option<Self>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Object(members)) => {
                Ok(Some(Self { above: format!("{}{name}.", self.above), members: members.clone() }))
            }
            Some(_) => Err(self.wrong(name, "an object")),
        }
    }

    /// The objects of a list.
    pub(super) fn objects(&self, name: &str) -> Result<Vec<Self>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(Vec::new()) };
        let all = value.as_array().ok_or_else(|| self.wrong(name, "a list"))?;
        let one = |(at, value): (usize, &Value)| match value {
            Value::Object(members) => {
                Ok(Self { above: format!("{}{name}[{at}].", self.above), members: members.clone() })
            }
            _ => Err(self.wrong(name, "a list of objects")),
        };
        all.iter().enumerate().map(one).collect()
    }

    /// The texts of a list; one text alone is a list of one, as older clients send it.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, Refusal> {
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Value::String(one)) => Ok(vec![one.clone()]),
            Some(Value::Array(all)) => {
                let one = |value: &Value| {
                    value.as_str().map(str::to_owned).ok_or_else(|| self.wrong(name, "a list of texts"))
                };
                all.iter().map(one).collect()
            }
            Some(_) => Err(self.wrong(name, "a list")),
        }
    }
}
