//! Schema of the conditions of both kinds, in the shape of `metav1.Condition`.
//! Input: nothing. Output: a piece of JSON schema. No I/O.

use schemars::{Schema, SchemaGenerator, json_schema};

/// Maximum number of conditions in the status: the nine of Lanyard and room for those of other controllers.
const CONDITIONS_LIMIT: u64 = 32;

/// A list map by `type`, so that other controllers can add conditions by server-side apply.
pub(crate) fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": CONDITIONS_LIMIT,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "description": "One aspect of the current state of the object.",
            "required": ["type", "status", "reason", "message", "lastTransitionTime"],
            "properties": {
                "type": {
                    "type": "string",
                    "maxLength": 316,
                    "description": "type is the type of the condition. docs/conditions.md lists the types that Lanyard sets.",
                },
                "status": {
                    "type": "string",
                    "enum": ["True", "False", "Unknown"],
                    "description": "status is the status of the condition: True, False or Unknown.",
                },
                "reason": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 1024,
                    "description": "reason is a CamelCase word for the cause of the last transition. docs/conditions.md explains each reason and the action to take.",
                },
                "message": {
                    "type": "string",
                    "maxLength": 32768,
                    "description": "message is the human-readable explanation: the object, the expected value, the observed value and the next action.",
                },
                "observedGeneration": {
                    "type": "integer",
                    "format": "int64",
                    "description": "observedGeneration is the generation of the spec that the condition was set for.",
                },
                "lastTransitionTime": {
                    "type": "string",
                    "format": "date-time",
                    "maxLength": 64,
                    "description": "lastTransitionTime is the last time the status of the condition changed. A change of reason or message alone does not update it.",
                },
            },
        },
    })
}
