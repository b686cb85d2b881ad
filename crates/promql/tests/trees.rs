//! Any tree that the grammar can make prints to text that parses to the very same tree, and none
//! panics when it is evaluated.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;
use weft_model::{FloatHistogram, Labels, METRIC_NAME, MatchOp, Matcher};
use weft_promql::ast::{
    Aggregate, AggregateOp, At, Binary, BinaryOp, Call, Cardinality, DurationExpr, DurationKind,
    DurationOp, Expr, ExprKind, Matrix, Number, Selector, SelectorMode, Span, Subquery, Text,
    Unary, UnaryOp, VectorMatching, function, quote,
};
use weft_promql::{
    Column, Engine, Limits, QueryOptions, SelectHints, SeriesSet, Source, SourceError, StatsDetail,
    TimeRange, parse, pretty,
};

fn expr(kind: ExprKind) -> Expr {
    let span = Span::default();
    Expr { span, kind }
}

fn paren(inner: Expr) -> Expr {
    expr(ExprKind::Paren(Box::new(inner)))
}

/// Puts what binds less than an operand in parentheses.
fn operand(inner: Expr) -> Expr {
    match &inner.kind {
        ExprKind::Binary(_) | ExprKind::Unary(_) => paren(inner),
        ExprKind::Number(number) if number.value < 0.0 || number.value.is_infinite() => {
            paren(inner)
        }
        _ => inner,
    }
}

fn duration_of(kind: DurationKind) -> DurationExpr {
    let span = Span::default();
    DurationExpr { span, kind }
}

fn literal(millis: i64) -> DurationExpr {
    duration_of(DurationKind::Literal {
        seconds: millis as f64 / 1000.0,
        is_duration: true,
    })
}

/// Durations that stand alone after `offset` as well.
fn simple_duration() -> BoxedStrategy<DurationExpr> {
    let leaf = prop_oneof![
        4 => (1..100_000_000i64).prop_map(literal),
        1 => Just(duration_of(DurationKind::Step)),
        1 => Just(duration_of(DurationKind::Range)),
    ];
    let inner = leaf.clone().prop_recursive(3, 8, 2, |inner| {
        let ops = [
            DurationOp::Add,
            DurationOp::Sub,
            DurationOp::Mul,
            DurationOp::Pow,
        ];
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            (select(ops.to_vec()), pair.clone()).prop_map(|(op, (left, right))| {
                let inside = |it: DurationExpr| match &it.kind {
                    DurationKind::Binary(op, ..)
                        if !matches!(op, DurationOp::Min | DurationOp::Max) =>
                    {
                        duration_of(DurationKind::Paren(Box::new(it)))
                    }
                    _ => it,
                };
                let (left, right) = (Box::new(inside(left)), Box::new(inside(right)));
                duration_of(DurationKind::Binary(op, left, right))
            }),
            (select(vec![DurationOp::Min, DurationOp::Max]), pair).prop_map(
                |(op, (left, right))| {
                    duration_of(DurationKind::Binary(op, Box::new(left), Box::new(right)))
                }
            ),
        ]
    });
    let in_parens = inner.prop_map(|it| duration_of(DurationKind::Paren(Box::new(it))));
    prop_oneof![3 => leaf, 1 => in_parens].boxed()
}

fn offset() -> BoxedStrategy<Option<DurationExpr>> {
    let signed = simple_duration().prop_map(|it| duration_of(DurationKind::Negative(Box::new(it))));
    proptest::option::of(prop_oneof![simple_duration(), signed]).boxed()
}

fn at() -> BoxedStrategy<Option<At>> {
    let times = (-10_000_000..10_000_000i64).prop_map(At::Time);
    proptest::option::of(prop_oneof![times, Just(At::Start), Just(At::End)]).boxed()
}

fn label() -> BoxedStrategy<String> {
    prop_oneof![
        4 => "[a-z][a-z0-9_]{0,5}".prop_map(|name| format!("l{name}")),
        1 => Just("with blank".to_owned()),
        1 => Just("größe.\"x\"".to_owned()),
    ]
    .boxed()
}

fn selector() -> BoxedStrategy<Selector> {
    let matcher = (
        label(),
        select(vec![
            MatchOp::Equal,
            MatchOp::NotEqual,
            MatchOp::Regex,
            MatchOp::NotRegex,
        ]),
        "[a-z.\\\\\"\n]{0,5}",
    )
        .prop_map(|(name, op, value)| {
            let is_regex = matches!(op, MatchOp::Regex | MatchOp::NotRegex);
            let value = if is_regex {
                value.replace('\\', "")
            } else {
                value
            };
            Matcher::new(name, op, value)
        });
    let modes = [
        SelectorMode::Plain,
        SelectorMode::Plain,
        SelectorMode::Anchored,
        SelectorMode::Smoothed,
    ];
    let name = prop_oneof![4 => "[a-z]{2}_[a-z0-9:_]{0,5}", 1 => Just(String::new())];
    let matchers = proptest::collection::vec(matcher, 0..3);
    (name, matchers, offset(), at(), select(modes.to_vec()))
        .prop_map(|(name, mut matchers, offset, at, mode)| {
            if name.is_empty() {
                matchers.push(Matcher::equal(METRIC_NAME, "quoted.name"));
            }
            // Conditions are written in the order of their texts, a plain name before them.
            matchers.sort_by_key(|matcher| {
                let quoted = !matcher
                    .name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                let name = if quoted {
                    quote(&matcher.name)
                } else {
                    matcher.name.clone()
                };
                format!("{name}{}{}", matcher.op.symbol(), quote(&matcher.value))
            });
            if !name.is_empty() {
                matchers.push(Matcher::equal(METRIC_NAME, name.clone()));
            }
            Selector {
                name,
                matchers,
                offset,
                at,
                mode,
            }
        })
        .boxed()
}

fn number() -> BoxedStrategy<Expr> {
    let of = |value, is_duration| expr(ExprKind::Number(Number { value, is_duration }));
    prop_oneof![
        (-1000..1000i32).prop_map(move |value| of(f64::from(value) / 8.0, false)),
        (1..1_000_000i32).prop_map(move |millis| of(f64::from(millis) / 1000.0, true)),
        Just(of(f64::INFINITY, false)),
        Just(of(f64::NAN, false)),
        Just(of(1e-9, false)),
    ]
    .boxed()
}

fn matching() -> BoxedStrategy<VectorMatching> {
    let labels = proptest::collection::vec(label(), 0..3);
    let cardinality = select(vec![
        Cardinality::OneToOne,
        Cardinality::ManyToOne,
        Cardinality::OneToMany,
    ]);
    let fill = || proptest::option::of((-5..5i32).prop_map(f64::from));
    (labels, any::<bool>(), cardinality, fill(), fill())
        .prop_map(
            |(labels, on, cardinality, fill_left, fill_right)| VectorMatching {
                include: match cardinality {
                    Cardinality::ManyToOne => vec!["from_one".to_owned(), "an other".to_owned()],
                    _ => Vec::new(),
                },
                cardinality,
                on,
                labels,
                fill_left,
                fill_right,
            },
        )
        .boxed()
}

fn binary(op: BinaryOp, left: Expr, right: Expr, mut matching: VectorMatching, bool: bool) -> Expr {
    if op.is_set() {
        matching = VectorMatching {
            cardinality: Cardinality::ManyToMany,
            include: Vec::new(),
            fill_left: None,
            fill_right: None,
            ..matching
        };
    }
    expr(ExprKind::Binary(Box::new(Binary {
        op,
        left: operand(left),
        right: operand(right),
        returns_bool: bool && op.is_comparison(),
        matching,
    })))
}

fn aggregate(op: AggregateOp, inner: Expr, without: bool, grouping: Vec<String>) -> Expr {
    let param = match op {
        AggregateOp::CountValues => Some(expr(ExprKind::Text(Text(b"a \"value\"\n".to_vec())))),
        op if op.has_param() => Some(expr(ExprKind::Number(Number {
            value: 0.5,
            is_duration: false,
        }))),
        _ => None,
    };
    expr(ExprKind::Aggregate(Box::new(Aggregate {
        op,
        expr: inner,
        param,
        without,
        grouping,
    })))
}

fn call(name: &str, args: Vec<Expr>) -> Expr {
    let function = function(name).expect("the function is known");
    expr(ExprKind::Call(Call { function, args }))
}

fn vector() -> BoxedStrategy<Expr> {
    let leaf = selector().prop_map(|selector| expr(ExprKind::Selector(selector)));
    leaf.prop_recursive(5, 32, 2, |inner| {
        let ops = prop_oneof![
            select(vec![
                BinaryOp::Add,
                BinaryOp::Sub,
                BinaryOp::Mul,
                BinaryOp::Div
            ]),
            select(vec![
                BinaryOp::Mod,
                BinaryOp::Pow,
                BinaryOp::Atan2,
                BinaryOp::Equal
            ]),
            select(vec![
                BinaryOp::NotEqual,
                BinaryOp::Less,
                BinaryOp::LessOrEqual
            ]),
            select(vec![
                BinaryOp::Greater,
                BinaryOp::GreaterOrEqual,
                BinaryOp::And
            ]),
            select(vec![BinaryOp::Or, BinaryOp::Unless, BinaryOp::TrimUpper]),
            Just(BinaryOp::TrimLower),
        ];
        let scalar_op = select(vec![BinaryOp::Add, BinaryOp::Pow, BinaryOp::Less]);
        let grouping = proptest::collection::vec(label(), 0..3);
        let aggregations = select(AggregateOp::ALL.to_vec());
        let matrix = (selector(), simple_duration()).prop_map(|(selector, range)| {
            expr(ExprKind::Matrix(Matrix {
                selector,
                selector_span: Span::default(),
                range,
            }))
        });
        let step = proptest::option::of(simple_duration());
        let subquery = (inner.clone(), simple_duration(), step, offset(), at()).prop_map(
            |(inner, range, step, offset, at)| {
                expr(ExprKind::Subquery(Box::new(Subquery {
                    expr: operand(inner),
                    range,
                    step,
                    offset,
                    at,
                })))
            },
        );
        let windows = select(vec!["rate", "max_over_time", "ts_of_last_over_time"]);
        prop_oneof![
            (ops, inner.clone(), inner.clone(), matching(), any::<bool>()).prop_map(
                |(op, left, right, matching, bool)| { binary(op, left, right, matching, bool) }
            ),
            (scalar_op, number(), inner.clone()).prop_map(|(op, scalar, inner)| {
                binary(op, scalar, inner, VectorMatching::default(), false)
            }),
            (aggregations, inner.clone(), any::<bool>(), grouping)
                .prop_map(|(op, inner, without, grouping)| aggregate(op, inner, without, grouping)),
            inner.clone().prop_map(|inner| {
                let (op, inner) = (UnaryOp::Minus, Box::new(operand(inner)));
                expr(ExprKind::Unary(Unary { op, expr: inner }))
            }),
            inner.clone().prop_map(paren),
            (windows, prop_oneof![matrix.boxed(), subquery.boxed()])
                .prop_map(|(name, range)| call(name, vec![range])),
            (inner, number(), number()).prop_map(|(inner, a, b)| call("clamp", vec![inner, a, b])),
        ]
    })
    .boxed()
}

/// Returns a tree as text without places.
fn shape(tree: &Expr) -> String {
    let text = format!("{tree:?}");
    let mut parts = text.split("Span {");
    let mut shape = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shape.push_str(part.split_once('}').map_or("", |(_, rest)| rest));
    }
    shape
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_tree_is_what_its_text_parses_to(tree in vector()) {
        for text in [tree.to_string(), pretty(&tree)] {
            let parsed = parse(&text);
            let parsed = parsed.map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
            prop_assert_eq!(shape(&parsed), shape(&tree), "{}", text);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn no_tree_panics_when_it_is_evaluated(tree in vector()) {
        let limits = Limits {
            samples_max: 20_000,
            bytes_max: 1 << 20,
            work_max: 20_000,
            ..Limits::default()
        };
        let options = QueryOptions {
            limits,
            stats: StatsDetail::EachStep,
            ..QueryOptions::default()
        };
        let range = TimeRange {
            start_ms: 100_000,
            end_ms: 400_000,
            step_ms: 30_000,
        };
        let (engine, text) = (Engine::default(), tree.to_string());
        let _ = engine.instant(&Mixed, &text, 300_000, &options);
        let _ = engine.range(&Mixed, &text, range, &options);
    }
}

/// A series of numbers, one of histograms, and one of both.
struct Mixed;

struct MixedAt(i64, i64);

impl Source for Mixed {
    fn select(
        &self,
        _matchers: &[Matcher],
        start_ms: i64,
        end_ms: i64,
        _hints: &SelectHints,
    ) -> Result<Box<dyn SeriesSet + '_>, SourceError> {
        Ok(Box::new(MixedAt(start_ms.max(0), end_ms.min(600_000))))
    }
}

impl SeriesSet for MixedAt {
    fn len(&self) -> usize {
        3
    }

    fn labels(&self, series: usize) -> Labels {
        Labels::from_pairs([("__name__", "aa_"), ("la", ["x", "y", "z"][series])])
    }

    fn read(&self, series: usize, into: &mut Column) -> Result<(), SourceError> {
        for tick in (0..60).filter(|tick| (self.0..=self.1).contains(&(tick * 10_000))) {
            let is_number = series == 0 || series == 2 && tick % 2 == 0;
            if is_number {
                into.push(tick * 10_000, (tick % 17) as f64 * 0.1);
                continue;
            }
            into.push_histogram(
                tick * 10_000,
                Arc::new(FloatHistogram {
                    count: (tick % 13) as f64,
                    sum: tick as f64,
                    positive_spans: vec![weft_model::Span { offset: 0, len: 1 }],
                    positive: vec![(tick % 13) as f64],
                    ..FloatHistogram::default()
                }),
            );
        }
        Ok(())
    }
}
