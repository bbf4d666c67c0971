//! Keeps what was refused, so that staff see a wrong secret at once. Headers and reason, never the body.
//!
//! Anyone can post rubbish. So of what comes from one network only some a minute is listed and the store keeps only so much
//! of it; everything is counted.

use crate::{
    live::{Bus, LiveMessage},
    supervise,
};
use patchbay_domain::{Timestamp, limited};
use patchbay_store::{NewRejection, Store, network_of};
use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::mpsc;

/// Rejections that wait to be listed.
const WAITING: usize = 256;
/// Listed at once.
const BATCH: usize = 64;
/// Listed of one network within a minute.
const LISTED: u32 = 20;
/// Networks that are told apart within a minute; all others together count as one.
const NETWORKS: usize = 10_000;
/// How often counts of what is not listed are written.
const COUNT_EVERY: Duration = Duration::from_secs(1);
const MINUTE: i64 = 60_000_000;

pub(crate) struct RejectedLog {
    sender: mpsc::Sender<NewRejection>,
    networks: Mutex<Networks>,
    unlisted: Arc<Unlisted>,
}

/// Counted and not listed: by connection and minute.
type Unlisted = Mutex<BTreeMap<(String, i64), i64>>;

impl RejectedLog {
    pub fn spawn(store: Store, bus: Bus) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        let receiver = Arc::new(tokio::sync::Mutex::new(receiver));
        let unlisted = Arc::new(Unlisted::default());
        let is_over = {
            let receiver = receiver.clone();
            move || receiver.try_lock().is_ok_and(|receiver| receiver.is_closed() && receiver.is_empty())
        };
        let write = {
            let unlisted = unlisted.clone();
            move || write(store.clone(), bus.clone(), receiver.clone(), unlisted.clone())
        };
        supervise::spawn("rejections", write, is_over);
        Self { sender, networks: Mutex::default(), unlisted }
    }

    /// `make` is asked only for what is listed.
    pub fn keep(
        &self,
        connection: &str,
        reason: &'static str,
        remote: Option<IpAddr>,
        now: Timestamp,
        make: impl FnOnce() -> NewRejection,
    ) {
        metrics::counter!("patchbay_deliveries_rejected_total", "connection" => connection.to_owned(), "reason" => reason)
            .increment(1);
        let is_listed = self.networks.lock().unwrap_or_else(PoisonError::into_inner).may_list(remote, now)
            && self.sender.try_send(make()).is_ok();
        if !is_listed {
            metrics::counter!("patchbay_rejections_unlisted_total").increment(1);
            let key = (connection.to_owned(), now.0.div_euclid(MINUTE));
            *self.unlisted.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
        }
    }
}

/// How many were listed of each network within this minute.
#[derive(Default)]
struct Networks {
    minute: i64,
    listed: HashMap<Option<String>, u32>,
}

impl Networks {
    fn may_list(&mut self, remote: Option<IpAddr>, now: Timestamp) -> bool {
        let minute = now.0.div_euclid(MINUTE);
        if self.minute != minute {
            *self = Self { minute, listed: HashMap::new() };
        }
        let mut network = remote.map(network_of);
        if self.listed.len() >= NETWORKS && !self.listed.contains_key(&network) {
            network = None;
        }
        let listed = self.listed.entry(network).or_default();
        *listed = listed.saturating_add(1);
        *listed <= LISTED
    }
}

async fn write(
    store: Store,
    bus: Bus,
    receiver: Arc<tokio::sync::Mutex<mpsc::Receiver<NewRejection>>>,
    unlisted: Arc<Unlisted>,
) {
    let mut receiver = receiver.lock().await;
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let is_open = tokio::select! {
            count = receiver.recv_many(&mut batch, BATCH) => count > 0,
            () = tokio::time::sleep(COUNT_EVERY) => true,
        };
        if let Some(newest) = batch.last() {
            let message = LiveMessage::new("rejections", newest.connection.clone(), newest.detail.clone());
            match store.insert_rejections(std::mem::take(&mut batch)).await {
                Ok(()) => bus.publish(message),
                Err(error) => limited!(warn, %error, "rejected deliveries were not listed"),
            }
        }
        let counts = std::mem::take(&mut *unlisted.lock().unwrap_or_else(PoisonError::into_inner));
        if !counts.is_empty() {
            let counts =
                counts.into_iter().map(|((connection, minute), count)| (connection, Timestamp(minute * MINUTE), count));
            if let Err(error) = store.count_rejections(counts.collect()).await {
                limited!(warn, %error, "rejected deliveries are missing from the counts of the overview");
            }
        }
        if !is_open {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(networks: &mut Networks, remote: &str, tries: u32, now: i64) -> u32 {
        let remote = remote.parse().ok();
        (0..tries).map(|_| u32::from(networks.may_list(remote, Timestamp(now)))).sum()
    }

    #[test]
    fn a_flood_from_one_address_leaves_room_for_the_next() {
        let mut networks = Networks::default();
        assert_eq!(listed(&mut networks, "198.51.100.7", 5_000, 0), LISTED);
        assert_eq!(listed(&mut networks, "198.51.100.8", 3, 0), 3);
        assert_eq!(listed(&mut networks, "198.51.100.7", 3, MINUTE), 3, "a minute later");
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_sender() {
        let mut networks = Networks::default();
        let sum: u32 = (0..200).map(|host| listed(&mut networks, &format!("2001:db8::{host:x}"), 1, 0)).sum();
        assert_eq!(sum, LISTED);
    }

    #[test]
    fn more_networks_than_can_be_told_apart_share_what_one_has() {
        let mut networks = Networks::default();
        let address = |number: usize| format!("10.{}.{}.{}", number >> 16, (number >> 8) & 255, number & 255);
        let all: u32 = (0..NETWORKS + 1_000).map(|number| listed(&mut networks, &address(number), 1, 0)).sum();
        assert_eq!(all, u32::try_from(NETWORKS).unwrap() + LISTED);
        assert!(networks.listed.len() <= NETWORKS + 1);
    }
}
