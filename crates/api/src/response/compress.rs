//! Compresses answers as the client accepts it, while they are sent.
//!
//! In: a response and the request's `Accept-Encoding`. Out: the same response, in zstd, gzip or
//! deflate if it is worth it. Bound: what the compressor holds, about 1 MiB.

use std::io::{self, Write};

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::{Stream, StreamExt, stream};

/// Bodies below this size are sent as they are.
const BYTES_MIN: u64 = 1024;

/// The level of both compressors: answers are compressed once and read once.
const LEVEL: i32 = 1;

/// Compresses the response of what comes after it.
pub(crate) async fn layer(request: Request, next: Next) -> Response {
    let coding = Coding::accepted(request.headers());
    let mut response = next.run(request).await;
    response
        .headers_mut()
        .append(VARY, HeaderValue::from_static("Accept-Encoding"));
    match coding {
        Some(coding) if is_worth_it(&response) => apply(coding, response),
        _ => response,
    }
}

fn is_worth_it(response: &Response) -> bool {
    let headers = response.headers();
    let is_text = headers.get(CONTENT_TYPE).is_some_and(|kind| {
        let kind = kind.as_bytes();
        // Chunks of samples hardly shrink; readers of both want them as they come.
        let is_live = kind.starts_with(b"application/x-streamed-protobuf")
            || kind.starts_with(b"text/event-stream");
        !is_live && (kind.starts_with(b"application/") || kind.starts_with(b"text/"))
    });
    let is_small = response
        .body()
        .size_hint()
        .exact()
        .is_some_and(|size| size < BYTES_MIN);
    is_text && !is_small && !headers.contains_key(CONTENT_ENCODING)
}

/// A compression that the client accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Zstd,
    Gzip,
    Deflate,
}

impl Coding {
    /// Returns the best one that is accepted; a quality of zero refuses it.
    fn accepted(headers: &HeaderMap) -> Option<Coding> {
        let mut best = None;
        for value in headers.get_all(ACCEPT_ENCODING) {
            for item in value.to_str().unwrap_or_default().split(',') {
                let (name, quality) = item.split_once(';').unwrap_or((item, ""));
                let refused = quality.trim().strip_prefix("q=").is_some_and(|quality| {
                    quality
                        .trim()
                        .parse::<f32>()
                        .is_ok_and(|quality| quality == 0.0)
                });
                match name.trim() {
                    _ if refused => {}
                    "zstd" => return Some(Coding::Zstd),
                    "gzip" => best = Some(Coding::Gzip),
                    "deflate" if best.is_none() => best = Some(Coding::Deflate),
                    _ => {}
                }
            }
        }
        best
    }

    fn name(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Coding::Zstd => "zstd",
            Coding::Gzip => "gzip",
            Coding::Deflate => "deflate",
        })
    }
}

fn apply(coding: Coding, response: Response) -> Response {
    let Ok(encoder) = Encoder::new(coding) else {
        return response;
    };
    let (mut parts, body) = response.into_parts();
    parts.headers.insert(CONTENT_ENCODING, coding.name());
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from_stream(compressed(encoder, body)))
}

fn compressed(encoder: Encoder, body: Body) -> impl Stream<Item = Result<Vec<u8>, axum::Error>> {
    let pieces = body.into_data_stream();
    stream::unfold(Some((encoder, pieces)), |state| async {
        let (mut encoder, mut pieces) = state?;
        loop {
            let piece = match pieces.next().await {
                Some(Ok(piece)) => encoder.write(&piece),
                Some(Err(error)) => return Some((Err(error), None)),
                None => return Some((encoder.finish().map_err(axum::Error::new), None)),
            };
            match piece {
                Ok(piece) if piece.is_empty() => {}
                Ok(piece) => return Some((Ok(piece), Some((encoder, pieces)))),
                Err(error) => return Some((Err(axum::Error::new(error)), None)),
            }
        }
    })
}

/// A compressor that hands out what it has written so far.
enum Encoder {
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
    Gzip(flate2::write::GzEncoder<Vec<u8>>),
    Deflate(flate2::write::ZlibEncoder<Vec<u8>>),
}

impl Encoder {
    fn new(coding: Coding) -> io::Result<Encoder> {
        let level = flate2::Compression::new(LEVEL.unsigned_abs());
        Ok(match coding {
            Coding::Zstd => Encoder::Zstd(zstd::stream::write::Encoder::new(Vec::new(), LEVEL)?),
            Coding::Gzip => Encoder::Gzip(flate2::write::GzEncoder::new(Vec::new(), level)),
            Coding::Deflate => Encoder::Deflate(flate2::write::ZlibEncoder::new(Vec::new(), level)),
        })
    }

    fn write(&mut self, piece: &[u8]) -> io::Result<Vec<u8>> {
        let written = match self {
            Encoder::Zstd(encoder) => {
                encoder.write_all(piece)?;
                encoder.get_mut()
            }
            Encoder::Gzip(encoder) => {
                encoder.write_all(piece)?;
                encoder.get_mut()
            }
            Encoder::Deflate(encoder) => {
                encoder.write_all(piece)?;
                encoder.get_mut()
            }
        };
        Ok(std::mem::take(written))
    }

    fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Encoder::Zstd(encoder) => encoder.finish(),
            Encoder::Gzip(encoder) => encoder.finish(),
            Encoder::Deflate(encoder) => encoder.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(accepted: &'static str, expected: Option<Coding>) {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(accepted));
        assert_eq!(Coding::accepted(&headers), expected, "{accepted}");
    }

    #[test]
    fn the_best_accepted_coding_is_chosen() {
        check("gzip, deflate, br, zstd", Some(Coding::Zstd));
        check("gzip", Some(Coding::Gzip));
        check("gzip;q=1.0, zstd;q=0", Some(Coding::Gzip));
        check("deflate, gzip", Some(Coding::Gzip));
        check("deflate", Some(Coding::Deflate));
        check("br", None);
        check("", None);
    }
}
