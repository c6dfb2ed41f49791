//! `actuary config`

use super::output::{aligned, print};
use crate::config::Config;
use crate::error::Result;

pub(super) fn run(config: &Config) -> Result<()> {
    let rows: Vec<Vec<String>> = config
        .effective()
        .iter()
        .map(|setting| {
            let value = setting.value.clone().unwrap_or_else(|| "-".to_owned());
            vec![setting.key.to_owned(), value, setting.source.to_string()]
        })
        .collect();
    print(&aligned(&rows))
}
