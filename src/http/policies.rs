//! Credit policies.

use actix_web::http::header;
use actix_web::{HttpResponse, get, post};

use super::answer::{Answer, PolicyPage, PolicyVersionPage, ok};
use super::body::JSON_LIMIT;
use super::examples;
use super::extract::Call;
use crate::domain::page::PageQuery;
use crate::domain::policy::{PolicyTerms, PolicyVersion};

/// Create a version of a credit policy
///
/// Keeps what a credit policy says under the next number, and makes the policy where there is none of this
/// name. Versions are never changed; the newest decides where a request names none. A policy names a model
/// of two classes (its alias `champion` when no version is named, which is followed when it moves), a scale
/// of points, cut-offs in points or as a probability of default, and, as wanted, hard rules before or after
/// the model, a price and a limit from the expected loss (PD x LGD x EAD), the reason table by which
/// applicants are told, and what of a row an applicant can change. All of it is held against the columns
/// that the model reads; everything that does not hold is named at once.
#[utoipa::path(
    tag = "loans",
    request_body(content = PolicyTerms, description = "What the policy says",
        example = examples::policy_terms),
    responses((status = 201, description = "The version with its number", body = PolicyVersion,
        headers(("Location" = String, description = "Where the version is")),
        example = examples::policy_version))
)]
#[post("/api/v1/loans/policies/{policy}/versions")]
pub(super) async fn create_policy_version(mut call: Call) -> Answer {
    let body = call.json::<PolicyTerms>(JSON_LIMIT).await?;
    let (once, policy) = (call.once(&body.bytes)?, call.name("policy")?);
    let (service, caller) = (call.service(), &call.caller);
    let made = service.create_policy_version(caller, once.as_ref(), policy, body.value).await?;
    let place = format!("{}/{}", call.request.path(), made.version);
    Ok(HttpResponse::Created().insert_header((header::LOCATION, place)).json(made))
}

/// List credit policies
///
/// By name, a page at a time, with the number of the newest version.
#[utoipa::path(
    tag = "loans",
    params(PageQuery),
    responses((status = 200, description = "A page of policies", body = PolicyPage,
        example = examples::policy_page))
)]
#[get("/api/v1/loans/policies")]
pub(super) async fn list_policies(call: Call) -> Answer {
    let page = call.service().list_policies(&call.caller, &call.page()?).await?;
    call.list::<_, PolicyPage>(page)
}

/// List versions of a credit policy
///
/// The newest first, a page at a time, without what they say.
#[utoipa::path(
    tag = "loans",
    params(PageQuery),
    responses((status = 200, description = "A page of versions", body = PolicyVersionPage,
        example = examples::policy_version_page))
)]
#[get("/api/v1/loans/policies/{policy}/versions")]
pub(super) async fn list_policy_versions(call: Call) -> Answer {
    let (policy, query) = (call.name("policy")?, call.page()?);
    let page = call.service().list_policy_versions(&call.caller, policy, &query).await?;
    call.list::<_, PolicyVersionPage>(page)
}

/// Get a version of a credit policy
///
/// What it says, who made it and when.
#[utoipa::path(
    tag = "loans",
    responses((status = 200, description = "The version", body = PolicyVersion,
        example = examples::policy_version))
)]
#[get("/api/v1/loans/policies/{policy}/versions/{version}")]
pub(super) async fn get_policy_version(call: Call) -> Answer {
    let (policy, version) = (call.name("policy")?, call.version()?);
    ok(&call.service().get_policy_version(&call.caller, policy, version).await?)
}
