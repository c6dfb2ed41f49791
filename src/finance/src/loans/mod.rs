//! Lending: what a loan is expected to lose, what it may cost and how much may be lent.

mod amortisation;
mod expected_loss;
mod parcelling;
mod pricing;
mod staging;

pub use amortisation::Amortisation;
pub use expected_loss::{
    CreditLoss, DefaultRisk, Exposure, LifetimeLoss, MAX_MONTHS, Scenario, check_scenarios,
    monthly_hazards,
};
pub use parcelling::{Band, Parcelling, parcel};
pub use pricing::{Costs, Limits, Offer, Price, instalment, largest_amount};
pub use staging::{Stage, StageRules};
