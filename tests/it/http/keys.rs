//! Keys over HTTP.

use std::time::Duration;

use actuary::error::Code;
use actuary::service::{Service, ServiceSettings};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::server::{Served, json, pointers, problem};
use crate::support::Door;

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_made_used_listed_and_revoked() {
    let served = Served::start().await;
    let wanted = json!({"name": "scoring", "scopes": ["read"], "expires_in_hours": 1});
    let response = served.post("/api/v1/keys").json(&wanted).send().await.unwrap();
    assert_eq!(response.headers()["cache-control"], "no-store");
    let created = json(response, StatusCode::CREATED).await;
    let secret = created["secret"].as_str().unwrap();

    let models = served.bare(Method::GET, "/api/v1/models").bearer_auth(secret);
    assert_eq!(models.send().await.unwrap().status(), StatusCode::OK);
    let list = json(served.get("/api/v1/keys").send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(list["items"][0]["name"], "scoring");
    assert!(!list.to_string().contains(secret), "a list shows a secret");

    let path = format!("/api/v1/keys/{}", created["id"].as_str().unwrap());
    let revoked = served.request(Method::DELETE, &path).send().await.unwrap();
    assert!(json(revoked, StatusCode::OK).await["revoked_at"].is_string());
    let models = served.bare(Method::GET, "/api/v1/models").bearer_auth(secret);
    problem(models.send().await.unwrap(), 401, "unauthorised").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_revoked_elsewhere_opens_nothing_within_a_second() {
    let served = Served::start().await;
    let key = served.key(&[actuary::domain::key::Scope::Read]).await;
    let ask = || served.bare(Method::GET, "/api/v1/models").bearer_auth(&key.secret).send();
    assert_eq!(ask().await.unwrap().status(), StatusCode::OK);
    sqlx::query("UPDATE key SET revoked_at = now() WHERE id = $1")
        .bind(key.key.id)
        .execute(&served.database.pool)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    problem(ask().await.unwrap(), 401, "unauthorised").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_revoked_while_nothing_is_heard_opens_nothing_after() {
    let served = Served::start().await;
    let key = served.key(&[actuary::domain::key::Scope::Read]).await;
    let door = Door::before(&served.database.url);
    let settings = ServiceSettings::for_child(std::env::temp_dir());
    let service = Service::connect(&door.url, settings).await.unwrap();
    // Until it hears, and so has the key in memory.
    tokio::time::sleep(Duration::from_secs(1)).await;
    service.authenticate(&key.secret).await.unwrap();

    // Longer than who hears waits for a message at a time. What is done meanwhile tells nobody.
    door.set(false);
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let revoke = "SET session_replication_role = replica; UPDATE key SET revoked_at = now();
        RESET session_replication_role";
    sqlx::raw_sql(revoke).execute(&served.database.pool).await.unwrap();
    door.set(true);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let refused = loop {
        match service.authenticate(&key.secret).await {
            Err(error) if error.code() == Code::Unavailable => {}
            answer => break answer.unwrap_err(),
        }
    };
    assert_eq!(refused.code(), Code::Unauthorised, "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_field_of_a_key_is_named() {
    let served = Served::start().await;
    let wanted = json!({"name": "", "scopes": [], "expires_in_hours": 0});
    let response = served.post("/api/v1/keys").json(&wanted).send().await.unwrap();
    let body = problem(response, 422, "invalid_request").await;
    assert_eq!(pointers(&body), ["/name", "/scopes", "/expires_in_hours"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_walked_by_its_cursor_and_by_its_link() {
    let served = Served::start().await;
    for _ in 0..4 {
        served.key(&[actuary::domain::key::Scope::Read]).await;
    }
    let mut ids = Vec::new();
    let mut path = "/api/v1/keys?limit=2".to_owned();
    for page in 0..3 {
        let response = served.get(&path).send().await.unwrap();
        let link = response.headers().get("link").map(|l| l.to_str().unwrap().to_owned());
        let body = json(response, StatusCode::OK).await;
        let items = body["items"].as_array().unwrap();
        ids.extend(items.iter().map(|k| k["id"].as_str().unwrap().to_owned()));
        assert_eq!(items.len(), if page == 2 { 1 } else { 2 });
        assert_eq!(link.is_some(), body["next_cursor"].is_string());
        assert_eq!(link.is_some(), page < 2);
        if let Some(link) = link {
            let target = link.strip_prefix('<').and_then(|l| l.strip_suffix(">; rel=\"next\""));
            path = target.unwrap().to_owned();
            assert!(path.ends_with(body["next_cursor"].as_str().unwrap()), "{path}");
        }
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5, "the first key and four others, each once");
}
