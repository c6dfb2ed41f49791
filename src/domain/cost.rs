//! What a training takes: expected before it starts, known once it is over.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Time, memory and price of a training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Cost {
    /// Seconds of the clock, from reading the data to the finished version; waiting for a worker
    /// does not count. Of a training that was taken up again, those of its last attempt.
    #[schema(example = 48.2)]
    pub seconds: f64,
    /// Seconds in which the device trained, the simpler networks beside it included; of networks that
    /// were trained side by side, those of each.
    #[schema(example = 45.6)]
    pub device_seconds: f64,
    /// Most memory of the process that trains, in bytes; a GPU's own does not count.
    #[schema(example = 412_000_000)]
    pub memory_bytes: u64,
    /// `cpu` or `cuda:N`.
    #[schema(example = "cpu")]
    pub device: String,
    /// Of the device seconds at the operator's present rate; none where no rate is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
}

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Price {
    #[schema(example = 0.0013)]
    pub amount: f64,
    #[schema(example = "EUR")]
    pub currency: String,
}

/// What the operator asks for an hour of a device.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rates {
    /// Name of the currency.
    pub currency: Option<String>,
    /// For an hour of the CPU.
    pub cpu_hour: Option<f64>,
    /// For an hour of one CUDA device.
    pub cuda_hour: Option<f64>,
}

impl Rates {
    /// Puts the price on what a training took; none where the rate of its device, or the currency,
    /// is not set.
    pub fn price(&self, cost: &mut Cost) {
        let hour = if cost.device.starts_with("cuda") { self.cuda_hour } else { self.cpu_hour };
        cost.price = match (hour, &self.currency) {
            (Some(hour), Some(currency)) => Some(Price {
                amount: cost.device_seconds / 3600.0 * hour,
                currency: currency.clone(),
            }),
            _ => None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_needs_a_rate_of_the_device_and_a_currency() {
        let mut cost = Cost {
            seconds: 2000.0,
            device_seconds: 1800.0,
            memory_bytes: 1,
            device: "cuda:1".into(),
            price: None,
        };
        let rates = Rates { currency: Some("EUR".into()), cpu_hour: None, cuda_hour: Some(3.0) };
        rates.price(&mut cost);
        assert_eq!(cost.price, Some(Price { amount: 1.5, currency: "EUR".into() }));
        Rates { currency: None, ..rates.clone() }.price(&mut cost);
        assert_eq!(cost.price, None);
        cost.device = "cpu".into();
        rates.price(&mut cost);
        assert_eq!(cost.price, None);
    }
}
