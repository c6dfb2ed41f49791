//! What the tests share.

mod database;
mod scratch;

pub(crate) use database::database;
pub(crate) use scratch::{Scratch, embedded_settings, postmaster_pid, socket_dir};
