//! Every operation with every scope, as the description says.

use actuary::domain::key::Scope;
use reqwest::{Method, StatusCode};

use super::server::{Served, problem};
use crate::openapi::{described, operations};

/// A path that leads nowhere for a template.
fn concrete(template: &str) -> String {
    let segment = |segment: &str| match segment {
        "{version}" => "1".to_owned(),
        "{job}" | "{prediction}" | "{key}" => "01920d1e-7c3a-7b52-9a41-3f6c5d2e8b10".to_owned(),
        name if name.starts_with('{') => "none".to_owned(),
        plain => plain.to_owned(),
    };
    template.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// Each operation that needs a key: its method, a path, and the scope that it needs.
fn guarded() -> Vec<(Method, String, Scope)> {
    let document = described();
    let mut guarded = Vec::new();
    for (template, method, operation) in operations(&document) {
        if let Some(scope) = operation["security"][0]["key"][0].as_str() {
            let method = method.parse().unwrap();
            guarded.push((method, concrete(&template), Scope::parse(scope).unwrap()));
        } else {
            assert!(!template.starts_with("/api/"), "{template} is public");
        }
    }
    assert!(guarded.len() >= 30, "only {} operations", guarded.len());
    guarded
}

#[tokio::test(flavor = "multi_thread")]
async fn each_operation_needs_its_scope_and_no_other() {
    let served = Served::start().await;
    let mut keys = Vec::new();
    for scope in Scope::ALL {
        keys.push((*scope, served.key(&[*scope]).await.secret));
    }
    for (method, path, needed) in guarded() {
        for (scope, secret) in &keys {
            let response =
                served.bare(method.clone(), &path).bearer_auth(secret).send().await.unwrap();
            let status = response.status();
            if *scope == needed {
                let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];
                assert!(!refused.contains(&status), "{method} {path} with {scope:?}: {status}");
                assert!(!status.is_server_error(), "{method} {path}: {status}");
            } else {
                let body = problem(response, 403, "forbidden").await;
                assert!(body["detail"].as_str().unwrap().contains(needed.as_str()), "{body}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_operation_answers_without_a_valid_key() {
    let served = Served::start().await;
    let revoked = served.key(Scope::ALL).await;
    let caller = served.service.authenticate(&served.secret).await.unwrap();
    served.service.revoke_key(&caller, revoked.key.id).await.unwrap();
    let expired = served.key(Scope::ALL).await;
    sqlx::query("UPDATE key SET expires_at = now() - interval '1 second' WHERE id = $1")
        .bind(expired.key.id)
        .execute(&served.database.pool)
        .await
        .unwrap();
    let wrong = format!("{}x", served.secret);
    let headers = [
        None,
        Some(format!("Bearer {}", revoked.secret)),
        Some(format!("Bearer {}", expired.secret)),
        Some(format!("Bearer {wrong}")),
        Some("Bearer ".to_owned()),
        Some(format!("Basic {}", served.secret)),
        Some(served.secret.clone()),
    ];
    for (method, path, _) in guarded() {
        for header in &headers {
            let mut request = served.bare(method.clone(), &path);
            if let Some(header) = header {
                request = request.header("authorization", header);
            }
            problem(request.send().await.unwrap(), 401, "unauthorised").await;
        }
    }
    let twice = served.get("/api/v1/models").header("authorization", format!("Bearer {wrong}"));
    problem(twice.send().await.unwrap(), 401, "unauthorised").await;
}
