//! The part of a request's body that its answer does not need. A client that still sends it when its connection is closed would
//! not get the answer.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::runtime::Handle;

use crate::app::App;

/// Time without a byte after which the client is taken to have stopped sending.
const QUIET: Duration = Duration::from_secs(1);

/// Answers a request, and reads what its answer has left of the body without keeping it: as much as a body may have, for as long
/// as one may take.
pub async fn discarded(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    // such a client waits for the answer before it sends the body
    let waits = request.headers().contains_key(header::EXPECT);
    let (limit, patience) = (app.settings.largest_body(), app.settings.patience);
    let request = request.map(|body| {
        Body::new(Sent {
            body,
            waits,
            limit,
            patience,
        })
    });
    next.run(request).await
}

/// A body that is read to its end when it is dropped.
struct Sent {
    body: Body,
    /// Whether the client waits to be asked for the body.
    waits: bool,
    limit: usize,
    patience: Duration,
}

impl HttpBody for Sent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.waits = false;
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(None | Some(Err(_))) = frame {
            self.body = Body::empty();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        let body = std::mem::take(&mut self.body);
        if self.waits || body.is_end_stream() {
            return;
        }
        // there is none at the server's end
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(tokio::time::timeout(
                self.patience,
                discard(body, self.limit),
            ));
        }
    }
}

/// Reads what a client sends without keeping it, up to `limit` bytes.
async fn discard(mut body: Body, limit: usize) {
    let mut read = 0;
    while let Ok(Some(Ok(frame))) = tokio::time::timeout(QUIET, body.frame()).await {
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > limit {
            return;
        }
    }
}
