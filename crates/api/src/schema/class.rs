//! The vocabulary of the class's schema: patterns, rows, selectors and the numbers of a queue.
//! Nothing in, a piece of schema out; no I/O. Named by the fields of `class` as `schema_with`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{duration, one_of, rules, text};
use crate::class::{ExistingRow, InlineRow, SelectorExpression};

/// Entries of one list of patterns.
const PATTERNS_LIMIT: u32 = 64;
/// Rows of actions with resources, or of existing roles.
const ROWS_LIMIT: u32 = 64;
/// Demands of a selector, and labels of it.
const LABELS_LIMIT: u32 = 32;

pub(crate) fn provider(_: &mut SchemaGenerator) -> Schema {
    one_of(&["Ensure", "Require"])
}

pub(crate) fn methods(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": super::method(generator),
        "maxItems": 2,
        "x-kubernetes-list-type": "set",
    })
}

/// 2 to 1,224 characters [STS `AssumeRole`], where 1,000 are as many as an expression can count.
pub(crate) fn external_id(_: &mut SchemaGenerator) -> Schema {
    text(&[(
        r"self.matches('^[A-Za-z0-9_+=,.@:/-]{2,1000}$')",
        "must be 2 to 1000 letters, digits and _+=,.@:/-",
    )])
}

pub(crate) fn role_path(_: &mut SchemaGenerator) -> Schema {
    text(&[(
        r"self.size() <= 128 && self.matches('^/([A-Za-z0-9+=,.@_-]+/)+$')",
        "must be a path such as /tenants/: it begins and ends with /, and has at most 128 letters, digits and +=,.@_-",
    )])
}

pub(crate) fn role_name_prefix(_: &mut SchemaGenerator) -> Schema {
    text(&[(
        r"self.matches('^[A-Za-z0-9+=,.@_-]{1,32}$')",
        "must be 1 to 32 letters, digits and +=,.@_-",
    )])
}

/// No backslash, which stands for itself in none of the things that patterns are for: the optional admission policy makes
/// regular expressions of them.
pub(crate) fn pattern(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "minLength": 1,
        "maxLength": 512,
        "x-kubernetes-validations": rules(&[(
            r"!self.contains('\\')",
            "must not hold a backslash",
        )]),
    })
}

pub(crate) fn patterns(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": pattern(generator),
        "maxItems": PATTERNS_LIMIT,
        "x-kubernetes-list-type": "set",
    })
}

pub(crate) fn rows(generator: &mut SchemaGenerator) -> Schema {
    table::<InlineRow>(generator, ROWS_LIMIT)
}

pub(crate) fn existing_rows(generator: &mut SchemaGenerator) -> Schema {
    table::<ExistingRow>(generator, ROWS_LIMIT)
}

pub(crate) fn expressions(generator: &mut SchemaGenerator) -> Schema {
    table::<SelectorExpression>(generator, LABELS_LIMIT)
}

fn table<T: JsonSchema>(generator: &mut SchemaGenerator, limit: u32) -> Schema {
    json_schema!({
        "type": "array",
        "items": generator.subschema_for::<T>(),
        "maxItems": limit,
        "x-kubernetes-list-type": "atomic",
    })
}

/// The key of a label with its prefix: 253 and 63 characters [Kubernetes, Labels and Selectors].
pub(crate) fn label(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": 1, "maxLength": 317})
}

pub(crate) fn label_operator(_: &mut SchemaGenerator) -> Schema {
    one_of(&["In", "NotIn", "Exists", "DoesNotExist"])
}

pub(crate) fn label_values(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": {"type": "string", "maxLength": 63},
        "maxItems": LABELS_LIMIT,
        "x-kubernetes-list-type": "atomic",
    })
}

pub(crate) fn labels(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": {"type": "string", "maxLength": 63},
        "maxProperties": LABELS_LIMIT,
    })
}

pub(crate) fn count(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "integer", "format": "int64", "minimum": 1, "maximum": 1000})
}

pub(crate) fn wait(_: &mut SchemaGenerator) -> Schema {
    duration(("duration(self) <= duration('24h')", "must be 24h at most"))
}
