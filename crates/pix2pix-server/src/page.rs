//! The web page: static files embedded in the program.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::api::App;

macro_rules! files {
    ($($path:literal => $file:literal, $kind:literal;)*) => {
        /// The page's files: path, content and media type.
        const FILES: &[(&str, &str, &str)] = &[$(($path, include_str!(concat!("../page/", $file)), $kind)),*];
    };
}

files! {
    "/" => "index.html", "text/html; charset=utf-8";
    "/style.css" => "style.css", "text/css; charset=utf-8";
    "/icon.svg" => "icon.svg", "image/svg+xml";
    "/main.js" => "main.js", "text/javascript; charset=utf-8";
    "/api.js" => "api.js", "text/javascript; charset=utf-8";
    "/board.js" => "board.js", "text/javascript; charset=utf-8";
    "/comparison.js" => "comparison.js", "text/javascript; charset=utf-8";
}

/// The page's permissions: its own scripts and styles, its own images, blobs and data URLs, and requests to its own
/// server.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: \
    data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page's routes.
pub fn routes() -> Router<Arc<App>> {
    let answer = |content: &'static str, kind: &'static str| -> Response {
        // always revalidate: a new version of the program has a new page
        let headers = [
            (header::CONTENT_TYPE, kind),
            (header::CACHE_CONTROL, "no-cache"),
        ];
        (headers, content).into_response()
    };
    FILES
        .iter()
        .fold(Router::new(), |router, &(path, content, kind)| {
            router.route(path, get(move || async move { answer(content, kind) }))
        })
}
