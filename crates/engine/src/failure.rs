//! Why a piece of work was not done, and whose fault that is: something in it, or the database's.

use futures::FutureExt;
use patchbay_store::StoreError;
use std::{future::Future, panic::AssertUnwindSafe};

pub(crate) enum Failure {
    Store(StoreError),
    /// The panic hook logs its place.
    Panic,
}

impl Failure {
    /// The same would happen to the same work in a database that is well.
    pub fn blames_the_work(&self) -> bool {
        match self {
            Self::Store(error) => Self::blames(error),
            Self::Panic => true,
        }
    }

    fn blames(error: &StoreError) -> bool {
        !error.is_trouble() && !matches!(error, StoreError::Conflict)
    }

    /// Why the work is to blame, or the error of a database in trouble.
    pub fn apart_from_trouble(self) -> Result<String, StoreError> {
        match self {
            Self::Store(error) if !Self::blames(&error) => Err(error),
            failure => Ok(failure.why()),
        }
    }

    pub fn why(&self) -> String {
        match self {
            Self::Store(error) => error.to_string(),
            Self::Panic => "a panic, whose place is in the log".to_owned(),
        }
    }
}

/// Does it; what panics is a failure like others and ends nothing but itself.
pub(crate) async fn attempt<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, Failure> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(result) => result.map_err(Failure::Store),
        Err(_) => Err(Failure::Panic),
    }
}
