//! A request's body: read within limits, then decompressed within limits.
//!
//! In: a stream of bytes and its `Content-Encoding`. Out: [`Payload`], which is decompressed where
//! it does not hold up others. Bound: a size before and after
//! decompression, a budget for all bodies together, and a time.

use std::io::Read;
use std::sync::Arc;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::sync::OwnedSemaphorePermit;

use super::buffers::{Buffers, Lent};
use crate::app::App;
use crate::{Error, ErrorKind};

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    Deflate,
    Zstd,
    /// One snappy block, as remote write and Loki's push use it.
    Snappy,
}

impl Encoding {
    /// Reads the `Content-Encoding`; nothing when there is none.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Option<Encoding>, Error> {
        let Some(value) = headers.get(CONTENT_ENCODING) else {
            return Ok(None);
        };
        match value.to_str().unwrap_or_default().trim() {
            "" => Ok(None),
            "identity" => Ok(Some(Encoding::Identity)),
            "gzip" | "x-gzip" => Ok(Some(Encoding::Gzip)),
            "deflate" => Ok(Some(Encoding::Deflate)),
            "zstd" => Ok(Some(Encoding::Zstd)),
            "snappy" => Ok(Some(Encoding::Snappy)),
            other => Err(Error::new(
                ErrorKind::UnsupportedType,
                format!("content encoding {other:?} is not supported"),
            )),
        }
    }
}

/// How much room is made for a body before any of it has come, whatever is announced.
const ROOM_MAX: usize = 256 << 10;

/// A body as it came, which counts against the budget for bodies until it is dropped.
pub(crate) struct Payload {
    bytes: Bytes,
    encoding: Encoding,
    bytes_max: usize,
    buffers: Arc<Buffers>,
    _budget: OwnedSemaphorePermit,
}

/// Reads a body of at most so many bytes.
pub(crate) async fn read(
    app: &Arc<App>,
    headers: &HeaderMap,
    body: Body,
    encoding: Encoding,
    bytes_max: usize,
) -> Result<Payload, Error> {
    let announced = announced_len(headers);
    if announced.is_some_and(|len| len > bytes_max) {
        return Err(too_large(bytes_max));
    }
    let budget = app.body_budget(announced.unwrap_or(bytes_max)).await?;
    let time_max = app.limits().body_time_max;
    let mut room = app.arriving.lend();
    room.reserve(announced.unwrap_or_default().min(ROOM_MAX));
    let read = tokio::time::timeout(time_max, collect(body, room, bytes_max)).await;
    let bytes = read.unwrap_or_else(|_| {
        Err(Error::bad_data(format!(
            "the body did not arrive within {time_max:?}"
        )))
    })?;
    Ok(Payload {
        bytes,
        encoding,
        bytes_max,
        buffers: Arc::clone(&app.decompressed),
        _budget: budget,
    })
}

fn announced_len(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn collect(mut body: Body, mut collected: Lent, bytes_max: usize) -> Result<Bytes, Error> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Error::bad_data("the body ended before its end"))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if collected.len() + data.len() > bytes_max {
            return Err(too_large(bytes_max));
        }
        collected.grow(data.len()).copy_from_slice(&data);
    }
    Ok(collected.freeze())
}

fn too_large(bytes_max: usize) -> Error {
    Error::new(
        ErrorKind::TooLarge,
        format!(
            "the body has more than {}",
            weft_stdx::text::bytes(bytes_max as u64)
        ),
    )
}

impl Payload {
    /// Returns the body as it came, when it is compressed with snappy.
    pub(crate) fn snappy(&self) -> Option<Bytes> {
        matches!(self.encoding, Encoding::Snappy).then(|| self.bytes.clone())
    }

    /// Decompresses the body, to at most as many bytes as it may have had itself.
    pub(crate) fn decode(&self) -> Result<Bytes, Error> {
        let bytes_max = self.bytes_max;
        match self.encoding {
            Encoding::Identity => Ok(self.bytes.clone()),
            Encoding::Snappy => decode_snappy(&self.bytes, bytes_max, &self.buffers),
            Encoding::Gzip => inflate(flate2::read::MultiGzDecoder::new(&*self.bytes), bytes_max),
            Encoding::Deflate => inflate(flate2::read::ZlibDecoder::new(&*self.bytes), bytes_max),
            Encoding::Zstd => {
                let decoder = zstd::Decoder::new(&*self.bytes).map_err(|error| broken(&error))?;
                inflate(decoder, bytes_max)
            }
        }
    }
}

fn decode_snappy(bytes: &[u8], bytes_max: usize, buffers: &Arc<Buffers>) -> Result<Bytes, Error> {
    let len = snap::raw::decompress_len(bytes).map_err(|error| broken(&error))?;
    if len > bytes_max {
        return Err(too_large(bytes_max));
    }
    let mut decoded = buffers.lend();
    let decoder = &mut snap::raw::Decoder::new();
    let written = decoder.decompress(bytes, decoded.grow(len));
    written.map_err(|error| broken(&error))?;
    Ok(decoded.freeze())
}

fn inflate(decoder: impl Read, bytes_max: usize) -> Result<Bytes, Error> {
    let mut decoded = Vec::new();
    let limit = bytes_max as u64 + 1;
    decoder
        .take(limit)
        .read_to_end(&mut decoded)
        .map_err(|error| broken(&error))?;
    if decoded.len() > bytes_max {
        return Err(too_large(bytes_max));
    }
    Ok(Bytes::from(decoded))
}

fn broken(error: &dyn std::error::Error) -> Error {
    Error::bad_data(format!("decompress body: {error}"))
}
