//! PostgreSQL: the only place that knows sqlx.

pub mod connect;
pub mod postgres;
