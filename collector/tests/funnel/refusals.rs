//! What is not taken, and who is told.

use std::sync::Arc;

use bytes::Bytes;
use weft_link::{GreetError, TransportChoice};
use weft_model::StreamKind;
use weft_proto::batch::decode_gap;
use weft_proto::v1::{Encoding, NeedDict, RefusedReason, control};

use super::agent::{Agent, send};
use super::aggregator::Aggregator;
use super::world::{TRANSPORTS, World, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_batch_is_refused_and_a_gap_takes_its_place() {
    for over in TRANSPORTS {
        let world = Arc::new(World::new());
        let aggregator = Aggregator::start(&world).await;
        let collector = world
            .collector(world.config(aggregator.address, over))
            .await;
        let mut agent = Agent::new("a1", 7, StreamKind::Logs);
        agent.produce(1, 100);
        let mut line = agent
            .connect(&world, collector.address, over)
            .await
            .unwrap();
        let mut damaged = agent.batch(1, 100);
        damaged.payload = Bytes::from_static(b"something else");
        assert!(send(&mut line, damaged).await);
        while agent.refused.is_empty() {
            assert!(agent.step(&mut line).await);
        }
        until(|| aggregator.count() == 1).await;
        let kept = aggregator.kept.lock().unwrap();
        let gap = kept.batches.values().next().unwrap();
        assert_eq!((gap.seq, gap.origin.as_str()), (1, "a1"));
        let (told, last_seq) = decode_gap(gap).unwrap();
        assert_eq!(
            (told.items, told.reason.as_str(), last_seq),
            (3, "malformed", 1)
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_of_another_session_or_stream_is_refused() {
    let world = Arc::new(World::new());
    let aggregator = Aggregator::start(&world).await;
    let over = TransportChoice::Quic;
    let collector = world
        .collector(world.config(aggregator.address, over))
        .await;
    let mut agent = Agent::new("a1", 7, StreamKind::Logs);
    agent.produce(3, 100);
    let mut line = agent
        .connect(&world, collector.address, over)
        .await
        .unwrap();
    let other_session = Agent::new("a1", 8, StreamKind::Logs);
    let other_stream = Agent::new("a1", 7, StreamKind::Metrics);
    assert!(send(&mut line, other_session.batch(2, 100)).await);
    assert!(send(&mut line, other_stream.batch(3, 100)).await);
    agent.settle(&mut line).await;
    until(|| {
        collector
            .metrics_text()
            .contains("refused_batches_total{reason=\"forbidden\"} 2")
    })
    .await;
    until(|| !aggregator.seqs().is_empty()).await;
    let kept = aggregator.kept.lock().unwrap();
    let foreign = kept
        .batches
        .values()
        .filter(|batch| batch.encoding() != Encoding::LogsV1);
    assert_eq!(foreign.count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_aggregator_refuses_is_counted_and_told_as_a_gap() {
    for over in TRANSPORTS {
        let world = Arc::new(World::new());
        let aggregator = Aggregator::start(&world).await;
        aggregator.refuse.lock().unwrap().push(2);
        let collector = world
            .collector(world.config(aggregator.address, over))
            .await;
        let mut agent = Agent::new("a1", 7, StreamKind::Logs);
        agent.produce(3, 100);
        let mut line = agent
            .connect(&world, collector.address, over)
            .await
            .unwrap();
        agent.settle(&mut line).await;
        until(|| aggregator.count() == 3).await;
        until(|| collector.status.snapshot().spool_batches == 0).await;
        until(|| collector.status.snapshot().dropped_batches == 1).await;
        let kept = aggregator.kept.lock().unwrap();
        let encodings: Vec<_> = kept
            .batches
            .values()
            .map(|batch| batch.encoding())
            .collect();
        assert_eq!(
            encodings,
            [Encoding::LogsV1, Encoding::GapV1, Encoding::LogsV1]
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_dictionary_is_asked_of_the_agent_that_has_it() {
    for over in TRANSPORTS {
        let world = Arc::new(World::new());
        let aggregator = Aggregator::start(&world).await;
        let collector = world
            .collector(world.config(aggregator.address, over))
            .await;
        let mut agents = [7, 8].map(|session| {
            let mut agent = Agent::new(&format!("a{session}"), session, StreamKind::Metrics);
            agent.produce(1, 100);
            agent
        });
        let mut lines = Vec::new();
        for agent in &mut agents {
            let mut line = agent
                .connect(&world, collector.address, over)
                .await
                .unwrap();
            agent.settle(&mut line).await;
            lines.push(line);
        }
        until(|| aggregator.count() == 2).await;
        let need = NeedDict {
            session_id: 8u128.to_be_bytes().to_vec(),
            dict_epoch: 5,
        };
        aggregator.need_dict.send_replace(Some(need.clone()));
        while agents[1].asked.is_empty() {
            assert!(agents[1].step(&mut lines[1]).await);
        }
        assert_eq!(agents[1].asked, [control::Kind::NeedDict(need)]);
        assert!(agents[0].asked.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_later_process_of_a_session_ends_the_earlier_one() {
    for over in TRANSPORTS {
        let world = Arc::new(World::new());
        let aggregator = Aggregator::start(&world).await;
        let collector = world
            .collector(world.config(aggregator.address, over))
            .await;
        let mut early = Agent::new("a1", 7, StreamKind::Logs);
        let mut line = early
            .connect(&world, collector.address, over)
            .await
            .unwrap();
        let mut late = Agent::new("a1", 7, StreamKind::Logs);
        late.epoch = 2;
        let _line = late.connect(&world, collector.address, over).await.unwrap();
        assert!(!early.step(&mut line).await, "{over:?}");
        let again = early.connect(&world, collector.address, over).await;
        let Err(GreetError::Refused(refused)) = again else {
            panic!("a zombie was welcomed");
        };
        assert_eq!(refused.reason(), RefusedReason::Superseded);
        let mut thief = Agent::new("a2", 7, StreamKind::Logs);
        thief.epoch = 9;
        let stolen = thief.connect(&world, collector.address, over).await;
        assert!(matches!(stolen, Err(GreetError::Refused(_))));
    }
}
