//! `actuary keys`: the operator owns the machine and the database, and needs no key for this.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use uuid::Uuid;

use super::output::{aligned, print, remark};
use super::serve::show_first_key;
use crate::app::Backend;
use crate::config::Config;
use crate::domain::key::{Caller, Key, NewKey, Scope};
use crate::domain::page::{MAX_LIMIT, PageQuery};
use crate::error::Result;

#[derive(Args)]
pub(super) struct Keys {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a key; its secret is printed once
    Create(Create),
    /// List keys
    List,
    /// Revoke a key at once
    Revoke {
        /// Its id, as 'actuary keys list' shows it
        id: Uuid,
    },
}

#[derive(Args)]
struct Create {
    /// What the key is for
    #[arg(long)]
    name: String,
    /// What it may do: read, predict, train, admin; give it once for each
    #[arg(long = "scope", required = true, value_name = "SCOPE", value_parser = scope)]
    scopes: Vec<Scope>,
    /// When it ends: 12h or 30d; never when absent
    #[arg(long, value_name = "TIME", value_parser = hours)]
    expires_in: Option<u32>,
}

pub(super) async fn run(config: &Config, keys: Keys) -> Result<()> {
    let mut backend = Backend::open(config).await?;
    backend.create_first_key().await?;
    if let Some(key) = &backend.first_key {
        show_first_key(key);
    }
    let result = carry_out(&backend, keys.command).await;
    result.and(backend.close().await)
}

async fn carry_out(backend: &Backend, command: Command) -> Result<()> {
    let operator = backend.service.operator()?;
    match command {
        Command::Create(create) => {
            let new = NewKey {
                name: create.name,
                scopes: create.scopes,
                expires_in_hours: create.expires_in,
            };
            let created = backend.service.create_key(&operator, None, new).await?;
            remark(&format!(
                "key {} ({}) · may {} · {} · send it as Authorization: Bearer KEY; it can't be \
                 shown again:",
                created.key.id,
                created.key.name,
                scopes(&created.key),
                expiry(&created.key, Utc::now()),
            ));
            print(&format!("{}\n", created.secret))
        }
        Command::List => list(backend, &operator).await,
        Command::Revoke { id } => {
            let key = backend.service.revoke_key(&operator, id).await?;
            print(&format!("{} ({}) is revoked\n", key.id, key.name))
        }
    }
}

async fn list(backend: &Backend, operator: &Caller) -> Result<()> {
    let heading = ["id", "name", "begins", "scopes", "created", "state"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    let mut query = PageQuery { limit: Some(MAX_LIMIT), cursor: None };
    loop {
        let page = backend.service.list_keys(operator, &query).await?;
        rows.extend(page.items.iter().map(|key| row(key, Utc::now())));
        match page.next_cursor {
            Some(cursor) => query.cursor = Some(cursor),
            None => return print(&aligned(&rows)),
        }
    }
}

fn row(key: &Key, now: DateTime<Utc>) -> Vec<String> {
    vec![
        key.id.to_string(),
        key.name.clone(),
        key.prefix.clone(),
        scopes(key),
        key.created_at.format("%Y-%m-%d %H:%M").to_string(),
        expiry(key, now),
    ]
}

fn scopes(key: &Key) -> String {
    let names: Vec<_> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    names.join(", ")
}

fn expiry(key: &Key, now: DateTime<Utc>) -> String {
    const TIME: &str = "%Y-%m-%d %H:%M UTC";
    match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("revoked {}", at.format(TIME)),
        (None, Some(at)) if at <= now => format!("expired {}", at.format(TIME)),
        (None, Some(at)) => format!("until {}", at.format(TIME)),
        (None, None) => "no expiry".to_owned(),
    }
}

fn scope(text: &str) -> Result<Scope, String> {
    Scope::parse(text).ok_or_else(|| {
        let known = Scope::ALL.iter().map(|scope| scope.as_str());
        let list = known.clone().collect::<Vec<_>>().join(", ");
        format!("take {list}{}", crate::domain::name::did_you_mean(text, known))
    })
}

fn hours(text: &str) -> Result<u32, String> {
    let wrong = || "give hours or days, such as 12h or 30d".to_owned();
    let (number, unit) = match (text.strip_suffix('h'), text.strip_suffix('d')) {
        (Some(number), _) => (number, 1),
        (_, Some(number)) => (number, 24),
        _ => return Err(wrong()),
    };
    let number: u32 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(unit).filter(|hours| *hours > 0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_scopes_are_read() {
        assert_eq!(hours("12h"), Ok(12));
        assert_eq!(hours("30d"), Ok(720));
        for bad in ["", "12", "h", "-1h", "0d", "1w", "999999999d"] {
            assert!(hours(bad).is_err(), "{bad}");
        }
        assert_eq!(scope("predict"), Ok(Scope::Predict));
        assert!(scope("predikt").unwrap_err().ends_with("did you mean predict?"));
    }
}
