//! Advice: what to train on a dataset, found in it and measured on this machine.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Service;
use super::content::blocking;
use crate::domain::advice::{Advice, AdviceRequest};
use crate::domain::key::Caller;
use crate::engine::{self, Source};
use crate::error::{Code, Context, Result};
use crate::frame::{Frame, read_parquet, read_parquet_rows};

/// What is said while networks are measured for other requests.
pub(super) const BUSY: &str = "networks are being measured for others, and two at once would slow \
                               each other down: ask again in a few seconds";

impl Service {
    /// Recommends a training on a dataset, with what it is expected to take on this machine.
    ///
    /// # Errors
    /// [`Code::InvalidSpec`][crate::error::Code] naming every field that the dataset refutes; an
    /// unknown dataset is a bad field. `TooManyRequests` while others are advised.
    pub async fn advise(&self, caller: &Caller, request: AdviceRequest) -> Result<Advice> {
        let found = self.named_dataset(caller, &request.dataset, Code::InvalidSpec, "/dataset");
        let (dataset, content) = found.await?;
        let turn = self.0.probing.take().await?;
        let stored = Stored(self.spool(content).await?);
        // Whoever asked may leave: this is dropped then.
        let (asking, left) = Asking::new();
        let mut advice = blocking(move || {
            let _turn = turn;
            let mut stop = || left.load(Ordering::Relaxed);
            engine::advise(&stored, &dataset, &request, &mut stop)
        })
        .await?;
        drop(asking);
        advice.estimate = self.priced(advice.estimate);
        for alternative in &mut advice.alternatives {
            self.0.settings.rates.price(&mut alternative.estimate);
        }
        Ok(advice)
    }
}

/// A request that is waited for; what it holds says so once it is dropped.
struct Asking(Arc<AtomicBool>);

impl Asking {
    fn new() -> (Self, Arc<AtomicBool>) {
        let left = Arc::new(AtomicBool::new(false));
        (Self(left.clone()), left)
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A dataset in a file of its own.
struct Stored(File);

impl Stored {
    fn file(&self) -> Result<File> {
        self.0.try_clone().context("reading a dataset")
    }
}

impl Source for Stored {
    fn columns(&self, names: &[String]) -> Result<Frame> {
        read_parquet(self.file()?, Some(names))
    }

    fn rows(&self, rows: &[usize]) -> Result<Frame> {
        read_parquet_rows(self.file()?, rows)
    }
}
