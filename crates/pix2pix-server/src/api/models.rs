//! The routes of the served models.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::picture_file::PictureFile;
use super::refusals::{Kept, Refused};
use crate::app::App;
use crate::models::ModelInfo;
use crate::problem::Problem;
use crate::tagged::Tagged;

/// The served models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModelList {
    /// The models; the first one is the default.
    pub models: Vec<ModelInfo>,
    /// Whether the server belongs to a training, of which `/v1/training` tells.
    pub training: bool,
}

/// Lists the models.
#[utoipa::path(
    get,
    path = "/v1/models",
    responses(
        (status = 200, description = "The models.", body = ModelList),
        Kept,
        Refused,
    )
)]
pub async fn models(State(app): State<Arc<App>>, asked: HeaderMap) -> Result<Response, Problem> {
    let models = app
        .models
        .all()
        .iter()
        .map(|model| model.info.clone())
        .collect();
    let training = app.training.is_some();
    let list = serde_json::to_vec(&ModelList { models, training });
    let list = list.map_err(|_| Problem::internal())?;
    Ok(Tagged::new(list.into(), "application/json").answer(&asked))
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
        (status = 200, description = "The example.", body = PictureFile, content_type = "image/png"),
        Kept,
        Refused,
        (status = 404, description = "No example has this number.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn example(
    State(app): State<Arc<App>>,
    path: Result<Path<(String, String)>, PathRejection>,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    // a name that is no text is no model's
    let path = path.ok().map(|Path(path)| path);
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
    Ok(example.file.answer(&asked))
}
