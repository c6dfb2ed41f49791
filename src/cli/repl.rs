//! `actuary repl`, and what it shares with `actuary run`: the server that cells talk to.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::server::Server;
use super::{interruptible, run as script, serve};
use crate::client::Client;
use crate::config::Config;
use crate::domain::job::JobState;
use crate::domain::page::PageQuery;
use crate::error::{Code, Context, Error, Result};
use crate::repl::{Document, Format, Interrupt, Session, Settings, Terminal, run_terminal};

const URL_VARIABLE: &str = "ACTUARY_URL";
const KEY_VARIABLE: &str = "ACTUARY_KEY";
/// A cell that is told to end has so long for it.
const ENDING: Duration = Duration::from_secs(5);

#[derive(Args)]
pub(super) struct Repl {
    #[command(flatten)]
    connection: Connection,
    /// Run this text instead of asking for cells
    #[arg(short, value_name = "CODE")]
    code: Option<String>,
}

/// Which server cells talk to.
#[derive(Args)]
pub(super) struct Connection {
    /// The server, such as https://risk.example [env: ACTUARY_URL] [default: the one of the data
    /// directory, or one in this process]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The key for --url (better: ACTUARY_KEY, which is not shown in the list of processes)
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Let cells run commands of the shell: !ls
    #[arg(long)]
    pub(super) allow_shell: bool,
}

#[cfg(feature = "jupyter")]
impl Connection {
    /// The options that say the same to another process.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for a key, which must not stand in a file.
    pub(super) fn to_pass_on(&self) -> Result<Vec<String>> {
        if self.key.is_some() {
            let detail = "--key would stand in a file that others may read: set ACTUARY_KEY where \
                          Jupyter is started";
            return Err(Error::new(Code::InvalidRequest, detail));
        }
        let has_password = self.url.as_deref().is_some_and(|url| url.contains('@'));
        if has_password {
            let detail = "a URL with a password would stand in a file that others may read";
            return Err(Error::new(Code::InvalidRequest, detail));
        }
        let mut options = Vec::new();
        if let Some(url) = &self.url {
            options.extend(["--url".to_owned(), url.clone()]);
        }
        if self.allow_shell {
            options.push("--allow-shell".to_owned());
        }
        Ok(options)
    }
}

/// A server that is ready.
pub(super) struct Connected {
    client: Client,
    server: Option<Server>,
}

pub(super) async fn run(config: &Config, repl: Repl) -> Result<ExitCode> {
    if let Some(source) = repl.code {
        let document = Document::of_text("-c", &source)?;
        let format = Format::default();
        return script::carry_out(config, &repl.connection, document, format, None).await;
    }
    let connected = Connected::open(config, &repl.connection).await?;
    let terminal = Terminal { greeting: connected.greeting(), history: history_file() };
    let settings = Settings {
        allow_shell: repl.connection.allow_shell,
        is_prompt: std::io::stdin().is_terminal(),
        history: terminal.history.clone(),
        ..Settings::default()
    };
    connected.use_for(settings, move |session| run_terminal(session, &terminal)).await
}

impl Connected {
    /// Connects to the server that is named, else to the one of the data directory, which is
    /// started in this process when it does not run.
    ///
    /// # Errors
    /// What keeps it from that.
    pub(super) async fn open(config: &Config, connection: &Connection) -> Result<Self> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let url = connection.url.clone().or_else(|| variable(URL_VARIABLE));
        let Some(url) = url else {
            if connection.key.is_some() {
                let problem = "--key is the key of a server that --url names; without --url a key \
                               is made for the session";
                return Err(Error::new(Code::InvalidRequest, problem));
            }
            return Self::local(config).await;
        };
        let key = connection.key.clone().or_else(|| variable(KEY_VARIABLE));
        let key = key.ok_or_else(|| {
            let problem = format!(
                "{url} needs a key: set {KEY_VARIABLE} (on its machine, 'actuary keys create \
                 --name NAME --scope read --scope predict --scope train' makes one)"
            );
            Error::new(Code::InvalidRequest, problem)
        })?;
        let client = Client::new(&url, &key)?;
        // Whether it answers, and the key is good, is better said before the first cell.
        let query = PageQuery { limit: Some(1), cursor: None };
        interruptible(client.list_models(&query)).await?;
        Ok(Self { client, server: None })
    }

    async fn local(config: &Config) -> Result<Self> {
        let mut server = interruptible(Server::start(config)).await?;
        // It can't be shown again.
        if let Some(key) = server.first_key() {
            serve::show_first_key(key);
        }
        let made = async {
            let key = server.create_key("repl").await?;
            server.let_go().await?;
            Client::new(&server.url(), &key.secret)
        };
        match made.await {
            Ok(client) => Ok(Self { client, server: Some(server) }),
            Err(error) => server.end().await.and(Err(error)),
        }
    }

    fn greeting(&self) -> String {
        let place = match &self.server {
            Some(Server::Own(_)) => " (in this process)",
            Some(Server::Running(..)) => " (already running)",
            None => "",
        };
        format!(
            "actuary {} · {}{place}\nhelp() lists the functions · Ctrl-C stops a cell · Ctrl-D \
             ends",
            crate::code_version(),
            self.client.url()
        )
    }

    /// Lets `work` use a session, with Ctrl-C for the running cell, and ends what was started.
    ///
    /// # Errors
    /// What `work` says, and [`Code::Cancelled`] when the process was told to end.
    pub(super) async fn use_for(
        self,
        settings: Settings,
        work: impl FnOnce(Session) -> Result<u8> + Send + 'static,
    ) -> Result<ExitCode> {
        let result = self.carry_out(settings, work).await;
        if let Some(Server::Own(_)) = &self.server {
            self.say_what_waits().await;
        }
        let ended = match self.server {
            Some(server) => server.end().await,
            None => Ok(()),
        };
        let code = result?;
        ended.map(|()| ExitCode::from(code))
    }

    async fn carry_out(
        &self,
        settings: Settings,
        work: impl FnOnce(Session) -> Result<u8> + Send + 'static,
    ) -> Result<u8> {
        let runtime = tokio::runtime::Handle::current();
        let session = Session::new(self.client.clone(), runtime, settings)?;
        let interrupt = session.interrupt();
        let (done, mut finished) = oneshot::channel();
        // Not one of the runtime's threads: a prompt that is waited at must not keep the process.
        std::thread::Builder::new()
            .name("cells".to_owned())
            .spawn(move || {
                // Nobody listens any more when the process is ending.
                let _ = done.send(work(session));
            })
            .context("starting the session")?;
        let mut interrupted = signal(SignalKind::interrupt()).context("listening to SIGINT")?;
        let mut terminated = signal(SignalKind::terminate()).context("listening to SIGTERM")?;
        loop {
            tokio::select! {
                result = &mut finished => return result.context("running cells")?,
                _ = interrupted.recv() => interrupt.raise(),
                _ = terminated.recv() => return told_to_end(&interrupt, finished).await,
            }
        }
    }

    /// Jobs that end with this process's worker go on with the next.
    async fn say_what_waits(&self) {
        let query = PageQuery { limit: Some(1), cursor: None };
        for state in [JobState::Running, JobState::Queued] {
            let found = self.client.list_jobs(None, Some(state), &query).await;
            if found.is_ok_and(|page| !page.items.is_empty()) {
                super::output::remark(
                    "jobs wait in the queue; they go on when a server runs on this data directory",
                );
                return;
            }
        }
    }
}

/// Ends a running cell, as SIGTERM wants it.
async fn told_to_end(interrupt: &Interrupt, finished: oneshot::Receiver<Result<u8>>) -> Result<u8> {
    interrupt.raise();
    // A prompt does not end by this; the process does.
    let _ = tokio::time::timeout(ENDING, finished).await;
    Err(Error::new(Code::Cancelled, "told to end"))
}

/// `$XDG_STATE_HOME/actuary/history`, by default below `~/.local/state`.
fn history_file() -> Option<PathBuf> {
    let named = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let state = named
        .filter(|path| path.is_absolute())
        .or_else(|| std::env::home_dir().map(|home| home.join(".local/state")))?;
    Some(state.join("actuary/history"))
}
