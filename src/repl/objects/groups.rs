//! Rows that are grouped, until it is said what is worked out of each group.

use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::super::text::counted;
use crate::error::Result;
use crate::frame::Frame;

pub(in crate::repl) struct Groups {
    pub(in crate::repl) frame: Frame,
    /// The columns whose values tell the groups apart.
    pub(in crate::repl) by: Vec<String>,
}

#[derive(Serialize)]
struct Fields<'a> {
    rows: usize,
    by: &'a [String],
}

impl Groups {
    pub(super) fn text(&self) -> String {
        let rows = counted(self.frame.rows() as u64, "row");
        format!(
            "{rows} grouped by {}; .agg(n=\"count(*)\") says what is worked out",
            self.by.join(", ")
        )
    }

    pub(super) fn fields(&self) -> Result<Map<String, Json>> {
        super::object(&Fields { rows: self.frame.rows(), by: &self.by })
    }
}
