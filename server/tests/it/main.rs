//! The real binary over real HTTP, on `SQLite` and, where there is a server for it, on `PostgreSQL`.

mod away;
mod cli;
mod crash;
mod database;
mod deliveries;
mod export;
mod gate;
mod inbox;
mod logs;
mod pages;
mod server;
mod sessions;

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
