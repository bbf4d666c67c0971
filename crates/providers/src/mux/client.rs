//! The requests, and how an error answer is read. No meaning is given to what comes back.

use super::{
    config::MuxConfig,
    types::{ErrorAnswer, ListAnswer, WhoAmI, Wire, Wrapped},
};
use crate::{
    error::{ErrorKind, Persistence, ProviderError, STRANGERS_PAUSE},
    gateway::{Call, Gateway, GatewayConfig, Reply, RetryRule, mask_text},
    registry::ConnectArgs,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use patchbay_domain::Timestamp;
use serde::de::DeserializeOwned;
use std::{sync::Arc, time::Duration};
use url::form_urlencoded::byte_serialize;

pub(super) const PROVIDER: &str = "Mux";
const PAGE_SIZE: u32 = 100;

/// Speaks HTTP with one Mux environment.
pub(super) struct Client {
    pub(super) gateway: Gateway,
    authorization: HeaderValue,
}

impl Client {
    pub(super) fn new(config: &MuxConfig, args: &ConnectArgs<'_>) -> Self {
        let mut settings =
            GatewayConfig::new(args.name.clone(), PROVIDER, config.base.clone(), classify, args.clock.clone());
        settings.rate_per_second = 4.0;
        settings.burst = 8;
        settings.request_id_header = "x-request-id";
        Self {
            gateway: Gateway::new(settings, args.http.clone(), Arc::clone(&args.log)),
            authorization: config.authorization.clone(),
        }
    }

    /// One asset and when Mux stated it.
    pub(super) async fn asset(&self, id: &str) -> Result<(Wire, Timestamp), ProviderError> {
        let reply = self.send(Call::get("assets.read", format!("/video/v1/assets/{}", segment(id)))).await?;
        Ok((parse::<Wrapped<Wire>>("assets.read", &reply)?.data, reply.as_of))
    }

    /// Proves that assets can be listed.
    pub(super) async fn first_asset(&self) -> Result<(), ProviderError> {
        self.send(Call::get("assets.list", "/video/v1/assets?limit=1")).await.map(drop)
    }

    /// One page of assets, newest first, and the cursor of the next.
    pub(super) async fn assets(&self, cursor: Option<&str>) -> Result<(ListAnswer, Timestamp), ProviderError> {
        let mut path = format!("/video/v1/assets?limit={PAGE_SIZE}");
        if let Some(cursor) = cursor {
            path.push_str("&cursor=");
            path.push_str(&segment(cursor));
        }
        let reply = self.send(Call::get("assets.list", path)).await?;
        Ok((parse("assets.list", &reply)?, reply.as_of))
    }

    /// Deletes an asset, which cannot be undone; one that is gone already is fine.
    pub(super) async fn delete_asset(&self, id: &str) -> Result<Timestamp, ProviderError> {
        let call = Call::new("assets.delete", Method::DELETE, format!("/video/v1/assets/{}", segment(id)));
        // By id, so twice is the same as once.
        match self.send(Call { retry: RetryRule::Always, ..call }).await {
            Ok(reply) => Ok(reply.as_of),
            Err(error) if error.says_gone(id) => Ok(self.gateway.clock().now()),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn who_am_i(&self) -> Result<WhoAmI, ProviderError> {
        let reply = self.send(Call::get("whoami", "/system/v1/whoami")).await?;
        Ok(parse::<Wrapped<WhoAmI>>("whoami", &reply)?.data)
    }

    async fn send(&self, mut call: Call) -> Result<Reply, ProviderError> {
        call.headers.insert(header::AUTHORIZATION, self.authorization.clone());
        self.gateway.send(call).await
    }
}

/// A value as one percent-encoded segment of a path or a query.
fn segment(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

fn parse<T: DeserializeOwned>(operation: &str, reply: &Reply) -> Result<T, ProviderError> {
    serde_json::from_slice(&reply.body).map_err(|error| unreadable(operation, &error))
}

/// Without the offending value: it may be personal data. Serde's position is enough to find it.
pub(super) fn unreadable(operation: impl Into<Box<str>>, error: &serde_json::Error) -> ProviderError {
    let message = format!("not what Mux documents, at line {} column {}", error.line(), error.column());
    ProviderError::new(PROVIDER, operation, ErrorKind::Unreadable, message)
}

fn classify(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ProviderError {
    let said = serde_json::from_slice::<ErrorAnswer>(body).unwrap_or_default().error;
    let kind = match status.as_u16() {
        // Mux's word for an id that these keys have nothing of; anything else with this status is not about the object.
        404 if said.error_type.as_deref() == Some("not_found") => ErrorKind::Gone,
        403 if said.error_type.is_some() => ErrorKind::Forbidden,
        401 | 403 => ErrorKind::Unauthorized,
        404 => ErrorKind::NotFound,
        408 => ErrorKind::Unreachable,
        409 => ErrorKind::Conflict,
        429 => ErrorKind::RateLimited,
        500.. => ErrorKind::ProviderFault,
        _ => ErrorKind::Refused,
    };
    let message = if said.messages.is_empty() {
        format!("answered with {}", status.as_u16())
    } else {
        mask_text(&said.messages.join("; "))
    };
    let mut error = ProviderError::new(PROVIDER, "", kind, message);
    error.code = said.error_type.map(String::into_boxed_str);
    if kind == ErrorKind::NotFound {
        error.persistence = Persistence::Temporary;
        error.message =
            "answered with 404 in words that are not Mux's: is MUX_BASE_URL right, is a proxy between?".into();
    }
    error.retry_after = headers
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|seconds| seconds.trim().parse().ok())
        .map(Duration::from_secs)
        .or((kind == ErrorKind::NotFound).then_some(STRANGERS_PAUSE));
    error
}
