//! What was acknowledged arrives.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use weft_collector::status::LinkState;
use weft_link::TransportChoice;
use weft_model::StreamKind;

use super::agent::Agent;
use super::aggregator::Aggregator;
use super::world::{TRANSPORTS, World, until, within};

/// An address where nobody listens.
const NOWHERE: SocketAddr = SocketAddr::V4(std::net::SocketAddrV4::new(
    std::net::Ipv4Addr::LOCALHOST,
    9,
));

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_arrive_once_with_their_origin_and_labels() {
    for over in TRANSPORTS {
        for stream in StreamKind::ALL {
            let world = Arc::new(World::new());
            let aggregator = Aggregator::start(&world).await;
            let collector = world
                .collector(world.config(aggregator.address, over))
                .await;
            let mut agent = Agent::new("a1", 7, stream);
            agent.produce(50, 3000);
            let mut line = agent
                .connect(&world, collector.address, over)
                .await
                .unwrap();
            agent.settle(&mut line).await;
            until(|| aggregator.count() == 50).await;
            let kept = aggregator.kept.lock().unwrap();
            assert_eq!(kept.arrivals, 50, "{over:?} {stream}");
            for (place, batch) in &kept.batches {
                assert_eq!(batch.origin, "a1");
                assert_eq!(batch.labels.len(), 1);
                assert_eq!(batch.labels[0].value, "eu");
                assert_eq!(batch.payload, agent.batch(place.2, 3000).payload);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_acknowledged_survives_that_the_collector_is_killed() {
    for over in TRANSPORTS {
        let world = Arc::new(World::new());
        let aggregator = Aggregator::start(&world).await;
        let mut agent = Agent::new("a1", 7, StreamKind::Logs);
        for round in 1..=5u64 {
            let config = world.config(aggregator.address, over);
            let collector = world.collector(config).await;
            agent.produce(200, 20_000);
            let mut line = agent
                .connect(&world, collector.address, over)
                .await
                .unwrap();
            // Killed in mid-stream: some are acknowledged, some are on the way, up and down.
            let enough = 150 * round as usize;
            while agent.acked.len() < enough {
                assert!(agent.step(&mut line).await);
            }
            collector.kill().await;
        }
        // The last collector finds what the others left behind.
        let collector = world
            .collector(world.config(aggregator.address, over))
            .await;
        let acked = agent.acked.clone();
        until(|| {
            let arrived: BTreeSet<u64> = aggregator.seqs().into_iter().collect();
            acked.is_subset(&arrived)
        })
        .await;
        let mut line = agent
            .connect(&world, collector.address, over)
            .await
            .unwrap();
        agent.settle(&mut line).await;
        until(|| aggregator.count() == 1000).await;
        assert_eq!(
            aggregator.seqs(),
            (1..=1000).collect::<Vec<_>>(),
            "{over:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_are_served_while_the_aggregator_is_away() {
    for over in TRANSPORTS {
        let world = Arc::new(World::new());
        let first = Aggregator::start(&world).await;
        let address = first.address;
        drop(first);
        let collector = world.collector(world.config(address, over)).await;
        let mut agent = Agent::new("a1", 7, StreamKind::Metrics);
        agent.produce(100, 1000);
        let mut line = agent
            .connect(&world, collector.address, over)
            .await
            .unwrap();
        agent.settle(&mut line).await;
        assert_eq!(agent.acked.len(), 100);
        until(|| matches!(collector.status.snapshot().link, LinkState::Waiting(_))).await;

        let aggregator = Aggregator::start_at(&world, address).await;
        until(|| aggregator.count() == 100).await;
        until(|| collector.status.snapshot().forwarded_batches == 100).await;
        until(|| collector.status.snapshot().spool_batches == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_aggregator_takes_over_when_one_is_away() {
    for over in TRANSPORTS {
        let world = Arc::new(World::new());
        let first = Aggregator::start(&world).await;
        let second = Aggregator::start(&world).await;
        let mut config = world.config(first.address, over);
        config.outlet.addresses.push(second.address.to_string());
        let collector = world.collector(config).await;
        let mut agent = Agent::new("a1", 7, StreamKind::Logs);
        let mut line = agent
            .connect(&world, collector.address, over)
            .await
            .unwrap();
        agent.produce(10, 1000);
        agent.settle(&mut line).await;
        until(|| collector.status.snapshot().forwarded_batches == 10).await;
        assert_eq!((first.count(), second.count()), (10, 0));
        drop(first);
        agent.produce(10, 1000);
        agent.settle(&mut line).await;
        until(|| second.count() == 10).await;
        assert_eq!(second.seqs(), (11..=20).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_sent_again_are_acknowledged_and_not_forwarded_again() {
    let world = Arc::new(World::new());
    let over = TransportChoice::Quic;
    let aggregator = Aggregator::start(&world).await;
    let config = world.config(aggregator.address, over);
    let mut collector = world.collector(config.clone()).await;
    for round in 0..3 {
        // The same agent without memory: it sends the same numbers of the same session.
        let mut agent = Agent::new("a1", 7, StreamKind::Logs);
        agent.produce(20, 100);
        let mut line = agent
            .connect(&world, collector.address, over)
            .await
            .unwrap();
        agent.settle(&mut line).await;
        assert_eq!(agent.acked.len(), 20);
        until(|| aggregator.count() == 20).await;
        // What the aggregator's answer has not come back for would be forwarded after a restart.
        let forwarded = if round == 0 { 20 } else { 0 };
        until(|| collector.status.snapshot().forwarded_batches == forwarded).await;
        until(|| collector.status.snapshot().spool_batches == 0).await;
        assert_eq!(
            aggregator.kept.lock().unwrap().arrivals,
            20,
            "round {round}"
        );
        // Also across a restart.
        collector.stop().await;
        collector = world.collector(config.clone()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_spool_stops_the_agents_until_there_is_room() {
    for over in TRANSPORTS {
        let world = Arc::new(World::new());
        let away = Aggregator::start(&world).await.address;
        let mut config = world.config(away, over);
        config.spool.bytes_max = 8 << 20;
        let collector = world.collector(config).await;
        let mut agent = Agent::new("a1", 7, StreamKind::Logs);
        agent.produce(200, 100_000);
        let mut line = agent
            .connect(&world, collector.address, over)
            .await
            .unwrap();
        assert!(agent.credit > 0);
        while agent.credit > 0 || agent.acked.len() < 40 {
            assert!(agent.step(&mut line).await);
        }
        assert!(agent.acked.len() < 100, "there is room for about 60");
        assert!(collector.status.snapshot().spool_bytes <= 8 << 20);

        let aggregator = Aggregator::start_at(&world, away).await;
        within(async {
            while agent.unsettled() > 0 {
                // Refusals for now wait by the clock, which stands still: connect anew instead.
                if agent.step(&mut line).await && agent.credit > 0 {
                    line = agent
                        .connect(&world, collector.address, over)
                        .await
                        .unwrap();
                }
            }
        })
        .await;
        until(|| aggregator.count() == 200).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_stops_within_a_second_and_tells_its_agents() {
    for over in TRANSPORTS {
        let world = Arc::new(World::new());
        let collector = world.collector(world.config(NOWHERE, over)).await;
        let mut agent = Agent::new("a1", 7, StreamKind::Logs);
        agent.produce(5, 100);
        let mut line = agent
            .connect(&world, collector.address, over)
            .await
            .unwrap();
        agent.settle(&mut line).await;
        let stopped = tokio::spawn(collector.stop());
        while agent.step(&mut line).await {}
        assert_eq!(agent.asked.len(), 1, "a drain was announced");
        assert!(within(stopped).await.unwrap() < Duration::from_millis(1500));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happened_is_told_in_metrics_and_status() {
    let world = Arc::new(World::new());
    let over = TransportChoice::Grpc;
    let aggregator = Aggregator::start(&world).await;
    let collector = world
        .collector(world.config(aggregator.address, over))
        .await;
    let mut agent = Agent::new("a1", 7, StreamKind::Logs);
    agent.produce(10, 100);
    let mut line = agent
        .connect(&world, collector.address, over)
        .await
        .unwrap();
    agent.settle(&mut line).await;
    until(|| collector.status.snapshot().forwarded_batches == 10).await;
    until(|| collector.status.snapshot().ack_latency.count == 10).await;
    let status = collector.status.snapshot();
    assert_eq!((status.sessions, status.channels), (1, 1));
    assert!(matches!(&status.link, LinkState::Connected { transport, .. } if transport == "grpc"));
    let text = collector.metrics_text();
    for line in [
        "weft_collector_received_batches_total{stream=\"logs\"} 10",
        "weft_collector_received_bytes_total{stream=\"logs\"} 1000",
        "weft_collector_forwarded_batches_total{stream=\"logs\"} 10",
        "weft_collector_connections_total{transport=\"grpc\"} 1",
        "weft_collector_upstream_connected 1",
        "weft_collector_spool_full 0",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
}
