//! `actuary doctor`

use clap::Args;

use super::output::{Style, print};
use crate::app::{Finding, Health, examine};
use crate::config::Config;
use crate::error::{Code, Context, Error, Result};

#[derive(Args)]
pub(super) struct Doctor {
    /// Print one JSON array
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(config: &Config, doctor: Doctor) -> Result<()> {
    let findings = examine(config).await?;
    if doctor.json {
        let text = serde_json::to_string_pretty(&findings).context("writing the findings")?;
        print(&format!("{text}\n"))?;
    } else {
        print(&shown(&findings, Style::of_stdout()))?;
    }
    match findings.iter().filter(|finding| finding.health == Health::Bad).count() {
        0 => Ok(()),
        bad => Err(Error::new(
            Code::Unavailable,
            format!("a server would not work: {bad} of {} findings are bad", findings.len()),
        )),
    }
}

fn shown(findings: &[Finding], style: Style) -> String {
    let width = findings.iter().map(|finding| finding.what.len()).max().unwrap_or(0);
    let mut text = String::new();
    for Finding { what, health, finding, remedy } in findings {
        let mark = match health {
            Health::Good => style.good("✓"),
            Health::Warning => style.strong("!"),
            Health::Bad => style.bad("✗"),
        };
        text.push_str(&format!(" {mark} {what:<width$}  {finding}\n"));
        if let Some(remedy) = remedy {
            text.push_str(&format!("   {:<width$}  → {remedy}\n", ""));
        }
    }
    text
}
