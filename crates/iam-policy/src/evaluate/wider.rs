//! Who else a trust policy lets in, found by asking it again for somebody else.
//! A trust document and an admitted request in, remarks out; no I/O. Called by `evaluate`.

use super::{Decision, TrustRequest, decide, judge_all};
use crate::document::Document;

/// A name that nobody has and no sensible pattern is made for.
const NOBODY: &str = "zz-7c1f0a9e-nobody";

/// Remarks on an admission by these statements, each as the end of a sentence that begins with "it admits".
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
        let judged = judge_all(trust, request, action);
        by.iter()
            .filter_map(|&index| judged.get(index))
            .any(|judged| judged.applies() && judged.anyone)
    })
}

/// The widest of the circles of ServiceAccounts that are let in.
fn subjects(request: &TrustRequest, admitted: impl Fn(&TrustRequest) -> bool) -> Option<String> {
    let (namespace, name) = request.subject();
    if admitted(&request.for_subject(NOBODY, NOBODY)) {
        return Some("every ServiceAccount of the cluster".to_owned());
    }
    if admitted(&request.for_subject(namespace, NOBODY)) {
        return Some(format!("every ServiceAccount of the namespace {namespace}"));
    }
    if admitted(&request.for_subject(NOBODY, name)) {
        return Some(format!("the ServiceAccounts named {name} of every namespace"));
    }
    let alike = [
        (namespace.to_owned(), format!("{name}{NOBODY}")),
        (namespace.to_owned(), format!("{NOBODY}{name}")),
        (format!("{namespace}{NOBODY}"), name.to_owned()),
        (format!("{NOBODY}{namespace}"), name.to_owned()),
    ];
    let pattern = alike
        .iter()
        .any(|(namespace, name)| admitted(&request.for_subject(namespace, name)));
    pattern.then(|| "other ServiceAccounts that its wildcards fit".to_owned())
}

fn with_audience(request: &TrustRequest) -> TrustRequest {
    let mut request = request.clone();
    if let TrustRequest::Irsa { audience, .. } = &mut request {
        NOBODY.clone_into(audience);
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
        *cluster_arn = format!("{head}/{NOBODY}");
        NOBODY.clone_into(cluster_name);
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

    /// The same request of another ServiceAccount.
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
