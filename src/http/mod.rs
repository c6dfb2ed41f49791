//! The HTTP interface: parses and authorises a request, hands it to the service, renders the
//! answer. The only place that knows actix-web.
//!
//! | file | what it holds |
//! |---|---|
//! | `routes` | the one table of operations and the scope that each needs |
//! | `gate`, `templates` | the middleware round everything: request id, key, scope, access log, problems |
//! | `extract`, `body`, `json`, `rows` | what handlers read from a request |
//! | `answer`, `problem` | what they make of it |
//! | `openapi`, `examples`, `docs` | the description of all that |
//! | the others | one file per noun |

mod activations;
mod advice;
mod aliases;
mod analyses;
mod answer;
mod assessments;
pub mod bench;
mod binnings;
mod body;
mod counterfactuals;
mod datasets;
mod docs;
mod examples;
mod explanations;
mod extract;
mod forecasts;
mod form;
mod gate;
mod health;
mod investments;
mod jobs;
mod json;
mod keys;
mod loans;
mod metrics;
mod models;
pub mod openapi;
mod policies;
mod predictions;
pub mod problem;
mod reasons;
mod risk;
mod routes;
mod rows;
mod schemas;
mod scorecards;
mod settings;
mod simplifications;
mod templates;
mod tls;
mod versions;

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpServer, web};
use bytes::Bytes;
use tokio::runtime;
use tokio_util::sync::CancellationToken;

use crate::error::{Code, Context as _, Error, Result};
use crate::service::Service;

pub use settings::HttpSettings;

/// Path below which the native interface lies.
const API: &str = "/api/v1";

/// What every request may use.
struct State {
    service: Service,
    settings: HttpSettings,
    routes: routes::Routes,
    openapi: Bytes,
    /// Cancelled when the server stops, so that streams and waits end.
    stopping: CancellationToken,
    /// The program's own runtime. Connections to the database must live there: the workers'
    /// runtimes have one thread each and end before the program does.
    runtime: runtime::Handle,
}

/// A server that is bound to its address.
pub struct Server {
    address: SocketAddr,
    inner: actix_web::dev::Server,
    stopping: CancellationToken,
}

/// Stops a server from elsewhere.
#[derive(Clone)]
pub struct Handle {
    inner: ServerHandle,
    stopping: CancellationToken,
}

/// Whether [`bind`] would work with these settings now. To be asked before anything costly is started
/// for the server.
///
/// # Errors
/// As [`bind`].
pub fn check(settings: &HttpSettings) -> Result<()> {
    settings.check()?;
    let wanted = settings.address;
    std::net::TcpListener::bind(wanted).map(|_| ()).map_err(|error| refused(wanted, error))
}

/// Binds the address and makes the server ready to run. Must be called within a Tokio runtime,
/// on which the service's own input and output then stays.
///
/// # Errors
/// [`Code::InvalidRequest`] where the settings are not safe or the certificate can't be read;
/// [`Code::AlreadyExists`] where the address is taken.
pub fn bind(settings: HttpSettings, service: Service) -> Result<Server> {
    bind_with(settings, service, routes::Routes::new(), |_| {})
}

/// The same with further routes, which `routes` must know and `mount` adds.
fn bind_with(
    settings: HttpSettings,
    service: Service,
    routes: routes::Routes,
    mount: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
) -> Result<Server> {
    let certificate = settings.tls()?.map(|(cert, key)| tls::load(cert, key)).transpose()?;
    crate::telemetry::metrics::install()?;
    let wanted = settings.address;
    let stopping = CancellationToken::new();
    let state = web::Data::new(State {
        service,
        routes,
        openapi: Bytes::from(openapi::document()),
        stopping: stopping.clone(),
        runtime: runtime::Handle::try_current().context("starting the HTTP server")?,
        settings: settings.clone(),
    });
    let mut server = HttpServer::new(move || {
        Service::this_thread_runs_its_own_tasks();
        App::new()
            .app_data(state.clone())
            .app_data(templates::Templates::default())
            .wrap(from_fn(gate::gate))
            .configure(&mount)
            .configure(routes::mount)
    })
    .disable_signals()
    .tcp_nodelay(true)
    // Whoever has left is not answered: what is worked out for them holds a core, and a turn that others wait for.
    .h1_allow_half_closed(false)
    .keep_alive(Duration::from_secs(60))
    .max_connections(settings.max_connections)
    .shutdown_timeout(settings.shutdown_seconds);
    if let Some(workers) = settings.workers {
        server = server.workers(workers.get());
    }
    let server = match certificate {
        Some(certificate) => server.bind_rustls_0_23(wanted, certificate),
        None => server.bind(wanted),
    };
    let server = server.map_err(|e| refused(wanted, e))?;
    let address = server.addrs().first().copied().unwrap_or(wanted);
    Ok(Server { address, inner: server.run(), stopping })
}

fn refused(address: SocketAddr, error: std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::AddrInUse {
        return Error::field(
            Code::AlreadyExists,
            "address",
            format!("{address} is taken by another program: choose another with --address"),
        );
    }
    Error::internal(format!("binding {address}"), error)
}

impl Server {
    /// Where it listens, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn handle(&self) -> Handle {
        Handle { inner: self.inner.handle(), stopping: self.stopping.clone() }
    }

    /// Serves until [`Handle::stop`].
    ///
    /// # Errors
    /// [`Error::Internal`] when the listener or a worker fails.
    pub async fn run(self) -> Result<()> {
        self.inner.await.context("serving HTTP")
    }
}

impl Handle {
    /// Takes no more connections, ends streams and waits, lets requests under way end within
    /// `shutdown_seconds`, and returns when all is over.
    pub async fn stop(&self) {
        self.stopping.cancel();
        self.inner.stop(true).await;
    }
}
