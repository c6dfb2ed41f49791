//! The composition root: settings become a running program, and a running program ends in order.
