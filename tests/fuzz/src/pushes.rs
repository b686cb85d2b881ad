//! What others push to weft, or show to be scraped.

use weft_exposition::remote_write::{Request, Version};
use weft_exposition::text::{Dialect, Line, Parser, SampleLine, Writer};
use weft_exposition::{loki, otlp, remote_write};
use weft_model::{Labels, Millis};

/// Everything in a request of either version can be asked for, and is as much as was counted.
pub fn remote_write(bytes: &[u8]) {
    for version in [Version::One, Version::Two] {
        if let Ok(request) = Request::parse(version, bytes) {
            walk_request(&request);
        }
    }
}

fn walk_request(request: &Request<'_>) {
    let mut found = remote_write::Counts::default();
    let mut scratch = Vec::new();
    for series in request.series() {
        found.series += 1;
        found.samples += series.samples().count();
        for histogram in series.histograms() {
            found.histograms += 1;
            // Whether the histogram makes sense is not the question here.
            let _ = histogram.decode();
        }
        for exemplar in series.exemplars() {
            found.exemplars += 1;
            let _ = exemplar.decode();
        }
        let _ = series.key(&mut scratch);
        if let Ok(labels) = series.labels() {
            check_labels(&labels);
        }
    }
    request.for_each_metadata(|_| {});
    let counted = request.counts();
    assert_eq!(
        remote_write::Counts {
            metadata: counted.metadata,
            ..found
        },
        counted
    );
}

/// What is translated is a sound request, with labels within the limits or refused as such.
pub fn otlp_metrics(bytes: &[u8]) {
    let Ok(request) = otlp::decode(bytes) else {
        return;
    };
    let translated = otlp::translate(&request);
    let request = Request::parse(Version::Two, &translated.body).expect("we wrote it");
    walk_request(&request);
    assert!(translated.rejected == 0 || !translated.reasons.is_empty());
}

/// What is taken of a push is within the limits.
pub fn loki_push(bytes: &[u8]) {
    let Ok((push, faults)) = loki::parse(bytes) else {
        return;
    };
    for stream in &push.streams {
        check_labels(&stream.labels);
        for entry in &stream.entries {
            loki::admit_line(&entry.line).expect("a line over the limit is left out");
            loki::admit_metadata(&entry.metadata).expect("metadata over the limit is left out");
        }
    }
    assert!(faults.kept().len() as u64 <= faults.count());
}

/// A sample that is read can be written, and is then read as the same sample.
pub fn exposition(bytes: &[u8]) {
    for dialect in [Dialect::Prometheus, Dialect::OpenMetrics] {
        for line in Parser::new(dialect, bytes).flatten() {
            let Line::Sample(sample) = line else { continue };
            if let Some(exemplar) = &sample.exemplar {
                let _ = exemplar.decode(Millis(0));
            }
            if let Ok(labels) = sample.labels() {
                check_labels(&labels);
                check_rewritten(dialect, &sample, &labels);
            }
        }
    }
}

fn check_rewritten(dialect: Dialect, sample: &SampleLine<'_>, labels: &Labels) {
    let mut text = String::new();
    Writer::new(dialect, &mut text).sample(labels.name(), labels.iter(), sample.value, sample.time);
    let mut lines = Parser::new(dialect, text.as_bytes());
    let Some(Ok(Line::Sample(again))) = lines.next() else {
        panic!("{text:?} is not read as a sample");
    };
    assert_eq!(again.labels().as_ref(), Ok(labels), "{text:?}");
    assert_eq!(again.time, sample.time, "{text:?}");
    let is_same = again.value == sample.value || again.value.is_nan() && sample.value.is_nan();
    assert!(is_same, "{text:?}: {} is not {}", again.value, sample.value);
}

fn check_labels(labels: &Labels) {
    assert_eq!(Labels::from_bytes(labels.as_bytes()).as_ref(), Some(labels));
}
