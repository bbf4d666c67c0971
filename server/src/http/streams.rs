//! Places for live streams: each holds a connection for as long as a page is open.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// This person has as many open as one may.
    ForPerson,
    /// All places are taken.
    ForAll,
}

pub struct Streams {
    open: Mutex<HashMap<String, usize>>,
    most: usize,
    per_person: usize,
}

/// Given back when it is dropped.
pub struct Place {
    streams: Arc<Streams>,
    person: String,
}

impl Streams {
    pub fn new(most: usize, per_person: usize) -> Arc<Self> {
        Arc::new(Self { open: Mutex::default(), most, per_person })
    }

    pub fn take(self: &Arc<Self>, person: &str) -> Result<Place, Full> {
        let mut open = self.lock();
        if open.get(person).copied().unwrap_or(0) >= self.per_person {
            return Err(Full::ForPerson);
        }
        let all: usize = open.values().sum();
        if all >= self.most {
            return Err(Full::ForAll);
        }
        *open.entry(person.to_owned()).or_default() += 1;
        Self::show(all + 1);
        Ok(Place { streams: self.clone(), person: person.to_owned() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(all: usize) {
        metrics::gauge!("patchbay_live_streams").set(f64::from(u32::try_from(all).unwrap_or(u32::MAX)));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.lock();
        if let Some(count) = open.get_mut(&self.person) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.person);
            }
        }
        Streams::show(open.values().sum());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_and_all_together_have_so_many_places_and_get_them_back() {
        let streams = Streams::new(3, 2);
        let first = streams.take("ada").ok().unwrap();
        let _second = streams.take("ada").ok().unwrap();
        assert_eq!(streams.take("ada").err(), Some(Full::ForPerson));
        let _third = streams.take("ben").ok().unwrap();
        assert_eq!(streams.take("chiara").err(), Some(Full::ForAll));
        drop(first);
        assert!(streams.take("chiara").is_ok() && streams.take("ada").is_ok());
    }
}
