//! Places in the inbox's queue. Each connection has its share of them, so that a flood on one leaves room for the others.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

pub(crate) struct Places {
    total: usize,
    /// Places taken, by connection.
    taken: BTreeMap<String, AtomicUsize>,
    /// Connections with any.
    busy: AtomicUsize,
}

/// One delivery's place, or several next to each other for a large one; free again when this is dropped.
pub(crate) struct Place {
    places: Arc<Places>,
    connection: String,
    size: usize,
}

impl Places {
    pub fn new(total: usize, connections: impl Iterator<Item = String>) -> Self {
        let taken = connections.map(|connection| (connection, AtomicUsize::new(0))).collect();
        Self { total, taken, busy: AtomicUsize::new(0) }
    }

    /// `None` when this connection has taken its share. One share more than there are busy connections is kept, for the
    /// next one to become busy.
    pub fn take(self: &Arc<Self>, connection: &str, size: usize) -> Option<Place> {
        let taken = self.taken.get(connection)?;
        let before = taken.fetch_add(size, Ordering::Relaxed);
        if before == 0 {
            self.busy.fetch_add(1, Ordering::Relaxed);
        }
        let place = Place { places: self.clone(), connection: connection.to_owned(), size };
        let shares = (self.busy.load(Ordering::Relaxed) + 1).min(self.taken.len()).max(1);
        (before + size <= self.total / shares).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(taken) = self.places.taken.get(&self.connection)
            && taken.fetch_sub(self.size, Ordering::Relaxed) == self.size
        {
            self.places.busy.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(names: &[&str]) -> Arc<Places> {
        Arc::new(Places::new(12, names.iter().map(|name| (*name).to_owned())))
    }

    /// As many as it gets.
    fn flood(places: &Arc<Places>, connection: &str) -> Vec<Place> {
        std::iter::from_fn(|| places.take(connection, 1)).collect()
    }

    #[test]
    fn a_connection_alone_has_all_places() {
        assert_eq!(flood(&places(&["a"]), "a").len(), 12);
    }

    #[test]
    fn a_flood_on_some_connections_leaves_room_for_the_next() {
        let places = places(&["a", "b", "c", "d"]);
        let a = flood(&places, "a");
        assert_eq!(a.len(), 6);
        let b = flood(&places, "b");
        assert_eq!(b.len(), 4);
        let c = flood(&places, "c");
        assert_eq!(c.len(), 3);
        assert!(places.take("d", 1).is_some());
        assert!(places.take("a", 1).is_none());
    }

    #[test]
    fn a_large_delivery_takes_several_places() {
        let places = places(&["a"]);
        let large = places.take("a", 10);
        assert!(large.is_some());
        assert!(places.take("a", 3).is_none());
        assert!(places.take("a", 2).is_some());
    }

    #[test]
    fn a_place_that_is_left_is_free_again() {
        let places = places(&["a", "b"]);
        for _ in 0..3 {
            let a = flood(&places, "a");
            assert_eq!(a.len(), 6);
            drop(a);
        }
        assert_eq!(places.busy.load(Ordering::Relaxed), 0);
        assert!(places.take("nobody", 1).is_none());
    }
}
