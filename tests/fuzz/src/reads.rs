//! What other servers ask of weft, and what they are answered with.

use weft_exposition::chunk;
use weft_exposition::remote_read::{MATCHERS_MAX, QUERIES_MAX, ReadRequest};

/// What is taken of a request is within the limits.
pub fn remote_read(bytes: &[u8]) {
    let Ok(request) = ReadRequest::parse(bytes) else {
        return;
    };
    assert!(request.queries.len() <= QUERIES_MAX);
    for query in &request.queries {
        assert!(query.matchers.len() <= MATCHERS_MAX);
    }
}

/// Whatever a chunk is read as can be written, and is then read as the same.
pub fn chunk(bytes: &[u8]) {
    if let Ok(floats) = chunk::decode_floats(bytes)
        && floats.is_sorted_by(|a, b| a.0 < b.0)
    {
        let (times, values): (Vec<i64>, Vec<f64>) = floats.iter().copied().unzip();
        let again = chunk::encode(&times, &values, &[]).into_iter();
        let again = again.flat_map(|it| chunk::decode_floats(&it.data).expect("we wrote it"));
        let bits = |(time, value): (i64, f64)| (time, value.to_bits());
        assert!(floats.into_iter().map(bits).eq(again.map(bits)));
    }
    if let Ok(histograms) = chunk::decode_histograms(bytes)
        && histograms.is_sorted_by(|a, b| a.0 < b.0)
    {
        let again = chunk::encode(&[], &[], &histograms).into_iter();
        let again = again.flat_map(|it| chunk::decode_histograms(&it.data).expect("we wrote it"));
        let times = again.map(|(time, _)| time);
        assert!(histograms.iter().map(|(time, _)| *time).eq(times));
    }
}
