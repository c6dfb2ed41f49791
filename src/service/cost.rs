//! The price of what a training took, or is expected to take, at the operator's present rates.

use super::Service;
use crate::domain::cost::Cost;
use crate::domain::job::Job;
use crate::domain::version::Version;

impl Service {
    /// Puts the price on a cost.
    pub(super) fn priced(&self, mut cost: Cost) -> Cost {
        self.0.settings.rates.price(&mut cost);
        cost
    }

    /// A job whose expected cost has its price.
    pub(super) fn priced_job(&self, mut job: Job) -> Job {
        job.estimate = job.estimate.map(|estimate| self.priced(estimate));
        job
    }

    /// A version whose cost has its price.
    pub(super) fn priced_version(&self, mut version: Version) -> Version {
        let cost = version.provenance.cost.take();
        version.provenance.cost = cost.map(|cost| self.priced(cost));
        version
    }
}
