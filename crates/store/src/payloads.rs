//! Bodies as they lie in the database: compressed against the outline of their type.
//!
//! Payloads of one type differ in their values and share everything else, so an outline (the first body of the type
//! without its values) is a dictionary that shortens all that follow. It holds no personal data, and outlives the
//! events that retention drops.

use crate::{Store, StoreError, WriteTx, events::NewEvent, sql::Sql};
use bytes::Bytes;
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Types that one statement reads or writes.
const AT_ONCE: usize = 64;

/// Bytes. LZ4 looks no further back than 64 KiB, and a longer outline gains little.
const LONGEST_OUTLINE: usize = 16 * 1024;

/// Connection and event type.
pub(crate) type TypeKey = (String, String);

/// By type. A type without one has its payloads compressed all the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outlines(HashMap<TypeKey, Arc<[u8]>>);

impl Outlines {
    pub fn pack(&self, event: &NewEvent) -> Packed {
        pack(&event.body, self.of(&type_of(event)))
    }

    pub fn unpack(&self, key: &TypeKey, encoding: i64, bytes: Vec<u8>) -> Result<Bytes, StoreError> {
        unpack(encoding, bytes, self.of(key)).map(Bytes::from)
    }

    fn of(&self, key: &TypeKey) -> &[u8] {
        self.0.get(key).map_or(&[], |outline| outline)
    }
}

fn type_of(event: &NewEvent) -> TypeKey {
    (event.connection.clone(), event.envelope.event_type.clone())
}

/// Outlines that are committed, and therefore never change.
#[derive(Debug, Default)]
pub(crate) struct KnownOutlines(Mutex<Outlines>);

impl KnownOutlines {
    fn lock(&self) -> MutexGuard<'_, Outlines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that are known of `types`, and the types that are not.
    fn split(&self, types: BTreeSet<TypeKey>) -> (Outlines, Vec<TypeKey>) {
        let all = self.lock();
        let mut known = Outlines::default();
        let mut unknown = Vec::new();
        for key in types {
            match all.0.get(&key) {
                Some(outline) => drop(known.0.insert(key, outline.clone())),
                None => unknown.push(key),
            }
        }
        (known, unknown)
    }

    pub fn forget(&self) {
        self.lock().0.clear();
    }

    pub fn learn(&self, outlines: Outlines) {
        self.lock().0.extend(outlines.0);
    }
}

/// A body as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// The column `encoding`.
    pub encoding: i64,
    pub bytes: Vec<u8>,
}

const PLAIN: i64 = 0;
const COMPRESSED: i64 = 1;

/// Compresses a body, unless that makes it no shorter.
pub fn pack(body: &[u8], outline: &[u8]) -> Packed {
    let bytes = lz4_flex::block::compress_prepend_size_with_dict(body, outline);
    if bytes.len() < body.len() {
        Packed { encoding: COMPRESSED, bytes }
    } else {
        Packed { encoding: PLAIN, bytes: body.to_vec() }
    }
}

pub(crate) fn unpack(encoding: i64, bytes: Vec<u8>, outline: &[u8]) -> Result<Vec<u8>, StoreError> {
    match encoding {
        PLAIN => Ok(bytes),
        COMPRESSED => {
            let (length, _) =
                lz4_flex::block::uncompressed_size(&bytes).map_err(|error| StoreError::unreadable("payload", error))?;
            let body = lz4_flex::block::decompress_size_prepended_with_dict(&bytes, outline)
                .map_err(|error| StoreError::unreadable("payload", error))?;
            if body.len() == length { Ok(body) } else { Err(StoreError::unreadable("payload", "it is cut off")) }
        }
        other => Err(StoreError::unreadable("payload", format!("its encoding {other} is of a later version"))),
    }
}

/// A JSON text without its values: keys, punctuation and white space stay. Anything else than JSON comes out as
/// something as harmless.
pub fn outline(body: &[u8]) -> Vec<u8> {
    let mut outline = Vec::new();
    let mut at = 0;
    while let Some(byte) = body.get(at)
        && outline.len() < LONGEST_OUTLINE
    {
        if *byte == b'"' {
            let end = end_of_string(body, at);
            let is_key = body.get(end..).unwrap_or_default().iter().find(|byte| !byte.is_ascii_whitespace());
            let kept = if is_key == Some(&b':') { body.get(at..end) } else { None };
            outline.extend_from_slice(kept.unwrap_or(b"\"\""));
            at = end;
        } else {
            if byte.is_ascii_whitespace() || b"{}[]:,".contains(byte) {
                outline.push(*byte);
            }
            at += 1;
        }
    }
    outline.truncate(LONGEST_OUTLINE);
    outline
}

/// The place behind the closing quote of the string that begins at `start`.
fn end_of_string(body: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = body.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    body.len()
}

impl Store {
    /// The outlines of some types, as far as there are any.
    pub(crate) async fn outlines(&self, types: BTreeSet<TypeKey>) -> Result<Outlines, StoreError> {
        let (mut known, unknown) = self.known_outlines().split(types);
        let mut read = Outlines::default();
        for chunk in unknown.chunks(AT_ONCE) {
            add(&mut read, self.all(read_outlines(chunk)).await?);
        }
        self.known_outlines().learn(read.clone());
        known.0.extend(read.0);
        Ok(known)
    }
}

impl WriteTx {
    /// The outlines of these events' types. Types seen for the first time get theirs, which everybody else knows once
    /// this transaction is committed.
    pub(crate) async fn outlines_for(&mut self, events: &[&NewEvent]) -> Result<Outlines, StoreError> {
        let mut first: HashMap<TypeKey, &NewEvent> = HashMap::new();
        for event in events {
            first.entry(type_of(event)).or_insert(event);
        }
        let (mut known, unknown) = self.store.known_outlines().split(first.keys().cloned().collect());
        for chunk in unknown.chunks(AT_ONCE) {
            let rows =
                chunk.iter().filter_map(|key| Some((key, first.get(key)?))).map(|((connection, event_type), event)| {
                    vec![connection.into(), event_type.into(), outline(&event.body).into()]
                });
            let sql = Sql::new("INSERT INTO event_types (connection, event_type, outline) ").rows(rows).push(
                " ON CONFLICT (connection, event_type) DO UPDATE SET outline = excluded.outline \
                 WHERE event_types.outline IS NULL",
            );
            self.tx.execute(sql).await?;
            add(&mut self.outlines, self.tx.all(read_outlines(chunk)).await?);
        }
        known.0.extend(self.outlines.0.clone());
        Ok(known)
    }
}

type OutlineRow = (String, String, Vec<u8>);

fn read_outlines(types: &[TypeKey]) -> Sql {
    Sql::new(
        "SELECT connection, event_type, outline FROM event_types WHERE outline IS NOT NULL \
         AND (connection, event_type) IN (",
    )
    .rows(types.iter().map(|(connection, event_type)| vec![connection.into(), event_type.into()]))
    .push(")")
}

fn add(outlines: &mut Outlines, rows: Vec<OutlineRow>) {
    let entries = rows.into_iter().map(|(connection, event_type, outline)| ((connection, event_type), outline.into()));
    outlines.0.extend(entries);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outline_holds_no_value_of_the_body() {
        let body = br#"{"id": "evt_1", "n": -1.5e3, "a \"quoted\" key": [true, null, "x\\"], "data": {"name" : "Ada \"A\" Lovelace"}}"#;
        let outline = String::from_utf8(outline(body)).unwrap();
        assert_eq!(outline, r#"{"id": "", "n": , "a \"quoted\" key": [, , ""], "data": {"name" : ""}}"#);
    }

    #[test]
    fn what_is_packed_comes_out_byte_by_byte() {
        let first = br#"{"id":"cus_1","object":"customer","email":"a@example.com","metadata":{}}"#;
        let next = br#"{"id":"cus_2","object":"customer","email":"b@example.com","metadata":{"x":"y"}}"#;
        for (body, against) in
            [(&next[..], outline(first)), (next, Vec::new()), (b"", outline(first)), (b"\x00\xff", outline(b"\"open"))]
        {
            let packed = pack(body, &against);
            assert!(packed.bytes.len() <= body.len());
            assert_eq!(unpack(packed.encoding, packed.bytes, &against).unwrap(), body);
        }
        let (alone, with_outline) = (pack(next, b""), pack(next, &outline(first)));
        assert!(with_outline.bytes.len() < alone.bytes.len());
    }

    #[test]
    fn a_payload_of_a_later_version_is_an_error() {
        assert!(unpack(2, vec![1], b"").is_err());
        assert!(unpack(COMPRESSED, vec![9, 0, 0, 0, 1], b"").is_err());
    }
}
