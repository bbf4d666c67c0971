//! Reads everything a provider has, kind by kind and page by page. Progress is saved with each page, so a sync survives a
//! restart, goes on where it was, and can be cancelled. A kind that cannot be read does not hold up the others: the sync ends
//! as incomplete, says what is missing, and is tried again by itself for that alone.

use crate::{
    Engine, access,
    live::LiveMessage,
    refetch, refresh, storage_failed, sweep,
    worker::{note, publish},
};
use futures::FutureExt;
use patchbay_domain::{
    Change, Kind, Source, UserError,
    change::Applied,
    error::Reason,
    kind::{Full, Mirror},
    limited,
};
use patchbay_providers::{Connection, ErrorKind, ProviderError, access::problem, read::ListPage};
use patchbay_store::{StoreError, SyncEnd, SyncProgress, SyncRun, SyncState, Unread};
use std::{ops::Range, panic::AssertUnwindSafe, sync::Arc, time::Duration};

const POLL: Duration = Duration::from_secs(5);
/// A running sync without a sign of life for this long belongs to nobody.
const ABANDONED: Duration = Duration::from_mins(1);
/// Failures of one page that may pass, before its kind counts as missing.
const TRIES: u32 = 6;
/// Shorter than [`ABANDONED`]. A provider that wants a longer pause is left alone until the sync is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often the reading of a kind is begun anew because its cursor is not known any more.
const RESTARTS: u32 = 2;
/// A sync was patient already, so its first try again comes as late as the third of an event.
const LATER: i64 = 2;

pub(crate) async fn start(engine: &Engine, name: &str, thorough: bool) -> Result<SyncRun, UserError> {
    let connection = engine.connection(name).ok_or_else(|| UserError::not_found("connection"))?;
    match engine.0.store.start_sync_as(name, &listed(connection.as_ref()), thorough).await {
        Ok(run) => {
            engine.0.sync_work.notify_one();
            engine.0.bus.publish(LiveMessage::new("syncs", name, "started"));
            Ok(run)
        }
        Err(StoreError::AlreadyRunning { .. }) => Err(UserError::new(
            Reason::Conflict,
            "A sync of this connection is running already. Watch it below, or cancel it.",
        )),
        Err(error) => Err(storage_failed(&error)),
    }
}

fn listed(connection: &dyn Connection) -> Vec<Kind> {
    connection.manifest().listed().cloned().collect()
}

/// At the start of a process: a first sync where there was none, and at once another try of one that is incomplete.
pub(crate) async fn start_first_syncs(engine: &Engine) -> Result<(), StoreError> {
    for (name, connection) in &engine.0.connections {
        if engine.0.store.latest_sync(name).await?.is_some() {
            engine.0.store.retry_sync_now(name).await?;
            continue;
        }
        match engine.0.store.start_sync(name, &listed(connection.as_ref())).await {
            Ok(_) | Err(StoreError::AlreadyRunning { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    engine.0.sync_work.notify_one();
    Ok(())
}

pub(crate) async fn supervise(engine: Engine) {
    while !engine.is_stopping() {
        match take(&engine).await {
            Ok(runs) => {
                for run in runs {
                    tokio::spawn(run_one(engine.clone(), run));
                }
            }
            Err(error) => limited!(error, %error, "syncs could not be looked up"),
        }
        tokio::select! {
            () = engine.0.sync_work.notified() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

/// Runs what is due to its end.
pub(crate) async fn drain(engine: &Engine) -> Result<(), StoreError> {
    for run in take(engine).await? {
        run_one(engine.clone(), run).await;
    }
    Ok(())
}

async fn take(engine: &Engine) -> Result<Vec<SyncRun>, StoreError> {
    refresh::start_due(engine).await?;
    let names: Vec<&str> = engine.connection_names().collect();
    engine.0.store.retry_syncs(&names).await?;
    engine.0.store.take_syncs(&engine.0.owner, ABANDONED).await
}

async fn run_one(engine: Engine, run: SyncRun) {
    let (name, id, attempts) = (run.connection.clone(), run.id, run.attempts);
    // A panic would leave it running for ever, and be met again by whoever takes it over.
    let ended = AssertUnwindSafe(Reading::run(&engine, run)).catch_unwind().await.unwrap_or_else(|_| {
        Err("Patchbay made a mistake and stopped it; the log names the place. Please report it.".to_owned())
    });
    let later = |asked| Some(engine.clock().now().plus(engine.0.jitter.delay(attempts + LATER, asked)));
    let end = match &ended {
        Ok(End::Done) => SyncEnd::of(SyncState::Done),
        Ok(End::Incomplete { pause }) => SyncEnd { retry_at: later(*pause), ..SyncEnd::of(SyncState::Incomplete) },
        Ok(End::Nothing { why, pause }) => {
            SyncEnd { state: SyncState::Failed, error: Some(why), retry_at: later(*pause) }
        }
        Ok(End::Cancelled) => SyncEnd::of(SyncState::Cancelled),
        // The row stays `running`; the next process takes it over and goes on at the cursor.
        Ok(End::Stopping) => return,
        Err(why) => SyncEnd { state: SyncState::Failed, error: Some(why), retry_at: later(None) },
    };
    if matches!(end.state, SyncState::Failed | SyncState::Incomplete) {
        tracing::warn!(connection = %name, state = %end.state, reason = end.error, "not everything was read; it is tried again");
    }
    if let Err(error) = engine.0.store.finish_sync(id, &end).await {
        tracing::error!(%error, "the end of a sync was not written");
    }
    engine.0.bus.publish(LiveMessage::new("syncs", name.clone(), end.state.as_str()));
    if matches!(end.state, SyncState::Done | SyncState::Incomplete) {
        access::refresh(&engine, &name).await;
    }
}

enum End {
    Done,
    Incomplete {
        /// How long the provider wants to be left alone.
        pause: Option<Duration>,
    },
    /// Not even one kind could be read.
    Nothing {
        why: String,
        pause: Option<Duration>,
    },
    Cancelled,
    /// Somebody else goes on with it, now or later.
    Stopping,
}

/// One run of a sync.
struct Reading<'a> {
    engine: &'a Engine,
    connection: Arc<dyn Connection>,
    run: &'a SyncRun,
    progress: SyncProgress,
    /// Failures of the page that is read, one after the other.
    failures: u32,
    /// The last of them that the provider had a part in.
    fault: Option<ProviderError>,
    pause: Option<Duration>,
}

/// What to do after a failure.
#[derive(Debug, PartialEq)]
enum Next {
    /// Read this kind anew from its beginning.
    Restart,
    /// Go on with the other kinds.
    Skip,
    /// The other kinds would fail, too.
    GiveUp,
}

impl Reading<'_> {
    async fn run(engine: &Engine, run: SyncRun) -> Result<End, String> {
        let Some(connection) = engine.connection(&run.connection).cloned() else {
            return Err("the connection is not configured any more".to_owned());
        };
        let progress = SyncProgress { unread: run.unread.clone(), done: run.done, changed: run.changed };
        let mut reading = Reading { engine, connection, run: &run, progress, failures: 0, fault: None, pause: None };
        Box::pin(reading.pages()).await.map_err(|error| error.to_string())
    }

    async fn pages(&mut self) -> Result<End, StoreError> {
        while let Some(index) = self.progress.unread.iter().position(|unread| unread.problem.is_none()) {
            if self.engine.is_stopping() {
                return Ok(End::Stopping);
            }
            match self.engine.0.store.beat_sync(self.run.id, &self.engine.0.owner).await? {
                Some(false) => {}
                Some(true) => return Ok(End::Cancelled),
                None => return Ok(End::Stopping),
            }
            let Unread { kind, cursor, is_listed, .. } = self.progress.unread[index].clone();
            if is_listed {
                self.sweep(index, &kind).await?;
                continue;
            }
            if self.full(&kind).is_none() {
                // Of an earlier version.
                self.progress.unread.remove(index);
                continue;
            }
            let page = match self.connection.readable() {
                Ok(read) => read.list(&kind, cursor.as_deref()).await,
                Err(error) => Err(error),
            };
            match page.and_then(|page| self.moved_on(page, cursor.as_deref())) {
                Ok(page) => self.read(index, &page).await?,
                Err(error) => self.failed(index, error).await?,
            }
        }
        Ok(self.end())
    }

    /// A page that is followed by itself would be read for ever.
    fn moved_on(&self, page: ListPage, cursor: Option<&str>) -> Result<ListPage, ProviderError> {
        if page.next.is_some() && page.next.as_deref() == cursor {
            let provider = self.connection.manifest().name;
            let message = "the list goes on where it began, and comes to no end";
            return Err(ProviderError::new(provider, "list", ErrorKind::Unreadable, message));
        }
        Ok(page)
    }

    fn end(&self) -> End {
        let missing = &self.progress.unread;
        match missing.first().and_then(|first| first.problem.as_ref()) {
            None => End::Done,
            Some(first) if missing.len() == self.connection.manifest().listed().count() => {
                End::Nothing { why: first.why.clone(), pause: self.pause }
            }
            Some(_) => End::Incomplete { pause: self.pause },
        }
    }

    async fn read(&mut self, index: usize, page: &ListPage) -> Result<(), StoreError> {
        (self.failures, self.fault) = (0, None);
        self.progress.done += i64::try_from(page.changes.len()).unwrap_or(0);
        let kind = self.progress.unread[index].kind.clone();
        let is_complete = self.full(&kind).is_some_and(|full| full.complete);
        let unread = &mut self.progress.unread[index];
        match &page.next {
            Some(next) => unread.cursor = Some(next.clone()),
            None if is_complete => (unread.cursor, unread.is_listed) = (None, true),
            None => drop(self.progress.unread.remove(index)),
        }
        let listed = is_complete.then_some(&kind);
        apply_page(self.engine, self.run, &page.changes, &mut self.progress, listed).await?;
        if page.next.is_none() {
            refresh::note(self.engine, &self.run.connection, self.connection.manifest(), &kind).await?;
        }
        Ok(())
    }

    fn full(&self, kind: &Kind) -> Option<Full> {
        match self.connection.manifest().kind(kind)?.mirror {
            Mirror::Full(full) => Some(full),
            Mirror::Events | Mirror::Browse => None,
        }
    }

    /// Looks at some of what the lists did not name, or ends the kind.
    async fn sweep(&mut self, index: usize, kind: &Kind) -> Result<(), StoreError> {
        let store = &self.engine.0.store;
        let mut objection = None;
        if !self.progress.unread[index].is_swept {
            objection = sweep::objection(self.run, kind, store.count_unlisted(self.run, kind).await?);
        }
        if let Some(problem) = objection {
            tracing::warn!(connection = %self.run.connection, %kind, %problem, "records are missing from a list");
            self.progress.unread[index] =
                Unread { problem: Some(problem), awaits_word: true, ..Unread::new(kind.clone()) };
        } else {
            let (looked_at, changed) = sweep::look(self.engine, self.run, kind).await?;
            self.progress.done += looked_at;
            self.progress.changed += changed;
            self.progress.unread[index].is_swept = true;
            // Whoever is stopping looks at nothing, and goes on after the next start.
            if looked_at == 0 && !self.engine.is_stopping() {
                self.progress.unread.remove(index);
            }
        }
        let is_over = self.progress.unread.get(index).is_none_or(|unread| unread.kind != *kind || !unread.is_listed);
        let mut tx = store.begin().await?;
        if is_over {
            tx.forget_listed(self.run.id, kind).await?;
        }
        tx.save_sync_progress(self.run.id, &self.progress).await?;
        tx.commit().await?;
        self.engine.0.bus.publish(LiveMessage::new("syncs", self.run.connection.clone(), "what no list names"));
        Ok(())
    }

    async fn failed(&mut self, index: usize, mut error: ProviderError) -> Result<(), StoreError> {
        if let Some(pause) = pause_after(&error, self.failures) {
            self.failures += 1;
            if error.kind != ErrorKind::BreakerOpen {
                self.fault = Some(error);
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.engine.0.stopped.notified() => {}
            }
            return Ok(());
        }
        self.failures = 0;
        if let Some(fault) = self.fault.take()
            && error.kind == ErrorKind::BreakerOpen
        {
            // The pause is ours; what it came from may be of this kind alone.
            error = fault;
        }
        let unread = &mut self.progress.unread[index];
        match judge(unread, &error) {
            Next::Restart => {
                tracing::info!(connection = %self.run.connection, kind = %unread.kind, %error, "a kind is read anew");
                (unread.cursor, unread.restarts) = (None, unread.restarts + 1);
            }
            Next::Skip => self.miss(index..index + 1, &error),
            Next::GiveUp => self.miss(index..self.progress.unread.len(), &error),
        }
        let mut tx = self.engine.0.store.begin().await?;
        tx.save_sync_progress(self.run.id, &self.progress).await?;
        tx.commit().await?;
        self.engine.0.bus.publish(LiveMessage::new("syncs", self.run.connection.clone(), "a kind is missing"));
        Ok(())
    }

    /// Takes note of what could not be read. It is read from its beginning again where the cursor may be to blame.
    fn miss(&mut self, range: Range<usize>, error: &ProviderError) {
        self.pause = self.pause.max(error.retry_after);
        let manifest = self.connection.manifest();
        for unread in &mut self.progress.unread[range] {
            if unread.problem.is_some() {
                continue;
            }
            tracing::warn!(connection = %self.run.connection, kind = %unread.kind, %error, "a kind could not be read");
            if matches!(error.kind, ErrorKind::Gone | ErrorKind::Refused) {
                (unread.cursor, unread.restarts) = (None, 0);
            }
            unread.problem = Some(problem(manifest, Some(&unread.kind), error));
        }
    }
}

/// How long to wait before the same page is asked for again; none when there is no use in it now.
fn pause_after(error: &ProviderError, failures: u32) -> Option<Duration> {
    let pause = error.retry_after.unwrap_or(Duration::from_secs(2_u64.pow(failures + 1)).min(LONGEST_PAUSE));
    (error.is_temporary() && failures < TRIES && pause <= LONGEST_PAUSE).then_some(pause)
}

fn judge(unread: &Unread, error: &ProviderError) -> Next {
    let cursor_is_gone = unread.cursor.is_some() && matches!(error.kind, ErrorKind::Gone | ErrorKind::Refused);
    if cursor_is_gone && unread.restarts < RESTARTS {
        Next::Restart
    } else if error.concerns_all() {
        Next::GiveUp
    } else {
        Next::Skip
    }
}

async fn apply_page(
    engine: &Engine,
    run: &SyncRun,
    changes: &[Change],
    progress: &mut SyncProgress,
    listed: Option<&Kind>,
) -> Result<(), StoreError> {
    let source = Source::Sync { id: run.id.to_string() };
    let mut ties = Vec::new();
    let mut news = Vec::new();
    let mut tx = engine.0.store.begin().await?;
    for change in changes {
        let applied = tx.apply(&run.connection, change, &source, None).await?;
        match applied {
            Applied::Tie => ties.push(change.key.clone()),
            Applied::Created | Applied::Updated | Applied::Deleted => progress.changed += 1,
            Applied::Unchanged | Applied::IgnoredStale { .. } => {}
        }
        note(&mut news, &run.connection, change, &applied);
    }
    if let Some(kind) = listed {
        let of_kind = changes.iter().filter(|change| change.key.kind == *kind);
        let ids: Vec<&str> = of_kind.map(|change| change.key.id.as_str()).collect();
        tx.note_listed(run.id, kind, &ids).await?;
    }
    tx.save_sync_progress(run.id, progress).await?;
    tx.commit().await?;
    publish(engine, news);
    engine.0.bus.publish(LiveMessage::new("syncs", run.connection.clone(), progress.done.to_string()));
    for key in ties {
        if let Err(error) = refetch::refetch(engine, &run.connection, &key, &run.id.to_string()).await? {
            tracing::warn!(object = %key, %error, "an object that changed during the sync was not read again");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: ErrorKind) -> ProviderError {
        ProviderError::new("Stripe", "invoices.list", kind, "no")
    }

    #[test]
    fn what_may_pass_is_waited_for_a_few_times_and_not_longer_than_a_sign_of_life_is_good_for() {
        let busy = error(ErrorKind::ProviderFault);
        let pauses: Vec<u64> = (0..).map_while(|failures| Some(pause_after(&busy, failures)?.as_secs())).collect();
        assert_eq!(pauses, [2, 4, 8, 16, 30, 30]);
        let asking = |seconds| ProviderError {
            retry_after: Some(Duration::from_secs(seconds)),
            ..error(ErrorKind::RateLimited)
        };
        assert_eq!(pause_after(&asking(30), 0), Some(Duration::from_secs(30)));
        assert_eq!(pause_after(&asking(31), 0), None);
        assert_eq!(pause_after(&error(ErrorKind::Forbidden), 0), None);
    }

    #[test]
    fn a_failure_of_one_kind_holds_up_no_other_and_one_of_the_connection_all() {
        let kind = Unread::new(Kind::new("invoice"));
        let next = |kind| judge(&Unread::new(Kind::new("invoice")), &error(kind));
        for of_this_kind in
            [ErrorKind::Forbidden, ErrorKind::Refused, ErrorKind::Gone, ErrorKind::Unreadable, ErrorKind::ProviderFault]
        {
            assert_eq!(next(of_this_kind), Next::Skip, "{of_this_kind:?}");
        }
        for of_all in [ErrorKind::Unauthorized, ErrorKind::Unreachable, ErrorKind::BreakerOpen, ErrorKind::RateLimited]
        {
            assert_eq!(next(of_all), Next::GiveUp, "{of_all:?}");
        }
        let mut half_way = Unread { cursor: Some("page_2".to_owned()), ..kind };
        assert_eq!(judge(&half_way, &error(ErrorKind::Refused)), Next::Restart);
        assert_eq!(judge(&half_way, &error(ErrorKind::Forbidden)), Next::Skip);
        half_way.restarts = RESTARTS;
        assert_eq!(judge(&half_way, &error(ErrorKind::Refused)), Next::Skip, "not for ever");
    }
}
