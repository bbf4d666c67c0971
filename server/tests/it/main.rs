//! The real binary over real HTTP, on `SQLite` and, where there is a server for it, on `PostgreSQL`.

mod account;
mod acme;
mod actions;
mod ages;
mod away;
mod backup;
mod broken_log;
mod cases;
mod certificates;
mod cli;
mod cluster;
mod crash;
mod database;
mod deliveries;
mod doctor;
mod export;
mod front_proxy;
mod gate;
mod hostile;
mod inbox;
mod limits;
mod lock;
mod logs;
mod metrics;
mod outbound;
mod pages;
mod poison;
mod postgres;
mod prices;
mod proxies;
mod ready;
mod requests;
#[cfg(feature = "sandbox")]
mod sandbox;
mod schedules;
mod schema;
mod server;
mod sessions;
mod signals;
mod streams;
mod syncs;
mod tls;
mod waiting;
mod webhooks;
mod whose;

/// Each test twice: `sqlite::…` and `postgres::…`.
macro_rules! on_both_databases {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                crate::database::on_sqlite(super::$test).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                crate::database::on_postgres(super::$test).await;
            })+
        }
    };
}
pub(crate) use on_both_databases;
