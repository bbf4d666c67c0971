//! What the value of a setting may look like. A placeholder, quotes that an env file left around a value or a key of another
//! kind is refused at the start and by name, not by the provider at the first call. No message holds a value.

use crate::registry::ConfigError;
use url::Url;

/// What people copy from an example without replacing it.
const PLACEHOLDERS: [&str; 9] = ["...", "…", "<", ">", "your_", "your-", "changeme", "change_me", "replace_me"];

/// Prefixes that tell what somebody has pasted. The longest that fits comes first.
const KINDS: [(&str, &str); 11] = [
    ("whsec_", "a webhook signing secret (whsec_…)"),
    ("sk_", "a secret key (sk_…)"),
    ("rk_", "a restricted key (rk_…)"),
    ("pk_", "a publishable key (pk_…)"),
    ("ek_", "an ephemeral key (ek_…)"),
    ("acct_", "the id of an account (acct_…)"),
    ("we_", "the id of a webhook endpoint (we_…)"),
    ("org_", "the id of an organization (org_…)"),
    ("user_", "the id of a user (user_…)"),
    ("https://", "an address"),
    ("http://", "an address"),
];

pub(crate) fn invalid(variable: &'static str, problem: impl Into<String>) -> ConfigError {
    ConfigError::Invalid { variable, problem: problem.into() }
}

/// What the value looks like, where it is of a kind that is known.
pub(crate) fn kind_of(value: &str) -> Option<&'static str> {
    KINDS.iter().find(|(prefix, _)| value.starts_with(prefix)).map(|(_, kind)| *kind)
}

/// What no key, secret or id is: in quotes, a placeholder, or with white space or control characters inside.
pub(crate) fn check_token(variable: &'static str, value: &str) -> Result<(), ConfigError> {
    if is_quoted(value) {
        return Err(invalid(variable, "has quotes around it; remove them"));
    }
    if is_placeholder(value) {
        return Err(invalid(variable, "is still a placeholder; replace it by the real value"));
    }
    if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(invalid(variable, "has white space or characters in it that no key has"));
    }
    Ok(())
}

/// A key of `prefixes`, such as `sk_` or `rk_`; answers whether it is for live mode.
pub(crate) fn check_key(variable: &'static str, value: &str, prefixes: &[&str]) -> Result<bool, ConfigError> {
    check_token(variable, value)?;
    let rest = prefixes.iter().find_map(|prefix| value.strip_prefix(prefix));
    let mode = rest.and_then(|rest| {
        rest.strip_prefix("live_").map(|rest| (true, rest)).or(rest.strip_prefix("test_").map(|rest| (false, rest)))
    });
    let wanted: Vec<String> =
        prefixes.iter().flat_map(|prefix| [format!("{prefix}test_"), format!("{prefix}live_")]).collect();
    let wanted = wanted.join(", ");
    match (mode, kind_of(value)) {
        (Some((_, "")), _) => Err(invalid(variable, "is cut off: nothing follows its prefix")),
        (Some((live, rest)), _) if rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-=".contains(&byte)) => {
            Ok(live)
        }
        (Some(_), _) => Err(invalid(variable, "has characters in it that no key has")),
        (None, Some(kind)) if rest.is_none() => {
            Err(invalid(variable, format!("is {kind}; it must start with {wanted}")))
        }
        (None, _) => Err(invalid(variable, format!("must start with {wanted}"))),
    }
}

/// Several secrets while one is replaced: with commas, semicolons, white space or new lines between them. None when it is
/// not set.
pub(crate) fn secrets(variable: &'static str, list: Option<&str>, prefix: &str) -> Result<Vec<String>, ConfigError> {
    let Some(list) = list else { return Ok(Vec::new()) };
    if is_quoted(list) {
        return Err(invalid(variable, "has quotes around it; remove them"));
    }
    let parts = list.split(|c: char| c == ',' || c == ';' || c.is_whitespace()).filter(|part| !part.is_empty());
    let mut secrets: Vec<String> = Vec::new();
    for part in parts {
        check_token(variable, part)?;
        let rest = part.strip_prefix(prefix).ok_or_else(|| match kind_of(part) {
            Some(kind) => invalid(variable, format!("holds {kind}; everything in the list must start with {prefix}")),
            None => invalid(variable, format!("everything in the list must start with {prefix}")),
        })?;
        if let (true, Some(kind)) = (prefix.is_empty(), kind_of(part)) {
            return Err(invalid(variable, format!("holds {kind}, which is of another provider")));
        }
        if rest.is_empty() {
            return Err(invalid(variable, "is cut off: nothing follows its prefix"));
        }
        if !rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-+/=.".contains(&byte)) {
            return Err(invalid(variable, "has characters in it that no secret has; put commas between several"));
        }
        if rest.contains("whsec_") {
            return Err(invalid(variable, "holds several secrets with nothing between them; put commas there"));
        }
        if !secrets.iter().any(|known| known == part) {
            secrets.push(part.to_owned());
        }
    }
    if secrets.is_empty() {
        return Err(invalid(variable, "holds no secret, only separators"));
    }
    Ok(secrets)
}

/// An `http` or `https` address that paths can be appended to.
pub(crate) fn address(variable: &'static str, text: &str) -> Result<Url, ConfigError> {
    if is_quoted(text) {
        return Err(invalid(variable, "has quotes around it; remove them"));
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(invalid(variable, "has white space in it"));
    }
    let url = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| invalid(variable, "is not an http or https address, such as https://api.example.com"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid(variable, "has a name or a password in it, which do not belong there"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid(variable, "has a ? or # in it; paths are appended to it"));
    }
    Ok(url)
}

/// A pair of quotes around it, or the one of a pair that was cut in half.
pub(crate) fn is_quoted(value: &str) -> bool {
    ['"', '\'', '`', '“', '”', '‘', '’'].iter().any(|quote| value.starts_with(*quote) || value.ends_with(*quote))
}

fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let last = lower.rsplit('_').next().unwrap_or_default();
    PLACEHOLDERS.iter().any(|part| lower.contains(part))
        || (last.len() > 2 && last.bytes().all(|byte| b"x*".contains(&byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "WEBHOOK_SECRET";

    fn problem<T: std::fmt::Debug>(result: Result<T, ConfigError>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn secrets_are_listed_with_any_separator_that_people_use() {
        for list in [
            "whsec_a,whsec_b",
            " whsec_a , whsec_b ",
            "whsec_a;whsec_b",
            "whsec_a\nwhsec_b\r\n",
            "whsec_a whsec_b,whsec_a",
        ] {
            assert_eq!(secrets(SECRET, Some(list), "whsec_").unwrap(), ["whsec_a", "whsec_b"], "{list:?}");
        }
        assert!(secrets(SECRET, None, "whsec_").unwrap().is_empty());
    }

    #[test]
    fn what_cannot_be_a_secret_is_refused_with_the_name_and_without_the_value() {
        for (list, why) in [
            ("whsec_...", "placeholder"),
            ("whsec_good,whsec_…", "placeholder"),
            ("whsec_xxxxxxxx", "placeholder"),
            ("<your secret>", "placeholder"),
            ("whsec_", "cut off"),
            ("\"whsec_hidden\"", "quotes"),
            ("whsec_good,'whsec_hidden'", "quotes"),
            ("we_hidden", "webhook endpoint"),
            ("sk_test_hidden", "secret key"),
            ("hidden", "must start with whsec_"),
            ("whsec_hiddenwhsec_hidden", "nothing between"),
            ("whsec_hidden|whsec_hidden", "commas"),
            (" ,; ", "only separators"),
        ] {
            let problem = problem(secrets(SECRET, Some(list), "whsec_"));
            assert!(problem.starts_with(SECRET) && problem.contains(why), "{list}: {problem}");
            assert!(!problem.contains("hidden"), "{problem}");
        }
    }

    #[test]
    fn a_key_of_another_kind_is_named_as_what_it_is() {
        assert_eq!(check_key("KEY", "rk_live_1", &["sk_", "rk_"]), Ok(true));
        assert_eq!(check_key("KEY", "sk_test_1", &["sk_", "rk_"]), Ok(false));
        for (value, why) in [
            ("pk_test_hidden", "a publishable key"),
            ("whsec_hidden", "a webhook signing secret"),
            ("acct_hidden", "id of an account"),
            ("sk_hidden", "must start with sk_test_, sk_live_"),
            ("sk_test_", "cut off"),
            ("sk_test_...", "placeholder"),
            ("'sk_test_hidden'", "quotes"),
            ("sk_test_hid den", "white space"),
            ("sk_test_hidden;", "characters"),
        ] {
            let problem = problem(check_key("KEY", value, &["sk_", "rk_"]));
            assert!(problem.starts_with("KEY: ") && problem.contains(why), "{value}: {problem}");
            assert!(!problem.contains("hidden"), "{problem}");
        }
    }

    #[test]
    fn an_address_that_no_path_can_be_appended_to_is_refused() {
        assert_eq!(address("BASE", "http://127.0.0.1:1/sandbox").unwrap().port(), Some(1));
        for text in [
            "api.example.com",
            "ftp://api.example.com",
            "https://",
            "https://name:hidden@api.example.com",
            "https://api.example.com/?key=hidden",
            "https://api.example.com/#hidden",
            "https://api.example.com\nhttps://hidden",
            "\"https://hidden\"",
        ] {
            let problem = problem(address("BASE", text));
            assert!(problem.starts_with("BASE: ") && !problem.contains("hidden"), "{text}: {problem}");
        }
    }
}
