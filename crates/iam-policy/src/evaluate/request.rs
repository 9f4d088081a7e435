//! What a pod of the subject presents when it asks for the role: actions, principal and condition keys.
//! Names and ARNs in, the value of a condition key out, as far as it is known; no I/O. Called by `evaluate`.

use std::collections::BTreeSet;

use crate::trust::{POD_IDENTITY_SERVICE, token_subject};

/// What is presented, by method. ARNs and names are as AWS writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustRequest {
    /// A ServiceAccount's token, given to STS by the pod itself (docs/dev/aws-behaviour.md#irsa-trust).
    Irsa {
        /// The ARN of the IAM OIDC provider.
        provider_arn: String,
        /// The issuer's URL without `https://`.
        issuer: String,
        /// The token's audience.
        audience: String,
        /// The ServiceAccount's namespace.
        namespace: String,
        /// The ServiceAccount's name.
        service_account: String,
    },
    /// The role assumed by EKS on behalf of the pod (docs/dev/aws-behaviour.md#session-tags).
    PodIdentity {
        /// The cluster's ARN.
        cluster_arn: String,
        /// The cluster's name.
        cluster_name: String,
        /// The cluster's account id.
        account: String,
        /// The ServiceAccount's namespace.
        namespace: String,
        /// The ServiceAccount's name.
        service_account: String,
        /// Whether the association sends session tags.
        session_tags: bool,
    },
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Principal<'a> {
    /// The OIDC provider of this ARN.
    Federated(&'a str),
    Service(&'a str),
}

/// What is known of a condition key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known {
    One(String),
    /// A key that holds several values.
    Many(BTreeSet<String>),
    /// It is there, with a value that is not known here.
    Present,
    Absent,
    Unknown,
}

/// The session tags of Pod Identity, all six (docs/dev/aws-behaviour.md#session-tags).
const SESSION_TAGS: [&str; 6] = [
    "eks-cluster-arn",
    "eks-cluster-name",
    "kubernetes-namespace",
    "kubernetes-service-account",
    "kubernetes-pod-name",
    "kubernetes-pod-uid",
];

impl Principal<'_> {
    /// The type of the principal, as policies write it.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Federated(_) => "Federated",
            Self::Service(_) => "Service",
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Federated(name) | Self::Service(name) => name,
        }
    }
}

impl TrustRequest {
    /// The actions that all have to be allowed. EKS asks for `sts:TagSession` even where no tags are sent (docs/dev/aws-behaviour.md#association-errors).
    pub(super) fn actions(&self) -> &'static [&'static str] {
        match self {
            Self::Irsa { .. } => &["sts:AssumeRoleWithWebIdentity"],
            Self::PodIdentity { .. } => &["sts:AssumeRole", "sts:TagSession"],
        }
    }

    pub(super) fn principal(&self) -> Principal<'_> {
        match self {
            Self::Irsa { provider_arn, .. } => Principal::Federated(provider_arn),
            Self::PodIdentity { .. } => Principal::Service(POD_IDENTITY_SERVICE),
        }
    }

    /// What is known of a condition key, whatever its case.
    pub(super) fn known(&self, key: &str) -> Known {
        let key = key.to_ascii_lowercase();
        let tag = key.strip_prefix("aws:requesttag/");
        match (self, tag) {
            (
                Self::Irsa {
                    issuer,
                    audience,
                    namespace,
                    service_account,
                    ..
                },
                None,
            ) => {
                let claim = key.strip_prefix(&issuer.to_ascii_lowercase());
                match claim {
                    Some(":sub") => Known::One(token_subject(namespace, service_account)),
                    Some(":aud") => Known::One(audience.clone()),
                    // A ServiceAccount's token can't carry session tags (docs/dev/aws-behaviour.md#irsa-trust).
                    _ if key == "aws:tagkeys" => Known::Absent,
                    _ => Known::Unknown,
                }
            }
            (Self::Irsa { .. }, Some(_)) => Known::Absent,
            (
                Self::PodIdentity {
                    session_tags: false, ..
                },
                Some(_),
            ) => Known::Absent,
            (Self::PodIdentity { .. }, Some(tag)) => self.session_tag(tag),
            (
                Self::PodIdentity {
                    cluster_arn,
                    account,
                    session_tags,
                    ..
                },
                None,
            ) => match key.as_str() {
                "aws:sourcearn" => Known::One(cluster_arn.clone()),
                "aws:sourceaccount" => Known::One(account.clone()),
                "aws:tagkeys" if *session_tags => Known::Many(SESSION_TAGS.map(str::to_owned).into()),
                "aws:tagkeys" => Known::Absent,
                _ => Known::Unknown,
            },
        }
    }

    /// The value of a session tag: there are these six, and EKS can't add others (docs/dev/aws-behaviour.md#session-tags).
    fn session_tag(&self, tag: &str) -> Known {
        let Self::PodIdentity {
            cluster_arn,
            cluster_name,
            namespace,
            service_account,
            ..
        } = self
        else {
            return Known::Absent;
        };
        match tag {
            "eks-cluster-arn" => Known::One(cluster_arn.clone()),
            "eks-cluster-name" => Known::One(cluster_name.clone()),
            "kubernetes-namespace" => Known::One(namespace.clone()),
            "kubernetes-service-account" => Known::One(service_account.clone()),
            "kubernetes-pod-name" | "kubernetes-pod-uid" => Known::Present,
            _ => Known::Absent,
        }
    }
}
