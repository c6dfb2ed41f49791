//! A server for one test.

use std::net::SocketAddr;
use std::time::Duration;

use actuary::domain::cost::Rates;
use actuary::domain::key::{CreatedKey, NewKey, Scope};
use actuary::http::{self, HttpSettings};
use actuary::service::runs::Queue;
use actuary::service::{Service, ServiceSettings};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;

use crate::support::{TestDatabase, database};

pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) service: Service,
    /// The secret of a key with every scope.
    pub(crate) secret: String,
    pub(crate) client: Client,
    handle: http::Handle,
    // The last to go: dropping it drops the database.
    pub(crate) database: TestDatabase,
}

impl Served {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// With other settings than the default ones.
    pub(crate) async fn with(change: impl FnOnce(&mut HttpSettings)) -> Self {
        Self::of(change, Rates::default()).await
    }

    /// With prices: half a euro for an hour of the CPU.
    pub(crate) async fn with_rates() -> Self {
        let rates =
            Rates { currency: Some("EUR".into()), cpu_hour: Some(0.5), cuda_hour: Some(4.0) };
        Self::of(|_| {}, rates).await
    }

    async fn of(change: impl FnOnce(&mut HttpSettings), rates: Rates) -> Self {
        let database = database().await;
        let settings = ServiceSettings {
            model_cache_bytes: 64 << 20,
            rates,
            ..ServiceSettings::for_child(std::env::temp_dir())
        };
        let service = Service::connect(&database.url, settings).await.unwrap();
        let mut settings = HttpSettings {
            address: "127.0.0.1:0".parse().unwrap(),
            workers: Some(std::num::NonZeroUsize::MIN),
            shutdown_seconds: 5,
            ..HttpSettings::default()
        };
        change(&mut settings);
        let server = http::bind(settings, service.clone()).unwrap();
        let (address, handle) = (server.address(), server.handle());
        tokio::spawn(server.run());
        let secret = service.create_first_key().await.unwrap().unwrap().secret;
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(30))
            .build()
            .unwrap();
        Self { address, service, secret, client, handle, database }
    }

    pub(crate) async fn stop(&self) {
        self.handle.stop().await;
    }

    /// A request without a key.
    pub(crate) fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    /// A request with the key that may do everything.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.bare(method, path).bearer_auth(&self.secret)
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path)
    }

    /// A key with these scopes.
    pub(crate) async fn key(&self, scopes: &[Scope]) -> CreatedKey {
        let new = NewKey { name: "test".into(), scopes: scopes.to_vec(), expires_in_hours: None };
        let caller = self.service.authenticate(&self.secret).await.unwrap();
        self.service.create_key(&caller, None, new).await.unwrap()
    }

    /// Uploads CSV and gives the job.
    pub(crate) async fn upload(&self, dataset: &str, csv: &str) -> Value {
        let path = format!("/api/v1/datasets/{dataset}/versions");
        let request = self.post(&path).header("content-type", "text/csv").body(csv.to_owned());
        json(request.send().await.unwrap(), StatusCode::ACCEPTED).await
    }

    /// Carries out every queued job, as a worker would.
    pub(crate) async fn work_off(&self) {
        let queue = Queue::connect(&self.database.url).await.unwrap();
        while let Some(run) = queue.claim("test", Duration::from_secs(60)).await.unwrap() {
            let claim = self.service.load_run(run).await.unwrap().unwrap();
            self.service.carry_out(claim).await.unwrap();
        }
    }
}

/// The answer's body, once its status is the expected one.
pub(crate) async fn json(response: Response, status: StatusCode) -> Value {
    let (found, url) = (response.status(), response.url().path().to_owned());
    let text = response.text().await.unwrap();
    assert_eq!(found, status, "{url}: {text}");
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{url}: {e}: {text}"))
}

/// The answer's body, once it is a complete problem with the expected code.
pub(crate) async fn problem(response: Response, status: u16, code: &str) -> Value {
    let headers = response.headers().clone();
    let path = response.url().path().to_owned();
    let body = json(response, StatusCode::from_u16(status).unwrap()).await;
    assert_eq!(headers["content-type"], "application/problem+json", "{body}");
    assert_eq!(body["code"], code, "{body}");
    assert_eq!(body["status"], status, "{body}");
    assert_eq!(body["type"], format!("/problems/{}", code.replace('_', "-")), "{body}");
    assert_eq!(body["instance"], path, "{body}");
    assert_eq!(body["request_id"], headers["x-request-id"].to_str().unwrap(), "{body}");
    for text in ["title", "detail"] {
        assert!(body[text].as_str().is_some_and(|t| t.len() > 4), "{body}");
    }
    body
}

/// The pointers of a problem's errors.
pub(crate) fn pointers(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    errors.iter().map(|e| e["pointer"].as_str().unwrap()).collect()
}
