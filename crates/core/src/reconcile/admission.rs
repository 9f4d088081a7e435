//! Evaluates whether a trust policy admits a subject by a binding, by its effect and not by its form.
//! Inputs are a trust document and a request; the output is the result of the policy evaluator. No I/O.

use crate::model::binding::{Binding, MethodSettings};
use crate::model::cluster::Cluster;
use crate::model::field::Value;
use crate::model::subject::Subject;
use lanyard_iam_policy::{Admission, Document, Gap, TrustRequest, admits};

/// A request for admission by a trust policy.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The subject.
    pub subject: &'a Subject,
    /// The cluster of the subject.
    pub cluster: &'a Cluster,
    /// The binding.
    pub binding: &'a Binding,
}

/// Evaluates the request of a pod against a trust policy.
#[must_use]
pub fn admission(trust: &Document, request: Request<'_>) -> Admission {
    admits(trust, &trust_request(request))
}

/// The part of the nearest statement of a trust policy that does not admit the request of a pod. Returns `None` if the
/// request is admitted, denied or not decided.
#[must_use]
pub fn gap(trust: &Document, request: Request<'_>) -> Option<Gap> {
    lanyard_iam_policy::gap(trust, &trust_request(request))
}

fn trust_request(request: Request<'_>) -> TrustRequest {
    let (subject, cluster) = (request.subject, request.cluster);
    let namespace = subject.namespace.to_string();
    let service_account = subject.name.to_string();
    match &request.binding.settings {
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
    }
}

/// The value by which a user states that this trust policy admits the subject: a digest, so that the statement does not
/// hold for another policy.
#[must_use]
pub fn trust_digest(trust: &Document) -> String {
    Value::document(trust).digest
}

/// Returns true if the trust policy admits the request, or if only AWS can decide and a user verified this policy.
#[must_use]
pub fn is_admitted(trust: &Document, request: Request<'_>, verified: Option<&str>) -> bool {
    match admission(trust, request) {
        Admission::Admitted { .. } => true,
        Admission::Undecided { .. } => verified == Some(trust_digest(trust).as_str()),
        Admission::Denied { .. } | Admission::NotAdmitted { .. } => false,
    }
}

/// Returns true if the trust policy admits the request, or if only AWS can decide.
#[must_use]
pub fn may_admit(trust: &Document, request: Request<'_>) -> bool {
    matches!(
        admission(trust, request),
        Admission::Admitted { .. } | Admission::Undecided { .. }
    )
}
