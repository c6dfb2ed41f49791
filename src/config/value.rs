//! Values of settings as text.

use std::fmt::Display;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use crate::engine::DeviceWish;
use crate::jobs::Niceness;
use crate::telemetry::LogFormat;

/// What a setting may hold.
pub(crate) trait Value: Sized {
    /// Reads it, or says what would be right.
    fn parse(text: &str) -> Result<Self, String>;
    /// As it is written in a file; None where there is nothing.
    fn show(&self) -> Option<String>;
}

macro_rules! values {
    ($($type:ty: $wanted:literal;)*) => {
        $(impl Value for $type {
            fn parse(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_| $wanted.to_owned())
            }
            fn show(&self) -> Option<String> {
                Some(shown(self))
            }
        })*
    };
}

values! {
    bool: "give true or false";
    u32: "give a whole number";
    u64: "give a whole number";
    usize: "give a whole number";
    NonZeroUsize: "give a whole number from 1 on";
    SocketAddr: "give an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080";
    String: "give text";
    LogFormat: "give pretty or json";
    Niceness: "give a whole number from 0 to 19";
    DeviceWish: "give auto, cpu, or cuda:N as in cuda:0";
}

fn shown(value: &impl Display) -> String {
    value.to_string()
}

impl Value for PathBuf {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self::from(text))
    }

    fn show(&self) -> Option<String> {
        Some(shown(&self.display()))
    }
}

impl Value for f64 {
    fn parse(text: &str) -> Result<Self, String> {
        let number = text.parse().ok().filter(|n: &f64| n.is_finite() && *n >= 0.0);
        number.ok_or_else(|| "give a number from 0 on, such as 0.05".to_owned())
    }

    fn show(&self) -> Option<String> {
        Some(shown(self))
    }
}

impl Value for Duration {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .ok()
            .filter(|seconds| *seconds > 0)
            .map(Self::from_secs)
            .ok_or_else(|| "give whole seconds".to_owned())
    }

    fn show(&self) -> Option<String> {
        Some(self.as_secs().to_string())
    }
}

impl<T: Value> Value for Option<T> {
    fn parse(text: &str) -> Result<Self, String> {
        T::parse(text).map(Some)
    }

    fn show(&self) -> Option<String> {
        self.as_ref().and_then(Value::show)
    }
}
