//! The site's files: inside the binary in a release, read from the disk in development.

use axum::{
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};

#[derive(rust_embed::Embed)]
#[folder = "../target/site"]
#[allow_missing = true]
struct Site;

/// Serves one file; an unknown one is a real 404, never a page.
pub async fn serve(uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    let Some(file) = Site::get(path) else {
        return (StatusCode::NOT_FOUND, "There is no such file.").into_response();
    };
    let etag = etag(&file.metadata.sha256_hash());
    let headers = [
        (header::CONTENT_TYPE, file.metadata.mimetype().to_owned()),
        (header::ETAG, etag),
        (header::CACHE_CONTROL, "public, max-age=300, stale-while-revalidate=86400".to_owned()),
    ];
    (headers, file.data).into_response()
}

/// Whether the browser's files were built; without them pages have no style.
pub fn are_built() -> bool {
    Site::get("pkg/patchbay.css").is_some()
}

fn etag(hash: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::from("\"");
    for byte in &hash[..8.min(hash.len())] {
        // Writing to a String cannot fail.
        write!(text, "{byte:02x}").ok();
    }
    text.push('"');
    text
}
