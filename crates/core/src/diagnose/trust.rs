//! Rules on the trust policy of the role. One evaluation has one result, and the rule of its cause reports it. Evidence in,
//! verdicts out; no I/O.

use lanyard_iam_policy::{Admission, Document, Gap, Statement};

use super::code::Code;
use super::evidence::Evidence;
use super::verdict::{Detail, Verdict};
use crate::model::fact::Fact;
use crate::model::text::quote;
use crate::reconcile::admission::{Request, admission, gap, trust_digest};

/// No statement for the OIDC provider of the cluster.
pub(super) fn no_statement(evidence: &Evidence<'_>) -> Verdict {
    rule(evidence, true, Code::Ly203)
}

/// The namespace or the name of the ServiceAccount.
pub(super) fn subject(evidence: &Evidence<'_>) -> Verdict {
    rule(evidence, true, Code::Ly204)
}

/// The audience.
pub(super) fn audience(evidence: &Evidence<'_>) -> Verdict {
    rule(evidence, true, Code::Ly205)
}

/// A statement that denies, or a condition of another key.
pub(super) fn exclusion(evidence: &Evidence<'_>) -> Verdict {
    judge(evidence, Code::Ly206)
}

/// No statement for Pod Identity with both actions.
pub(super) fn no_pod_identity(evidence: &Evidence<'_>) -> Verdict {
    rule(evidence, false, Code::Ly303)
}

/// A condition that no request of EKS meets.
pub(super) fn pod_identity_condition(evidence: &Evidence<'_>) -> Verdict {
    rule(evidence, false, Code::Ly304)
}

fn rule(evidence: &Evidence<'_>, irsa: bool, code: Code) -> Verdict {
    match evidence.binding.is_irsa() == irsa {
        true => judge(evidence, code),
        false => Verdict::Skipped,
    }
}

/// The result of the rule: a finding if it is the rule of the cause, and skipped if another rule reports it.
fn judge(evidence: &Evidence<'_>, code: Code) -> Verdict {
    let facts = evidence.observed.role(&evidence.binding.role_arn);
    let trust = match facts.own_trust() {
        Fact::Present(trust) => trust,
        // The rule on the role reports it.
        Fact::Absent => return Verdict::Skipped,
        Fact::Unreadable(error) => {
            return Verdict::unread(source(evidence), &error);
        }
    };
    match cause(evidence, trust) {
        None => Verdict::Ok,
        Some((cause, verdict)) if cause == code => verdict,
        // A later rule depends on what this one reports.
        Some((cause, _)) if cause < code => Verdict::Skipped,
        Some(_) => Verdict::Ok,
    }
}

fn source(evidence: &Evidence<'_>) -> String {
    format!("trust policy of {}", evidence.binding.role_arn)
}

/// The rule that reports why the trust policy does not admit the pods. Returns `None` if it admits them.
fn cause(evidence: &Evidence<'_>, trust: &Document) -> Option<(Code, Verdict)> {
    let Evidence {
        subject,
        cluster,
        binding,
        observed,
        ..
    } = *evidence;
    let request = Request {
        subject,
        cluster,
        binding,
    };
    let detail = |observed: String| Detail {
        source: source(evidence),
        expected: format!("a statement that admits {subject} by {}", binding.method()),
        observed,
        command: format!("kubectl lanyard trust {} -n {}", subject.name, subject.namespace),
    };
    match admission(trust, request) {
        Admission::Admitted { .. } => None,
        Admission::Denied { statement, reason } => {
            let fault = Verdict::Fault(detail(format!("{statement}: {reason}")));
            Some((Code::Ly206, fault))
        }
        Admission::NotAdmitted { nearest } => {
            let code = code(binding.is_irsa(), gap(trust, request));
            let nearest = nearest.unwrap_or_else(|| "no statement is near it".to_owned());
            let other = other_provider(trust).filter(|_| code == Code::Ly203);
            let nearest = other.map_or_else(
                || nearest.clone(),
                |other| {
                    format!(
                        "{nearest} It names {}, of another cluster or of one that was re-created.",
                        quote(other)
                    )
                },
            );
            Some((code, Verdict::Fault(detail(nearest))))
        }
        Admission::Undecided { reason } => {
            let digest = trust_digest(trust);
            if observed.object.verified_trust.as_ref() == Some(&digest) {
                return None;
            }
            let warning = Detail {
                command: format!("kubectl lanyard verify {} -n {}", subject.name, subject.namespace),
                ..detail(reason)
            };
            Some((Code::Ly206, Verdict::Warning(warning)))
        }
    }
}

/// The first OIDC provider that a statement names. A role that was made for another cluster has one.
fn other_provider(trust: &Document) -> Option<&str> {
    let mut named = trust.statements().iter().filter_map(federated);
    named.find(|principal| principal.contains(":oidc-provider/"))
}

fn federated(statement: &Statement) -> Option<&str> {
    statement.value().get("Principal")?.get("Federated")?.as_str()
}

/// The rule of a gap.
fn code(is_irsa: bool, gap: Option<Gap>) -> Code {
    let keys = match (is_irsa, gap) {
        (true, Some(Gap::Keys(keys))) => keys,
        (false, Some(Gap::Keys(_))) => return Code::Ly304,
        (true, None | Some(Gap::Principal | Gap::Action(_))) => return Code::Ly203,
        (false, None | Some(Gap::Principal | Gap::Action(_))) => return Code::Ly303,
    };
    let has = |end: &str| keys.iter().any(|key| key.to_ascii_lowercase().ends_with(end));
    match (has(":sub"), has(":aud")) {
        (true, _) => Code::Ly204,
        (false, true) => Code::Ly205,
        (false, false) => Code::Ly206,
    }
}
