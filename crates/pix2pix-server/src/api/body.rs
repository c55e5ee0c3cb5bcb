//! Receives the picture of a request: as its body, or as a part of a form.

use std::net::IpAddr;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::app::App;
use crate::client;
use crate::connections::Connection;
use crate::problem::Problem;
use crate::queue::Slot;
use crate::rate::Counted;
use crate::uploads::{End, Receiving};

/// Receives a request's picture file, and returns it with its slot in the queue and as one of the client's pictures.
pub async fn receive<'a>(
    app: &'a App,
    connection: &Connection,
    request: Request,
) -> Result<(Vec<u8>, Slot, Counted<'a>), Problem> {
    check_unpacked(request.headers())?;
    let limit = app.settings.largest_body();
    let declared = request.headers().get(header::CONTENT_LENGTH);
    let declared = declared.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limit as u64) {
        return Err(too_large(limit));
    }
    let asking = client::asking(connection.peer, request.headers(), &app.settings.proxies);
    let client = client::client(asking);
    // without a place in the queue, a body would be received for nothing
    if app.queue.len() == app.settings.waiting {
        return Err(app.queue.overload());
    }
    let counted = match &app.rate {
        Some(rate) => rate.count(client).map_err(Problem::too_many)?,
        None => Counted::NOT,
    };
    let received = received(app, client, request).await;
    let (bytes, slot) = counted.unless_overloaded(received)?;
    Ok((bytes, slot, counted))
}

/// Refuses a body that is packed for the way, whose picture nobody would find in it.
fn check_unpacked(headers: &HeaderMap) -> Result<(), Problem> {
    let coding = headers.get(header::CONTENT_ENCODING);
    match coding.map(|coding| String::from_utf8_lossy(coding.as_bytes())) {
        Some(coding) if !coding.eq_ignore_ascii_case("identity") => {
            let detail = format!(
                "the body is packed (Content-Encoding: {coding}); send the picture's file as it is"
            );
            Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
        }
        _ => Ok(()),
    }
}

/// Receives the picture file of a client, which then has a slot in the queue.
async fn received(app: &App, client: IpAddr, request: Request) -> Result<(Vec<u8>, Slot), Problem> {
    let (limit, patience) = (app.settings.largest_body(), app.settings.patience);
    let Some(receiving) = app.uploads.begin(client) else {
        return Err(Problem::overload("too many pictures are being received", 1));
    };
    let read = tokio::select! {
        biased;
        end = receiving.ended() => Err(match end {
            End::NoMemory => Problem::no_memory(),
            End::GaveWay => slow("gave way to others because it was slow".to_string()),
        }),
        read = tokio::time::timeout(patience, read(request, limit, &receiving)) => {
            let seconds = patience.as_secs();
            read.unwrap_or_else(|_| Err(slow(format!("was not received within {seconds} seconds"))))
        }
    };
    let bytes = read?;
    Ok((bytes, app.queue.slot(receiving.received())?))
}

/// The answer to a client that sends too slowly.
fn slow(what: String) -> Problem {
    Problem::new(StatusCode::REQUEST_TIMEOUT, format!("the body {what}"))
}

fn too_large(limit: usize) -> Problem {
    let detail = format!("the body has more than {limit} bytes; send a smaller file");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}

async fn read(request: Request, limit: usize, receiving: &Receiving) -> Result<Vec<u8>, Problem> {
    let count = receiving.counter();
    let request = request.map(|body| {
        Body::new(body.map_frame(move |frame| {
            count(frame.data_ref().map_or(0, Bytes::len));
            frame
        }))
    });
    let kind = request.headers().get(header::CONTENT_TYPE);
    if kind.is_some_and(|kind| is(kind, "multipart/form-data")) {
        return image_of_form(request, limit).await;
    }
    let is_of_fields = kind.is_some_and(|kind| is(kind, "application/x-www-form-urlencoded"));
    let mut body = Limited::new(request.into_body(), limit);
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| match e.is::<LengthLimitError>() {
            true => too_large(limit),
            false => Problem::new(
                StatusCode::BAD_REQUEST,
                format!("the body ends early ({e})"),
            ),
        })?;
        if let Some(data) = frame.data_ref() {
            bytes.extend_from_slice(data);
        }
    }
    if is_of_fields && has_lost_bytes(&bytes) {
        let detail = "the body has no line ends and no zeros, which every picture has; `curl -d` removes them: send it with curl's option data-binary";
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    }
    Ok(bytes)
}

/// Whether a body has this media type. Cases do not matter in its name.
fn is(kind: &HeaderValue, name: &str) -> bool {
    let begin = kind.as_bytes().get(..name.len());
    begin.is_some_and(|begin| begin.eq_ignore_ascii_case(name.as_bytes()))
}

/// Whether a body has none of the bytes that `curl -d` removes: every picture has some of them, in its sizes at least.
fn has_lost_bytes(body: &[u8]) -> bool {
    !body.is_empty() && !body.iter().any(|byte| matches!(byte, 0 | b'\n' | b'\r'))
}

/// The part `image` of a form, which has no other: a parameter that stands in it would be ignored.
#[doc(hidden)] // public for fuzzing
pub async fn image_of_form(request: Request, limit: usize) -> Result<Vec<u8>, Problem> {
    let bad = |detail: String| Problem::new(StatusCode::BAD_REQUEST, detail);
    let wrong = |status: StatusCode, text: String| match status {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(limit),
        status => Problem::new(status, text),
    };
    let form = Multipart::from_request(request, &()).await;
    let mut form = form.map_err(|e| wrong(e.status(), e.body_text()))?;
    let mut image = None;
    while let Some(mut part) = form
        .next_field()
        .await
        .map_err(|e| wrong(e.status(), e.body_text()))?
    {
        if part.name() != Some("image") {
            let name = part.name().unwrap_or_default();
            return Err(bad(format!(
                "the form has a part named {name:?}; it may have one named image alone: parameters stand in the address"
            )));
        }
        if image.is_some() {
            return Err(bad("the form has two parts named image".to_string()));
        }
        let mut bytes = Vec::new();
        let failed = |e: axum::extract::multipart::MultipartError| wrong(e.status(), e.body_text());
        while let Some(chunk) = part.chunk().await.map_err(failed)? {
            bytes.extend_from_slice(&chunk);
        }
        image = Some(bytes);
    }
    image.ok_or_else(|| bad("the form has no part named image".to_string()))
}
