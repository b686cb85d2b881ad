use proptest::prelude::*;
use weft_model::sample::stale_nan;
use weft_model::{Labels, MetricKind, MetricMetadata, Millis};

use super::super::{DictLookup, DictPart, Dictionaries, PayloadError, decode_dict};
use super::*;
use crate::batch::Encoded;
use crate::v1::Encoding;

/// What was pushed in one call: time, target, series and the bits of their values.
type Pushed = (i64, u32, Vec<u32>, Vec<u64>);

fn counter(help: &str) -> MetricMetadata {
    MetricMetadata {
        kind: MetricKind::Counter,
        help: help.to_owned(),
        unit: String::new(),
    }
}

fn named(name: &str) -> Labels {
    Labels::from_pairs([("__name__", name)])
}

/// An encoder with one target and `count` series, whose bases are 0, 1.5, 3, 4.5 and so on.
fn encoder(count: u32) -> MetricsEncoder {
    let mut encoder = MetricsEncoder::new(1, 3);
    let target = encoder.add_target(Labels::from_pairs([("instance", "a"), ("job", "node")]));
    for number in 0..count {
        let labels = named(&format!("metric_{number}"));
        let base = f64::from(number) * 1.5;
        assert_eq!(
            encoder.define(target, labels, &counter("Help."), base),
            Ok(number)
        );
    }
    encoder
}

/// Applies the dictionary parts and decodes the samples.
fn receive(dictionaries: &mut Dictionaries, payloads: &[Encoded]) -> Vec<Pushed> {
    let mut received = Vec::new();
    for encoded in payloads {
        if encoded.encoding == Encoding::DictV1 {
            dictionaries
                .apply(&decode_dict(&encoded.payload).unwrap())
                .unwrap();
            continue;
        }
        let samples = decode_metrics(&encoded.payload, dictionaries).unwrap();
        assert_eq!(samples.len(), encoded.items as usize);
        received.extend(samples.ticks().map(|tick| {
            let bits = tick.values.iter().map(|value| value.to_bits()).collect();
            (tick.time.0, tick.target, tick.series.to_vec(), bits)
        }));
    }
    received
}

fn push(encoder: &mut MetricsEncoder, tick: &Pushed) {
    let values: Vec<f64> = tick.3.iter().map(|bits| f64::from_bits(*bits)).collect();
    encoder
        .push(Millis(tick.0), tick.1, &tick.2, &values)
        .unwrap();
}

/// Claims that `values` at successive ticks come back bit by bit.
fn check(values: &[f64]) {
    let mut encoder = encoder(1);
    let mut dictionaries = Dictionaries::new();
    let tick = |(at, value): (usize, &f64)| (at as i64 * 1000, 0, vec![0], vec![value.to_bits()]);
    let ticks: Vec<Pushed> = values.iter().enumerate().map(tick).collect();
    for tick in &ticks {
        push(&mut encoder, tick);
    }
    assert_eq!(
        receive(&mut dictionaries, &encoder.finish()),
        ticks,
        "{values:?}"
    );
}

#[test]
fn values_come_back_bit_by_bit() {
    check(&[0.0, 1.0, 2.0, 2.0, 1.0]);
    check(&[-0.0, 0.0]);
    check(&[0.25, 0.125, 1e15, 1e16, 1e300, 5e-324]);
    check(&[f64::NAN, stale_nan(), f64::INFINITY, f64::NEG_INFINITY, 7.0]);
    check(&[
        f64::from_bits(0x7ff8_dead_beef_0001),
        stale_nan(),
        stale_nan(),
        3.5,
    ]);
    check(&[
        i64::MAX as f64,
        i64::MIN as f64,
        u64::MAX as f64,
        f64::MAX,
        f64::MIN,
    ]);
    check(&[1_790_000_000.123_456_7, 1_790_000_001.123_456_7]);
}

#[test]
fn series_that_are_left_out_have_no_value() {
    let mut encoder = encoder(5);
    let ticks = [
        (10, 0, vec![0, 1, 2, 3, 4], vec![0; 5]),
        (20, 0, vec![1, 4], vec![7; 2]),
        (30, 0, vec![], vec![]),
    ];
    for tick in &ticks {
        push(&mut encoder, tick);
    }
    assert_eq!(receive(&mut Dictionaries::new(), &encoder.finish()), ticks);
}

#[test]
fn a_tick_needs_series_of_its_target_in_order() {
    let mut encoder = encoder(3);
    let mut check =
        |target, series: &[u32], values: &[f64]| encoder.push(Millis(1), target, series, values);
    assert_eq!(check(0, &[1, 0], &[0.0, 0.0]), Err(PushError::Series));
    assert_eq!(check(0, &[0, 0], &[0.0, 0.0]), Err(PushError::Series));
    assert_eq!(check(0, &[3], &[0.0]), Err(PushError::Series));
    assert_eq!(check(0, &[0], &[]), Err(PushError::Series));
    assert_eq!(check(1, &[0], &[0.0]), Err(PushError::Series));
    assert_eq!(check(0, &[0, 2], &[0.0, 0.0]), Ok(()));
}

#[test]
fn labels_of_series_and_target_are_joined_and_the_series_wins() {
    let mut encoder = MetricsEncoder::new(1, 1);
    let shared = Labels::from_pairs([("b", "target"), ("d", "target")]);
    let target = encoder.add_target(shared);
    let own = Labels::from_pairs([("__name__", "up"), ("b", "own"), ("c", "own")]);
    encoder
        .define(target, own, &counter("Is it up?"), 1.0)
        .unwrap();
    let payloads = encoder.finish();
    let DictPart::Series(part) = decode_dict(&payloads[0].payload).unwrap() else {
        panic!("definitions come first");
    };
    let joined = [
        ("__name__", "up"),
        ("b", "own"),
        ("c", "own"),
        ("d", "target"),
    ];
    assert_eq!(part.series[0].labels, Labels::from_pairs(joined));
    let family = &part.families[part.series[0].family as usize];
    assert_eq!(family, &counter("Is it up?"));
    assert_eq!((part.epoch, part.numbering, part.first), (1, 1, 0));
}

#[test]
fn a_batch_says_which_dictionary_it_needs() {
    let mut encoder = encoder(2);
    push(&mut encoder, &(1, 0, vec![0, 1], vec![0, 0]));
    let payloads = encoder.finish();
    let samples = &payloads[1].payload;
    assert_eq!(
        metrics_needs(samples),
        Ok(MetricsNeeds {
            epoch: 1,
            series: 2
        })
    );
    let missing = Err(PayloadError::NeedDict {
        epoch: 1,
        series: 2,
    });
    assert_eq!(decode_metrics(samples, &Dictionaries::new()), missing);
}

#[test]
fn a_receiver_that_lost_its_dictionary_gets_it_again() {
    let mut encoder = encoder(3);
    encoder.finish();
    push(&mut encoder, &(1, 0, vec![0, 1, 2], vec![1, 2, 3]));
    let late = encoder.finish();
    assert_eq!(late.len(), 1);
    let mut dictionaries = Dictionaries::new();
    assert!(encoder.restate(1));
    assert!(receive(&mut dictionaries, &encoder.finish()).is_empty());
    assert_eq!(receive(&mut dictionaries, &late).len(), 1);
    assert!(!encoder.restate(0));
}

#[test]
fn renumbered_series_begin_a_new_numbering() {
    let mut encoder = encoder(4);
    let mut dictionaries = Dictionaries::new();
    receive(&mut dictionaries, &encoder.finish());
    let (before, numbers) = encoder.renumber(|number| number % 2 == 1);
    assert!(before.is_empty());
    assert_eq!(numbers, [None, Some(0), None, Some(1)]);
    let tick = (5, 0, vec![0, 1], vec![1.5f64.to_bits(), 9]);
    push(&mut encoder, &tick);
    let payloads = encoder.finish();
    assert_eq!(receive(&mut dictionaries, &payloads), [tick]);
    let samples = decode_metrics(&payloads[1].payload, &dictionaries).unwrap();
    assert_eq!(samples.numbering, 2);
}

#[test]
fn a_full_payload_takes_no_more() {
    let mut encoder = encoder(1000);
    let series: Vec<u32> = (0..1000).collect();
    let values = vec![1.0; 1000];
    let most = super::super::SAMPLES_MAX / 1000;
    for at in 0..most {
        assert_eq!(encoder.push(Millis(at as i64), 0, &series, &values), Ok(()));
    }
    assert_eq!(
        encoder.push(Millis(0), 0, &series, &values),
        Err(PushError::Full)
    );
    let received = receive(&mut Dictionaries::new(), &encoder.finish());
    assert_eq!(received.len(), most);
    assert_eq!(encoder.push(Millis(0), 0, &series, &values), Ok(()));
}

/// A fleet of counters that grow by different steps: after many batches new bases are sent.
fn growing(batches: u32) -> (Vec<Vec<Encoded>>, Vec<Pushed>) {
    let mut encoder = encoder(200);
    let mut sent = Vec::new();
    let mut pushed = Vec::new();
    let series: Vec<u32> = (0..200).collect();
    for at in 1..=batches {
        let value = |number: &u32| f64::from(number * at * at) + 0.5;
        let bits = series
            .iter()
            .map(|number| value(number).to_bits())
            .collect();
        let tick = (i64::from(at), 0, series.clone(), bits);
        push(&mut encoder, &tick);
        pushed.push(tick);
        sent.push(encoder.finish());
    }
    (sent, pushed)
}

#[test]
fn new_bases_are_sent_when_values_have_moved_away() {
    let (sent, pushed) = growing(40);
    assert!(sent.iter().skip(1).filter(|batch| batch.len() > 1).count() > 1);
    let mut dictionaries = Dictionaries::new();
    let received: Vec<_> = sent
        .iter()
        .flat_map(|b| receive(&mut dictionaries, b))
        .collect();
    assert_eq!(received, pushed);
}

#[test]
fn batches_decode_in_any_order_once_their_dictionary_is_there() {
    let (sent, pushed) = growing(12);
    let all: Vec<&Encoded> = sent.iter().flatten().collect();
    let mut dictionaries = Dictionaries::new();
    let is_dict = |encoded: &&&Encoded| encoded.encoding == Encoding::DictV1;
    for encoded in all.iter().rev().filter(is_dict) {
        dictionaries
            .apply(&decode_dict(&encoded.payload).unwrap())
            .unwrap();
    }
    let samples = all.iter().rev().filter(|encoded| !is_dict(encoded));
    let mut received: Vec<_> = samples
        .flat_map(|encoded| receive(&mut dictionaries, &[(*encoded).clone()]))
        .collect();
    received.reverse();
    assert_eq!(received, pushed);
}

#[test]
fn the_dictionary_is_stated_anew_now_and_then() {
    let mut encoder = encoder(200);
    let series: Vec<u32> = (0..200).collect();
    let mut state = 1u64;
    let mut random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state as f64
    };
    let (mut statements, mut bytes) = (0, 0);
    for at in 0..4000 {
        let values: Vec<f64> = series.iter().map(|_| random()).collect();
        encoder.push(Millis(at), 0, &series, &values).unwrap();
        for encoded in encoder.finish() {
            bytes += encoded.payload.len();
            let is_dict = encoded.encoding == Encoding::DictV1;
            if is_dict && let DictPart::Series(part) = decode_dict(&encoded.payload).unwrap() {
                assert_eq!((part.first, part.series.len()), (0, 200));
                statements += 1;
            }
        }
    }
    assert!(bytes > 5 << 20, "{bytes}");
    assert_eq!(statements, 1 + bytes / (5 << 20));
}

#[test]
fn a_large_dictionary_is_sent_in_parts() {
    let mut encoder = MetricsEncoder::new(1, 1);
    let target = encoder.add_target(named("shared"));
    for number in 0..3000 {
        let value = format!("{number}{}", "x".repeat(4000));
        let labels = Labels::from_pairs([("__name__", "m"), ("v", value.as_str())]);
        encoder.define(target, labels, &counter(""), 0.0).unwrap();
    }
    let parts = encoder.finish();
    assert!(parts.len() > 2, "{}", parts.len());
    let mut dictionaries = Dictionaries::new();
    for encoded in parts.iter().rev() {
        dictionaries
            .apply(&decode_dict(&encoded.payload).unwrap())
            .unwrap();
    }
    assert_eq!(dictionaries.table(1).unwrap().len(), 3000);
}

#[test]
fn labels_over_the_limit_get_no_number() {
    let mut encoder = MetricsEncoder::new(1, 1);
    let target = encoder.add_target(Labels::empty());
    let long = Labels::from_pairs([("a", "x".repeat(20_000).as_str())]);
    assert_eq!(
        encoder.define(target, long, &counter(""), 0.0),
        Err(DefineError::Labels)
    );
    let unknown = encoder.define(9, named("a"), &counter(""), 0.0);
    assert_eq!(unknown, Err(DefineError::UnknownTarget));
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (0u32..1000).prop_map(f64::from),
        2 => (-100_000i64..100_000).prop_map(|cents| cents as f64 / 100.0),
        1 => any::<u64>().prop_map(f64::from_bits),
        1 => Just(stale_nan()),
    ]
}

/// For every tick a target and for each of its series perhaps a value.
fn any_ticks() -> impl Strategy<Value = Vec<(u32, Vec<Option<f64>>)>> {
    let row = proptest::collection::vec(proptest::option::weighted(0.8, any_value()), 6);
    proptest::collection::vec((0u32..3, row), 1..12)
}

proptest! {
    #[test]
    fn any_ticks_come_back(ticks in any_ticks(), finish_every in 1usize..5, late in 0usize..12) {
        let mut encoder = MetricsEncoder::new(7, 1);
        let targets: Vec<u32> = (0..3).map(|_| encoder.add_target(named("t"))).collect();
        let mut numbers = vec![Vec::new(); 3];
        let mut dictionaries = Dictionaries::new();
        let (mut pushed, mut received) = (Vec::new(), Vec::new());
        for (at, (target, row)) in ticks.iter().enumerate() {
            let own = &mut numbers[*target as usize];
            let want = if at >= late { 6 } else { 3 };
            while own.len() < want {
                let labels = named(&format!("m{}", own.len()));
                let base = row[own.len()].unwrap_or(0.0);
                own.push(encoder.define(targets[*target as usize], labels, &counter(""), base).unwrap());
            }
            let given = own.iter().zip(row).filter_map(|(n, v)| v.map(|v| (*n, v.to_bits())));
            let (series, bits) = given.unzip();
            let tick = (at as i64 * 15_000, *target, series, bits);
            push(&mut encoder, &tick);
            pushed.push(tick);
            if at % finish_every == 0 {
                received.extend(receive(&mut dictionaries, &encoder.finish()));
            }
        }
        received.extend(receive(&mut dictionaries, &encoder.finish()));
        pushed.retain(|tick| received.iter().any(|r| r.0 == tick.0) || !tick.2.is_empty());
        prop_assert_eq!(received, pushed);
    }

    #[test]
    fn changed_bytes_never_panic(at in any::<prop::sample::Index>(), to: u8, cut in 0usize..8) {
        let (sent, _) = growing(3);
        let mut dictionaries = Dictionaries::new();
        for encoded in sent.iter().flatten() {
            let mut bytes = encoded.payload.to_vec();
            *at.get_mut(&mut bytes) = to;
            bytes.truncate(bytes.len() - cut);
            drop(decode_dict(&bytes));
            drop(decode_metrics(&bytes, &dictionaries));
            if encoded.encoding == Encoding::DictV1 {
                dictionaries.apply(&decode_dict(&encoded.payload).unwrap()).unwrap();
            }
        }
    }

    #[test]
    fn random_columns_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let (sent, _) = growing(1);
        let mut dictionaries = Dictionaries::new();
        receive(&mut dictionaries, &sent[0]);
        let mut squeezer = super::super::frame::Squeezer::new(1);
        for kind in 0..3u8 {
            let mut columns = vec![kind];
            columns.extend_from_slice(&bytes);
            let mut dict = vec![1];
            dict.extend_from_slice(&squeezer.squeeze(&columns));
            if let Ok(part) = decode_dict(&dict) {
                drop(dictionaries.apply(&part));
            }
        }
        let mut samples = vec![1, 1, 200, 1];
        weft_codec::varint::put_run(&mut samples, &squeezer.squeeze(&bytes));
        samples.extend_from_slice(&bytes);
        drop(decode_metrics(&samples, &dictionaries));
    }
}
