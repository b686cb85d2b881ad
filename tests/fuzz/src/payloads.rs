//! What agents send: dictionaries, samples, lines.

use prost::Message;
use weft_model::{Labels, MetricMetadata, Millis, Nanos};
use weft_proto::payload::{
    Dictionaries, LineFlags, LogPartBuilder, LogsEncoder, MetricsEncoder, PartHead, decode_dict,
    decode_logs, decode_metrics, metrics_needs,
};
use weft_proto::v1::{self, Encoding};
use weft_proto::{batch, convert};

use crate::{take, take_byte};

/// Parts of dictionaries in any order and number are taken or refused.
pub fn dictionaries(bytes: &[u8]) {
    let mut known = Dictionaries::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let len = usize::from(take_byte(&mut rest)) << 4 | usize::from(take_byte(&mut rest) & 15);
        if let Ok(part) = decode_dict(take(&mut rest, len)) {
            // Whether it fits to what is known is not the question here.
            let _ = known.apply(&part);
        }
    }
    let _ = decode_dict(bytes);
}

/// Samples without their dictionary are refused, whatever they are.
pub fn metrics_payload(bytes: &[u8]) {
    assert!(decode_metrics(bytes, &Dictionaries::new()).is_err() || metrics_needs(bytes).is_ok());
    // With a dictionary of one target with a few series, too: the length of a real one.
    let mut encoder = MetricsEncoder::new(1, 1);
    let (_, told) = define(&mut encoder, 8);
    let known = apply_all(&told);
    if let Ok(samples) = decode_metrics(bytes, &known) {
        let ticks: usize = samples.ticks().map(|tick| tick.values.len()).sum();
        assert_eq!(ticks, samples.len());
    }
}

/// Messages of peers are taken or refused; what is taken of a batch survives a spool.
pub fn messages(bytes: &[u8]) {
    if let Ok(message) = v1::ServerMsg::decode(bytes) {
        let again = v1::ServerMsg::decode(message.encode_to_vec().as_slice());
        assert_eq!(again.as_ref(), Ok(&message));
    }
    let Ok(message) = v1::ClientMsg::decode(bytes) else {
        return;
    };
    let again = v1::ClientMsg::decode(message.encode_to_vec().as_slice());
    assert_eq!(again.as_ref(), Ok(&message));
    let Some(v1::client_msg::Kind::Batch(mut batch)) = message.kind else {
        return;
    };
    // Whoever sends a wrong payload can send its checksum, too.
    batch.crc = crc32c::crc32c(&batch.payload);
    if batch::check(&batch).is_err() {
        return;
    }
    let meta = batch::to_meta(&batch);
    let kept = batch::from_meta(&meta, batch.payload.clone());
    assert_eq!(kept.expect("it was just taken apart"), batch);
    if let Ok((_, last)) = batch::decode_gap(&batch) {
        assert!(last >= batch.seq);
    }
    if let Ok(labels) = convert::labels(&batch.labels) {
        assert_eq!(convert::labels(&convert::label_pairs(&labels)), Ok(labels));
    }
}

/// Values that are encoded are decoded to the same bits.
pub fn metrics_round_trip(bytes: &[u8]) {
    let mut rest = bytes;
    let count = usize::from(take_byte(&mut rest) % 16) + 1;
    let mut encoder = MetricsEncoder::new(1, 1);
    let (series, mut sent) = define(&mut encoder, count);
    let mut pushed = Vec::new();
    let mut time = 0;
    while rest.len() >= 8 * count {
        let row: Vec<f64> = (0..count).map(|_| take_float(&mut rest)).collect();
        time += i64::from(take_byte(&mut rest)) * 100;
        encoder
            .push(Millis(time), 0, &series, &row)
            .expect("the series were just defined");
        pushed.push((Millis(time), row));
        if take_byte(&mut rest).is_multiple_of(4) {
            sent.extend(encoder.finish());
        }
    }
    sent.extend(encoder.finish());
    let mut known = Dictionaries::new();
    let mut decoded = Vec::new();
    // In the order of sending: a dictionary may begin anew where values have drifted far.
    for batch in &sent {
        if batch.encoding == Encoding::DictV1 {
            apply(&mut known, batch);
            continue;
        }
        let samples = decode_metrics(&batch.payload, &known).expect("its dictionary was sent");
        decoded.extend(
            samples
                .ticks()
                .map(|tick| (tick.time, tick.values.to_vec())),
        );
    }
    let bits = |ticks: &[(Millis, Vec<f64>)]| -> Vec<(Millis, Vec<u64>)> {
        ticks
            .iter()
            .map(|(time, row)| (*time, row.iter().map(|it| it.to_bits()).collect()))
            .collect()
    };
    assert_eq!(bits(&decoded), bits(&pushed));
}

/// What is decoded of a log payload is within what its parts say.
pub fn logs_payload(bytes: &[u8]) {
    let Ok(parts) = decode_logs(bytes) else {
        return;
    };
    for part in &parts {
        let mut before = part.head.start;
        for line in part.lines() {
            assert!(line.end >= before && line.end <= part.end);
            before = line.end;
        }
        assert_eq!(
            Labels::from_bytes(part.head.labels.as_bytes()).as_ref(),
            Some(&part.head.labels)
        );
    }
}

/// Lines that are encoded are decoded to the same lines.
pub fn logs_round_trip(bytes: &[u8]) {
    let mut rest = bytes;
    let start = u64::from(take_byte(&mut rest));
    let labels = Labels::from_pairs([("job", "fuzz")]);
    let head = PartHead {
        labels,
        stream_key: 7,
        segment: 1,
        start,
    };
    let mut part = LogPartBuilder::new(head.clone());
    let mut lines = Vec::new();
    let mut end = start;
    while !rest.is_empty() {
        let time = Nanos(i64::from(take_byte(&mut rest)) - 128);
        let len = usize::from(take_byte(&mut rest));
        let body = take(&mut rest, len);
        end += body.len() as u64 + 1;
        part.push(time, end, LineFlags::default(), body)
            .expect("ends ascend");
        lines.push((time, end, body));
    }
    let encoded = LogsEncoder::new(1)
        .encode(&[part])
        .expect("the lines are few");
    let parts = decode_logs(&encoded.payload).expect("what was encoded can be decoded");
    assert_eq!(parts.len(), 1);
    assert_eq!((&parts[0].head, parts[0].end), (&head, end));
    let decoded: Vec<_> = parts[0]
        .lines()
        .map(|line| (line.time, line.end, line.body))
        .collect();
    assert_eq!(decoded, lines);
}

/// Defines series of one target, and returns their numbers and what tells a receiver of them.
fn define(
    encoder: &mut MetricsEncoder,
    count: usize,
) -> (Vec<u32>, Vec<weft_proto::batch::Encoded>) {
    let target = encoder.add_target(Labels::from_pairs([("job", "fuzz")]));
    let metadata = MetricMetadata::default();
    let mut series = Vec::new();
    for n in 0..count {
        let labels = Labels::from_pairs([("__name__", format!("m{n}"))]);
        series.push(
            encoder
                .define(target, labels, &metadata, 0.0)
                .expect("the labels are few"),
        );
    }
    (series, encoder.finish())
}

fn apply_all(batches: &[weft_proto::batch::Encoded]) -> Dictionaries {
    let mut known = Dictionaries::new();
    batches
        .iter()
        .filter(|batch| batch.encoding == Encoding::DictV1)
        .for_each(|batch| apply(&mut known, batch));
    known
}

fn apply(known: &mut Dictionaries, batch: &weft_proto::batch::Encoded) {
    let part = decode_dict(&batch.payload).expect("what was encoded can be decoded");
    known.apply(&part).expect("the parts are in order");
}

fn take_float(bytes: &mut &[u8]) -> f64 {
    let mut raw = [0; 8];
    let taken = take(bytes, 8);
    raw[..taken.len()].copy_from_slice(taken);
    f64::from_le_bytes(raw)
}
