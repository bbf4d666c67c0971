//! Commands that change something are in the audit log as what people do on pages is: with who did it and on which machine.

use super::Failure;
use crate::{config::Config, output, runtime};
use patchbay_domain::{Kind, ObjectKey, RecordRef};
use patchbay_store::{AuditOutcome, NewAudit, Store};
use serde_json::Value;
use std::{fs, os::unix::fs::MetadataExt};

/// What a command did.
pub struct Done<'a> {
    /// `events.replay`: noun, dot, verb.
    pub action: &'a str,
    pub target_kind: &'a str,
    pub target_id: &'a str,
    pub after: Value,
    /// Why it failed, where it did.
    pub error: Option<String>,
}

/// Adds an entry in the name of the operating system's user.
pub async fn tell(store: &Store, done: Done<'_>) -> Result<(), Failure> {
    store.insert_audit(&entry(store, done)).await?;
    Ok(())
}

/// As [`tell`], of what is done with whole databases: it counts also where its database is away, or of another version.
pub async fn tell_if_possible(config: &Config, done: Done<'_>) {
    let told = async {
        let store = runtime::open_store_to_look(config).await?;
        tell(&store, done).await?;
        store.close().await;
        Ok::<_, Failure>(())
    };
    if let Err(error) = told.await {
        output::line(format_args!("The audit log does not have it: {error}"));
    }
}

/// For those whose entry stands or falls with what they do.
pub fn entry(store: &Store, done: Done<'_>) -> NewAudit {
    let user = user();
    // What is named by its connection belongs to it.
    let connection = if matches!(done.target_kind, "sync" | "connection") { done.target_id } else { "" };
    NewAudit {
        id: store.new_id(),
        at: store.clock().now(),
        actor_id: format!("os:{user}"),
        actor_name: format!("{user}, command line"),
        action: done.action.to_owned(),
        target: RecordRef::new(connection, ObjectKey::new(Kind::from(done.target_kind.to_owned()), done.target_id)),
        organisation: None,
        before: None,
        after: Some(done.after),
        outcome: if done.error.is_some() { AuditOutcome::Failed } else { AuditOutcome::Done },
        error: done.error,
        request_id: String::new(),
        impersonator: std::env::var("SUDO_USER")
            .ok()
            .filter(|name| *name != user && is_name(name))
            .map(|name| format!("os:{name}")),
        session_id: None,
        address: Some(host()),
        form_id: None,
        settled: None,
    }
}

/// The user that the process runs as: from the system, because the environment says what anybody wants it to.
fn user() -> String {
    let Ok(process) = fs::metadata("/proc/self") else {
        return std::env::var("USER").unwrap_or_else(|_| "unknown".to_owned());
    };
    let id = process.uid().to_string();
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_of(&passwd, &id).map_or(id.clone(), str::to_owned)
}

fn name_of<'a>(passwd: &'a str, id: &str) -> Option<&'a str> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, uid) = (fields.next()?, fields.next()?, fields.next()?);
        (uid == id).then_some(name)
    })
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte))
}

fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| fs::read_to_string("/etc/hostname"));
    name.map(|name| name.trim().to_owned()).ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_as_the_system_names_them() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nada:x:1000:1000::/home/ada:/bin/sh\nbroken\n";
        assert_eq!((name_of(passwd, "1000"), name_of(passwd, "0")), (Some("ada"), Some("root")));
        assert_eq!(name_of(passwd, "100"), None);
    }
}
