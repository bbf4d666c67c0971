//! Every connection asks its provider for the least there is: the account, and one object of each kind.

use super::{Findings, clock};
use patchbay_domain::Kind;
use patchbay_providers::{
    Connection, NamedConnection, ProviderError,
    access::{self, Access},
    registry::plain_http_switch,
};

pub async fn check(findings: &mut Findings, connections: &[NamedConnection]) {
    let asked = connections.iter().map(|named| access::check(named.connection.as_ref()));
    let answers = futures::future::join_all(asked).await;
    for (NamedConnection { name, connection }, answer) in connections.iter().zip(answers) {
        if connection.gateway().status().plain_http {
            let text = format!(
                "its address is plain http on another machine, which {} allows: keys and personal data cross the network \
                 unencrypted, and anybody in between can change what is read",
                plain_http_switch(connection.manifest())
            );
            findings.warning(name, text);
        }
        judge(findings, name, connection.as_ref(), &answer);
        clock::compare(findings, name, connection.gateway());
    }
}

fn judge(findings: &mut Findings, name: &str, connection: &dyn Connection, found: &Access) {
    let manifest = connection.manifest();
    let mut problem = |what: &str, kind: Option<&Kind>, error: &ProviderError| {
        findings.problem(name, format!("{what} cannot be read: {}", access::problem(manifest, kind, error)));
    };
    let (read, unread): (Vec<_>, Vec<_>) = found.kinds.iter().partition(|(_, answer)| answer.is_ok());
    for (kind, answer) in &unread {
        answer.as_ref().inspect_err(|error| problem(&kind.plural(), Some(kind), error)).ok();
    }
    match &found.account {
        Err(error) if error.concerns_all() => findings.problem(name, error.to_string()),
        Err(error) => problem("the account", None, error),
        Ok(health) => {
            let text = format!(
                "answers as {}; {} of {} kinds of objects can be read",
                health.account,
                read.len(),
                found.kinds.len()
            );
            findings.ok(name, text);
        }
    }
}
