//! What is wrong with an input.

pub type Result<T, E = Fault> = std::result::Result<T, E>;

/// Why something can't be calculated, in words for whoever asked: the problem and the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Fault {
    /// The parameter it lies in, as a JSON pointer below the value that was given: `/level`; empty where it
    /// lies in all of them together.
    pub pointer: String,
    pub detail: String,
}

impl Fault {
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }
}
