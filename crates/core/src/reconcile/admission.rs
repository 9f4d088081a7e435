//! Whether a trust policy lets a subject in by a binding, judged by effect and not by form.
//! A trust document and who asks in, the policy evaluator's judgement out; no I/O. Used by `stage`, `plan` and `summarise`.

use crate::model::binding::{Binding, MethodSettings};
use crate::model::cluster::Cluster;
use crate::model::subject::Subject;
use lanyard_iam_policy::{Admission, Document, TrustRequest, admits};

/// Who asks to be let in, and how.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who.
    pub subject: &'a Subject,
    /// From where.
    pub cluster: &'a Cluster,
    /// By which binding.
    pub binding: &'a Binding,
}

/// What a trust policy does with a pod that asks to be let in.
#[must_use]
pub fn admission(trust: &Document, request: Request<'_>) -> Admission {
    let (subject, cluster) = (request.subject, request.cluster);
    let namespace = subject.namespace.to_string();
    let service_account = subject.name.to_string();
    let request = match &request.binding.settings {
        MethodSettings::Irsa { issuer, audience } => TrustRequest::Irsa {
            provider_arn: request.binding.provider_arn().unwrap_or_default(),
            issuer: issuer.host_and_path().to_owned(),
            audience: audience.to_string(),
            namespace,
            service_account,
        },
        MethodSettings::PodIdentity { session_tags, .. } => TrustRequest::PodIdentity {
            cluster_arn: cluster.identity.to_string(),
            cluster_name: cluster.eks_name().map(ToString::to_string).unwrap_or_default(),
            account: cluster.account.to_string(),
            namespace,
            service_account,
            session_tags: *session_tags,
        },
    };
    admits(trust, &request)
}

/// Whether the binding may rest on this trust: what cannot be told from outside is left to AWS to judge.
#[must_use]
pub fn lets_in(trust: &Document, request: Request<'_>) -> bool {
    matches!(
        admission(trust, request),
        Admission::Admitted { .. } | Admission::Undecided { .. }
    )
}
