//! Predictions: asked for, recorded, scored again.

mod question;
mod replay;

use std::sync::{Arc, LazyLock};

use uuid::Uuid;

pub use self::question::{Question, Wanted};
use super::cache::Named;
use super::explanations::Asking;
use super::loaded::{Loaded, resolve};
use super::reasons::{Answered, check_options};
use super::turns::PATIENCE;
use super::{Idempotency, Service, blocking};
use crate::domain::explanation::MAX_EXPLAINED;
use crate::domain::key::Caller;
use crate::domain::model::Task;
use crate::domain::prediction::{
    Further, MAX_ROWS, PredictionRequest, Row, ScoredResponse, Scores,
};
use crate::domain::reason::ReasonDirections;
use crate::engine::Matrix;
use crate::error::{Code, Context, Error, Result};
use crate::frame::{Frame, RowReader, write_answers};
use crate::store::NewRecord;
use crate::telemetry::metrics as names;

/// An Arrow stream of at most so many bytes is read where it arrives: its arrays are taken as they
/// are.
const READ_AT_ONCE: usize = 1 << 20;

/// An answer as an Arrow IPC stream.
///
/// # Errors
/// [`Error::Internal`] when it can't be written.
pub fn arrow_answer(answer: &ScoredResponse) -> Result<Vec<u8>> {
    write_answers(answer)
}

/// A request whose version is loaded and whose rows are read.
struct Asked {
    loaded: Arc<Loaded>,
    frame: Frame,
    number: u32,
    record: bool,
}

/// A loaded version and rows for it; see [`Service::scoring`].
pub struct Scoring(Asked);

impl Scoring {
    /// Puts the rows through the model once.
    ///
    /// # Errors
    /// [`Error::Internal`] when an output is not finite.
    pub fn run(&self) -> Result<()> {
        self.0.loaded.model.predict(&self.0.frame).map(|_| ())
    }

    /// The same rows as the numbers that the network reads.
    ///
    /// # Errors
    /// Those of [`Service::predict`].
    pub fn inputs(&self) -> Result<Inputs> {
        let inputs = self.0.loaded.model.inputs(&self.0.frame)?;
        Ok(Inputs { loaded: self.0.loaded.clone(), inputs })
    }
}

/// A loaded version and a matrix for its network alone.
pub struct Inputs {
    loaded: Arc<Loaded>,
    inputs: Matrix,
}

impl Inputs {
    /// Puts the rows through the network once.
    ///
    /// # Errors
    /// [`Error::Internal`] when a device fails.
    pub fn run(&self) -> Result<()> {
        self.loaded.model.logits_of(&self.inputs).map(|_| ())
    }
}

impl Service {
    /// Scores rows by a version of a model.
    ///
    /// # Errors
    /// [`Code::InvalidRows`] naming every value that can't be scored, [`Code::NotFound`] for an
    /// unknown model, version or alias, [`Code::InvalidRequest`] when there are no rows or too
    /// many, [`Code::MalformedRequest`] and [`Code::TooLarge`] for a stream as
    /// [`RowReader::arrow`] gives them, [`Code::TooManyRequests`] when costly scoring has queued
    /// up, [`Code::Unavailable`] when the answer can't be recorded.
    pub async fn predict(
        &self,
        caller: &Caller,
        once: Option<&Idempotency>,
        model: &str,
        question: Question,
    ) -> Result<ScoredResponse> {
        check_shape(&question)?;
        // What is rare is boxed: the future of every prediction would hold it.
        if once.is_some()
            && let Some(response) = Box::pin(self.kept(caller, once)).await?
        {
            return Ok(response);
        }
        let Asked { loaded, frame, number, record } = self.asked(caller, model, &question).await?;
        static ROWS: LazyLock<metrics::Histogram> =
            LazyLock::new(|| metrics::histogram!(names::PREDICTION_ROWS));
        ROWS.record(frame.rows() as f64);
        let wanted = question.wanted();
        // What nobody asks for again is not held while others are scored.
        let kept = (record || wanted.is_some()).then(|| Box::new((question, frame.clone())));
        let outputs = self.0.scorer.score(&loaded, frame).await?;
        let mut response = ScoredResponse {
            scores: loaded.naming.named(outputs),
            threshold: loaded.version.signature.threshold,
            model: model.to_owned(),
            version: number,
            id: None,
            further: None,
        };
        let Some(kept) = kept else { return Ok(response) };
        Box::pin(async {
            let rows = match (*kept, wanted) {
                ((Question::Plain { rows, .. }, _), None) => rows.to_json()?,
                ((question, frame), wanted) => {
                    let rows = rows_of(question, &frame)?;
                    if let Some(wanted) = wanted {
                        let asked = (frame, rows.as_slice());
                        let further =
                            self.further(caller, &loaded, asked, &response.scores, wanted).await?;
                        response.further = Some(Box::new(further));
                    }
                    if !record {
                        return Ok(response);
                    }
                    serde_json::to_string(&rows).context("writing rows")?
                }
            };
            self.record(caller, once, loaded.row, rows, response).await
        })
        .await
    }

    /// What is told beside answers: reasons, and what each column adds. `rows` are as they were sent.
    async fn further(
        &self,
        caller: &Caller,
        loaded: &Arc<Loaded>,
        (frame, rows): (Frame, &[Row]),
        scores: &Scores,
        wanted: Box<Wanted>,
    ) -> Result<Further> {
        check_number(frame.rows(), loaded)?;
        let name = Named { project: &caller.project, model: &loaded.version.model };
        let turn = self.0.explaining.take().await?;
        let reasons = match &wanted.reasons {
            Some(options) => {
                let cut_off = loaded.version.signature.threshold.unwrap_or(0.5);
                let answered = Answered {
                    frame: &frame,
                    scores,
                    cut_off,
                    told: None,
                    patience: PATIENCE,
                    is_replay: false,
                    is_settled: false,
                    directions: ReasonDirections::Scored,
                };
                let reasons = self.reasons(name, loaded, answered, options, turn.clone()).await?;
                Some(Box::new(reasons))
            }
            None => None,
        };
        let explanations = match wanted.explain {
            true => {
                let asked = (frame, rows, turn);
                Some(self.explained(name, loaded, asked, &Asking::plainly()).await?)
            }
            false => None,
        };
        Ok(Further { reasons, explanations })
    }

    /// Makes an answer to rows, which are a list as JSON, durable before it is given.
    async fn record(
        &self,
        caller: &Caller,
        once: Option<&Idempotency>,
        model: i64,
        rows: String,
        mut response: ScoredResponse,
    ) -> Result<ScoredResponse> {
        let reasons = response.further.as_ref().and_then(|further| further.reasons.as_ref());
        let reasons = reasons.map(serde_json::to_string).transpose().context("writing reasons")?;
        let record = NewRecord {
            id: Uuid::now_v7(),
            project: caller.project.clone(),
            key: caller.key,
            model,
            version: response.version,
            rows,
            predictions: serde_json::to_string(&response.scores).context("writing predictions")?,
            threshold: response.threshold,
            reasons,
        };
        response.id = Some(record.id);
        if once.is_none() {
            self.0.recorder.record(record).await?;
            return Ok(response);
        }
        self.once(caller, once, |tx| {
            Box::pin(async move {
                tx.insert_predictions(&[record]).await?;
                Ok(response)
            })
        })
        .await
    }

    /// Reads the rows of a request as [`Service::predict`] does, and scores nothing. Returns
    /// their number.
    ///
    /// # Errors
    /// Those of [`Service::predict`].
    pub async fn parse_rows(
        &self,
        caller: &Caller,
        model: &str,
        question: &Question,
    ) -> Result<usize> {
        check_shape(question)?;
        Ok(self.asked(caller, model, question).await?.frame.rows())
    }

    /// The model and the rows of a request, to be scored again and again without a server.
    ///
    /// # Errors
    /// Those of [`Service::predict`].
    pub async fn scoring(
        &self,
        caller: &Caller,
        model: &str,
        request: &PredictionRequest,
    ) -> Result<Scoring> {
        let question = Question::Rows(request.clone());
        check_shape(&question)?;
        Ok(Scoring(self.asked(caller, model, &question).await?))
    }

    /// The version that is asked, and the rows as its columns.
    async fn asked(&self, caller: &Caller, model: &str, question: &Question) -> Result<Asked> {
        let name = Named { project: &caller.project, model };
        let registered = self.registered(name).await?;
        let number = resolve(model, &registered, question.version())?;
        let loaded = self.loaded(name, number).await?;
        if loaded.version.signature.task == Task::Forecast {
            return Err(forecasts_only(model));
        }
        let frame = match question {
            _ if is_long(&loaded, question) => {
                let (loaded, question) = (loaded.clone(), question.clone());
                Box::pin(blocking(move || read(&loaded.reader, &question))).await?
            }
            question => read(&loaded.reader, question)?,
        };
        Ok(Asked { loaded, frame, number, record: question.record() || registered.record })
    }
}

/// Whether rows take so long to read that it is done on a thread that may be busy.
fn is_long(loaded: &Loaded, question: &Question) -> bool {
    let is_long = matches!(question, Question::Stream { bytes, .. } if bytes.len() > READ_AT_ONCE);
    is_long || loaded.reader.has_images()
}

/// The rows of a request as columns.
fn read(reader: &RowReader, question: &Question) -> Result<Frame> {
    match question {
        Question::Stream { bytes, .. } => reader.arrow(bytes.clone()),
        Question::Rows(PredictionRequest { rows: Some(rows), .. }) => reader.rows(rows),
        Question::Rows(PredictionRequest { columns: Some(columns), .. }) => reader.columns(columns),
        Question::Rows(_) => Err(no_rows()),
        Question::Plain { rows, .. } => reader.plain(rows),
    }
}

fn forecasts_only(model: &str) -> Error {
    let detail = format!("model {model} forecasts: ask POST /api/v1/models/{model}/forecasts");
    Error::field(Code::InvalidRequest, "/version", detail)
}

fn no_rows() -> Error {
    Error::field(Code::InvalidRequest, "/rows", "there are no rows: send rows or columns")
}

/// Checks what can be checked before a model is known.
fn check_shape(question: &Question) -> Result<()> {
    // How many rows a stream has shows when it is read.
    let request = match question {
        Question::Rows(request) => request,
        Question::Plain { rows, .. } => return check_rows(rows.rows()),
        Question::Stream { .. } => return Ok(()),
    };
    let rows = match (&request.rows, &request.columns) {
        (Some(_), Some(_)) => {
            let detail = "rows and columns are two ways to say the same: send one of them";
            return Err(Error::field(Code::InvalidRequest, "/columns", detail));
        }
        (Some(rows), None) => rows.len(),
        (None, Some(columns)) => columns.values().map(Vec::len).max().unwrap_or(0),
        (None, None) => 0,
    };
    check_rows(rows)?;
    match question.wanted().and_then(|wanted| wanted.reasons) {
        Some(options) => check_options(&options),
        None => Ok(()),
    }
}

fn check_rows(rows: usize) -> Result<()> {
    if rows == 0 {
        return Err(no_rows());
    }
    if rows > MAX_ROWS {
        let detail = format!("{rows} rows are more than {MAX_ROWS}: send them in several requests");
        return Err(Error::field(Code::InvalidRequest, "/rows", detail));
    }
    Ok(())
}

/// Refuses more rows than are explained at once; how many answers windows give shows later.
fn check_number(rows: usize, loaded: &Loaded) -> Result<()> {
    if loaded.version.signature.window.is_none() && rows > MAX_EXPLAINED {
        let detail = format!(
            "{rows} rows are more than {MAX_EXPLAINED} answers, of which reasons and explanations are \
             given at once: send them in parts"
        );
        return Err(Error::field(Code::InvalidRequest, "/rows", detail));
    }
    Ok(())
}

/// The rows of a request as rows, whichever way they came; those of a stream as they were read.
fn rows_of(question: Question, frame: &Frame) -> Result<Vec<Row>> {
    let request = match question {
        Question::Rows(request) => request,
        Question::Plain { rows, .. } => return Ok(rows.to_rows()),
        Question::Stream { .. } => return frame.to_rows(),
    };
    if let Some(rows) = request.rows {
        return Ok(rows);
    }
    let columns = request.columns.unwrap_or_default();
    let mut rows = vec![Row::new(); columns.values().map(Vec::len).max().unwrap_or(0)];
    for (name, cells) in columns {
        for (row, cell) in rows.iter_mut().zip(cells) {
            row.insert(name.clone(), cell);
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::schema::Cell;

    #[test]
    fn columns_become_rows() {
        let columns = BTreeMap::from([
            ("a".to_owned(), vec![Cell::Int(1), Cell::Null]),
            ("b".to_owned(), vec![Cell::Text("x".into()), Cell::Text("y".into())]),
        ]);
        let request = PredictionRequest { columns: Some(columns), ..Default::default() };
        let frame = Frame::new(0, Vec::new()).unwrap();
        let rows = rows_of(Question::Rows(request), &frame).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[1]["a"], Cell::Null);
        assert_eq!(rows[1]["b"], Cell::Text("y".into()));
    }
}
