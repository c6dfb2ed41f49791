//! Losses of a book of loans, whose probabilities of default are sent, stand in a dataset, or are told by a
//! model.

use std::sync::Arc;

use actuary_finance::risk::{
    Book, CreditLosses, CreditSettings, Exposure, MAX_EXPOSURES, simulate,
};

use super::check::{self, Faults};
use super::{calculated, going_on, refused};
use crate::domain::dataset::DatasetRef;
use crate::domain::key::Caller;
use crate::domain::model::Task;
use crate::domain::name::did_you_mean;
use crate::domain::risk::credit::{
    CreditBook, CreditLossAnswer, CreditLossFigure, CreditLossRequest, CreditModel,
    LoanContribution, LossPercentile,
};
use crate::domain::schema::{ColumnSummary, ColumnType};
use crate::error::{Code, Error, Result};
use crate::frame::{Frame, read_parquet};
use crate::service::Service;
use crate::service::cache::Named;
use crate::service::content::blocking;
use crate::service::loaded::Loaded;
use crate::service::turns::Turn;

const SHOWN_LOANS: usize = 10;
/// Rows that are scored at once.
const AT_ONCE: usize = 8192;
const PERCENTILES: [f64; 23] = [
    0.01, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8,
    0.85, 0.9, 0.95, 0.975, 0.99, 0.999,
];

/// Loans with their names.
struct Loans {
    names: Vec<String>,
    book: Book,
    /// The snapshot that they stand in.
    dataset: Option<DatasetRef>,
    /// The version that told probabilities of default.
    version: Option<u32>,
}

impl Loans {
    /// Such as were sent.
    fn new(names: Vec<String>, book: Book) -> Self {
        Self { names, book, dataset: None, version: None }
    }
}

impl Service {
    /// Simulates what a book of loans loses.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] naming every field that can't hold; [`Code::TooManyRequests`] while others'
    /// risks are calculated.
    pub async fn credit_losses(
        &self,
        caller: &Caller,
        request: CreditLossRequest,
    ) -> Result<CreditLossAnswer> {
        check::credit(&request)?;
        let turn = self.0.calculating.take().await?;
        let loans = match &request.book {
            None => sent(&request)?,
            Some(book) => self.loans_of(caller, book, &request, turn.clone()).await?,
        };
        calculated(turn, move |stop| {
            let settings =
                CreditSettings { simulations: request.simulations as usize, seed: request.seed };
            let made =
                going_on(stop, |go_on| simulate(&loans.book, &request.levels, &settings, go_on))?;
            Ok(answer(&loans, &made.map_err(refused)?, &request))
        })
        .await
    }

    /// The loans of a dataset.
    async fn loans_of(
        &self,
        caller: &Caller,
        book: &CreditBook,
        request: &CreditLossRequest,
        turn: Turn,
    ) -> Result<Loans> {
        let refuse = |field: &str, detail: String| {
            Error::field(Code::InvalidRequest, format!("/book/{field}"), detail)
        };
        let asked = &book.dataset;
        let found = self.named_dataset(caller, asked, Code::InvalidRequest, "/book/dataset");
        let (dataset, content) = found.await?;
        if dataset.rows == 0 || dataset.rows > MAX_EXPOSURES as u64 {
            let detail = format!(
                "{} has {} rows; 1 to {MAX_EXPOSURES} are simulated",
                asked.name, dataset.rows
            );
            return Err(refuse("dataset", detail));
        }
        let scored = match &book.model {
            None => None,
            Some(model) => Some(self.scored_by(caller, model).await?),
        };
        let names = columns(book, &dataset.columns, scored.as_ref().map(|(loaded, _)| loaded))?;
        let file = self.spool(content).await?;
        let frame = blocking(move || {
            let _turn = turn;
            read_parquet(file, Some(&names))
        })
        .await?;
        let probabilities = match (&scored, &book.default_probability) {
            (Some((loaded, class)), _) => self.probabilities(loaded, &frame, *class).await?,
            (None, Some(column)) => frame.numbers(column)?,
            (None, None) => Vec::new(),
        };
        let version = scored.map(|(loaded, _)| loaded.version.version);
        let loans = of_frame(&frame, book, request, &probabilities)?;
        let dataset = DatasetRef { name: dataset.dataset, version: Some(dataset.version) };
        Ok(Loans { dataset: Some(dataset), version, ..loans })
    }

    /// The version that tells probabilities of default, and the place of the class.
    async fn scored_by(
        &self,
        caller: &Caller,
        model: &CreditModel,
    ) -> Result<(Arc<Loaded>, usize)> {
        let refuse = |field: &str, detail: String| {
            Error::field(Code::InvalidRequest, format!("/book/model/{field}"), detail)
        };
        let name = Named { project: &caller.project, model: &model.name };
        let fields = ("/book/model/name", "/book/model/version");
        let loaded = self.loaded_for_body(name, model.version.as_ref(), fields).await?;
        let signature = &loaded.version.signature;
        if signature.task != Task::Binary || signature.window.is_some() {
            let detail = format!(
                "{} {} does not tell the probability of one of two classes for each row",
                model.name, loaded.version.version
            );
            return Err(refuse("version", detail));
        }
        let class = model.class.as_ref().or(signature.positive_class.as_ref());
        let place = class.and_then(|class| signature.classes.iter().position(|c| c == class));
        let place = place.ok_or_else(|| {
            let class = class.map(String::as_str).unwrap_or_default();
            let near = did_you_mean(class, signature.classes.iter().map(String::as_str));
            refuse("class", format!("the version knows no class {class}{near}"))
        })?;
        Ok((loaded, place))
    }

    /// The probability of a class for each row.
    async fn probabilities(
        &self,
        loaded: &Arc<Loaded>,
        frame: &Frame,
        class: usize,
    ) -> Result<Vec<f64>> {
        let mut all = Vec::with_capacity(frame.rows());
        for start in (0..frame.rows()).step_by(AT_ONCE) {
            let outputs = self.0.scorer.score(loaded, frame.part(start, AT_ONCE)?).await?;
            let rows = outputs.values.chunks_exact(outputs.width.max(1));
            all.extend(rows.filter_map(|row| row.get(class).copied()));
        }
        if all.len() != frame.rows() {
            let found = format!("{} answers to {} rows", all.len(), frame.rows());
            return Err(Error::internal("scoring a book of loans", found));
        }
        Ok(all)
    }
}

/// The columns that are read of a book.
fn columns(
    book: &CreditBook,
    there: &[ColumnSummary],
    scored: Option<&Arc<Loaded>>,
) -> Result<Vec<String>> {
    let mut faults = Faults::default();
    let mut names: Vec<String> = Vec::new();
    let mut add = |name: &String| {
        if !names.contains(name) {
            names.push(name.clone());
        }
    };
    let numbers = [
        ("exposure", Some(&book.exposure)),
        ("default_probability", book.default_probability.as_ref()),
        ("loss_given_default", book.loss_given_default.as_ref()),
        ("correlation", book.correlation.as_ref()),
    ];
    let named = [("name", book.name.as_ref())];
    for (at, (field, name)) in numbers.into_iter().chain(named).enumerate() {
        let Some(name) = name else { continue };
        let pointer = format!("/book/{field}");
        match there.iter().find(|column| column.name == *name) {
            None => {
                let near = did_you_mean(name, there.iter().map(|column| column.name.as_str()));
                faults.add(pointer, format!("the dataset has no column {name}{near}"));
            }
            Some(column) if at < numbers.len() && !column.kind.is_numeric() => {
                faults.add(pointer, format!("{name} is {}, not numbers", column.kind.as_str()));
            }
            Some(column) if column.kind == ColumnType::Image => {
                faults.add(pointer, format!("{name} holds images"));
            }
            Some(_) => add(name),
        }
    }
    for input in scored.iter().flat_map(|loaded| &loaded.version.signature.inputs) {
        let problem = match there.iter().find(|column| column.name == input.name) {
            None => "is not there".to_owned(),
            Some(column) if column.kind != input.kind => {
                format!("is {}, not {}", column.kind.as_str(), input.kind.as_str())
            }
            Some(_) => {
                add(&input.name);
                continue;
            }
        };
        let detail = format!("column {} {problem}; the version reads it", input.name);
        faults.add("/book/dataset", detail);
    }
    faults.told()?;
    Ok(names)
}

/// The loans of rows that are read.
fn of_frame(
    frame: &Frame,
    book: &CreditBook,
    request: &CreditLossRequest,
    probabilities: &[f64],
) -> Result<Loans> {
    let column = |name: &Option<String>| name.as_ref().map(|name| frame.numbers(name)).transpose();
    let amounts = frame.numbers(&book.exposure)?;
    let losses = column(&book.loss_given_default)?;
    let correlations = column(&book.correlation)?;
    let labels = book.name.as_ref().map(|name| frame.labels(name)).transpose()?;
    let common = match (&losses, request.loss_given_default) {
        (None, None) => return Err(no_loss_given_default()),
        (_, given) => given,
    };
    let mut faults = Faults::default();
    let mut exposures = Vec::with_capacity(frame.rows());
    for row in 0..frame.rows() {
        let of = |values: &Option<Vec<f64>>, otherwise: Option<f64>| {
            let own = values.as_ref().map(|values| values[row]).filter(|value| !value.is_nan());
            own.or(otherwise).unwrap_or(f64::NAN)
        };
        let one = Exposure {
            default_probability: probabilities[row],
            loss_given_default: of(&losses, common),
            exposure: amounts[row],
            correlation: of(&correlations, Some(request.correlation)),
        };
        if let Err(fault) = one.check() {
            let missing = fault.detail.starts_with("NaN");
            let detail = if missing { "is missing".to_owned() } else { fault.detail };
            faults.add(
                format!("/book{}", fault.pointer),
                format!("row {row} (counted from 0): {detail}"),
            );
        }
        exposures.push(one);
    }
    faults.told()?;
    let name = |row: usize| {
        let label = labels.as_ref().and_then(|labels| labels[row].clone());
        label.unwrap_or_else(|| (row + 1).to_string())
    };
    let names = (0..frame.rows()).map(name).collect();
    Ok(Loans::new(names, Book::new(exposures).map_err(refused)?))
}

fn no_loss_given_default() -> Error {
    let detail = "say what share is lost at default: here for all loans, or for each of them";
    Error::field(Code::InvalidRequest, "/loss_given_default", detail)
}

/// The loans of a request.
fn sent(request: &CreditLossRequest) -> Result<Loans> {
    let loans = request.exposures.as_deref().unwrap_or_default();
    if loans.is_empty() || loans.len() > MAX_EXPOSURES {
        let detail = format!("1 to {MAX_EXPOSURES} loans are simulated, not {}", loans.len());
        return Err(Error::field(Code::InvalidRequest, "/exposures", detail));
    }
    let is_told = |given: Option<f64>| given.or(request.loss_given_default);
    if loans.iter().any(|loan| is_told(loan.loss_given_default).is_none()) {
        return Err(no_loss_given_default());
    }
    let mut faults = Faults::default();
    let mut exposures = Vec::with_capacity(loans.len());
    for (at, loan) in loans.iter().enumerate() {
        let one = Exposure {
            default_probability: loan.default_probability,
            loss_given_default: is_told(loan.loss_given_default).unwrap_or(f64::NAN),
            exposure: loan.exposure,
            correlation: loan.correlation.unwrap_or(request.correlation),
        };
        if let Err(fault) = one.check() {
            faults.add(format!("/exposures/{at}{}", fault.pointer), fault.detail);
        }
        exposures.push(one);
    }
    faults.told()?;
    let name = |(at, loan): (usize, &crate::domain::risk::credit::CreditExposure)| {
        loan.name.clone().unwrap_or_else(|| (at + 1).to_string())
    };
    let names = loans.iter().enumerate().map(name).collect();
    Ok(Loans::new(names, Book::new(exposures).map_err(refused)?))
}

fn answer(loans: &Loans, made: &CreditLosses, request: &CreditLossRequest) -> CreditLossAnswer {
    let book = &loans.book;
    let figures: Vec<CreditLossFigure> = made
        .figures
        .iter()
        .map(|figure| CreditLossFigure {
            level: figure.level,
            // A sum of no losses is -0, which reads like a mistake.
            value_at_risk: figure.value_at_risk + 0.0,
            // No loss is 0, and not -0.
            interval: figure.precision.interval.map(|(low, high)| [low + 0.0, high + 0.0]),
            expected_shortfall: figure.expected_shortfall + 0.0,
            shortfall_error: figure.shortfall_error,
            unexpected_loss: figure.value_at_risk - made.expected_loss + 0.0,
            large_pool: figure.large_pool,
        })
        .collect();
    let concentration = book.concentration();
    let at = |probability: f64| {
        let place = (probability * made.losses.len() as f64).ceil() as usize;
        made.losses[place.clamp(1, made.losses.len()) - 1]
    };
    CreditLossAnswer {
        loans: book.exposures().len() as u64,
        exposure: book.exposure(),
        expected_loss: made.expected_loss,
        simulated_loss: made.simulated_loss + 0.0,
        simulated_error: made.simulated_error,
        deviation: made.deviation,
        percentiles: PERCENTILES
            .iter()
            .map(|probability| LossPercentile {
                probability: *probability,
                loss: at(*probability) + 0.0,
            })
            .collect(),
        concentration,
        largest: largest(loans, request),
        simulations: u64::from(request.simulations),
        seed: request.seed,
        dataset: loans.dataset.clone(),
        version: loans.version,
        assumptions: assumptions(loans),
        warnings: warnings(made, &figures, concentration),
        figures,
    }
}

/// The loans that add most where times are worst.
fn largest(loans: &Loans, request: &CreditLossRequest) -> Vec<LoanContribution> {
    let level = request.levels.iter().copied().fold(0.5, f64::max);
    let parts = loans.book.parts_of_large_pool(level);
    let mut places: Vec<usize> = (0..parts.len()).collect();
    places.sort_by(|a, b| parts[*b].total_cmp(&parts[*a]).then(a.cmp(b)));
    let of = |at: usize| {
        let one = &loans.book.exposures()[at];
        LoanContribution {
            name: loans.names[at].clone(),
            exposure: one.exposure,
            default_probability: one.default_probability,
            loss: parts[at],
        }
    };
    places.into_iter().take(SHOWN_LOANS).map(of).collect()
}

fn assumptions(loans: &Loans) -> Vec<String> {
    let mut told = vec![
        "borrowers default where a normal number, of which one factor is common to all, falls below a \
         threshold (Vasicek 2002); joint defaults have the normal's thin tail"
            .to_owned(),
        "the loss at default is what it is said to be, in good and bad times alike".to_owned(),
        "probabilities of default are true; intervals tell of the simulation alone".to_owned(),
        "correlations are given, not estimated: the figures far out hang on them".to_owned(),
    ];
    if let Some(version) = loans.version {
        told.push(format!(
            "probabilities of default are those that version {version} tells, over the time that its \
             target looks at"
        ));
    }
    told
}

fn warnings(
    made: &CreditLosses,
    figures: &[CreditLossFigure],
    concentration: Option<f64>,
) -> Vec<String> {
    const CONCENTRATED: f64 = 0.01;
    const FAR: f64 = 4.0;
    let mut warnings = Vec::new();
    for figure in figures.iter().filter(|figure| figure.interval.is_none()) {
        warnings.push(format!(
            "too few simulations lie beyond {} for an interval: take more",
            figure.level
        ));
    }
    // Where nothing is uncertain a pool of one loan loses as much as that of many.
    let is_beyond = |figure: &CreditLossFigure| {
        figure.value_at_risk > figure.large_pool * (1.0 + 1e-9) && made.deviation > 0.0
    };
    if concentration.is_some_and(|sum| sum > CONCENTRATED) && figures.iter().any(is_beyond) {
        warnings.push(
            "few loans make up much of the book, so that the large pool in closed form says too little"
                .to_owned(),
        );
    }
    let off = (made.simulated_loss - made.expected_loss).abs();
    if made.simulated_loss == 0.0 && made.expected_loss > 0.0 {
        warnings.push("no simulation had a default: take more".to_owned());
    } else if made.simulated_error > 0.0
        && off > FAR * made.simulated_error
        && off > 1e-9 * made.expected_loss.abs()
    {
        warnings.push(format!(
            "the simulations' mean is {:.1} standard errors from the expected loss: take more, or \
             another seed",
            off / made.simulated_error
        ));
    }
    warnings
}
