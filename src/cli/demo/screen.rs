//! The demonstration's page: one line a fact.

use std::time::Duration;

use super::super::output::{Style, duration, print};
use crate::config::Config;
use crate::error::Result;

pub(super) struct Screen {
    pub(super) style: Style,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self { style: Style::of_stdout() }
    }

    pub(super) fn heading(&self, config: &Config) -> Result<()> {
        let masked = config.effective().iter().find(|e| e.key == "database.url");
        let place = match masked.and_then(|setting| setting.value.as_deref()) {
            Some(url) => url.to_owned(),
            None => config.data_dir.display().to_string(),
        };
        let name = self.style.strong("actuary");
        print(&format!("{name} {} · data in {place}\n", crate::code_version()))
    }

    /// What is done, how long it took, and what came of it.
    pub(super) fn done(
        &self,
        what: &str,
        text: &str,
        took: Option<Duration>,
        figures: &str,
    ) -> Result<()> {
        let tick = self.style.good("✓");
        let took = took.map(duration).unwrap_or_default();
        let line = format!(" {tick} {what:<10} {text:<48} {took:>6}   {figures}");
        print(&format!("{}\n", line.trim_end()))
    }

    /// What may be typed next: commands and what they give, and a remark on them.
    pub(super) fn next(&self, steps: &[(String, String)], remark: &str) -> Result<()> {
        let mut text = String::new();
        for (i, (command, gives)) in steps.iter().enumerate() {
            let head = if i == 0 { self.style.strong("next") } else { "    ".to_owned() };
            let line = format!("{head}  {command}   {}", self.style.faint(gives));
            text.push_str(line.trim_end());
            text.push('\n');
        }
        print(&format!("{text}      {}\n", self.style.faint(remark)))
    }
}
