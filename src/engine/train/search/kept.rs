//! What a search keeps while it runs, and in the job's checkpoint: its ledger, the configurations that
//! may be gone on with, and the best one that is whole.

use std::collections::BTreeMap;
use std::time::Instant;

use safetensors::SafeTensors;

use super::ledger::Ledger;
use crate::error::{Context, Result};

/// Most bytes of configurations that are to be gone on with. What goes beyond is trained anew when it
/// is its turn, and comes to the same.
pub(super) const MOST_BYTES: usize = 64 << 20;

const LEDGER: &str = "search/ledger";
const BEST: &str = "search/best";
const STATE: &str = "search/state/";

/// A search as far as it has come.
#[derive(Debug, Default)]
pub(in crate::engine::train) struct Kept {
    pub(super) ledger: Ledger,
    /// Trainings at rest by the number of their configuration, as their checkpoints have them.
    pub(super) states: BTreeMap<usize, Vec<u8>>,
    /// What the best configuration that is whole was trained to.
    pub(super) best: Option<Vec<u8>>,
    /// Seconds before `since`.
    before: f64,
    /// Since when its time runs.
    since: Option<Instant>,
}

impl Kept {
    /// Lets its time run.
    pub(super) fn start(&mut self) {
        self.since = Some(Instant::now());
    }

    /// Holds its time.
    pub(super) fn stop(&mut self) {
        self.before = self.seconds();
        self.since = None;
    }

    /// Seconds that it took, also before it was interrupted.
    pub(super) fn seconds(&self) -> f64 {
        self.before + self.since.map_or(0.0, |since| since.elapsed().as_secs_f64())
    }

    /// Gives up what can't be gone on with, and of the rest what is too much, the worst first.
    /// `hopeless` are known to be at their end, `order` is the leaderboard's.
    pub(super) fn forget(&mut self, hopeless: &[usize], order: &[usize]) {
        for trial in hopeless {
            self.states.remove(trial);
        }
        let mut bytes: usize = self.states.values().map(Vec::len).sum();
        for trial in order.iter().rev() {
            if bytes <= MOST_BYTES {
                break;
            }
            bytes -= self.states.remove(trial).map_or(0, |state| state.len());
        }
    }

    /// The ledger and the time as they are written down.
    ///
    /// # Errors
    /// Internal.
    pub(in crate::engine::train) fn ledger(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(&(&self.ledger, self.seconds())).context("writing a checkpoint")
    }

    /// All that is written down, by name, of which this is the ledger.
    pub(in crate::engine::train) fn entries<'a>(
        &'a self,
        ledger: &'a [u8],
    ) -> impl Iterator<Item = (String, &'a [u8])> {
        let states = self.states.iter();
        std::iter::once((LEDGER.to_owned(), ledger))
            .chain(self.best.iter().map(|best| (BEST.to_owned(), best.as_slice())))
            .chain(states.map(|(trial, state)| (format!("{STATE}{trial}"), state.as_slice())))
    }

    /// What was written down, where a search was.
    ///
    /// # Errors
    /// Internal, when it is none.
    pub(in crate::engine::train) fn read(tensors: &SafeTensors<'_>) -> Result<Option<Self>> {
        const READING: &str = "reading a checkpoint";
        let Ok(ledger) = tensors.tensor(LEDGER) else { return Ok(None) };
        let (ledger, before) = serde_json::from_slice(ledger.data()).context(READING)?;
        let mut kept = Self { ledger, before, ..Self::default() };
        for (name, view) in tensors.iter() {
            if name == BEST {
                kept.best = Some(view.data().to_vec());
            } else if let Some(trial) = name.strip_prefix(STATE) {
                let trial = trial.parse::<usize>().context(READING)?;
                kept.states.insert(trial, view.data().to_vec());
            }
        }
        Ok(Some(kept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_given_up_from_the_worst() {
        let mut kept = Kept::default();
        for trial in 0..5 {
            kept.states.insert(trial, vec![0; MOST_BYTES / 3]);
        }
        kept.forget(&[4], &[2, 0, 3, 1, 4]);
        assert_eq!(kept.states.keys().copied().collect::<Vec<_>>(), [0, 2, 3]);
        kept.forget(&[], &[2, 0, 3, 1, 4]);
        assert_eq!(kept.states.len(), 3, "it fits");
    }

    #[test]
    fn its_time_runs_on_where_it_was_interrupted() {
        let mut kept = Kept { before: 40.0, ..Kept::default() };
        assert_eq!(kept.seconds(), 40.0);
        kept.start();
        std::thread::sleep(std::time::Duration::from_millis(5));
        assert!(kept.seconds() > 40.0);
        kept.stop();
        let held = kept.seconds();
        assert!(held > 40.0 && held < 100.0);
        std::thread::sleep(std::time::Duration::from_millis(5));
        assert_eq!(kept.seconds(), held);
    }
}
