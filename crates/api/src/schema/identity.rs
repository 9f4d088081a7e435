//! Schemas of the other fields of a WorkloadIdentity: enumerations, token settings and hashes.
//! Input: nothing. Output: pieces of JSON schema, named by `schema_with` attributes. No I/O.

use schemars::{Schema, SchemaGenerator, json_schema};

use super::basic::{duration, one_of, text};

/// Maximum number of hashes in the status: every policy, tag, statement and field of the largest role, twice over.
const HASHES_LIMIT: u64 = 512;

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

pub(crate) fn token_expiration(_: &mut SchemaGenerator) -> Schema {
    duration((
        "duration(self) >= duration('10m') && duration(self) <= duration('24h')",
        "must be from 10m, the minimum of the Kubernetes API server, to 24h, the maximum of the pod identity webhook",
    ))
}

pub(crate) fn audience(_: &mut SchemaGenerator) -> Schema {
    text(&[(
        "self.matches('^[!-~]{1,255}$')",
        "must be an audience such as sts.amazonaws.com: 1 to 255 printable ASCII characters without spaces",
    )])
}

pub(crate) fn binding_state(_: &mut SchemaGenerator) -> Schema {
    one_of(&["Active", "Pending", "Draining"])
}

pub(crate) fn drift_reason(_: &mut SchemaGenerator) -> Schema {
    one_of(&["Reported", "Contested", "Unreadable", "Unmanaged", "Adopted"])
}

pub(crate) fn hashes(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": {"type": "string", "maxLength": 128},
        "maxProperties": HASHES_LIMIT,
    })
}
