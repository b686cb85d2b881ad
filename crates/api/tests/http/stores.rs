//! Small stores in memory behind the real API.

mod logs;
mod process;
mod samples;

use std::sync::Arc;

use weft_api::{Api, Backends, Config, Cors, Limits};
use weft_stdx::Clock;

use logs::Logs;
use process::Process;
pub(crate) use samples::{CANCELED, RUNNING, Samples};

/// The time on all clocks: 2023-11-14T22:13:20Z.
pub(crate) const NOW: i64 = 1_700_000_000;

/// Returns an API over fresh stores.
pub(crate) fn api() -> Api {
    Api::new(config(), backends())
}

/// Returns stores with the same content every time.
pub(crate) fn backends() -> Backends {
    Backends {
        prometheus: Arc::new(Samples::default()),
        loki: Arc::new(Logs::default()),
        admin: Arc::new(Process),
        weft: Arc::new(Process),
    }
}

/// Returns the same stores, which say that something may be missing.
pub(crate) fn backends_with_caveat(caveat: &str) -> Backends {
    Backends {
        prometheus: Arc::new(Samples::with_caveat(caveat)),
        loki: Arc::new(Logs {
            caveat: Some(caveat.to_owned()),
        }),
        ..backends()
    }
}

/// Returns a configuration with a clock that stands and a body limit that tests can reach.
pub(crate) fn config() -> Config {
    Config {
        limits: Limits {
            body_bytes_max: 1000,
            form_bytes_max: 1000,
            read_bytes_max: 2000,
            ..Limits::default()
        },
        admin_api: weft_api::AdminApi::Off,
        cors: Cors::AnyOrigin,
        clock: Clock::manual(NOW * 1_000_000_000),
    }
}

/// Returns a request's body: `!hex <hex>` for bytes, `!snappy <hex>` for compressed ones, `!repeat <n> <text>` for many,
/// anything else as it stands.
pub(crate) fn payload(text: &str) -> Vec<u8> {
    if let Some(hex) = text.strip_prefix("!snappy ") {
        return snap::raw::Encoder::new()
            .compress_vec(&of_hex(hex))
            .unwrap();
    }
    if let Some(hex) = text.strip_prefix("!hex ") {
        return of_hex(hex);
    }
    if let Some(repeat) = text.strip_prefix("!repeat ") {
        let (count, text) = repeat.split_once(' ').unwrap();
        return text.repeat(count.parse().unwrap()).into_bytes();
    }
    text.as_bytes().to_vec()
}

fn of_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16);
    digits.chunks(2).map(|pair| byte(pair).unwrap()).collect()
}
