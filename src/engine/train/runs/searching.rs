//! What a search asks of a job's trainings: stretches of one of its configurations, and that what it
//! has come to is kept.

use std::time::Instant;

use burn::backend::flex::FlexDevice;
use burn::backend::{Autodiff, Flex};
use burn::{Dispatch, DispatchDevice};

use super::{RunHooks, Runs};
use crate::domain::search::SearchProgress;
use crate::engine::device::{Device, gpu};
use crate::engine::train::checkpoint::Checkpoint;
use crate::engine::train::fit::{Fit, Problem, stretch};
use crate::engine::train::hooks::{Hooks, RunLabel};
use crate::engine::train::search::Kept;
use crate::error::Result;

/// One training of a search: a configuration from one rung to the next.
pub(in crate::engine::train) struct Stretch<'a> {
    /// Which one, of as many as the search is expected to have.
    pub(in crate::engine::train) label: RunLabel,
    pub(in crate::engine::train) progress: SearchProgress,
    pub(in crate::engine::train) problem: Problem<'a>,
    /// After which no further epoch begins.
    pub(in crate::engine::train) until: Option<Instant>,
}

impl Runs<'_> {
    /// What is kept of the search, which begins with nothing.
    pub(in crate::engine::train) fn search(&mut self) -> &mut Kept {
        self.exclusive().journal.search.get_or_insert_default()
    }

    /// Where its training was that was interrupted.
    pub(in crate::engine::train) fn interrupted(&mut self) -> Option<Vec<u8>> {
        self.exclusive().journal.stretch.take()
    }

    /// Trains a configuration from where it was left, where that was somewhere.
    ///
    /// # Errors
    /// As [`crate::engine::train::train`].
    pub(in crate::engine::train) fn stretch(
        &mut self,
        stretch: Stretch<'_>,
        state: Option<Vec<u8>>,
    ) -> Result<Checkpoint> {
        let planning = self.exclusive();
        planning.trained += 1;
        let Stretch { mut label, progress, problem, until } = stretch;
        label.of = label.of.max(label.number) + planning.planned;
        let search = Some(progress);
        let mut hooks = RunHooks { label, place: None, search, state: &self.state };
        stretch_on(self.device, &problem, state.as_deref(), until, &mut hooks)
    }

    /// Makes a checkpoint between two trainings, when the last one is old enough, or this process has
    /// trained enough.
    ///
    /// # Errors
    /// As the hooks say.
    pub(in crate::engine::train) fn keep(&mut self) -> Result<()> {
        let device = self.device;
        let state = self.exclusive();
        state.relieve(device)?;
        if state.kept.elapsed() < state.hooks.checkpoint_policy().after_epoch {
            return Ok(());
        }
        state.hooks.checkpoint(&state.journal.encode()?)?;
        state.kept = Instant::now();
        Ok(())
    }

    /// Ends the search after so many stretches. Where its winner is `ready`, that is what the next
    /// training that is asked for has come to.
    ///
    /// # Errors
    /// Internal, when it can't be written down.
    pub(in crate::engine::train) fn leave_search(
        &mut self,
        stretches: usize,
        ready: Option<&Fit>,
    ) -> Result<()> {
        let next = (self.chains, 0);
        let state = self.exclusive();
        state.searched = stretches - usize::from(ready.is_some()).min(stretches);
        if let Some(fit) = ready
            && !state.journal.done.contains_key(&next)
        {
            state.journal.done.insert(next, fit.checkpoint().encode()?);
        }
        Ok(())
    }

    /// With so many trainings beside the search.
    pub(in crate::engine::train) fn plan(&mut self, planned: usize) {
        self.exclusive().planned = planned;
    }
}

/// As [`super::fit_on`].
fn stretch_on(
    device: Device,
    problem: &Problem<'_>,
    resume: Option<&[u8]>,
    until: Option<Instant>,
    hooks: &mut dyn Hooks,
) -> Result<Checkpoint> {
    match device {
        Device::Cpu => stretch::<Autodiff<Flex>>(&FlexDevice, problem, resume, until, hooks),
        Device::Cuda(number) => {
            let device = DispatchDevice::autodiff(gpu(number));
            stretch::<Dispatch>(&device, problem, resume, until, hooks)
        }
    }
}
