//! Proves that each method accepts only its own block of settings, and that enum fields reject unknown values. Input:
//! specs. Does I/O.

use anyhow::Result;
use serde_json::{Value, json};

use crate::ask::{accepted, and_the_rest_later, refused, with};

#[tokio::test]
async fn method_accepts_only_its_own_block() -> Result<()> {
    let of = |method: &str, block: &str| json!({"role": {"managed": {}}, "method": method, block: {}});
    let no_tags = "spec.podIdentity: Invalid value: sessionPolicy requires disableSessionTags: true. Set disableSessionTags to true, or remove sessionPolicy";
    refused(&[
        (
            of("IRSA", "podIdentity"),
            "spec: Invalid value: podIdentity must be unset when method is IRSA. Remove podIdentity, or set method to PodIdentity",
        ),
        (
            of("PodIdentity", "irsa"),
            "spec: Invalid value: irsa must be unset when method is PodIdentity. Remove irsa, or set method to IRSA",
        ),
        (with("podIdentity", json!({"sessionPolicy": {}})), no_tags),
        (with("podIdentity", json!({"sessionPolicy": {"Version": "2012-10-17"}, "disableSessionTags": false})), no_tags),
        (
            with("irsa", json!({"tokenExpiration": "soon"})),
            "spec.irsa.tokenExpiration: Invalid value: \"soon\": must be a duration in hours, minutes and seconds, in that order, such as 1h30m",
        ),
        (
            with("irsa", json!({"tokenExpiration": "599s"})),
            "spec.irsa.tokenExpiration: Invalid value: \"599s\": must be from 10m, the minimum of the Kubernetes API server, to 24h, the maximum of the pod identity webhook",
        ),
        (
            with("irsa", json!({"tokenExpiration": "24h1s"})),
            "spec.irsa.tokenExpiration: Invalid value: \"24h1s\": must be from 10m, the minimum of the Kubernetes API server, to 24h, the maximum of the pod identity webhook",
        ),
        (
            with("irsa", json!({"audience": "sts amazonaws com"})),
            "spec.irsa.audience: Invalid value: \"sts amazonaws com\": must be an audience such as sts.amazonaws.com: 1 to 255 printable ASCII characters without spaces",
        ),
    ])
    .await?;
    accepted(&[
        of("IRSA", "irsa"),
        of("PodIdentity", "podIdentity"),
        with("method", Value::Null),
        with(
            "podIdentity",
            json!({"sessionPolicy": {"Version": "2012-10-17"}, "disableSessionTags": true}),
        ),
        with("irsa", json!({"tokenExpiration": "600s"})),
        with("irsa", json!({"tokenExpiration": "24h"})),
    ])
    .await
}

#[tokio::test]
async fn unknown_enum_value_is_refused() -> Result<()> {
    refused(&[
        (
            with("method", json!("Irsa")),
            and_the_rest_later!("spec.method: Unsupported value: \"Irsa\": supported values: \"IRSA\", \"PodIdentity\""),
        ),
        (
            with("driftPolicy", json!("Ignore")),
            and_the_rest_later!("spec.driftPolicy: Unsupported value: \"Ignore\": supported values: \"Correct\", \"Report\""),
        ),
        (
            with("deletionPolicy", json!("Keep")),
            and_the_rest_later!("spec.deletionPolicy: Unsupported value: \"Keep\": supported values: \"Delete\", \"DeleteWhenUnused\", \"Retain\""),
        ),
        (
            with("podRestart", json!("Always")),
            and_the_rest_later!("spec.podRestart: Unsupported value: \"Always\": supported values: \"Never\", \"Rollout\""),
        ),
        (
            json!({"role": {"existing": {"arn": "arn:aws:iam::111122223333:role/a", "trust": "Own"}}}),
            and_the_rest_later!("spec.role.existing.trust: Unsupported value: \"Own\": supported values: \"Check\", \"Manage\""),
        ),
    ])
    .await
}
