//! The other principals that a trust policy admits, found by evaluating the policy for other subjects. Input: a trust
//! document and an admitted request; output: remarks. No I/O.

use crate::document::Document;
use crate::evaluate::decision::{Decision, decide, evaluate_statements};
use crate::evaluate::request::TrustRequest;

/// A name that no subject has and that no sensible pattern matches.
const UNUSED_NAME: &str = "zz-7c1f0a9e-unused";

/// The remarks on an admission by these statements, each as the end of a sentence that begins with "it admits".
pub(super) fn remarks(trust: &Document, request: &TrustRequest, by: &[usize]) -> Vec<String> {
    let admitted = |request: &TrustRequest| matches!(decide(trust, request), Decision::Admitted(_));
    let mut remarks = Vec::new();
    if names_anyone(trust, request, by) {
        remarks.push("any principal that meets its conditions".to_owned());
    }
    remarks.extend(subjects(request, admitted));
    match request {
        TrustRequest::Irsa { .. } if admitted(&with_audience(request)) => {
            remarks.push("tokens for any audience".to_owned());
        }
        TrustRequest::PodIdentity { .. } if admitted(&from_other_cluster(request)) => {
            remarks.push("other clusters too".to_owned());
        }
        _ => {}
    }
    remarks
}

fn names_anyone(trust: &Document, request: &TrustRequest, by: &[usize]) -> bool {
    request.actions().iter().any(|action| {
        let results = evaluate_statements(trust, request, action);
        by.iter()
            .filter_map(|&index| results.get(index))
            .any(|result| result.applies() && result.anyone)
    })
}

/// The widest set of ServiceAccounts that is admitted.
fn subjects(request: &TrustRequest, admitted: impl Fn(&TrustRequest) -> bool) -> Option<String> {
    let (namespace, name) = request.subject();
    if admitted(&request.for_subject(UNUSED_NAME, UNUSED_NAME)) {
        return Some("every ServiceAccount of the cluster".to_owned());
    }
    if admitted(&request.for_subject(namespace, UNUSED_NAME)) {
        return Some(format!("every ServiceAccount of the namespace {namespace}"));
    }
    if admitted(&request.for_subject(UNUSED_NAME, name)) {
        return Some(format!("the ServiceAccounts named {name} of every namespace"));
    }
    let alike = [
        (namespace.to_owned(), format!("{name}{UNUSED_NAME}")),
        (namespace.to_owned(), format!("{UNUSED_NAME}{name}")),
        (format!("{namespace}{UNUSED_NAME}"), name.to_owned()),
        (format!("{UNUSED_NAME}{namespace}"), name.to_owned()),
    ];
    let pattern = alike
        .iter()
        .any(|(namespace, name)| admitted(&request.for_subject(namespace, name)));
    pattern.then(|| "other ServiceAccounts that its wildcards match".to_owned())
}

fn with_audience(request: &TrustRequest) -> TrustRequest {
    let mut request = request.clone();
    if let TrustRequest::Irsa { audience, .. } = &mut request {
        UNUSED_NAME.clone_into(audience);
    }
    request
}

fn from_other_cluster(request: &TrustRequest) -> TrustRequest {
    let mut request = request.clone();
    if let TrustRequest::PodIdentity {
        cluster_arn,
        cluster_name,
        ..
    } = &mut request
    {
        let head = cluster_arn.rsplit_once('/').map_or("", |(head, _)| head);
        *cluster_arn = format!("{head}/{UNUSED_NAME}");
        UNUSED_NAME.clone_into(cluster_name);
    }
    request
}

impl TrustRequest {
    fn subject(&self) -> (&str, &str) {
        match self {
            Self::Irsa {
                namespace,
                service_account,
                ..
            }
            | Self::PodIdentity {
                namespace,
                service_account,
                ..
            } => (namespace, service_account),
        }
    }

    /// The same request for another ServiceAccount.
    fn for_subject(&self, other_namespace: &str, other_name: &str) -> Self {
        let mut request = self.clone();
        match &mut request {
            Self::Irsa {
                namespace,
                service_account,
                ..
            }
            | Self::PodIdentity {
                namespace,
                service_account,
                ..
            } => {
                other_namespace.clone_into(namespace);
                other_name.clone_into(service_account);
            }
        }
        request
    }
}
