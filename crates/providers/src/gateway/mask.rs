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
