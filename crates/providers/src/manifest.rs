//! What a provider says of itself, without any account of it. Everything else reads this.

use patchbay_domain::{
    Kind,
    kind::{KindSpec, Mirror},
};

/// What a provider is, without any account of it.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Part of URLs and of connection names: `stripe`.
    pub id: &'static str,
    /// As people write it: `Stripe`.
    pub name: &'static str,
    /// The API version that requests pin and types follow.
    pub api_version: &'static str,
    /// Group of the navigation it belongs to: `billing`, `video`.
    pub area: &'static str,
    /// Kinds of records it brings, in the order a sync reads them.
    pub kinds: &'static [KindSpec],
    /// What its keys must be allowed to read.
    pub needs: &'static [Need],
    /// Names of the environment variables it reads; the first ones are required.
    pub variables: &'static [Variable],
    /// Event types that the projection reads.
    pub event_types: &'static [&'static str],
    /// Headers of its deliveries that explain a signature or a resend, in lower case. They are kept with each event.
    pub kept_headers: &'static [&'static str],
    /// Origins of the provider's own pages that our forms lead to. Browsers send forms nowhere else.
    pub hosted_pages: &'static [&'static str],
}

impl Manifest {
    /// A kind as it is declared here.
    pub fn kind(&self, kind: &Kind) -> Option<&'static KindSpec> {
        self.kinds.iter().find(|spec| spec.kind == *kind)
    }

    /// The kinds that syncs list, in the order of reading.
    pub fn listed(&self) -> impl Iterator<Item = &'static Kind> {
        self.kinds.iter().filter(|spec| matches!(spec.mirror, Mirror::Full(_))).map(|spec| &spec.kind)
    }

    /// What keys must be allowed to read for a kind; without one, for the account itself.
    pub fn need(&self, kind: Option<&Kind>) -> Option<&'static Need> {
        self.needs.iter().find(|need| need.kind.as_ref() == kind)
    }
}

/// A right that keys must have.
#[derive(Debug)]
pub struct Need {
    /// Which records it is about; none for the account itself.
    pub kind: Option<Kind>,
    /// As the provider names it where keys are made.
    pub permission: &'static str,
    /// What does not work without it.
    pub without: &'static str,
}

#[derive(Debug)]
pub struct Variable {
    pub name: &'static str,
    pub required: bool,
    pub secret: bool,
    pub help: &'static str,
}
