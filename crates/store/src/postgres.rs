//! The connections to `PostgreSQL`: TLS, poolers in between, and sentences for what goes wrong on the way.

use crate::StoreError;
use patchbay_net::{Errand, explain};
use sqlx::{
    ConnectOptions as _, Connection as _, PgConnection, PgPool, Postgres, Row as _, Transaction,
    migrate::Migrator,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions, PgSslMode},
};
use std::{
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::OnceCell;

/// How long somebody waits for a connection before being told that there is none.
const ANSWER: Duration = Duration::from_secs(5);
/// How long one try to connect may take that is made to find out what is wrong.
const PROBE: Duration = Duration::from_secs(2);
/// How many clients are tried beside the first one in search of a pooler. One does where there is none.
const OTHERS: usize = 8;
/// How long another process may take over the schema before whoever waits is told so.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Error codes of `PostgreSQL`, its appendix A.
mod code {
    pub const UNKNOWN_STATEMENT: &str = "26000";
    pub const STATEMENT_EXISTS: &str = "42P05";
    pub const READ_ONLY: &str = "25006";
    pub const UNKNOWN_DATABASE: &str = "3D000";
    pub const DISK_FULL: &str = "53100";
    pub const TOO_MANY_CONNECTIONS: &str = "53300";
    pub const CANNOT_CONNECT_NOW: &str = "57P03";
}

/// Whether an address wants the server's certificate checked without naming the authorities for it. Then
/// [`Store::connect_trusting`](crate::Store::connect_trusting) has to be given them.
pub fn wants_authorities(url: &str) -> bool {
    let Ok((options, names_them)) = read(url) else { return false };
    !names_them && matches!(options.get_ssl_mode(), PgSslMode::VerifyCa | PgSslMode::VerifyFull)
}

/// The options of an address, and whether it names its authorities. `sslrootcert=system` means ours, as libpq means its own.
fn read(url: &str) -> Result<(PgConnectOptions, bool), sqlx::Error> {
    let (bare, query) = url.split_once('?').unwrap_or((url, ""));
    let parts: Vec<&str> = query.split('&').filter(|part| !part.is_empty()).collect();
    let kept: Vec<&str> = parts.iter().copied().filter(|part| *part != "sslrootcert=system").collect();
    let system = kept.len() < parts.len();
    let names_them =
        kept.iter().any(|part| ["sslrootcert=", "ssl-root-cert=", "ssl-ca="].iter().any(|name| part.starts_with(name)))
            || (!system && std::env::var_os("PGSSLROOTCERT").is_some());
    let text = if kept.is_empty() { bare.to_owned() } else { format!("{bare}?{}", kept.join("&")) };
    let mut options = PgConnectOptions::from_str(&text)?;
    if system {
        options = options.ssl_mode(PgSslMode::VerifyFull);
    }
    Ok((options, names_them))
}

/// Files that an address names must be there now: a driver that misses one later says nothing of it.
fn check_files(url: &str) -> Result<(), StoreError> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    for part in query.split('&') {
        let Some((name, value)) = part.split_once('=') else { continue };
        let is_file =
            matches!(name, "sslrootcert" | "ssl-root-cert" | "ssl-ca" | "sslcert" | "ssl-cert" | "sslkey" | "ssl-key");
        if !is_file || value == "system" || value.contains("BEGIN") {
            continue;
        }
        let path = percent_decoded(value);
        if let Err(error) = std::fs::read(&path) {
            return Err(StoreError::Address { problem: format!("{name} names {path}, which cannot be read: {error}") });
        }
    }
    Ok(())
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        let hex = others.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match (first, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &others[2..];
            }
            (byte, _) => {
                bytes.push(*byte);
                rest = others;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A server, and the connections to it. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Server(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pool: PgPool,
    options: PgConnectOptions,
    /// `host:port`, or the folder of its socket.
    place: String,
    /// A pooler in between gives each transaction whatever connection is free.
    pooled: AtomicBool,
    /// Set when that was looked at.
    looked: OnceCell<()>,
}

impl Server {
    /// Connects when it is first needed. `authorities` are certificates in PEM form.
    pub fn open(url: &str, connections: u32, authorities: Option<&str>) -> Result<Self, StoreError> {
        check_files(url)?;
        let (mut options, names_authorities) = read(url)?;
        if let Some(pem) = authorities.filter(|_| !names_authorities) {
            options = options.ssl_root_cert_from_pem(pem.as_bytes().to_vec());
        }
        // PgBouncer refuses this one unless it is told to ignore it, and no column of ours has a fraction.
        options = options.extra_float_digits(None);
        if options.get_application_name().is_none() {
            options = options.application_name("patchbay");
        }
        let place = match options.get_socket() {
            Some(folder) => folder.display().to_string(),
            None => format!("{}:{}", options.get_host(), options.get_port()),
        };
        let pool = PgPoolOptions::new().max_connections(connections).acquire_timeout(ANSWER);
        let pool = pool.connect_lazy_with(options.clone());
        let (pooled, looked) = (AtomicBool::new(false), OnceCell::new());
        Ok(Self(Arc::new(Inner { pool, options, place, pooled, looked })))
    }

    pub fn pool(&self) -> &PgPool {
        &self.0.pool
    }

    /// Whether statements are prepared for later: not where the next transaction may be on another connection.
    pub fn prepares(&self) -> bool {
        !self.0.pooled.load(Ordering::Relaxed)
    }

    pub async fn acquire(&self) -> Result<PoolConnection<Postgres>, StoreError> {
        // Whoever comes meanwhile waits: what is prepared before it is known fails behind a pooler.
        self.0.looked.get_or_try_init(|| Box::pin(self.look_for_a_pooler())).await?;
        self.connection().await
    }

    pub async fn begin(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        let connection = self.acquire().await?;
        Transaction::begin(connection, None).await.map_err(|error| self.explain(error))
    }

    async fn connection(&self) -> Result<PoolConnection<Postgres>, StoreError> {
        match self.0.pool.acquire().await {
            Ok(connection) => Ok(connection),
            Err(sqlx::Error::PoolTimedOut) => Err(Box::pin(self.why_there_is_none()).await),
            Err(error) => Err(self.explain(error)),
        }
    }

    /// A connection beside the pool, whose connections may all wait for this one.
    async fn connect_alone(&self) -> Result<PgConnection, StoreError> {
        match tokio::time::timeout(ANSWER, self.0.options.connect()).await {
            Ok(connected) => connected.map_err(|error| self.explain(error)),
            Err(_) => Err(away(self.silence(ANSWER))),
        }
    }

    fn silence(&self, within: Duration) -> String {
        format!(
            "PostgreSQL at {} took no connection within {} s. Check host and port in DATABASE_URL, and firewalls",
            self.0.place,
            within.as_secs()
        )
    }

    fn busy(&self) -> String {
        format!(
            "every connection to PostgreSQL at {} is busy; it answers, but too slowly. Look for locks and long statements in \
             pg_stat_activity",
            self.0.place
        )
    }

    /// The pool says only that it took too long; one try of our own says why.
    async fn why_there_is_none(&self) -> StoreError {
        match tokio::time::timeout(PROBE, self.0.options.connect()).await {
            Ok(Ok(connection)) => {
                // Nobody waits for how it ends.
                connection.close().await.ok();
                away(self.busy())
            }
            Ok(Err(error)) => self.explain(error),
            Err(_) => away(self.silence(PROBE)),
        }
    }

    /// Whether somebody else may get the connection that this client was just served by: that is a pooler which keeps no
    /// client's transactions together. It hands out what is free before it opens another, so that ours is given away as soon
    /// as nothing else is free, or was used in between by another process, which `PostgreSQL` shows. Anything less would
    /// miss it while others are busy.
    async fn look_for_a_pooler(&self) -> Result<(), StoreError> {
        let mut one = self.connection().await?;
        let ours = Served::by(&mut one).await.map_err(|error| self.explain(error))?;
        let mut others = Vec::new();
        for _ in 0..OTHERS {
            let mut other = self.connect_alone().await?;
            // A pooler that has nothing free lets it wait.
            let served = tokio::time::timeout(ANSWER, ours.beside(&mut other)).await;
            let served = served.map_err(|_| away(self.busy()))?.map_err(|error| self.explain(error))?;
            others.push(other);
            match served {
                Beside::Ours => {
                    self.note_pooled();
                    break;
                }
                Beside::New => break,
                Beside::Used => {}
            }
        }
        for other in others {
            // Nobody waits for how it ends.
            other.close().await.ok();
        }
        Ok(())
    }

    fn note_pooled(&self) {
        if !self.0.pooled.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                place = self.0.place,
                "a pooler in front of PostgreSQL gives each transaction another connection (pool_mode = transaction), so \
                 statements are not prepared and news of other processes is not heard; pool_mode = session is faster"
            );
        }
    }

    /// Brings the schema up to date. One process at a time does; the lock is that of sqlx's own migrator, but held by a
    /// transaction, because a pooler may give the next statement to another connection.
    pub async fn migrate(&self, migrator: &Migrator) -> Result<(), StoreError> {
        // Whether there is a pooler is known then.
        drop(self.acquire().await?);
        let mut alone = self.connect_alone().await?;
        let mut lock = alone.begin().await.map_err(|error| self.explain(error))?;
        let sentence = |error| self.explain(error);
        self.lock_schema(&mut lock).await?;
        let mut migrator = Migrator { migrations: migrator.migrations.clone(), ..Migrator::DEFAULT };
        migrator.set_locking(false);
        if self.prepares() {
            let mut connection = self.acquire().await?;
            migrator.run_direct(None, &mut *connection, false).await.map_err(|error| self.explain_migration(error))?;
        } else {
            // Its statements have names, which must not meet those that another run left on this connection.
            let mut tx = self.begin().await?;
            sqlx::raw_sql("DEALLOCATE ALL").execute(&mut *tx).await.map_err(sentence)?;
            migrator.run_direct(None, &mut *tx, false).await.map_err(|error| self.explain_migration(error))?;
            sqlx::raw_sql("DEALLOCATE ALL").execute(&mut *tx).await.map_err(sentence)?;
            tx.commit().await.map_err(sentence)?;
        }
        lock.commit().await.map_err(sentence)
    }

    /// Refuses a server that only reads.
    pub async fn require_primary(&self) -> Result<(), StoreError> {
        let mut connection = self.acquire().await?;
        let asked = sqlx::raw_sql("SELECT pg_is_in_recovery()::int").fetch_one(&mut *connection).await;
        let standby: i32 = asked.and_then(|row| row.try_get(0)).map_err(|error| self.explain(error))?;
        if standby == 0 { Ok(()) } else { Err(away(self.is_standby())) }
    }

    async fn lock_schema(&self, lock: &mut PgConnection) -> Result<(), StoreError> {
        let sentence = |error| self.explain(error);
        let name = sqlx::raw_sql("SELECT current_database()::text").fetch_one(&mut *lock).await.map_err(sentence)?;
        let id = lock_id(name.try_get::<&str, _>(0)?);
        let sql = format!("SELECT pg_try_advisory_xact_lock({id})::int");
        let started = tokio::time::Instant::now();
        loop {
            let statement = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.clone()));
            let row = statement.fetch_one(&mut *lock).await.map_err(sentence)?;
            if row.try_get::<i32, _>(0)? != 0 {
                return Ok(());
            }
            if started.elapsed() > LOCK_PATIENCE {
                return Err(away(self.who_holds(lock, id).await));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    async fn who_holds(&self, lock: &mut PgConnection, id: i64) -> String {
        let sql = format!(
            "SELECT COALESCE(string_agg(pid::text, ', '), '') FROM pg_locks WHERE locktype = 'advisory' AND granted \
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
             AND (classid::bigint << 32 | objid::bigint) = {id}"
        );
        let row = sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).fetch_one(&mut *lock).await;
        let holders = row.and_then(|row| row.try_get::<String, _>(0)).unwrap_or_default();
        let whose =
            if holders.is_empty() { String::new() } else { format!(", backend {holders} in pg_stat_activity,") };
        format!(
            "the schema in PostgreSQL at {} is locked: another process{whose} is bringing it up to date, or hangs while it holds \
             the migration lock",
            self.0.place
        )
    }

    fn is_standby(&self) -> String {
        format!(
            "PostgreSQL at {} only reads: it is a standby, or default_transaction_read_only is on. DATABASE_URL must lead to the \
             primary",
            self.0.place
        )
    }

    fn explain_migration(&self, error: sqlx::migrate::MigrateError) -> StoreError {
        use sqlx::migrate::MigrateError;
        match error {
            MigrateError::Execute(error) => self.explain(error),
            MigrateError::ExecuteMigration(error, version) => match self.sentence(&error) {
                Some(message) => away(message),
                None => StoreError::Migrate(MigrateError::ExecuteMigration(error, version)),
            },
            other => StoreError::Migrate(other),
        }
    }

    /// What an error means, if it is about reaching the server or being let in; otherwise the error as it is.
    pub fn explain(&self, error: sqlx::Error) -> StoreError {
        if let sqlx::Error::Database(database) = &error
            && matches!(database.code().as_deref(), Some(code::UNKNOWN_STATEMENT | code::STATEMENT_EXISTS))
        {
            // The next try does without.
            self.note_pooled();
        }
        match self.sentence(&error) {
            Some(message) => away(message),
            None => StoreError::Database(error),
        }
    }

    fn sentence(&self, error: &sqlx::Error) -> Option<String> {
        let place = &self.0.place;
        let peer = format!("PostgreSQL at {place}");
        match error {
            sqlx::Error::Io(error) => explain(error, &peer, Errand::Database),
            sqlx::Error::Tls(error) if error.to_string().contains("does not support TLS") => Some(format!(
                "{peer} offers no TLS, and sslmode asks for it. Switch ssl on in its postgresql.conf, or use sslmode=prefer where \
                 nobody is in between"
            )),
            sqlx::Error::Tls(error) => Some(
                explain(&**error, &peer, Errand::Database)
                    .unwrap_or_else(|| format!("TLS with {peer} failed: {error}")),
            ),
            sqlx::Error::Protocol(text) if text.contains("SSLRequest") => {
                Some(format!("what answers at {place} is not PostgreSQL. Check host and port in DATABASE_URL"))
            }
            sqlx::Error::Database(error) => self.sentence_of_server(&peer, &**error),
            _ => None,
        }
    }

    fn sentence_of_server(&self, peer: &str, error: &dyn sqlx::error::DatabaseError) -> Option<String> {
        let code = error.code()?;
        let said = error.message();
        let options = &self.0.options;
        let user = options.get_username();
        Some(match &*code {
            code::UNKNOWN_STATEMENT | code::STATEMENT_EXISTS => format!(
                "a pooler in front of {peer} gives each transaction another connection ({said}); from now on statements are not \
                 prepared"
            ),
            code::READ_ONLY => self.is_standby(),
            code::UNKNOWN_DATABASE => format!(
                "{peer} has no database {:?}. Make it, or check the name in DATABASE_URL",
                options.get_database().unwrap_or(user)
            ),
            code::TOO_MANY_CONNECTIONS => format!(
                "{peer} has no connection left for {user:?} ({said}). Raise max_connections or the role's limit, or put PgBouncer in \
                 front of it"
            ),
            code::CANNOT_CONNECT_NOW => format!("{peer} is starting or recovering ({said})"),
            code::DISK_FULL => format!("the disk of {peer} is full ({said}). Make room on it"),
            // A pooler says everything with the code of a broken protocol.
            "08P01" if said.contains("auth") || said.contains("login") || said.contains("password") => {
                Self::not_let_in(peer, user, said)
            }
            "08P01" if said.contains("no such database") => {
                format!(
                    "the pooler at {} knows no such database ({said}). Check the name in DATABASE_URL",
                    self.0.place
                )
            }
            "08P01" if said.contains("startup parameter") => format!(
                "the pooler at {} refuses a parameter ({said}). Add it to its ignore_startup_parameters",
                self.0.place
            ),
            "08P01" if said.contains("statement pooling") => format!(
                "the pooler at {} keeps not even transactions together ({said}). Use pool_mode = session or transaction",
                self.0.place
            ),
            code if code.starts_with("28") => Self::not_let_in(peer, user, said),
            code if code.starts_with("08") => format!("{peer} broke the connection off ({said})"),
            code if code.starts_with("57P") => format!("{peer} is stopping, or somebody ended the connection ({said})"),
            _ => return None,
        })
    }

    fn not_let_in(peer: &str, user: &str, said: &str) -> String {
        format!(
            "{peer} does not let {user:?} in ({said}). Check user and password in DATABASE_URL, and the server's pg_hba.conf"
        )
    }
}

fn away(message: String) -> StoreError {
    StoreError::Away { message }
}

/// The process at the server that served a client, and when its statement began. Asked without preparing anything.
struct Served {
    process: i32,
    began: String,
}

/// What serves another client while the first one is idle.
enum Beside {
    /// The process of the first one, or that one served somebody else meanwhile.
    Ours,
    /// One that was there already: a pooler had it free.
    Used,
    New,
}

impl Served {
    async fn by(connection: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let sql = "SELECT pid, COALESCE(query_start, clock_timestamp())::text FROM pg_stat_activity \
                   WHERE pid = pg_backend_pid()";
        let row = sqlx::raw_sql(sql).fetch_one(connection).await?;
        Ok(Self { process: row.try_get(0)?, began: row.try_get(1)? })
    }

    /// Leaves the other client in a transaction, so that a pooler can't give its process to the next one.
    async fn beside(&self, other: &mut PgConnection) -> Result<Beside, sqlx::Error> {
        let Self { process, began } = self;
        sqlx::raw_sql("BEGIN").execute(&mut *other).await?;
        let sql = format!(
            "SELECT COALESCE(BOOL_OR(pid = {process} AND (pid = pg_backend_pid() OR query_start <> '{began}')), FALSE)::int, \
             COALESCE(BOOL_OR(pid = pg_backend_pid() AND backend_start < '{began}'), FALSE)::int \
             FROM pg_stat_activity WHERE pid IN (pg_backend_pid(), {process})"
        );
        let row = sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).fetch_one(other).await?;
        Ok(match (row.try_get::<i32, _>(0)?, row.try_get::<i32, _>(1)?) {
            (0, 0) => Beside::New,
            (0, _) => Beside::Used,
            _ => Beside::Ours,
        })
    }
}

/// The lock that sqlx's own migrator takes for a database.
fn lock_id(database: &str) -> i64 {
    0x3d32_ad9e * i64::from(crc32(database.as_bytes()))
}

/// As in zip files and PNG.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_migration_lock_is_that_of_sqlx() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(lock_id("patchbay"), 0x3d32_ad9e * i64::from(crc32(b"patchbay")));
    }

    #[test]
    fn our_authorities_are_wanted_where_the_certificate_is_checked_and_none_are_named() {
        for (query, wanted) in [
            ("", false),
            ("?sslmode=require", false),
            ("?sslmode=verify-ca", true),
            ("?sslmode=verify-full&application_name=a", true),
            ("?sslmode=verify-full&sslrootcert=/etc/ca.pem", false),
            ("?sslrootcert=system", true),
        ] {
            assert_eq!(wants_authorities(&format!("postgres://ada:hush@db.test/patchbay{query}")), wanted, "{query}");
        }
    }

    #[test]
    fn a_file_of_the_address_that_is_not_there_is_named_at_once() {
        let url = "postgres://ada:hush@db.test/patchbay?sslmode=verify-full&sslrootcert=/no%20where/ca.pem";
        let error = Server::open(url, 1, None).unwrap_err().to_string();
        assert!(error.contains("sslrootcert names /no where/ca.pem") && !error.contains("hush"), "{error}");
    }
}
