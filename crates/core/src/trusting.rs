//! Whether a trust policy lets a subject in by a binding, judged by effect and not by form.
//! A trust document and what is wanted in, the policy evaluator's judgement out; no I/O. Used by `plan` and `summarise`.

use crate::binding::By;
use crate::desired::Wanted;
use crate::policy::{Admission, Document, TrustRequest, admits};

/// What a trust policy does with a pod that gets the wanted binding.
#[must_use]
pub fn admission(trust: &Document, wanted: &Wanted) -> Admission {
    let (subject, cluster) = (&wanted.subject, &wanted.cluster);
    let namespace = subject.namespace.to_string();
    let service_account = subject.name.to_string();
    let request = match &wanted.binding.by {
        By::Irsa { issuer, audience } => TrustRequest::Irsa {
            provider_arn: issuer.provider_arn(&cluster.partition, &cluster.account),
            issuer: issuer.host_and_path().to_owned(),
            audience: audience.to_string(),
            namespace,
            service_account,
        },
        By::PodIdentity { session_tags, .. } => TrustRequest::PodIdentity {
            cluster_arn: cluster.identity.to_string(),
            cluster_name: cluster.name.to_string(),
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
pub fn lets_in(trust: &Document, wanted: &Wanted) -> bool {
    matches!(
        admission(trust, wanted),
        Admission::Admitted { .. } | Admission::Undecided { .. }
    )
}
