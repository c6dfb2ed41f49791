//! `actuary serve`

use super::output::{print, remark};
use super::{asked_to_stop, interrupted};
use crate::app::App;
use crate::config::Config;
use crate::domain::key::CreatedKey;
use crate::error::Result;

/// Serves until it is asked to stop.
pub(super) async fn run(config: &Config) -> Result<()> {
    // One listener from first to last: a signal between two of them would be lost.
    let stop = asked_to_stop();
    tokio::pin!(stop);
    let mut app = tokio::select! {
        app = App::start(config) => app?,
        asked = &mut stop => return asked.and(Err(interrupted())),
    };
    if let Some(key) = app.first_key() {
        show_first_key(key);
    }
    print(&format!("serving {0} · documentation on {0}/docs · Ctrl-C stops\n", app.url()))?;
    let result = tokio::select! {
        result = app.ended() => result,
        result = stop => result,
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
