//! A whole agent against a receiver on loopback: what it measures and reads arrives once.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod receiver;
mod scene;

use std::time::Duration;

use weft_agent::config::Transport;
use weft_agent::status::LinkState;

use scene::Scene;

async fn check_delivery(transport: Transport) {
    let mut scene = Scene::new(&format!("{transport:?}"), transport).await;
    scene.write("first");
    let agent = scene.start();
    scene
        .until("the first line", |got| got.lines == ["first"])
        .await;
    scene
        .until("samples", |got| {
            got.series("up") && got.series("node_load1")
        })
        .await;
    scene.write("second");
    scene
        .until("the second line", |got| got.lines.len() == 2)
        .await;
    let status = agent.status.snapshot();
    assert!(
        matches!(status.link, LinkState::Connected { .. }),
        "{:?}",
        status.link
    );
    assert!(
        status.first_sample_ms.is_some() && status.series > 100,
        "{status:?}"
    );
    agent.stop().await;
    // The end of the agent is the end of its series.
    scene.until("staleness", |got| got.is_ended("up")).await;
    assert_eq!(scene.receiver.got().lines, ["first", "second"]);
}

#[tokio::test]
async fn samples_and_lines_arrive_over_quic() {
    check_delivery(Transport::Quic).await;
}

#[tokio::test]
async fn samples_and_lines_arrive_over_grpc() {
    check_delivery(Transport::Grpc).await;
}

#[tokio::test]
async fn a_restart_loses_and_doubles_no_line() {
    let mut scene = Scene::new("restart", Transport::Auto).await;
    for n in 0..20 {
        scene.write(&format!("line {n}"));
        let agent = scene.start();
        if n % 3 == 0 {
            scene
                .until("a line", |got| got.lines.contains(&format!("line {n}")))
                .await;
        }
        agent.stop().await;
    }
    let agent = scene.start();
    scene.until("all lines", |got| got.lines.len() >= 20).await;
    agent.stop().await;
    let expected: Vec<_> = (0..20).map(|n| format!("line {n}")).collect();
    assert_eq!(scene.receiver.got().lines, expected);
}

#[tokio::test]
async fn what_is_measured_while_nobody_listens_arrives_later() {
    let mut scene = Scene::new("away", Transport::Auto).await;
    scene.receiver.refuse(true);
    let agent = scene.start();
    let ticked = |scene: &Scene| scene.ticks_in_spool(&agent.registry);
    scene.wait_for("three ticks", || ticked(&scene) >= 3).await;
    scene.write("while away");
    scene.receiver.refuse(false);
    scene
        .until("old samples", |got| {
            got.times("up").len() >= 3 && got.lines.len() == 1
        })
        .await;
    let got = scene.receiver.got();
    let times = got.times("up");
    assert!(
        times.windows(2).all(|pair| pair[0] < pair[1]),
        "in order: {times:?}"
    );
    drop(got);
    agent.stop().await;
}

#[tokio::test]
async fn a_dictionary_that_is_missed_is_sent_again() {
    let mut scene = Scene::new("dictionary", Transport::Auto).await;
    let agent = scene.start();
    scene.until("samples", |got| got.series("up")).await;
    let before = scene.receiver.got().dictionaries;
    scene.receiver.ask_for_dictionary();
    scene
        .until("the dictionary", |got| got.dictionaries > before)
        .await;
    agent.stop().await;
}

#[tokio::test]
async fn an_agent_without_a_token_says_so_and_a_second_one_is_refused() {
    let mut scene = Scene::new("token", Transport::Auto).await;
    scene.config.outlet.join_token = None;
    let agent = scene.start();
    let waits = || matches!(agent.status.snapshot().link, LinkState::Waiting(why) if why.contains("join token"));
    scene.wait_for("the reason", waits).await;
    let second = scene.build();
    assert!(second.is_err_and(|error| error.to_string() == "lock state directory"));
    assert!(agent.stopped_within(Duration::from_secs(1)).await);
}
