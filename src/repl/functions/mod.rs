//! What the functions of the catalogue do.

mod advising;
mod analysing;
mod binning;
mod builtins;
mod counterfactual;
mod data;
mod explaining;
mod exploring;
mod folder;
mod forecasting;
mod frames;
mod help;
mod investing;
mod jobs;
mod lending;
mod models;
mod observing;
mod plotting;
mod predicting;
mod reasoning;
mod risk;
mod saving;
mod scorecards;
mod simplifying;
mod training;

use starlark::collections::SmallMap;
use starlark::environment::{Globals, GlobalsBuilder, LibraryExtension};
use starlark::eval::Evaluator;
use starlark::values::Value;
use starlark::values::tuple::UnpackTuple;

pub(super) use self::data::path_of;
pub(super) use self::frames::described;
pub use self::help::documentation;
pub(super) use self::saving::svg;
use super::arguments::Arguments;
use super::catalogue;
use super::objects::{Object, object_of};
use super::wording::by_arguments;
use crate::error::{Code, Error, Result};

/// The alias that answers when a request names no version.
const CHAMPION: &str = "champion";
/// Requests at once, where a list needs one for each item.
const AT_ONCE: usize = 8;

/// Everything that a cell can call.
pub(super) fn globals() -> Globals {
    use LibraryExtension::{Filter, Json, Map, Partial, SetType, StructType};
    GlobalsBuilder::extended_by(&[StructType, Map, Filter, Partial, Json, SetType])
        .with(builtins::register)
        .with(register)
        .build()
}

/// Calls one function: checks its arguments and carries it out.
fn call<'v>(
    name: &str,
    positional: UnpackTuple<Value<'v>>,
    named: SmallMap<String, Value<'v>>,
    eval: &mut Evaluator<'v, '_, '_>,
    body: impl FnOnce(&Arguments<'v>, &mut Evaluator<'v, '_, '_>) -> Result<Value<'v>>,
) -> starlark::Result<Value<'v>> {
    let name = match name {
        super::source::LOAD => "load",
        "quit" => "exit",
        name => name,
    };
    let found = catalogue::find(name)
        .ok_or_else(|| Error::internal("calling a function", format!("{name} is unknown")));
    found
        .and_then(|function| Arguments::new(function, &positional.items, named))
        .and_then(|arguments| body(&arguments, eval).map_err(|error| by_arguments(name, error)))
        .map_err(starlark::Error::new_native)
}

macro_rules! functions {
    ($($name:ident => $body:path,)*) => {
        #[starlark::starlark_module]
        fn register(builder: &mut GlobalsBuilder) {
            $(fn $name<'v>(
                #[starlark(args)] positional: UnpackTuple<Value<'v>>,
                #[starlark(kwargs)] named: SmallMap<String, Value<'v>>,
                eval: &mut Evaluator<'v, '_, '_>,
            ) -> starlark::Result<Value<'v>> {
                call(stringify!($name), positional, named, eval, $body)
            })*
        }

        #[cfg(test)]
        pub(super) const REGISTERED: &[&str] = &[$(stringify!($name)),*];
    };
}

functions! {
    l0ad => data::load,
    dataset => data::dataset,
    datasets => data::datasets,
    head => data::head,
    row => data::row,
    describe => data::describe,
    frame => frames::frame,
    check => exploring::check,
    filter => frames::filter,
    select => frames::select,
    drop => frames::drop,
    sort => frames::sort,
    group => frames::group,
    agg => frames::agg,
    count => frames::count,
    mean => frames::mean,
    median => frames::median,
    sd => frames::sd,
    with_column => frames::with_column,
    join => frames::join,
    value_counts => frames::value_counts,
    corr => frames::corr,
    sample => frames::sample,
    split => exploring::split,
    sql => frames::sql,
    hist => plotting::hist,
    scatter => plotting::scatter,
    line => plotting::line,
    bar => plotting::bar,
    save => saving::save,
    advise => advising::advise,
    train => training::train,
    search => training::search,
    prune => simplifying::prune,
    distil => simplifying::distil,
    quantise => simplifying::quantise,
    plot => plotting::plot,
    compare => plotting::compare,
    models => models::models,
    model => models::model,
    versions => models::versions,
    version => models::version,
    promote => models::promote,
    aliases => models::aliases,
    history => models::history,
    predict => predicting::predict,
    forecast => forecasting::forecast,
    explain => explaining::explain,
    reasons => reasoning::reasons,
    reason_table => reasoning::reason_table,
    scorecard => scorecards::scorecard,
    bin => binning::bin,
    counterfactual => counterfactual::counterfactual,
    activations => observing::activations,
    importance => analysing::importance,
    dependence => analysing::dependence,
    surrogate => analysing::surrogate,
    units => analysing::units,
    fairness => analysing::fairness,
    rolling_origin => analysing::rolling_origin,
    analyses => analysing::analyses,
    analysis => analysing::analysis,
    risk => risk::risk,
    backtest_risk => risk::backtest_risk,
    credit_losses => risk::credit_losses,
    policy => lending::policy,
    policies => lending::policies,
    assess => lending::assess,
    assess_book => lending::assess_book,
    expected_losses => lending::expected_losses,
    infer_rejects => lending::infer_rejects,
    invest => investing::invest,
    walk_forward => investing::walk_forward,
    frontier => investing::frontier,
    jobs => jobs::jobs,
    job => jobs::job,
    wait => jobs::wait,
    log => jobs::log,
    cancel => jobs::cancel,
    help => help::help,
    exit => builtins::exit,
    quit => builtins::exit,
}

/// A name, and a number behind it: `loans 3`.
fn name_and_number(text: &str) -> (&str, Option<u32>) {
    let split = text.trim().rsplit_once(' ');
    match split.and_then(|(name, number)| Some((name.trim_end(), number.parse().ok()?))) {
        Some((name, number)) => (name, Some(number)),
        None => (text.trim(), None),
    }
}

/// The model that an argument names, and the version where it names one.
fn model_argument(arguments: &Arguments<'_>, name: &str) -> Result<(String, Option<u32>)> {
    model_of(arguments, name, arguments.needed(name)?)
}

/// The same of one of its values.
fn model_of<'v>(
    arguments: &Arguments<'v>,
    name: &str,
    value: Value<'v>,
) -> Result<(String, Option<u32>)> {
    match (object_of(value), value.unpack_str()) {
        (Some(Object::Model(model)), _) => Ok((model.name.clone(), None)),
        (Some(Object::Version(v)), _) => Ok((v.version.model.clone(), Some(v.version.version))),
        (_, Some(text)) => {
            let (model, number) = name_and_number(text);
            Ok((model.to_owned(), number))
        }
        _ => Err(arguments.unlike(name, "a model, a version or a model's name", value)),
    }
}

/// What an argument says is not there.
fn no_such(what: impl Into<String>) -> Error {
    Error::new(Code::NotFound, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_lists_what_there_is() {
        let unmasked = |name: &&str| super::super::source::unmasked(name);
        let mut registered: Vec<String> = REGISTERED.iter().map(unmasked).collect();
        registered.retain(|name| name != "quit");
        let listed: Vec<_> = catalogue::functions().map(|f| f.name.to_owned()).collect();
        assert_eq!(registered, listed);
    }

    #[test]
    fn a_name_may_have_a_number() {
        assert_eq!(name_and_number("loans"), ("loans", None));
        assert_eq!(name_and_number("loans 3"), ("loans", Some(3)));
        assert_eq!(name_and_number("a b"), ("a b", None));
    }
}
