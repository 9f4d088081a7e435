//! Rules on the role: its existence, its OIDC provider and its trust policy. Evidence in, verdicts out; no I/O.

use lanyard_iam_policy::Admission;

use super::evidence::Evidence;
use super::shell::word;
use super::verdict::{Detail, Verdict};
use crate::model::binding::MethodSettings;
use crate::model::fact::Fact;
use crate::model::text::quote;
use crate::reconcile::admission::{Request, admission};

/// The value of a resource that does not exist.
pub(super) const ABSENT: &str = "it does not exist";

pub(super) fn exists(evidence: &Evidence<'_>) -> Verdict {
    let arn = &evidence.binding.role_arn;
    let facts = evidence.observed.role(arn);
    let source = format!("role {arn}");
    let plan = plan_command(evidence);
    match (&facts.elsewhere, &facts.id) {
        (Some(other), _) => Verdict::fault(
            source,
            arn,
            format!("a role of this name has the ARN {other}"),
            plan,
        ),
        (None, Fact::Present(_)) => Verdict::Ok,
        (None, Fact::Absent) => Verdict::fault(source, "the role", ABSENT, plan),
        (None, Fact::Unreadable(error)) => Verdict::unread(source, error),
    }
}

fn plan_command(evidence: &Evidence<'_>) -> String {
    let subject = evidence.subject;
    format!("kubectl lanyard plan {} -n {}", subject.name, subject.namespace)
}

pub(super) fn provider(evidence: &Evidence<'_>) -> Verdict {
    let MethodSettings::Irsa { issuer, audience } = &evidence.binding.settings else {
        return Verdict::Skipped;
    };
    let source = provider_source(evidence);
    match &evidence.observed.provider {
        Fact::Present(_) => Verdict::Ok,
        Fact::Unreadable(error) => Verdict::unread(source, error),
        Fact::Absent => {
            let (issuer, audience) = (word(issuer.as_str()), word(audience.as_str()));
            let command =
                format!("aws iam create-open-id-connect-provider --url {issuer} --client-id-list {audience}");
            Verdict::fault(
                source,
                "the provider of the issuer of the cluster",
                ABSENT,
                command,
            )
        }
    }
}

pub(super) fn audience(evidence: &Evidence<'_>) -> Verdict {
    let MethodSettings::Irsa { audience, .. } = &evidence.binding.settings else {
        return Verdict::Skipped;
    };
    let source = provider_source(evidence);
    match &evidence.observed.provider {
        Fact::Present(provider) if provider.client_ids.contains(audience.as_str()) => Verdict::Ok,
        Fact::Present(provider) => {
            let known: Vec<&str> = provider.client_ids.iter().map(String::as_str).collect();
            let arn = evidence.binding.provider_arn().unwrap_or_default();
            let command = format!(
                "aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn {} --client-id {}",
                word(&arn),
                word(audience.as_str())
            );
            let observed = format!("it accepts only {}", quote(&known.join(", ")));
            Verdict::fault(source, format!("audience {audience}"), observed, command)
        }
        Fact::Unreadable(error) => Verdict::unread(source, error),
        Fact::Absent => Verdict::Skipped,
    }
}

fn provider_source(evidence: &Evidence<'_>) -> String {
    format!(
        "OIDC provider {}",
        evidence.binding.provider_arn().unwrap_or_default()
    )
}

pub(super) fn trust_of_tokens(evidence: &Evidence<'_>) -> Verdict {
    match evidence.binding.is_irsa() {
        true => trust(evidence),
        false => Verdict::Skipped,
    }
}

pub(super) fn trust_of_pod_identity(evidence: &Evidence<'_>) -> Verdict {
    match evidence.binding.is_irsa() {
        true => Verdict::Skipped,
        false => trust(evidence),
    }
}

fn trust(evidence: &Evidence<'_>) -> Verdict {
    let Evidence {
        subject,
        cluster,
        binding,
        observed,
    } = *evidence;
    let facts = observed.role(&binding.role_arn);
    let source = format!("trust policy of {}", binding.role_arn);
    let trust = match facts.own_trust() {
        Fact::Present(trust) => trust,
        // The rule on the role reports it.
        Fact::Absent => return Verdict::Skipped,
        Fact::Unreadable(error) => return Verdict::unread(source, &error),
    };
    let detail = |observed: String| Detail {
        source,
        expected: format!("a statement that admits {subject} by {}", binding.method()),
        observed,
        command: format!("kubectl lanyard trust {} -n {}", subject.name, subject.namespace),
    };
    match admission(
        trust,
        Request {
            subject,
            cluster,
            binding,
        },
    ) {
        Admission::Admitted { .. } => Verdict::Ok,
        Admission::Denied { statement, reason } => {
            Verdict::Fault(detail(format!("statement {statement}: {reason}")))
        }
        Admission::NotAdmitted { nearest } => Verdict::Fault(detail(
            nearest.unwrap_or_else(|| "no statement is near it".to_owned()),
        )),
        Admission::Undecided { reason } => Verdict::Warning(detail(reason)),
    }
}
