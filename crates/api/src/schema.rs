//! The vocabulary of the CRD's schema: one function for each kind of text, list and document that users write.
//! Nothing in, a piece of schema out; no I/O. Named by the fields of `spec` and `status` as `schema_with`.
//!
//! Everything carries a maximum, or the API server's cost budget refuses the CRD. A form is a CEL rule with a sentence
//! of its own instead of `pattern`, whose message would only quote the expression. What the core crate's parsers
//! accept and what these rules accept is the same; a test holds the two together.

use lanyard_core::model::status::DRIFT_ITEMS_LIMIT;
use lanyard_core::reconcile::validate::{ATTACHED_LIMIT, TAGS_LIMIT};
use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::spec::InlinePolicy;
use crate::status::{BindingStatus, DriftItem};

pub(crate) mod class;

/// Every text that users write: the longest ARN in IAM (`arnType`). Where a field's own limit is lower, a rule says so;
/// as `maxLength` it would only be answered with "Too long".
const TEXT_LIMIT: u32 = 2048;
/// Inline policies per role: IAM limits only their sum, 10,240 characters, which 50 small ones fill.
const INLINE_POLICIES_LIMIT: u32 = 50;
/// Bindings in the status: one, or two while a transition runs; more is room for the unforeseen.
const BINDINGS_LIMIT: usize = 8;
/// Conditions in the status: Lanyard's nine and room for others'.
const CONDITIONS_LIMIT: u64 = 32;
/// Aspects in the status: every policy, tag, statement and field of the largest role, twice over.
const DIGESTS_LIMIT: u64 = 512;
/// Digits per unit; more would overflow CEL's duration.
const DURATION_FORM: &str = "^([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?$";

/// A rule in CEL over `self` and the sentence for whoever breaks it.
type Rule<'a> = (&'a str, &'a str);

fn rules(rules: &[Rule]) -> Value {
    rules
        .iter()
        .map(|(rule, message)| json!({"rule": rule, "message": message}))
        .collect()
}

fn text(checks: &[Rule]) -> Schema {
    json_schema!({"type": "string", "maxLength": TEXT_LIMIT, "x-kubernetes-validations": rules(checks)})
}

fn one_of(of: &[&str]) -> Schema {
    json_schema!({"type": "string", "enum": of})
}

pub(crate) fn method(_: &mut SchemaGenerator) -> Schema {
    one_of(&["IRSA", "PodIdentity"])
}

pub(crate) fn drift_policy(_: &mut SchemaGenerator) -> Schema {
    one_of(&["Correct", "Report"])
}

pub(crate) fn deletion_policy(_: &mut SchemaGenerator) -> Schema {
    one_of(&["Delete", "DeleteWhenUnused", "Retain"])
}

pub(crate) fn pod_restart(_: &mut SchemaGenerator) -> Schema {
    one_of(&["Never", "Rollout"])
}

pub(crate) fn existing_trust(_: &mut SchemaGenerator) -> Schema {
    one_of(&["Check", "Manage"])
}

pub(crate) fn class_name(_: &mut SchemaGenerator) -> Schema {
    text(&[(
        r"self.size() <= 253 && self.matches('^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$')",
        "must be the name of a WorkloadIdentityClass: at most 253 lower-case letters, digits, - and .",
    )])
}

pub(crate) fn role_arn(_: &mut SchemaGenerator) -> Schema {
    text(&[
        (
            r"self.matches('^arn:aws(-[a-z0-9-]+)?:iam::[0-9]{12}:role/([!-~]{0,510}/)?[A-Za-z0-9+=,.@_-]{1,64}$')",
            "must be the ARN of an IAM role, such as arn:aws:iam::111122223333:role/orders",
        ),
        (
            r"!self.matches('^arn:[^:]*:iam::[^:]*:role/(aws-service-role|aws-reserved)/')",
            "a role under /aws-service-role/ or /aws-reserved/ belongs to AWS and cannot serve pods: name a role of your own",
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

pub(crate) fn inline_policies(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": generator.subschema_for::<InlinePolicy>(),
        "maxItems": INLINE_POLICIES_LIMIT,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
    })
}

/// CEL cannot see into a document of free form, so shape, words and size are checked by the core crate. Atomic, or two
/// appliers would have their documents merged key by key.
pub(crate) fn document(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": true,
        "x-kubernetes-map-type": "atomic",
    })
}

pub(crate) fn role_name(_: &mut SchemaGenerator) -> Schema {
    text(&[(
        r"self.matches('^[A-Za-z0-9+=,.@_-]{1,64}$')",
        "must be a role's name without its path: 1 to 64 letters, digits and +=,.@_-",
    )])
}

pub(crate) fn policy_name(_: &mut SchemaGenerator) -> Schema {
    text(&[(
        r"self.matches('^[A-Za-z0-9+=,.@_-]{1,128}$')",
        "must be a policy's name: 1 to 128 letters, digits and +=,.@_-",
    )])
}

pub(crate) fn description(_: &mut SchemaGenerator) -> Schema {
    text(&[(
        r"self.size() <= 1000 && self.matches('^[\\t\\n\\r\\x{20}-\\x{7E}\\x{A1}-\\x{FF}]*$')",
        "must be at most 1000 characters that IAM accepts: ASCII and Latin-1 letters and signs, tabs and line breaks",
    )])
}

fn duration(range: Rule) -> Schema {
    let form = format!("self != '' && self.matches('{DURATION_FORM}')");
    let (within, message) = range;
    let in_range = format!("!({form}) || ({within})");
    text(&[
        (
            &form,
            "must be a duration in hours, minutes and seconds, in that order, such as 1h30m",
        ),
        (&in_range, message),
    ])
}

pub(crate) fn session_duration(_: &mut SchemaGenerator) -> Schema {
    duration((
        "duration(self) >= duration('1h') && duration(self) <= duration('12h')",
        "must be from 1h to 12h, the limits of IAM for a role's sessions",
    ))
}

pub(crate) fn token_expiration(_: &mut SchemaGenerator) -> Schema {
    duration((
        "duration(self) >= duration('10m') && duration(self) <= duration('24h')",
        "must be from 10m to 24h: the API server issues no shorter token, and the pod identity webhook no longer one",
    ))
}

pub(crate) fn audience(_: &mut SchemaGenerator) -> Schema {
    text(&[(
        "self.matches('^[!-~]{1,255}$')",
        "must be an audience such as sts.amazonaws.com: 1 to 255 printable ASCII characters without spaces",
    )])
}

pub(crate) fn tags(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": text(&[(
            r"self.size() <= 256 && self.matches('^[\\p{L}\\p{N} _.:/=+@-]*$')",
            "a tag's value must be at most 256 letters, digits, spaces and _.:/=+-@",
        )]),
        "maxProperties": TAGS_LIMIT,
        "x-kubernetes-validations": rules(&[
            (
                r"self.all(key, key.size() <= 128 && key.matches('^[\\p{L}\\p{N} _.:/=+@-]+$'))",
                "a tag's key must be 1 to 128 letters, digits, spaces and _.:/=+-@",
            ),
            (
                "self.all(key, !key.lowerAscii().startsWith('aws:'))",
                "tag keys that begin with aws: are reserved by AWS: use another key",
            ),
            (
                "self.all(key, !key.lowerAscii().startsWith('lanyard.dev/'))",
                "tag keys that begin with lanyard.dev/ mark what Lanyard owns: use another key",
            ),
            (
                "self.all(key, !key.lowerAscii().startsWith('kubernetes-') && !key.lowerAscii().startsWith('eks-cluster-'))",
                "tag keys that begin with kubernetes- or eks-cluster- would pass for Pod Identity session tags: use another key",
            ),
            (
                "self.all(key, self.exists_one(other, other.lowerAscii() == key.lowerAscii()))",
                "IAM takes tag keys that differ only in case for one key: keep one of them",
            ),
        ]),
    })
}

pub(crate) fn arn(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": TEXT_LIMIT})
}

pub(crate) fn short_text(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": 256})
}

pub(crate) fn long_text(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": 4096})
}

pub(crate) fn binding_state(_: &mut SchemaGenerator) -> Schema {
    one_of(&["Active", "Pending", "Draining"])
}

pub(crate) fn drift_reason(_: &mut SchemaGenerator) -> Schema {
    one_of(&["Reported", "Contested", "Unreadable", "Unmanaged"])
}

pub(crate) fn time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "date-time", "maxLength": 64})
}

pub(crate) fn bindings(generator: &mut SchemaGenerator) -> Schema {
    list_of::<BindingStatus>(generator, BINDINGS_LIMIT)
}

pub(crate) fn drift_items(generator: &mut SchemaGenerator) -> Schema {
    list_of::<DriftItem>(generator, DRIFT_ITEMS_LIMIT)
}

pub(crate) fn digests(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": {"type": "string", "maxLength": 128},
        "maxProperties": DIGESTS_LIMIT,
    })
}

fn list_of<T: JsonSchema>(generator: &mut SchemaGenerator, limit: usize) -> Schema {
    json_schema!({
        "type": "array",
        "items": generator.subschema_for::<T>(),
        "maxItems": limit,
        "x-kubernetes-list-type": "atomic",
    })
}

/// The shape of `metav1.Condition`. A map by type, so that others may add conditions of their own by server-side apply.
pub(crate) fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": CONDITIONS_LIMIT,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "description": "One thing that holds, does not hold, or is not known.",
            "required": ["type", "status", "reason", "message", "lastTransitionTime"],
            "properties": {
                "type": {
                    "type": "string",
                    "maxLength": 316,
                    "description": "Which condition; docs/conditions.md lists Lanyard's.",
                },
                "status": {
                    "type": "string",
                    "enum": ["True", "False", "Unknown"],
                    "description": "Whether it holds.",
                },
                "reason": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 1024,
                    "description": "The word for why; docs/conditions.md says what each means and what to do.",
                },
                "message": {
                    "type": "string",
                    "maxLength": 32768,
                    "description": "The sentence for why: which object, what was wanted, what was found, what to do.",
                },
                "observedGeneration": {
                    "type": "integer",
                    "format": "int64",
                    "description": "The generation of the spec it was judged against.",
                },
                "lastTransitionTime": {
                    "type": "string",
                    "format": "date-time",
                    "maxLength": 64,
                    "description": "When the status last changed; a new message alone does not move it.",
                },
            },
        },
    })
}

/// Makes each paragraph of a description one line: `kubectl explain` breaks lines itself, the source has its own.
pub(crate) fn unwrap_descriptions(schema: &mut Schema) {
    if let Some(Value::String(text)) = schema.get("description") {
        let paragraphs: Vec<String> = text
            .split("\n\n")
            .map(|paragraph| paragraph.replace('\n', " "))
            .collect();
        schema.insert("description".to_owned(), paragraphs.join("\n\n").into());
    }
    transform_subschemas(&mut unwrap_descriptions, schema);
}
