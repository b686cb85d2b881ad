//! The server on a real socket: limits, compression, leaving clients, following, stopping.

use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use weft_api::weft::Status;
use weft_api::{Api, Backends, Config, Error, weft};

use crate::stores::{self, Samples};

/// Ends what a test waits for when it does not come; far longer than it takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for something, but not for ever.
async fn soon<T>(coming: impl Future<Output = T>) -> T {
    let came = tokio::time::timeout(PATIENCE, coming).await;
    came.expect("it should have come by now")
}

struct Server {
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(config: Config, backends: Backends) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let shutdown = async move { stopped.await.unwrap_or_default() };
        let api = Api::new(config, backends);
        let task = tokio::spawn(weft_api::serve(listener, api, shutdown));
        Server {
            address,
            stop,
            task,
        }
    }

    async fn connect(&self) -> TcpStream {
        soon(TcpStream::connect(self.address)).await.unwrap()
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        soon(self.task).await.unwrap();
    }
}

async fn send(stream: &mut TcpStream, head: &str) {
    stream
        .write_all(head.replace('\n', "\r\n").as_bytes())
        .await
        .unwrap();
}

/// Reads until the server closes the connection.
async fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    soon(stream.read_to_end(&mut bytes)).await.unwrap();
    bytes
}

async fn get(server: &Server, path: &str, headers: &str) -> (String, Vec<u8>) {
    let mut stream = server.connect().await;
    send(
        &mut stream,
        &format!("GET {path} HTTP/1.1\nhost: x\nconnection: close\n{headers}\n"),
    )
    .await;
    let answer = read_all(&mut stream).await;
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap()
        + 4;
    (
        String::from_utf8(answer[..end].to_vec()).unwrap(),
        answer[end..].to_vec(),
    )
}

/// Joins the chunks of a body whose length was not known when it began.
fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|two| two == b"\r\n").unwrap();
        let len = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        if len == 0 {
            return whole;
        }
        whole.extend_from_slice(&body[end + 2..end + 2 + len]);
        body = &body[end + 4 + len..];
    }
}

#[tokio::test]
async fn a_long_answer_is_compressed_as_the_client_accepts_it() {
    let server = Server::start(stores::config(), stores::backends()).await;
    let path = "/api/v1/query_range?query=time()&start=0&end=10000&step=1";
    let (head, plain) = get(&server, path, "").await;
    assert!(!head.contains("content-encoding"), "{head}");
    let plain = unchunked(&plain);
    assert!(plain.len() > 100_000);

    let (head, body) = get(&server, path, "accept-encoding: gzip\n").await;
    assert!(head.contains("content-encoding: gzip"), "{head}");
    let body = unchunked(&body);
    assert!(body.len() < plain.len() / 2);
    let mut unzipped = Vec::new();
    flate2::read::GzDecoder::new(&*body)
        .read_to_end(&mut unzipped)
        .unwrap();
    assert_eq!(unzipped, plain);

    let (head, body) = get(&server, path, "accept-encoding: gzip, zstd\n").await;
    assert!(head.contains("content-encoding: zstd"), "{head}");
    assert_eq!(zstd::decode_all(&*unchunked(&body)).unwrap(), plain);
    server.stop().await;
}

#[tokio::test]
async fn a_query_that_nests_without_end_is_refused_and_one_that_nests_deep_is_drawn() {
    let server = Server::start(stores::config(), stores::backends()).await;
    let parens = |depth| format!("{}1{}", "(".repeat(depth), ")".repeat(depth));
    let sum = |height| format!("1{}", "%2B1".repeat(height));
    for (query, status) in [
        (parens(60), "200"),
        (parens(5000), "400"),
        (sum(240), "200"),
        (sum(5000), "400"),
    ] {
        let path = format!("/api/v1/parse_query?query={query}");
        let (head, _) = get(&server, &path, "").await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{head}");
    }
    server.stop().await;
}

#[tokio::test]
async fn more_parameters_than_admitted_do_no_harm() {
    let server = Server::start(stores::config(), stores::backends()).await;
    let path = format!("/api/v1/labels?{}", "match[]=up&".repeat(5000));
    let (head, body) = get(&server, &path, "").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(body.starts_with(b"{\"status\":\"success\""));
    server.stop().await;
}

#[tokio::test]
async fn a_remote_reader_that_leaves_cancels_its_read() {
    let samples = Arc::new(Samples::default());
    let backends = Backends {
        prometheus: Arc::clone(&samples) as _,
        ..stores::backends()
    };
    let server = Server::start(stores::config(), backends).await;
    // Asks for {__name__="endless"} in chunks.
    let body = stores::payload(
        "!snappy 0a1b08001001 1a15 0800 1208 5f5f6e616d655f5f 1a07 656e646c657373 120101",
    );
    let head = format!(
        "POST /api/v1/read HTTP/1.1\nhost: x\ncontent-length: {}\n\n",
        body.len()
    );
    let mut stream = server.connect().await;
    send(&mut stream, &head).await;
    stream.write_all(&body).await.unwrap();
    soon(samples.endless_is(stores::RUNNING)).await;
    drop(stream);
    soon(samples.endless_is(stores::CANCELED)).await;
    server.stop().await;
}

#[tokio::test]
async fn web_pages_of_others_may_read_answers_only_if_allowed() {
    let server = Server::start(stores::config(), stores::backends()).await;
    let (head, _) = get(&server, "/api/v1/labels", "origin: http://grafana\n").await;
    assert!(
        head.contains("access-control-allow-origin: http://grafana"),
        "{head}"
    );
    server.stop().await;

    let config = Config {
        cors: weft_api::Cors::SameOrigin,
        ..stores::config()
    };
    let server = Server::start(config, stores::backends()).await;
    let (head, _) = get(&server, "/api/v1/labels", "origin: http://grafana\n").await;
    assert!(!head.contains("access-control"), "{head}");
    server.stop().await;
}

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere() {
    let server = Server::start(stores::config(), stores::backends()).await;
    let (head, body) = get(&server, "/", "").await;
    assert!(
        head.contains("content-security-policy: default-src 'none'"),
        "{head}"
    );
    let page = String::from_utf8(body).unwrap();
    let quoted = |part: &str| part.split('"').next().map(str::to_owned);
    let linked: Vec<_> = ["src=\"", "href=\""]
        .into_iter()
        .flat_map(|attribute| page.split(attribute).skip(1).filter_map(quoted))
        .filter(|link| !link.starts_with("data:"))
        .collect();
    assert!(linked.len() >= 4, "{linked:?}");
    for link in linked {
        let (head, _) = get(&server, &format!("/{link}"), "").await;
        assert!(head.starts_with("HTTP/1.1 200"), "{link}: {head}");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_own_api_is_described_as_it_is() {
    let server = Server::start(stores::config(), stores::backends()).await;
    let (_, body) = get(&server, "/weft/v1/openapi.json", "").await;
    let described: serde_json::Value = serde_json::from_slice(&body).unwrap();
    for path in described["paths"].as_object().unwrap().keys() {
        let (head, _) = get(&server, path, "").await;
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
    }
    let (_, body) = get(&server, "/weft/v1/status", "").await;
    let status: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let schema = &described["components"]["schemas"]["Status"];
    check_object(&status, schema);
    for part in ["metrics", "logs"] {
        check_object(&status[part], &schema["properties"][part]);
    }
    for list in ["peers", "drops"] {
        check_object(&status[list][0], &schema["properties"][list]["items"]);
    }
    server.stop().await;
}

#[tokio::test]
async fn each_route_of_prometheus_that_is_described_is_there() {
    let server = Server::start(stores::config(), stores::backends()).await;
    let (_, body) = get(&server, "/api/v1/openapi.yaml", "").await;
    let yaml = String::from_utf8(body).unwrap();
    let (mut path, mut routes) = ("", 0);
    for line in yaml.lines() {
        if let Some(found) = line.strip_prefix("  /") {
            path = found.trim_end_matches(':');
        }
        let method = match line {
            "    get:" => "GET",
            "    post:" => "POST",
            "    put:" => "PUT",
            _ => continue,
        };
        let path = path.replace("{name}", "job");
        if path == "notifications/live" {
            // It goes on until the reader leaves.
            continue;
        }
        let mut stream = server.connect().await;
        let request = format!("{method} /api/v1/{path} HTTP/1.1\nhost: x\nconnection: close\n\n");
        send(&mut stream, &request).await;
        let answer = String::from_utf8_lossy(&read_all(&mut stream).await).into_owned();
        let is_there = !["404", "405", "500"].contains(&&answer[9..12]);
        assert!(is_there, "{method} {path}: {answer}");
        routes += 1;
    }
    assert!(routes > 35, "{routes}");
    server.stop().await;
}

/// Compares the fields of an object with those that are described.
fn check_object(value: &serde_json::Value, schema: &serde_json::Value) {
    let names = |value: &serde_json::Value| -> Vec<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(names(value), names(&schema["properties"]));
    let mut required: Vec<_> = schema["required"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    required.sort_unstable();
    assert_eq!(names(value), required);
}

#[tokio::test]
async fn a_client_that_does_not_speak_is_let_go() {
    let mut config = stores::config();
    config.limits.header_time_max = Duration::from_millis(20);
    let server = Server::start(config, stores::backends()).await;
    let mut stream = server.connect().await;
    send(&mut stream, "GET / HTTP/1.1\nhost:").await;
    let answer = read_all(&mut stream).await;
    assert!(!String::from_utf8_lossy(&answer).contains("200"));
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_refused() {
    let mut config = stores::config();
    config.limits.body_time_max = Duration::from_millis(20);
    let server = Server::start(config, stores::backends()).await;
    let mut stream = server.connect().await;
    let head = "POST /api/v1/write HTTP/1.1\nhost: x\nconnection: close\ncontent-length: 100\n\n";
    send(&mut stream, head).await;
    let answer = read_all(&mut stream).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.starts_with("HTTP/1.1 400") && answer.contains("did not arrive"),
        "{answer}"
    );
    server.stop().await;
}

#[tokio::test]
async fn more_connections_than_allowed_wait_for_their_turn() {
    let mut config = stores::config();
    config.limits.connections_max = 1;
    let server = Server::start(config, stores::backends()).await;
    let first = server.connect().await;
    let mut second = server.connect().await;
    send(
        &mut second,
        "GET /-/healthy HTTP/1.1\nhost: x\nconnection: close\n\n",
    )
    .await;
    drop(first);
    let answer = read_all(&mut second).await;
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    server.stop().await;
}

#[tokio::test]
async fn a_query_is_followed_over_a_websocket() {
    let server = Server::start(stores::config(), stores::backends()).await;
    let url = format!(
        "ws://{}/loki/api/v1/tail?query=%7Bapp%3D%22web%22%7D",
        server.address
    );
    let connecting = tokio_tungstenite::connect_async(url);
    let (mut socket, _) = soon(connecting).await.unwrap();
    let mut texts = Vec::new();
    while let Some(Ok(message)) = soon(socket.next()).await {
        if let Message::Text(text) = message {
            texts.push(text.to_string());
        }
    }
    let expected = r#"{"streams":[{"stream":{"app":"web","detected_level":"info","service_name":"web"},"values":[["1700000000000000000","GET / status=200"]]}],"dropped_entries":[{"labels":{"app":"db","service_name":"db"},"timestamp":"5"}]}"#;
    assert_eq!(texts, [expected]);
    server.stop().await;
}

/// A backend whose status takes until it is told to go on. It does not wait for ever: a test that
/// fails ends only when its threads do.
struct Slow {
    asked: AtomicUsize,
    go_on: AtomicUsize,
}

impl Slow {
    fn new() -> Arc<Slow> {
        Arc::new(Slow {
            asked: AtomicUsize::new(0),
            go_on: AtomicUsize::new(0),
        })
    }

    async fn asked(&self) {
        while self.asked.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    }
}

impl weft::Backend for Slow {
    fn status(&self) -> Result<Status, Error> {
        self.asked.store(1, Ordering::SeqCst);
        let begun = Instant::now();
        while self.go_on.load(Ordering::SeqCst) == 0 && begun.elapsed() < 2 * PATIENCE {
            std::thread::yield_now();
        }
        Ok(Status::default())
    }
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_server_stops() {
    let slow = Slow::new();
    let backends = Backends {
        weft: Arc::<Slow>::clone(&slow),
        ..stores::backends()
    };
    let server = Server::start(stores::config(), backends).await;
    let mut stream = server.connect().await;
    send(&mut stream, "GET /weft/v1/status HTTP/1.1\nhost: x\n\n").await;
    soon(slow.asked()).await;
    let address = server.address;
    let stopped = tokio::spawn(server.stop());
    soon(async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    slow.go_on.store(1, Ordering::SeqCst);
    let answer = read_all(&mut stream).await;
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    stopped.await.unwrap();
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_cut_off_when_the_server_stops() {
    let slow = Slow::new();
    let backends = Backends {
        weft: Arc::<Slow>::clone(&slow),
        ..stores::backends()
    };
    let mut config = stores::config();
    config.limits.drain_time_max = Duration::from_millis(10);
    let server = Server::start(config, backends).await;
    let mut stream = server.connect().await;
    send(&mut stream, "GET /weft/v1/status HTTP/1.1\nhost: x\n\n").await;
    soon(slow.asked()).await;
    server.stop().await;
    assert!(read_all(&mut stream).await.is_empty());
    slow.go_on.store(1, Ordering::SeqCst);
}

#[tokio::test]
async fn a_client_that_leaves_cancels_its_query() {
    let samples = Arc::new(Samples::default());
    let backends = Backends {
        prometheus: Arc::<Samples>::clone(&samples),
        ..stores::backends()
    };
    let server = Server::start(stores::config(), backends).await;
    let mut stream = server.connect().await;
    send(
        &mut stream,
        "GET /api/v1/query?query=endless HTTP/1.1\nhost: x\n\n",
    )
    .await;
    soon(samples.endless_is(stores::RUNNING)).await;
    drop(stream);
    soon(samples.endless_is(stores::CANCELED)).await;
    server.stop().await;
}

#[tokio::test]
async fn a_query_gives_up_when_its_time_is_over() {
    let samples = Arc::new(Samples::default());
    let backends = Backends {
        prometheus: Arc::<Samples>::clone(&samples),
        ..stores::backends()
    };
    let server = Server::start(stores::config(), backends).await;
    let (head, body) = get(&server, "/api/v1/query?query=endless&timeout=10ms", "").await;
    assert!(head.starts_with("HTTP/1.1 503"), "{head}");
    assert!(
        String::from_utf8(body)
            .unwrap()
            .contains(r#""errorType":"timeout""#)
    );
    soon(samples.endless_is_over()).await;
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_is_busy_with_queries_still_tells_how_it_fares() {
    let samples = Arc::new(Samples::default());
    let backends = Backends {
        prometheus: Arc::<Samples>::clone(&samples),
        ..stores::backends()
    };
    let mut config = stores::config();
    config.limits.queries_max = 1;
    let server = Server::start(config, backends).await;
    let mut stream = server.connect().await;
    send(
        &mut stream,
        "GET /api/v1/query?query=endless HTTP/1.1\nhost: x\n\n",
    )
    .await;
    soon(samples.endless_is(stores::RUNNING)).await;
    for path in [
        "/-/ready",
        "/metrics",
        "/weft/v1/status",
        "/api/v1/status/buildinfo",
    ] {
        let (head, _) = get(&server, path, "").await;
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
    }
    let (head, body) = get(&server, "/api/v1/query?query=1%2B1&timeout=10ms", "").await;
    assert!(head.starts_with("HTTP/1.1 503"), "{head}");
    let body = String::from_utf8_lossy(&body).into_owned();
    assert!(body.contains("query timed out in query queue"), "{body}");
    drop(stream);
    soon(samples.endless_is(stores::CANCELED)).await;
    server.stop().await;
}

#[tokio::test]
async fn queries_beyond_those_that_may_wait_are_refused_at_once() {
    let samples = Arc::new(Samples::default());
    let backends = Backends {
        prometheus: Arc::<Samples>::clone(&samples),
        ..stores::backends()
    };
    let mut config = stores::config();
    (config.limits.queries_max, config.limits.queries_waiting_max) = (1, 0);
    let server = Server::start(config, backends).await;
    let mut stream = server.connect().await;
    send(
        &mut stream,
        "GET /api/v1/query?query=endless HTTP/1.1\nhost: x\n\n",
    )
    .await;
    soon(samples.endless_is(stores::RUNNING)).await;
    let (head, body) = get(&server, "/api/v1/query?query=1%2B1", "").await;
    assert!(head.starts_with("HTTP/1.1 503"), "{head}");
    assert!(
        head.to_ascii_lowercase().contains("retry-after: 1"),
        "{head}"
    );
    let body = String::from_utf8_lossy(&body).into_owned();
    assert!(body.contains("queries are already waiting"), "{body}");
    drop(stream);
    soon(samples.endless_is(stores::CANCELED)).await;
    server.stop().await;
}

#[tokio::test]
async fn what_may_be_missing_is_told_with_every_kind_of_answer() {
    let caveat = "journal replay in progress: 40 % done";
    let server = Server::start(stores::config(), stores::backends_with_caveat(caveat)).await;
    let selector = "match[]=up";
    for path in [
        "/api/v1/labels".to_owned(),
        "/api/v1/label/job/values".to_owned(),
        format!("/api/v1/series?{selector}"),
        "/api/v1/search/metric_names".to_owned(),
        "/loki/api/v1/labels".to_owned(),
        "/loki/api/v1/label/app/values".to_owned(),
        "/loki/api/v1/series".to_owned(),
        "/loki/api/v1/query_range?query=%7Bapp%3D%22web%22%7D".to_owned(),
        "/loki/api/v1/query?query=1%2B1".to_owned(),
    ] {
        let (head, body) = get(&server, &path, "").await;
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
        let text = String::from_utf8_lossy(&body).into_owned();
        let last = text.lines().last().unwrap_or_default();
        let answer: serde_json::Value = serde_json::from_str(last).unwrap();
        assert_eq!(answer["warnings"][0], caveat, "{path}: {text}");
    }
    // Asks for {__name__="up"}.
    let body = stores::payload("!snappy 0a1608001001 1a10 0800 1208 5f5f6e616d655f5f 1a02 7570");
    let head = format!(
        "POST /api/v1/read HTTP/1.1\nhost: x\nconnection: close\ncontent-length: {}\n\n",
        body.len()
    );
    let mut stream = server.connect().await;
    send(&mut stream, &head).await;
    stream.write_all(&body).await.unwrap();
    let answer = String::from_utf8_lossy(&read_all(&mut stream).await).into_owned();
    assert!(
        answer.contains(&format!("x-weft-warning: {caveat}")),
        "{answer}"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_page_that_waits_for_notifications_is_let_go_when_the_server_stops() {
    let server = Server::start(stores::config(), stores::backends()).await;
    let mut stream = server.connect().await;
    send(
        &mut stream,
        "GET /api/v1/notifications/live HTTP/1.1\nhost: x\n\n",
    )
    .await;
    let mut begun = Vec::new();
    while !begun.ends_with(b": still here\n\n") {
        begun.push(soon(stream.read_u8()).await.unwrap());
    }
    let begun = String::from_utf8(begun).unwrap();
    assert!(begun.contains("content-type: text/event-stream"), "{begun}");
    server.stop().await;
    assert_eq!(read_all(&mut stream).await, b"\r\n0\r\n\r\n");
}
