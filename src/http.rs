//! A small HTTP/1.1 client for the commands that only ask.
//!
//! Bound: 10 seconds to connect, 256 MiB of answer.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, HOST};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// Gets `path` with these parameters from the server at `base`, such as `http://127.0.0.1:7700`.
pub(crate) async fn get(base: &str, path: &str, parameters: &[(&str, &str)]) -> Result<Answer> {
    let target = format!(
        "{}{path}{}",
        base.trim_end_matches('/'),
        query_of(parameters)
    );
    let uri: Uri = target
        .parse()
        .with_context(|| format!("read the address {base}"))?;
    if uri.scheme_str() != Some("http") {
        bail!("the address {base} does not begin with http://");
    }
    let host = uri
        .host()
        .with_context(|| format!("the address {base} names no host"))?;
    let port = uri.port_u16().unwrap_or(80);
    let connecting = TcpStream::connect((host.trim_matches(['[', ']']), port));
    let stream = tokio::time::timeout(CONNECT_TIME_MAX, connecting)
        .await
        .with_context(|| format!("connect to {host}:{port} within 10s"))?
        .with_context(|| format!("connect to {host}:{port}"))?;
    stream.set_nodelay(true).context("set TCP_NODELAY")?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let resource = uri.path_and_query().map_or("/", |it| it.as_str());
    let request = Request::get(resource)
        .header(HOST, format!("{host}:{port}"))
        .header(ACCEPT, "application/json")
        .body(Empty::<Bytes>::new())?;
    let exchange = async {
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let limited = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
        let collected = limited.collect().await;
        let body = collected.map_err(|error| anyhow::anyhow!("read the answer: {error}"))?;
        Ok::<_, anyhow::Error>(Answer {
            status,
            body: body.to_bytes().to_vec(),
        })
    };
    let mut connection = std::pin::pin!(connection);
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        answer = &mut exchange => answer,
        ended = &mut connection => {
            ended.with_context(|| format!("talk to {host}:{port}"))?;
            exchange.await
        }
    }
}

fn query_of(parameters: &[(&str, &str)]) -> String {
    let mut query = String::new();
    for (name, value) in parameters {
        query.push(if query.is_empty() { '?' } else { '&' });
        query.push_str(name);
        query.push('=');
        for byte in value.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                    query.push(char::from(byte));
                }
                _ => query.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    query
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_escaped() {
        assert_eq!(query_of(&[]), "");
        assert_eq!(
            query_of(&[("query", "a b"), ("x", "{\"ä\"}")]),
            "?query=a%20b&x=%7B%22%C3%A4%22%7D"
        );
    }
}
