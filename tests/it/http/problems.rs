//! Errors that no handler makes, and what every answer has.

use reqwest::{Method, StatusCode};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::server::{Served, json, pointers, problem};

#[tokio::test(flavor = "multi_thread")]
async fn health_and_documentation_need_no_key() {
    let served = Served::start().await;
    for (path, status) in [("/livez", "live"), ("/readyz", "ready")] {
        let body = json(served.bare(Method::GET, path).send().await.unwrap(), StatusCode::OK).await;
        assert_eq!(body["status"], status);
    }
    let document = served.bare(Method::GET, "/openapi.json").send().await.unwrap().text().await;
    assert_eq!(document.unwrap(), actuary::http::openapi::document());

    let moved = served.bare(Method::GET, "/docs/").send().await.unwrap();
    assert_eq!(moved.headers()["location"], "/docs/index.html");
    let page = served.bare(Method::GET, "/docs/index.html").send().await.unwrap();
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("'self'"));
    let page = page.text().await.unwrap();
    assert!(page.contains("swagger-ui") && !page.contains("https://"), "{page}");
    let start = served.bare(Method::GET, "/docs/swagger-initializer.js").send().await.unwrap();
    let start = start.text().await.unwrap();
    assert!(start.contains("/openapi.json") && !start.contains("petstore"), "{start}");
    problem(
        served.bare(Method::GET, "/docs/nothing.js").send().await.unwrap(),
        404,
        "route_not_found",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_learns_nothing_of_the_routes() {
    let served = Served::start().await;
    for path in ["/api/v1/models", "/api/v1/nothing", "/", "/metrics", "/docs/a/b", "//livez"] {
        let response = served.bare(Method::GET, path).send().await.unwrap();
        assert!(response.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
        problem(response, 401, "unauthorised").await;
    }
    for path in ["/api/v1/nothing", "/api/v1/models/", "/api/v1/models/a/b/c", "/"] {
        problem(served.get(path).send().await.unwrap(), 404, "route_not_found").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_method_names_the_right_ones() {
    let served = Served::start().await;
    for (method, path, allow) in [
        (Method::PUT, "/api/v1/models", "GET, HEAD"),
        (Method::OPTIONS, "/api/v1/models", "GET, HEAD"),
        (Method::POST, "/api/v1/models/m", "GET, PATCH, HEAD"),
        (Method::TRACE, "/api/v1/jobs", "GET, HEAD"),
        (Method::GET, "/api/v1/keys/01920d1e-7c3a-7b52-9a41-3f6c5d2e8b10", "DELETE"),
    ] {
        let response = served.request(method, path).send().await.unwrap();
        assert_eq!(response.headers()["allow"], allow, "{path}");
        problem(response, 405, "method_not_allowed").await;
    }
    let response = served.bare(Method::POST, "/livez").send().await.unwrap();
    problem(response, 405, "method_not_allowed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_get_without_its_body() {
    let served = Served::start().await;
    let get = served.get("/api/v1/models").send().await.unwrap();
    let head = served.request(Method::HEAD, "/api/v1/models").send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(head.headers()["content-type"], get.headers()["content-type"]);
    assert_eq!(head.headers()["content-length"], get.headers()["content-length"]);
    assert!(head.bytes().await.unwrap().is_empty());
    let missing = served.request(Method::HEAD, "/api/v1/models/none").send().await.unwrap();
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert!(missing.bytes().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_keeps_its_name_where_that_is_plain() {
    let served = Served::start().await;
    let named = served.get("/api/v1/models/none").header("x-request-id", "trace-17.a_B");
    let body = problem(named.send().await.unwrap(), 404, "not_found").await;
    assert_eq!(body["request_id"], "trace-17.a_B");
    let odd = served.get("/api/v1/models/none").header("x-request-id", "a b\"c");
    let body = problem(odd.send().await.unwrap(), 404, "not_found").await;
    assert_eq!(body["request_id"].as_str().unwrap().len(), 36, "{body}");
    let fine = served.get("/api/v1/models").send().await.unwrap();
    assert!(fine.headers().contains_key("x-request-id"));
    assert_eq!(fine.headers()["x-content-type-options"], "nosniff");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_place_in_the_path_or_the_query_is_named() {
    let served = Served::start().await;
    for (path, pointer) in [
        ("/api/v1/models/m/versions/2147483648", "path version"),
        ("/api/v1/models/m/versions/99999999999999999999", "path version"),
        ("/api/v1/models/m/versions/0", "path version"),
        ("/api/v1/models/m/versions/one", "path version"),
        ("/api/v1/models/-m", "path model"),
        ("/api/v1/models/a%00b", "path model"),
        ("/api/v1/models/a%2Fb", "path model"),
        ("/api/v1/models/%FF", "path model"),
        ("/api/v1/jobs/17", "path job"),
        ("/api/v1/models?limit=0", "query limit"),
        ("/api/v1/models?limit=501", "query limit"),
        ("/api/v1/models?limit=1&limit=2", "query limit"),
        ("/api/v1/models?limt=1", "query limt"),
        ("/api/v1/models?cursor=%00", "query cursor"),
        ("/api/v1/models/m?x=1", "query x"),
        ("/api/v1/jobs?state=runing", "query state"),
        ("/api/v1/jobs?kind=nothing", "query kind"),
        ("/api/v1/models/m/aliases/champion/history/at", "query time"),
        ("/api/v1/models/m/aliases/champion/history/at?time=yesterday", "query time"),
        ("/api/v1/datasets/d/versions/1/rows?offset=-1", "query offset"),
        ("/api/v1/datasets/d/versions/1/rows?limit=1001", "query limit"),
    ] {
        let body = problem(served.get(path).send().await.unwrap(), 422, "invalid_request").await;
        assert_eq!(pointers(&body), [pointer], "{path}: {body}");
    }
    for (path, all) in [
        (
            "/api/v1/jobs?state=foo&kind=bar&limit=x",
            vec!["query kind", "query state", "query limit"],
        ),
        ("/api/v1/models/m/analyses?kind=x&limit=0", vec!["query kind", "query limit"]),
        (
            "/api/v1/datasets/d/versions/1/rows?offset=-1&limit=0",
            vec!["query offset", "query limit"],
        ),
    ] {
        let body = problem(served.get(path).send().await.unwrap(), 422, "invalid_request").await;
        assert_eq!(pointers(&body), all, "{path}: {body}");
    }
    let misplaced = served.post("/api/v1/models/m/predictions?version=9&record=maybe");
    let misplaced = misplaced.json(&serde_json::json!({"rows": []})).send().await.unwrap();
    let body = problem(misplaced, 400, "malformed_request").await;
    assert_eq!(pointers(&body), ["query version", "query record"], "{body}");
    let hint = served.get("/api/v1/jobs?state=runing").send().await.unwrap();
    let hint = problem(hint, 422, "invalid_request").await;
    assert!(hint["detail"].as_str().unwrap().ends_with("did you mean running?"), "{hint}");
    let bad = served.get("/api/v1/models?cursor=nonsense").send().await.unwrap();
    problem(bad, 422, "invalid_request").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_database_is_503_and_tells_no_more() {
    let served = Served::start().await;
    sqlx::query("ALTER TABLE model RENAME TO hidden").execute(&served.database.pool).await.unwrap();
    let body = problem(served.get("/api/v1/models").send().await.unwrap(), 500, "internal").await;
    assert!(
        !body.to_string().contains("hidden") && !body.to_string().contains("relation"),
        "{body}"
    );

    refuse_connections(&served).await;
    let response = served.bare(Method::GET, "/readyz").send().await.unwrap();
    assert_eq!(response.headers()["retry-after"], "1");
    problem(response, 503, "unavailable").await;
    let live = served.bare(Method::GET, "/livez").send().await.unwrap();
    assert_eq!(live.status(), StatusCode::OK);
}

/// Ends every connection to the test's database and lets none in again.
async fn refuse_connections(served: &Served) {
    let (before, options) = served.database.url.split_once('?').unwrap();
    let (server, name) = before.rsplit_once('/').unwrap();
    let mut admin = PgConnection::connect(&format!("{server}/actuary?{options}")).await.unwrap();
    for statement in [
        format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"),
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"),
    ] {
        admin.execute(AssertSqlSafe(statement)).await.unwrap();
    }
}
