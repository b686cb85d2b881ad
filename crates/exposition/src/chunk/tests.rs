use proptest::prelude::*;
use weft_model::histogram::{CUSTOM_BUCKETS_SCHEMA, ResetHint};
use weft_model::{Span, stale_nan};

use super::*;

/// The bits of a histogram's numbers, so that NaNs compare.
fn bits(histogram: &FloatHistogram) -> Vec<u64> {
    let all = [histogram.count, histogram.zero_count, histogram.sum];
    let all = all
        .iter()
        .chain(&histogram.positive)
        .chain(&histogram.negative);
    all.map(|value| value.to_bits()).collect()
}

/// Reads chunks and compares them with what they were made of.
fn check(times: &[i64], values: &[f64], histograms: &[(i64, FloatHistogram)]) {
    let (mut floats_read, mut histograms_read) = (Vec::new(), Vec::new());
    let mut last = None;
    for chunk in encode(times, values, histograms) {
        assert!(last.is_none_or(|last| last < chunk.start));
        last = Some(chunk.end);
        let (first_time, last_time) = match chunk.encoding {
            Encoding::Xor => {
                let read = decode_floats(&chunk.data).unwrap();
                assert!(read.len() <= SAMPLES_MAX);
                let range = (read[0].0, read[read.len() - 1].0);
                floats_read.extend(read);
                range
            }
            Encoding::FloatHistogram => {
                let read = decode_histograms(&chunk.data).unwrap();
                let range = (read[0].0, read[read.len() - 1].0);
                histograms_read.extend(read);
                range
            }
        };
        assert_eq!((chunk.start.0, chunk.end.0), (first_time, last_time));
    }
    let read: Vec<_> = floats_read.iter().map(|(t, v)| (*t, v.to_bits())).collect();
    let written = times.iter().zip(values);
    let written: Vec<_> = written.map(|(t, v)| (*t, v.to_bits())).collect();
    assert_eq!(read, written);
    assert_eq!(histograms_read.len(), histograms.len());
    for ((time, read), (written_time, written)) in histograms_read.iter().zip(histograms) {
        assert_eq!(time, written_time);
        if weft_model::is_stale(written.sum) {
            assert_eq!(read.sum.to_bits(), written.sum.to_bits());
            continue;
        }
        assert_eq!(bits(read), bits(written));
        assert_eq!(read.positive_spans, written.positive_spans);
        assert_eq!(read.negative_spans, written.negative_spans);
        assert_eq!(read.custom_bounds, written.custom_bounds);
        assert_eq!(
            read.zero_threshold.to_bits(),
            written.zero_threshold.to_bits()
        );
        assert_eq!(read.schema, written.schema);
    }
}

fn histogram(counts: &[f64]) -> FloatHistogram {
    FloatHistogram {
        schema: 3,
        zero_threshold: 2f64.powi(-128),
        count: counts.iter().sum(),
        sum: 18.5,
        positive_spans: vec![Span {
            offset: -2,
            len: counts.len() as u32,
        }],
        positive: counts.to_vec(),
        ..FloatHistogram::default()
    }
}

/// The chunks in hexadecimal that Prometheus 3.5 made of the same samples.
const OF_PROMETHEUS: [&str; 3] = [
    "0005d00f3ff0000000000000e807c25fff20007019ffbc2e62b83ec1e7e43c8800759c",
    "000300ff3f50624dd2f1a9fc46478fa10040000000000000ffc00000000000010010000000000000ffc0000000\
     0000010000000000000003c7d1b42db01ec07b01b6077097fff587f099ffe0",
    "00010000ee5c644ac3fd5555555555555f1f4200400000000000000000000000000001ff80000000000001ff80\
     0000000000020000000000000000",
];

#[test]
fn chunks_are_those_that_prometheus_writes() {
    let [floats, histograms, custom] = OF_PROMETHEUS.map(|hex| {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let byte = |two: &[u8]| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap();
        digits.chunks(2).map(byte).collect::<Vec<u8>>()
    });
    let (times, values) = (
        [1000, 2000, 3000, 4001, 99_999],
        [1.0, 2.0, 2.0, -0.25, 1e300],
    );
    assert_eq!(encode(&times, &values, &[])[0].data, floats);

    let spans = vec![Span { offset: 0, len: 2 }];
    let sample = |time, count, zero_count, sum, positive: [f64; 2]| {
        let histogram = FloatHistogram {
            zero_threshold: 0.001,
            count,
            zero_count,
            sum,
            positive_spans: spans.clone(),
            positive: positive.to_vec(),
            ..FloatHistogram::default()
        };
        (time, histogram)
    };
    let run = [
        sample(1000, 4.0, 1.0, 2.5, [1.0, 2.0]),
        sample(2000, 5.5, 1.0, 3.5, [1.5, 3.0]),
        sample(3000, 7.0, 2.0, 4.0, [2.0, 3.0]),
    ];
    assert_eq!(encode(&[], &[], &run)[0].data, histograms);

    let (time, mut bounded) = sample(1000, 3.0, 0.0, 1.0, [1.0, 2.0]);
    bounded.schema = CUSTOM_BUCKETS_SCHEMA;
    bounded.zero_threshold = 0.0;
    bounded.custom_bounds = vec![0.005, 1.0 / 3.0];
    assert_eq!(encode(&[], &[], &[(time, bounded)])[0].data, custom);
}

#[test]
fn floats_of_all_kinds_read_back() {
    check(&[], &[], &[]);
    check(&[i64::MIN], &[-0.0], &[]);
    check(
        &[i64::MIN, 0, i64::MAX],
        &[stale_nan(), f64::NAN, 1e-310],
        &[],
    );
    let times: Vec<i64> = (0..1000).map(|i| i * 15_000 + i % 7).collect();
    let values: Vec<f64> = times.iter().map(|time| (*time as f64).sqrt()).collect();
    check(&times, &values, &[]);
    assert_eq!(encode(&times, &values, &[]).len(), 1000usize.div_ceil(120));
}

#[test]
fn a_constant_series_takes_two_bits_a_sample() {
    let times: Vec<i64> = (0..120).map(|i| i * 15_000).collect();
    let chunk = &encode(&times, &[7.0; 120], &[])[0];
    assert!(chunk.data.len() < 46, "{}", chunk.data.len());
}

#[test]
fn a_reset_begins_a_chunk() {
    let histograms = [[1.0, 2.0], [1.0, 3.0], [2.0, 1.0]].map(|counts| histogram(&counts));
    let [one, two, reset] = histograms;
    let chunks = encode(&[], &[], &[(1, one), (2, two), (3, reset)]);
    assert_eq!(chunks.len(), 2);
    let second = &decode_histograms(&chunks[0].data).unwrap()[1].1;
    assert_eq!(second.reset_hint, ResetHint::NotReset);
}

#[test]
fn histograms_of_all_kinds_read_back() {
    let stale = FloatHistogram {
        sum: stale_nan(),
        ..histogram(&[1.0])
    };
    let custom = FloatHistogram {
        schema: CUSTOM_BUCKETS_SCHEMA,
        zero_threshold: 0.0,
        custom_bounds: vec![-1.0, 0.0, 0.005, 1.0 / 3.0, 33_554.43, 1e9],
        ..histogram(&[1.0, 0.5])
    };
    let gauge = FloatHistogram {
        reset_hint: ResetHint::Gauge,
        zero_threshold: 0.001,
        ..histogram(&[3.0])
    };
    let falling = FloatHistogram {
        positive: vec![2.0],
        ..gauge.clone()
    };
    let all = [
        histogram(&[1.0]),
        stale.clone(),
        stale,
        custom,
        gauge,
        falling,
    ];
    let times = [10, 20, 30, 40, 50, 60];
    let histograms: Vec<_> = times.into_iter().zip(all).collect();
    check(&[5, 25, 26, 65], &[1.0, 2.0, 3.0, 4.0], &histograms);
}

#[test]
fn a_chunk_that_lies_is_refused() {
    assert_eq!(decode_floats(&[]), Err(ChunkError::Truncated));
    assert_eq!(decode_floats(&[0xff, 0xff, 1]), Err(ChunkError::Truncated));
    assert_eq!(decode_histograms(&[0, 1]), Err(ChunkError::Truncated));
    // A schema of 32.
    let odd = [0, 1, 0, 0, 0b1101_0000, 0, 0, 0];
    assert_eq!(decode_histograms(&odd), Err(ChunkError::Layout));
}

fn any_histogram() -> impl Strategy<Value = FloatHistogram> {
    let counts = || proptest::collection::vec(0u32..50, 0..4);
    (counts(), counts(), 0i32..3, -4i8..9).prop_map(|(positive, negative, offset, schema)| {
        let floats = |counts: Vec<u32>| counts.into_iter().map(f64::from).collect::<Vec<_>>();
        let spans = |counts: &[u32]| match counts.len() as u32 {
            0 => Vec::new(),
            len => vec![Span { offset, len }],
        };
        FloatHistogram {
            schema,
            count: f64::from(positive.iter().chain(&negative).sum::<u32>()),
            sum: f64::from(offset),
            positive_spans: spans(&positive),
            negative_spans: spans(&negative),
            positive: floats(positive),
            negative: floats(negative),
            ..FloatHistogram::default()
        }
    })
}

proptest! {
    #[test]
    fn any_floats_read_back(samples in proptest::collection::btree_map(any::<i64>(), any::<u64>(), 0..300)) {
        let times: Vec<i64> = samples.keys().copied().collect();
        let values: Vec<f64> = samples.values().map(|bits| f64::from_bits(*bits)).collect();
        check(&times, &values, &[]);
    }

    #[test]
    fn any_mixture_reads_back(
        samples in proptest::collection::btree_map(any::<i32>(), (any::<bool>(), any::<f32>(), any_histogram()), 0..60),
    ) {
        let (mut times, mut values, mut histograms) = (Vec::new(), Vec::new(), Vec::new());
        for (time, (is_float, value, histogram)) in samples {
            if is_float {
                times.push(i64::from(time));
                values.push(f64::from(value));
            } else {
                histograms.push((i64::from(time), histogram));
            }
        }
        check(&times, &values, &histograms);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        // Whether they are a chunk is not the question here.
        let _ = decode_floats(&bytes);
        let _ = decode_histograms(&bytes);
    }
}
