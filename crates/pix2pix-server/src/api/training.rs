//! The routes of the training that a server belongs to.

use std::sync::Arc;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use pix2pix::regular_file;

use super::blocking;
use super::picture_file::PictureFile;
use super::refusals::Refused;
use crate::problem::Problem;
use crate::training::{LiveTraining, TrainingInfo};

/// The training that this server belongs to: its progress, curves, contact sheets and log.
#[utoipa::path(
    get,
    path = "/v1/training",
    responses(
        (status = 200, description = "The training.", body = TrainingInfo),
        Refused,
    )
)]
pub async fn training(Extension(training): Extension<Arc<LiveTraining>>) -> Json<TrainingInfo> {
    Json(training.info())
}

/// A contact sheet of the training, as PNG.
#[utoipa::path(
    get,
    path = "/v1/training/sheets/{step}",
    params(("step" = u64, Path, description = "A step of the training that has a contact sheet.")),
    responses(
        (status = 200, description = "The contact sheet.", body = PictureFile, content_type = "image/png"),
        Refused,
        (status = 404, description = "There is no sheet of this step.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn sheet(
    Extension(training): Extension<Arc<LiveTraining>>,
    step: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let step = step.ok().and_then(|Path(step)| step.parse().ok());
    let file = match step.and_then(|step| training.sheet(step)) {
        Some(path) => blocking(move || regular_file::read(&path).ok()).await?,
        None => None,
    };
    let detail = "no sheet of this step; /v1/training lists the sheets";
    let file = file.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, detail))?;
    Ok(([(header::CONTENT_TYPE, "image/png")], file).into_response())
}
