//! What may be typed next, as it stands.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::json;

use super::super::output::shell_word;
use super::{KEY_HOURS, Made};
use crate::config::{Config, Source};
use crate::error::{Context, Result};

/// Commands, with what they give where that is not plain.
pub(super) fn steps(
    config: &Config,
    running_at: Option<&str>,
    secret: &str,
    made: &Made,
) -> Result<Vec<(String, String)>> {
    let url = running_at.map_or_else(|| served_at(config), str::to_owned);
    let page = format!("{url}/docs");
    let mut steps = vec![match running_at {
        None => (command("serve", config), format!("the API and its documentation on {page}")),
        Some(_) => (page, "the API and its documentation".to_owned()),
    }];
    steps.push((command("repl", config), "explore, train and compare".to_owned()));
    let key = format!("-H {}", shell_word(&format!("Authorization: Bearer {secret}")));
    let api = format!("{url}/api/v1");
    let body = serde_json::to_string(&json!({"rows": [made.row]})).context("writing a row")?;
    let curls = [
        format!("curl -s {api}/models {key}"),
        format!("curl -s {api}/jobs/{} {key}", made.job.id),
        format!(
            "curl -s {api}/models/{}/predictions {key} -H 'Content-Type: application/json' -d {}",
            made.model,
            shell_word(&body)
        ),
    ];
    steps.extend(curls.map(|curl| (curl, String::new())));
    Ok(steps)
}

/// How long the key in the commands is good, and how to make another.
pub(super) fn about_key(config: &Config) -> String {
    let create = command("keys create --name mine --scope predict", config);
    format!("the key in these lines ends in {KEY_HOURS} hours; another: {create}")
}

/// Where `serve` with the same settings will be.
fn served_at(config: &Config) -> String {
    let scheme = if config.http.tls_cert.is_some() { "https" } else { "http" };
    let mut address = config.http.address;
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("{scheme}://{address}")
}

/// A command of this program, with the data directory where it was given by a flag.
fn command(arguments: &str, config: &Config) -> String {
    let program = program();
    match config.source("data_dir") {
        Source::Flag => {
            let directory = shell_word(&config.data_dir.display().to_string());
            format!("{program} {arguments} --data-dir {directory}")
        }
        _ => format!("{program} {arguments}"),
    }
}

/// This program as it was called: it may not be found by its name alone.
fn program() -> String {
    let called = std::env::args().next().filter(|name| name.contains('/'));
    called.map_or_else(|| "actuary".to_owned(), |name| shell_word(&name))
}
