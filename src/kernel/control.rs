//! The control channel: requests that do not wait for a running cell.

use serde_json::{Value as Json, json};
use tokio::sync::mpsc;

use super::Kernel;
use super::message::{Request, VERSION};
use super::socket::Received;

/// Answers requests until the kernel is to end.
pub(super) async fn run(kernel: Kernel, mut received: mpsc::Receiver<Received>) {
    loop {
        let next = tokio::select! {
            biased;
            next = received.recv() => next,
            () = kernel.ending.cancelled() => None,
        };
        let Some(received) = next else { return };
        if let Some(request) = kernel.wire.open(received) {
            carry_out(&kernel, &request).await;
        }
    }
}

async fn carry_out(kernel: &Kernel, request: &Request) {
    let ok = json!({"status": "ok"});
    if request.kind == "interrupt_request" {
        // Before anything is sent: whoever does not listen must not hold it up.
        kernel.interrupt.raise();
    }
    if request.kind == "shutdown_request" {
        kernel.end();
    }
    kernel.wire.status(request, "busy").await;
    match request.kind.as_str() {
        "kernel_info_request" => kernel.wire.reply(request, &info()).await,
        "interrupt_request" => kernel.wire.reply(request, &ok).await,
        "shutdown_request" => shut_down(kernel, request).await,
        _ => {}
    }
    kernel.wire.status(request, "idle").await;
}

/// Answers a request to end, and ends. Starting again is the front end's work.
pub(super) async fn shut_down(kernel: &Kernel, request: &Request) {
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Shutdown {
        restart: bool,
    }
    kernel.end();
    let Shutdown { restart } = request.content().unwrap_or_default();
    let content = json!({"status": "ok", "restart": restart});
    kernel.wire.reply(request, &content).await;
    // Others who listen learn of it, too.
    kernel.wire.publish(&request.header, "shutdown_reply", &content).await;
}

/// What the kernel is and speaks.
pub(super) fn info() -> Json {
    json!({
        "status": "ok",
        "protocol_version": VERSION,
        "implementation": "actuary",
        "implementation_version": env!("CARGO_PKG_VERSION"),
        "language_info": {
            "name": "starlark",
            "version": "1.0",
            "mimetype": "text/x-starlark",
            "file_extension": ".star",
            "pygments_lexer": "python",
            "codemirror_mode": "python",
            "nbconvert_exporter": "script",
        },
        "banner": format!("actuary {} · help() lists the functions", crate::code_version()),
        "help_links": [],
        "debugger": false,
        "supported_features": [],
    })
}
