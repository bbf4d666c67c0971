//! Query strings.

use std::fmt::Write;

/// `a=1&b=two%20words`; pairs without a value are left out.
pub fn query(pairs: impl IntoIterator<Item = (String, String)>) -> String {
    let mut text = String::new();
    for (key, value) in pairs {
        if value.is_empty() {
            continue;
        }
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(&encode(&key));
        text.push('=');
        text.push_str(&encode(&value));
    }
    text
}

/// The path with a query, or alone where no pair has a value.
pub fn with_query(path: &str, pairs: impl IntoIterator<Item = (String, String)>) -> String {
    let query = query(pairs);
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// Percent-encodes everything but the letters, digits and marks that RFC 3986 leaves alone.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_keeps_what_has_a_value() {
        let pairs = [("q".to_owned(), "a&b ü".to_owned()), ("state".to_owned(), String::new())];
        assert_eq!(with_query("/events", pairs), "/events?q=a%26b%20%C3%BC");
        assert_eq!(with_query("/events", []), "/events");
    }
}
