//! The HTTP server: listens for connections, and shuts down gracefully.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Version, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum_server::Handle;
use hyper_util::rt::TokioTimer;
use pix2pix::{for_files, for_threads};
use tokio::sync::Notify;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{Any, CorsLayer};
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::api;
use crate::app::App;
use crate::connections::Connections;
use crate::log::{self, REQUEST_ID};
use crate::metrics::Metrics;
use crate::models::Models;
use crate::origin::Origin;
use crate::page;
use crate::problem::Problem;
use crate::queue::Queue;
use crate::rate::Rate;
use crate::settings::Settings;
use crate::training::LiveTraining;
use crate::unread;
use crate::uploads::Uploads;

/// Longest identifier that a client may give its request; a longer one is replaced.
const LONGEST_ID: usize = 128;
/// Largest head of a request, in bytes.
const HEAD: usize = 1 << 16;
/// How long a server that stops still takes connections, while `/readyz` answers that it does: whoever sends requests here has
/// time to notice.
const NOTICE: Duration = Duration::from_secs(1);
/// How long a browser may remember that a site may use the API.
const PREFLIGHT: Duration = Duration::from_secs(3600);

/// A server bound to its address, ready to run.
pub struct Server {
    app: Arc<App>,
    listener: TcpListener,
}

/// A handle to stop a server.
#[derive(Clone)]
pub struct Stop {
    app: Arc<App>,
}

impl Stop {
    /// Tells that the server stops (`/readyz`), refuses new connections a second later, and stops the server when all accepted
    /// requests are answered. The grace period is for all of it.
    pub fn gracefully(&self) {
        self.app.stopping.store(true, Ordering::Relaxed);
        self.app.stop.notify_one();
    }
}

/// Shuts the server down when it is asked to stop.
async fn stopped(app: Arc<App>, handle: Handle<SocketAddr>) {
    app.stop.notified().await;
    let grace = app.settings.grace;
    let notice = NOTICE.min(grace);
    tokio::time::sleep(notice).await;
    handle.graceful_shutdown(Some(grace - notice));
}

/// Why a server cannot start.
#[derive(Debug)]
pub enum StartError {
    /// It cannot listen on the address.
    Listen(SocketAddr, io::Error),
    /// The system gives it no thread.
    Thread(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(address, reason) => write!(
                f,
                "cannot listen on {address}: {reason}; {}",
                for_files(reason).unwrap_or("choose another port")
            ),
            Self::Thread(reason) => write!(
                f,
                "cannot start the server's thread: {reason}; {}",
                for_threads(reason)
            ),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen(_, reason) | Self::Thread(reason) => Some(reason),
        }
    }
}

impl Server {
    /// Binds the listener to its address. The page also shows the training, if there is one.
    ///
    /// # Errors
    /// When the address is not available, or no thread for translations.
    pub fn bind(
        settings: Settings,
        models: Arc<Models>,
        training: Option<Arc<LiveTraining>>,
    ) -> Result<Self, StartError> {
        let address = settings.listen;
        let bound = TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(listener)
        });
        let listener = bound.map_err(|reason| StartError::Listen(address, reason))?;
        let metrics = Arc::new(Metrics::default());
        let app = App {
            queue: Queue::start(settings.waiting, metrics.clone()).map_err(StartError::Thread)?,
            uploads: Arc::new(Uploads::new(&settings)),
            rate: settings.rate.map(Rate::new),
            settings,
            models,
            training,
            metrics,
            stopping: AtomicBool::new(false),
            stop: Notify::new(),
        };
        Ok(Self {
            app: Arc::new(app),
            listener,
        })
    }

    /// The address with the actual port, also if the settings have port 0.
    ///
    /// # Errors
    /// If the operating system does not report it.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// A handle to stop the server.
    pub fn stop(&self) -> Stop {
        Stop {
            app: self.app.clone(),
        }
    }

    /// Serves until it is stopped.
    ///
    /// # Errors
    /// If the operating system refuses the listener.
    pub async fn run(self) -> std::io::Result<()> {
        let router = router(self.app.clone());
        let settings = &self.app.settings;
        let connections = Connections::new(settings);
        let handle = Handle::new();
        tokio::spawn(stopped(self.app.clone(), handle.clone()));
        let mut server = axum_server::from_tcp(self.listener)?
            .handle(handle)
            .acceptor(connections)
            // HTTP/2 is for encrypted connections; without it, the time for a head begins with the connection
            .http1_only();
        server
            .http_builder()
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(settings.patience)
            .max_buf_size(HEAD);
        server.serve(router.into_make_service()).await
    }
}

fn router(app: Arc<App>) -> Router {
    let header =
        |name: HeaderName, value: HeaderValue| SetResponseHeaderLayer::if_not_present(name, value);
    let plain = HeaderValue::from_static;
    let policy = page::content_security_policy(&app.settings.embed);
    let policy = HeaderValue::from_str(&policy).expect("origins are plain text");
    let router = Router::new()
        .merge(api::routes(&app))
        .merge(page::routes(&app.settings.words))
        .fallback(|| async {
            Problem::new(
                StatusCode::NOT_FOUND,
                "no such path; /openapi.json lists the paths",
            )
        })
        .method_not_allowed_fallback(|| async {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "this path does not accept the method; /openapi.json lists the methods",
            )
        })
        .layer(from_fn_with_state(app.clone(), by_own_name))
        .layer(from_fn(without_long_head))
        .layer(from_fn(in_chunks_alone))
        .layer(from_fn_with_state(app.clone(), counted))
        .layer(CatchPanicLayer::custom(|_| {
            Problem::internal().into_response()
        }));
    let router = match app.settings.cors.as_slice() {
        [] => router,
        sites => router.layer(for_sites(sites)),
    };
    router
        .layer(from_fn_with_state(app.clone(), unread::discarded))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(from_fn(log::line))
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
        .layer(from_fn(without_long_id))
        .layer(header(header::CONTENT_SECURITY_POLICY, policy))
        .layer(header(header::X_CONTENT_TYPE_OPTIONS, plain("nosniff")))
        .layer(header(header::REFERRER_POLICY, plain("no-referrer")))
        .with_state(app)
}

/// Lets scripts of these sites use the API, and answers browsers that ask for it.
fn for_sites(sites: &[Origin]) -> CorsLayer {
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, REQUEST_ID])
        // those that a script may read
        .expose_headers(
            [
                "pix2pix-clipped",
                "pix2pix-note",
                "pix2pix-model",
                "pix2pix-step",
                "retry-after",
                "server-timing",
                "x-request-id",
            ]
            .map(HeaderName::from_static),
        )
        .max_age(PREFLIGHT);
    match sites.iter().any(Origin::is_any) {
        true => layer.allow_origin(Any),
        false => {
            let value = |site: &Origin| {
                HeaderValue::from_str(site.as_str()).expect("an origin is plain text")
            };
            layer.allow_origin(sites.iter().map(value).collect::<Vec<_>>())
        }
    }
}

/// Removes a client's identifier of its request that is too long for every line of the log.
async fn without_long_id(mut request: Request, next: Next) -> Response {
    let id = request.headers().get(REQUEST_ID);
    if id.is_some_and(|id| id.len() > LONGEST_ID || id.to_str().is_err()) {
        request.headers_mut().remove(REQUEST_ID);
    }
    next.run(request).await
}

/// Refuses requests with a head of more than [`HEAD`] bytes. The reader of heads does so by itself only from up to twice as
/// many on.
async fn without_long_head(request: Request, next: Next) -> Response {
    // spaces, colons and line ends
    const BETWEEN: usize = 4;
    let line = request.method().as_str().len() + request.uri().to_string().len();
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| name.as_str().len() + value.len() + BETWEEN);
    if line + headers.sum::<usize>() <= HEAD {
        return next.run(request).await;
    }
    let detail = format!("the head of the request has more than {HEAD} bytes");
    Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, detail).into_response()
}

/// Refuses bodies in other transfer codings than chunks: of `gzip, chunked`, the reader of bodies undoes the chunks alone.
async fn in_chunks_alone(request: Request, next: Next) -> Response {
    let codings = request.headers().get_all(header::TRANSFER_ENCODING);
    let mut codings = codings.iter().map(HeaderValue::as_bytes);
    if codings.all(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"chunked")) {
        return next.run(request).await;
    }
    let detail = "the request's Transfer-Encoding is not chunked alone; send the file as it is, in chunks or with its \
                  Content-Length";
    Problem::new(StatusCode::NOT_IMPLEMENTED, detail).into_response()
}

/// Refuses requests that do not name one host, or one that is not this server's.
async fn by_own_name(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let hosts: Vec<&HeaderValue> = request.headers().get_all(header::HOST).iter().collect();
    let named = match (hosts.as_slice(), request.version()) {
        // older programs, such as health checkers; a browser always names the host
        ([], Version::HTTP_10) => Ok(None),
        ([], _) => Err("the request has no Host header"),
        ([host], _) => match host.to_str() {
            Ok(host) => Ok(Some(host)),
            Err(_) => Err("the request's Host header is not a name"),
        },
        (_, _) => Err("the request has more than one Host header"),
    };
    let named = match named {
        Ok(named) => named,
        Err(detail) => return Problem::new(StatusCode::BAD_REQUEST, detail).into_response(),
    };
    // the name in the request line counts too
    let in_line = request
        .uri()
        .authority()
        .map(|authority| authority.as_str());
    let mut names = named.into_iter().chain(in_line);
    let Some(host) = names.find(|host| !app.settings.is_own_name(host)) else {
        return next.run(request).await;
    };
    let remedy = match app.training {
        // which has no options of a server
        Some(_) => "while a model trains, open the page on this machine, or through `ssh -L`",
        None => "to allow it, add its name, without port, to the server's `host`",
    };
    let detail = format!("requests for host {host:?} are refused; {remedy}");
    Problem::new(StatusCode::FORBIDDEN, detail).into_response()
}

/// Counts responses by route and status.
async fn counted(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("none", MatchedPath::as_str).to_string();
    let response = next.run(request).await;
    let status = response.status();
    app.metrics
        .requests
        .with_label_values(&[route.as_str(), status.as_str()])
        .inc();
    response
}
