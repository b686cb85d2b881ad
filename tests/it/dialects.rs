//! What Grafana and other clients ask, byte for byte where it counts.

use serde_json::json;

use crate::http::{escaped, remote_read};
use crate::process::{Scratch, Weft};

const FORM: [(&str, &str); 1] = [("Content-Type", "application/x-www-form-urlencoded")];

#[test]
fn grafana_finds_both_datasources_well() {
    let scratch = Scratch::new("grafana");
    let weft = Weft::start(scratch.path(), "aggregator", &[]);

    let body = format!("query={}&time=4", escaped("1+1"));
    let answer = weft.send("POST", "/api/v1/query", &FORM, body.as_bytes());
    let expected =
        json!({"status": "success", "data": {"resultType": "scalar", "result": [4, "2"]}});
    assert_eq!(answer.json(), expected);

    let info = weft.get("/api/v1/status/buildinfo").json();
    assert_eq!(info["status"], "success");
    assert!(info["data"]["version"].is_string());
    assert!(info["data"]["features"].is_null(), "{info}");

    let query = escaped("vector(1)+vector(1)");
    let answer = weft.get(&format!(
        "/loki/api/v1/query?direction=&query={query}&time=4000000000&step=1s"
    ));
    let data = answer.json()["data"].clone();
    assert_eq!(data["resultType"], "vector");
    assert_eq!(data["result"].as_array().unwrap().len(), 1);
    assert_eq!(data["result"][0]["value"][1], "2");
}

#[test]
fn pushed_lines_are_found_at_once_and_by_substring() {
    let scratch = Scratch::new("push");
    let weft = Weft::start(scratch.path(), "aggregator", &[]);
    let now = (weft.number("time()", None).unwrap() * 1e9) as i64;
    let push = json!({"streams": [{
        "stream": {"job": "it", "app": "shop"},
        "values": [
            [(now - 2).to_string(), "level=info msg=\"order accepted\" id=4711"],
            [(now - 1).to_string(), "level=error msg=\"deadline exceeded\" id=4712"],
        ],
    }]});
    let headers = [("Content-Type", "application/json")];
    let answer = weft.send(
        "POST",
        "/loki/api/v1/push",
        &headers,
        push.to_string().as_bytes(),
    );
    assert_eq!(answer.status, 204, "{}", answer.text());

    assert_eq!(weft.lines("{job=\"it\"}").len(), 2);
    let found = weft.lines("{job=\"it\"} |= \"adline exc\"");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(weft.lines("{job=\"it\"} | logfmt | id=\"4711\"").len(), 1);
    let labels = weft.get("/loki/api/v1/label/app/values").json();
    assert_eq!(labels["data"], json!(["shop"]));

    let query = escaped("sum by (level) (count_over_time({job=\"it\"} | logfmt [1m]))");
    let counts = weft
        .get(&format!(
            "/loki/api/v1/query?query={query}&time={}",
            now + 1
        ))
        .json();
    let mut levels: Vec<_> = counts["data"]["result"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            (
                it["metric"]["level"].as_str().unwrap().to_owned(),
                it["value"][1].clone(),
            )
        })
        .collect();
    levels.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(
        levels,
        [
            ("error".to_owned(), json!("1")),
            ("info".to_owned(), json!("1"))
        ]
    );
}

#[test]
fn opentelemetry_metrics_are_queried_and_read_back_as_chunks() {
    let scratch = Scratch::new("otlp");
    let weft = Weft::start(scratch.path(), "aggregator", &[]);
    let now = (weft.number("time()", None).unwrap() * 1e9) as i64;
    let point = json!({"timeUnixNano": now.to_string(), "asInt": "7"});
    let delta = json!({"timeUnixNano": now.to_string(), "asDouble": 1});
    let export = json!({"resourceMetrics": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "cart"}}]},
        "scopeMetrics": [{"metrics": [
            {"name": "http.requests", "unit": "1",
             "sum": {"aggregationTemporality": 2, "isMonotonic": true, "dataPoints": [point]}},
            {"name": "deltas", "sum": {"aggregationTemporality": 1, "dataPoints": [delta]}},
        ]}],
    }]});
    let headers = [("Content-Type", "application/json")];
    let body = export.to_string();
    let answer = weft.send("POST", "/otlp/v1/metrics", &headers, body.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["partialSuccess"]["rejectedDataPoints"], "1");
    let found = weft.number("http_requests_total{job=\"cart\"}", None);
    assert_eq!(found, Some(7.0));

    // Asks for {job="cart"} at any time, in chunks.
    let end = (now / 1_000_000 + 1000) as u64;
    let answer = weft.send(
        "POST",
        "/api/v1/read",
        &[],
        &remote_read("job", "cart", end),
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
    let name = b"http_requests_total";
    assert!(answer.body.windows(name.len()).any(|window| window == name));
}

#[test]
fn what_runs_says_that_it_is_healthy_and_ready() {
    let scratch = Scratch::new("health");
    let weft = Weft::start(scratch.path(), "aggregator", &[]);
    assert_eq!(weft.get("/-/healthy").status, 200);
    assert_eq!(weft.get("/-/ready").status, 200);
    let metrics = weft.get("/metrics").text();
    assert!(
        metrics.contains("process_resident_memory_bytes"),
        "{metrics}"
    );
    assert_eq!(weft.send("POST", "/-/flush", &[], b"").status, 200);
    assert_eq!(weft.send("POST", "/-/reload", &[], b"").status, 200);
}
