//! Schemas of values that IAM defines: ARNs, names, tags, descriptions, session durations and policy documents.
//! Input: nothing. Output: pieces of JSON schema with CEL rules, named by `schema_with` attributes. No I/O.
//!
//! The rules accept exactly the values that the parsers of the core crate accept; `tests/rules.rs` compares both.

use lanyard_core::reconcile::validate::{ATTACHED_LIMIT, TAGS_LIMIT};
use schemars::{Schema, SchemaGenerator, json_schema};

use super::basic::{TEXT_LIMIT, duration, rules, text};

pub(crate) fn arn(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": TEXT_LIMIT})
}

pub(crate) fn role_arn(_: &mut SchemaGenerator) -> Schema {
    text(&[
        (
            r"self.matches('^arn:aws(-[a-z0-9-]+)?:iam::[0-9]{12}:role/([!-~]{0,510}/)?[A-Za-z0-9+=,.@_-]{1,64}$')",
            "must be the ARN of an IAM role, such as arn:aws:iam::111122223333:role/orders",
        ),
        (
            r"!self.matches('^arn:[^:]*:iam::[^:]*:role/(aws-service-role|aws-reserved)/')",
            "must not be a role under /aws-service-role/ or /aws-reserved/: AWS owns these roles and pods cannot use them",
        ),
    ])
}

pub(crate) fn policy_arn(_: &mut SchemaGenerator) -> Schema {
    text(&[(
        r"self.matches('^arn:aws(-[a-z0-9-]+)?:iam::(aws|[0-9]{12}):policy/[A-Za-z0-9+=,.@_/-]+$')",
        "must be the ARN of a managed policy, such as arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
    )])
}

pub(crate) fn policy_arns(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": policy_arn(generator),
        "maxItems": ATTACHED_LIMIT,
        "x-kubernetes-list-type": "set",
    })
}

pub(crate) fn role_name(_: &mut SchemaGenerator) -> Schema {
    text(&[(
        r"self.matches('^[A-Za-z0-9+=,.@_-]{1,64}$')",
        "must be a role name without a path: 1 to 64 letters, digits and +=,.@_-",
    )])
}

pub(crate) fn policy_name(_: &mut SchemaGenerator) -> Schema {
    text(&[(
        r"self.matches('^[A-Za-z0-9+=,.@_-]{1,128}$')",
        "must be a policy name: 1 to 128 letters, digits and +=,.@_-",
    )])
}

pub(crate) fn description(_: &mut SchemaGenerator) -> Schema {
    text(&[(
        r"self.size() <= 1000 && self.matches('^[\\t\\n\\r\\x{20}-\\x{7E}\\x{A1}-\\x{FF}]*$')",
        "must be at most 1000 characters from the set that IAM accepts: printable ASCII and Latin-1, tab and line break",
    )])
}

pub(crate) fn session_duration(_: &mut SchemaGenerator) -> Schema {
    duration((
        "duration(self) >= duration('1h') && duration(self) <= duration('12h')",
        "must be from 1h to 12h, the range that IAM accepts for MaxSessionDuration",
    ))
}

pub(crate) fn tags(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": text(&[(
            r"self.size() <= 256 && self.matches('^[\\p{L}\\p{N} _.:/=+@-]*$')",
            "tag value must be at most 256 letters, digits, spaces and _.:/=+-@",
        )]),
        "maxProperties": TAGS_LIMIT,
        "x-kubernetes-validations": rules(&[
            (
                r"self.all(key, key.size() <= 128 && key.matches('^[\\p{L}\\p{N} _.:/=+@-]+$'))",
                "tag key must be 1 to 128 letters, digits, spaces and _.:/=+-@",
            ),
            (
                "self.all(key, !key.lowerAscii().startsWith('aws:'))",
                "tag keys must not begin with aws:, which AWS reserves",
            ),
            (
                "self.all(key, !key.lowerAscii().startsWith('lanyard.dev/'))",
                "tag keys must not begin with lanyard.dev/, which Lanyard reserves for ownership tags",
            ),
            (
                "self.all(key, !key.lowerAscii().startsWith('kubernetes-') && !key.lowerAscii().startsWith('eks-cluster-'))",
                "tag keys must not begin with kubernetes- or eks-cluster-, which Pod Identity reserves for session tags",
            ),
            (
                "self.all(key, self.exists_one(other, other.lowerAscii() == key.lowerAscii()))",
                "tag keys must be unique ignoring case, as IAM compares them",
            ),
        ]),
    })
}

/// A policy document. CEL cannot inspect free-form objects, so the core crate checks form, keywords and size. The map is
/// atomic, because server-side apply would otherwise merge the documents of two field managers key by key.
pub(crate) fn document(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": true,
        "x-kubernetes-map-type": "atomic",
    })
}
