//! The log: one line a request.

use std::time::Instant;

use axum::extract::Request;
use axum::http::{HeaderName, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use crate::problem::Detail;

/// The model that answers, kept with its response for the log.
#[derive(Clone)]
pub struct Answerer(pub String);

/// The header of a request's identifier.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Writes a line when a request is answered, or when its client has left before that: its status, the milliseconds until
/// its answer began, and what was asked, with the model that answered or what was wrong. Addresses of clients and
/// parameters are not in it.
pub async fn line(request: Request, next: Next) -> Response {
    let id = request.headers().get(REQUEST_ID);
    let id = id.and_then(|id| id.to_str().ok()).unwrap_or_default();
    let (method, path) = (request.method(), pix2pix::one_line(request.uri().path()));
    let mut line = Line {
        begun: Instant::now(),
        what: format!("{method} {path}"),
        id: id.to_string(),
        is_written: false,
    };
    let response = next.run(request).await;
    line.write(&response);
    response
}

/// The line of a request.
struct Line {
    begun: Instant,
    what: String,
    id: String,
    is_written: bool,
}

impl Line {
    fn milliseconds(&self) -> f64 {
        self.begun.elapsed().as_secs_f64() * 1e3
    }

    fn write(&mut self, response: &Response) {
        self.is_written = true;
        let (status, ms, id) = (response.status(), self.milliseconds(), self.id.as_str());
        let told = response.extensions();
        let more = match (told.get::<Detail>(), told.get::<Answerer>()) {
            (Some(Detail(detail)), _) => format!(": {detail}"),
            (None, Some(Answerer(model))) => format!(", {}", pix2pix::one_line(model)),
            (None, None) => String::new(),
        };
        let (what, code) = (&self.what, status.as_u16());
        match status {
            StatusCode::INTERNAL_SERVER_ERROR => {
                tracing::error!(status = code, ms, id, "{what}{more}");
            }
            _ => tracing::info!(status = code, ms, id, "{what}{more}"),
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.is_written {
            let (what, ms, id) = (&self.what, self.milliseconds(), self.id.as_str());
            tracing::info!(ms, id, "{what}: the client has left");
        }
    }
}
