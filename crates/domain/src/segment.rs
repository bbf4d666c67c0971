//! Ids of providers in addresses.
//!
//! They are opaque: `auth0|5f…`, `arn:aws:…`, `proj/17`, `..`. Percent-encoding is no answer for a part of a path: proxies
//! write `%2F` anew and browsers fold `%2e%2e`. What is made of letters that no program touches stays as it is, so that
//! people can read and type it; everything else is base64url behind a mark.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// No id that stays as it is begins with it.
const MARK: char = '~';

/// The part of an address that names `id`.
pub fn write(id: &str) -> String {
    if stays(id) { id.to_owned() } else { format!("{MARK}{}", URL_SAFE_NO_PAD.encode(id)) }
}

/// What a part of an address names. There is one way to write an id, so that a record has one address.
pub fn read(part: &str) -> Option<String> {
    let id = match part.strip_prefix(MARK) {
        Some(encoded) => String::from_utf8(URL_SAFE_NO_PAD.decode(encoded).ok()?).ok()?,
        None => part.to_owned(),
    };
    (write(&id) == part).then_some(id)
}

fn stays(id: &str) -> bool {
    !id.is_empty()
        && !id.starts_with('.')
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: [&str; 14] = [
        "",
        ".",
        "..",
        "../../admin",
        "a/b",
        "a%2Fb",
        "a?b#c",
        "a b",
        "auth0|5f7c8ec7c33c6c004bbafe82",
        "arn:aws:s3:::bucket/key",
        "günther",
        "\u{202e}gpj",
        "~c3ViXzE",
        "line\nbreak\0",
    ];

    #[test]
    fn ids_that_people_read_stay_as_they_are() {
        for id in ["sub_1NabcDEF", "a9d8-4f", "in_1.2", "stripe@acct_1"] {
            assert_eq!(write(id), id);
            assert_eq!(read(id).as_deref(), Some(id));
        }
    }

    #[test]
    fn every_id_comes_back_and_nothing_in_an_address_touches_it() {
        for id in HOSTILE {
            let part = write(id);
            assert_eq!(read(&part).as_deref(), Some(id), "{id:?} as {part}");
            assert!(part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_~".contains(&byte)), "{part}");
        }
    }

    #[test]
    fn an_id_has_one_address() {
        for part in ["~c3ViXzE", "~", ".", "..", "a%2Fb", "~c3ViXzE=", "~/w==", "~_w"] {
            let id = read(part);
            assert!(id.is_none_or(|id| write(&id) == part), "{part}");
        }
        assert_eq!(read("~c3ViXzE"), None, "sub_1 is written as it is");
    }
}
