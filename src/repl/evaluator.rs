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
use super::fault::{Fault, Place};
use super::magics::{self, Step, steps, takes_code};
use super::objects::{object_of, shown};
use super::outcome::{Outcome, Shown, Then};
use super::session::{Answer, Request};
use super::source::{masked, without_semicolon};

/// Calls within calls.
const CALLS: usize = 1_000;
/// The last result, every result, and every cell's text, by the cell's number.
pub(super) const LAST: &str = "_";
pub(super) const RESULTS: &str = "Out";
pub(super) const SOURCES: &str = "In";

/// The language of the cells.
pub(super) fn dialect() -> Dialect {
    Dialect { enable_f_strings: true, enable_load: false, ..Dialect::Extended }
}

/// Answers requests until nobody asks any more.
pub(super) fn run(context: &Context, requests: &Receiver<Request>, answers: &Sender<Answer>) {
    // What a cell resets begins with another module.
    while Module::with_temp_heap(|module| serve(&module, context, requests, answers)) {}
}

/// Whether the names of this module are to be forgotten and another is to go on.
fn serve(
    module: &Module<'_>,
    context: &Context,
    requests: &Receiver<Request>,
    answers: &Sender<Answer>,
) -> bool {
    for name in [RESULTS, SOURCES] {
        let empty = module.heap().alloc(AllocDict::EMPTY);
        module.set(name, empty);
    }
    let mut completer = Completer::default();
    while let Ok(request) = requests.recv() {
        let answer = match request {
            Request::Cell { number, name, source, observer, noted } => {
                context.begin(observer);
                let outcome = cell(module, context, number, (&name, &source), noted);
                if noted {
                    context.transcript.borrow_mut().push(source, &outcome);
                }
                Answer::Cell(Box::new(outcome))
            }
            Request::Complete { before } => {
                Answer::Completed(completer.complete(module, context, &before))
            }
        };
        if answers.send(answer).is_err() {
            return false;
        }
        if context.reset.take() {
            return true;
        }
    }
    false
}

/// What a cell that did not fail gave.
#[derive(Default)]
pub(super) struct Given {
    pub(super) value: Option<Shown>,
    pub(super) assigned: Option<Shown>,
    pub(super) then: Option<Then>,
}

fn cell(
    module: &Module<'_>,
    context: &Context,
    number: u32,
    (name, source): (&str, &str),
    noted: bool,
) -> Outcome {
    // What completion has asked is no cell's.
    context.client().take_sent();
    let evaluation = Evaluation { module, context, number, name, source, noted, depth: 0 };
    // A defect of the interpreter is this cell's error, and no more.
    let result = catch_unwind(AssertUnwindSafe(|| evaluation.whole()));
    let sent = context.client().take_sent();
    if !sent.is_empty() {
        context.sent.replace(sent);
    }
    let printed = context.printed.take();
    let (given, fault) = match result {
        Ok(Ok(given)) => (given, None),
        Ok(Err(fault)) => (Given::default(), Some(*fault)),
        Err(_) => {
            let fault = Fault::plain("the evaluator failed; please report this cell");
            (Given::default(), Some(fault))
        }
    };
    let Given { value, assigned, then } = given;
    let exit = context.exit.take();
    let fault = fault.filter(|_| exit.is_none());
    Outcome { number, value, assigned, printed, fault, exit, then }
}

/// A cell while it is evaluated, or one of the cells of a file that it runs.
pub(super) struct Evaluation<'a, 'v> {
    pub(super) module: &'a Module<'v>,
    pub(super) context: &'a Context,
    /// The cell's number.
    pub(super) number: u32,
    /// Stands in errors.
    pub(super) name: &'a str,
    pub(super) source: &'a str,
    /// Whether its text and its value are kept.
    pub(super) noted: bool,
    /// Of files that run files.
    pub(super) depth: usize,
}

impl Evaluation<'_, '_> {
    fn whole(&self) -> Result<Given, Box<Fault>> {
        if self.noted {
            let source = self.module.heap().alloc(self.source);
            remember(self.module, SOURCES, self.number, source);
        }
        self.steps()
    }

    /// Carries the cell out, what is for the session first.
    pub(super) fn steps(&self) -> Result<Given, Box<Fault>> {
        let mut given = Given::default();
        let mut left = steps(self.source).into_iter().peekable();
        while let Some(step) = left.next() {
            // What a magic above gave is shown before what is below it.
            if let Some(shown) = given.value.take() {
                self.context.print(&shown.lines(self.context.width()));
            }
            let then = given.then.take();
            given = match step {
                Step::Code(code) => self.code(&code).map_err(|fault| self.misplaced(fault))?,
                Step::Help { line, name, more } => {
                    self.at(line, magics::question(self, &name, more))?
                }
                Step::Shell { line, command } => self.at(line, magics::shell(self, &command))?,
                Step::Magic { line, name, rest } => {
                    let code = match (rest.as_str(), left.peek()) {
                        ("", Some(Step::Code(code))) if takes_code(&name) => {
                            let code = code.clone();
                            left.next();
                            code
                        }
                        // On its own line of the cell, so that an error shows where it is.
                        _ if takes_code(&name) => format!("{}{rest}", "\n".repeat(line)),
                        _ => rest,
                    };
                    self.at(line, magics::carry_out(self, &name, &code))?
                }
            };
            given.then = given.then.or(then);
        }
        Ok(given)
    }

    /// Says where a magic belongs that the parser met within code.
    fn misplaced(&self, mut fault: Box<Fault>) -> Box<Fault> {
        let met = fault.place.as_ref().map(|place| place.excerpt.trim_start()).unwrap_or_default();
        if met.starts_with(['%', '!']) {
            fault.message.push_str("; lines for the session, % and !, stand at the head of a cell");
        }
        fault
    }

    /// Gives a fault that has no place that of a line.
    fn at(&self, line: usize, result: Result<Given, Box<Fault>>) -> Result<Given, Box<Fault>> {
        result.map_err(|mut fault| {
            let excerpt = self.source.lines().nth(line).unwrap_or_default();
            let text = excerpt.trim();
            fault.place.get_or_insert_with(|| Place {
                source: self.name.to_owned(),
                line: line + 1,
                column: excerpt.chars().take_while(|c| c.is_whitespace()).count() + 1,
                excerpt: excerpt.to_owned(),
                length: text.chars().count().max(1),
            });
            fault
        })
    }

    /// Evaluates code.
    pub(super) fn code(&self, source: &str) -> Result<Given, Box<Fault>> {
        let (source, is_hidden) = without_semicolon(source);
        self.evaluate(&source, is_hidden)
    }

    /// Evaluates code whose value is not shown, which takes its time.
    pub(super) fn code_alone(&self, source: &str) -> Result<(), Box<Fault>> {
        self.evaluate(&without_semicolon(source).0, true).map(|_| ())
    }

    fn evaluate(&self, source: &str, is_hidden: bool) -> Result<Given, Box<Fault>> {
        let Self { module, context, .. } = *self;
        let failed = |error: &starlark::Error| Box::new(Fault::of(error, context.is_to_end()));
        let ast = AstModule::parse(self.name, masked(source), &dialect())
            .map_err(|error| failed(&error))?;
        let assigned = assigned(ast.statement()).map(str::to_owned);
        let mut eval = Evaluator::new(module);
        eval.set_check_cancelled(Box::new(|| context.is_to_end()));
        eval.set_max_callstack_size(CALLS)
            .map_err(|error| Box::new(Fault::plain(error.to_string())))?;
        let value = eval.eval_module(ast, &context.globals).map_err(|error| failed(&error))?;
        drop(eval);
        let detail = context.settings.detail;
        if value.is_none() {
            let object = assigned.and_then(|name| module.get(&name));
            let object = object.filter(|value| object_of(*value).is_some() && !is_hidden);
            let assigned = object.map(|value| shown(value, detail));
            return Ok(Given { assigned, ..Given::default() });
        }
        if self.noted {
            module.set(LAST, value);
            remember(module, RESULTS, self.number, value);
        }
        let value = (!is_hidden).then(|| shown(value, detail));
        Ok(Given { value, ..Given::default() })
    }
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
