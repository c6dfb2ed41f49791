//! SIMD on plain slices, chosen at run time: AVX-512, AVX2 with FMA, or scalar.
//!
//! A crate of its own, since what is generic over the instruction set must be compiled in one
//! unit: split into several, its innermost functions are no longer inlined, at a fifth of the
//! speed.

mod affine;
mod aligned;
mod attention;
mod bags;
mod convolution;
mod dense;
mod elementwise;
mod embedding;
mod level;
mod levels;
mod lstm;
mod members;
mod norm;
mod optimisers;
mod phrases;
mod product;
mod quotients;
#[cfg(test)]
mod reference;
mod room;
mod softmax;
mod tables;

pub use affine::{Affine, AffineGradients};
pub use attention::{Attention, Projected, Weights};
pub use bags::Bags;
pub use convolution::{Convolution, Gradients, Shape};
pub use dense::Dense;
pub use elementwise::{Function, gelu_gradient, tanh_gradient};
pub use embedding::{Bins, EmbeddingGradients, EmbeddingWeights};
pub use levels::Levels;
pub use lstm::{ByStates, Lstm, LstmGradients, Passed};
pub use members::{scaled_weights, scaled_weights_gradients};
pub use norm::{Norm, NormGradients, Spread};
pub use optimisers::{Adam, square_sum};
pub use phrases::{PhraseGradients, Phrases, Texts};
pub use quotients::quotients;
pub use softmax::{softmax, softmax_gradient};
pub use tables::{Edges, Place, Table};
