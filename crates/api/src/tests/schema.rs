//! Tests of the generated CRDs against the requirements of the API server and the conventions for `kubectl`. No I/O.

use serde_json::Value;

use super::{crd_schema, crd_schemas};

/// Calls `visit` with the path and schema of every field at any depth.
fn walk(path: &str, schema: &Value, visit: &mut impl FnMut(&str, &Value)) {
    visit(path, schema);
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        walk(&format!("{path}.{name}"), field, visit);
    }
    for (mark, key) in [("[]", "items"), ("{}", "additionalProperties")] {
        if schema[key].is_object() {
            walk(&format!("{path}{mark}"), &schema[key], visit);
        }
    }
}

/// The paths, in either kind, whose schema satisfies a predicate.
fn paths_where(predicate: impl Fn(&Value) -> bool) -> Vec<String> {
    let mut paths = Vec::new();
    for schema in crd_schemas() {
        walk("", &schema, &mut |path, schema| {
            if predicate(schema) {
                paths.push(path.to_owned());
            }
        });
    }
    paths
}

const NONE: [&str; 0] = [];

#[test]
fn every_text_list_and_map_has_a_maximum() {
    assert_eq!(
        paths_where(|s| s["type"] == "string" && s["maxLength"].is_null() && s["enum"].is_null()),
        NONE
    );
    assert_eq!(
        paths_where(|s| s["type"] == "array" && s["maxItems"].is_null()),
        NONE
    );
    assert_eq!(
        paths_where(|s| s["additionalProperties"].is_object() && s["maxProperties"].is_null()),
        NONE
    );
}

#[test]
fn every_list_has_a_list_type() {
    assert_eq!(
        paths_where(|s| s["type"] == "array" && s["x-kubernetes-list-type"].is_null()),
        NONE
    );
}

#[test]
fn policy_documents_are_atomic() {
    let documents = paths_where(|s| s["x-kubernetes-preserve-unknown-fields"] == true);
    assert_eq!(
        documents,
        [
            ".spec.podIdentity.sessionPolicy",
            ".spec.role.managed.inlinePolicies[].document"
        ]
    );
    assert_eq!(paths_where(|s| s["x-kubernetes-map-type"] == "atomic"), documents);
}

#[test]
fn only_status_has_a_default() {
    assert_eq!(paths_where(|s| !s["default"].is_null()), [".status"]);
    assert_eq!(
        crd_schema()["properties"]["status"]["default"],
        serde_json::json!({"observedGeneration": -1})
    );
}

#[test]
fn spec_fields_are_not_nullable() {
    assert_eq!(paths_where(|s| s["nullable"] == true), [".status", ".status"]);
}

#[test]
fn formats_are_known_to_kubernetes() {
    let unknown = paths_where(|s| {
        s["format"]
            .as_str()
            .is_some_and(|format| !matches!(format, "int64" | "date-time"))
    });
    assert_eq!(unknown, NONE);
}

#[test]
fn every_field_has_a_description() {
    let undocumented = paths_where(|s| {
        s["description"]
            .as_str()
            .is_none_or(|text| !text.trim_end().ends_with('.'))
    });
    let undocumented: Vec<_> = undocumented
        .into_iter()
        .filter(|path| !path.ends_with("[]") && !path.ends_with("{}"))
        .collect();
    assert_eq!(undocumented, NONE);
}

#[test]
fn every_rule_has_a_message() {
    assert_eq!(
        paths_where(|s| {
            s["x-kubernetes-validations"]
                .as_array()
                .into_iter()
                .flatten()
                .any(|rule| rule["message"].is_null())
        }),
        NONE
    );
}

#[test]
fn descriptions_have_no_line_breaks() {
    assert_eq!(
        paths_where(|s| s["description"].as_str().is_some_and(|text| text.contains('\n'))),
        NONE
    );
}
