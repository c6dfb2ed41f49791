//! API keys.

use actix_web::http::header;
use actix_web::{HttpResponse, delete, get, post};

use super::answer::{Answer, KeyPage, ok};
use super::body::JSON_LIMIT;
use super::examples;
use super::extract::Call;
use crate::domain::key::{CreatedKey, Key, NewKey};
use crate::domain::page::PageQuery;

/// List keys
///
/// The newest first, a page at a time, revoked and expired ones too. Secrets are not shown.
#[utoipa::path(
    tag = "keys",
    params(PageQuery),
    responses((status = 200, description = "A page of keys", body = KeyPage,
        example = examples::key_page))
)]
#[get("/api/v1/keys")]
pub(super) async fn list_keys(call: Call) -> Answer {
    let page = call.service().list_keys(&call.caller, &call.page()?).await?;
    call.list::<_, KeyPage>(page)
}

/// Create a key
///
/// Its `secret` is shown in this answer only. No scope implies another: name each that is needed.
#[utoipa::path(
    tag = "keys",
    request_body(content = NewKey, description = "The key that is wanted",
        example = examples::new_key),
    responses((status = 201, description = "The key and its secret", body = CreatedKey,
        example = examples::created_key))
)]
#[post("/api/v1/keys")]
pub(super) async fn create_key(mut call: Call) -> Answer {
    let body = call.json::<NewKey>(JSON_LIMIT).await?;
    let once = call.once(&body.bytes)?;
    let key = call.service().create_key(&call.caller, once.as_ref(), body.value).await?;
    Ok(HttpResponse::Created().insert_header((header::CACHE_CONTROL, "no-store")).json(key))
}

/// Revoke a key
///
/// From then on it opens nothing. It stays in the list, since histories name it.
#[utoipa::path(
    tag = "keys",
    responses((status = 200, description = "The key as it is now", body = Key,
        example = examples::revoked_key))
)]
#[delete("/api/v1/keys/{key}")]
pub(super) async fn revoke_key(call: Call) -> Answer {
    ok(&call.service().revoke_key(&call.caller, call.id("key")?).await?)
}
