//! The routes that take a picture: its translation, and its preview.

use std::error::Error as _;
use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use pix2pix::data::Domain;
use pix2pix::data::picture::{Outside, Picture};
use pix2pix::model::{Scale, TranslateOptions};
use serde::de::value::{self, StringDeserializer};
use serde::de::{DeserializeOwned, Error as _, IntoDeserializer};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::blocking;
use super::body::receive;
use super::decoding::{Limits, decoded};
use super::picture_file::PictureFile;
use super::refusals::{Refused, Untranslated};
use crate::app::App;
use crate::connections::Connection;
use crate::encoding::{self, Encoding};
use crate::log::Answerer;
use crate::memory::Held;
use crate::metrics::Unanswered;
use crate::models::Model;
use crate::problem::Problem;
use crate::queue::{Job, Slot, Translated};

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

/// The scale at which a picture is translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AtScale {
    /// Its own.
    Native,
    /// That of the training.
    Train,
}

impl From<AtScale> for Scale {
    fn from(scale: AtScale) -> Self {
        match scale {
            AtScale::Native => Self::Native,
            AtScale::Train => Self::Train,
        }
    }
}

/// Query parameters of a translation.
#[derive(Clone, Debug, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TranslateQuery {
    /// Name of the model; the first model by default, and if it is empty.
    pub model: Option<String>,
    /// Random seed of the dropout; each seed gives a different picture.
    #[param(default = 0)]
    #[serde(deserialize_with = "seed")]
    pub seed: u64,
    /// Dropout, as in the paper; on by default.
    #[param(inline)]
    #[serde(deserialize_with = "switch")]
    pub dropout: Switch,
    /// The scale: native by default, the picture's own. With train, it is resized as the training pictures were, and the result
    /// is resized back; a model that does not know how they were refuses it.
    #[param(inline)]
    #[serde(deserialize_with = "at_scale")]
    pub scale: AtScale,
    /// File format of the result; png by default.
    #[param(inline)]
    #[serde(deserialize_with = "format")]
    pub format: Encoding,
    /// The result as 8-bit RGB to look at, black to white over the range of the model's targets; off by default. Of more
    /// than three channels, it shows the first three; of two, the first one is green and the second one magenta.
    #[param(inline)]
    #[serde(deserialize_with = "switch")]
    pub display: Switch,
}

/// Reads a seed, whose range the refusal names.
fn seed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    let most = u64::MAX;
    let refusal = || D::Error::custom(format!("{text:?} is not a whole number from 0 to {most}"));
    text.parse().map_err(|_| refusal())
}

fn switch<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Switch, D::Error> {
    word(deserializer, "on or off")
}

fn at_scale<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AtScale, D::Error> {
    word(deserializer, "native or train")
}

fn format<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Encoding, D::Error> {
    word(deserializer, "png, tiff, npy, jpeg or webp")
}

/// Reads a word in capitals or not; a refusal names the `words` that there are.
fn word<'de, D, T>(deserializer: D, words: &str) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let text = String::deserialize(deserializer)?;
    let lower: StringDeserializer<value::Error> = text.to_lowercase().into_deserializer();
    T::deserialize(lower)
        .map_err(|_| D::Error::custom(format!("{text:?} is not known; choose {words}")))
}

impl Default for TranslateQuery {
    fn default() -> Self {
        Self {
            model: None,
            seed: 0,
            dropout: Switch::On,
            scale: AtScale::Native,
            format: Encoding::default(),
            display: Switch::Off,
        }
    }
}

/// A picture in a multipart form, which has no other part: parameters stand in the address.
#[derive(ToSchema)]
#[allow(dead_code)] // only for the OpenAPI description; the form is read part by part
struct Form {
    /// The picture.
    #[schema(value_type = String, format = Binary)]
    image: Vec<u8>,
}

/// Translates a picture: JPEG, PNG, WebP, TIFF, BMP or npy, sent as the body or as the part `image` of a form.
///
/// The result has the size of the picture and the channels of the model's targets.
#[utoipa::path(
    post,
    path = "/v1/translate",
    params(TranslateQuery),
    request_body(
        content((PictureFile = "image/*"), (PictureFile = "application/octet-stream"), (Form = "multipart/form-data")),
        description = "The picture."
    ),
    responses(
        (status = 200, description = "The translated picture.",
         content((PictureFile = "image/png"), (PictureFile = "image/tiff"), (PictureFile = "application/octet-stream"), (PictureFile = "image/jpeg"), (PictureFile = "image/webp")),
         headers(("pix2pix-clipped" = String, description = "Share of the picture's values that lie outside of the model's range and were clipped; absent if none."),
                 ("pix2pix-note" = String, description = "How the picture is unlike those of training: other channels, another depth, another scale, much smaller; absent if it is like them."),
                 ("pix2pix-model" = String, description = "The name of the model that answered, percent-encoded where it is not ASCII."),
                 ("pix2pix-step" = u64, description = "Its training step."),
                 ("server-timing" = String, description = "The time of the translation; of pictures that were translated together, an equal share."))),
        Refused,
        Untranslated,
    )
)]
pub async fn translate(
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
    let (query, model) = asked(app, query)?;
    let (bytes, mut slot, counted) = receive(app, connection, request).await?;
    let _answering = connection.answering();
    let (limits, used, scale) = (Limits::of(app), model.clone(), query.scale.into());
    // the slot moves with the picture: even without a client, the picture counts as long as it is in memory
    let (picture, slot) = blocking(move || {
        let picture = decoded(bytes, &used, (scale, limits), &mut slot.held);
        (picture, slot)
    })
    .await?;
    let (picture, nodata) = counted.unless_overloaded(picture)?;
    let of_scale = other_scale(&model, &picture, scale);
    let note = note(&model, &picture, scale, of_scale);
    let options = TranslateOptions {
        dropout: query.dropout == Switch::On,
        seed: query.seed,
        scale,
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
        ("pix2pix-model", percent_encoded(&model.info.name)),
        ("pix2pix-step", model.info.step.to_string()),
    ];
    let headers = headers(encoding, outside, note, more);
    let answerer = Extension(Answerer(model.info.name.clone()));
    Ok((answerer, headers, Answer::body(file, slot)).into_response())
}

/// A name as a header can carry it: visible ASCII as it is, other bytes and the percent sign itself as `%` and two digits.
fn percent_encoded(name: &str) -> String {
    let encoded = name.bytes().map(|byte| match byte {
        b' '..=b'~' if byte != b'%' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    encoded.collect()
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
    let Query(query) = query.map_err(|e| misread(&e))?;
    let model = found(app, query.model.clone())?;
    // before the picture is sent
    let known = model.translator.at_scale([1, 1], query.scale.into());
    known.map_err(|e| Problem::new(StatusCode::BAD_REQUEST, format!("the parameters: {e}")))?;
    Ok((query, model))
}

/// What is wrong with the parameters, without the words of the framework.
fn misread(rejection: &QueryRejection) -> Problem {
    let reason = rejection.source().map(ToString::to_string);
    let reason = reason.unwrap_or_else(|| rejection.body_text());
    Problem::new(StatusCode::BAD_REQUEST, format!("the parameters: {reason}"))
}

/// The model of this name. A form sends an empty one where nothing is chosen.
fn found(app: &App, name: Option<String>) -> Result<Arc<Model>, Problem> {
    let name = name.filter(|name| !name.is_empty());
    app.models.get(name.as_deref()).ok_or_else(|| {
        let detail = match name {
            Some(name) => format!("no model is named {name:?}; /v1/models lists the models"),
            None => "there is no model yet: the training has not saved a checkpoint".to_string(),
        };
        Problem::new(StatusCode::NOT_FOUND, detail)
    })
}

/// What to say of a picture that is translated at another scale than the training's.
fn other_scale(model: &Model, picture: &Picture, scale: Scale) -> Option<String> {
    let known = model.translator.config.scale;
    let known = known.filter(|_| scale == Scale::Native)?;
    let found = known.unlike(picture.size())?;
    Some(format!("{found}; scale=train translates at that scale"))
}

/// How a picture that is translated at a scale is unlike those that the model was trained on; empty if it is like them.
fn note(model: &Model, picture: &Picture, scale: Scale, of_scale: Option<String>) -> String {
    let config = &model.translator.config;
    let conversion = config
        .source
        .conversion(picture.channels(), picture.depth());
    let conversion = conversion.map(|found| format!("it has {found}"));
    let of_size = of_scale.or_else(|| config.smallness(picture.size(), scale));
    let notes = [conversion, of_size];
    notes.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Query parameters of a preview.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PreviewQuery {
    /// Name of the model; the first model by default, and if it is empty.
    pub model: Option<String>,
}

/// Renders a picture to look at, as the model takes it: 8-bit RGB as PNG, black to white over the range of the model's
/// sources; where these have 8 bits over a range of their own, the values themselves. The model reads the rendering as the
/// picture. Browsers open neither TIFF nor npy, and show the values of a camera nearly black.
#[utoipa::path(
    post,
    path = "/v1/preview",
    params(PreviewQuery),
    request_body(
        content((PictureFile = "image/*"), (PictureFile = "application/octet-stream"), (Form = "multipart/form-data")),
        description = "The picture."
    ),
    responses(
        (status = 200, description = "The rendering.", body = PictureFile, content_type = "image/png",
         headers(("pix2pix-clipped" = String, description = "As of a translation."), ("pix2pix-note" = String, description = "As of a translation."))),
        Refused,
        Untranslated,
    )
)]
pub async fn preview(
    State(app): State<Arc<App>>,
    Extension(connection): Extension<Arc<Connection>>,
    query: Result<Query<PreviewQuery>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|e| misread(&e))?;
    let model = found(&app, query.model)?;
    let answerer = Extension(Answerer(model.info.name.clone()));
    let (bytes, mut slot, counted) = receive(&app, &connection, request).await?;
    let _answering = connection.answering();
    let limits = Limits::of(&app);
    let rendered = blocking(move || {
        let (picture, tag) = decoded(bytes, &model, (Scale::Native, limits), &mut slot.held)?;
        let source = &model.translator.config.source;
        let shown = encoding::drawn(source, &picture);
        // whoever looks at it may scale it
        let note = note(&model, &picture, Scale::Native, None);
        // before a conversion, as for a translation
        let outside = model.translator.outside_known(&picture, tag);
        let file = Encoding::Png.encode(&shown.into(), &Domain::default());
        let file = file.map_err(|e| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, e))?;
        Ok::<_, Problem>((file, note, outside, slot))
    });
    let (file, note, outside, slot) = counted.unless_overloaded(rendered.await?)?;
    let headers = headers(Encoding::Png, outside, note, []);
    Ok((answerer, headers, Answer::body(file, slot)).into_response())
}
