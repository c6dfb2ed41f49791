//! The OpenAPI document: what the handlers declare, plus what holds for all of them.

use std::collections::BTreeMap;
use std::mem;

use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use super::answer::TableFormat;
use super::problem::{self, MEDIA_TYPE, Problem};
use super::routes::{Access, declared};
use super::{examples, extract, schemas};
use crate::domain::job::JobEvent;
use crate::domain::name::MAX_NAME;
use crate::error::Code;

/// Tags in the order of the work.
const TAGS: &[(&str, &str)] = &[
    ("datasets", "Named, numbered, immutable snapshots of typed columns."),
    ("advice", "What to train on a dataset, what it takes, and why."),
    ("models", "Names under which versions are trained, and their settings."),
    ("versions", "Trained, immutable versions of a model, with metrics on held-out rows."),
    ("aliases", "Names such as `champion` that point at a version; every move is kept."),
    ("predictions", "Rows scored by a version, recorded and replayed."),
    ("forecasts", "Rows to come of series, by a version that was trained on windows of them."),
    (
        "investments",
        "Portfolios of prices for an investor's profile, with reasons; backtests and frontiers.",
    ),
    ("explanations", "Why a version answers as it does."),
    ("reasons", "Codes and sentences by which adverse answers are told."),
    (
        "loans",
        "Applicants and loan books under a credit policy: decisions, prices, reasons, expected losses.",
    ),
    ("risk", "What a portfolio or a book of loans may lose."),
    ("analyses", "How a version answers over many rows: what was looked for, and found."),
    ("jobs", "Durable work: ingestion, training, analysis, assessment."),
    ("keys", "Who may do what."),
    ("service", "Health, metrics, and this document."),
];

/// Names in paths.
const NAMES: &[(&str, &str)] = &[
    ("dataset", "Name of the dataset"),
    ("model", "Name of the model"),
    ("alias", "Name of the alias, such as `champion`"),
    ("policy", "Name of the credit policy"),
];

/// Identifiers in paths.
const IDS: &[(&str, &str)] = &[
    ("job", "Id of the job"),
    ("analysis", "Id of the analysis"),
    ("prediction", "Id under which the prediction is recorded"),
    ("assessment", "Id under which the assessment is recorded"),
    ("key", "Id of the key"),
];

/// Error answers: the name among the components, and the code of the example.
const PROBLEMS: &[(&str, Code)] = &[
    ("MalformedRequest", Code::MalformedRequest),
    ("Unauthorised", Code::Unauthorised),
    ("Forbidden", Code::Forbidden),
    ("NotFound", Code::NotFound),
    ("NotAcceptable", Code::NotAcceptable),
    ("RequestTimeout", Code::RequestTimeout),
    ("Conflict", Code::IdempotencyConflict),
    ("PreconditionFailed", Code::PreconditionFailed),
    ("TooLarge", Code::TooLarge),
    ("UnsupportedMediaType", Code::UnsupportedMediaType),
    ("InvalidRequest", Code::InvalidRequest),
    ("PreconditionRequired", Code::PreconditionRequired),
    ("TooManyRequests", Code::TooManyRequests),
    ("Internal", Code::Internal),
    ("Unavailable", Code::Unavailable),
];

/// Errors of single operations that no general rule gives.
const FURTHER: &[(&str, u16)] = &[
    ("delete_dataset_version", 409),
    ("delete_model_version", 409),
    ("get_dataset_content", 406),
    ("create_advice", 429),
    ("create_counterfactual", 429),
    ("create_explanation", 429),
    ("create_activations", 429),
    ("create_forecast", 429),
    ("create_risk_assessment", 429),
    ("create_risk_backtest", 429),
    ("create_credit_losses", 429),
    ("create_binning", 429),
    ("create_investment_portfolio", 429),
    ("create_investment_backtest", 429),
    ("create_investment_frontier", 429),
    ("get_reason_table", 406),
    ("get_scorecard", 406),
    ("replay_prediction", 429),
    ("create_assessment", 429),
    ("replay_assessment", 429),
    ("create_prediction", 406),
    ("create_prediction", 429),
];

/// POSTs that change nothing and so take no Idempotency-Key.
const READS: &[&str] = &[
    "replay_prediction",
    "replay_assessment",
    "create_expected_losses",
    "create_binning",
    "create_activations",
    "create_counterfactual",
    "create_explanation",
    "create_forecast",
    "create_risk_assessment",
    "create_risk_backtest",
    "create_credit_losses",
    "create_investment_portfolio",
    "create_investment_backtest",
    "create_investment_frontier",
    "create_advice",
];

/// The document as pretty JSON with a newline at its end.
pub fn document() -> String {
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let mut declarations: Vec<(String, RefOr<Schema>)> = Vec::new();
    for declared in declared() {
        for (template, item) in &declared.paths.paths {
            let Ok(Value::Object(item)) = serde_json::to_value(item) else { continue };
            for (method, mut operation) in item {
                complete(&mut operation, template, &method, declared.access);
                paths.entry(template.clone()).or_default().insert(method, operation);
            }
        }
        declarations.extend(declared.schemas);
    }
    collect::<Problem>(&mut declarations);
    collect::<JobEvent>(&mut declarations);
    // Of parameters alone nothing else declares it.
    collect::<TableFormat>(&mut declarations);
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Actuary",
            "description": include_str!("about.md"),
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
            "version": env!("CARGO_PKG_VERSION"),
        },
        "servers": [{"url": "/", "description": "The server that this document came from"}],
        "tags": TAGS.iter().map(|(name, text)| json!({"name": name, "description": text}))
            .collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "schemas": schemas::shape(declarations),
            "responses": problems(),
            "securitySchemes": {"key": {
                "type": "http",
                "scheme": "bearer",
                "description": "An API key. `actuary keys create` makes one; `POST /api/v1/keys` too.",
            }},
        },
    });
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// Adds a schema and those that it refers to.
fn collect<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    T::schemas(schemas);
    schemas.push((T::name().into_owned(), T::schema()));
}

/// The error answers as components.
fn problems() -> Map<String, Value> {
    let header = |text: &str| json!({"description": text, "schema": {"type": "string"}});
    let component = |(name, code): &(&str, Code)| {
        let status = problem::status(*code);
        let example = examples::problem(*code, status.as_u16());
        let mut answer = json!({
            "description": code.title(),
            "content": {MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "example": example,
            }},
        });
        match status.as_u16() {
            401 => answer["headers"] = json!({"WWW-Authenticate": header("`Bearer`")}),
            429 | 503 => answer["headers"] = json!({"Retry-After": header("Seconds to wait")}),
            _ => {}
        }
        ((*name).to_owned(), answer)
    };
    PROBLEMS.iter().map(component).collect()
}

/// Adds to an operation what follows from its path, its method and who may use it.
fn complete(operation: &mut Value, template: &str, method: &str, access: Access) {
    let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
    let once = method == "post" && !READS.contains(&id.as_str());
    let accepts = operation["responses"].get("202").is_some();
    match access {
        Access::Public => operation["security"] = json!([]),
        Access::Scope(scope) => {
            let scope = scope.as_str();
            let text = operation["description"].as_str().unwrap_or_default();
            operation["description"] = json!(format!("{text}\n\nNeeds the scope `{scope}`."));
            operation["security"] = json!([{"key": [scope]}]);
        }
    }
    let mut parameters: Vec<Value> = template.split('/').filter_map(place).collect();
    if let Some(Value::Array(own)) = operation.get_mut("parameters").map(Value::take) {
        parameters.extend(own.into_iter().map(without_null));
    }
    if once {
        parameters.push(idempotency_key());
    }
    if accepts {
        parameters.push(prefer());
        operation["responses"]["202"]["headers"] = json!({
            "Location": {"description": "Where the job is", "schema": {"type": "string"}},
            "Preference-Applied": {"description": "`wait=N` when the answer waited for the job",
                "schema": {"type": "string"}},
        });
    }
    if id.starts_with("list_") && id != "list_aliases" {
        operation["responses"]["200"]["headers"] = json!({
            "Link": {"description": "The next page (`rel=\"next\"`), if there is one",
                "schema": {"type": "string"}},
        });
    }
    describe_streams(operation);
    for code in statuses(operation, &parameters, access, &id, once) {
        let named = PROBLEMS.iter().find(|(_, c)| problem::status(*c).as_u16() == code);
        if let Some((name, _)) = named {
            let target = format!("#/components/responses/{name}");
            operation["responses"][code.to_string()] = json!({"$ref": target});
        }
    }
    if !parameters.is_empty() {
        operation["parameters"] = Value::Array(parameters);
    }
}

/// Neither a header nor a query can say null: an optional parameter is absent.
fn without_null(mut parameter: Value) -> Value {
    let types = parameter["schema"]["type"].as_array();
    let stated = types.and_then(|types| types.iter().find(|t| **t != "null").cloned());
    if let Some(stated) = stated {
        parameter["schema"]["type"] = stated;
    }
    parameter
}

/// Says of a body that is not JSON that it is bytes, and what a stream of events carries. Of
/// several bodies CSV comes first.
fn describe_streams(operation: &mut Value) {
    for body in ["/requestBody/content", "/responses/200/content"] {
        let Some(Value::Object(content)) = operation.pointer_mut(body) else { continue };
        for (media_type, described) in content {
            match media_type.as_str() {
                "application/json" => {}
                "text/event-stream" => {
                    described["schema"]["contentMediaType"] = json!(media_type);
                    described["schema"]["contentSchema"] =
                        json!({"$ref": "#/components/schemas/JobEvent"});
                }
                _ => described["schema"]["format"] = json!("binary"),
            }
        }
    }
    if let Some(Value::Object(content)) = operation.pointer_mut("/requestBody/content") {
        // What comes first is what a page or a client sends when nobody says otherwise.
        let (csv, others): (Map<String, Value>, Map<String, Value>) =
            mem::take(content).into_iter().partition(|(media_type, _)| media_type == "text/csv");
        content.extend(csv);
        content.extend(others);
    }
}

/// The statuses of the errors that an operation may answer.
fn statuses(
    operation: &Value,
    parameters: &[Value],
    access: Access,
    id: &str,
    once: bool,
) -> Vec<u16> {
    let has = |place: &str, name: Option<&str>| {
        parameters.iter().any(|p| p["in"] == place && name.is_none_or(|name| p["name"] == name))
    };
    let mut statuses = vec![422, 500, 503];
    if access != Access::Public {
        statuses.extend([401, 403]);
    }
    if has("path", None) {
        statuses.push(404);
    }
    if operation.get("requestBody").is_some() {
        statuses.extend([400, 408, 413, 415]);
    }
    if once {
        statuses.push(409);
    }
    if has("header", Some("If-Match")) {
        statuses.extend([412, 428]);
    }
    statuses.extend(FURTHER.iter().filter(|(further, _)| *further == id).map(|(_, s)| *s));
    statuses.sort_unstable();
    statuses
}

/// The parameter that a segment of a template stands for.
fn place(segment: &str) -> Option<Value> {
    let place = segment.strip_prefix('{')?.strip_suffix('}')?;
    let text = |list: &[(&str, &'static str)]| {
        list.iter().find(|(name, _)| *name == place).map(|(_, text)| *text)
    };
    let (text, schema) = if let Some(text) = text(NAMES) {
        let pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$";
        (text, json!({"type": "string", "pattern": pattern, "maxLength": MAX_NAME}))
    } else if let Some(text) = text(IDS) {
        (text, json!({"type": "string", "format": "uuid"}))
    } else {
        let schema = json!({"type": "integer", "format": "int32", "minimum": 1,
            "maximum": i32::MAX});
        let text = if place == "table" { "Number of the table" } else { "Number of the version" };
        (text, schema)
    };
    Some(json!({"name": place, "in": "path", "required": true, "description": text,
        "schema": schema}))
}

fn idempotency_key() -> Value {
    json!({
        "name": "Idempotency-Key", "in": "header", "required": false,
        "description": "Names this request, so that a repeat takes effect once (kept for 24 hours); \
            a UUID will do",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    })
}

fn prefer() -> Value {
    let text = format!(
        "`wait=N` delays the answer until the job has ended, N seconds at most ({} at the utmost)",
        extract::MAX_WAIT_SECONDS
    );
    json!({"name": "Prefer", "in": "header", "required": false, "description": text,
        "schema": {"type": "string"}, "example": "wait=30"})
}
