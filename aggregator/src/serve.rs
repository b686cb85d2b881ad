//! The HTTP side: what `weft-api` asks, answered from the stores.

mod admin;
mod loki;
pub(crate) mod prometheus;
mod weft;

use std::sync::Arc;
use std::time::Instant;

use tokio::net::TcpListener;
use weft_api::{AdminApi, Api, Backends, Limits};
use weft_promql::Budget;
use weft_runtime::Shutdown;
use weft_runtime::admin::Admin;
use weft_stdx::Clock;

use crate::config::Config;
use crate::status::StatusBoard;
use crate::store::Store;
use crate::watch::RuleBoard;
use admin::AdminBackend;
use loki::LokiBackend;
use prometheus::PrometheusBackend;
use weft::WeftBackend;

/// How long requests that are under way may take when the aggregator stops.
const DRAIN_TIME_MAX: std::time::Duration = std::time::Duration::from_millis(500);

/// What the HTTP side answers from.
pub(crate) struct Served {
    pub(crate) store: Arc<Store>,
    pub(crate) config: Arc<Config>,
    pub(crate) admin: Admin,
    pub(crate) status: StatusBoard,
    pub(crate) rules: RuleBoard,
    /// What all queries share.
    pub(crate) budget: Arc<Budget>,
    pub(crate) clock: Clock,
}

/// Serves until the stop is requested.
pub(crate) async fn run(listener: TcpListener, served: Served, shutdown: Shutdown) {
    let Served {
        store,
        config,
        admin,
        status,
        rules,
        budget,
        clock,
    } = served;
    let limits = Limits {
        queries_max: config.query.at_once_max,
        heavy_queries_max: std::thread::available_parallelism().map_or(1, |it| it.get() / 2),
        queries_waiting_max: config.query.waiting_max,
        query_time_max: config.query.timeout,
        drain_time_max: DRAIN_TIME_MAX,
        ..Limits::default()
    };
    let admin_api = if config.admin_api {
        AdminApi::On
    } else {
        AdminApi::Off
    };
    let backends = Backends {
        prometheus: Arc::new(PrometheusBackend::new(
            Arc::clone(&store),
            config,
            Arc::clone(&status.results),
            rules,
            budget,
        )),
        loki: Arc::new(LokiBackend::new(Arc::clone(&store))),
        weft: Arc::new(WeftBackend {
            status,
            lifecycle: admin.lifecycle.clone(),
            started: Instant::now(),
        }),
        admin: Arc::new(AdminBackend { store, admin }),
    };
    let api = weft_api::Config {
        limits,
        admin_api,
        cors: weft_api::Cors::default(),
        clock,
    };
    weft_api::serve(listener, Api::new(api, backends), shutdown.requested()).await;
}
