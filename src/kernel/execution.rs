//! A cell: evaluated, its outputs published, its request answered.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use tokio::runtime::Handle;

use super::message::Request;
use super::watcher::Watch;
use super::wire::{Wire, failure};
use crate::notebook::Bundle;
use crate::repl::{Outcome, Session, Shown, Then, bundle};

/// What is asked of a cell.
#[derive(Deserialize)]
pub(super) struct Execute {
    pub(super) code: String,
    /// Neither the cell nor its value is shown.
    #[serde(default)]
    pub(super) silent: bool,
    #[serde(default = "yes")]
    pub(super) store_history: bool,
    #[serde(default = "yes")]
    pub(super) stop_on_error: bool,
    /// Texts to evaluate after the cell, by a name; none is.
    #[serde(default)]
    user_expressions: Map<String, Json>,
}

fn yes() -> bool {
    true
}

/// How a cell went.
pub(super) struct Went {
    pub(super) answer: Json,
    /// It asked for the end, with this exit code.
    pub(super) exit: Option<u8>,
}

/// Evaluates a cell; when this returns, all its outputs are published.
pub(super) fn carry_out(
    session: &mut Session,
    runtime: &Handle,
    wire: &Arc<Wire>,
    request: &Request,
    asked: &Execute,
) -> Went {
    let number = session.next_number();
    if asked.code.trim().is_empty() {
        // It is no cell, and gets no number.
        return Went { answer: done(number.saturating_sub(1), asked, Vec::new()), exit: None };
    }
    let publish = |kind: &str, content: &Json| {
        runtime.block_on(wire.publish(&request.header, kind, content));
    };
    if !asked.silent {
        publish("execute_input", &json!({"code": asked.code, "execution_count": number}));
    }
    let watch = Watch::begin(runtime, wire, &request.header);
    let outcome = match asked.silent {
        true => session.evaluate_silently(&asked.code, watch.observer()),
        false => session.evaluate(None, &asked.code, watch.observer()),
    };
    // Results stand below what was printed.
    runtime.block_on(watch.end());
    for (kind, content) in outputs(&outcome, asked.silent) {
        publish(kind, &content);
    }
    // A silent cell has the number of the one before.
    let number = outcome.number - u32::from(asked.silent);
    let answer = match outcome.fault {
        Some(fault) => {
            let mut content = error(&fault);
            content["status"] = "error".into();
            content["execution_count"] = number.into();
            content
        }
        None => done(number, asked, payload(&outcome)),
    };
    Went { answer, exit: outcome.exit }
}

/// The answer to a cell that did not fail.
fn done(number: u32, asked: &Execute, payload: Vec<Json>) -> Json {
    let refusal = failure("NotSupported", "expressions beside a cell are not evaluated", &[]);
    let expressions = asked.user_expressions.keys().map(|name| (name.clone(), refusal.clone()));
    json!({
        "status": "ok",
        "execution_count": number,
        "payload": payload,
        "user_expressions": expressions.collect::<Map<_, _>>(),
    })
}

/// What a cell gave, besides what it said.
fn outputs(outcome: &Outcome, is_silent: bool) -> Vec<(&'static str, Json)> {
    let mut found = Vec::new();
    if !is_silent {
        if let Some(shown) = &outcome.value {
            let mut content = display(shown);
            content["execution_count"] = outcome.number.into();
            found.push(("execute_result", content));
        } else if let Some(shown) = &outcome.assigned {
            found.push(("display_data", display(shown)));
        }
        if let Some(Then::Page(shown)) = &outcome.then {
            found.push(("display_data", display(shown)));
        }
    }
    if let Some(fault) = &outcome.fault {
        found.push(("error", error(fault)));
    }
    found
}

/// What the front end is to do.
fn payload(outcome: &Outcome) -> Vec<Json> {
    let mut found = Vec::new();
    if let Some(Then::Edit(text)) = &outcome.then {
        found.push(json!({"source": "set_next_input", "text": text, "replace": false}));
    }
    if outcome.exit.is_some() {
        found.push(json!({"source": "ask_exit", "keepkernel": false}));
    }
    found
}

fn error(fault: &crate::repl::Fault) -> Json {
    let text = fault.render(str::to_owned);
    json!({
        "ename": if fault.interrupted { "Interrupted" } else { "Error" },
        "evalue": fault.message,
        "traceback": text.lines().collect::<Vec<_>>(),
    })
}

fn display(shown: &Shown) -> Json {
    let Bundle { text, html, svg, json } = bundle(shown);
    let mut data = Map::new();
    data.insert("text/plain".to_owned(), text.into());
    let mut insert = |kind: &str, form: Option<Json>| {
        if let Some(form) = form {
            data.insert(kind.to_owned(), form);
        }
    };
    insert("text/html", html.map(Json::from));
    insert("image/svg+xml", svg.map(Json::from));
    insert("application/json", json);
    json!({"data": data, "metadata": {}})
}
