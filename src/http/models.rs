//! Models and their settings.

use actix_web::{get, patch};

use super::answer::{Answer, ModelPage, ok};
use super::body::JSON_LIMIT;
use super::examples;
use super::extract::Call;
use crate::domain::model::{Model, ModelSettings};
use crate::domain::page::PageQuery;

/// List models
///
/// By name, a page at a time. A model comes into being with its first version.
#[utoipa::path(
    tag = "models",
    params(PageQuery),
    responses((status = 200, description = "A page of models", body = ModelPage,
        example = examples::model_page))
)]
#[get("/api/v1/models")]
pub(super) async fn list_models(call: Call) -> Answer {
    let page = call.service().list_models(&call.caller, &call.page()?).await?;
    call.list::<_, ModelPage>(page)
}

/// Get a model
///
/// Its task, its kind of input, its settings and the number of its newest version.
#[utoipa::path(
    tag = "models",
    responses((status = 200, description = "The model", body = Model, example = examples::model))
)]
#[get("/api/v1/models/{model}")]
pub(super) async fn get_model(call: Call) -> Answer {
    ok(&call.service().get_model(&call.caller, call.name("model")?).await?)
}

/// Change a model's settings
///
/// With `record` on, every prediction is kept as an append-only record before its answer leaves.
#[utoipa::path(
    tag = "models",
    request_body(content = ModelSettings, description = "The settings",
        example = examples::model_settings),
    responses((status = 200, description = "The model as it is now", body = Model,
        example = examples::model))
)]
#[patch("/api/v1/models/{model}")]
pub(super) async fn update_model(mut call: Call) -> Answer {
    let settings = call.json::<ModelSettings>(JSON_LIMIT).await?.value;
    ok(&call.service().change_model(&call.caller, call.name("model")?, settings).await?)
}
