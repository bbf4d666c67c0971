//! All open connections: how many there may be, and the sweep that closes those which are overdue.

use super::connection::{Connection, Lane, Ticker};
#[cfg(test)]
use super::fault::Faults;
use crate::config::{ConnectionLimits, limits::TrustedProxies};
use slab::Slab;
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

/// Time limits are exact to this.
const SWEEP: Duration = Duration::from_millis(250);
/// Connections above the maximum, for a moment: to say why not, and for an orchestrator's probes.
const SPARE: usize = 64;
const SAY_SO: Duration = Duration::from_mins(1);

/// Why a connection is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    Total,
    Address,
    /// Deliveries must leave connections for pages, and pages for deliveries.
    Lane,
}

impl Refused {
    pub fn count(self) {
        let reason = match self {
            Self::Total => "total",
            Self::Address => "address",
            Self::Lane => "lane",
        };
        metrics::counter!("patchbay_connections_refused_total", "reason" => reason).increment(1);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    Regular,
    /// Only a probe is answered, everybody else is told to come later.
    Spare,
}

pub struct Registry {
    pub limits: ConnectionLimits,
    /// Behind one address of these are many clients.
    proxies: TrustedProxies,
    ticker: Arc<Ticker>,
    /// When the ticker began, which a sweep that is started again goes on with.
    began: Instant,
    table: Mutex<Table>,
    /// Refused since the last word about it.
    refused: AtomicUsize,
    emptied: Notify,
    #[cfg(test)]
    pub faults: Faults,
}

#[derive(Default)]
struct Table {
    connections: Slab<Arc<Connection>>,
    of_address: HashMap<IpAddr, usize>,
    lanes: [usize; 3],
}

impl Registry {
    pub fn new(limits: ConnectionLimits, proxies: TrustedProxies) -> Self {
        Self {
            limits,
            proxies,
            ticker: Arc::default(),
            began: Instant::now(),
            table: Mutex::default(),
            refused: AtomicUsize::new(0),
            emptied: Notify::new(),
            #[cfg(test)]
            faults: Faults::default(),
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Entry, Refused> {
        #[cfg(test)]
        self.faults.admit.meet();
        let network = network_of(address);
        let is_exempt = self.proxies.contains(address);
        let mut table = self.table();
        let open = table.connections.len();
        if open >= self.limits.connections + SPARE {
            self.refused.fetch_add(1, Relaxed);
            return Err(Refused::Total);
        }
        if !is_exempt {
            let of_address = table.of_address.entry(network).or_default();
            if *of_address >= self.limits.per_address {
                return Err(Refused::Address);
            }
            *of_address += 1;
        }
        let admission = if open < self.limits.connections { Admission::Regular } else { Admission::Spare };
        if admission == Admission::Spare {
            self.refused.fetch_add(1, Relaxed);
        }
        let connection = Arc::new(Connection::new(self.ticker.clone(), admission == Admission::Spare));
        let key = table.connections.insert(connection.clone());
        drop(table);
        Ok(Entry {
            registry: self.clone(),
            connection,
            key,
            network: (!is_exempt).then_some(network),
            admission,
            lane: None,
        })
    }

    /// Keeps the time, and closes what is overdue.
    pub async fn sweep(self: Arc<Self>) {
        let mut said = Instant::now();
        let mut interval = tokio::time::interval(SWEEP);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            let now = interval.tick().await;
            self.ticker.set(u64::try_from(now.duration_since(self.began).as_millis()).unwrap_or(u64::MAX));
            self.close_overdue();
            if now.duration_since(said) > SAY_SO {
                said = now;
                let refused = self.refused.swap(0, Relaxed);
                if refused > 0 {
                    let most = self.limits.connections;
                    tracing::warn!(
                        refused,
                        most,
                        "connections were refused in the last minute because all were taken; [connections] bounds them"
                    );
                }
            }
        }
    }

    fn close_overdue(&self) {
        #[cfg(test)]
        self.faults.sweep.meet();
        let table = self.table();
        let crowded = table.connections.len() > self.limits.connections / 4 * 3;
        for (_, connection) in &table.connections {
            if let Some(overdue) = connection.overdue(&self.limits, crowded)
                && connection.end(overdue)
            {
                metrics::counter!("patchbay_connections_closed_total", "reason" => overdue.reason()).increment(1);
            }
        }
        for (lane, open) in Lane::ALL.into_iter().zip(table.lanes) {
            metrics::gauge!("patchbay_open_connections", "lane" => lane.name())
                .set(f64::from(u32::try_from(open).unwrap_or(u32::MAX)));
        }
    }

    pub fn finish_all(&self) {
        self.table().connections.iter().for_each(|(_, connection)| connection.finish());
    }

    pub fn close_all(&self) {
        self.table().connections.iter().for_each(|(_, connection)| connection.close());
    }

    /// When no connection is left. Nobody may be let in any more.
    pub async fn emptied(&self) {
        while !self.table().connections.is_empty() {
            self.emptied.notified().await;
        }
    }
}

/// A connection's place; given back when it is dropped.
pub struct Entry {
    registry: Arc<Registry>,
    connection: Arc<Connection>,
    key: usize,
    /// `None` for those that are not counted by address.
    network: Option<IpAddr>,
    admission: Admission,
    lane: Option<Lane>,
}

impl Entry {
    pub fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    pub fn limits(&self) -> &ConnectionLimits {
        &self.registry.limits
    }

    pub fn admission(&self) -> Admission {
        self.admission
    }

    /// No lane may take all connections: a flood of deliveries leaves a quarter to pages.
    pub fn enter(&mut self, lane: Lane) -> Result<(), Refused> {
        let most = self.registry.limits.connections.div_ceil(4) * 3;
        let mut table = self.registry.table();
        let open = &mut table.lanes[lane as usize];
        if *open >= most && self.admission == Admission::Regular {
            self.registry.refused.fetch_add(1, Relaxed);
            return Err(Refused::Lane);
        }
        *open += 1;
        drop(table);
        self.lane = Some(lane);
        self.connection.sorted(lane);
        Ok(())
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut table = self.registry.table();
        table.connections.try_remove(self.key);
        if let Some(network) = self.network
            && let Some(of_address) = table.of_address.get_mut(&network)
        {
            *of_address -= 1;
            if *of_address == 0 {
                table.of_address.remove(&network);
            }
        }
        if let Some(lane) = self.lane {
            table.lanes[lane as usize] -= 1;
        }
        if table.connections.is_empty() {
            self.registry.emptied.notify_one();
        }
    }
}

/// One customer of a provider has a whole /64 of IPv6.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Variables};

    fn registry(connections: usize, per_address: usize) -> Arc<Registry> {
        let limits = ConnectionLimits { connections, per_address, ..ConnectionLimits::default() };
        let config = Config::of_environment(Variables::default()).unwrap();
        Arc::new(Registry::new(limits, config.limits.trusted_proxies))
    }

    fn admit(registry: &Arc<Registry>, address: &str) -> Result<Entry, Refused> {
        registry.admit(address.parse().unwrap())
    }

    #[test]
    fn one_address_has_no_more_than_its_share_and_gets_it_back() {
        let registry = registry(10, 2);
        let first = admit(&registry, "192.0.2.1").unwrap();
        let _second = admit(&registry, "::ffff:192.0.2.1").unwrap();
        assert_eq!(admit(&registry, "192.0.2.1").err(), Some(Refused::Address));
        assert!(admit(&registry, "192.0.2.2").is_ok());
        drop(first);
        assert!(admit(&registry, "192.0.2.1").is_ok());
        assert_eq!(registry.table().of_address.len(), 1);
    }

    #[test]
    fn one_network_of_ipv6_counts_as_one_address() {
        let registry = registry(10, 1);
        let _first = admit(&registry, "2001:db8::1").unwrap();
        assert_eq!(admit(&registry, "2001:db8::ffff:2").err(), Some(Refused::Address));
        assert!(admit(&registry, "2001:db8:0:1::1").is_ok());
    }

    #[test]
    fn above_the_maximum_are_spare_ones_and_no_more() {
        let registry = registry(3, 1);
        let entries: Vec<Entry> = (0..3 + SPARE).map(|_| admit(&registry, "127.0.0.1").unwrap()).collect();
        let spare = entries.iter().filter(|entry| entry.admission() == Admission::Spare).count();
        assert_eq!(spare, SPARE);
        assert_eq!(admit(&registry, "127.0.0.1").err(), Some(Refused::Total));
        drop(entries);
        assert_eq!(admit(&registry, "127.0.0.1").unwrap().admission(), Admission::Regular);
    }

    #[test]
    fn deliveries_leave_connections_for_pages() {
        let registry = registry(8, 1);
        let mut entries: Vec<Entry> = (0..8).map(|_| admit(&registry, "127.0.0.1").unwrap()).collect();
        let entered = entries.iter_mut().filter_map(|entry| entry.enter(Lane::Deliveries).ok()).count();
        assert_eq!(entered, 6);
        assert_eq!(entries[7].enter(Lane::Pages), Ok(()));
        drop(entries);
        assert_eq!(registry.table().lanes, [0, 0, 0]);
    }

    #[tokio::test]
    async fn time_goes_on_when_the_sweep_is_started_again() {
        const MINUTE: Duration = Duration::from_mins(1);
        let mut registry = Arc::into_inner(registry(8, 1)).unwrap();
        registry.began = registry.began.checked_sub(MINUTE).unwrap();
        registry.faults.sweep.arm();
        let registry = Arc::new(registry);
        let swept = registry.clone();
        let sweep = patchbay_supervise::spawn("sweep", move || swept.clone().sweep(), || false);
        let swept_again = async {
            while patchbay_supervise::stopped().iter().all(|stops| stops.task != "sweep") {
                tokio::task::yield_now().await;
            }
            registry.ticker.set(0);
            while registry.ticker.now() == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(MINUTE, swept_again).await.unwrap();
        sweep.abort();
        assert!(u128::from(registry.ticker.now()) >= MINUTE.as_millis(), "{}", registry.ticker.now());
    }
}
