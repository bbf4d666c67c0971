//! The site's files: inside the binary in a release, read from the disk in development.

use axum::{
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};

#[derive(rust_embed::Embed)]
#[folder = "../target/site"]
#[allow_missing = true]
struct Site;

/// Serves one file; an unknown one is a real 404, never a page.
pub async fn serve(uri: Uri, request: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let Some(file) = Site::get(path) else {
        return (StatusCode::NOT_FOUND, "There is no such file.").into_response();
    };
    let hash = file.metadata.sha256_hash();
    let headers = [
        (header::CONTENT_TYPE, file.metadata.mimetype().to_owned()),
        (header::ETAG, etag(&hash)),
        (header::CACHE_CONTROL, "public, max-age=300, stale-while-revalidate=86400".to_owned()),
        (header::VARY, "accept-encoding".to_owned()),
    ];
    match compressed(path, &hash).filter(|_| takes_brotli(&request)) {
        Some(small) => (headers, [(header::CONTENT_ENCODING, "br")], small.data).into_response(),
        None => (headers, file.data).into_response(),
    }
}

/// What the release build compressed beforehand (`xtask/src/compress.rs`); other files are compressed on the way.
fn compressed(path: &str, hash: &[u8; 32]) -> Option<rust_embed::EmbeddedFile> {
    Site::get(&format!("{path}.{}.br", hex::encode(hash.get(..8)?)))
}

fn takes_brotli(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // `br;q=0` refuses it.
    accepted.split(',').map(str::trim).any(|name| name == "br" || (name.starts_with("br;") && !name.ends_with("q=0")))
}

/// Whether the browser's files were built; without them pages have no style.
pub fn are_built() -> bool {
    Site::get("pkg/patchbay.css").is_some()
}

fn etag(hash: &[u8; 32]) -> String {
    format!("\"{}\"", hex::encode(&hash[..8]))
}
