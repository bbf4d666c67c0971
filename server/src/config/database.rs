//! `DATABASE_URL`: checked for what it is before anything is opened. The address may hold a password, so no message shows it.

use url::Url;

const SHAPES: &str = "write it like postgres://name:password@host:5432/database or sqlite://data/patchbay.db";

/// The address in the one form that the rest reads.
pub(super) fn read(text: &str) -> Result<String, String> {
    if text.chars().any(char::is_control) {
        return Err("has a line break or another control character in it".to_owned());
    }
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("sqlite:") {
        return sqlite(&text["sqlite:".len()..]);
    }
    if lower.starts_with("postgres://") || lower.starts_with("postgresql://") {
        return postgres(text);
    }
    // What stands before `://` is no secret; without it, everything might be one.
    let other = text
        .split_once("://")
        .map(|(scheme, _)| scheme)
        .filter(|scheme| scheme.len() <= 20 && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+'));
    let what = other.map_or("is no address of a database".to_owned(), |scheme| format!("is an address of {scheme}"));
    Err(format!("{what}; {SHAPES}"))
}

fn sqlite(rest: &str) -> Result<String, String> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    let (path, options) = path.split_once('?').map_or((path, None), |(path, options)| (path, Some(options)));
    if path.contains(":memory:") {
        return Err("names a database in memory, which would lose what was acknowledged; name a file".to_owned());
    }
    if path.is_empty() || path.ends_with('/') {
        return Err("names no file; write it like sqlite://data/patchbay.db".to_owned());
    }
    match options {
        None | Some("" | "mode=rwc" | "mode=rw") => Ok(format!("sqlite://{path}")),
        Some(_) => Err("has options behind a ?, which are not for SQLite; leave them out".to_owned()),
    }
}

fn postgres(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|error| {
        format!(
            "cannot be read: {error}. In a password, write / ? # @ : and % as %2F %3F %23 %40 %3A and %25; {SHAPES}"
        )
    })?;
    let elsewhere = url.query_pairs().any(|(name, _)| name == "host" || name == "hostaddr");
    if url.host_str().is_none_or(str::is_empty) && !elsewhere {
        return Err(format!("names no host; {SHAPES}"));
    }
    if url.fragment().is_some() {
        return Err(format!("has a # in it, which ends an address. In a password, write it as %23; {SHAPES}"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_both_engines_are_read() {
        for (text, read_as) in [
            ("sqlite://data/patchbay.db", "sqlite://data/patchbay.db"),
            ("sqlite:///var/lib/patchbay.db?mode=rwc", "sqlite:///var/lib/patchbay.db"),
            ("sqlite:patchbay.db", "sqlite://patchbay.db"),
            ("postgres://a:b@db:5432/c?sslmode=require", "postgres://a:b@db:5432/c?sslmode=require"),
            ("postgresql://db/c", "postgresql://db/c"),
            ("postgres:///c?host=/run/postgresql", "postgres:///c?host=/run/postgresql"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(read_as), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_of_a_database_is_refused_without_its_password() {
        for text in [
            "hidden",
            "postgres//name:hidden@db/c",
            "postgres:/name:hidden@db/c",
            "mysql://name:hidden@db/c",
            "https://hidden",
            "data/hidden.db",
            "sqlite://",
            "sqlite::memory:",
            "sqlite://hidden.db?mode=memory",
            "sqlite://hidden/",
            "postgres://",
            "postgres://name:hidden#1@db/c",
            "postgres://name:hid/den@db/c",
            "postgres://db/c\nhidden",
        ] {
            let problem = read(text).unwrap_err();
            assert!(!problem.contains("hidden") && problem.len() > 20, "{text}: {problem}");
        }
    }
}
