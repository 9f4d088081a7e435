//! Tests of the shipped EventBridge rules against the parsed calls: three templates contain the same calls.

use super::*;

const CLUSTER_REGION: &str = include_str!("../../../../../config/aws/events/cluster-region.yaml");
const IAM_REGION: &str = include_str!("../../../../../config/aws/events/iam-region.yaml");
const TERRAFORM: &str = include_str!("../../../../../config/aws/events/main.tf");

const ROLE_CALLS: [&str; 13] = [
    "CreateRole",
    "DeleteRole",
    "UpdateRole",
    "UpdateRoleDescription",
    "UpdateAssumeRolePolicy",
    "AttachRolePolicy",
    "DetachRolePolicy",
    "PutRolePolicy",
    "DeleteRolePolicy",
    "PutRolePermissionsBoundary",
    "DeleteRolePermissionsBoundary",
    "TagRole",
    "UntagRole",
];
const ASSOCIATION_CALLS: [&str; 5] = [
    "CreatePodIdentityAssociation",
    "UpdatePodIdentityAssociation",
    "DeletePodIdentityAssociation",
    "TagResource",
    "UntagResource",
];

/// Returns true if a template has the name of a call as an item of a list.
fn lists(template: &str, call: &str) -> bool {
    let item = |line: &str| {
        line.trim()
            .trim_start_matches("- ")
            .trim_end_matches(',')
            .trim_matches('"')
            == call
    };
    template.lines().any(item)
}

#[test]
fn relevant_calls_pass_the_shipped_rules() {
    for call in ROLE_CALLS.into_iter().chain(PROVIDER_CALLS) {
        for template in [CLUSTER_REGION, IAM_REGION, TERRAFORM] {
            assert!(lists(template, call), "{call}");
        }
    }
    for call in ASSOCIATION_CALLS {
        assert!(lists(CLUSTER_REGION, call) && lists(TERRAFORM, call), "{call}");
    }
}

#[test]
fn calls_that_the_rules_pass_are_parsed() {
    for call in ROLE_CALLS {
        let body = changed("update-trust", &[("/detail/eventName", json!(call))]);
        assert!(
            matches!(parse_here(&body).unwrap().resource, ChangedResource::Role { .. }),
            "{call}"
        );
    }
    for call in PROVIDER_CALLS {
        let body = changed("remove-client-id", &[("/detail/eventName", json!(call))]);
        assert!(
            matches!(
                parse_here(&body).unwrap().resource,
                ChangedResource::Provider { .. }
            ),
            "{call}"
        );
    }
}
