//! Schemas of the fields of a WorkloadIdentityClass: patterns, label selectors and the numbers of a rollout.
//! Input: nothing. Output: pieces of JSON schema, named by `schema_with` attributes. No I/O.

use schemars::{Schema, SchemaGenerator, json_schema};

use super::basic::{duration, one_of, rules, text};
use super::identity::method;

/// Maximum number of entries of one list of patterns.
const PATTERNS_LIMIT: u32 = 64;
/// Maximum number of requirements, labels or values of a label selector.
pub(crate) const LABELS_LIMIT: usize = 32;

pub(crate) fn provider(_: &mut SchemaGenerator) -> Schema {
    one_of(&["Ensure", "Require"])
}

pub(crate) fn methods(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": method(generator),
        "maxItems": 2,
        "x-kubernetes-list-type": "set",
    })
}

/// STS `AssumeRole` accepts 2 to 1,224 characters. The limit is 1,000, the largest repetition count of a CEL regular
/// expression.
pub(crate) fn external_id(_: &mut SchemaGenerator) -> Schema {
    text(&[(
        r"self.matches('^[A-Za-z0-9_+=,.@:/-]{2,1000}$')",
        "must be 2 to 1000 letters, digits and _+=,.@:/-",
    )])
}

pub(crate) fn role_path(_: &mut SchemaGenerator) -> Schema {
    text(&[(
        r"self.size() <= 128 && self.matches('^/([A-Za-z0-9+=,.@_-]+/)+$')",
        "must be a path such as /tenants/ that begins and ends with / and has at most 128 letters, digits and +=,.@_-",
    )])
}

pub(crate) fn role_name_prefix(_: &mut SchemaGenerator) -> Schema {
    text(&[(
        r"self.matches('^[A-Za-z0-9+=,.@_-]{1,32}$')",
        "must be 1 to 32 letters, digits and +=,.@_-",
    )])
}

/// Backslashes are refused: none of the matched values contains one, and the optional admission policy turns patterns
/// into regular expressions.
pub(crate) fn pattern(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "minLength": 1,
        "maxLength": 512,
        "x-kubernetes-validations": rules(&[(
            r"!self.contains('\\')",
            "must not contain a backslash",
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

/// A label key: a prefix of at most 253 characters, `/`, and a name of at most 63 (Kubernetes, Labels and Selectors).
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
    duration(("duration(self) <= duration('24h')", "must be at most 24h"))
}
