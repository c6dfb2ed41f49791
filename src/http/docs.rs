//! The description of the interface, as a document and as a page to try it in. Everything the page
//! needs is in the binary.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, get, routes};
use utoipa_swagger_ui::Config;

use super::State;
use super::answer::Answer;
use crate::error::{Code, Error};

/// The page's routes, which the description leaves out.
pub(super) const TEMPLATES: &[&str] = &["/docs", "/docs/", "/docs/{file}"];
/// The page may load and call this server alone.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

pub(super) fn mount(config: &mut ServiceConfig) {
    let page = Config::from("/openapi.json")
        .try_it_out_enabled(true)
        .persist_authorization(true)
        .display_request_duration(true)
        .display_operation_id(true)
        .validator_url("none");
    config.app_data(web::Data::new(page)).service(docs).service(docs_file);
}

/// Get this document
///
/// OpenAPI 3.1, the same that `actuary openapi` prints. Needs no key.
#[utoipa::path(
    tag = "service",
    responses((status = 200, description = "The OpenAPI document", body = serde_json::Value))
)]
#[get("/openapi.json")]
pub(super) async fn get_openapi(state: web::Data<State>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(state.openapi.clone())
}

#[routes]
#[get("/docs")]
#[get("/docs/")]
async fn docs() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((header::LOCATION, "/docs/index.html")).finish()
}

#[get("/docs/{file}")]
async fn docs_file(file: web::Path<String>, page: web::Data<Config<'static>>) -> Answer {
    let found = utoipa_swagger_ui::serve(&file, Arc::clone(&page))
        .map_err(|e| Error::internal("reading the documentation's page", e.to_string()))?;
    let Some(found) = found else {
        return Err(Error::new(Code::RouteNotFound, "the documentation has no such file").into());
    };
    Ok(HttpResponse::Ok()
        .content_type(found.content_type)
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .body(found.bytes.into_owned()))
}
