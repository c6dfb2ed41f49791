//! What a session's thread does: one Starlark module, one cell after the other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender};

use starlark::environment::Module;
use starlark::eval::Evaluator;
use starlark::syntax::ast::{AssignTargetP, AstPayload, AstStmtP, StmtP};
use starlark::syntax::{AstModule, Dialect};
use starlark::values::Value;
use starlark::values::dict::{AllocDict, DictMut};

use super::completion::Completer;
use super::context::Context;
use super::fault::Fault;
use super::objects::{object_of, shown};
use super::outcome::{Outcome, Shown};
use super::session::{Answer, Request};
use super::source::{masked, without_semicolon};

/// Calls within calls.
const CALLS: usize = 1_000;
/// The last result, every result, and every cell's text, by the cell's number.
const LAST: &str = "_";
const RESULTS: &str = "Out";
const SOURCES: &str = "In";

/// The language of the cells.
pub(super) fn dialect() -> Dialect {
    Dialect { enable_f_strings: true, enable_load: false, ..Dialect::Extended }
}

/// Answers requests until nobody asks any more.
pub(super) fn run(context: &Context, requests: &Receiver<Request>, answers: &Sender<Answer>) {
    Module::with_temp_heap(|module| {
        for name in [RESULTS, SOURCES] {
            let empty = module.heap().alloc(AllocDict::EMPTY);
            module.set(name, empty);
        }
        let mut completer = Completer::default();
        while let Ok(request) = requests.recv() {
            let answer = match request {
                Request::Cell { number, name, source, observer } => {
                    context.begin(observer);
                    let outcome =
                        Outcome { number, ..cell(&module, context, number, &name, &source) };
                    Answer::Cell(Box::new(outcome))
                }
                Request::Complete { before } => {
                    Answer::Completed(completer.complete(&module, context, &before))
                }
            };
            if answers.send(answer).is_err() {
                return;
            }
        }
    });
}

/// What a cell that did not fail gave.
#[derive(Default)]
struct Given {
    value: Option<Shown>,
    assigned: Option<Shown>,
}

fn cell(module: &Module<'_>, context: &Context, number: u32, name: &str, source: &str) -> Outcome {
    // A defect of the interpreter is this cell's error, and no more.
    let result = catch_unwind(AssertUnwindSafe(|| evaluate(module, context, number, name, source)));
    let printed = context.printed.take();
    let (given, fault) = match result {
        Ok(Ok(given)) => (given, None),
        Ok(Err(fault)) => (Given::default(), Some(*fault)),
        Err(_) => {
            let fault = Fault::plain("the evaluator failed; please report this cell");
            (Given::default(), Some(fault))
        }
    };
    let Given { value, assigned } = given;
    let exit = context.exit.take();
    let fault = fault.filter(|_| exit.is_none());
    Outcome { number, value, assigned, printed, fault, exit }
}

fn evaluate(
    module: &Module<'_>,
    context: &Context,
    number: u32,
    name: &str,
    source: &str,
) -> Result<Given, Box<Fault>> {
    let (source, is_hidden) = without_semicolon(source);
    remember(module, SOURCES, number, module.heap().alloc(source.as_str()));
    let failed = |error: &starlark::Error| Box::new(Fault::of(error, context.is_to_end()));
    let ast =
        AstModule::parse(name, masked(&source), &dialect()).map_err(|error| failed(&error))?;
    let assigned = assigned(ast.statement()).map(str::to_owned);
    let mut eval = Evaluator::new(module);
    eval.set_check_cancelled(Box::new(|| context.is_to_end()));
    eval.set_max_callstack_size(CALLS)
        .map_err(|error| Box::new(Fault::plain(error.to_string())))?;
    let value = eval.eval_module(ast, &context.globals).map_err(|error| failed(&error))?;
    drop(eval);
    if value.is_none() {
        let object = assigned.and_then(|name| module.get(&name));
        let object = object.filter(|value| object_of(*value).is_some() && !is_hidden);
        return Ok(Given { value: None, assigned: object.map(shown) });
    }
    module.set(LAST, value);
    remember(module, RESULTS, number, value);
    Ok(Given { value: (!is_hidden).then(|| shown(value)), assigned: None })
}

/// The name that a cell's last statement gives to something.
fn assigned<P: AstPayload>(statement: &AstStmtP<P>) -> Option<&str> {
    match &statement.node {
        StmtP::Statements(all) => assigned(all.last()?),
        StmtP::Assign(assign) => match &assign.lhs.node {
            AssignTargetP::Identifier(name) => Some(&name.node.ident),
            _ => None,
        },
        _ => None,
    }
}

/// Keeps a value by the cell's number, unless a cell has taken the name for something else.
fn remember<'v>(module: &Module<'v>, name: &str, number: u32, value: Value<'v>) {
    let Some(kept) = module.get(name) else { return };
    let key = module.heap().alloc(number);
    if let (Ok(kept), Ok(key)) = (DictMut::from_value(kept), key.get_hashed()) {
        let mut kept = kept;
        kept.aref.insert_hashed(key, value);
    }
}
