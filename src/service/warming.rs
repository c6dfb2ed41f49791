//! Versions that are loaded before anybody asks for them.

use std::time::{Duration, Instant};

use super::Service;
use super::cache::Named;
use crate::domain::page::{MAX_LIMIT, PageQuery};
use crate::error::Result;

/// What is loaded is kept once changes are heard, which a start waits for no longer than this.
const HEARING: Duration = Duration::from_secs(2);
/// No further version is begun after this time: whoever starts a server waits for it.
const LONGEST: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

impl Service {
    /// Loads the versions to which the champions of a project point, so that no request waits for the
    /// kernels that a GPU compiles for them, nor for the trial beside the CPU. What can't be loaded is
    /// logged, and left to the request that asks for it. Gives the number of those that were.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached.
    pub async fn warm_up(&self, project: &str) -> Result<usize> {
        let asked = Instant::now();
        while !self.0.cache.keeps() && asked.elapsed() < HEARING {
            tokio::time::sleep(POLL).await;
        }
        let mut loaded = 0;
        let mut query = PageQuery { limit: Some(MAX_LIMIT), cursor: None };
        loop {
            let page = self.store().list_models(project, &query).await?;
            for model in &page.items {
                let name = Named { project, model: &model.name };
                if asked.elapsed() > LONGEST {
                    tracing::warn!(loaded, "not all champions are loaded ahead: it takes too long");
                    return Ok(loaded);
                }
                // It may have been deleted since.
                let Ok(number) = self.version_number(name, None).await else { continue };
                match self.loaded(name, number).await {
                    Ok(_) => loaded += 1,
                    Err(error) => {
                        tracing::warn!(model = model.name, number, %error, "can't be loaded ahead");
                    }
                }
            }
            match page.next_cursor {
                Some(cursor) => query.cursor = Some(cursor),
                None => return Ok(loaded),
            }
        }
    }
}
