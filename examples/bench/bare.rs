//! A server that does nothing but answer: what actix-web itself reaches on a machine.
//!
//! `cargo run --release --example bare` prints where it is; then
//! `actuary bench serve --peer-url URL/predict`. One worker, as the measured server has.

use std::io::Write as _;

use actix_web::{App, HttpResponse, HttpServer, post, web};

/// As long as the answer to one row.
const ANSWER: &str =
    r#"{"model":"bench-mlp","version":1,"predictions":[{"score":0.4980277419090271}]}"#;

#[post("/predict")]
async fn predict(_: web::Bytes) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(ANSWER)
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let server =
        HttpServer::new(|| App::new().service(predict)).workers(1).bind(("127.0.0.1", 0))?;
    let mut out = std::io::stdout();
    for address in server.addrs() {
        writeln!(out, "serving http://{address}")?;
    }
    out.flush()?;
    server.run().await
}
