//! Who is signed in, and the key that says so: what outlives a restart.

use super::{Person, token::Signer};
use crate::journal::{self, Entry};
use rand::Rng;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The name of its lines in the state file.
pub(crate) const KIND: &str = "clerk";
/// Clerk's default: a session ends after a week.
pub(super) const LIFETIME_SECONDS: i64 = 7 * 24 * 60 * 60;

/// One sign-in. No `Debug`: its client token opens it.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Session {
    /// `sess_…`
    pub id: String,
    /// The value of the browser's `__client` cookie.
    pub client: String,
    /// [`Person::key`].
    pub person: String,
    /// Unix seconds.
    pub created: i64,
}

impl Session {
    pub(super) fn new(person: &Person, now: i64) -> Self {
        Self {
            id: format!("sess_{}", random_hex(12)),
            client: random_hex(32),
            person: person.key.to_owned(),
            created: now,
        }
    }
}

/// A line of the state file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Row {
    /// The private key: PKCS #8 in base64.
    Key(String),
    Session(Session),
    /// The id of a session that somebody ended.
    Ended(String),
}

/// The key and the sessions.
#[derive(Default)]
pub(crate) struct Kept {
    key: Option<String>,
    /// By id.
    sessions: BTreeMap<String, Session>,
}

impl Kept {
    /// Takes in one line of the state file.
    pub(crate) fn read(&mut self, entry: &Entry) {
        match serde_json::from_str::<Row>(entry.row.get()) {
            Ok(Row::Key(key)) => self.key = Some(key),
            Ok(Row::Session(session)) => {
                self.sessions.insert(session.id.clone(), session);
            }
            Ok(Row::Ended(id)) => {
                self.sessions.remove(&id);
            }
            Err(_) => {}
        }
    }

    /// The lines of everything.
    pub(crate) fn all_lines(&self) -> Vec<String> {
        let key = self.key.iter().cloned().map(Row::Key);
        let sessions = self.sessions.values().cloned().map(Row::Session);
        key.chain(sessions).filter_map(|row| journal::line(KIND, &row)).collect()
    }

    /// The signer of the key that was kept. Without one, or with one that cannot be read, a new one with the lines to save.
    pub(super) fn signer(&mut self) -> Result<(Signer, Vec<String>), super::KeyError> {
        if let Some(signer) = self.key.as_deref().and_then(|key| Signer::from_base64(key).ok()) {
            return Ok((signer, Vec::new()));
        }
        let (signer, key) = Signer::generate()?;
        let lines = journal::line(KIND, &Row::Key(key.clone()));
        self.key = Some(key);
        Ok((signer, Vec::from_iter(lines)))
    }

    /// Begins a session; those that are over are forgotten. Answers the lines to save.
    pub(super) fn begin(&mut self, session: Session) -> Vec<String> {
        self.sessions.retain(|_, other| !is_over(other, session.created));
        let line = journal::line(KIND, &Row::Session(session.clone()));
        self.sessions.insert(session.id.clone(), session);
        Vec::from_iter(line)
    }

    /// Ends the browser's session, if it has one. Answers the lines to save.
    pub(super) fn end(&mut self, client: &str) -> Vec<String> {
        let ids: Vec<String> = self
            .sessions
            .values()
            .filter(|session| session.client == client)
            .map(|session| session.id.clone())
            .collect();
        for id in &ids {
            self.sessions.remove(id);
        }
        ids.into_iter().filter_map(|id| journal::line(KIND, &Row::Ended(id))).collect()
    }

    /// The session of the browser with this `__client` cookie, as long as it lasts; `now` in seconds.
    pub(super) fn of_client(&self, client: &str, now: i64) -> Option<&Session> {
        self.sessions.values().find(|session| session.client == client && !is_over(session, now))
    }
}

fn is_over(session: &Session, now: i64) -> bool {
    session.created + LIFETIME_SECONDS <= now
}

pub(super) fn random_hex(bytes: usize) -> String {
    let mut random = vec![0; bytes];
    rand::rng().fill(random.as_mut_slice());
    hex::encode(random)
}
