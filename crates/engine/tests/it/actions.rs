//! What must hold of every action that a provider takes part in, whoever does it.

use crate::world::World;
use patchbay_domain::{Principal, Role, UserError, error::Reason, principal::Organisation};
use patchbay_engine::{CustomerDesk, Engine, Operator, RequestOrigin};
use patchbay_store::{AuditEntry, AuditFilter, AuditOutcome, PageRequest, RecordFilter};
use std::sync::atomic::Ordering;

pub const NORTHWIND: &str = "org_sandbox_northwind";
pub const UMBRA: &str = "org_sandbox_umbra";

pub fn of_organisation(organisation: &str, role: Role) -> Principal {
    let organisation = Organisation { id: organisation.to_owned(), name: "Northwind Traders".to_owned() };
    Principal { organisation: Some(organisation), ..Principal::new("user_chiara", "Chiara Rossi", role) }
}

pub fn staff(role: Role) -> Principal {
    let session = Some("sess_1".to_owned());
    Principal { session, ..Principal::new("user_ada", "Ada Okafor", role) }
}

pub fn origin() -> RequestOrigin {
    RequestOrigin { request_id: "req_1".to_owned(), address: Some("203.0.113.7".to_owned()) }
}

pub async fn desk(engine: &Engine, organisation: &str, role: Role) -> CustomerDesk {
    engine.customer(&of_organisation(organisation, role), &origin()).await.unwrap()
}

pub fn operator(engine: &Engine) -> Operator {
    engine.operator(&staff(Role::StaffAdmin), &origin()).unwrap()
}

/// Newest first.
pub async fn audit(engine: &Engine, action: &str) -> Vec<AuditEntry> {
    let filter = AuditFilter { action: Some(action.to_owned()), ..AuditFilter::default() };
    engine.store().list_audit(&filter, &PageRequest::default()).await.unwrap().items
}

/// The first record of a kind that `fits`.
pub async fn a_record(engine: &Engine, kind: &'static str, fits: impl Fn(&patchbay_store::Record) -> bool) -> String {
    let filter = RecordFilter::of(patchbay_domain::Kind::new(kind));
    let page = engine.store().list_records(&filter, &PageRequest { limit: 500, ..PageRequest::default() }).await;
    page.unwrap().items.into_iter().find(fits).unwrap_or_else(|| panic!("no such {kind}")).key.id
}

/// One action of somebody who may do it. `sent` sends its form; what must be known for it was found before.
pub struct Tried<F> {
    pub action: &'static str,
    /// Calls that change something; all but the first are not made where the first one's answer is lost.
    pub calls: usize,
    pub sent: F,
}

impl<F: AsyncFn(&Engine, &str) -> Result<(), UserError>> Tried<F> {
    /// Done once and told once, refused without an effect, and one effect when its form comes again: after an answer that was
    /// lost, from a process that crashed before it wrote anything, and by a second click.
    pub async fn holds(self, world: &World, engine: &Engine) {
        let Self { action, calls, sent } = self;
        let reached = || world.line.writes.load(Ordering::SeqCst);
        let count = async |outcome: AuditOutcome| {
            audit(engine, action).await.iter().filter(|entry| entry.outcome == outcome).count()
        };
        // The state as another process knows it that has not heard of anything below.
        let crashed = world.synced().await;

        world.line.refuses.store(true, Ordering::SeqCst);
        let refused = sent(engine, "form_refused").await.expect_err("it was refused");
        assert_eq!(refused.reason, Reason::Invalid, "{action}: {refused}");
        world.line.refuses.store(false, Ordering::SeqCst);
        assert_eq!(
            (reached(), count(AuditOutcome::Done).await),
            (0, 0),
            "{action}: refused, and yet something was done"
        );
        assert_eq!(count(AuditOutcome::Failed).await, 1, "{action}: the refusal is told");

        world.line.loses_answers.store(true, Ordering::SeqCst);
        let lost = sent(&crashed, "form_1").await.expect_err("the answer was lost");
        assert!(lost.message.contains("it is not known yet"), "{action}: {lost}");
        world.line.loses_answers.store(false, Ordering::SeqCst);
        let open = audit(&crashed, action).await;
        assert_eq!((open.len(), open[0].outcome), (1, AuditOutcome::Unknown), "{action}: it may have taken effect");
        let events = world.events().await.len() + calls - 1;
        sent(&crashed, "form_1").await.unwrap_or_else(|error| panic!("{action} again, its answer lost: {error}"));
        let told = audit(&crashed, action).await;
        assert_eq!(
            (told.len(), told[0].outcome),
            (1, AuditOutcome::Done),
            "{action}: the same form is the same action"
        );
        // The other process has lost all it knew.
        sent(engine, "form_1").await.unwrap_or_else(|error| panic!("{action} again, after a crash: {error}"));
        assert_eq!(count(AuditOutcome::Done).await, 1, "{action}");
        let writes = reached();
        sent(engine, "form_1").await.unwrap_or_else(|error| panic!("{action} by a second click: {error}"));
        assert_eq!(count(AuditOutcome::Done).await, 1, "{action}: a second click is not told twice");
        assert_eq!(reached(), writes, "{action}: a second click asks nobody");
        assert_eq!(world.events().await.len(), events, "{action}: its effect came once");

        let told = audit(engine, action).await.into_iter().find(|entry| entry.outcome == AuditOutcome::Done).unwrap();
        assert_eq!(told.address.as_deref(), Some("203.0.113.7"));
        assert_eq!((told.request_id.as_str(), told.form_id.as_deref()), ("req_1", Some("form_1")));
    }
}
