//! Lists in pages, by keyset: a page costs the same wherever it is, and rows that arrive meanwhile move nothing.

use crate::{StoreError, sql::Sql};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

/// Rows of a page when nobody says otherwise.
const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 500;

/// Which page. Without a cursor: the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// [`Page::next`] of the page before.
    pub after: Option<String>,
    /// [`Page::prev`] of the page behind. Ignored when `after` is given.
    pub before: Option<String>,
    /// Rows at most: 1 to 500.
    pub limit: u32,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { after: None, before: None, limit: DEFAULT_LIMIT }
    }
}

/// A part of a list, newest first. The cursors are opaque and go into URLs as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// For the older rows; `None` at the end.
    pub next: Option<String>,
    /// For the newer rows; `None` at the start.
    pub prev: Option<String>,
}

impl<T> Page<T> {
    pub fn empty() -> Self {
        Self { items: Vec::new(), next: None, prev: None }
    }

    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(convert).collect(), next: self.next, prev: self.prev }
    }

    pub fn try_map<U, E>(self, convert: impl FnMut(T) -> Result<U, E>) -> Result<Page<U>, E> {
        let items = self.items.into_iter().map(convert).collect::<Result<_, E>>()?;
        Ok(Page { items, next: self.next, prev: self.prev })
    }
}

/// What a list is ordered by; unique per row. The tag names the list, so that a cursor fits no other.
pub(crate) trait Key: Clone {
    fn encode(&self, into: &mut Vec<u8>);

    fn decode(bytes: &[u8]) -> Option<Self>;

    /// `(column, …)` compared with this key: appends the bound values.
    fn bind(&self, sql: Sql) -> Sql;
}

/// Most lists: a time in microseconds, then the id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeKey(pub i64, pub Uuid);

impl Key for TimeKey {
    fn encode(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.0.to_be_bytes());
        into.extend_from_slice(self.1.as_bytes());
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (at, id) = bytes.split_first_chunk::<8>()?;
        Some(Self(i64::from_be_bytes(*at), Uuid::from_slice(id).ok()?))
    }

    fn bind(&self, sql: Sql) -> Sql {
        sql.push("(").bind(self.0).push(", ").bind(self.1).push(")")
    }
}

/// Records: when the provider made it, its id there, and our connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecordKey(pub i64, pub String, pub String);

impl Key for RecordKey {
    fn encode(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.0.to_be_bytes());
        into.extend_from_slice(self.1.as_bytes());
        into.push(0);
        into.extend_from_slice(self.2.as_bytes());
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (at, text) = bytes.split_first_chunk::<8>()?;
        let (id, connection) = std::str::from_utf8(text).ok()?.split_once('\0')?;
        // PostgreSQL refuses a NUL within text, and we never write one.
        if connection.contains('\0') {
            return None;
        }
        Some(Self(i64::from_be_bytes(*at), id.to_owned(), connection.to_owned()))
    }

    fn bind(&self, sql: Sql) -> Sql {
        sql.push("(").bind(self.0).push(", ").bind(&self.1).push(", ").bind(&self.2).push(")")
    }
}

/// A page request for one list, with its cursor read.
#[derive(Debug)]
pub(crate) struct Paging<K> {
    list: u8,
    from: Option<K>,
    /// Towards the newer rows, that is in ascending order.
    backwards: bool,
    limit: u32,
}

impl<K: Key> Paging<K> {
    /// `list` is the letter of the list its cursors belong to.
    pub fn read(list: u8, request: &PageRequest) -> Result<Self, StoreError> {
        let (cursor, backwards) = match (&request.after, &request.before) {
            (Some(after), _) => (Some(after), false),
            (None, Some(before)) => (Some(before), true),
            (None, None) => (None, false),
        };
        let from = cursor.map(|text| decode(list, text).ok_or(StoreError::BadCursor)).transpose()?;
        Ok(Self { list, from, backwards, limit: request.limit.clamp(1, MAX_LIMIT) })
    }

    /// The newest rows, up to a limit of the caller's own.
    pub fn newest(limit: u32) -> Self {
        Self { list: 0, from: None, backwards: false, limit }
    }

    pub fn from(&self) -> Option<K> {
        self.from.clone()
    }

    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// The `limit` rows behind `from`, or from where these begin: for reading on within one request.
    pub fn part(&self, from: Option<K>, limit: u32) -> Self {
        Self { list: self.list, from, backwards: self.backwards, limit: limit - 1 }
    }

    /// Appends ` AND (columns) < (values)` where a cursor is given.
    pub fn seek(&self, sql: Sql, columns: &'static str) -> Sql {
        match &self.from {
            None => sql,
            Some(key) => {
                let sql = sql.push(" AND (").push(columns).push(if self.backwards { ") > " } else { ") < " });
                key.bind(sql)
            }
        }
    }

    /// Appends the order and one row more than the page holds, which tells whether there is another page.
    pub fn order(&self, sql: Sql, ascending: &'static str, descending: &'static str) -> Sql {
        sql.push(" ORDER BY ")
            .push(if self.backwards { ascending } else { descending })
            .push(" LIMIT ")
            .bind(self.limit + 1)
    }

    pub fn page<T>(&self, mut items: Vec<T>, key: impl Fn(&T) -> K) -> Page<T> {
        let limit = self.limit as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        if self.backwards {
            items.reverse();
        }
        let cursor = |item: Option<&T>| item.map(|item| encode(self.list, &key(item)));
        // Where we came from there are rows: the one of the cursor itself.
        let (older, newer) = if self.backwards { (true, more) } else { (more, self.from.is_some()) };
        let next = cursor(items.last()).filter(|_| older);
        let prev = cursor(items.first()).filter(|_| newer);
        Page { items, next, prev }
    }
}

fn encode(list: u8, key: &impl Key) -> String {
    let mut bytes = vec![list];
    key.encode(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode<K: Key>(list: u8, text: &str) -> Option<K> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    match bytes.split_first() {
        Some((tag, key)) if *tag == list => K::decode(key),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_in_its_own_list_only() {
        let key = RecordKey(-5, "cus_ä".to_owned(), "stripe".to_owned());
        let text = encode(b'r', &key);
        assert_eq!(decode::<RecordKey>(b'r', &text), Some(key));
        assert_eq!(decode::<RecordKey>(b'x', &text), None);
        assert_eq!(decode::<TimeKey>(b'r', &text), None);
        assert_eq!(decode::<TimeKey>(b'r', "%%%"), None);
    }

    #[test]
    fn a_cursor_keeps_its_form_between_releases() {
        let key = TimeKey(1_000, Uuid::from_u128(7));
        assert_eq!(encode(b'e', &key), "ZQAAAAAAAAPoAAAAAAAAAAAAAAAAAAAABw");
    }
}
