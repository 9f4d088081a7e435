//! The shape of the CRDs: what the API server demands of a schema, and what users of `kubectl` are promised.
//! The generated CRDs in, facts about it asserted; no I/O.

use serde_json::Value;

use super::{crd_schema, crd_schemas};

/// Calls `visit` with the path and schema of every field, whatever its depth.
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

/// The paths at which something holds, in either kind.
fn paths_where(holds: impl Fn(&Value) -> bool) -> Vec<String> {
    let mut paths = Vec::new();
    for schema in crd_schemas() {
        walk("", &schema, &mut |path, schema| {
            if holds(schema) {
                paths.push(path.to_owned());
            }
        });
    }
    paths
}

const NOWHERE: [&str; 0] = [];

#[test]
fn every_text_list_and_map_has_a_maximum() {
    assert_eq!(
        paths_where(|s| s["type"] == "string" && s["maxLength"].is_null() && s["enum"].is_null()),
        NOWHERE
    );
    assert_eq!(
        paths_where(|s| s["type"] == "array" && s["maxItems"].is_null()),
        NOWHERE
    );
    assert_eq!(
        paths_where(|s| s["additionalProperties"].is_object() && s["maxProperties"].is_null()),
        NOWHERE
    );
}

#[test]
fn every_list_says_how_two_appliers_merge_it() {
    assert_eq!(
        paths_where(|s| s["type"] == "array" && s["x-kubernetes-list-type"].is_null()),
        NOWHERE
    );
}

#[test]
fn a_policy_document_belongs_to_one_applier_as_a_whole() {
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
fn nothing_has_a_default_but_the_status() {
    assert_eq!(paths_where(|s| !s["default"].is_null()), [".status"]);
    assert_eq!(
        crd_schema()["properties"]["status"]["default"],
        serde_json::json!({"observedGeneration": -1})
    );
}

#[test]
fn null_is_absence_everywhere_in_the_spec() {
    assert_eq!(paths_where(|s| s["nullable"] == true), [".status", ".status"]);
}

#[test]
fn only_formats_that_kubernetes_knows_are_used() {
    let foreign = paths_where(|s| {
        s["format"]
            .as_str()
            .is_some_and(|format| !matches!(format, "int64" | "date-time"))
    });
    assert_eq!(foreign, NOWHERE);
}

#[test]
fn every_field_explains_itself() {
    let silent = paths_where(|s| {
        s["description"]
            .as_str()
            .is_none_or(|text| !text.trim_end().ends_with('.'))
    });
    let silent: Vec<_> = silent
        .into_iter()
        .filter(|path| !path.ends_with("[]") && !path.ends_with("{}"))
        .collect();
    assert_eq!(silent, NOWHERE);
}

#[test]
fn every_rule_has_a_sentence() {
    assert_eq!(
        paths_where(|s| {
            s["x-kubernetes-validations"]
                .as_array()
                .into_iter()
                .flatten()
                .any(|rule| rule["message"].is_null())
        }),
        NOWHERE
    );
}

#[test]
fn descriptions_leave_the_breaking_of_lines_to_kubectl() {
    assert_eq!(
        paths_where(|s| s["description"].as_str().is_some_and(|text| text.contains('\n'))),
        NOWHERE
    );
}
