//! A build for production: there are no stand-ins in it.

use super::{Config, Failure};
use axum::Router;
use patchbay_store::Store;
use std::future::{Ready, ready};
use tokio::sync::watch;

/// Never made in this build.
pub enum Stands {}

pub fn open(_config: &mut Config) -> Result<Stands, Failure> {
    Err("this build is for production".into())
}

pub fn claim(_store: &Store) -> Ready<Result<(), Failure>> {
    ready(Ok(()))
}

pub fn cannot_tell(why: &str) -> Failure {
    why.into()
}

pub fn around(router: Router) -> Router {
    router
}

pub fn router(stands: &Stands) -> Router {
    match *stands {}
}

pub fn run(stands: Stands, _stopping: watch::Receiver<bool>) -> Ready<()> {
    let never = stands;
    match never {}
}
