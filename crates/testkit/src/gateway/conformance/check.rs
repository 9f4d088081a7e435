//! Compares a value with a shape of a model: members, required members, types, lengths, patterns, enumerations, sizes, ranges.
//! Input: a model, a shape and a value as it was sent. Output: the violations, each with the path of its member. No I/O.

use serde_json::{Map, Value};

use super::model::{Kind, Model, Reference, Shape};
use super::pattern::Patterns;

/// The side whose message is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// A caller, by a request.
    Caller,
    /// AWS, by an answer.
    Aws,
}

/// The form in which a message carries numbers and booleans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// The query protocol and XML: all scalars are text.
    Text,
    /// JSON: scalars have types, and times are seconds.
    Typed,
}

/// One comparison of a value with a shape.
pub(super) struct Check<'a> {
    pub model: &'a Model,
    pub patterns: &'a Patterns,
    pub sender: Sender,
    pub encoding: Encoding,
    pub violations: Vec<String>,
}

impl Check<'_> {
    /// Compares a value with the shape that a reference names.
    pub fn value(&mut self, reference: &Reference, path: &str, value: &Value) {
        let Some(shape) = self.model.shape(reference) else {
            return self.report(path, "has a shape that the model lacks");
        };
        match (shape.kind, value) {
            // A JSON null stands for a member that is not there.
            (_, Value::Null) => {}
            (Kind::Structure, Value::Object(fields)) => self.structure(shape, path, fields),
            (Kind::List, Value::Array(items)) => self.list(shape, path, items),
            (Kind::Map, Value::Object(entries)) => self.map(shape, path, entries),
            (Kind::String | Kind::Blob, Value::String(text)) => self.text(shape, path, text),
            (Kind::Boolean, value) => self.boolean(path, value),
            (Kind::Integer | Kind::Long | Kind::Float | Kind::Double, value) => {
                self.number(shape, path, value);
            }
            (Kind::Timestamp, value) => self.time(path, value),
            (kind, _) => self.report(path, &format!("is no {}", word(kind))),
        }
    }

    fn report(&mut self, path: &str, what: &str) {
        let path = if path.is_empty() { "the message" } else { path };
        self.violations.push(format!("{path} {what}"));
    }

    fn structure(&mut self, shape: &Shape, path: &str, fields: &Map<String, Value>) {
        for required in &shape.required {
            if fields.get(required).is_none_or(Value::is_null) {
                self.report(&below(path, required), "is required and not set");
            }
        }
        if shape.union && fields.values().filter(|value| !value.is_null()).count() != 1 {
            self.report(path, "is a union and must have exactly one member");
        }
        for (name, value) in fields {
            let path = below(path, name);
            match shape.members.get(name) {
                Some(member) => self.value(member, &path, value),
                None => self.report(&path, "is unknown to the model"),
            }
        }
    }

    fn list(&mut self, shape: &Shape, path: &str, items: &[Value]) {
        self.entries(shape, path, items.len());
        let Some(member) = &shape.member else {
            return;
        };
        for (number, item) in items.iter().enumerate() {
            self.value(member, &format!("{path}[{number}]"), item);
        }
    }

    fn map(&mut self, shape: &Shape, path: &str, entries: &Map<String, Value>) {
        self.entries(shape, path, entries.len());
        let (Some(key), Some(value)) = (&shape.key, &shape.value) else {
            return;
        };
        for (name, held) in entries {
            self.value(
                key,
                &format!("the key {name} of {path}"),
                &Value::from(name.as_str()),
            );
            self.value(value, &below(path, name), held);
        }
    }

    fn text(&mut self, shape: &Shape, path: &str, text: &str) {
        let shown = if shape.sensitive { "(sensitive)" } else { text };
        self.size(shape, path, text.chars().count(), "characters");
        if let Some(values) = &shape.values
            && !values.iter().any(|value| value == text)
        {
            self.report(path, &format!("is `{shown}`, which is not among its values"));
        }
        if let Some(pattern) = &shape.pattern
            && !self.patterns.matches(pattern, text)
        {
            self.report(path, &format!("is `{shown}`, which does not match {pattern}"));
        }
    }

    /// AWS answers `"tags": {}` for a resource without tags, although the model wants one entry
    /// (<https://docs.aws.amazon.com/cli/latest/reference/eks/describe-cluster.html#examples>).
    fn entries(&mut self, shape: &Shape, path: &str, entries: usize) {
        if entries > 0 || self.sender == Sender::Caller {
            self.size(shape, path, entries, "entries");
        }
    }

    fn size(&mut self, shape: &Shape, path: &str, size: usize, unit: &str) {
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        if let Some(min) = shape.min.filter(|min| size < *min) {
            self.report(path, &format!("has {size} {unit}, fewer than {min}"));
        }
        if let Some(max) = shape.max.filter(|max| size > *max) {
            self.report(path, &format!("has {size} {unit}, more than {max}"));
        }
    }

    fn boolean(&mut self, path: &str, value: &Value) {
        let is_boolean = match self.encoding {
            Encoding::Text => matches!(value.as_str(), Some("true" | "false")),
            Encoding::Typed => value.is_boolean(),
        };
        if !is_boolean {
            self.report(path, "is no boolean");
        }
    }

    fn number(&mut self, shape: &Shape, path: &str, value: &Value) {
        let number = match self.encoding {
            Encoding::Text => value.as_str().and_then(|text| text.parse().ok()),
            Encoding::Typed => value.as_f64(),
        };
        let Some(number) = number else {
            return self.report(path, "is no number");
        };
        let whole = matches!(shape.kind, Kind::Integer | Kind::Long);
        if whole && number.fract() != 0.0 {
            self.report(path, "is no whole number");
        }
        if shape.min.is_some_and(|min| number < bound(min))
            || shape.max.is_some_and(|max| number > bound(max))
        {
            self.report(
                path,
                &format!("is {number}, outside {:?} to {:?}", shape.min, shape.max),
            );
        }
    }

    fn time(&mut self, path: &str, value: &Value) {
        let is_time = match self.encoding {
            Encoding::Text => value.as_str().is_some_and(is_iso_8601),
            Encoding::Typed => value.is_number(),
        };
        if !is_time {
            self.report(path, "is no time");
        }
    }
}

/// The bounds of the models are far below the 52 bits that a float holds.
#[allow(clippy::cast_precision_loss)]
fn bound(number: i64) -> f64 {
    number as f64
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// `2026-01-31T10:00:00Z`, with or without fractions of a second.
fn is_iso_8601(text: &str) -> bool {
    let shape: String = text
        .chars()
        .map(|character| {
            if character.is_ascii_digit() {
                '0'
            } else {
                character
            }
        })
        .collect();
    let Some(rest) = shape.strip_prefix("0000-00-00T00:00:00") else {
        return false;
    };
    let after_fraction = rest
        .strip_prefix('.')
        .map_or(rest, |rest| rest.trim_start_matches('0'));
    matches!(after_fraction, "Z" | "+00:00")
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Structure => "structure",
        Kind::List => "list",
        Kind::Map => "map",
        Kind::String | Kind::Blob => "text",
        Kind::Boolean => "boolean",
        Kind::Integer | Kind::Long | Kind::Float | Kind::Double => "number",
        Kind::Timestamp => "time",
    }
}
