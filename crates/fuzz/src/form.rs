//! The stand-in Stripe's forms: what was read can be written, and read again as the same.

use patchbay_sandbox::form_pairs;

/// The input is a form body.
pub fn sandbox_form(data: &[u8]) {
    let Some(pairs) = form_pairs(data) else { return };
    assert!(pairs.len() <= url::form_urlencoded::parse(data).count(), "a form holds more than was written");
    let written: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
    assert_eq!(form_pairs(written.as_bytes()), Some(pairs), "{written}");
    assert_flat_form(data);
}

/// Without brackets a form is an ordinary one, in which the last value of a name counts.
fn assert_flat_form(data: &[u8]) {
    let plain: Vec<_> = url::form_urlencoded::parse(data).collect();
    if plain.iter().any(|(name, _)| name.is_empty() || name.contains('[')) {
        return;
    }
    let mut expected = std::collections::BTreeMap::new();
    expected.extend(plain.iter().map(|(name, value)| (name.to_string(), value.to_string())));
    assert_eq!(form_pairs(data), Some(expected.into_iter().collect()));
}
