//! What the tests share.

mod database;
mod door;
mod program;
mod scratch;

pub(crate) use database::{TestDatabase, database, pool_of};
pub(crate) use door::Door;
pub(crate) use program::{Program, actuary, family, kill_at_once, unset_settings};
pub(crate) use scratch::{Scratch, embedded_settings, postmaster_pid, socket_dir};
