//! Texts over HTTP.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::server::{Served, json, pointers, problem};

/// News in English and Chinese of what rises, what falls and what stays.
fn news() -> String {
    let mut csv = "text,label\n".to_owned();
    for row in 0..180 {
        let label = ["up", "down", "flat"][row % 3];
        let text = if row % 2 == 0 {
            let verb = [["climbs", "jumps"], ["falls", "sinks"], ["stays at", "rests at"]];
            let subject = ["the bank", "$OIL", "this index", "gold"][row / 6 % 4];
            format!(
                "On day {row} {subject} {} {row}.5 points https://x.y/{row}",
                verb[row % 3][row / 2 % 2]
            )
        } else {
            let verb = [["上涨", "走高"], ["下跌", "走低"], ["持平", "不变"]];
            let subject = ["银行股", "原油期货", "沪深指数", "黄金价格"][row / 6 % 4];
            format!("今日{subject}收盘{}{row}点", verb[row % 3][row / 2 % 2])
        };
        csv.push_str(&format!("\"{text}\",{label}\n"));
    }
    csv
}

async fn done(served: &Served, job: &Value) -> Value {
    served.work_off().await;
    let path = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
    let done = json(served.get(&path).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(done["state"], "done", "{done}");
    done
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_learns_texts_and_answers_for_them() {
    let served = Served::start().await;
    let job = served.upload("news", &news()).await;
    done(&served, &job).await;

    let spec = json!({"dataset": {"name": "news"}, "target": "label", "epochs": 15});
    let spec = |more: Value| {
        let mut spec = spec.clone();
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    };
    let train = |spec: Value| served.post("/api/v1/models/news/versions").json(&spec).send();
    let small = json!({"text": {"buckets": 8192}});
    for more in [json!({}), json!({"network": {"kind": "text_attention", "heads": 2}})] {
        let more = spec(
            json!({"preprocessing": small, "network": more.get("network"), "ensemble": {"folds": 1}}),
        );
        let job = json(train(more).await.unwrap(), StatusCode::ACCEPTED).await;
        done(&served, &job).await;
    }
    for (number, kind) in [(1, "text_cnn"), (2, "text_attention")] {
        let version = format!("/api/v1/models/news/versions/{number}");
        let version = json(served.get(&version).send().await.unwrap(), StatusCode::OK).await;
        assert_eq!(version["provenance"]["spec"]["network"]["kind"], kind);
        let input = json!([{"name": "text", "type": "string", "nullable": true}]);
        assert_eq!(version["signature"]["inputs"], input);
        let metrics = &version["metrics"];
        for metric in ["accuracy", "macro_f1"] {
            assert!(metrics[metric].as_f64().unwrap() > 0.8, "{kind}: {metrics}");
        }
        assert_eq!(version["baselines"][0]["network"], "linear");
        let rows = json!({"version": number, "rows": [
            {"text": "Ｏｎ day 7 gold SINKS"}, {"text": "今日股票下跌"}, {"text": "今日股票持平"},
            {"text": "the oil climbs"}, {"text": null}, {"text": ""},
        ]});
        let path = "/api/v1/models/news/predictions";
        let answer =
            json(served.post(path).json(&rows).send().await.unwrap(), StatusCode::OK).await;
        let rows = answer["predictions"].as_array().unwrap();
        let labels: Vec<&str> = rows[..4].iter().map(|r| r["label"].as_str().unwrap()).collect();
        assert_eq!(labels, ["down", "down", "flat", "up"], "{kind}: {answer}");
        assert_eq!(rows[4], rows[5], "a text that is missing has no words");
    }
    let model = json(served.get("/api/v1/models/news").send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(model["input_kind"], "text");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_suit_texts_is_refused_before_it_is_queued() {
    let served = Served::start().await;
    let job = served.upload("table", "a,text,label\n1,one two,x\n2,two three,y\n3,a b,x\n").await;
    done(&served, &job).await;
    let train = |more: Value| {
        let mut spec = json!({"dataset": {"name": "table"}, "target": "label"});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        served.post("/api/v1/models/table/versions").json(&spec).send()
    };
    for (more, wanted) in [
        (json!({"network": {"kind": "text_cnn"}}), "/features"),
        (json!({"network": {"kind": "text_cnn"}, "features": ["a"]}), "/network"),
        (
            json!({"network": {"kind": "mlp"}, "features": ["text"],
                "preprocessing": {"text": {}}}),
            "/preprocessing/text",
        ),
        (
            json!({"network": {"kind": "text_cnn", "phrases": [0]}, "features": ["text"]}),
            "/network/phrases/0",
        ),
        (
            json!({"features": ["text"], "preprocessing": {"text": {"buckets": 10}}}),
            "/preprocessing/text/buckets",
        ),
    ] {
        let refused = problem(train(more).await.unwrap(), 422, "invalid_spec").await;
        assert_eq!(pointers(&refused), [wanted], "{refused}");
    }
    let unknown = json!({"network": {"kind": "text_cnn", "width": 3}});
    let response = train(unknown).await.unwrap();
    assert!(response.status().is_client_error());
    assert!(response.text().await.unwrap().contains("width"));
}
