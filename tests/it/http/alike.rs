//! Versions of one model answer alike: who asks it must not be told something else when an alias moves.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::server::{Served, json, pointers, problem};

const PATH: &str = "/api/v1/models/race/versions";

fn loans(no: &str, yes: &str) -> String {
    let row = |i: u32| {
        let (default, sex) = ([no, no, yes][i as usize % 3], ["f", "m"][i as usize % 2]);
        format!("{},{},{default},{sex}\n", i * 7 % 101, 10 * (i * 13 % 97))
    };
    format!("age,amount,default,sex\n{}", (0..300).map(row).collect::<String>())
}

fn asked(more: Value) -> Value {
    let mut spec = json!({"dataset": {"name": "loans"}, "target": "default", "epochs": 1,
                          "network": {"kind": "linear"}, "baselines": false});
    spec.as_object_mut().unwrap().append(&mut more.as_object().unwrap().clone());
    spec
}

/// The job of a training, once it is over.
async fn trained(served: &Served, more: Value) -> Value {
    let job = served.post(PATH).json(&asked(more)).send().await.unwrap();
    let job = json(job, StatusCode::ACCEPTED).await;
    served.work_off().await;
    let path = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
    json(served.get(&path).send().await.unwrap(), StatusCode::OK).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_takes_no_version_that_answers_something_else() {
    let served = Served::start().await;
    served.upload("loans", &loans("kept", "broken")).await;
    served.work_off().await;
    assert_eq!(trained(&served, json!({})).await["state"], "done");
    for (more, pointer) in [
        (json!({"positive_class": "kept"}), "/positive_class"),
        (json!({"target": "sex"}), "/target"),
        (json!({"target": "amount"}), "/task"),
        (json!({"target": "amount", "task": "regression"}), "/task"),
    ] {
        let refused = served.post(PATH).json(&asked(more.clone())).send().await.unwrap();
        let body = problem(refused, 422, "invalid_spec").await;
        assert_eq!(pointers(&body), [pointer], "{more}: {body}");
        assert!(body["detail"].as_str().unwrap().contains("another name"), "{body}");
    }
    assert_eq!(trained(&served, json!({"positive_class": "broken"})).await["state"], "done");

    // Only the rows tell their classes.
    served.upload("loans", &loans("no", "yes")).await;
    served.work_off().await;
    let failed = trained(&served, json!({})).await;
    assert_eq!(failed["state"], "failed", "{failed}");
    assert_eq!(failed["error"]["errors"][0]["pointer"], "/target", "{failed}");
    // The model's positive class stays, though the other one has become the rarer.
    served.upload("loans", &loans("broken", "kept")).await;
    served.work_off().await;
    let job = trained(&served, json!({})).await;
    assert_eq!(job["state"], "done", "{job}");
    let newest = served.get(&format!("{PATH}/3")).send().await.unwrap();
    let newest = json(newest, StatusCode::OK).await;
    assert_eq!(newest["signature"]["positive_class"], "broken", "{newest}");
    let warnings = newest["warnings"].as_array().unwrap();
    let told = |w: &Value| w.as_str().unwrap().contains("the positive class stays broken");
    assert_eq!(warnings.iter().filter(|w| told(w)).count(), 1, "{newest}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_without_versions_takes_another_task() {
    let served = Served::start().await;
    served.upload("loans", &loans("kept", "broken")).await;
    served.work_off().await;
    assert_eq!(trained(&served, json!({})).await["state"], "done");
    let gone = served.request(Method::DELETE, &format!("{PATH}/1")).send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    let job = trained(&served, json!({"target": "amount"})).await;
    assert_eq!(job["state"], "done", "{job}");
    let model = served.get("/api/v1/models/race").send().await.unwrap();
    let model = json(model, StatusCode::OK).await;
    assert_eq!((&model["task"], &model["latest_version"]), (&json!("regression"), &json!(2)));
}
