use std::fmt::Write as _;

use expect_test::{Expect, expect};
use proptest::prelude::*;
use weft_model::is_stale;

use super::*;
use crate::remote_write::{Request, Version};
use crate::wire::{Flaw, Writer};

const SECOND: u64 = 1_000_000_000;

fn text(message: &mut Writer, name: &str, value: &str, field: u32) {
    message.message(field, |pair| {
        pair.bytes(1, name.as_bytes());
        pair.message(2, |any| any.bytes(1, value.as_bytes()));
    });
}

fn fixed(message: &mut Writer, field: u32, value: u64) {
    message.double_always(field, f64::from_bits(value));
}

/// Returns a request with one metric of one library, of one instance of a service.
fn request(name: &str, unit: &str, data: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut message = Writer::default();
    message.message(1, |resource| {
        resource.message(1, |inner| {
            text(inner, "service.namespace", "shop", 1);
            text(inner, "service.name", "cart", 1);
            text(inner, "service.instance.id", "cart-0", 1);
            text(inner, "host.name", "node-1", 1);
        });
        resource.message(2, |scope| {
            scope.message(1, |inner| {
                inner.bytes(1, b"http");
                inner.bytes(2, b"1.2");
                text(inner, "short.name", "h", 3);
            });
            scope.message(2, |metric| {
                metric.bytes(1, name.as_bytes());
                metric.bytes(2, b"What it is.");
                metric.bytes(3, unit.as_bytes());
                data(metric);
            });
        });
    });
    message.into_bytes()
}

/// Writes what a request becomes, a series to a line.
fn print(translated: &Translated) -> String {
    let request = Request::parse(Version::Two, &translated.body).unwrap();
    let mut out = String::new();
    for series in request.series() {
        let labels = series.labels().unwrap();
        for sample in series.samples() {
            let value = match is_stale(sample.value) {
                true => "stale".to_owned(),
                false => sample.value.to_string(),
            };
            writeln!(out, "{labels} {value} @{}", sample.time.0).unwrap();
        }
        for histogram in series.histograms() {
            let (time, it) = histogram.decode().unwrap();
            let sides = (&it.positive_spans, &it.positive, &it.negative);
            let head = (it.schema, it.zero_count, it.count, it.sum);
            writeln!(out, "{labels} {head:?} {sides:?} @{}", time.0).unwrap();
        }
        for exemplar in series.exemplars() {
            let exemplar = exemplar.decode().unwrap();
            let (labels, value) = (exemplar.labels, exemplar.value);
            writeln!(out, "  # {labels} {value} @{}", exemplar.time.0).unwrap();
        }
    }
    request.for_each_metadata(|it| {
        let (kind, help, unit) = (it.kind.as_str(), it.help, it.unit);
        writeln!(out, "{}: {kind}, {help:?}, {unit:?}", it.name).unwrap();
    });
    let (points, rejected) = (translated.points, translated.rejected);
    writeln!(
        out,
        "{points} points, {rejected} rejected {:?}",
        translated.reasons
    )
    .unwrap();
    out
}

fn check(bytes: &[u8], expected: Expect) {
    expected.assert_eq(&print(&translate(&decode(bytes).unwrap())));
}

fn number_point(data: &mut Writer, seconds: u64, value: f64) {
    data.message(1, |point| {
        fixed(point, 3, seconds * SECOND);
        point.double_always(4, value);
        text(point, "http.method", "GET", 7);
        point.message(5, |exemplar| {
            fixed(exemplar, 2, seconds * SECOND);
            exemplar.double(3, 0.5);
            exemplar.bytes(5, &[0xab; 16]);
            text(exemplar, "user.id", "7", 7);
        });
    });
}

#[test]
fn a_counter_gets_its_suffixes_and_its_target() {
    let sum = request("http.requests", "By", |metric| {
        metric.message(7, |data| {
            number_point(data, 10, 1.5);
            data.number(2, 2);
            data.number(3, 1);
        });
    });
    check(
        &sum,
        expect![[r#"
        http_requests_bytes_total{http_method="GET", instance="cart-0", job="shop/cart", otel_scope_name="http", otel_scope_short_name="h", otel_scope_version="1.2"} 1.5 @10000
          # {trace_id="abababababababababababababababab", user_id="7"} 0.5 @10000
        target_info{host_name="node-1", instance="cart-0", job="shop/cart"} 1 @10000
        http_requests_bytes_total: counter, "What it is.", "bytes"
        target_info: info, "Target metadata", ""
        1 points, 0 rejected []
    "#]],
    );
}

#[test]
fn a_gauge_may_be_a_whole_number_or_absent() {
    let gauge = request("cpu.load", "1", |metric| {
        metric.message(5, |data| {
            data.message(1, |point| {
                fixed(point, 3, SECOND);
                fixed(point, 6, (-3i64) as u64);
            });
            data.message(1, |point| {
                fixed(point, 3, 400 * SECOND);
                point.number(8, 1);
            });
        });
    });
    check(
        &gauge,
        expect![[r#"
            cpu_load_ratio{instance="cart-0", job="shop/cart", otel_scope_name="http", otel_scope_short_name="h", otel_scope_version="1.2"} -3 @1000
            cpu_load_ratio{instance="cart-0", job="shop/cart", otel_scope_name="http", otel_scope_short_name="h", otel_scope_version="1.2"} stale @400000
            target_info{host_name="node-1", instance="cart-0", job="shop/cart"} 1 @1000
            target_info{host_name="node-1", instance="cart-0", job="shop/cart"} 1 @151000
            target_info{host_name="node-1", instance="cart-0", job="shop/cart"} 1 @301000
            target_info{host_name="node-1", instance="cart-0", job="shop/cart"} 1 @400000
            cpu_load_ratio: gauge, "What it is.", ""
            target_info: info, "Target metadata", ""
            2 points, 0 rejected []
        "#]],
    );
}

fn histogram_point(point: &mut Writer) {
    fixed(point, 3, SECOND);
    fixed(point, 4, 6);
    point.double(5, 7.25);
    point.packed_doubles(6, &[1, 2, 3].map(f64::from_bits));
    point.packed_doubles(7, &[0.5, 10.0]);
    point.message(8, |exemplar| {
        exemplar.double(3, 0.75);
        exemplar.bytes(4, &[1; 8]);
    });
}

#[test]
fn a_histogram_becomes_a_classic_one() {
    let histogram = request("latency", "ms", |metric| {
        metric.message(9, |data| {
            data.message(1, histogram_point);
            data.number(2, 2);
        });
    });
    check(
        &histogram,
        expect![[r#"
            latency_milliseconds_bucket{instance="cart-0", job="shop/cart", le="0.5", otel_scope_name="http", otel_scope_short_name="h", otel_scope_version="1.2"} 1 @1000
            latency_milliseconds_bucket{instance="cart-0", job="shop/cart", le="10", otel_scope_name="http", otel_scope_short_name="h", otel_scope_version="1.2"} 3 @1000
              # {span_id="0101010101010101"} 0.75 @0
            latency_milliseconds_bucket{instance="cart-0", job="shop/cart", le="+Inf", otel_scope_name="http", otel_scope_short_name="h", otel_scope_version="1.2"} 6 @1000
            latency_milliseconds_count{instance="cart-0", job="shop/cart", otel_scope_name="http", otel_scope_short_name="h", otel_scope_version="1.2"} 6 @1000
            latency_milliseconds_sum{instance="cart-0", job="shop/cart", otel_scope_name="http", otel_scope_short_name="h", otel_scope_version="1.2"} 7.25 @1000
            target_info{host_name="node-1", instance="cart-0", job="shop/cart"} 1 @1000
            latency_milliseconds: histogram, "What it is.", "milliseconds"
            latency_milliseconds: histogram, "What it is.", "milliseconds"
            latency_milliseconds: histogram, "What it is.", "milliseconds"
            target_info: info, "Target metadata", ""
            1 points, 0 rejected []
        "#]],
    );
}

#[test]
fn an_exponential_histogram_becomes_a_native_one() {
    let histogram = request("latency", "s", |metric| {
        metric.message(10, |data| {
            data.message(1, |point| {
                fixed(point, 3, SECOND);
                fixed(point, 4, 6);
                point.double(5, 7.25);
                point.zigzag(6, 3);
                fixed(point, 7, 1);
                point.message(8, |buckets| {
                    buckets.zigzag(1, -2);
                    buckets.packed_numbers(2, [1, 0, 0, 0, 3]);
                });
                point.message(9, |buckets| buckets.packed_numbers(2, [1]));
            });
            data.message(1, |point| point.zigzag(6, -9));
            data.number(2, 2);
        });
    });
    check(
        &histogram,
        expect![[r#"
        latency_seconds{instance="cart-0", job="shop/cart", otel_scope_name="http", otel_scope_short_name="h", otel_scope_version="1.2"} (3, 1.0, 6.0, 7.25) ([Span { offset: -1, len: 1 }, Span { offset: 3, len: 1 }], [1.0, 3.0], [1.0]) @1000
        target_info{host_name="node-1", instance="cart-0", job="shop/cart"} 1 @1000
        latency_seconds: histogram, "What it is.", "seconds"
        target_info: info, "Target metadata", ""
        1 points, 1 rejected ["metric \"latency\": its scale is below -4, for which there is no native histogram"]
    "#]],
    );
}

#[test]
fn a_summary_has_quantiles() {
    let summary = request("size", "", |metric| {
        metric.message(11, |data| {
            data.message(1, |point| {
                fixed(point, 3, SECOND);
                fixed(point, 4, 2);
                point.double(5, 3.0);
                point.message(6, |quantile| {
                    quantile.double(1, 0.99);
                    quantile.double(2, 2.0);
                });
                // An attribute gives way to what the kind of metric says.
                text(point, "quantile", "none", 7);
            });
        });
    });
    check(
        &summary,
        expect![[r#"
            size{instance="cart-0", job="shop/cart", otel_scope_name="http", otel_scope_short_name="h", otel_scope_version="1.2", quantile="0.99"} 2 @1000
            size_count{instance="cart-0", job="shop/cart", otel_scope_name="http", otel_scope_short_name="h", otel_scope_version="1.2", quantile="none"} 2 @1000
            size_sum{instance="cart-0", job="shop/cart", otel_scope_name="http", otel_scope_short_name="h", otel_scope_version="1.2", quantile="none"} 3 @1000
            target_info{host_name="node-1", instance="cart-0", job="shop/cart"} 1 @1000
            size: summary, "What it is.", ""
            size: summary, "What it is.", ""
            size: summary, "What it is.", ""
            target_info: info, "Target metadata", ""
            1 points, 0 rejected []
        "#]],
    );
}

#[test]
fn what_cannot_be_translated_is_counted_with_its_reason() {
    let delta = request("deltas", "", |metric| {
        metric.message(7, |data| {
            number_point(data, 1, 1.0);
            number_point(data, 2, 1.0);
            data.number(2, 1);
        });
    });
    check(
        &delta,
        expect![[r#"
        0 points, 2 rejected ["metric \"deltas\": its points are deltas, which are not stored: configure cumulative temporality"]
    "#]],
    );
    let nameless = request("---", "", |metric| {
        metric.message(5, |data| number_point(data, 1, 1.0));
    });
    check(
        &nameless,
        expect![[r#"
        0 points, 1 rejected ["metric \"---\": nothing of its name can be kept"]
    "#]],
    );
    check(
        &request("odd", "", |_| {}),
        expect![[r#"
        0 points, 0 rejected ["metric \"odd\": its kind is not known"]
    "#]],
    );
}

#[test]
fn labels_that_become_the_same_are_joined() {
    let gauge = request("x", "", |metric| {
        metric.message(5, |data| {
            data.message(1, |point| {
                text(point, "a.b", "2", 7);
                text(point, "a-b", "1", 7);
                text(point, "Zone", "z", 7);
            });
        });
    });
    check(
        &gauge,
        expect![[r#"
        x{Zone="z", a_b="1;2", instance="cart-0", job="shop/cart", otel_scope_name="http", otel_scope_short_name="h", otel_scope_version="1.2"} 0 @0
        target_info{host_name="node-1", instance="cart-0", job="shop/cart"} 1 @0
        x: gauge, "What it is.", ""
        target_info: info, "Target metadata", ""
        1 points, 0 rejected []
    "#]],
    );
}

#[test]
fn a_request_that_nests_or_repeats_without_end_is_refused() {
    let mut value = Writer::default();
    for _ in 0..NESTING_MAX + 1 {
        let inner = value.clone();
        value.clear();
        value.message(5, |list| list.bytes_always(1, inner.as_slice()));
    }
    let nested = request("x", "", |metric| {
        metric.message(5, |data| {
            data.message(1, |point| {
                point.message(7, |pair| pair.bytes(2, value.as_slice()));
            });
        });
    });
    assert_eq!(decode(&nested).unwrap_err().flaw, Flaw::TooMany);
    let many = [0x0a, 0x00].repeat(ITEMS_MAX + 1);
    assert_eq!(decode(&many).unwrap_err().flaw, Flaw::TooMany);
}

proptest! {
    #[test]
    fn a_mutated_request_is_refused_or_translated(
        at in 0usize..400,
        byte in any::<u8>(),
        cut in 0usize..400,
    ) {
        let mut bytes = request("latency", "s", |metric| {
            metric.message(9, |data| {
                data.message(1, histogram_point);
                data.number(2, 2);
            });
        });
        let len = bytes.len();
        bytes[at % len] = byte;
        bytes.truncate(len - cut % len / 4);
        if let Ok(request) = decode(&bytes) {
            let translated = translate(&request);
            prop_assert!(Request::parse(Version::Two, &translated.body).is_ok());
        }
    }
}
