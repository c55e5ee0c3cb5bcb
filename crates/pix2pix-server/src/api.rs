//! The API: routes, their parameters, and their OpenAPI description.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{
    DefaultBodyLimit, FromRequest, Multipart, Path as PathParts, Query, Request, State,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use pix2pix::data::picture::{
    self, Content, Format, Header, MAX_METADATA, Metadata, Outside, Page, Picture,
};
use pix2pix::data::{Domain, Pages};
use pix2pix::model::TranslateOptions;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{IntoParams, IntoResponses, Modify, OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::client;
use crate::connections::Connection;
use crate::encoding::Encoding;
use crate::memory::Held;
use crate::metrics::{Metrics, Unanswered};
use crate::models::{Model, ModelInfo, Models};
use crate::problem::Problem;
use crate::queue::{Job, Queue, Slot, Translated};
use crate::rate::Rate;
use crate::settings::Settings;
use crate::training::{Training, TrainingInfo};
use crate::uploads::{End, Receiving, Uploads};

/// State shared by all requests.
pub struct App {
    /// The server's settings.
    pub settings: Settings,
    /// The served models.
    pub models: Arc<Models>,
    /// The queue of pictures to translate.
    pub queue: Queue,
    /// The request bodies that arrive.
    pub uploads: Arc<Uploads>,
    /// The limit on each client's pictures, if there is one.
    pub rate: Option<Rate>,
    /// The training that the page shows, if there is one.
    pub training: Option<Arc<Training>>,
    /// The Prometheus metrics.
    pub metrics: Arc<Metrics>,
    /// Whether the server is shutting down.
    pub stopping: AtomicBool,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    /// On.
    #[serde(alias = "true", alias = "1")]
    On,
    /// Off.
    #[serde(alias = "false", alias = "0")]
    Off,
}

/// Query parameters of a translation.
#[derive(Clone, Debug, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TranslateQuery {
    /// Name of the model; the first model by default.
    pub model: Option<String>,
    /// Random seed of the dropout; each seed gives a different picture.
    #[param(default = 0)]
    pub seed: u64,
    /// Dropout, as in the paper; on by default.
    #[param(inline)]
    pub dropout: Switch,
    /// File format of the result; png by default.
    #[param(inline)]
    pub format: Encoding,
    /// The result as 8-bit RGB to look at, black to white over the range of the model's targets; off by default. Of more
    /// than three channels, it shows the first three.
    #[param(inline)]
    pub display: Switch,
}

impl Default for TranslateQuery {
    fn default() -> Self {
        Self {
            model: None,
            seed: 0,
            dropout: Switch::On,
            format: Encoding::default(),
            display: Switch::Off,
        }
    }
}

/// A picture in a multipart form.
#[derive(ToSchema)]
#[allow(dead_code)] // only for the OpenAPI description; the form is read part by part
struct Form {
    /// The picture.
    #[schema(value_type = String, format = Binary)]
    image: Vec<u8>,
}

/// The served models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModelList {
    /// The models; the first one is the default.
    pub models: Vec<ModelInfo>,
    /// Whether the server belongs to a training, of which `/v1/training` tells.
    pub training: bool,
}

/// What every route answers to a client that may not use it.
#[derive(IntoResponses)]
#[allow(dead_code)] // only for the OpenAPI description
enum Refused {
    /// The token is missing or wrong.
    #[response(status = 401, content_type = "application/problem+json")]
    Token(Problem),
    /// The request's host name is refused; the server's `hosts` allow it.
    #[response(status = 403, content_type = "application/problem+json")]
    Host(Problem),
}

/// What the routes that take a picture answer when they cannot use it.
#[derive(IntoResponses)]
#[allow(dead_code)] // only for the OpenAPI description
enum Untranslated {
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

#[derive(OpenApi)]
#[openapi(
    info(title = "pix2pix", description = "Paired image-to-image translation (Isola et al., CVPR 2017)."),
    modifiers(&Token),
    security(("token" = []), ())
)]
struct Document;

/// The OpenAPI security scheme for `--token`.
struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme.build()));
    }
}

/// The API's routes, with `/openapi.json`, which describes all the others.
pub fn routes(app: &Arc<App>) -> axum::Router<Arc<App>> {
    let mut guarded = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(translate))
        .routes(routes!(preview))
        .routes(routes!(models))
        .routes(routes!(example));
    if app.training.is_some() {
        guarded = guarded.routes(routes!(training)).routes(routes!(sheet));
    }
    let token = axum::middleware::from_fn_with_state(app.clone(), with_token);
    let guarded = guarded.layer(token);
    let open = OpenApiRouter::new()
        .routes(routes!(health))
        .routes(routes!(ready))
        .routes(routes!(metrics));
    let (router, document) = guarded.merge(open).split_for_parts();
    let document = Arc::new(document);
    let describe = move || async move { Json(document.as_ref().clone()) };
    router
        .route("/openapi.json", axum::routing::get(describe))
        .layer(DefaultBodyLimit::max(app.settings.body_bytes))
}

/// Refuses requests without the access token, if the server has one.
async fn with_token(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let Some(token) = &app.settings.token else {
        return next.run(request).await;
    };
    let given = request.headers().get(header::AUTHORIZATION);
    let given = given.and_then(|value| {
        let (scheme, token) = value.as_bytes().split_at_checked(7)?;
        // the name of a scheme has no case (RFC 9110, section 11.1)
        scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
    });
    // a constant-time comparison, so that timing does not reveal parts of the token
    if given.is_some_and(|given| given.ct_eq(token.as_bytes()).into()) {
        return next.run(request).await;
    }
    let detail =
        "Enter the access token to use this demo; programs send it as Authorization: Bearer TOKEN";
    Problem::new(StatusCode::UNAUTHORIZED, detail).into_response()
}

/// Translates a picture: JPEG, PNG, WebP, TIFF, BMP or npy, sent as the body or as the part `image` of a form.
///
/// The result has the size of the picture and the channels of the model's targets.
#[utoipa::path(
    post,
    path = "/v1/translate",
    params(TranslateQuery),
    request_body(
        content((Vec<u8> = "image/*"), (Vec<u8> = "application/octet-stream"), (Form = "multipart/form-data")),
        description = "The picture."
    ),
    responses(
        (status = 200, description = "The translated picture.",
         content((Vec<u8> = "image/png"), (Vec<u8> = "image/tiff"), (Vec<u8> = "application/octet-stream"), (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/webp")),
         headers(("pix2pix-clipped" = String, description = "Share of the picture's values that lie outside of the model's range and were clipped; absent if none."),
                 ("pix2pix-note" = String, description = "How the picture is unlike those of training: other channels, another depth, much smaller; absent if it is like them."))),
        Refused,
        Untranslated,
    )
)]
async fn translate(
    State(app): State<Arc<App>>,
    Extension(connection): Extension<Arc<Connection>>,
    query: Result<Query<TranslateQuery>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let unanswered = Unanswered::new(&app.metrics);
    let answer = answer(&app, &connection, query, request).await;
    unanswered.answered();
    answer
}

async fn answer(
    app: &App,
    connection: &Arc<Connection>,
    query: Result<Query<TranslateQuery>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let (query, model) = match asked(app, query) {
        Ok(asked) => asked,
        Err(problem) => return Err(refused(app, request, problem)),
    };
    let (bytes, held) = body(app, connection, request).await?;
    let _answering = connection.answering();
    let mut slot = app.queue.slot(held)?;
    let (limits, used) = (Limits::of(app), model.clone());
    // the slot moves with the picture: even without a client, the picture counts as long as it is in memory
    let (picture, slot) = blocking(move || {
        let picture = decoded(bytes, &used, limits, &mut slot.held);
        (picture, slot)
    })
    .await?;
    let (picture, nodata) = picture?;
    let note = note(&model, &picture);
    let options = TranslateOptions {
        dropout: query.dropout == Switch::On,
        seed: query.seed,
        nodata,
        ..TranslateOptions::default()
    };
    let job = Job {
        model: model.clone(),
        picture,
        options,
        slot,
    };
    let Translated {
        picture,
        outside,
        took,
        slot,
    } = app.queue.translate(job).await?;
    let (encoding, target) = (query.format, model.translator.config.target.clone());
    let display = query.display == Switch::On;
    let encode = move || {
        let (picture, domain) = if display {
            (target.shown(&picture).into(), Domain::default())
        } else {
            (picture, target)
        };
        (encoding.encode(&picture, &domain), slot)
    };
    let (file, slot) = blocking(encode).await?;
    let file = file.map_err(|e| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, e))?;
    let millis = took.as_secs_f64() * 1e3;
    let more = [
        ("server-timing", format!("translate;dur={millis:.1}")),
        ("pix2pix-model", model.info.name.clone()),
        ("pix2pix-step", model.info.step.to_string()),
    ];
    let headers = headers(encoding, outside, note, more);
    Ok((headers, Answer::body(file, slot)).into_response())
}

/// The headers of a picture of this encoding, with what is to be said of the one that was sent, and `more`.
fn headers<const N: usize>(
    encoding: Encoding,
    outside: Outside,
    note: String,
    more: [(&'static str, String); N],
) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut tell = |name: &'static str, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    };
    tell("content-type", encoding.media_type().to_string());
    tell("cache-control", "no-store".to_string());
    for (name, value) in more {
        tell(name, value);
    }
    if outside.clipped > 0 {
        tell("pix2pix-clipped", outside.share());
    }
    if !note.is_empty() {
        tell("pix2pix-note", note);
    }
    headers
}

/// A result, with the memory that it holds.
struct Answer {
    file: Vec<u8>,
    _held: Held,
}

impl Answer {
    /// A result, whose memory is held until the client has it all. Its place in the queue is free.
    fn body(file: Vec<u8>, slot: Slot) -> Bytes {
        let Slot { mut held, .. } = slot;
        held.shrink_to(file.len() as u64);
        Bytes::from_owner(Self { file, _held: held })
    }
}

impl AsRef<[u8]> for Answer {
    fn as_ref(&self) -> &[u8] {
        &self.file
    }
}

/// The parameters of a translation, and its model.
fn asked(
    app: &App,
    query: Result<Query<TranslateQuery>, QueryRejection>,
) -> Result<(TranslateQuery, Arc<Model>), Problem> {
    let Query(query) = query.map_err(|e| Problem::new(StatusCode::BAD_REQUEST, e.body_text()))?;
    let model = found(app, query.model.clone())?;
    Ok((query, model))
}

/// The model of this name.
fn found(app: &App, name: Option<String>) -> Result<Arc<Model>, Problem> {
    app.models.get(name.as_deref()).ok_or_else(|| {
        let detail = match name {
            Some(name) => format!("no model is named {name:?}; /v1/models lists the models"),
            None => "there is no model yet: the training has not saved a checkpoint".to_string(),
        };
        Problem::new(StatusCode::NOT_FOUND, detail)
    })
}

/// Runs CPU-bound work on a thread where it does not block other requests.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Problem::internal())
}

/// Refuses a request at once. What its client still sends is read without being kept, so that it gets the answer.
fn refused(app: &App, request: Request, problem: Problem) -> Problem {
    let Settings {
        body_bytes,
        patience,
        ..
    } = app.settings;
    // such a client waits for the answer before it sends the body
    if !request.headers().contains_key(header::EXPECT) {
        let rest = discard(request.into_body(), body_bytes);
        tokio::spawn(tokio::time::timeout(patience, rest));
    }
    problem
}

/// Receives a request's picture file, and returns it with the memory that it holds.
async fn body(
    app: &App,
    connection: &Connection,
    request: Request,
) -> Result<(Vec<u8>, Held), Problem> {
    let Settings {
        body_bytes,
        patience,
        ..
    } = app.settings;
    let declared = request.headers().get(header::CONTENT_LENGTH);
    let declared = declared.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > body_bytes as u64) {
        return Err(refused(app, request, too_large(body_bytes)));
    }
    let asking = client::asking(connection.peer, request.headers(), &app.settings.proxies);
    let client = client::client(asking);
    // without a place in the queue, a body would be received for nothing
    if app.queue.len() == app.settings.waiting {
        return Err(refused(app, request, app.queue.overload()));
    }
    if let Some(Err(seconds)) = app.rate.as_ref().map(|rate| rate.count(client)) {
        return Err(refused(app, request, Problem::too_many(seconds)));
    }
    let Some(receiving) = app.uploads.begin(client) else {
        let problem = Problem::overload("too many pictures are being received", 1);
        return Err(refused(app, request, problem));
    };
    let read = tokio::select! {
        biased;
        end = receiving.ended() => Err(match end {
            End::NoMemory => Problem::no_memory(),
            End::GaveWay => slow("gave way to others because it was slow".to_string()),
        }),
        read = tokio::time::timeout(patience, read(request, body_bytes, &receiving)) => {
            let seconds = patience.as_secs();
            read.unwrap_or_else(|_| Err(slow(format!("was not received within {seconds} seconds"))))
        }
    };
    Ok((read?, receiving.received()))
}

/// The answer to a client that sends too slowly.
fn slow(what: String) -> Problem {
    Problem::new(StatusCode::REQUEST_TIMEOUT, format!("the body {what}"))
}

fn too_large(limit: usize) -> Problem {
    let detail = format!("the body has more than {limit} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}

/// Most parts of a form.
const PARTS: usize = 100;

async fn read(request: Request, limit: usize, receiving: &Receiving) -> Result<Vec<u8>, Problem> {
    let count = receiving.counter();
    let request = request.map(|body| {
        Body::new(body.map_frame(move |frame| {
            count(frame.data_ref().map_or(0, Bytes::len));
            frame
        }))
    });
    let kind = request.headers().get(header::CONTENT_TYPE);
    if kind.is_some_and(is_form) {
        return image_of_form(request, limit).await;
    }
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
    Ok(bytes)
}

/// Whether a body of this media type is a form. Cases do not matter in its name.
fn is_form(kind: &HeaderValue) -> bool {
    const FORM: &[u8] = b"multipart/form-data";
    let name = kind.as_bytes().get(..FORM.len());
    name.is_some_and(|name| name.eq_ignore_ascii_case(FORM))
}

/// The part `image` of a form.
#[doc(hidden)] // public for fuzzing
pub async fn image_of_form(request: Request, limit: usize) -> Result<Vec<u8>, Problem> {
    let bad = |detail: String| Problem::new(StatusCode::BAD_REQUEST, detail);
    let wrong = |status: StatusCode, text: String| match status {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(limit),
        status => Problem::new(status, text),
    };
    let form = Multipart::from_request(request, &()).await;
    let mut form = form.map_err(|e| wrong(e.status(), e.body_text()))?;
    let (mut image, mut parts) = (None, 0);
    while let Some(mut part) = form
        .next_field()
        .await
        .map_err(|e| wrong(e.status(), e.body_text()))?
    {
        parts += 1;
        if parts > PARTS {
            return Err(bad(format!("the form has more than {PARTS} parts")));
        }
        if part.name() != Some("image") {
            continue; // the next call reads over it
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

/// After a refusal, time without a byte after which the client is taken to have stopped sending.
const QUIET: Duration = Duration::from_secs(1);

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

/// The limits of a picture.
#[derive(Clone, Copy)]
struct Limits {
    /// Pixels, width x height.
    pixels: u64,
    /// The memory of all requests, in bytes.
    memory: u64,
}

impl Limits {
    fn of(app: &App) -> Self {
        Self {
            pixels: app.settings.pixels,
            memory: app.uploads.memory.bytes,
        }
    }
}

/// Copies of a picture in memory while it is decoded: the file's strips, the samples as they are stored, converted, and
/// turned.
const DECODED: u64 = 5;
/// Copies of a result: as it is made, as the encoder takes it, and encoded.
const RESULT: u64 = 3;
/// Bytes of a pixel to look at.
const SHOWN: u64 = 3;

/// Refuses volumes, and TIFF files of which the model translates each page: a request has one picture.
fn check_one_picture(content: &Content, pages: Option<Pages>) -> Result<(), Problem> {
    let format = content
        .starts()
        .ok()
        .and_then(|start| Format::guess(&start));
    let what = match format {
        Some(Format::Nifti) => "a volume".to_string(),
        Some(Format::Tiff) if pages == Some(Pages::Each) => match picture::pages(content) {
            0..=1 => return Ok(()),
            count => format!("a TIFF file with {count} pages"),
        },
        _ => return Ok(()),
    };
    let detail = format!(
        "the picture: {what}, and this server translates single pictures; translate it with `pix2pix translate`, or send \
         slice by slice"
    );
    Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail))
}

/// Decodes a picture, after checking its header: its size, the size to which the model pads it (of which the time of the
/// translation depends), its channels and the memory that it needs. Also returns the value that the file names for pixels
/// without data.
fn decoded(
    bytes: Vec<u8>,
    model: &Model,
    limits: Limits,
    held: &mut Held,
) -> Result<(Picture, Option<f32>), Problem> {
    let unlike = |e: pix2pix::Error| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, e.to_string());
    let large = |detail: String| Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail);
    let translator = &model.translator;
    let (name, page) = (Path::new("the picture"), Page::of(translator.config.pages));
    let received = bytes.len() as u64;
    let content = Content::from(bytes);
    let mut hold = |pixels: u64, bytes_of_pixel: u64| {
        let picture = pixels.saturating_mul(bytes_of_pixel);
        let needed = (2 * received + MAX_METADATA as u64).saturating_add(picture);
        if needed > limits.memory {
            let most = limits.memory;
            let detail = format!(
                "it needs {needed} bytes of memory; this server has {most} bytes for all requests"
            );
            return Err(large(detail));
        }
        match held.grow_to(needed) {
            true => Ok(()),
            false => Err(Problem::no_memory()),
        }
    };
    hold(0, 0)?;
    check_one_picture(&content, translator.config.pages)?;
    let header = Header::read(name, &content, page).map_err(unlike)?;
    let ([width, height], most) = (header.size, limits.pixels);
    if header.pixels() > most {
        return Err(large(format!(
            "the picture has {width}x{height} pixels; this server accepts at most {most} pixels"
        )));
    }
    // a narrow picture is padded to many times its pixels
    let area = |size: [u32; 2]| size.map(u64::from).iter().product::<u64>();
    let most = 2 * most.max(area(translator.padded([1, 1])));
    let [width, height] = translator.padded(header.size);
    if area([width, height]) > most {
        return Err(large(format!(
            "the model pads the picture to {width}x{height} pixels; this server translates at most {most}"
        )));
    }
    translator.check_channels(header.channels).map_err(unlike)?;
    let target = &translator.config.target;
    let stored = header.channels as u64 * header.depth.bytes();
    let result = RESULT * (target.channels as u64 * target.depth.bytes()).max(SHOWN);
    hold(header.pixels(), DECODED * stored + result)?;
    let source = Some(&translator.config.source);
    let (picture, format) = picture::decode_as(name, &content, page, source).map_err(unlike)?;
    let nodata = Metadata::read(&content, format, page, header.channels).nodata();
    held.shrink_to(header.bytes() + header.pixels() * result);
    Ok((picture, nodata))
}

/// How a picture is unlike those that the model was trained on; empty if it is like them.
fn note(model: &Model, picture: &Picture) -> String {
    let config = &model.translator.config;
    let conversion = config
        .source
        .conversion(picture.channels(), picture.depth());
    let conversion = conversion.map(|found| format!("it has {found}"));
    let notes = [conversion, config.smallness(picture.size())];
    notes.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Lists the models.
#[utoipa::path(
    get,
    path = "/v1/models",
    responses(
        (status = 200, description = "The models.", body = ModelList),
        Refused,
    )
)]
async fn models(State(app): State<Arc<App>>) -> Json<ModelList> {
    let models = app
        .models
        .all()
        .iter()
        .map(|model| model.info.clone())
        .collect();
    let training = app.training.is_some();
    Json(ModelList { models, training })
}

/// Query parameters of a preview.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PreviewQuery {
    /// Name of the model; the first model by default.
    pub model: Option<String>,
}

/// Renders a picture to look at, as the model takes it: 8-bit RGB as PNG, black to white over the range of the model's
/// sources. Browsers open neither TIFF nor npy, and show the values of a camera nearly black.
#[utoipa::path(
    post,
    path = "/v1/preview",
    params(PreviewQuery),
    request_body(
        content((Vec<u8> = "image/*"), (Vec<u8> = "application/octet-stream"), (Form = "multipart/form-data")),
        description = "The picture."
    ),
    responses(
        (status = 200, description = "The rendering.", body = Vec<u8>, content_type = "image/png",
         headers(("pix2pix-clipped" = String, description = "As of a translation."), ("pix2pix-note" = String, description = "As of a translation."))),
        Refused,
        Untranslated,
    )
)]
async fn preview(
    State(app): State<Arc<App>>,
    Extension(connection): Extension<Arc<Connection>>,
    query: Result<Query<PreviewQuery>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let model = match query {
        Ok(Query(query)) => found(&app, query.model),
        Err(e) => Err(Problem::new(StatusCode::BAD_REQUEST, e.body_text())),
    };
    let model = match model {
        Ok(model) => model,
        Err(problem) => return Err(refused(&app, request, problem)),
    };
    let (bytes, held) = body(&app, &connection, request).await?;
    let _answering = connection.answering();
    let mut slot = app.queue.slot(held)?;
    let limits = Limits::of(&app);
    let rendered = blocking(move || {
        let (picture, tag) = decoded(bytes, &model, limits, &mut slot.held)?;
        let source = &model.translator.config.source;
        let shown = source.shown(&picture);
        let note = note(&model, &picture);
        // before a conversion, as for a translation
        let outside = model.translator.outside_known(&picture, tag);
        let file = Encoding::Png.encode(&shown.into(), &Domain::default());
        let file = file.map_err(|e| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, e))?;
        Ok::<_, Problem>((file, note, outside, slot))
    });
    let (file, note, outside, slot) = rendered.await??;
    let headers = headers(Encoding::Png, outside, note, []);
    Ok((headers, Answer::body(file, slot)).into_response())
}

/// The training that this server belongs to: its progress, curves, contact sheets and log.
#[utoipa::path(
    get,
    path = "/v1/training",
    responses(
        (status = 200, description = "The training.", body = TrainingInfo),
        Refused,
        (status = 404, description = "The server belongs to no training.", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn training(State(app): State<Arc<App>>) -> Result<Json<TrainingInfo>, Problem> {
    let training = app.training.as_ref();
    let training = training.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "no training"))?;
    Ok(Json(training.info()))
}

/// A contact sheet of the training, as PNG.
#[utoipa::path(
    get,
    path = "/v1/training/sheets/{step}",
    params(("step" = u64, Path, description = "A step of the training that has a contact sheet.")),
    responses(
        (status = 200, description = "The contact sheet.", body = Vec<u8>, content_type = "image/png"),
        Refused,
        (status = 404, description = "There is no sheet of this step.", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn sheet(
    State(app): State<Arc<App>>,
    step: Result<PathParts<String>, PathRejection>,
) -> Result<Response, Problem> {
    let step = step.ok().and_then(|PathParts(step)| step.parse().ok());
    let path = step.zip(app.training.as_ref());
    let path = path.and_then(|(step, training)| training.sheet(step));
    let file = match path {
        Some(path) => blocking(move || std::fs::read(path).ok()).await?,
        None => None,
    };
    let detail = "no sheet of this step; /v1/training lists the sheets";
    let file = file.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, detail))?;
    Ok(([(header::CONTENT_TYPE, "image/png")], file).into_response())
}

/// An example input of a model, as PNG.
#[utoipa::path(
    get,
    path = "/v1/models/{model}/examples/{index}",
    params(
        ("model" = String, Path, description = "The model's name."),
        ("index" = usize, Path, description = "The example's number, from 0."),
    ),
    responses(
        (status = 200, description = "The example.", body = Vec<u8>, content_type = "image/png"),
        Refused,
        (status = 404, description = "No example has this number.", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn example(
    State(app): State<Arc<App>>,
    path: Result<PathParts<(String, String)>, PathRejection>,
) -> Result<Response, Problem> {
    // a name that is no text is no model's
    let path = path.ok().map(|PathParts(path)| path);
    let found = path.and_then(|(name, index)| {
        let index: usize = index.parse().ok()?;
        Some((app.models.get(Some(&name))?, index))
    });
    let Some(example) = found
        .as_ref()
        .and_then(|(model, index)| model.examples.get(*index))
    else {
        let detail = "no such example; /v1/models lists the examples";
        return Err(Problem::new(StatusCode::NOT_FOUND, detail));
    };
    Ok(([(header::CONTENT_TYPE, "image/png")], example.png.clone()).into_response())
}

/// Liveness: whether the process runs.
#[utoipa::path(get, path = "/healthz", security(()), responses((status = 200, description = "The process runs.", body = String)))]
async fn health() -> &'static str {
    "ok\n"
}

/// Readiness: whether the server accepts requests; not while it is shutting down.
#[utoipa::path(get, path = "/readyz", security(()), responses(
    (status = 200, description = "The server accepts requests.", body = String),
    (status = 503, description = "The server is shutting down.", body = Problem, content_type = "application/problem+json"),
))]
async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    if app.stopping.load(Ordering::Relaxed) {
        let detail = "the server is shutting down";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail));
    }
    Ok("ready\n")
}

/// Metrics for Prometheus.
#[utoipa::path(get, path = "/metrics", security(()), responses((status = 200, description = "The metrics.", body = String)))]
async fn metrics(State(app): State<Arc<App>>) -> Response {
    app.metrics.waiting.set(app.queue.len() as i64);
    app.metrics.step.reset();
    for model in app.models.all().iter() {
        let step = app.metrics.step.with_label_values(&[&model.info.name]);
        step.set(model.info.step as i64);
    }
    let kind = "text/plain; version=0.0.4";
    ([(header::CONTENT_TYPE, kind)], app.metrics.text()).into_response()
}
