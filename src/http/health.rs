//! Whether the server lives, and whether it can work.

use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{Answer, ok};
use super::{State, examples};

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `live` or `ready`.
    status: &'static str,
}

/// Check that the server lives
///
/// Answers as long as the process serves requests; looks at nothing else. Needs no key.
#[utoipa::path(
    tag = "service",
    responses((status = 200, description = "It lives", body = Health, example = examples::live))
)]
#[get("/livez")]
pub(super) async fn livez() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: "live" })
}

/// Check that the server can work
///
/// Answers 503 while the database can't be reached. Needs no key.
#[utoipa::path(
    tag = "service",
    responses((status = 200, description = "It can work", body = Health, example = examples::ready))
)]
#[get("/readyz")]
pub(super) async fn readyz(state: web::Data<State>) -> Answer {
    state.service.ready().await?;
    ok(&Health { status: "ready" })
}
