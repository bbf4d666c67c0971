//! What staff can do with a video.

use super::{Mux, project};
use crate::{provider::Answer, video::Video};
use patchbay_domain::Change;
use url::form_urlencoded::byte_serialize;

impl Video for Mux {
    fn delete_asset<'a>(&'a self, asset: &'a str) -> Answer<'a, Change> {
        Box::pin(async move { Ok(Change::deleted(project::key(asset), self.client.delete_asset(asset).await?)) })
    }

    fn thumbnail_url(&self, playback_id: &str, width: u32) -> String {
        let id: String = byte_serialize(playback_id.as_bytes()).collect();
        format!("{}/{id}/thumbnail.webp?width={width}", self.image_base_url)
    }
}
