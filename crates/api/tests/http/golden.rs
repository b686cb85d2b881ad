//! Every call that Grafana and its like make, with the exact answer.
//!
//! In: `tests/data/api/*.txt`, requests with their answers. Out: a difference, or with
//! `UPDATE_EXPECT=1` new answers. The backends are small stores in memory; everything between a
//! request and them is the real thing.

use std::path::PathBuf;

use crate::case;

fn check(name: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/data/api")
        .join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let answered = runtime.block_on(case::answer_all(&text));
    expect_test::expect_file![path].assert_eq(&answered);
}

#[test]
fn grafanas_prometheus_data_source_is_answered() {
    check("prometheus-grafana.txt");
}

#[test]
fn prometheus_results_have_prometheus_shape() {
    check("prometheus-query.txt");
}

#[test]
fn prometheus_lists_and_status_have_prometheus_shape() {
    check("prometheus-status.txt");
}

#[test]
fn prometheus_refuses_in_prometheus_words() {
    check("prometheus-errors.txt");
}

#[test]
fn queries_are_trees_as_prometheus_draws_them() {
    check("prometheus-parse.txt");
}

#[test]
fn remote_write_is_answered() {
    check("remote-write.txt");
}

#[test]
fn opentelemetry_metrics_are_taken() {
    check("otlp.txt");
}

#[test]
fn remote_read_is_answered() {
    check("remote-read.txt");
}

#[test]
fn grafanas_loki_data_source_is_answered() {
    check("loki-grafana.txt");
}

#[test]
fn logs_drilldown_is_answered() {
    check("loki-drilldown.txt");
}

#[test]
fn loki_push_is_answered() {
    check("loki-push.txt");
}

#[test]
fn loki_refuses_in_words_that_grafana_shows() {
    check("loki-errors.txt");
}

#[test]
fn the_process_is_operated_over_http() {
    check("admin.txt");
}
