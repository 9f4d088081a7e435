//! Rules on the binding in the cluster and in EKS: ServiceAccount, annotation and association. Evidence in, verdicts out; no
//! I/O.

use super::evidence::Evidence;
use super::role::ABSENT;
use super::verdict::{Detail, Verdict};
use crate::model::annotation::{ANNOTATION_ROLE_ARN, ANNOTATION_TOKEN_EXPIRATION};
use crate::model::fact::Fact;
use crate::model::observed::Association;
use crate::model::shell::word;
use crate::model::text::quote;

pub(super) fn service_account(evidence: &Evidence<'_>) -> Verdict {
    let subject = evidence.subject;
    let source = format!("ServiceAccount {subject}");
    match &evidence.observed.service_account {
        Fact::Present(_) => Verdict::Ok,
        Fact::Unreadable(error) => Verdict::unread(source, error),
        Fact::Absent => {
            let command = format!(
                "kubectl create serviceaccount {} -n {}",
                subject.name, subject.namespace
            );
            Verdict::fault(source, "the ServiceAccount", ABSENT, command)
        }
    }
}

pub(super) fn annotation(evidence: &Evidence<'_>) -> Verdict {
    let (subject, role) = (evidence.subject, &evidence.binding.role_arn);
    if !evidence.binding.is_irsa() {
        return Verdict::Skipped;
    }
    let source = format!("annotation {ANNOTATION_ROLE_ARN} of ServiceAccount {subject}");
    let account = match &evidence.observed.service_account {
        Fact::Present(account) => account,
        // The rule on the ServiceAccount reports it.
        Fact::Absent => return Verdict::Skipped,
        Fact::Unreadable(error) => return Verdict::unread(source, error),
    };
    let observed = match account.annotations.get(ANNOTATION_ROLE_ARN) {
        Some(annotation) if annotation.value == role.to_string() => return Verdict::Ok,
        Some(annotation) => format!("\"{}\"", quote(&annotation.value)),
        None => "no annotation".to_owned(),
    };
    let command = format!(
        "kubectl annotate serviceaccount {} -n {} --overwrite {ANNOTATION_ROLE_ARN}={}",
        subject.name,
        subject.namespace,
        word(&role.to_string())
    );
    Verdict::fault(source, role, observed, command)
}

/// New pods get the association, and ignore the annotation (docs/dev/aws-behaviour.md#webhook).
pub(super) fn both_forms(evidence: &Evidence<'_>) -> Verdict {
    let (role, observed) = (&evidence.binding.role_arn, evidence.observed);
    let source = format!("association of ServiceAccount {}", evidence.subject);
    match &observed.association {
        Fact::Present(association) if evidence.binding.is_irsa() => Verdict::Fault(Detail {
            source,
            expected: "no association, since the method is IRSA".to_owned(),
            observed: format!(
                "association {} with role {}",
                quote(&association.id),
                association.role_arn
            ),
            command: delete_association(evidence, association),
        }),
        Fact::Unreadable(error) => Verdict::unread(source, error),
        Fact::Present(_) | Fact::Absent => {
            let account = match &observed.service_account {
                Fact::Present(account) => Some(account),
                Fact::Absent => None,
                Fact::Unreadable(error) => return Verdict::unread(source, error),
            };
            let annotation = account.and_then(|account| account.annotations.get(ANNOTATION_ROLE_ARN));
            match annotation.filter(|annotation| annotation.value != role.to_string()) {
                Some(annotation) if !evidence.binding.is_irsa() => Verdict::Warning(Detail {
                    source: format!(
                        "annotation {ANNOTATION_ROLE_ARN} of ServiceAccount {}",
                        evidence.subject
                    ),
                    expected: format!("no annotation, or {role}"),
                    observed: format!("\"{}\"", quote(&annotation.value)),
                    command: format!(
                        "kubectl annotate serviceaccount {} -n {} {ANNOTATION_ROLE_ARN}-",
                        evidence.subject.name, evidence.subject.namespace
                    ),
                }),
                Some(_) | None => Verdict::Ok,
            }
        }
    }
}

pub(super) fn association(evidence: &Evidence<'_>) -> Verdict {
    let (subject, role) = (evidence.subject, &evidence.binding.role_arn);
    if evidence.binding.is_irsa() {
        return Verdict::Skipped;
    }
    let source = format!("association of ServiceAccount {subject}");
    let cluster = cluster_name(evidence);
    let arn = word(&role.to_string());
    match &evidence.observed.association {
        Fact::Present(association) if association.role_arn == *role => Verdict::Ok,
        Fact::Present(association) => {
            let command = match association.owner_arn.as_ref() {
                Some(_) => format!(
                    "aws eks describe-pod-identity-association --cluster-name {cluster} --association-id {}",
                    word(&association.id)
                ),
                None => format!(
                    "aws eks update-pod-identity-association --cluster-name {cluster} --association-id {} --role-arn {arn}",
                    word(&association.id)
                ),
            };
            let owner = association
                .owner_arn
                .as_ref()
                .map(|owner| format!("; it belongs to {}", quote(owner)));
            let observed = format!("role {}{}", association.role_arn, owner.unwrap_or_default());
            Verdict::fault(source, format!("role {role}"), observed, command)
        }
        Fact::Unreadable(error) => Verdict::unread(source, error),
        Fact::Absent => {
            let command = format!(
                "aws eks create-pod-identity-association --cluster-name {cluster} --namespace {} --service-account {} --role-arn {arn}",
                subject.namespace, subject.name
            );
            Verdict::fault(source, format!("role {role}"), ABSENT, command)
        }
    }
}

fn delete_association(evidence: &Evidence<'_>, association: &Association) -> String {
    let (cluster, id) = (cluster_name(evidence), word(&association.id));
    format!("aws eks delete-pod-identity-association --cluster-name {cluster} --association-id {id}")
}

/// The lifetime of a token that the webhook accepts, in seconds (docs/dev/aws-behaviour.md#webhook).
const LIFETIMES: std::ops::RangeInclusive<u64> = 600..=86_400;

pub(super) fn token_lifetime(evidence: &Evidence<'_>) -> Verdict {
    let subject = evidence.subject;
    let source = format!("annotation {ANNOTATION_TOKEN_EXPIRATION} of ServiceAccount {subject}");
    let account = match &evidence.observed.service_account {
        Fact::Present(account) => account,
        Fact::Absent => return Verdict::Skipped,
        Fact::Unreadable(error) => return Verdict::unread(source, error),
    };
    let Some(annotation) = account.annotations.get(ANNOTATION_TOKEN_EXPIRATION) else {
        return Verdict::Ok;
    };
    let seconds = annotation.value.parse().ok();
    if seconds.is_some_and(|seconds| LIFETIMES.contains(&seconds)) {
        return Verdict::Ok;
    }
    let command = format!(
        "kubectl annotate serviceaccount {} -n {} --overwrite {ANNOTATION_TOKEN_EXPIRATION}=86400",
        subject.name, subject.namespace
    );
    Verdict::warning(
        source,
        "600 to 86400 seconds",
        format!("\"{}\"", quote(&annotation.value)),
        command,
    )
}

/// Outside EKS, the cluster needs the webhook of AWS.
pub(super) fn webhook(evidence: &Evidence<'_>) -> Verdict {
    if evidence.cluster.eks_name().is_some() {
        return Verdict::Skipped;
    }
    let source = "mutating webhooks of the cluster";
    match &evidence.observed.webhook {
        Fact::Present(_) => Verdict::Ok,
        Fact::Unreadable(error) => Verdict::unread(source, error),
        Fact::Absent => Verdict::fault(
            source,
            "a webhook that changes pods of annotated ServiceAccounts",
            ABSENT,
            "kubectl get mutatingwebhookconfigurations".to_owned(),
        ),
    }
}

/// The command that sets the method of the object.
pub(super) fn method_command(evidence: &Evidence<'_>, method: &str) -> String {
    let subject = evidence.subject;
    format!(
        r#"kubectl patch workloadidentity {} -n {} --type merge -p '{{"spec":{{"method":"{method}"}}}}'"#,
        subject.name, subject.namespace
    )
}

/// The name of the EKS cluster. Empty outside EKS, which has no associations.
pub(super) fn cluster_name(evidence: &Evidence<'_>) -> String {
    evidence
        .cluster
        .eks_name()
        .map(ToString::to_string)
        .unwrap_or_default()
}
