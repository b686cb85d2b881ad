use super::*;

fn check(json: &str, expected: otlp::Data<'static>) {
    let json = format!(
        r#"{{"resourceMetrics":[{{"resource":{{"attributes":[
            {{"key":"service.name","value":{{"stringValue":"cart"}}}},
            {{"key":"tags","value":{{"arrayValue":{{"values":[{{"boolValue":true}},{{"intValue":"7"}}]}}}}}},
            {{"key":"more","value":{{"kvlistValue":{{"values":[{{"key":"k","value":{{"doubleValue":0.5}}}}]}}}}}},
            {{"key":"id","value":{{"bytesValue":"YWJj"}}}}]}},
          "scopeMetrics":[{{"scope":{{"name":"lib","version":"1"}},"schemaUrl":"u","metrics":[
            {{"name":"m","unit":"s","description":"d","metadata":[],{json}}}]}}]}}]}}"#
    );
    let request = read(json.as_bytes()).unwrap();
    let resource = &request.resources[0];
    let list = vec![otlp::Value::Bool(true), otlp::Value::Int(7)];
    let map = vec![("k".into(), otlp::Value::Double(0.5))];
    let attributes: otlp::Attributes<'_> = vec![
        ("service.name".into(), otlp::Value::Text("cart".into())),
        ("tags".into(), otlp::Value::List(list)),
        ("more".into(), otlp::Value::Map(map)),
        ("id".into(), otlp::Value::Text("YWJj".into())),
    ];
    assert_eq!(resource.attributes, attributes);
    let scope = &resource.scopes[0];
    assert_eq!(
        (&*scope.name, &*scope.version, &*scope.schema_url),
        ("lib", "1", "u")
    );
    let metric = &scope.metrics[0];
    assert_eq!(
        (&*metric.name, &*metric.unit, &*metric.description),
        ("m", "s", "d")
    );
    assert_eq!(metric.data, Some(expected));
}

fn common(time_nanos: u64) -> otlp::Common<'static> {
    otlp::Common {
        time_nanos,
        ..otlp::Common::default()
    }
}

#[test]
fn numbers_may_be_text() {
    let point = |time, value| otlp::NumberPoint {
        common: common(time),
        value,
        ..otlp::NumberPoint::default()
    };
    let absent = otlp::NumberPoint {
        common: otlp::Common {
            is_absent: true,
            ..common(0)
        },
        ..point(0, f64::INFINITY)
    };
    check(
        r#""gauge":{"dataPoints":[{"timeUnixNano":"1700000000000000001","asInt":"-3"},
            {"timeUnixNano":7,"asDouble":1.5},{"flags":1,"asDouble":"Infinity"}]}"#,
        otlp::Data::Gauge(vec![
            point(1_700_000_000_000_000_001, -3.0),
            point(7, 1.5),
            absent,
        ]),
    );
}

#[test]
fn temporality_is_a_number_or_a_name() {
    let sum = |temporality| otlp::Data::Sum {
        points: Vec::new(),
        temporality,
        is_monotonic: true,
    };
    let check = |word: &str, expected| {
        let json = format!(r#""sum":{{"aggregationTemporality":{word},"isMonotonic":true}}"#);
        check(&json, sum(expected));
    };
    check("1", otlp::Temporality::Delta);
    check("2", otlp::Temporality::Cumulative);
    check(
        r#""AGGREGATION_TEMPORALITY_CUMULATIVE""#,
        otlp::Temporality::Cumulative,
    );
    check("0", otlp::Temporality::Unspecified);
}

#[test]
fn histograms_of_both_kinds_are_read() {
    check(
        r#""histogram":{"aggregationTemporality":2,"dataPoints":[{"timeUnixNano":"1","count":"3",
            "sum":2.5,"bucketCounts":["1","2"],"explicitBounds":[0.5],
            "exemplars":[{"timeUnixNano":"2","asDouble":0.1,"traceId":"00ff","spanId":"0A"}]}]}"#,
        otlp::Data::Histogram {
            points: vec![otlp::HistogramPoint {
                common: common(1),
                count: 3,
                sum: Some(2.5),
                counts: vec![1, 2],
                bounds: vec![0.5],
                exemplars: vec![otlp::Exemplar {
                    time_nanos: 2,
                    value: 0.1,
                    trace_id: vec![0x00, 0xff].into(),
                    span_id: vec![0x0a].into(),
                    ..otlp::Exemplar::default()
                }],
            }],
            temporality: otlp::Temporality::Cumulative,
        },
    );
    check(
        r#""exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[{"count":4,"scale":-1,
            "zeroCount":"1","zeroThreshold":0.001,"positive":{"offset":-2,"bucketCounts":["3"]}}]}"#,
        otlp::Data::Exponential {
            points: vec![otlp::ExponentialPoint {
                count: 4,
                scale: -1,
                zero_count: 1,
                zero_threshold: 0.001,
                positive: otlp::Buckets {
                    offset: -2,
                    counts: vec![3],
                },
                ..otlp::ExponentialPoint::default()
            }],
            temporality: otlp::Temporality::Cumulative,
        },
    );
}

#[test]
fn a_summary_is_read() {
    check(
        r#""summary":{"dataPoints":[{"count":"2","sum":3,"quantileValues":[{"quantile":0.5,"value":1}]}]}"#,
        otlp::Data::Summary(vec![otlp::SummaryPoint {
            count: 2,
            sum: 3.0,
            quantiles: vec![(0.5, 1.0)],
            ..otlp::SummaryPoint::default()
        }]),
    );
}

#[test]
fn what_is_no_request_is_refused() {
    for json in [
        "",
        "{",
        r#"{"resourceMetrics":7}"#,
        r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[{"asInt":"x"}]}}]}]}]}"#,
    ] {
        assert!(read(json.as_bytes()).is_err(), "{json}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(read(deep.as_bytes()).is_err());
    assert!(read(b"{\"unknown\":{\"a\":[1]}}").is_ok());
}
