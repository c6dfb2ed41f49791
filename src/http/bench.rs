//! Routes beside which predictions are measured: the same bodies behind the same gate, but less
//! work. Only `actuary bench` mounts them.

use std::collections::HashMap;

use actix_web::{HttpResponse, post, web};
use bytes::Bytes;

use super::answer::Answer;
use super::body::PREDICTION_LIMIT;
use super::extract::Call;
use super::{HttpSettings, Server, bind_with, routes};
use crate::domain::key::Scope;
use crate::error::{Code, Error, Result};
use crate::service::{Question, Service};

const CONSTANT: &str = "/bench/constant/{rows}";
const PARSED: &str = "/bench/parsed/{rows}";

/// What the peers need to know.
#[derive(Debug, Clone)]
pub struct Peers {
    /// The model by whose signature rows are parsed.
    pub model: String,
    /// What is answered, by the number of rows asked for: as long as the real answer.
    pub answers: HashMap<usize, Bytes>,
}

/// A server of the whole interface with the two peers beside it, `/bench/constant/{rows}` and
/// `/bench/parsed/{rows}`.
///
/// # Errors
/// As [`super::bind`].
pub fn bind(settings: HttpSettings, service: Service, peers: Peers) -> Result<Server> {
    let mut routes = routes::Routes::new();
    routes.add(CONSTANT, Scope::Predict);
    routes.add(PARSED, Scope::Predict);
    let peers = web::Data::new(peers);
    bind_with(settings, service, routes, move |config| {
        // In a scope, so that a prediction's path is tried against neither of them.
        let scope = web::scope("/bench").service(constant).service(parsed);
        config.app_data(peers.clone()).service(scope);
    })
}

/// Reads the body and answers the same for ever.
#[post("/constant/{rows}")]
async fn constant(mut call: Call, peers: web::Data<Peers>) -> Answer {
    call.bytes(PREDICTION_LIMIT).await?;
    answer(&call, &peers)
}

/// Reads the body into the model's typed columns, as a prediction does, and answers the same for
/// ever.
#[post("/parsed/{rows}")]
async fn parsed(mut call: Call, peers: web::Data<Peers>) -> Answer {
    let parse = async |call: &Call, question: Question, _: &Bytes| {
        call.service().parse_rows(&call.caller, &peers.model, &question).await
    };
    call.rows(parse).await?;
    answer(&call, &peers)
}

fn answer(call: &Call, peers: &Peers) -> Answer {
    let rows = call.request.match_info().get("rows").and_then(|rows| rows.parse().ok());
    let found = rows.and_then(|rows: usize| peers.answers.get(&rows));
    let found = found.ok_or_else(|| Error::new(Code::NotFound, "no answer of so many rows"))?;
    Ok(HttpResponse::Ok().content_type("application/json").body(found.clone()))
}
