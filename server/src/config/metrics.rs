//! `[metrics]`: who may read the numbers.

use super::{ConfigError, Variables};
use http::{HeaderMap, header};
use serde::Deserialize;
use std::{fmt, net::SocketAddr};
use subtle::ConstantTimeEq;

/// Characters. A shorter one can be guessed.
const SHORTEST_TOKEN: usize = 16;

/// As written in the file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Table {
    token: Option<String>,
    addr: Option<String>,
}

#[derive(Clone)]
pub struct Metrics {
    token: Option<String>,
    /// An address of their own; then nobody gets them at the other one without a token.
    pub addr: Option<SocketAddr>,
}

impl Metrics {
    pub(super) fn read(file: Table, environment: &Variables) -> Result<Self, ConfigError> {
        let token = environment.get("PATCHBAY_METRICS_TOKEN").map(str::to_owned).or(file.token);
        if token
            .as_ref()
            .is_some_and(|token| token.len() < SHORTEST_TOKEN || !token.bytes().all(|b| b.is_ascii_graphic()))
        {
            return Err(ConfigError::Variable {
                name: "PATCHBAY_METRICS_TOKEN",
                message: format!(
                    "use {SHORTEST_TOKEN} letters and digits or more, such as `openssl rand -hex 24` prints"
                ),
            });
        }
        let addr = environment.get("PATCHBAY_METRICS_ADDR").map(str::to_owned).or(file.addr);
        let addr =
            addr.map(|text| text.trim().parse::<SocketAddr>()).transpose().map_err(|error| ConfigError::Variable {
                name: "PATCHBAY_METRICS_ADDR",
                message: format!("{error}; write it like 10.0.0.7:9464"),
            })?;
        Ok(Self { token, addr })
    }

    pub fn asks_for_token(&self) -> bool {
        self.token.is_some()
    }

    /// Whether a request brings the token.
    pub fn has_token(&self, headers: &HeaderMap) -> bool {
        let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.split_once(' '));
        token.is_some_and(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer") && self.is_token(token.trim()))
    }

    /// Whether a request at an address of their own may read them.
    pub fn admits(&self, headers: &HeaderMap) -> bool {
        !self.asks_for_token() || self.has_token(headers)
    }

    /// Takes as long whatever is wrong with it.
    fn is_token(&self, presented: &str) -> bool {
        self.token.as_ref().is_some_and(|token| token.as_bytes().ct_eq(presented.as_bytes()).into())
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("addr", &self.addr).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Metrics, ConfigError> {
        let variables = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Metrics::read(Table::default(), &Variables::new(variables))
    }

    #[test]
    fn a_token_must_match_to_the_letter() {
        let metrics = read(&[("PATCHBAY_METRICS_TOKEN", "0123456789abcdef")]).unwrap();
        assert!(metrics.is_token("0123456789abcdef"));
        assert!(
            !metrics.is_token("0123456789abcdeF") && !metrics.is_token("") && !metrics.is_token("0123456789abcdef0")
        );
        assert!(!read(&[]).unwrap().is_token(""));
    }

    #[test]
    fn a_token_that_can_be_guessed_and_an_address_that_is_none_are_refused() {
        for pair in [("PATCHBAY_METRICS_TOKEN", "secret"), ("PATCHBAY_METRICS_ADDR", "9464")] {
            let error = read(&[pair]).unwrap_err().to_string();
            assert!(error.starts_with(pair.0) && !error.contains("secret"), "{error}");
        }
    }
}
