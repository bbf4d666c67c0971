//! Operations on videos, in typed form for the pages that are about them.

use crate::provider::Answer;
use patchbay_domain::Change;

pub trait Video: Send + Sync {
    fn delete_asset<'a>(&'a self, asset: &'a str) -> Answer<'a, Change>;

    /// Address of a still picture of the asset, `width` pixels wide, for a playback id that is public.
    fn thumbnail_url(&self, playback_id: &str, width: u32) -> String;
}
