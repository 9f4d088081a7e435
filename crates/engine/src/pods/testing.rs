//! Pods for unit tests. Input: environment variables or pieces of JSON. Output: pods. No I/O.

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

/// The environment of a container with Pod Identity.
pub(super) const POD_IDENTITY: &[(&str, &str)] = &[(
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "http://169.254.170.23/v1/credentials",
)];
/// The environment of a container with IRSA.
pub(super) const IRSA: &[(&str, &str)] = &[
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "/t/token"),
    ("AWS_ROLE_ARN", "arn:r"),
];

/// A pod of `shop/orders` with one container that has this environment.
pub(super) fn pod(uid: &str, env: &[(&str, &str)]) -> Pod {
    let env: Vec<Value> = env
        .iter()
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    pod_of(json!({"metadata": {"uid": uid}, "spec": {"containers": [{"name": "app", "env": env}]}}))
}

/// A pod of `shop/orders` with these fields merged in.
pub(super) fn pod_of(pieces: Value) -> Pod {
    let mut whole = json!({
        "metadata": {"uid": "a", "namespace": "shop", "name": "orders-1", "creationTimestamp": "2026-03-01T10:00:00Z"},
        "spec": {"serviceAccountName": "orders", "containers": [{"name": "app"}]},
    });
    merge(&mut whole, pieces);
    serde_json::from_value(whole).unwrap()
}

fn merge(into: &mut Value, pieces: Value) {
    match (into, pieces) {
        (Value::Object(into), Value::Object(pieces)) => {
            for (key, piece) in pieces {
                merge(into.entry(key).or_insert(Value::Null), piece);
            }
        }
        (into, piece) => *into = piece,
    }
}
