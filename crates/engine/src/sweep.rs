//! What a complete listing does not name: each such record is read by itself, and buried where its provider says that it is
//! gone. A list that is short for another reason (other keys, a fault of the provider's) buries nothing, and a list that lacks
//! much of what is held is first shown to a person.

use crate::{
    Engine, refetch,
    worker::{note, publish},
};
use patchbay_domain::{Kind, ObjectKey, change::Applied, error::Problem};
use patchbay_store::{StoreError, SyncRun, Unlisted};

/// So many may be missing of any kind without anybody's word.
const FEW: i64 = 20;
/// One in so many.
const SHARE: i64 = 10;
/// Records between two signs of life.
pub(crate) const STEP: u32 = 20;

/// Why a person has to say so first; none where the records may be looked at.
pub(crate) fn objection(run: &SyncRun, kind: &Kind, unlisted: Unlisted) -> Option<Problem> {
    let Unlisted { missing, all } = unlisted;
    if run.thorough || missing <= FEW.max(all / SHARE) {
        return None;
    }
    Some(Problem {
        why: format!(
            "The list lacks {missing} of the {all} {} that are recorded, so none of them was removed",
            kind.plural()
        ),
        what_to_do: "Check whose keys these are. If so many are gone, sync again with every missing record looked at."
            .to_owned(),
    })
}

/// Reads some records that the list did not name. Answers how many were looked at, and how many changed.
pub(crate) async fn look(engine: &Engine, run: &SyncRun, kind: &Kind) -> Result<(i64, i64), StoreError> {
    let ids = engine.0.store.unlisted(run, kind, STEP).await?;
    let (mut looked_at, mut changed) = (0, 0);
    for id in &ids {
        if engine.is_stopping() {
            break;
        }
        let key = ObjectKey::new(kind.clone(), id);
        match refetch::refetch(engine, &run.connection, &key, &run.id.to_string()).await? {
            Ok((change, applied)) => {
                changed += i64::from(matches!(applied, Applied::Deleted | Applied::Updated));
                let mut news = Vec::new();
                note(&mut news, &run.connection, &change, &applied);
                publish(engine, news);
            }
            // It stays as it is; the next sync looks at it again.
            Err(error) => tracing::info!(object = %key, %error, "a record that no list names could not be read"),
        }
        let mut tx = engine.0.store.begin().await?;
        tx.note_listed(run.id, kind, &[id.as_str()]).await?;
        tx.commit().await?;
        looked_at += 1;
    }
    Ok((looked_at, changed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use patchbay_domain::Timestamp;
    use patchbay_store::SyncState;
    use uuid::Uuid;

    fn run(thorough: bool) -> SyncRun {
        SyncRun {
            id: Uuid::nil(),
            connection: "stripe".to_owned(),
            state: SyncState::Running,
            owner: None,
            unread: Vec::new(),
            done: 0,
            changed: 0,
            started_at: Timestamp(0),
            heartbeat_at: Timestamp(0),
            finished_at: None,
            error: None,
            cancel_requested: false,
            attempts: 1,
            retry_at: None,
            thorough,
        }
    }

    #[test]
    fn a_list_that_lacks_much_of_what_is_held_is_shown_to_a_person_first() {
        let kind = Kind::new("customer");
        let objects = |missing, all, thorough| objection(&run(thorough), &kind, Unlisted { missing, all }).is_some();
        for (missing, all) in [(0, 0), (20, 20), (20, 25), (100, 1_000)] {
            assert!(!objects(missing, all, false), "{missing} of {all}");
        }
        for (missing, all) in [(21, 21), (21, 200), (101, 1_000)] {
            assert!(objects(missing, all, false), "{missing} of {all}");
            assert!(!objects(missing, all, true), "{missing} of {all}, as a person said");
        }
        let problem = objection(&run(false), &kind, Unlisted { missing: 30, all: 40 }).unwrap();
        assert!(problem.why.starts_with("The list lacks 30 of the 40 customers that are recorded"), "{problem}");
    }
}
