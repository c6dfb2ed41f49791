//! Tables of reasons: which codes and sentences adverse answers are told by.

use actix_web::http::header;
use actix_web::{HttpResponse, get, post};

use super::answer::{Answer, CSV, JSON, ReasonTablePage, TableFormat, ok, wants_csv};
use super::body::{JSON_LIMIT, unsupported};
use super::examples;
use super::extract::Call;
use crate::domain::page::PageQuery;
use crate::domain::reason::{NewReasonTable, ReasonTable};
use crate::service::reason_table_csv;

/// Create a reason table
///
/// Keeps the codes and sentences by which adverse answers of a model are told (`reasons` in a prediction),
/// under the next number; tables are never changed, and the newest is used where a request names none. An
/// entry is for a column or for a group of columns that are told as one, and for all values or for some:
/// `high` or `low`, `missing`, or a list of categories. A value is told to be high or low only where it lies
/// beyond both the median and the mean of the approved, and the row with their median in its place is answered
/// less adversely; a group, where one or more of its values do, and the row with the medians in place of these alone
/// is answered less adversely. Give columns an entry for all values too, for the rows whose answer is of values
/// together; a group must have one.
/// A column without an entry is told by a sentence that is made of its value. As `text/csv` a table has the
/// header `code,columns,when,text,language` (`when` and `language` may be left out); several columns are joined
/// by `;`, categories are written `in north;south`. Every entry that does not hold is named, columns that no
/// version of the model reads too.
#[utoipa::path(
    tag = "reasons",
    request_body(description = "The entries",
        content((NewReasonTable = "application/json", example = examples::new_reason_table),
            (String = "text/csv", example = examples::reason_table_csv))),
    responses((status = 201, description = "The table with its number", body = ReasonTable,
        headers(("Location" = String, description = "Where the table is")),
        example = examples::reason_table))
)]
#[post("/api/v1/models/{model}/reason-tables")]
pub(super) async fn create_reason_table(mut call: Call) -> Answer {
    let table = match call.media_type().as_str() {
        JSON => {
            let body = call.json::<NewReasonTable>(JSON_LIMIT).await?;
            let (once, model) = (call.once(&body.bytes)?, call.name("model")?);
            let (service, caller) = (call.service(), &call.caller);
            service.create_reason_table(caller, once.as_ref(), model, body.value).await?
        }
        CSV => {
            let bytes = call.bytes(JSON_LIMIT).await?;
            let (once, model) = (call.once(&bytes)?, call.name("model")?);
            let (service, caller) = (call.service(), &call.caller);
            service.import_reason_table(caller, once.as_ref(), model, &bytes).await?
        }
        other => return Err(unsupported(other, &format!("{JSON} or {CSV}")).into()),
    };
    let place = format!("{}/{}", call.request.path(), table.number);
    Ok(HttpResponse::Created().insert_header((header::LOCATION, place)).json(table))
}

/// List reason tables
///
/// The newest first, a page at a time, without their entries.
#[utoipa::path(
    tag = "reasons",
    params(PageQuery),
    responses((status = 200, description = "A page of tables", body = ReasonTablePage,
        example = examples::reason_table_page))
)]
#[get("/api/v1/models/{model}/reason-tables")]
pub(super) async fn list_reason_tables(call: Call) -> Answer {
    let (model, query) = (call.name("model")?, call.page()?);
    let page = call.service().list_reason_tables(&call.caller, model, &query).await?;
    call.list::<_, ReasonTablePage>(page)
}

/// Get a reason table
///
/// Its entries, who made it and when; as CSV by `Accept: text/csv` or `format=csv`, which imports again as
/// the same table.
#[utoipa::path(
    tag = "reasons",
    params(("format" = Option<TableFormat>, Query, description = "`json` or `csv`; `Accept` decides when \
        absent")),
    responses((status = 200, description = "The table",
        content((ReasonTable = "application/json", example = examples::reason_table),
            (String = "text/csv", example = examples::reason_table_csv))))
)]
#[get("/api/v1/models/{model}/reason-tables/{table}")]
pub(super) async fn get_reason_table(call: Call) -> Answer {
    let as_csv = wants_csv(&call, "a reason table")?;
    let number = call.place("table")?;
    let table = call.service().get_reason_table(&call.caller, call.name("model")?, number).await?;
    match as_csv {
        true => {
            let file = format!("{}-reasons-{number}.csv", table.model);
            let disposition = format!("attachment; filename=\"{file}\"");
            Ok(HttpResponse::Ok()
                .content_type(CSV)
                .insert_header((header::CONTENT_DISPOSITION, disposition))
                .body(reason_table_csv(&table)?))
        }
        false => ok(&table),
    }
}
