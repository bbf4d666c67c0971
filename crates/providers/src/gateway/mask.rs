//! Keeps personal data out of the call log.

/// Parameters with one of these words in their name carry what a person is or wrote.
const PERSONAL: [&str; 10] =
    ["email", "name", "phone", "address", "query", "search", "comment", "description", "token", "secret"];
const MASK: &str = "***";

/// Path and query with personal data masked: `/v1/customers?email=***&limit=10`.
///
/// Ids of the provider stay readable; a path segment with an `@` in it is an address and does not.
pub fn mask_path(path_and_query: &str) -> String {
    let (path, query) =
        path_and_query.split_once('?').map_or((path_and_query, None), |(path, query)| (path, Some(query)));
    let path = join(
        path.split('/').map(|segment| if is_address(segment) { MASK.to_owned() } else { segment.to_owned() }),
        "/",
    );
    let Some(query) = query else { return path };
    format!("{path}?{}", join(query.split('&').map(mask_parameter), "&"))
}

/// What secrets begin with; what follows is their own.
const SECRETS: [&str; 5] = ["sk_", "rk_", "pk_", "ek_", "whsec_"];

/// A provider's sentence without addresses of people and without keys, of which providers like to repeat parts.
pub fn mask_text(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_-.+@*%".contains(c);
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let end = rest[start..].find(|c| !is_part(c)).map_or(rest.len(), |length| start + length);
        let (word, prefix) = (&rest[start..end], SECRETS.iter().find(|prefix| rest[start..].starts_with(*prefix)));
        masked.push_str(&rest[..start]);
        match prefix {
            Some(prefix) => masked.extend([prefix, MASK]),
            None if is_address(word) => masked.push_str(MASK),
            None => masked.push_str(word),
        }
        rest = &rest[end..];
    }
    masked + rest
}

fn mask_parameter(parameter: &str) -> String {
    let Some((name, value)) = parameter.split_once('=') else { return parameter.to_owned() };
    let lower = name.to_ascii_lowercase();
    let personal = PERSONAL.iter().any(|word| lower.contains(word)) || is_address(value);
    format!("{name}={}", if personal { MASK } else { value })
}

fn is_address(text: &str) -> bool {
    text.contains('@') || text.contains("%40")
}

fn join(parts: impl Iterator<Item = String>, separator: &str) -> String {
    parts.collect::<Vec<_>>().join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_providers_sentence_loses_keys_and_addresses_and_keeps_what_helps() {
        let cases = [
            (
                "The provided key 'rk_live_...tdxQ' does not have the required permissions for this endpoint on account \
                 'acct_1'. Having the 'rak_customer_read' permission would allow this request to continue.",
                "The provided key 'rk_***' does not have the required permissions for this endpoint on account \
                 'acct_1'. Having the 'rak_customer_read' permission would allow this request to continue.",
            ),
            ("rk_test_********gbeftZ, sk_live_1: ", "rk_***, sk_***: "),
            ("Ask ada+work@b.example. Or <ben%40b.example>!", "Ask *** Or <***>!"),
            (
                "https://dashboard.example/b/acct_1?to=%2Fkeys%2Fmk_1%2Fedit",
                "https://dashboard.example/b/acct_1?to=%2Fkeys%2Fmk_1%2Fedit",
            ),
            ("שלום", "שלום"),
            ("", ""),
        ];
        for (text, masked) in cases {
            assert_eq!(mask_text(text), masked);
        }
    }

    #[test]
    fn personal_values_are_masked_and_ids_are_kept() {
        let cases = [
            ("/v1/customers/cus_1", "/v1/customers/cus_1"),
            ("/v1/customers?email=a%40b.example&limit=10", "/v1/customers?email=***&limit=10"),
            (
                "/v1/customers?starting_after=cus_9&billing_details[name]=Ada",
                "/v1/customers?starting_after=cus_9&billing_details[name]=***",
            ),
            ("/v1/customers/search?query=phone:'1'", "/v1/customers/search?query=***"),
            ("/users/ada@b.example/x?flag", "/users/***/x?flag"),
            ("/things?id=ada@b.example", "/things?id=***"),
        ];
        for (path, masked) in cases {
            assert_eq!(mask_path(path), masked);
        }
    }
}
