//! Errors as problem JSON (RFC 9457).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An error response to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Type of the problem: always `about:blank`, as the status says it all.
    #[serde(rename = "type")]
    pub kind: String,
    /// Standard phrase of the status.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What is wrong with the request, and how to correct it.
    pub detail: String,
    /// Seconds to wait before trying again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl Problem {
    /// A problem with this status and detail.
    pub fn new(status: StatusCode, detail: impl AsRef<str>) -> Self {
        Self {
            kind: "about:blank".to_string(),
            title: status.canonical_reason().unwrap_or("Error").to_string(),
            status: status.as_u16(),
            // it may repeat what the client has sent
            detail: pix2pix::one_line(detail.as_ref()),
            retry_after: None,
        }
    }

    /// An internal error (500).
    pub fn internal() -> Self {
        let detail = "internal error; see the server's log for the cause";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }

    /// Too many pictures of one visitor (429); `seconds` is the time to wait before trying again.
    pub fn too_many(seconds: u64) -> Self {
        let detail = format!(
            "you have sent more pictures than this server takes from one visitor; try again in {seconds} s"
        );
        Self {
            retry_after: Some(seconds),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, detail)
        }
    }

    /// An overload (503) for the `reason`; `seconds` is the time to wait before trying again.
    pub fn overload(reason: &str, seconds: u64) -> Self {
        let detail = format!("{reason}; try again in {seconds} s");
        Self {
            retry_after: Some(seconds),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        }
    }

    /// Whether it is an overload (503): the same request may succeed later.
    pub fn is_overload(&self) -> bool {
        self.status == StatusCode::SERVICE_UNAVAILABLE.as_u16()
    }

    /// An overload (503), because the pictures of others need the memory.
    pub fn no_memory() -> Self {
        Self::overload("other pictures need the server's memory", 1)
    }
}

/// What a problem says, kept with its response for the log.
#[derive(Clone)]
pub struct Detail(pub String);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (retry_after, detail) = (self.retry_after, Detail(self.detail.clone()));
        let mut response = (status, Json(self)).into_response();
        response.extensions_mut().insert(detail);
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        // of media types, only packed ones are refused
        if status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
            let coding = HeaderValue::from_static("identity");
            headers.insert(header::ACCEPT_ENCODING, coding);
        }
        response
    }
}
