//! Whoever passes knew a secret, and signed these bytes, just now.

use crate::delivery::{MUX, NOW, STRIPE, Subject, headers, signature};
use patchbay_domain::Timestamp;
use patchbay_providers::{Rejection, Unverified};

const TOLERANCE_SECONDS: i64 = 300;
const DIGITS: usize = 15;
/// A verifier may give up on longer lists.
const OFFICIAL_PARTS: usize = 8;

pub fn stripe_verify(data: &[u8]) {
    check(&STRIPE, data);
}

pub fn mux_verify(data: &[u8]) {
    check(&MUX, data);
}

/// The input is three lines: the time in Unix seconds, the value of the header, the body. In the header `{0}` to `{2}`
/// stand for the signature with that secret over the last stamp, `<0>` to `<2>` for that over the first: nobody, no
/// fuzzer either, guesses them.
fn check(subject: &Subject, data: &[u8]) {
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let (Some(time), Some(template), Some(body)) = (lines.next(), lines.next(), lines.next()) else { return };
    let now = std::str::from_utf8(time).ok().and_then(|text| text.parse().ok()).unwrap_or(NOW);
    let now = Timestamp::from_seconds(now);
    let header = fill_in(subject, template, body);
    let Some(headers) = headers(subject.header, &header) else { return };
    let delivery = Unverified::posted(&headers, body);
    let answer = subject.webhooks().verify(delivery, now);

    let text = std::str::from_utf8(&header).unwrap_or_default();
    if let Some(expected) = official_answer(subject, text, body, now) {
        assert_eq!(answer.as_ref().map(|verified| verified.secret_index), expected.as_ref().copied(), "{text}");
    }
    let Ok(verified) = answer else { return };

    assert!(std::ptr::eq(verified.body(), body), "what is verified is what came, not a copy or a part of it");
    let secret = subject.secrets.get(verified.secret_index).expect("the secret that matched is one of ours");
    assert!(is_genuine(secret, text, body, now), "accepted without a signature of ours within the tolerance: {text}");
    assert!(
        subject.stranger.webhooks().unwrap().verify(delivery, now).is_err(),
        "an account that shares no secret accepts it, too"
    );
    let changed = flip_a_bit(body, data.len());
    let tampered = Unverified::posted(&headers, &changed);
    assert!(subject.webhooks().verify(tampered, now).is_err(), "a changed body is accepted");
}

fn fill_in(subject: &Subject, template: &[u8], body: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(template) else { return template.to_vec() };
    let stamps = values(text, "t");
    let mut text = text.to_owned();
    for (index, secret) in subject.secrets.iter().enumerate() {
        for (marker, stamp) in [(format!("{{{index}}}"), stamps.last()), (format!("<{index}>"), stamps.first())] {
            if let Some(stamp) = stamp
                && text.contains(&marker)
            {
                text = text.replace(&marker, &hex::encode(signature(secret, stamp, body)));
            }
        }
    }
    text.into_bytes()
}

/// The values of a header's parts of this name, in any spelling that a verifier might forgive.
fn values<'a>(header: &'a str, name: &str) -> Vec<&'a str> {
    let parts = header.split(',').filter_map(|part| part.trim().split_once('='));
    parts.filter(|(key, _)| key.trim() == name).map(|(_, value)| value.trim()).collect()
}

/// The least that acceptance means, however the header is written.
fn is_genuine(secret: &str, header: &str, body: &[u8], now: Timestamp) -> bool {
    let signatures: Vec<_> = values(header, "v1").into_iter().filter_map(|text| hex::decode(text).ok()).collect();
    values(header, "t").into_iter().any(|stamp| {
        let fresh =
            stamp.parse().is_ok_and(|seconds: i64| now.seconds().abs_diff(seconds) <= TOLERANCE_SECONDS.unsigned_abs());
        fresh && signatures.contains(&signature(secret, stamp, body))
    })
}

/// For a header as the provider documents it, the one right answer: which secret matched, or why it is refused.
/// None for any other header.
fn official_answer(subject: &Subject, header: &str, body: &[u8], now: Timestamp) -> Option<Result<usize, Rejection>> {
    let mut parts = header.split(',').map(|part| part.split_once('='));
    let (_, stamp) = parts.next()?.filter(|(name, _)| *name == "t")?;
    let plain = !stamp.is_empty() && stamp.len() <= DIGITS && stamp.bytes().all(|byte| byte.is_ascii_digit());
    let seconds: i64 = stamp.parse().ok().filter(|_| plain)?;
    let mut signatures = Vec::new();
    for part in parts {
        let (name, value) = part?;
        let lower_hex = value.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match name {
            "v1" if lower_hex && value.len() == 64 => signatures.push(hex::decode(value).ok()?),
            "v0" if lower_hex => {}
            _ => return None,
        }
    }
    if signatures.is_empty() || header.split(',').count() > OFFICIAL_PARTS {
        return None;
    }
    let matches = |secret: &&str| signatures.contains(&signature(secret, stamp, body));
    let age_seconds = now.seconds() - seconds;
    Some(match subject.secrets.iter().position(matches) {
        None => Err(Rejection::SignatureMismatch),
        Some(_) if age_seconds > TOLERANCE_SECONDS => {
            Err(Rejection::TooOld { age_seconds, tolerance_seconds: TOLERANCE_SECONDS })
        }
        Some(_) if age_seconds < -TOLERANCE_SECONDS => {
            Err(Rejection::FromTheFuture { ahead_seconds: -age_seconds, tolerance_seconds: TOLERANCE_SECONDS })
        }
        Some(index) => Ok(index),
    })
}

fn flip_a_bit(body: &[u8], choice: usize) -> Vec<u8> {
    let mut changed = body.to_vec();
    match changed.len() {
        0 => changed.push(b' '),
        length => changed[choice % length] ^= 1 << (choice % 8),
    }
    changed
}
