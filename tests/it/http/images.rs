//! Images over HTTP.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use super::server::{Served, json, pointers, problem};

const PATH: &str = "/api/v1/datasets/photos/versions";

/// A grey PNG whose pixels are all of one value.
fn png(height: u32, width: u32, value: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let pixels = vec![value; (height * width) as usize];
    PngEncoder::new(&mut bytes).write_image(&pixels, width, height, ExtendedColorType::L8).unwrap();
    bytes
}

/// A body of parts: name, file name and content.
fn body(boundary: &str, parts: &[(&str, Option<&str>, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file, content) in parts {
        let file = file.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
        let head = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n"
        );
        body.extend([head.as_bytes(), content, b"\r\n"].concat());
    }
    body.extend(format!("--{boundary}--\r\n").as_bytes());
    body
}

async fn send(served: &Served, key: &str, boundary: &str, body: Vec<u8>) -> Response {
    let request = served.post(PATH).header("idempotency-key", key).body(body);
    let media_type = format!("multipart/form-data; boundary={boundary}");
    request.header("content-type", media_type).send().await.unwrap()
}

async fn outcome(served: &Served, job: &Value) -> Value {
    served.work_off().await;
    let path = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
    json(served.get(&path).send().await.unwrap(), StatusCode::OK).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_images_becomes_a_dataset() {
    let served = Served::start().await;
    let (dark, light) = (png(2, 3, 10), png(4, 4, 200));
    let parts: &[(&str, Option<&str>, &[u8])] = &[
        ("label", None, b"night"),
        ("image", Some("a.png"), &dark),
        ("label", None, b"day"),
        ("image", Some("b.png"), &light),
    ];
    let job = send(&served, "k1", "first", body("first", parts)).await;
    let job = json(job, StatusCode::ACCEPTED).await;
    // A client that sends again draws another boundary.
    let again = send(&served, "k1", "second", body("second", parts)).await;
    assert_eq!(json(again, StatusCode::ACCEPTED).await["id"], job["id"]);
    let done = outcome(&served, &job).await;
    assert_eq!(done["state"], "done", "{done}");

    let version = format!("{PATH}/1");
    let version = json(served.get(&version).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!((&version["rows"], &version["source"]["format"]), (&json!(2), &json!("form")));
    let image = &version["columns"][1];
    assert_eq!((&image["name"], &image["type"]), (&json!("image"), &json!("image")));
    let sizes =
        json!({"min_height": 2, "max_height": 4, "min_width": 3, "max_width": 4, "channels": 1});
    assert_eq!(image["sizes"], sizes);

    let rows = format!("{PATH}/1/rows");
    let rows = json(served.get(&rows).send().await.unwrap(), StatusCode::OK).await;
    let expected = json!({"file": "b.png", "image": STANDARD.encode(&light), "label": "day"});
    assert_eq!(rows["rows"][1], expected);
    let csv = served.get(&format!("{PATH}/1/content")).header("accept", "text/csv");
    let csv = csv.send().await.unwrap().text().await.unwrap();
    let line = format!("a.png,{},night\r\n", STANDARD.encode(&dark));
    assert_eq!(csv.split_inclusive('\n').nth(1), Some(line.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_cannot_be_read_says_where() {
    let served = Served::start().await;
    let dark = png(2, 3, 10);
    let parts: &[(&str, Option<&str>, &[u8])] =
        &[("image", Some("a.png"), &dark), ("image", Some("b.png"), &dark[..30])];
    let job = json(send(&served, "k1", "b", body("b", parts)).await, StatusCode::ACCEPTED).await;
    let failed = outcome(&served, &job).await;
    assert_eq!(failed["error"]["errors"][0]["pointer"], "part 2 (b.png)", "{failed}");

    let mut cut = body("b", parts);
    cut.truncate(cut.len() - 10);
    problem(send(&served, "k2", "b", cut).await, 400, "malformed_request").await;
    problem(send(&served, "k3", "", body("b", parts)).await, 400, "malformed_request").await;
    problem(send(&served, "k4", "b", body("b", &[])).await, 422, "invalid_data").await;
    let nameless = body("b", &[("", None, b"x")]);
    problem(send(&served, "k5", "b", nameless).await, 422, "invalid_data").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_learns_images_and_answers_for_them() {
    let served = Served::start().await;
    let pictures: Vec<_> =
        (0..60_u8).map(|i| png(12, 10, if i % 3 == 0 { 200 + i / 2 } else { i })).collect();
    let names: Vec<_> = (0..60).map(|i| format!("{i}.png")).collect();
    let mut parts: Vec<(&str, Option<&str>, &[u8])> = Vec::new();
    for (i, (picture, name)) in pictures.iter().zip(&names).enumerate() {
        parts.push(("label", None, if i % 3 == 0 { b"day" } else { b"night" }));
        parts.push(("image", Some(name), picture));
    }
    let job = json(send(&served, "k", "b", body("b", &parts)).await, StatusCode::ACCEPTED).await;
    assert_eq!(outcome(&served, &job).await["state"], "done");

    let spec = |more: Value| {
        let mut spec = json!({"dataset": {"name": "photos"}, "target": "label", "epochs": 15});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    };
    let train = |spec: Value| served.post("/api/v1/models/photos/versions").json(&spec).send();
    let lenet = train(spec(json!({"network": {"kind": "lenet"}, "features": ["file"]}))).await;
    let refused = problem(lenet.unwrap(), 422, "invalid_spec").await;
    assert_eq!(pointers(&refused), ["/network"], "{refused}");
    let bad = spec(json!({"augmentation": {"shift": 100}}));
    let refused = problem(train(bad).await.unwrap(), 422, "invalid_spec").await;
    assert_eq!(pointers(&refused), ["/augmentation/shift"], "{refused}");

    let job = train(spec(json!({"augmentation": {"shift": 1}}))).await.unwrap();
    let done = outcome(&served, &json(job, StatusCode::ACCEPTED).await).await;
    assert_eq!(done["state"], "done", "{done}");
    let version = served.get("/api/v1/models/photos/versions/1").send().await.unwrap();
    let version = json(version, StatusCode::OK).await;
    let input = json!([{"name": "image", "type": "image", "nullable": false}]);
    assert_eq!(version["signature"]["inputs"], input);
    let model =
        json(served.get("/api/v1/models/photos").send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(model["input_kind"], "image");

    let predict = |body: Value| served.post("/api/v1/models/photos/predictions").json(&body).send();
    let light = format!("data:image/png;base64,{}", STANDARD.encode(png(30, 40, 220)));
    let dark = STANDARD.encode(png(12, 10, 5));
    let rows = json!({"version": 1, "rows": [{"image": light}, {"image": dark}]});
    let answer = json(predict(rows).await.unwrap(), StatusCode::OK).await;
    let labels = [0, 1].map(|row| &answer["predictions"][row]["label"]);
    assert_eq!(labels, ["day", "night"], "{answer}");
    let columns = json!({"version": 1, "columns": {"image": [dark]}, "record": true});
    let recorded = json(predict(columns).await.unwrap(), StatusCode::OK).await;
    let replay = format!("/api/v1/predictions/{}/replay", recorded["id"].as_str().unwrap());
    let replay = json(served.post(&replay).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(replay["identical"], true, "{replay}");

    let cut = STANDARD.encode(&png(12, 10, 5)[..40]);
    let rows = json!([{"image": "a cat"}, {"image": dark}, {"image": cut}, {"image": null}, {}, {"image": 5}]);
    let refused = predict(json!({"version": 1, "rows": rows})).await.unwrap();
    let refused = problem(refused, 422, "invalid_rows").await;
    let bad = ["/rows/0/image", "/rows/2/image", "/rows/3/image", "/rows/4/image", "/rows/5/image"];
    assert_eq!(pointers(&refused), bad, "{refused}");
    let detail = |at: usize| refused["errors"][at]["detail"].as_str().unwrap();
    assert_eq!(detail(0), "'a cat' is no image: write a PNG or a JPEG as base64");
    assert!(detail(1).starts_with("is a broken PNG"), "{}", detail(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn images_are_left_out_of_binnings() {
    let served = Served::start().await;
    let picture = png(2, 2, 10);
    let rows: Vec<(String, &str)> = (0..40_u32)
        .map(|row| (row.to_string(), if row * 7 % 10 < 6 - row / 8 { "night" } else { "day" }))
        .collect();
    let mut parts: Vec<(&str, Option<&str>, &[u8])> = Vec::new();
    for (hour, label) in &rows {
        parts.push(("label", None, label.as_bytes()));
        parts.push(("hour", None, hour.as_bytes()));
        parts.push(("image", Some("a.png"), &picture));
    }
    let job = send(&served, "k1", "first", body("first", &parts)).await;
    json(job, StatusCode::ACCEPTED).await;
    served.work_off().await;
    let path = "/api/v1/loans/binnings";
    let mut asked = json!({"dataset": {"name": "photos"}, "target": "label", "adverse": "night"});
    let found = json(served.post(path).json(&asked).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(found["columns"][0]["column"], "hour", "{found}");
    let left_out =
        json!([{"column": "image", "reason": "it holds images, of which there are no bins"}]);
    assert_eq!(found["left_out"][0], left_out[0], "{found}");
    asked["target"] = json!("image");
    let problem =
        problem(served.post(path).json(&asked).send().await.unwrap(), 422, "invalid_request").await;
    assert_eq!(pointers(&problem), ["/target"], "{problem}");
}
