//! What `actuary bench` measures below the command line.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{App, Backend, Database, url_of};
use crate::config::Config;
use crate::domain::training::TrainingSpec;
use crate::engine::{
    Asked, Attributing, Control, EpochReport, Explainer, Hooks, LoadedModel, Quantity, train,
};
use crate::error::{Error, Result};
use crate::frame::{Frame, Values};
use crate::http;
use crate::http::bench::Peers;

/// A server of the interface and its peers over a running program's service: one thread, any free
/// port of this machine. Ends with the returned handle's `stop`.
///
/// # Errors
/// When no port can be bound.
pub fn serve_bench(app: &App, peers: Peers) -> Result<(String, http::Handle)> {
    let settings = http::HttpSettings {
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        workers: Some(std::num::NonZeroUsize::MIN),
        ..http::HttpSettings::default()
    };
    let server = http::bench::bind(settings, app.service().clone(), peers)?;
    let (url, handle) = (url_of(server.address(), false), server.handle());
    tokio::spawn(server.run());
    Ok((url, handle))
}

/// Columns of numbers as an Arrow IPC stream.
///
/// # Errors
/// [`crate::error::Error::Internal`] when their lengths differ.
pub fn arrow_stream(rows: usize, columns: Vec<(String, Vec<f64>)>) -> Result<Vec<u8>> {
    let values = |numbers: Vec<f64>| Values::Float64(numbers.into_iter().map(Some).collect());
    let columns = columns.into_iter().map(|(name, numbers)| (name, values(numbers)));
    Frame::new(rows, columns.collect())?.to_stream()
}

/// How long the database takes to start, by itself.
///
/// # Errors
/// As [`Backend::own`].
pub async fn time_database(config: &Config) -> Result<Duration> {
    let start = Instant::now();
    let database = Database::own(config).await?;
    let took = start.elapsed();
    database.close().await.map(|()| took)
}

impl Backend {
    /// Where another process finds the database, while this one has it.
    pub fn database_url(&self) -> &str {
        &self.database.url
    }

    /// Keeps bytes as a model's weights are kept; to be found by the number that is returned.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn keep_blob(&self, bytes: &[u8]) -> Result<i64> {
        let mut writer = self.store.write_blob().await?;
        writer.write(bytes).await?;
        let written = writer.complete().await?;
        let mut tx = self.store.begin().await?;
        let kept = tx.finish_blob(&written).await?;
        tx.commit().await?;
        Ok(kept.id)
    }

    /// Reads them as a model's weights are read: verified.
    ///
    /// # Errors
    /// [`crate::error::Error::Internal`] when they are not what was kept.
    pub async fn load_blob(&self, id: i64) -> Result<Vec<u8>> {
        self.store.load_blob(id).await
    }
}

/// Rows that a version of [`Explained`] is trained on, and that are scored and explained at once.
const TRAINED: usize = 6000;
const SCORED: usize = 4096;
const EXPLAINED: usize = 16;

/// A version that was trained on drawn rows, whose answers are given and explained again and again.
pub struct Explained {
    model: LoadedModel,
    explainer: Explainer,
    scored: Frame,
    explained: Frame,
}

impl Explained {
    /// Trains a version of two classes on drawn rows of so many numbers; the specification's target is
    /// `y`.
    ///
    /// # Errors
    /// As [`train`].
    pub fn train(spec: &TrainingSpec, columns: usize) -> Result<Self> {
        let trained = train(&drawn(TRAINED, columns, 1)?, spec, None, &mut Quiet)?;
        Ok(Self {
            model: trained.model()?,
            explainer: Explainer::load(
                &trained.signature,
                &trained.spec,
                trained.features.clone(),
                &trained.weights,
                &trained.background,
            )?,
            scored: drawn(SCORED, columns, 2)?,
            explained: drawn(EXPLAINED, columns, 3)?,
        })
    }

    /// Rows that are scored in a second.
    ///
    /// # Errors
    /// As [`LoadedModel::predict`].
    pub fn scores(&self, time: Duration) -> Result<f64> {
        rate(time, SCORED, || self.model.predict(&self.scored).map(|_| ()))
    }

    /// Rows that are explained in a second by expected gradients, and the points at which gradients were
    /// taken for each, on average.
    ///
    /// # Errors
    /// As [`Explainer::explain`]; [`Error::Internal`] where what is attributed does not add up.
    pub fn explains(&self, time: Duration) -> Result<(f64, f64)> {
        let mut points = 0;
        let rate = rate(time, EXPLAINED, || {
            let of = |_| Quantity::Positive { negative: false };
            let asked = Asked::by(Attributing::Expected, &of);
            let found = self.explainer.explain(&self.explained, &asked, &mut || false)?;
            if !found.iter().all(|one| one.holds) {
                return Err(Error::internal("measuring explanations", "one does not add up"));
            }
            points = found.iter().map(|one| one.points).sum();
            Ok(())
        })?;
        Ok((rate, points as f64 / EXPLAINED as f64))
    }
}

/// So many things at a time, in a second.
pub(super) fn rate(
    time: Duration,
    things: usize,
    mut work: impl FnMut() -> Result<()>,
) -> Result<f64> {
    work()?;
    let (start, mut done) = (Instant::now(), 0);
    while start.elapsed() < time {
        work()?;
        done += things;
    }
    Ok(done as f64 / start.elapsed().as_secs_f64())
}

/// Rows of numbers between -2 and 2, and a class that bends with four of them.
pub(super) fn drawn(rows: usize, columns: usize, seed: u64) -> Result<Frame> {
    // Multiplicative congruential, whose high bits are spread well enough for rows to be scored.
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64 * 4.0 - 2.0
    };
    let mut all: Vec<Vec<Option<f64>>> = vec![Vec::with_capacity(rows); columns];
    let mut classes = Vec::with_capacity(rows);
    for _ in 0..rows {
        all.iter_mut().for_each(|column| column.push(Some(next())));
        let at = |column: usize| all.get(column).and_then(|c| c.last()?.as_ref()).copied();
        let [a, b, c, d] = [0, 1, 2, 3].map(|column| at(column).unwrap_or(0.0));
        classes.push(Some(a + b * c + d.abs() + 0.5 * next() > 1.0));
    }
    let numbers = all.into_iter().enumerate();
    let mut named: Vec<(String, Values)> =
        numbers.map(|(n, values)| (format!("x{n}"), Values::Float64(values))).collect();
    named.push(("y".to_owned(), Values::Bool(classes)));
    Frame::new(rows, named)
}

/// Hooks of a training that nobody looks at.
pub(super) struct Quiet;

impl Hooks for Quiet {
    fn epoch(&mut self, _: &EpochReport) -> Result<Control> {
        Ok(Control::Continue)
    }

    fn checkpoint(&mut self, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn should_stop(&mut self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_measured_answers_and_explains() {
        let spec = json!({"dataset": {"name": "bench"}, "target": "y", "device": "cpu", "epochs": 1,
                          "baselines": false, "network": {"kind": "mlp", "hidden": [8]},
                          "calibration": "none"});
        let spec = serde_json::from_value(spec).unwrap();
        let explained = Explained::train(&spec, 5).unwrap();
        let moment = Duration::from_millis(5);
        let (rate, points) = explained.explains(moment).unwrap();
        assert!(rate > 0.0 && points >= 256.0, "{rate} {points}");
        assert!(explained.scores(moment).unwrap() > 0.0);
        // Which is of the same rows: what is explained is what is answered.
        let of = |_| Quantity::Positive { negative: false };
        let asked = Asked::by(Attributing::Expected, &of);
        let found =
            explained.explainer.explain(&explained.explained, &asked, &mut || false).unwrap();
        let answered = explained.model.predict(&explained.explained).unwrap();
        for (one, answer) in found.iter().zip(answered.values.chunks_exact(2)) {
            let probability = 1.0 / (1.0 + (-one.value).exp());
            assert!((probability - answer[1]).abs() < 1e-6, "{probability} {answer:?}");
        }
    }
}
