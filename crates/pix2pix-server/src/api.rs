//! The API: routes, their parameters, and their OpenAPI description.

mod body;
mod decoding;
mod models;
mod picture_file;
mod refusals;
mod state;
mod training;
mod translation;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use subtle::ConstantTimeEq;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::problem::Problem;
#[doc(hidden)] // public for fuzzing
pub use body::image_of_form;

#[derive(OpenApi)]
#[openapi(
    info(title = "pix2pix", description = "Paired image-to-image translation (Isola et al., CVPR 2017)."),
    // beside the document, wherever a proxy shows it
    servers((url = ".")),
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
        .routes(routes!(translation::translate))
        .routes(routes!(translation::preview))
        .routes(routes!(models::models))
        .routes(routes!(models::example));
    if let Some(of_training) = &app.training {
        let of_training = OpenApiRouter::new()
            .routes(routes!(training::training))
            .routes(routes!(training::sheet))
            .layer(Extension(of_training.clone()));
        guarded = guarded.merge(of_training);
    }
    let token = axum::middleware::from_fn_with_state(app.clone(), with_token);
    let guarded = guarded.layer(token);
    let open = OpenApiRouter::new()
        .routes(routes!(state::health))
        .routes(routes!(state::ready))
        .routes(routes!(state::metrics));
    let (router, document) = guarded.merge(open).split_for_parts();
    let document = Arc::new(document);
    let describe = move || async move { Json(document.as_ref().clone()) };
    router
        .route("/openapi.json", axum::routing::get(describe))
        .layer(DefaultBodyLimit::max(app.settings.largest_body()))
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

/// Runs CPU-bound work on a thread where it does not block other requests.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Problem::internal())
}
