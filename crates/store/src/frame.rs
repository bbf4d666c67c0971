//! Deliveries packed together: what one commit of the inbox writes.
//!
//! One frame is one row without an index on what is in it, so making deliveries durable costs next to nothing. Whoever
//! files them (see `filing.rs`) pays for the indexes, after the provider has its answer.

use crate::{NewEvent, StoreError};
use bytes::Bytes;
use patchbay_domain::{Kind, ObjectKey, Timestamp, event::Envelope};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeMap};
use uuid::Uuid;

/// First byte of every frame.
const VERSION: u8 = 1;

/// Some deliveries of one connection, compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub(crate) connection: String,
    pub(crate) events: i64,
    /// When the last of them came.
    pub(crate) received_at: Timestamp,
    pub(crate) bytes: Vec<u8>,
}

/// A delivery inside a frame. Fields may be added at the end under a new version only: postcard writes no names.
#[derive(Serialize, Deserialize)]
struct Packed<'a> {
    id: [u8; 16],
    #[serde(borrow)]
    connection: Cow<'a, str>,
    #[serde(borrow)]
    external_id: Cow<'a, str>,
    #[serde(borrow)]
    event_type: Cow<'a, str>,
    #[serde(borrow)]
    object: Option<(Cow<'a, str>, Cow<'a, str>)>,
    occurred_at: i64,
    received_at: i64,
    headers: Cow<'a, [(String, String)]>,
    #[serde(borrow)]
    request_id: Cow<'a, str>,
    #[serde(borrow)]
    body: &'a serde_bytes::Bytes,
}

impl Frame {
    /// One for each connection, with its deliveries in their order.
    pub fn pack(events: &[NewEvent]) -> Result<Vec<Self>, StoreError> {
        let mut by_connection: BTreeMap<&str, Vec<Packed<'_>>> = BTreeMap::new();
        for event in events {
            by_connection.entry(&event.connection).or_default().push(packed(event));
        }
        by_connection.into_iter().map(|(connection, packed)| Self::of(connection, &packed)).collect()
    }

    fn of(connection: &str, packed: &[Packed<'_>]) -> Result<Self, StoreError> {
        let plain = postcard::to_allocvec(packed).map_err(|error| StoreError::unreadable("deliveries", error))?;
        let mut bytes = lz4_flex::compress_prepend_size(&plain);
        bytes.insert(0, VERSION);
        let events = i64::try_from(packed.len()).unwrap_or(i64::MAX);
        let received_at = Timestamp(packed.iter().map(|one| one.received_at).max().unwrap_or(0));
        Ok(Self { connection: connection.to_owned(), events, received_at, bytes })
    }

    pub(crate) fn unpack(bytes: &[u8]) -> Result<Vec<NewEvent>, StoreError> {
        let Some((&VERSION, compressed)) = bytes.split_first() else {
            return Err(StoreError::unreadable("frame", "it is of a version that this program does not know"));
        };
        let plain =
            lz4_flex::decompress_size_prepended(compressed).map_err(|error| StoreError::unreadable("frame", error))?;
        let plain = Bytes::from(plain);
        let packed: Vec<Packed<'_>> =
            postcard::from_bytes(&plain).map_err(|error| StoreError::unreadable("frame", error))?;
        Ok(packed.into_iter().map(|one| unpacked(one, &plain)).collect())
    }
}

fn packed(event: &NewEvent) -> Packed<'_> {
    let envelope = &event.envelope;
    Packed {
        id: event.id.into_bytes(),
        connection: Cow::Borrowed(&event.connection),
        external_id: Cow::Borrowed(&envelope.external_id),
        event_type: Cow::Borrowed(&envelope.event_type),
        object: envelope
            .object
            .as_ref()
            .map(|object| (Cow::Borrowed(object.kind.as_str()), Cow::Borrowed(object.id.as_str()))),
        occurred_at: envelope.occurred_at.0,
        received_at: event.received_at.0,
        headers: Cow::Borrowed(&event.headers),
        request_id: Cow::Borrowed(&event.request_id),
        body: serde_bytes::Bytes::new(&event.body),
    }
}

/// Bodies stay where they are in the frame's own memory.
fn unpacked(packed: Packed<'_>, frame: &Bytes) -> NewEvent {
    NewEvent {
        id: Uuid::from_bytes(packed.id),
        connection: packed.connection.into_owned(),
        envelope: Envelope {
            external_id: packed.external_id.into_owned(),
            event_type: packed.event_type.into_owned(),
            object: packed.object.map(|(kind, id)| ObjectKey::new(Kind::from(kind.into_owned()), id.into_owned())),
            occurred_at: Timestamp(packed.occurred_at),
        },
        received_at: Timestamp(packed.received_at),
        headers: packed.headers.into_owned(),
        body: frame.slice_ref(packed.body),
        request_id: packed.request_id.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: u8, object: Option<ObjectKey>) -> NewEvent {
        NewEvent {
            id: Uuid::from_bytes([number; 16]),
            connection: "stripe".to_owned(),
            envelope: Envelope {
                external_id: format!("evt_{number}"),
                event_type: "customer.updated".to_owned(),
                object,
                occurred_at: Timestamp::from_seconds(1_700_000_000),
            },
            received_at: Timestamp(i64::from(number)),
            headers: vec![("stripe-signature".to_owned(), "t=1,v1=é".to_owned())],
            body: Bytes::from(vec![number, 0, 255]),
            request_id: String::new(),
        }
    }

    #[test]
    fn what_is_packed_comes_out_as_it_went_in() {
        let events = [event(1, Some(ObjectKey::new(Kind::new("customer"), "cus_1"))), event(2, None), event(3, None)];
        let frames = Frame::pack(&events).unwrap();
        let unpacked = Frame::unpack(&frames[0].bytes).unwrap();
        assert_eq!(format!("{unpacked:?}"), format!("{events:?}"));
        assert_eq!((frames.len(), frames[0].events), (1, 3));
    }

    #[test]
    fn deliveries_of_different_connections_lie_in_frames_of_their_own() {
        let of_mux = |number| NewEvent { connection: "mux".to_owned(), ..event(number, None) };
        let frames = Frame::pack(&[event(1, None), of_mux(2), event(3, None)]).unwrap();
        let ids = |frame: &Frame| Frame::unpack(&frame.bytes).unwrap().iter().map(|one| one.id).collect::<Vec<_>>();
        let seen: Vec<_> = frames.iter().map(|frame| (frame.connection.as_str(), ids(frame))).collect();
        let id = |number| Uuid::from_bytes([number; 16]);
        assert_eq!(seen, [("mux", vec![id(2)]), ("stripe", vec![id(1), id(3)])]);
    }

    #[test]
    fn a_damaged_frame_is_an_error_and_no_panic() {
        let whole = Frame::pack(&[event(1, None), event(2, None)]).unwrap().remove(0).bytes;
        assert!(Frame::unpack(&[]).is_err());
        assert!(Frame::unpack(&whole[..whole.len() - 1]).is_err());
        let mut of_another_version = whole.clone();
        of_another_version[0] = 9;
        assert!(Frame::unpack(&of_another_version).is_err());
        for place in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[place] ^= 0x55;
            // Either an error or other deliveries; what matters is that it returns.
            Frame::unpack(&flipped).ok();
        }
    }
}
