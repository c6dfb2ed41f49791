//! The command line: one file per subcommand.

mod arguments;
mod backup;
mod bench;
mod config;
mod demo;
mod doctor;
mod job;
#[cfg(feature = "jupyter")]
mod kernel;
mod keys;
mod openapi;
mod output;
mod repl;
mod run;
mod serve;
mod server;
mod worker;

use std::process::ExitCode;

use clap::Parser as _;

use crate::app;
use crate::config::Config;
use crate::error::{Code, Context, Error, Result};
use crate::telemetry;
use arguments::{Arguments, Command};

/// What a shell calls a program that was interrupted by Ctrl-C.
const INTERRUPTED: u8 = 130;

/// Runs the program by its arguments.
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|command| command == app::POSTGRES_SUBCOMMAND) {
        // Before there are threads: this process becomes PostgreSQL or fails.
        return output::report(&app::become_postgres(arguments));
    }
    match run(Arguments::parse()) {
        Ok(code) => code,
        Err(error) if error.code() == Code::Cancelled => ExitCode::from(INTERRUPTED),
        Err(error) => output::report(&error),
    }
}

fn run(arguments: Arguments) -> Result<ExitCode> {
    let done = |()| ExitCode::SUCCESS;
    let command = match arguments.command {
        Command::Openapi => return openapi::run().map(done),
        Command::InternalJob(job) => return job::run(job).map(done),
        #[cfg(feature = "jupyter")]
        Command::Kernel(kernel::Kernel::Install(install)) => {
            return kernel::install(install, &arguments.settings).map(done);
        }
        command => command,
    };
    let mut flags = arguments.settings.flags();
    if let Command::Serve(serve) = &command {
        serve.settings.add_to(&mut flags);
    }
    if let Command::Worker(worker) = &command {
        worker.add_to(&mut flags);
    }
    let config = Config::load(flags.clone(), &crate::config::environment())?;
    if matches!(command, Command::Config) {
        say_unknown_variables(&config);
        return config::run(&config).map(done);
    }
    begin_to_tell(&config, &command)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    runtime.block_on(async {
        match command {
            Command::Serve(_) => serve::run(&config).await.map(done),
            Command::Worker(_) => worker::run(&config).await.map(done),
            Command::Demo(demo) => demo::run(config, demo).await.map(done),
            Command::Repl(repl) => repl::run(&config, repl).await,
            #[cfg(feature = "jupyter")]
            Command::Kernel(kernel::Kernel::Run(run)) => kernel::run(&config, run).await,
            // Carried out above.
            #[cfg(feature = "jupyter")]
            Command::Kernel(kernel::Kernel::Install(_)) => Ok(done(())),
            Command::Run(run) => run::run(&config, run).await,
            Command::Backup(file) => interruptible(backup::back_up(&config, file)).await.map(done),
            Command::Restore(file) => interruptible(backup::restore(&config, file)).await.map(done),
            Command::Bench(bench) => bench::run(flags, bench).await.map(done),
            Command::Doctor(doctor) => doctor::run(&config, doctor).await.map(done),
            Command::Keys(keys) => keys::run(&config, keys).await.map(done),
            Command::Config | Command::Openapi | Command::InternalJob(_) => Ok(done(())),
        }
    })
}

/// Prepares the log, and says what is odd about the settings.
fn begin_to_tell(config: &Config, command: &Command) -> Result<()> {
    if matches!(command, Command::Serve(_) | Command::Worker(_)) {
        telemetry::init(&config.log, telemetry::DEFAULT_LEVEL)?;
        for remark in config.unknown_variables() {
            tracing::warn!("{remark}");
        }
        return Ok(());
    }
    say_unknown_variables(config);
    // What they print is what there is to see.
    telemetry::init(&config.log, "error")
}

fn say_unknown_variables(config: &Config) {
    for remark in config.unknown_variables() {
        output::remark(&format!("warning: {remark}"));
    }
}

/// Ends when the operator or the service manager wants it: SIGINT or SIGTERM.
async fn asked_to_stop() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).context("listening to SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening to SIGTERM")?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// Work that Ctrl-C breaks off.
async fn interruptible<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        result = work => result,
        stop = asked_to_stop() => {
            stop?;
            Err(interrupted())
        }
    }
}

fn interrupted() -> Error {
    Error::new(Code::Cancelled, "interrupted")
}
