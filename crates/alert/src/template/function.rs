//! The functions of templates: Prometheus's, and those that Go's templates have themselves.

mod list;
mod text;

use super::value::Value;
use super::{Context, compare, execute, humanize, printf};
use crate::duration::parse_duration;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use weft_model::Millis;

/// A function, as its place in [`TABLE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Function(usize);

type Implementation = fn(&[Value], &Context<'_>) -> Result<Value, String>;

/// Name, how many arguments it takes at least and at most, and what it does.
struct Entry(&'static str, usize, usize, Implementation);

const ANY: usize = usize::MAX;

const TABLE: &[Entry] = &[
    // These three are executed where the arguments are evaluated.
    Entry("and", 1, ANY, |_, _| Ok(Value::Nil)),
    Entry("or", 1, ANY, |_, _| Ok(Value::Nil)),
    Entry("tmpl", 1, 2, |_, _| Ok(Value::Nil)),
    Entry("not", 1, 1, |args, _| Ok(Value::Bool(!args[0].is_true()))),
    Entry("len", 1, 1, list::len),
    Entry("index", 1, ANY, list::index),
    Entry("slice", 1, 3, list::slice),
    Entry("print", 0, ANY, |args, _| {
        Ok(Value::Text(text::print(args)))
    }),
    Entry("printf", 1, ANY, |args, _| {
        printf::format(text::of(&args[0])?, &args[1..]).map(Value::Text)
    }),
    Entry("println", 0, ANY, |args, _| {
        Ok(Value::Text(text::println(args)))
    }),
    Entry("html", 0, ANY, |args, _| Ok(Value::Text(text::html(args)))),
    Entry("js", 0, ANY, |args, _| Ok(Value::Text(text::js(args)))),
    Entry("urlquery", 0, ANY, |args, _| {
        Ok(Value::Text(text::query_escape(&text::print(args))))
    }),
    Entry("eq", 1, ANY, |args, _| {
        compare::equals_any(args).map(Value::Bool)
    }),
    Entry("ne", 2, 2, |args, _| {
        compare::equals_any(args).map(|it| Value::Bool(!it))
    }),
    Entry("lt", 2, 2, |args, _| compares(args, &[Ordering::Less])),
    Entry("le", 2, 2, |args, _| {
        compares(args, &[Ordering::Less, Ordering::Equal])
    }),
    Entry("gt", 2, 2, |args, _| compares(args, &[Ordering::Greater])),
    Entry("ge", 2, 2, |args, _| {
        compares(args, &[Ordering::Greater, Ordering::Equal])
    }),
    Entry("query", 1, 1, query),
    Entry("first", 1, 1, list::first),
    Entry("label", 2, 2, list::label),
    Entry("value", 1, 1, list::value),
    Entry("strvalue", 1, 1, list::text_value),
    Entry("sortByLabel", 2, 2, list::sort_by_label),
    Entry("args", 0, ANY, numbered),
    Entry("humanize", 1, 1, |args, _| number(args, humanize::decimal)),
    Entry("humanize1024", 1, 1, |args, _| {
        number(args, humanize::binary)
    }),
    Entry("humanizeDuration", 1, 1, |args, _| {
        number(args, humanize::duration)
    }),
    Entry("humanizePercentage", 1, 1, |args, _| {
        number(args, humanize::percentage)
    }),
    Entry("humanizeTimestamp", 1, 1, |args, _| {
        let seconds = args[0].number()?;
        Ok(match time_of(seconds) {
            Some(time) => Value::Text(Value::Time(time).text()),
            None => Value::Text(humanize::four(seconds)),
        })
    }),
    Entry("toTime", 1, 1, |args, _| {
        let seconds = args[0].number()?;
        let time = time_of(seconds).map(Value::Time);
        time.ok_or_else(|| format!("{seconds} cannot be represented as a timestamp"))
    }),
    Entry("toDuration", 1, 1, |args, _| {
        Ok(Value::Duration(args[0].number()?))
    }),
    Entry("now", 0, 0, |_, context| {
        Ok(Value::Float(context.at.0 as f64 / 1000.0))
    }),
    Entry("parseDuration", 1, 1, |args, _| {
        let duration = parse_duration(text::of(&args[0])?)?;
        Ok(Value::Float(duration.as_secs_f64()))
    }),
    Entry("title", 1, 1, |args, _| mapped(args, text::title)),
    Entry("toUpper", 1, 1, |args, _| mapped(args, str::to_uppercase)),
    Entry("toLower", 1, 1, |args, _| mapped(args, str::to_lowercase)),
    Entry("safeHtml", 1, 1, |args, _| mapped(args, str::to_owned)),
    Entry("urlQueryEscape", 1, 1, |args, _| {
        mapped(args, text::query_escape)
    }),
    Entry("stripPort", 1, 1, |args, _| mapped(args, text::strip_port)),
    Entry("stripDomain", 1, 1, |args, _| {
        mapped(args, text::strip_domain)
    }),
    Entry("match", 2, 2, text::matches),
    Entry("reReplaceAll", 3, 3, text::replace_all),
    Entry("graphLink", 1, 1, |args, _| {
        mapped(args, |query| text::link(query, 0))
    }),
    Entry("tableLink", 1, 1, |args, _| {
        mapped(args, |query| text::link(query, 1))
    }),
    Entry("externalURL", 0, 0, |_, context| {
        Ok(Value::Text(context.external_url.to_owned()))
    }),
    Entry("pathPrefix", 0, 0, |_, context| {
        Ok(Value::Text(text::path_of(context.external_url)))
    }),
];

impl Function {
    /// Returns the function of this name.
    pub(super) fn from_name(name: &str) -> Option<Function> {
        TABLE.iter().position(|entry| entry.0 == name).map(Function)
    }

    /// Returns the truth at which `and` and `or` stop looking at arguments.
    pub(super) fn short_circuit(self) -> Option<bool> {
        match TABLE[self.0].0 {
            "and" => Some(false),
            "or" => Some(true),
            _ => None,
        }
    }

    /// Tells whether it is `tmpl`.
    pub(super) fn is_template(self) -> bool {
        TABLE[self.0].0 == "tmpl"
    }
}

/// Calls a function.
pub(super) fn call(
    function: Function,
    arguments: Vec<Value>,
    context: &Context<'_>,
) -> Result<Value, String> {
    let Entry(name, least, most, run) = &TABLE[function.0];
    let given = arguments.len();
    if given < *least || given > *most {
        let at_least = if *most == ANY { "at least " } else { "" };
        return Err(format!(
            "wrong number of args for {name}: want {at_least}{least} got {given}"
        ));
    }
    run(&arguments, context).map_err(|why| format!("error calling {name}: {why}"))
}

fn query(args: &[Value], context: &Context<'_>) -> Result<Value, String> {
    let query = text::of(&args[0])?;
    let found = context.evaluate.query(query, context.at);
    let found = found.map_err(|error| error.to_string())?;
    let sample = |it: &crate::Found| {
        Value::Sample(
            it.labels.clone(),
            Box::new(execute::sample_value(&it.value)),
        )
    };
    Ok(Value::List(found.iter().map(sample).collect()))
}

fn compares(args: &[Value], wanted: &[Ordering]) -> Result<Value, String> {
    let order = compare::order(&args[0], &args[1])?;
    Ok(Value::Bool(
        order.is_some_and(|order| wanted.contains(&order)),
    ))
}

fn number(args: &[Value], write: fn(f64) -> String) -> Result<Value, String> {
    Ok(Value::Text(write(args[0].number()?)))
}

fn mapped(args: &[Value], map: impl Fn(&str) -> String) -> Result<Value, String> {
    Ok(Value::Text(map(text::of(&args[0])?)))
}

fn numbered(args: &[Value], _: &Context<'_>) -> Result<Value, String> {
    let named = args.iter().enumerate();
    let entries: BTreeMap<String, Value> = named
        .map(|(at, value)| (format!("arg{at}"), value.clone()))
        .collect();
    Ok(Value::Map(entries))
}

fn time_of(seconds: f64) -> Option<Millis> {
    let millis = (seconds * 1000.0).round();
    (millis.abs() < 9e15).then_some(Millis(millis as i64))
}
