//! A valid WorkloadIdentityClass with every field, whose limits the other samples satisfy. It is no default class, so that
//! applying all samples restricts no other identity. Input: nothing. Output: an object. No I/O.

use std::collections::BTreeMap;

use lanyard_core::model::cluster::ProviderPolicy;
use lanyard_core::model::spec::{DeletionPolicy, DriftPolicy, ExistingTrust, Method, PodRestart};

use crate::class::{
    DefaultsSpec, ExistingRow, GuardrailsSpec, InlineRow, NamespaceSelector, QueueSpec,
    WorkloadIdentityClass, WorkloadIdentityClassSpec,
};

/// A managed policy that grants read access to S3.
pub(super) const READ_S3: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";

/// A class with every field that is valid in the account of the operator.
#[must_use]
pub fn class() -> WorkloadIdentityClass {
    let spec = WorkloadIdentityClassSpec {
        aws: None,
        provider: Some(ProviderPolicy::Ensure),
        defaults: Some(defaults()),
        enforced_tags: BTreeMap::from([("cost-center".to_owned(), "42".to_owned())]),
        guardrails: Some(guardrails()),
        transition: Some(QueueSpec {
            max_concurrent: Some(5),
            pause_after_failures: Some(1),
            soak: Some("0s".to_owned()),
            fail_after: Some("10m".to_owned()),
            paused: false,
        }),
    };
    WorkloadIdentityClass::new("every-field", spec)
}

fn defaults() -> DefaultsSpec {
    DefaultsSpec {
        method: Some(Method::PodIdentity),
        drift_policy: Some(DriftPolicy::Correct),
        deletion_policy: Some(DeletionPolicy::Delete),
        pod_restart: Some(PodRestart::Never),
        role_path: Some("/tenants/".to_owned()),
        role_name_prefix: Some("tenant-".to_owned()),
        max_session_duration: Some("1h".to_owned()),
    }
}

fn guardrails() -> GuardrailsSpec {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    GuardrailsSpec {
        namespace_selector: Some(NamespaceSelector {
            match_labels: BTreeMap::from([("tier".to_owned(), "tenant".to_owned())]),
            ..NamespaceSelector::default()
        }),
        methods: vec![Method::Irsa, Method::PodIdentity],
        policy_arns: texts(&[READ_S3, "arn:aws:iam::*:policy/{namespace}/*"]),
        inline: vec![InlineRow {
            actions: texts(&["s3:Get*", "s3:List*"]),
            resources: texts(&[
                "arn:aws:s3:::{namespace}.*",
                "arn:aws:s3:::checkout/*",
                "arn:aws:s3:::reports/*",
                "arn:aws:s3:::search/*",
            ]),
        }],
        role_names: texts(&["{namespace}.*", "*-prod"]),
        existing_roles: vec![ExistingRow {
            arn: "arn:aws:iam::*:role/finance/*".to_owned(),
            trust: Some(ExistingTrust::Manage),
        }],
        target_role_arns: texts(&["arn:aws:iam::444455556666:role/*-data"]),
        tag_keys: texts(&["team"]),
        audiences: texts(&["vault.{namespace}"]),
        adopt: texts(&["arn:aws:iam::*:role/legacy/{namespace}/*"]),
        permissions_boundary_arn: Some("arn:aws:iam::111122223333:policy/tenant".to_owned()),
        max_session_duration: Some("4h".to_owned()),
    }
}
