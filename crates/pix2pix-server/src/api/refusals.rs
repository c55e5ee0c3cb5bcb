//! What the routes answer in place of what is asked for, for the OpenAPI description.

use utoipa::IntoResponses;

use crate::problem::Problem;

/// What routes answer to a client that keeps what they answer.
#[derive(IntoResponses)]
#[allow(dead_code)]
pub enum Kept {
    /// The client has it already, as its `if-none-match` says.
    #[response(status = 304)]
    Same,
}

/// What every route answers to a client that may not use it.
#[derive(IntoResponses)]
#[allow(dead_code)]
pub enum Refused {
    /// The token is missing or wrong.
    #[response(status = 401, content_type = "application/problem+json")]
    Token(Problem),
    /// The request's host name is refused; the server's `hosts` allow it.
    #[response(status = 403, content_type = "application/problem+json")]
    Host(Problem),
}

/// What the routes that take a picture answer when they cannot use it.
#[derive(IntoResponses)]
#[allow(dead_code)]
pub enum Untranslated {
    /// The request is malformed.
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(Problem),
    /// No model has this name.
    #[response(status = 404, content_type = "application/problem+json")]
    Model(Problem),
    /// The body was not received in time.
    #[response(status = 408, content_type = "application/problem+json")]
    Late(Problem),
    /// The body or the picture is too large.
    #[response(status = 413, content_type = "application/problem+json")]
    Large(Problem),
    /// The body is packed (`Content-Encoding`).
    #[response(status = 415, content_type = "application/problem+json")]
    Packed(Problem),
    /// The body is not a picture that the model accepts.
    #[response(status = 422, content_type = "application/problem+json")]
    Picture(Problem),
    /// The client has sent too many pictures.
    #[response(
        status = 429,
        content_type = "application/problem+json",
        headers(("retry-after" = u64, description = "Seconds to wait before trying again."))
    )]
    Rate(Problem),
    /// The queue of pictures is full.
    #[response(
        status = 503,
        content_type = "application/problem+json",
        headers(("retry-after" = u64, description = "Seconds to wait before trying again."))
    )]
    Queue(Problem),
}
