//! Proves the rules for tags: the limits of AWS, the reserved prefixes and Lanyard's own keys. Input: specs. Does I/O.

use anyhow::Result;
use serde_json::{Value, json};

use crate::ask::{accepted, and_the_rest_later, managed, refused};

#[tokio::test]
async fn tags_follow_aws_limits_and_reserved_keys() -> Result<()> {
    let tags = |tags: Value| managed(json!({"tags": tags}));
    let keys = |message: &str| format!("spec.role.managed.tags: Invalid value: {message}");
    let shape = keys("tag key must be 1 to 128 letters, digits, spaces and _.:/=+-@");
    let aws = keys("tag keys must not begin with aws:, which AWS reserves");
    let ours = keys("tag keys must not begin with lanyard.dev/, which Lanyard reserves for ownership tags");
    let session = keys(
        "tag keys must not begin with kubernetes- or eks-cluster-, which Pod Identity reserves for session tags",
    );
    let case = keys("tag keys must be unique ignoring case, as IAM compares them");
    let many: serde_json::Map<String, Value> = (0..48).map(|at| (format!("k{at}"), json!("v"))).collect();
    refused(&[
        (tags(json!({"a#b": "c"})), &shape),
        (tags(json!({"": "c"})), &shape),
        (tags(json!({"k".repeat(129): "c"})), &shape),
        (tags(json!({"aws:team": "shop"})), &aws),
        (tags(json!({"Lanyard.dev/name": "orders"})), &ours),
        (tags(json!({"Kubernetes-namespace": "shop"})), &session),
        (tags(json!({"eks-cluster-name": "prod"})), &session),
        (tags(json!({"team": "shop", "Team": "shop"})), &case),
        (
            tags(json!({"team": "a#b"})),
            "spec.role.managed.tags[team]: Invalid value: \"a#b\": tag value must be at most 256 letters, digits, spaces and _.:/=+-@",
        ),
        (
            tags(json!(many)),
            and_the_rest_later!("spec.role.managed.tags: Too many: 48: must have at most 46 items"),
        ),
    ])
    .await?;
    accepted(&[tags(
        json!({"Équipe 1": "", "a_.:/=+-@b": "v".repeat(256), "k".repeat(128): "kubernetes-x"}),
    )])
    .await
}
