//! `actuary serve`

use super::output::{print, remark};
use super::{asked_to_stop, interruptible};
use crate::app::App;
use crate::config::Config;
use crate::domain::key::CreatedKey;
use crate::error::Result;

/// Serves until it is asked to stop.
pub(super) async fn run(config: &Config) -> Result<()> {
    let mut app = interruptible(App::start(config)).await?;
    if let Some(key) = app.first_key() {
        show_first_key(key);
    }
    print(&format!("serving {0} · documentation on {0}/docs · Ctrl-C stops\n", app.url()))?;
    let result = tokio::select! {
        result = app.ended() => result,
        result = asked_to_stop() => result,
    };
    result.and(app.stop().await)
}

/// The first key is shown once, whichever command happens to make it.
pub(super) fn show_first_key(key: &CreatedKey) {
    remark(&format!(
        "first admin key, shown this once: {}\n(more: actuary keys create; gone: revoke it and \
         make another)",
        key.secret
    ));
}
