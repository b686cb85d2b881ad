//! Certificates come from the aggregator, through the collector.

use std::sync::Arc;

use weft_collector::BuildError;
use weft_link::{
    Dialer, DialerOptions, EnrollError, Identity, PeerId, Role, TransportChoice, enroll, renew,
};
use weft_model::StreamKind;
use weft_proto::v1::RefusedReason;

use super::agent::Agent;
use super::aggregator::Aggregator;
use super::world::{TRANSPORTS, World, until, within};

fn options(to: std::net::SocketAddr, over: TransportChoice) -> DialerOptions {
    DialerOptions {
        addresses: vec![to.to_string()],
        transport: over,
        ..DialerOptions::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_enrols_and_renews_through_the_collector() {
    for over in TRANSPORTS {
        let world = Arc::new(World::new());
        let aggregator = Aggregator::start(&world).await;
        let collector = world
            .collector(world.config(aggregator.address, over))
            .await;
        until(|| collector.metrics_text().contains("upstream_connected 1")).await;
        let grant = world.grant(Role::Agent);
        let token = world
            .authority
            .create_token(grant, super::world::NOW)
            .unwrap();
        let options = options(collector.address, over);
        let clock = world.clock.clone();
        let identity = within(enroll(options.clone(), &token, "a9", clock.clone()))
            .await
            .unwrap();
        assert_eq!(identity.peer(), &PeerId::new(Role::Agent, "a9").unwrap());

        let again = within(enroll(options.clone(), &token, "a10", clock.clone())).await;
        let Err(EnrollError::Refused(refused)) = again else {
            panic!("a token was used twice");
        };
        assert_eq!(refused.reason(), RefusedReason::BadToken);

        let dialer = Dialer::new(options, identity, clock);
        let connection = within(dialer.dial()).await.unwrap();
        let next = within(renew(&connection)).await.unwrap();
        assert_eq!(next.peer(), &PeerId::new(Role::Agent, "a9").unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_aggregator_an_agent_is_told_to_try_later() {
    let world = Arc::new(World::new());
    let over = TransportChoice::Quic;
    let away = Aggregator::start(&world).await.address;
    let collector = world.collector(world.config(away, over)).await;
    let grant = world.grant(Role::Agent);
    let token = world
        .authority
        .create_token(grant, super::world::NOW)
        .unwrap();
    let clock = world.clock.clone();
    let asked = within(enroll(
        options(collector.address, over),
        &token,
        "a9",
        clock,
    ))
    .await;
    let Err(EnrollError::Refused(refused)) = asked else {
        panic!("granted by nobody");
    };
    assert_eq!(refused.reason(), RefusedReason::Unavailable);
    assert!(refused.retry_after_ms > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_enrols_itself_and_keeps_its_certificate() {
    for over in TRANSPORTS {
        let world = Arc::new(World::new());
        let aggregator = Aggregator::start(&world).await;
        let mut config = world.config(aggregator.address, over);
        let grant = world.grant(Role::Collector);
        let token = world
            .authority
            .create_token(grant, super::world::NOW)
            .unwrap();
        config.outlet.join_token = Some(token.to_string());
        let collector = within(world.start(config.clone())).await.unwrap();
        let mut agent = Agent::new("a1", 7, StreamKind::Logs);
        agent.produce(3, 100);
        let mut line = agent
            .connect(&world, collector.address, over)
            .await
            .unwrap();
        agent.settle(&mut line).await;
        until(|| aggregator.count() == 3).await;
        let kept = Identity::load(&config.state).unwrap().unwrap();
        assert_eq!(kept.peer(), &PeerId::new(Role::Collector, "c1").unwrap());
        collector.stop().await;
        // The token is used up, and not needed any more.
        within(world.start(config)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_without_certificate_and_token_says_so() {
    let world = Arc::new(World::new());
    let aggregator = Aggregator::start(&world).await;
    let config = world.config(aggregator.address, TransportChoice::Quic);
    let built = within(world.start(config)).await;
    assert!(matches!(built, Err(BuildError::Membership(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_renews_its_certificate_and_goes_on() {
    for over in TRANSPORTS {
        let world = Arc::new(World::new());
        let aggregator = Aggregator::start(&world).await;
        let config = world.config(aggregator.address, over);
        let first = world.identity(Role::Collector, "c1");
        // Its time has come when the collector starts.
        let late = first.renew_at().plus(1);
        world.clock.set_nanos(late.to_nanos().0);
        let collector = world.collector(config.clone()).await;
        let renewed = || {
            let kept = Identity::load(&config.state).unwrap().unwrap();
            kept.expires_at() > first.expires_at()
        };
        until(renewed).await;
        until(|| collector.status.snapshot().certificate_expires > Some(first.expires_at())).await;
    }
}
