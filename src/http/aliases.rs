//! Aliases: names such as champion that point at a version of a model.

use actix_web::http::header;
use actix_web::{HttpResponse, delete, get, post, put};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{AliasMovePage, Answer, ok};
use super::body::JSON_LIMIT;
use super::examples;
use super::extract::{Call, shown};
use crate::domain::page::PageQuery;
use crate::domain::version::{Alias, AliasMove, AliasTarget};
use crate::error::{Code, Error, Result};
use crate::service::Precondition;

/// Aliases of a model by name.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AliasList {
    items: Vec<Alias>,
}

/// List aliases
///
/// Every alias of a model and the version that it points at.
#[utoipa::path(
    tag = "aliases",
    responses((status = 200, description = "The aliases", body = AliasList,
        example = examples::alias_list))
)]
#[get("/api/v1/models/{model}/aliases")]
pub(super) async fn list_aliases(call: Call) -> Answer {
    let items = call.service().list_aliases(&call.caller, call.name("model")?).await?;
    ok(&AliasList { items })
}

/// Get an alias
///
/// The version that it points at. Its `ETag` is what a later move has to give as `If-Match`.
#[utoipa::path(
    tag = "aliases",
    params(("If-None-Match" = Option<String>, Header,
        description = "The `ETag` of what the client has already")),
    responses(
        (status = 200, description = "The alias", body = Alias,
            headers(("ETag" = String, description = "The alias's revision")),
            example = examples::alias),
        (status = 304, description = "The client has it already"),
    )
)]
#[get("/api/v1/models/{model}/aliases/{alias}")]
pub(super) async fn get_alias(call: Call) -> Answer {
    let (model, alias) = (call.name("model")?, call.name("alias")?);
    let alias = call.service().get_alias(&call.caller, model, alias).await?;
    if call.has_fresh(&etag(&alias)) {
        return Ok(HttpResponse::NotModified()
            .insert_header((header::ETAG, etag(&alias)))
            .finish());
    }
    tagged(&alias)
}

fn etag(alias: &Alias) -> String {
    format!("\"{}\"", alias.revision)
}

fn tagged(alias: &Alias) -> Answer {
    Ok(HttpResponse::Ok().insert_header((header::ETAG, etag(alias))).json(alias))
}

/// Point an alias at a version
///
/// Makes the alias or moves it; requests that name no version are then answered by the new one if
/// the alias is `champion`. Say what you know of it: `If-None-Match: *` when it points at nothing
/// yet, else `If-Match` with its `ETag`, so that two who promote at once can't overwrite each
/// other.
#[utoipa::path(
    tag = "aliases",
    params(
        ("If-Match" = Option<String>, Header,
            description = "The alias's `ETag` such as `\"3\"`, or `*` where any will do"),
        ("If-None-Match" = Option<String>, Header,
            description = "`*` when the alias points at nothing yet"),
    ),
    request_body(content = AliasTarget, description = "Where to, and why",
        example = examples::alias_target),
    responses((status = 200, description = "The alias as it is now", body = Alias,
        headers(("ETag" = String, description = "The alias's revision")),
        example = examples::alias))
)]
#[put("/api/v1/models/{model}/aliases/{alias}")]
pub(super) async fn move_alias(mut call: Call) -> Answer {
    let target = call.json::<AliasTarget>(JSON_LIMIT).await?.value;
    let (model, alias) = (call.name("model")?, call.name("alias")?);
    let condition = precondition(&call, model, alias).await?;
    tagged(&call.service().move_alias(&call.caller, model, alias, target, condition).await?)
}

/// Remove an alias
///
/// It then points at nothing; its history stays.
#[utoipa::path(
    tag = "aliases",
    params(("If-Match" = Option<String>, Header,
        description = "The alias's `ETag` such as `\"3\"`, or `*` where any will do")),
    responses((status = 204, description = "It points at nothing"))
)]
#[delete("/api/v1/models/{model}/aliases/{alias}")]
pub(super) async fn delete_alias(call: Call) -> Answer {
    let (model, alias) = (call.name("model")?, call.name("alias")?);
    let condition = precondition(&call, model, alias).await?;
    call.service().remove_alias(&call.caller, model, alias, condition).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Roll an alias back
///
/// Points it at the version before its last move. The history gets a new entry; nothing is
/// erased. Like every move it needs the `ETag` of the alias, so that two who roll back at once do
/// not undo each other.
#[utoipa::path(
    tag = "aliases",
    params(("If-Match" = Option<String>, Header,
        description = "The alias's `ETag` such as `\"3\"`, or `*` where any will do")),
    responses((status = 200, description = "The alias as it is now", body = Alias,
        headers(("ETag" = String, description = "The alias's revision")),
        example = examples::alias))
)]
#[post("/api/v1/models/{model}/aliases/{alias}/rollback")]
pub(super) async fn roll_back_alias(call: Call) -> Answer {
    let (model, alias) = (call.name("model")?, call.name("alias")?);
    let once = call.once(&[])?;
    let condition = precondition(&call, model, alias).await?;
    let (service, caller) = (call.service(), &call.caller);
    tagged(&service.roll_back_alias(caller, once.as_ref(), model, alias, condition).await?)
}

/// List moves of an alias
///
/// Who pointed it where, when and why, the newest first. The history is only ever added to.
#[utoipa::path(
    tag = "aliases",
    params(PageQuery),
    responses((status = 200, description = "A page of moves", body = AliasMovePage,
        example = examples::alias_move_page))
)]
#[get("/api/v1/models/{model}/aliases/{alias}/history")]
pub(super) async fn list_alias_moves(call: Call) -> Answer {
    let (model, alias, query) = (call.name("model")?, call.name("alias")?, call.page()?);
    let page = call.service().list_alias_moves(&call.caller, model, alias, &query).await?;
    call.list::<_, AliasMovePage>(page)
}

/// Get an alias at a time
///
/// The move that was in force at an instant: which version decided then.
#[utoipa::path(
    tag = "aliases",
    params(("time" = chrono::DateTime<chrono::Utc>, Query, description = "The instant (RFC 3339)",
        example = "2026-03-03T14:02:00Z")),
    responses((status = 200, description = "The move in force", body = AliasMove,
        example = examples::alias_move))
)]
#[get("/api/v1/models/{model}/aliases/{alias}/history/at")]
pub(super) async fn get_alias_at(call: Call) -> Answer {
    let (model, alias, at) = (call.name("model")?, call.name("alias")?, call.query_time("time")?);
    ok(&call.service().alias_at(&call.caller, model, alias, at).await?)
}

/// What the client says that it knows of the alias.
async fn precondition(call: &Call, model: &str, alias: &str) -> Result<Precondition> {
    let given = (call.header(&header::IF_MATCH)?, call.header(&header::IF_NONE_MATCH)?);
    let invalid = |place: &str, detail: String| {
        Err(Error::field(Code::InvalidRequest, format!("header {place}"), detail))
    };
    match given {
        (None, None) => Ok(Precondition::Missing),
        (None, Some("*")) => Ok(Precondition::Absent),
        (None, Some(_)) => invalid("If-None-Match", "must be *".to_owned()),
        (Some(_), Some(_)) => invalid("If-Match", "send it or If-None-Match, not both".to_owned()),
        (Some("*"), None) => match call.service().get_alias(&call.caller, model, alias).await {
            Ok(found) => Ok(Precondition::Revision(found.revision)),
            Err(error) if error.code() == Code::NotFound => Err(Error::new(
                Code::PreconditionFailed,
                format!("{alias} points at nothing: send If-None-Match: * to make it"),
            )),
            Err(error) => Err(error),
        },
        (Some(tag), None) => match revision(tag) {
            Some(revision) => Ok(Precondition::Revision(revision)),
            None if is_tag(tag) => Err(Error::new(
                Code::PreconditionFailed,
                format!("{} is none of this server's ETags: read the alias again", shown(tag)),
            )),
            None => {
                let detail = format!("'{}' is not an ETag like \"3\", in quotes", shown(tag));
                invalid("If-Match", detail)
            }
        },
    }
}

/// The revision of a strong ETag of ours.
fn revision(tag: &str) -> Option<u64> {
    let digits = tag.trim().strip_prefix('"')?.strip_suffix('"')?;
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// Whether a text is written as an ETag or a list of them, if not as one of ours.
fn is_tag(text: &str) -> bool {
    let tag = text.trim().trim_start_matches("W/");
    tag.len() > 1 && tag.starts_with('"') && tag.ends_with('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_tag_is_told_from_what_is_none() {
        for tag in ["\"x\"", "W/\"3\"", "\"1\", \"2\"", "\"\""] {
            assert!(is_tag(tag), "{tag}");
        }
        for other in ["3", "\"", "", "\"3", "*"] {
            assert!(!is_tag(other), "{other}");
        }
    }

    #[test]
    fn only_a_strong_tag_is_a_revision() {
        assert_eq!(revision("\"3\""), Some(3));
        for other in ["3", "W/\"3\"", "\"\"", "\"+3\"", "\"x\"", "\"1\", \"2\"", "\"", ""] {
            assert_eq!(revision(other), None, "{other}");
        }
    }
}
