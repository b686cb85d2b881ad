use expect_test::{Expect, expect};

use super::*;

fn check(answer: &str, expected_table: &Expect, expected_csv: &Expect) {
    let answer = Answer::of(&serde_json::from_str(answer).unwrap());
    expected_table.assert_eq(&(table(&answer, None).join("\n") + "\n"));
    expected_csv.assert_eq(&(csv(&answer).join("\n") + "\n"));
}

#[test]
fn a_vector_has_a_column_for_each_label() {
    check(
        r#"{"resultType":"vector","result":[
            {"metric":{"__name__":"up","job":"a"},"value":[1.5,"1"]},
            {"metric":{"__name__":"up","zone":"x, \"y\""},"value":[1.5,"20"]}]}"#,
        &expect![[r#"
            metric  job  zone    value
            up      a                1
            up           x, "y"     20
        "#]],
        &expect![[r#"
            __name__,job,zone,time,value
            up,a,,1970-01-01T00:00:01.500Z,1
            up,,"x, ""y""",1970-01-01T00:00:01.500Z,20
        "#]],
    );
}

#[test]
fn many_labels_stay_together() {
    let labels: Vec<String> = (0..9).map(|i| format!("\"l{i}\":\"v{i}\"")).collect();
    let answer = format!(
        r#"{{"resultType":"vector","result":[{{"metric":{{{}}},"value":[1,"2"]}}]}}"#,
        labels.join(",")
    );
    let answer = Answer::of(&serde_json::from_str(&answer).unwrap());
    assert!(table(&answer, None)[1].starts_with("{l0=\"v0\", l1="));
}

#[test]
fn a_table_that_is_too_wide_has_one_column_for_the_series() {
    let text = r#"{"resultType":"vector","result":[{"metric":{"job":"a"},"value":[1,"2"]}]}"#;
    let answer = Answer::of(&serde_json::from_str(text).unwrap());
    assert_eq!(table(&answer, Some(80)), ["job  value", "a        2"]);
    assert_eq!(
        table(&answer, Some(5)),
        ["series     value", "{job=\"a\"}      2"]
    );
}

#[test]
fn a_range_is_a_row_for_each_point_where_no_chart_can_be_drawn() {
    check(
        r#"{"resultType":"matrix","result":[{"metric":{"a":"b"},
            "values":[[1,"1"],[2.5,"3"]],"histograms":[[2,{"count":"4","sum":"8","buckets":[]}]]}]}"#,
        &expect![[r#"
            time                      series   value
            1970-01-01T00:00:01Z      {a="b"}  1
            1970-01-01T00:00:02Z      {a="b"}  histogram count=4 sum=8
            1970-01-01T00:00:02.500Z  {a="b"}  3
        "#]],
        &expect![[r#"
            a,time,value
            b,1970-01-01T00:00:01Z,1
            b,1970-01-01T00:00:02Z,histogram count=4 sum=8
            b,1970-01-01T00:00:02.500Z,3
        "#]],
    );
}

#[test]
fn single_values_and_nothing_are_said_as_such() {
    check(
        r#"{"resultType":"vector","result":[]}"#,
        &expect![[r#"
            no data
        "#]],
        &expect![[r#"
            time,value
        "#]],
    );
    check(
        r#"{"resultType":"scalar","result":[1,"2"]}"#,
        &expect![[r#"
            2
        "#]],
        &expect![[r#"
            time,value
            1970-01-01T00:00:01Z,2
        "#]],
    );
}

#[test]
fn without_colours_each_series_is_a_line_of_blocks() {
    let plot = Plot {
        labels: Labels::from_pairs([("a", "b")]),
        points: vec![(10.0, 1.0), (20.0, 3.0), (40.0, 2.0)],
    };
    let span = Span {
        start: 10.0,
        end: 40.0,
        step: 10.0,
    };
    assert_eq!(
        sparks(&[plot], span, 80),
        ["{a=\"b\"}", "  ▁█ ▅  min 1  max 3  last 2"]
    );
}
