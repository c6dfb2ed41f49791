//! A Jupyter kernel on the same evaluator, so that notebooks of any front end can hold cells.
//!
//! | file | what it does |
//! |---|---|
//! | `install` | the kernelspec, by which front ends find the kernel |
//! | `connection` | the connection file: ports and the key |
//! | `zmtp`, `socket` | ZeroMQ as far as a kernel needs it: bound sockets, frames |
//! | `message`, `wire` | signed messages, answers, what all are told |
//! | `shell` | requests that wait for each other: cells, completion, help, history |
//! | `execution` | a cell: its outputs and its answer |
//! | `watcher` | what a cell says, published while it runs |
//! | `control` | requests that do not wait for cells: interrupt, shutdown |
//! | `place` | characters and bytes, the name at the cursor |

mod connection;
mod control;
mod execution;
mod install;
mod message;
mod place;
mod shell;
mod socket;
mod watcher;
mod wire;
mod zmtp;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub use connection::Connection;
pub use install::{Place, install};

use crate::error::Result;
use crate::repl::{Interrupt, Session};
use message::Signer;
use shell::Shell;
use socket::{Received, Socket};
use wire::Wire;
use zmtp::Kind;

/// Requests that wait.
const QUEUE: usize = 256;
/// What was said last may take so long to leave.
const FAREWELL: Duration = Duration::from_secs(2);
/// Bytes of a message: of a cell, of a request that does not wait for cells, of a heartbeat.
const LARGE: u64 = 64 << 20;
const MIDDLE: u64 = 1 << 20;
const SMALL: u64 = 4 << 10;
/// How often it is looked at whether the front end is still there.
const LOOK: Duration = Duration::from_secs(2);

/// What the shell and the control channel share.
#[derive(Clone)]
struct Kernel {
    wire: Arc<Wire>,
    interrupt: Interrupt,
    /// Nothing more is to be carried out.
    ending: CancellationToken,
}

impl Kernel {
    /// Ends a running cell and the kernel with it.
    fn end(&self) {
        self.ending.cancel();
        // The second ends the waiting for a job's end, too.
        self.interrupt.raise();
        self.interrupt.raise();
    }
}

/// Serves a front end until it asks for the end or a cell calls `exit()`; gives the exit code.
/// Blocks, so it must not be called on a thread of the runtime, which carries the sockets. `parent` is
/// the process that this one had when it began.
///
/// # Errors
/// [`Error::Internal`](crate::error::Error::Internal) when a port can't be bound.
pub fn serve(
    session: Session,
    runtime: &Handle,
    connection: &Connection,
    parent: u32,
) -> Result<u8> {
    let signer = Arc::new(Signer::new(&connection.key));
    // Each socket is kept to the end of this function.
    let bind = |kind, port, most, is_signed: bool| {
        let accepted = (most, is_signed.then(|| signer.clone()));
        let (inbox, received) = mpsc::channel(QUEUE);
        let socket =
            runtime.block_on(Socket::bind(kind, (&connection.ip, port), accepted, inbox))?;
        Ok::<_, crate::error::Error>((socket, received))
    };
    let (iopub, subscribers) = bind(Kind::Publisher, connection.iopub_port, SMALL, false)?;
    let (control, controlled) = bind(Kind::Router, connection.control_port, MIDDLE, true)?;
    // No cell asks for input, but front ends connect.
    let (_stdin, mut answers) = bind(Kind::Router, connection.stdin_port, MIDDLE, true)?;
    let (_heartbeat, beats) = bind(Kind::Reply, connection.hb_port, SMALL, false)?;
    let (shell, requests) = bind(Kind::Router, connection.shell_port, LARGE, true)?;

    let wire = Arc::new(Wire { signer, iopub: iopub.clone() });
    let (interrupt, ending) = (session.interrupt(), CancellationToken::new());
    let kernel = Kernel { wire: wire.clone(), interrupt, ending: ending.clone() };
    let helpers = [
        runtime.spawn(async move { wire.welcome(subscribers).await }),
        runtime.spawn(echo(beats)),
        runtime.spawn(async move { while answers.recv().await.is_some() {} }),
        runtime.spawn(watch_parent(kernel.clone(), parent)),
        runtime.spawn(until_told(kernel.clone())),
    ];
    let controlling = runtime.spawn(control::run(kernel.clone(), controlled));
    let code = Shell::new(session, kernel, runtime.clone(), requests).run();
    ending.cancel();
    runtime.block_on(async {
        let farewell = async {
            // An answer to the request to end may be under way; a panic of it has nothing to add.
            let _ = controlling.await;
            for socket in [&iopub, &shell, &control] {
                socket.flush().await;
            }
        };
        // A front end that takes nothing any more is left behind.
        let _ = timeout(FAREWELL, farewell).await;
    });
    helpers.iter().for_each(tokio::task::JoinHandle::abort);
    Ok(code)
}

/// Answers heartbeats with themselves.
async fn echo(mut beats: mpsc::Receiver<Received>) {
    while let Some(Received { peer, frames }) = beats.recv().await {
        peer.offer(zmtp::message(frames.iter().map(|frame| frame.as_ref())));
    }
}

/// Ends the kernel when the system tells it to.
async fn until_told(kernel: Kernel) {
    if let Ok(mut told) = signal(SignalKind::terminate()) {
        told.recv().await;
        kernel.end();
    }
}

/// Ends the kernel when the front end that started it has gone without saying so.
async fn watch_parent(kernel: Kernel, parent: u32) {
    // Jupyter tells its own id to the kernels that it starts itself.
    let named: Option<u32> = std::env::var("JPY_PARENT_PID").ok().and_then(|id| id.parse().ok());
    // A shell between has the system's first process for its heir.
    let is_gone = |now: u32| match named {
        Some(named) if named == parent => now != parent,
        _ => now == 1 && parent != 1,
    };
    while named.is_none() || !is_gone(std::os::unix::process::parent_id()) {
        tokio::time::sleep(LOOK).await;
    }
    kernel.end();
}
