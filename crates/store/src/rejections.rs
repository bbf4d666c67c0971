//! Deliveries that were refused: enough to see why, never the body.

use crate::{
    Page, PageRequest, Store, StoreError,
    counts::{Counter, Counts},
    events::{read_headers, write_headers},
    page::{Paging, TimeKey},
    sql::{Arg, Sql},
};
use patchbay_domain::Timestamp;
use std::{collections::BTreeSet, net::IpAddr};
use uuid::Uuid;

const LIST: u8 = b'j';
/// Anybody can send rubbish, so only so many are kept per connection, the newest.
const KEPT: u32 = 1_000;
/// Of these, of one network.
const KEPT_OF_ONE: u32 = 100;

/// Who may have many addresses: an IPv4 address, or the 64 bits that one site of IPv6 is given.
pub fn network_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// A delivery that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRejection {
    pub connection: String,
    /// One word, to group by.
    pub reason: String,
    /// A sentence.
    pub detail: String,
    pub headers: Vec<(String, String)>,
    /// Where it came from.
    pub remote: Option<String>,
    pub received_at: Timestamp,
}

/// A kept [`NewRejection`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    pub id: Uuid,
    pub connection: String,
    pub reason: String,
    pub detail: String,
    pub headers: Vec<(String, String)>,
    pub remote: Option<String>,
    pub received_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct RejectionRow {
    id: Uuid,
    connection: String,
    reason: String,
    detail: String,
    headers: String,
    remote: Option<String>,
    received_at: i64,
}

impl TryFrom<RejectionRow> for Rejection {
    type Error = StoreError;

    fn try_from(row: RejectionRow) -> Result<Self, StoreError> {
        Ok(Self {
            headers: read_headers(&row.headers)?,
            id: row.id,
            connection: row.connection,
            reason: row.reason,
            detail: row.detail,
            remote: row.remote,
            received_at: Timestamp(row.received_at),
        })
    }
}

impl Store {
    /// Keeps them, counts them, and drops what is beyond the newest 1,000 of a connection, or beyond the newest 100 of one
    /// network among these: a stranger shall not push out what the provider itself sent.
    pub async fn insert_rejections(&self, rejections: Vec<NewRejection>) -> Result<(), StoreError> {
        let mut counts = Counts::default();
        let mut rows = Vec::with_capacity(rejections.len());
        let mut places = BTreeSet::new();
        for NewRejection { connection, reason, detail, headers, remote, received_at } in rejections {
            counts.add(&connection, received_at, Counter::Rejected);
            let network = remote.as_deref().and_then(|remote| remote.parse().ok()).map(network_of).unwrap_or_default();
            rows.push(vec![
                self.new_id().into(),
                Arg::from(&connection),
                reason.into(),
                detail.into(),
                write_headers(&headers)?.into(),
                remote.into(),
                Arg::from(&network),
                received_at.into(),
            ]);
            places.insert((connection, network));
        }
        let mut tx = self.write().await?;
        for chunk in rows.chunks(tx.rows_at_once()) {
            let insert = Sql::new(
                "INSERT INTO rejections (id, connection, reason, detail, headers, remote, network, received_at) ",
            );
            tx.execute(insert.rows(chunk.iter().cloned())).await?;
        }
        for (connection, network) in &places {
            // Index rejections_network.
            let trim = Sql::new("DELETE FROM rejections WHERE connection = ")
                .bind(connection)
                .push(" AND network = ")
                .bind(network)
                .push(" AND (received_at, id) <= (SELECT received_at, id FROM rejections WHERE connection = ")
                .bind(connection)
                .push(" AND network = ")
                .bind(network)
                .push(" ORDER BY received_at DESC, id DESC LIMIT 1 OFFSET ")
                .bind(KEPT_OF_ONE)
                .push(")");
            tx.execute(trim).await?;
        }
        for connection in places.into_iter().map(|(connection, _)| connection).collect::<BTreeSet<_>>() {
            // Index rejections_connection.
            let trim = Sql::new("DELETE FROM rejections WHERE connection = ")
                .bind(&connection)
                .push(" AND (received_at, id) <= (SELECT received_at, id FROM rejections WHERE connection = ")
                .bind(&connection)
                .push(" ORDER BY received_at DESC, id DESC LIMIT 1 OFFSET ")
                .bind(KEPT)
                .push(")");
            tx.execute(trim).await?;
        }
        counts.write(&mut tx).await?;
        tx.commit().await
    }

    /// Counts refused deliveries that are not listed: connection, a moment of the minute, how many.
    pub async fn count_rejections(&self, refused: Vec<(String, Timestamp, i64)>) -> Result<(), StoreError> {
        let mut counts = Counts::default();
        for (connection, at, count) in refused {
            counts.add_many(&connection, at, Counter::Rejected, count);
        }
        let mut tx = self.write().await?;
        counts.write(&mut tx).await?;
        tx.commit().await
    }

    /// Newest first.
    pub async fn list_rejections(
        &self,
        connection: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Rejection>, StoreError> {
        let paging = Paging::read(LIST, page)?;
        // Index rejections_connection or rejections_received.
        let sql =
            Sql::new("SELECT id, connection, reason, detail, headers, remote, received_at FROM rejections WHERE 1 = 1")
                .bind_if(" AND connection = ", connection);
        let sql = paging.order(paging.seek(sql, "received_at, id"), "received_at, id", "received_at DESC, id DESC");
        let rows = self.all::<RejectionRow>(sql).await?;
        paging.page(rows, |row| TimeKey(row.received_at, row.id)).try_map(Rejection::try_from)
    }
}
