//! Versions of models: train, list, look at, delete.

use actix_web::http::header;
use actix_web::{HttpResponse, delete, get, mime, post};

use super::answer::{Answer, ModelVersionPage, ok};
use super::body::JSON_LIMIT;
use super::examples;
use super::extract::Call;
use crate::domain::job::Job;
use crate::domain::page::PageQuery;
use crate::domain::training::TrainingSpec;
use crate::domain::version::Version;

/// Train a version
///
/// Queues a training on a version of a dataset. Everything but `dataset` and `target` has a
/// default. The job's `progress` tells of every epoch, its `result` links the version; the model
/// comes into being with its first one.
#[utoipa::path(
    tag = "versions",
    request_body(content = TrainingSpec, description = "How to train",
        example = examples::training_spec),
    responses((status = 202, description = "The job that trains", body = Job,
        example = examples::training_job))
)]
#[post("/api/v1/models/{model}/versions")]
pub(super) async fn create_model_version(mut call: Call) -> Answer {
    let body = call.json::<TrainingSpec>(JSON_LIMIT).await?;
    let (once, model) = (call.once(&body.bytes)?, call.name("model")?);
    let job = call.service().train(&call.caller, once.as_ref(), model, body.value).await?;
    call.accept(job).await
}

/// List versions of a model
///
/// The newest first, a page at a time, each with its main metric and the aliases that point at it.
#[utoipa::path(
    tag = "versions",
    params(PageQuery),
    responses((status = 200, description = "A page of versions", body = ModelVersionPage,
        example = examples::model_version_page))
)]
#[get("/api/v1/models/{model}/versions")]
pub(super) async fn list_model_versions(call: Call) -> Answer {
    let (model, query) = (call.name("model")?, call.page()?);
    let page = call.service().list_versions(&call.caller, model, &query).await?;
    call.list::<_, ModelVersionPage>(page)
}

/// Get a version of a model
///
/// Its signature, its metrics on held-out rows, its losses epoch by epoch, and where it comes
/// from: specification, data, seed, code and device.
#[utoipa::path(
    tag = "versions",
    responses((status = 200, description = "The version", body = Version,
        example = examples::version))
)]
#[get("/api/v1/models/{model}/versions/{version}")]
pub(super) async fn get_model_version(call: Call) -> Answer {
    let (model, version) = (call.name("model")?, call.version()?);
    ok(&call.service().get_version(&call.caller, model, version).await?)
}

/// Download a version's weights
///
/// As safetensors, in the form in which they are stored: f32, or 8 bits with a scale where the version was
/// quantised. The names of tensors are those of layers; of an ensemble they begin with the number of
/// the network. What the network reads of the columns is not in them: they are for whoever wants to
/// check a network by other means, or to take it along.
#[utoipa::path(
    tag = "versions",
    params(("If-None-Match" = Option<String>, Header,
        description = "The `ETag` of what the client has already")),
    responses(
        (status = 200, description = "The weights",
            headers(("ETag" = String, description = "Names these bytes"),
                ("Content-Disposition" = String, description = "A file name")),
            content((String = "application/octet-stream"))),
        (status = 304, description = "The client has it already"),
    )
)]
#[get("/api/v1/models/{model}/versions/{version}/weights")]
pub(super) async fn get_model_weights(call: Call) -> Answer {
    let (model, version) = (call.name("model")?, call.version()?);
    let (found, content) = call.service().version_weights(&call.caller, model, version).await?;
    let etag = format!("\"{}\"", found.provenance.weights_sha256);
    if call.has_fresh(&etag) {
        return Ok(HttpResponse::NotModified().insert_header((header::ETAG, etag)).finish());
    }
    let name = format!("{model}-{version}.safetensors");
    call.download(content, mime::APPLICATION_OCTET_STREAM.as_ref(), (&etag, &name))
}

/// Delete a version of a model
///
/// Possible while no alias points at it and no recorded prediction came from it. Its number is not
/// given again.
#[utoipa::path(
    tag = "versions",
    responses((status = 204, description = "It is deleted"))
)]
#[delete("/api/v1/models/{model}/versions/{version}")]
pub(super) async fn delete_model_version(call: Call) -> Answer {
    let (model, version) = (call.name("model")?, call.version()?);
    call.service().delete_version(&call.caller, model, version).await?;
    Ok(HttpResponse::NoContent().finish())
}
