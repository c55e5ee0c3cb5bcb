//! The routes of the served models.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::refusals::Refused;
use crate::app::App;
use crate::models::ModelInfo;
use crate::problem::Problem;

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
        Refused,
    )
)]
pub async fn models(State(app): State<Arc<App>>) -> Json<ModelList> {
    let models = app
        .models
        .all()
        .iter()
        .map(|model| model.info.clone())
        .collect();
    let training = app.training.is_some();
    Json(ModelList { models, training })
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
pub async fn example(
    State(app): State<Arc<App>>,
    path: Result<Path<(String, String)>, PathRejection>,
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
    Ok(([(header::CONTENT_TYPE, "image/png")], example.png.clone()).into_response())
}
