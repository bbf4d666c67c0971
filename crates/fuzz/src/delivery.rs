//! Connections to try things on, and deliveries as their provider would sign them.

use aws_lc_rs::hmac;
use http::{HeaderMap, HeaderName, HeaderValue};
use patchbay_domain::{Clock, Timestamp};
use patchbay_providers::{
    Connection, Unverified, Verified, Webhooks,
    gateway::NoCallLog,
    registry::{ConnectArgs, ProviderEntry},
};
use std::sync::{Arc, LazyLock};

/// When things happen, in Unix seconds, unless the input says otherwise.
pub(crate) const NOW: i64 = 1_700_000_000;

/// A connection, and what its provider shares with it. Stripe and Mux sign alike.
pub(crate) struct Subject {
    pub connection: Arc<dyn Connection>,
    pub header: &'static str,
    /// In the order configured.
    pub secrets: [&'static str; 3],
    /// Another account of the same provider: it shares no secret with this one.
    pub stranger: Arc<dyn Connection>,
}

impl Subject {
    pub fn webhooks(&self) -> &dyn Webhooks {
        self.connection.webhooks().expect("it delivers")
    }
}

/// With the secrets of the vectors that Stripe's own library made.
pub(crate) static STRIPE: LazyLock<Subject> =
    LazyLock::new(|| subject("stripe", "stripe-signature", ["whsec_test_secret", "whsec_new", "whsec_old"]));
/// With the secret of the vector in Mux's SDK.
pub(crate) static MUX: LazyLock<Subject> =
    LazyLock::new(|| subject("mux", "mux-signature", ["SuperSecret123", "second", "third"]));

fn subject(provider: &str, header: &'static str, secrets: [&'static str; 3]) -> Subject {
    let connection = connect(provider, &secrets.join(","));
    // Of the provider's own shape, which its settings are held against.
    let of_somebody_else = format!("{}x", secrets[0]);
    Subject { connection, header, secrets, stranger: connect(provider, &of_somebody_else) }
}

#[expect(clippy::disallowed_methods, reason = "nothing is sent with this client; a connection cannot be made without")]
fn connect(provider: &str, secrets: &str) -> Arc<dyn Connection> {
    let entry = patchbay_providers::registry::PROVIDERS.iter().find(|entry| entry.manifest.id == provider);
    let ProviderEntry { connect, .. } = entry.expect("the provider is in the registry");
    let variables = |name: &str| {
        let value = match name {
            "STRIPE_SECRET_KEY" => "sk_test_fuzz",
            "MUX_TOKEN_ID" | "MUX_TOKEN_SECRET" => "fuzz",
            "STRIPE_WEBHOOK_SECRET" | "MUX_WEBHOOK_SECRET" => secrets,
            _ => return None,
        };
        Some(value.to_owned())
    };
    let args = ConnectArgs {
        name: provider.to_owned(),
        variables: &variables,
        clock: Clock::fixed(Timestamp::from_seconds(NOW)),
        http: reqwest::Client::new(),
        log: Arc::new(NoCallLog),
    };
    connect(args).expect("the settings are complete")
}

/// The `v1` signature, by another implementation than the product's: HMAC-SHA256 over `{stamp}.{body}`.
pub(crate) fn signature(secret: &str, stamp: &str, body: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(stamp.as_bytes());
    context.update(b".");
    context.update(body);
    context.sign().as_ref().to_vec()
}

/// The headers of a delivery; none when these bytes cannot be the value of a header.
pub(crate) fn headers(name: &'static str, value: &[u8]) -> Option<HeaderMap> {
    let value = HeaderValue::from_bytes(value).ok()?;
    Some(HeaderMap::from_iter([(HeaderName::from_static(name), value)]))
}

/// The headers that `subject`'s provider sends with this body at [`NOW`].
pub(crate) fn signed(subject: &Subject, body: &[u8]) -> HeaderMap {
    let stamp = NOW.to_string();
    let value = format!("t={stamp},v1={}", hex::encode(signature(subject.secrets[0], &stamp, body)));
    headers(subject.header, value.as_bytes()).expect("digits and hex are a header")
}

/// A genuine delivery, verified.
pub(crate) fn verified<'a>(subject: &Subject, headers: &'a HeaderMap, body: &'a [u8]) -> Verified<'a> {
    let verified = subject.webhooks().verify(Unverified::posted(headers, body), Timestamp::from_seconds(NOW));
    verified.unwrap_or_else(|rejection| panic!("a genuine delivery is refused: {rejection}"))
}

/// Stands in the seeds for personal data: it must never come back in an error.
pub(crate) const CANARY: &str = "ada@example.com";
