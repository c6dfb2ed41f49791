//! `%connect` and `%device`: the server, and where it trains.

use super::super::evaluator::{Evaluation, Given};
use super::super::terminal::holds_key;
use super::{invalid, one_word, words};
use crate::client::Client;
use crate::domain::page::PageQuery;
use crate::error::Result;

/// Where a key is looked for.
const KEY_VARIABLE: &str = "ACTUARY_KEY";
const URL_VARIABLE: &str = "ACTUARY_URL";

pub(super) fn connect(evaluation: &Evaluation<'_, '_>, rest: &str) -> Result<Given> {
    let context = evaluation.context;
    let words = words(rest)?;
    let (url, variable) = match words.as_slice() {
        [] => {
            context.print(&format!("connected to {}", context.client().url()));
            return Ok(Given::default());
        }
        [url] if is_meant(url, context.client().url()) => (url, KEY_VARIABLE),
        [url] => {
            let detail = format!(
                "which environment variable holds the key for {url}? That in {KEY_VARIABLE} is another \
                 server's: %connect {url} VARIABLE"
            );
            return Err(invalid(detail));
        }
        [url, variable] => (url, variable.as_str()),
        _ => {
            return Err(invalid(
                "it is %connect URL VARIABLE: where it is, and what holds the key",
            ));
        }
    };
    // Nothing but a key is sent: a notebook of somebody else's may name any variable.
    let key = std::env::var(variable).ok().filter(|key| holds_key(key)).ok_or_else(|| {
        invalid(format!(
            "{url} needs a key, and the environment variable {variable} holds none: set it before \
             the session starts, or name another"
        ))
    })?;
    let client = Client::new(url, &key)?;
    // Whether it answers, and the key is good, is better known before anything is lost.
    let query = PageQuery { limit: Some(1), cursor: None };
    context.wait(client.list_models(&query))?;
    context.connect(client);
    context.print(&format!("connected to {}", context.client().url()));
    Ok(Given::default())
}

/// Whether the key of the session's environment is for this server: it is the same, or the one that the
/// environment names.
fn is_meant(url: &str, now: &str) -> bool {
    let named = std::env::var(URL_VARIABLE).unwrap_or_default();
    let plain = |url: &str| url.trim_end_matches('/').to_owned();
    plain(url) == plain(now) || plain(url) == plain(&named)
}

pub(super) fn device(evaluation: &Evaluation<'_, '_>, rest: &str) -> Result<Given> {
    let context = evaluation.context;
    if let Some(device) = one_word("device", rest)? {
        let of_cuda = device.strip_prefix("cuda:").is_some_and(|n| n.parse::<u32>().is_ok());
        if !of_cuda && !["auto", "cpu", "cuda"].contains(&device.as_str()) {
            return Err(invalid(format!(
                "'{device}' is no device: auto, cpu, or cuda:N as in cuda:0"
            )));
        }
        context.device.replace((device != "auto").then_some(device));
    }
    let said = match &*context.device.borrow() {
        Some(device) => format!("trainings run on {device} unless they say"),
        None => {
            "trainings run on a CUDA device where there is one and the network is worth it, else \
                 on the CPU (auto)"
                .to_owned()
        }
    };
    context.print(&said);
    Ok(Given::default())
}
