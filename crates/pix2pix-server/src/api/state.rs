//! The routes for who watches the server: liveness, readiness and metrics.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::problem::Problem;

/// Liveness: whether the process runs.
#[utoipa::path(get, path = "/healthz", security(()), responses((status = 200, description = "The process runs.", body = String)))]
pub async fn health() -> &'static str {
    "ok\n"
}

/// Readiness: whether the server accepts requests; not while it is shutting down.
#[utoipa::path(get, path = "/readyz", security(()), responses(
    (status = 200, description = "The server accepts requests.", body = String),
    (status = 503, description = "The server is shutting down.", body = Problem, content_type = "application/problem+json"),
))]
pub async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    if app.stopping.load(Ordering::Relaxed) {
        let detail = "the server is shutting down";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail));
    }
    Ok("ready\n")
}

/// Metrics for Prometheus.
#[utoipa::path(get, path = "/metrics", security(()), responses((status = 200, description = "The metrics.", body = String)))]
pub async fn metrics(State(app): State<Arc<App>>) -> Response {
    app.metrics.waiting.set(app.queue.len() as i64);
    app.metrics.step.reset();
    for model in app.models.all().iter() {
        let step = app.metrics.step.with_label_values(&[&model.info.name]);
        step.set(model.info.step as i64);
    }
    let kind = "text/plain; version=0.0.4";
    ([(header::CONTENT_TYPE, kind)], app.metrics.text()).into_response()
}
