//! Contents that clients keep: whoever has one already is told so in its place.

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use pix2pix::data::sha256;

/// A content with the tag that names it.
pub struct Tagged {
    content: Bytes,
    kind: &'static str,
    /// Names this content (RFC 9110, section 8.8.3).
    tag: String,
}

impl Tagged {
    /// A content of this media type.
    pub fn new(content: Bytes, kind: &'static str) -> Self {
        let tag = format!("\"{}\"", &sha256::of(&content)[..16]);
        Self { content, kind, tag }
    }

    /// The content itself.
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    /// The content, unless the client that asks has it already (304).
    pub fn answer(&self, asked: &HeaderMap) -> Response {
        let had = asked.get_all(header::IF_NONE_MATCH).iter();
        let mut had = had.flat_map(|line| line.to_str().unwrap_or_default().split(','));
        // a proxy that packs the content calls it alike (W/)
        let has = had.any(|tag| {
            let tag = tag.trim();
            tag == "*" || tag.trim_start_matches("W/") == self.tag
        });
        let headers = [
            (header::ETAG, self.tag.as_str()),
            // always ask again: a new version of the program has a new page, and a model that is loaded again other examples
            (header::CACHE_CONTROL, "no-cache"),
        ];
        match has {
            true => (StatusCode::NOT_MODIFIED, headers).into_response(),
            false => {
                let kind = [(header::CONTENT_TYPE, self.kind)];
                (headers, kind, self.content.clone()).into_response()
            }
        }
    }
}
