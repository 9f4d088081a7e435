//! Proves the rules for roles: exactly one of managed and existing, ARNs of the right kind, and names, texts and lists
//! within the limits of IAM. Input: specs. Does I/O.

use anyhow::Result;
use serde_json::{Value, json};

use crate::ask::{accepted, and_the_rest_later, managed, refused, with};

#[tokio::test]
async fn exactly_one_role_kind_is_required() -> Result<()> {
    let neither = "spec.role: Invalid value: role must have exactly one of managed and existing, but has neither. Set managed: {} for a role that Lanyard creates, or existing.arn for a role that already exists";
    let both = "spec.role: Invalid value: role must have exactly one of managed and existing, but has both. Keep managed for a role that Lanyard creates, or existing for a role that already exists";
    refused(&[
        (json!({"role": {}}), neither),
        (json!({"role": {"managed": null}}), neither),
        (
            json!({"role": {"managed": {}, "existing": {"arn": "arn:aws:iam::111122223333:role/a"}}}),
            both,
        ),
        (json!({}), and_the_rest_later!("spec.role: Required value")),
        (
            json!({"role": {"existing": {}}}),
            and_the_rest_later!("spec.role.existing.arn: Required value"),
        ),
    ])
    .await?;
    accepted(&[
        managed(json!({})),
        json!({"role": {"managed": null, "existing": {"arn": "arn:aws:iam::111122223333:role/a"}}}),
        json!({"role": {"existing": {"arn": "arn:aws-cn:iam::111122223333:role/team/a", "trust": "Check"}}}),
    ])
    .await
}

#[tokio::test]
async fn arn_of_wrong_kind_is_refused() -> Result<()> {
    let existing = |arn: &str| json!({"role": {"existing": {"arn": arn}}});
    refused(&[
        (
            existing("orders"),
            "spec.role.existing.arn: Invalid value: \"orders\": must be the ARN of an IAM role, such as arn:aws:iam::111122223333:role/orders",
        ),
        (
            existing("arn:aws:iam::111122223333:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS"),
            "spec.role.existing.arn: Invalid value: \"arn:aws:iam::111122223333:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS\": must not be a role under /aws-service-role/ or /aws-reserved/: AWS owns these roles and pods cannot use them",
        ),
        (
            with("podIdentity", json!({"targetRoleArn": "arn:aws:iam::111122223333:user/a"})),
            "spec.podIdentity.targetRoleArn: Invalid value: \"arn:aws:iam::111122223333:user/a\": must be the ARN of an IAM role, such as arn:aws:iam::111122223333:role/orders",
        ),
        (
            with("podIdentity", json!({"targetRoleArn": "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/a"})),
            "spec.podIdentity.targetRoleArn: Invalid value: \"arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/a\": must not be a role under /aws-service-role/ or /aws-reserved/: AWS owns these roles and pods cannot use them",
        ),
        (
            managed(json!({"policyArns": ["AmazonS3ReadOnlyAccess"]})),
            "spec.role.managed.policyArns[0]: Invalid value: \"AmazonS3ReadOnlyAccess\": must be the ARN of a managed policy, such as arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
        ),
        (
            managed(json!({"permissionsBoundaryArn": "arn:aws:iam::111122223333:role/a"})),
            "spec.role.managed.permissionsBoundaryArn: Invalid value: \"arn:aws:iam::111122223333:role/a\": must be the ARN of a managed policy, such as arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
        ),
    ])
    .await
}

#[tokio::test]
async fn managed_role_texts_follow_iam_limits() -> Result<()> {
    let long_name = "x".repeat(65);
    refused(&[
        (
            managed(json!({"name": "team/orders"})),
            "spec.role.managed.name: Invalid value: \"team/orders\": must be a role name without a path: 1 to 64 letters, digits and +=,.@_-",
        ),
        (
            managed(json!({"name": long_name})),
            "spec.role.managed.name: Invalid value: \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\": must be a role name without a path: 1 to 64 letters, digits and +=,.@_-",
        ),
        (
            managed(json!({"description": "all orders ☃"})),
            "spec.role.managed.description: Invalid value: \"all orders ☃\": must be at most 1000 characters from the set that IAM accepts: printable ASCII and Latin-1, tab and line break",
        ),
        (
            managed(json!({"maxSessionDuration": "1 hour"})),
            "spec.role.managed.maxSessionDuration: Invalid value: \"1 hour\": must be a duration in hours, minutes and seconds, in that order, such as 1h30m",
        ),
        (
            managed(json!({"maxSessionDuration": "59m59s"})),
            "spec.role.managed.maxSessionDuration: Invalid value: \"59m59s\": must be from 1h to 12h, the range that IAM accepts for MaxSessionDuration",
        ),
        (
            managed(json!({"maxSessionDuration": "12h1s"})),
            "spec.role.managed.maxSessionDuration: Invalid value: \"12h1s\": must be from 1h to 12h, the range that IAM accepts for MaxSessionDuration",
        ),
        (
            managed(json!({"inlinePolicies": [{"name": "a b", "document": {}}]})),
            "spec.role.managed.inlinePolicies[0].name: Invalid value: \"a b\": must be a policy name: 1 to 128 letters, digits and +=,.@_-",
        ),
    ])
    .await?;
    accepted(&[
        managed(json!({"name": "a+=,.@_-b", "description": "é\n\t~", "maxSessionDuration": "1h"})),
        managed(
            json!({"name": "x".repeat(64), "description": "é".repeat(1000), "maxSessionDuration": "43200s"}),
        ),
    ])
    .await
}

#[tokio::test]
async fn managed_role_lists_follow_iam_limits() -> Result<()> {
    let arns = |count| -> Vec<String> {
        (0..count)
            .map(|at| format!("arn:aws:iam::111122223333:policy/p{at}"))
            .collect()
    };
    let policies = |count| -> Vec<Value> {
        (0..count)
            .map(|at| json!({"name": format!("p{at}"), "document": {}}))
            .collect()
    };
    let twice = json!({"name": "queue", "document": {}});
    refused(&[
        (
            managed(json!({"inlinePolicies": [twice, twice]})),
            "spec.role.managed.inlinePolicies[1]: Duplicate value: {\"name\":\"queue\"}",
        ),
        (
            managed(json!({"policyArns": ["arn:aws:iam::aws:policy/a", "arn:aws:iam::aws:policy/a"]})),
            "spec.role.managed.policyArns[1]: Duplicate value: \"arn:aws:iam::aws:policy/a\"",
        ),
        (
            managed(json!({"policyArns": arns(26)})),
            and_the_rest_later!("spec.role.managed.policyArns: Too many: 26: must have at most 25 items"),
        ),
        (
            managed(json!({"inlinePolicies": policies(51)})),
            and_the_rest_later!("spec.role.managed.inlinePolicies: Too many: 51: must have at most 50 items"),
        ),
        (
            managed(json!({"inlinePolicies": [{"name": "queue", "document": "{}"}]})),
            and_the_rest_later!("spec.role.managed.inlinePolicies[0].document: Invalid value: \"string\": spec.role.managed.inlinePolicies[0].document in body must be of type object: \"string\""),
        ),
    ])
    .await?;
    accepted(&[managed(
        json!({"policyArns": arns(25), "inlinePolicies": policies(50)}),
    )])
    .await
}
