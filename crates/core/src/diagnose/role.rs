//! Rules on the role: its existence, its account and its OIDC provider. Evidence in, verdicts out; no I/O.

use super::evidence::Evidence;
use super::verdict::Verdict;
use crate::model::binding::MethodSettings;
use crate::model::fact::Fact;
use crate::model::shell::word;
use crate::model::text::quote;

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
        (None, Fact::Present(id)) => same_id(evidence, source, id),
        (None, Fact::Absent) => Verdict::fault(source, "the role", ABSENT, plan),
        (None, Fact::Unreadable(error)) => Verdict::unread(source, error),
    }
}

/// IAM stores a principal of another policy by the unique ID of the role, which a new role of the same name does not have.
fn same_id(evidence: &Evidence<'_>, source: String, id: &str) -> Verdict {
    let object = evidence.surroundings.object.present();
    let recorded = object.and_then(|object| object.role_id.as_deref());
    let Some(recorded) = recorded.filter(|recorded| *recorded != id) else {
        return Verdict::Ok;
    };
    let name = word(&evidence.binding.role_arn.name.to_string());
    Verdict::warning(
        source,
        format!("the unique ID {}", quote(recorded)),
        format!(
            "{}: the role was created again, and policies of other resources that name it have the former ID",
            quote(id)
        ),
        format!("aws iam get-role --role-name {name} --query Role.RoleId"),
    )
}

/// EKS assumes only a role of the account of the cluster (docs/dev/aws-behaviour.md#association-api).
pub(super) fn account(evidence: &Evidence<'_>) -> Verdict {
    let (role, cluster) = (&evidence.binding.role_arn, evidence.cluster);
    if evidence.binding.is_irsa() {
        return Verdict::Skipped;
    }
    if role.account == cluster.account {
        return Verdict::Ok;
    }
    Verdict::fault(
        format!("role {role}"),
        format!(
            "a role of account {}, and the other one as targetRoleArn",
            cluster.account
        ),
        format!("account {}", role.account),
        "kubectl explain workloadidentity.spec.podIdentity.targetRoleArn".to_owned(),
    )
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
