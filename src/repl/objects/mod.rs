//! The values that functions give. To Starlark each is a struct: what is known of it are its
//! fields, what can be done with it are functions of the catalogue bound to it, and one hidden
//! field holds the value itself.

mod activations;
mod advice;
mod analyses;
mod binning;
mod cells;
mod columns;
mod comparison;
mod counterfactuals;
mod dataset;
mod explanations;
mod findings;
mod forecasts;
mod frame;
mod groups;
mod investments;
mod job;
mod lending;
mod lists;
mod plot;
mod predictions;
mod reasons;
mod risk;
mod scorecards;
mod search;
mod version;

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value as Json};
use starlark::__derive_refs as pagable;
use starlark::eval::Evaluator;
use starlark::values::any::StarlarkAny;
use starlark::values::dict::DictRef;
use starlark::values::list::ListRef;
use starlark::values::structs::{AllocStruct, StructRef};
use starlark::values::tuple::TupleRef;
use starlark::values::{StarlarkPagablePanic, Value};

use super::context::context;
use super::outcome::{Detail, Shown};
use super::table::SHOWN_ROWS;
use crate::domain::activation::ActivationResponse;
use crate::domain::advice::Advice;
use crate::domain::analysis::Analysis;
use crate::domain::binning::BinningAnswer;
use crate::domain::dataset::DatasetVersion;
use crate::domain::explanation::ExplanationResponse;
use crate::domain::forecast::ForecastResponse;
use crate::domain::job::Job;
use crate::domain::model::Model;
use crate::domain::reason::ReasonTable;
use crate::domain::risk::RiskAssessment;
use crate::domain::risk::backtest::RiskBacktest;
use crate::domain::risk::credit::CreditLossAnswer;
use crate::domain::scorecard::Scorecard;
use crate::error::{Context as _, Error, Result};
use crate::frame::Frame;
use crate::plot::Plot;

pub(super) use activations::plot as activated;
pub(super) use analyses::plot as analysed;
pub(super) use binning::plot as binned;
use cells::cell_of;
pub(super) use cells::table_of_rows;
use columns::Columns;
pub(super) use comparison::{Comparison, curves, reliability};
pub(super) use counterfactuals::Counterfactuals;
pub(super) use explanations::{plot as explained, waterfall};
pub(super) use findings::{Finding, Findings};
pub(super) use forecasts::plot as forecasted;
pub(super) use frame::{is_number, rows};
pub(super) use groups::Groups;
pub(super) use investments::Investment;
pub(super) use lending::{Assessments, Lending};
use lists::{listed, pairs};
pub(super) use predictions::Predictions;
pub(super) use reasons::Told;
pub(super) use risk::{backtest_plot, credit_plot, plot as risk_plot};
pub(super) use scorecards::plot as carded;
pub(super) use version::{Move, Trained};

/// The field that holds the value itself.
const ITSELF: &str = "_";
/// The functions that take a model as they take one of its versions, between those of one of the two alone.
macro_rules! of_models {
    ([$($first:literal),*], [$($last:literal),*]) => {
        &[
            $($first,)*
            "predict",
            "forecast",
            "explain",
            "activations",
            "importance",
            "dependence",
            "surrogate",
            "units",
            "fairness",
            "rolling_origin",
            "analyses",
            "analysis",
            "counterfactual",
            "reasons",
            "reason_table",
            "scorecard",
            $($last,)*
        ]
    };
}

const MODEL_METHODS: &[&str] =
    of_models!(["versions", "version"], ["aliases", "history", "describe"]);
const VERSION_METHODS: &[&str] =
    of_models!(["promote"], ["prune", "distil", "quantise", "plot", "describe"]);
/// The functions that take a frame as they take a dataset, whose rows they fetch, and one of the two alone.
macro_rules! of_rows {
    ($alone:literal) => {
        &[
            $alone,
            "head",
            "row",
            "describe",
            "check",
            "filter",
            "select",
            "drop",
            "sort",
            "group",
            "with_column",
            "join",
            "bin",
            "value_counts",
            "corr",
            "sample",
            "split",
            "hist",
            "scatter",
            "line",
            "bar",
            "advise",
            "train",
            "search",
        ]
    };
}

const FRAME_METHODS: &[&str] = of_rows!("save");
const DATASET_METHODS: &[&str] = of_rows!("frame");
/// Deeper lists are cut: one may hold itself.
const DEPTH: usize = 6;
/// Most rows in a pager.
const PAGE: usize = 100_000;
/// A longer dict is shown as a table.
const LONG_DICT: usize = 76;

/// What a value is.
pub(super) enum Object {
    Activations(ActivationResponse),
    Advice(Box<Advice>),
    Analysis(Box<Analysis>),
    Comparison(Comparison),
    Counterfactuals(Counterfactuals),
    Dataset(DatasetVersion),
    Explanations(ExplanationResponse),
    Findings(Findings),
    Frame(Frame),
    Groups(Groups),
    Investment(Investment),
    Model(Model),
    Version(Box<Trained>),
    Job(Box<Job>),
    Lending(Box<Lending>),
    Plot(Plot),
    Predictions(Predictions),
    Forecasts(ForecastResponse),
    Reasons(Box<Told>),
    ReasonTable(ReasonTable),
    Risk(Box<RiskAssessment>),
    RiskBacktest(Box<RiskBacktest>),
    CreditLosses(Box<CreditLossAnswer>),
    Binning(Box<BinningAnswer>),
    Scorecard(Box<Scorecard>),
    Move(Move),
}

impl Object {
    /// What `type()` says.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Activations(_) => "activations",
            Self::Advice(_) => "advice",
            Self::Analysis(_) => "analysis",
            Self::Dataset(_) => "dataset",
            Self::Comparison(_) => "comparison",
            Self::Counterfactuals(_) => "counterfactuals",
            Self::Explanations(_) => "explanations",
            Self::Findings(_) => "findings",
            Self::Frame(_) => "frame",
            Self::Groups(_) => "groups",
            Self::Investment(i) => i.kind(),
            Self::Plot(_) => "plot",
            Self::Model(_) => "model",
            Self::Version(_) => "version",
            Self::Job(_) => "job",
            Self::Lending(l) => l.kind(),
            Self::Predictions(_) => "predictions",
            Self::Forecasts(_) => "forecasts",
            Self::Reasons(_) => "reasons",
            Self::ReasonTable(_) => "reason_table",
            Self::Risk(_) => "risk",
            Self::RiskBacktest(_) => "risk_backtest",
            Self::CreditLosses(_) => "credit_losses",
            Self::Binning(_) => "binning",
            Self::Scorecard(_) => "scorecard",
            Self::Move(_) => "move",
        }
    }

    /// The short form, which answers the next question.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Activations(a) => activations::text(a),
            Self::Advice(a) => advice::text(a),
            Self::Analysis(a) => analyses::text(a),
            Self::Dataset(d) => dataset::text(d),
            Self::Comparison(c) => c.text(),
            Self::Counterfactuals(c) => c.text(),
            Self::Explanations(e) => explanations::text(e),
            Self::Findings(f) => f.text(),
            Self::Frame(f) => frame::text(f),
            Self::Groups(g) => g.text(),
            Self::Investment(i) => i.text(),
            Self::Plot(p) => plot::text(p),
            Self::Model(m) => version::model_text(m),
            Self::Version(v) => v.text(),
            Self::Job(j) => job::text(j),
            Self::Lending(l) => l.text(),
            Self::Predictions(p) => p.text(),
            Self::Forecasts(f) => forecasts::text(f),
            Self::Reasons(r) => r.text(),
            Self::ReasonTable(t) => reasons::table_text(t),
            Self::Risk(r) => risk::text(r),
            Self::RiskBacktest(t) => risk::backtest_text(t),
            Self::CreditLosses(l) => risk::credit_text(l),
            Self::Binning(b) => binning::text(b),
            Self::Scorecard(s) => scorecards::text(s),
            Self::Move(m) => m.text(),
        }
    }

    /// The functions that take it first.
    pub(super) fn methods(&self) -> &'static [&'static str] {
        match self {
            Self::Dataset(_) => DATASET_METHODS,
            Self::Frame(_) => FRAME_METHODS,
            Self::Groups(_) => &["agg"],
            Self::Plot(_) => &["save"],
            Self::Model(_) => MODEL_METHODS,
            Self::Version(_) => VERSION_METHODS,
            Self::Activations(_)
            | Self::Analysis(_)
            | Self::Explanations(_)
            | Self::Forecasts(_)
            | Self::Investment(_)
            | Self::Risk(_)
            | Self::RiskBacktest(_)
            | Self::Binning(_)
            | Self::CreditLosses(_) => &["plot", "describe"],
            Self::Job(_) => &["wait", "cancel", "log", "plot", "describe"],
            Self::Lending(l) => l.methods(),
            Self::ReasonTable(_) => &["save", "describe"],
            Self::Scorecard(_) => &["plot", "save", "describe"],
            Self::Advice(_)
            | Self::Counterfactuals(_)
            | Self::Predictions(_)
            | Self::Reasons(_) => &["describe"],
            Self::Comparison(_) | Self::Findings(_) | Self::Move(_) => &[],
        }
    }

    pub(super) fn fields(&self) -> Result<Map<String, Json>> {
        match self {
            Self::Activations(a) => object(a),
            Self::Advice(a) => object(a.as_ref()),
            Self::Analysis(a) => analyses::fields(a),
            Self::Dataset(d) => object(d),
            Self::Comparison(c) => c.fields(),
            Self::Counterfactuals(c) => c.fields(),
            Self::Explanations(e) => explanations::fields(e),
            Self::Findings(f) => object(f),
            Self::Frame(f) => frame::fields(f),
            Self::Groups(g) => g.fields(),
            Self::Investment(i) => i.fields(),
            Self::Plot(p) => plot::fields(p),
            Self::Model(m) => object(m),
            Self::Version(v) => v.fields(),
            Self::Job(j) => object(j.as_ref()),
            Self::Lending(l) => l.fields(),
            Self::Predictions(p) => p.fields(),
            Self::Forecasts(f) => forecasts::fields(f),
            Self::Reasons(r) => r.fields(),
            Self::ReasonTable(t) => object(t),
            Self::Risk(r) => risk::fields(r),
            Self::RiskBacktest(t) => risk::backtest_fields(t),
            Self::CreditLosses(l) => risk::credit_fields(l),
            Self::Binning(b) => object(b.as_ref()),
            Self::Scorecard(s) => object(s.as_ref()),
            Self::Move(m) => object(m),
        }
    }

    /// All of it as JSON: the rows of what has rows, else its fields.
    fn json(&self) -> Json {
        let fields = match self {
            Self::Frame(f) => frame::rows(f).map(Json::from),
            _ => self.fields().map(Json::from),
        };
        fields.unwrap_or_else(|_| self.text().into())
    }

    /// What there is to say of it, a row a thing.
    pub(super) fn described(&self) -> Result<Vec<Map<String, Json>>> {
        match self {
            Self::Activations(a) => Ok(activations::described(a)),
            Self::Advice(a) => Ok(advice::described(a)),
            Self::Analysis(a) => Ok(analyses::described(a)),
            Self::Counterfactuals(c) => Ok(c.described()),
            Self::Dataset(d) => dataset::described(d),
            Self::Explanations(e) => Ok(explanations::described(e)),
            Self::Frame(f) => frame::rows(&super::functions::described(f)?),
            Self::Lending(l) => l.described(),
            Self::Investment(i) => i.described(),
            Self::Version(v) => v.described(),
            Self::Predictions(p) => Ok(p.described()),
            Self::Forecasts(f) => Ok(forecasts::described(f)),
            Self::Reasons(r) => Ok(r.described()),
            Self::ReasonTable(t) => Ok(reasons::table_described(t)),
            Self::Risk(r) => Ok(risk::described(r)),
            Self::RiskBacktest(t) => Ok(risk::backtest_described(t)),
            Self::CreditLosses(l) => Ok(risk::credit_described(l)),
            Self::Scorecard(s) => Ok(scorecards::described(s)),
            Self::Binning(b) => Ok(binning::described(b)),
            Self::Comparison(_)
            | Self::Findings(_)
            | Self::Groups(_)
            | Self::Job(_)
            | Self::Model(_)
            | Self::Move(_)
            | Self::Plot(_) => {
                let pair = |(name, value): (String, Json)| {
                    Map::from_iter([
                        ("field".to_owned(), name.into()),
                        ("value".to_owned(), cell_of(&value).into()),
                    ])
                };
                Ok(self.fields()?.into_iter().map(pair).collect())
            }
        }
    }
}

/// A value's fields.
fn object(value: &impl Serialize) -> Result<Map<String, Json>> {
    match serde_json::to_value(value).context("reading a value's fields")? {
        Json::Object(fields) => Ok(fields),
        _ => Err(Error::internal("reading a value's fields", "it has none")),
    }
}

/// An object as Starlark holds it.
#[derive(StarlarkPagablePanic)]
pub(super) struct Handle(Arc<Object>);

starlark::register_starlark_any!(Handle);

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.0.text())
    }
}

/// Makes a value of an object.
pub(super) fn alloc<'v>(object: Object, eval: &mut Evaluator<'v, '_, '_>) -> Result<Value<'v>> {
    let heap = eval.heap();
    let object = Arc::new(object);
    let itself = heap.alloc(StarlarkAny::new(Handle(object.clone())));
    let mut fields: Vec<(String, Value<'v>)> = vec![(ITSELF.to_owned(), itself)];
    for (name, value) in object.fields()? {
        fields.push((name, heap.alloc(value)));
    }
    let functions = &context()?.globals;
    let find = |name: &str| {
        let name = if name == "load" { super::source::LOAD } else { name };
        let found = functions.iter().find(|(known, _)| *known == name);
        found
            .map(|(_, value)| value.to_value())
            .ok_or_else(|| Error::internal("binding a method", format!("there is no {name}")))
    };
    let bind = find("partial")?;
    for name in object.methods() {
        let bound = eval
            .eval_function(bind, &[find(name)?, itself], &[])
            .map_err(|error| Error::internal("binding a method", error.to_string()))?;
        fields.push(((*name).to_owned(), bound));
    }
    let made = heap.alloc(AllocStruct(fields));
    Ok(match object.as_ref() {
        Object::Frame(_) => heap.alloc(Columns::new(made)),
        _ => made,
    })
}

/// The object in a value.
pub(super) fn object_of<'v>(value: Value<'v>) -> Option<&'v Object> {
    let handle = match StarlarkAny::<Handle>::get(value) {
        Some(handle) => handle,
        None => {
            let fields = StructRef::from_value(Columns::object_in(value).unwrap_or(value))?;
            let (_, itself) = fields.iter().find(|(name, _)| name.as_str() == ITSELF)?;
            StarlarkAny::<Handle>::get(itself)?
        }
    };
    Some(handle.0.as_ref())
}

/// What a value is: `frame`, `int`.
pub(super) fn kind(value: Value<'_>) -> String {
    object_of(value).map_or_else(|| value.get_type(), |object| object.kind()).to_owned()
}

/// What a value reads like; `quoted` puts texts in quotes.
pub(super) fn text_of(value: Value<'_>, quoted: bool) -> String {
    let mut out = String::new();
    write(value, quoted, DEPTH, &mut out);
    super::source::unmasked(&out)
}

fn write(value: Value<'_>, quoted: bool, depth: usize, out: &mut String) {
    if let Some(object) = object_of(value) {
        return out.push_str(&object.text());
    }
    let list = ListRef::from_value(value).map(|list| ("[", list.content(), "]"));
    let tuple = || TupleRef::from_value(value).map(|tuple| ("(", tuple.content(), ")"));
    if let Some((open, items, close)) = list.or_else(tuple) {
        out.push_str(open);
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                out.push_str(", ");
            }
            nested(*item, depth, out);
        }
        if open == "(" && items.len() == 1 {
            out.push(',');
        }
        return out.push_str(close);
    }
    if let Some(dict) = DictRef::from_value(value) {
        out.push('{');
        for (i, (key, item)) in dict.iter().enumerate() {
            if i > 0 {
                out.push_str(", ");
            }
            nested(key, depth, out);
            out.push_str(": ");
            nested(item, depth, out);
        }
        return out.push('}');
    }
    if let Some(fields) = StructRef::from_value(value) {
        out.push_str("struct(");
        for (i, (name, item)) in fields.iter().enumerate() {
            if i > 0 {
                out.push_str(", ");
            }
            out.push_str(name.as_str());
            out.push('=');
            nested(item, depth, out);
        }
        return out.push(')');
    }
    out.push_str(&if quoted { value.to_repr() } else { value.to_str() });
}

fn nested(value: Value<'_>, depth: usize, out: &mut String) {
    if depth == 0 { out.push('…') } else { write(value, true, depth - 1, out) }
}

/// How a cell's value is shown.
pub(super) fn shown(value: Value<'_>, detail: Detail) -> Shown {
    let is_whole = detail == Detail::Whole;
    let rows = match detail {
        Detail::Short => SHOWN_ROWS,
        Detail::Page => PAGE,
        Detail::Whole => usize::MAX,
    };
    if let Some(object) = object_of(value) {
        let table = match object {
            Object::Activations(a) => Some(activations::table(a)),
            Object::Advice(a) => Some(advice::table(a)),
            Object::Analysis(a) => Some(analyses::table(a)),
            Object::Version(v) => v.version.search.as_ref().map(search::table),
            Object::Frame(f) => frame::table(f, rows).ok(),
            Object::Lending(l) => l.table(rows),
            Object::Comparison(c) => Some(c.table()),
            Object::Counterfactuals(c) => Some(c.table()),
            Object::Explanations(e) => Some(explanations::table(e)),
            Object::Findings(f) => f.table(),
            Object::Investment(i) => Some(i.table(rows)),
            Object::Predictions(p) => Some(p.table(rows)),
            Object::Forecasts(f) => Some(forecasts::table(f, rows)),
            Object::Reasons(r) => Some(r.table(rows)),
            Object::ReasonTable(t) => Some(reasons::table_table(t)),
            Object::Risk(r) => Some(risk::table(r)),
            Object::RiskBacktest(t) => Some(risk::backtest_table(t)),
            Object::CreditLosses(l) => Some(risk::credit_table(l)),
            Object::Scorecard(s) => Some(scorecards::table(s)),
            Object::Binning(b) => Some(binning::table(b)),
            _ => None,
        };
        let plot = match object {
            Object::Comparison(c) => c.plot(),
            Object::Plot(p) => Some(p.clone()),
            _ => None,
        };
        let json = is_whole.then(|| object.json());
        return Shown { text: object.text(), table, plot, json };
    }
    let text = text_of(value, true);
    let table = listed(value).or_else(|| {
        // A short one reads well as it is.
        (text.chars().count() > LONG_DICT).then(|| pairs(value)).flatten()
    });
    let json = is_whole.then(|| lists::json(value).unwrap_or_else(|| text.clone().into()));
    Shown { text, table, plot: None, json }
}
