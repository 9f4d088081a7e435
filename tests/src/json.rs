//! Merges JSON objects for the specs of tests. Input and output: JSON. No I/O.

use serde_json::Value;

/// Adds the fields of `more` to `object`. They override existing fields.
#[must_use]
pub fn with(mut object: Value, more: Value) -> Value {
    if let (Some(fields), Value::Object(more)) = (object.as_object_mut(), more) {
        fields.extend(more);
    }
    object
}
