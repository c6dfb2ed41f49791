//! Networks: fitted, trained and asked. The only module that knows burn.
//!
//! burn stays at 0.21: from 0.22 on its CUDA backend downloads LLVM while building. A training is
//! generic over the backend; [`train`] is the one place where a device becomes one.

mod activations;
mod advice;
mod analyse;
mod device;
mod explain;
mod features;
mod infer;
mod kernels;
mod networks;
mod parts;
mod random;
mod train;
mod weights;
mod windows;

pub use activations::{Inspector, Statistics, Wanted};
pub use advice::{Source, advise};
pub use analyse::{
    Analysed, Keeping, OnStep, Subject, analyse, check_analysed_columns, check_analysis,
};
pub use device::{
    Device, DeviceInfo, DeviceWish, device_memory, devices, keep_kernels, peak_memory,
};
pub use explain::{
    Adverse, Asked, Attributed, AttributedColumn, Attributing, Baseline, Explainer, Quantity,
    SHOWN, Standing, Swap, Typical, beyond, carried, frequent, most_lack,
};
pub use features::{
    BinnedColumn, FittedFeatures, FittedSource, Known, KnownCategory, KnownNumber, Matrix,
};
pub use infer::{LoadedModel, OneAhead, Outputs, SeriesForecast};
pub use train::{
    BinnedTable, CheckpointPolicy, Control, Drawn, EpochReport, Hooks, LastFinite, Parent,
    Rehearsal, Relieved, ScorecardWeights, Trained, bin_columns, check_columns,
    check_simplification, check_spec, elementwise_times, known_task, known_until, simplify,
    told_apart, train, train_from,
};

#[cfg(test)]
pub(crate) mod testing;
