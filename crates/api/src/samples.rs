//! Valid WorkloadIdentities: the source of `config/samples/`, and starting points for tests and the demo.
//! Input: nothing. Output: objects. No I/O.

use std::collections::BTreeMap;

use lanyard_core::model::spec::{DeletionPolicy, DriftPolicy, ExistingTrust, Method, PodRestart};
use serde_json::{Value, json};

use crate::spec::{
    ExistingRole, InlinePolicy, IrsaSpec, ManagedRole, PodIdentitySpec, RoleSpec, ServiceAccountSpec,
    TransitionSpec, WorkloadIdentity, WorkloadIdentitySpec,
};

mod class;

use class::READ_S3;
pub use class::class;

/// One sample.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The name of the file, without extension.
    pub file: &'static str,
    /// The comment at the top of the file: one or two sentences.
    pub about: &'static str,
    /// The object.
    pub identity: WorkloadIdentity,
}

/// Every sample, the simplest first.
#[must_use]
pub fn all() -> Vec<Sample> {
    vec![
        Sample {
            file: "pod-identity",
            about: "A managed role for the ServiceAccount orders, by EKS Pod Identity.",
            identity: pod_identity(),
        },
        Sample {
            file: "irsa",
            about: "A managed role for the ServiceAccount reports, by IRSA.",
            identity: irsa(),
        },
        Sample {
            file: "existing-role",
            about: "An existing role for the ServiceAccount billing. Lanyard reports the statement that is missing in its trust policy and does not change the policy.",
            identity: existing_role(),
        },
        Sample {
            file: "shared-role",
            about: "An existing role for the ServiceAccount invoices. Lanyard maintains a statement in its trust policy, shared by all identities of the namespace that use the role.",
            identity: shared_role(),
        },
        Sample {
            file: "everything-pod-identity",
            about: "Every field that is valid with method PodIdentity. Suspended, so that applying it unmodified changes nothing.",
            identity: everything_pod_identity(),
        },
        Sample {
            file: "everything-irsa",
            about: "Every field that is valid with method IRSA. Suspended, so that applying it unmodified changes nothing.",
            identity: everything_irsa(),
        },
    ]
}

/// A managed role with read access to S3, by Pod Identity.
#[must_use]
pub fn pod_identity() -> WorkloadIdentity {
    WorkloadIdentity::new(
        "orders",
        WorkloadIdentitySpec {
            service_account: Some(ServiceAccountSpec { create: true }),
            method: Some(Method::PodIdentity),
            role: managed(ManagedRole {
                policy_arns: vec![READ_S3.to_owned()],
                ..ManagedRole::default()
            }),
            ..WorkloadIdentitySpec::default()
        },
    )
}

/// A managed role with one inline policy, by IRSA.
#[must_use]
pub fn irsa() -> WorkloadIdentity {
    WorkloadIdentity::new(
        "reports",
        WorkloadIdentitySpec {
            service_account: Some(ServiceAccountSpec { create: true }),
            method: Some(Method::Irsa),
            role: managed(ManagedRole {
                inline_policies: vec![read_bucket("reports")],
                ..ManagedRole::default()
            }),
            ..WorkloadIdentitySpec::default()
        },
    )
}

/// An existing role whose trust policy is only checked.
#[must_use]
pub fn existing_role() -> WorkloadIdentity {
    WorkloadIdentity::new("billing", existing(ExistingTrust::Check))
}

/// An existing role in whose trust policy Lanyard maintains a statement.
#[must_use]
pub fn shared_role() -> WorkloadIdentity {
    WorkloadIdentity::new("invoices", existing(ExistingTrust::Manage))
}

fn existing(trust: ExistingTrust) -> WorkloadIdentitySpec {
    WorkloadIdentitySpec {
        role: RoleSpec {
            managed: None,
            existing: Some(ExistingRole {
                arn: "arn:aws:iam::111122223333:role/finance/billing".to_owned(),
                trust: Some(trust),
            }),
        },
        ..WorkloadIdentitySpec::default()
    }
}

/// Every field that is valid with Pod Identity.
#[must_use]
pub fn everything_pod_identity() -> WorkloadIdentity {
    WorkloadIdentity::new(
        "checkout",
        WorkloadIdentitySpec {
            method: Some(Method::PodIdentity),
            pod_identity: Some(PodIdentitySpec {
                target_role_arn: Some("arn:aws:iam::444455556666:role/checkout-data".to_owned()),
                disable_session_tags: true,
                session_policy: Some(document("s3:GetObject", "arn:aws:s3:::checkout-data/*")),
            }),
            ..everything("checkout")
        },
    )
}

/// Every field that is valid with IRSA.
#[must_use]
pub fn everything_irsa() -> WorkloadIdentity {
    WorkloadIdentity::new(
        "search",
        WorkloadIdentitySpec {
            method: Some(Method::Irsa),
            irsa: Some(IrsaSpec {
                audience: Some("sts.amazonaws.com".to_owned()),
                token_expiration: Some("12h".to_owned()),
                sts_regional_endpoints: Some(true),
            }),
            ..everything("search")
        },
    )
}

fn everything(name: &str) -> WorkloadIdentitySpec {
    WorkloadIdentitySpec {
        class_name: Some("default".to_owned()),
        service_account: Some(ServiceAccountSpec { create: true }),
        role: managed(ManagedRole {
            name: Some(format!("{name}-prod")),
            description: Some(format!("Permissions of {name} in production")),
            max_session_duration: Some("1h30m".to_owned()),
            permissions_boundary_arn: Some("arn:aws:iam::111122223333:policy/tenant".to_owned()),
            policy_arns: vec![READ_S3.to_owned()],
            inline_policies: vec![read_bucket(name)],
            tags: BTreeMap::from([("team".to_owned(), "shop".to_owned())]),
        }),
        drift_policy: Some(DriftPolicy::Report),
        deletion_policy: Some(DeletionPolicy::Retain),
        pod_restart: Some(PodRestart::Rollout),
        transition: Some(TransitionSpec { paused: true }),
        suspend: true,
        ..WorkloadIdentitySpec::default()
    }
}

fn managed(role: ManagedRole) -> RoleSpec {
    RoleSpec {
        managed: Some(role),
        existing: None,
    }
}

fn read_bucket(name: &str) -> InlinePolicy {
    InlinePolicy {
        name: "bucket".to_owned(),
        document: document("s3:GetObject", &format!("arn:aws:s3:::{name}/*")),
    }
}

fn document(action: &str, resource: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": [action], "Resource": [resource]}],
    })
}
