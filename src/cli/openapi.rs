//! `actuary openapi`

use super::output::print;
use crate::app;
use crate::error::Result;

pub(super) fn run() -> Result<()> {
    print(&app::openapi())
}
