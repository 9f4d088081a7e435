//! The request of a pod for the role: actions, principal and condition keys. Input: names and ARNs; output: the value
//! of a condition key, if it is known. No I/O.

use std::collections::BTreeSet;

use crate::trust::{POD_IDENTITY_SERVICE, token_subject};

/// The request, by method. ARNs and names are in the form of AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustRequest {
    /// A ServiceAccount token that the pod presents to STS (docs/dev/aws-behaviour.md#irsa-trust).
    Irsa {
        /// The ARN of the IAM OIDC provider.
        provider_arn: String,
        /// The URL of the issuer without `https://`.
        issuer: String,
        /// The audience of the token.
        audience: String,
        /// The namespace of the ServiceAccount.
        namespace: String,
        /// The name of the ServiceAccount.
        service_account: String,
    },
    /// EKS assumes the role on behalf of the pod (docs/dev/aws-behaviour.md#session-tags).
    PodIdentity {
        /// The ARN of the cluster.
        cluster_arn: String,
        /// The name of the cluster.
        cluster_name: String,
        /// The account ID of the cluster.
        account: String,
        /// The namespace of the ServiceAccount.
        namespace: String,
        /// The name of the ServiceAccount.
        service_account: String,
        /// True if the association sends session tags.
        session_tags: bool,
    },
}

/// The principal of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Principal<'a> {
    /// The OIDC provider of this ARN.
    Federated(&'a str),
    Service(&'a str),
}

/// The known value of a condition key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known {
    One(String),
    /// A key that evaluate_test several values.
    Many(BTreeSet<String>),
    /// The key exists, but its value is not known.
    Present,
    /// The value is not known, but it is that of this policy variable, in lower case.
    Variable(&'static str),
    Absent,
    Unknown,
}

/// All six session tags of Pod Identity (docs/dev/aws-behaviour.md#session-tags).
const SESSION_TAGS: [&str; 6] = [
    "eks-cluster-arn",
    "eks-cluster-name",
    "kubernetes-namespace",
    "kubernetes-service-account",
    "kubernetes-pod-name",
    "kubernetes-pod-uid",
];

impl Principal<'_> {
    /// The type of the principal in policies.
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
    /// The actions that must all be allowed. EKS requires `sts:TagSession` even if no tags are sent
    /// (docs/dev/aws-behaviour.md#association-errors).
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

    /// The known value of a condition key, ignoring case.
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
                    // A ServiceAccount token cannot carry session tags (docs/dev/aws-behaviour.md#irsa-trust).
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
                // EKS requires the role to be in the account of the cluster, so both are in the same organization.
                "aws:sourceorgid" => Known::Variable("${aws:resourceorgid}"),
                "aws:tagkeys" if *session_tags => Known::Many(SESSION_TAGS.map(str::to_owned).into()),
                "aws:tagkeys" => Known::Absent,
                _ => Known::Unknown,
            },
        }
    }

    /// The value of a policy variable such as `${aws:ResourceAccount}`, ignoring case. Returns `None` if it is not known.
    pub(super) fn variable(&self, variable: &str) -> Option<String> {
        let Self::PodIdentity { account, .. } = self else {
            return None;
        };
        let accounts = ["${aws:resourceaccount}", "${aws:sourceaccount}"];
        let mut known = accounts.iter();
        known
            .any(|known| variable.eq_ignore_ascii_case(known))
            .then(|| account.clone())
    }

    /// The value of a session tag: EKS sends these six tags and no others (docs/dev/aws-behaviour.md#session-tags).
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
