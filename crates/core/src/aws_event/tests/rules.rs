//! What the shipped rules let through, against what is read of it: three templates say the same.

use super::*;

const CLUSTER_REGION: &str = include_str!("../../../../../config/aws/events/cluster-region.yaml");
const IAM_REGION: &str = include_str!("../../../../../config/aws/events/iam-region.yaml");
const TERRAFORM: &str = include_str!("../../../../../config/aws/events/main.tf");

const OF_ROLES: [&str; 13] = [
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
const OF_ASSOCIATIONS: [&str; 5] = [
    "CreatePodIdentityAssociation",
    "UpdatePodIdentityAssociation",
    "DeletePodIdentityAssociation",
    "TagResource",
    "UntagResource",
];

/// Whether a template has an event's name as an item of a list.
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
fn every_call_that_concerns_somebody_passes_all_rules() {
    for call in OF_ROLES.into_iter().chain(OF_PROVIDERS) {
        for template in [CLUSTER_REGION, IAM_REGION, TERRAFORM] {
            assert!(lists(template, call), "{call}");
        }
    }
    for call in OF_ASSOCIATIONS {
        assert!(lists(CLUSTER_REGION, call) && lists(TERRAFORM, call), "{call}");
    }
}

#[test]
fn every_call_that_the_rules_pass_is_read() {
    for call in OF_ROLES {
        let body = changed("update-trust", &[("/detail/eventName", json!(call))]);
        assert!(
            matches!(read_here(&body).unwrap().about, About::Role { .. }),
            "{call}"
        );
    }
    for call in OF_PROVIDERS {
        let body = changed("remove-client-id", &[("/detail/eventName", json!(call))]);
        assert!(
            matches!(read_here(&body).unwrap().about, About::Provider { .. }),
            "{call}"
        );
    }
}
