//! What may be typed next, as it stands.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::json;

use super::super::output::shell_word;
use super::Made;
use crate::config::{Config, Source};
use crate::error::{Context, Result};

/// Commands and what they give.
pub(super) fn steps(
    config: &Config,
    running_at: Option<&str>,
    secret: &str,
    made: &Made,
) -> Result<Vec<(String, String)>> {
    let url = running_at.map_or_else(|| served_at(config), str::to_owned);
    let mut steps = Vec::new();
    if running_at.is_none() {
        let gives = format!("the API and its documentation on {url}/docs");
        steps.push((serve_command(config), gives));
    } else {
        steps.push((format!("{url}/docs"), "the API and its documentation".to_owned()));
    }
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
    let list = format!("{} keys list", program());
    steps.push((with_data_dir(list, config), "the key above ends in 24 hours".to_owned()));
    Ok(steps)
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

fn serve_command(config: &Config) -> String {
    with_data_dir(format!("{} serve", program()), config)
}

/// The flag again, where the data directory was given by one.
fn with_data_dir(command: String, config: &Config) -> String {
    match config.source("data_dir") {
        Source::Flag => {
            let directory = shell_word(&config.data_dir.display().to_string());
            format!("{command} --data-dir {directory}")
        }
        _ => command,
    }
}

/// This program as it was called: it may not be found by its name alone.
fn program() -> String {
    let called = std::env::args().next().filter(|name| name.contains('/'));
    called.map_or_else(|| "actuary".to_owned(), |name| shell_word(&name))
}
