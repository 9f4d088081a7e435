//! The facts that could not be read, with the consequence for the plan. Input: the observed state and the decision. Output:
//! lines for the user. No I/O. A missing right is never shown as a missing resource.

use std::collections::BTreeMap;

use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::observed::{Observed, RoleFacts};
use lanyard_core::reconcile::transition::TransitionState;
use lanyard_engine::OPERATOR_RBAC;

use crate::envelope::Unread;

/// Every fact that the plan needed and that could not be read.
pub(super) fn unread(observed: &Observed, transition: &TransitionState) -> Vec<Unread> {
    let of_roles = observed.roles.iter().flat_map(|(arn, facts)| of_role(arn, facts));
    let facts = unread_facts(observed).into_iter();
    let facts = facts.filter_map(|(resource, error, consequence)| {
        error.and_then(|error| line(resource.to_owned(), error, consequence))
    });
    let mut lines: Vec<Unread> = of_roles.chain(facts).collect();
    if let TransitionState::Unknown(field, error) = transition {
        let resource = format!("{} {field}", field.resource().as_str());
        let consequence = "the effective binding is not known, and nothing is planned";
        lines.extend(line(resource, error, consequence));
    }
    lines
}

/// The facts beside the roles, with the consequence if they could not be read.
fn unread_facts(observed: &Observed) -> [(&'static str, Option<&ReadError>, &'static str); 9] {
    [
        (
            "the OIDC provider",
            observed.provider.unreadable(),
            "it is not compared, and no step changes it",
        ),
        (
            "the association",
            observed.association.unreadable(),
            "it is not compared, and no step changes the binding",
        ),
        (
            "the ServiceAccount",
            observed.service_account.unreadable(),
            "it is not compared, and no step changes it",
        ),
        (
            "the Pod Identity Agent",
            observed.agent.unreadable(),
            "it is not known if pods get credentials by Pod Identity",
        ),
        (
            "the pod identity webhook",
            observed.webhook.unreadable(),
            "it is not known if pods get credentials by IRSA",
        ),
        (
            "the pods",
            observed.pods.unreadable(),
            "pods with the previous binding are not counted, so no step retires it",
        ),
        (
            "the workloads",
            observed.workloads.unreadable(),
            "no step restarts them",
        ),
        (
            "the NetworkPolicies",
            observed.egress.unreadable(),
            "it is not known if they keep pods from the Pod Identity Agent",
        ),
        (
            "the objects that create tokens of the ServiceAccount",
            observed.token_clients.unreadable(),
            "it is not known if they lose access",
        ),
    ]
}

/// One line for each cause, with the parts of the role that it affects.
fn of_role(arn: &RoleArn, facts: &RoleFacts) -> Vec<Unread> {
    let parts = [
        ("its existence", facts.id.unreadable()),
        ("its trust policy", facts.trust.unreadable()),
        ("its description", facts.description.unreadable()),
        ("its session duration", facts.max_session.unreadable()),
        ("its boundary", facts.boundary.unreadable()),
        ("its tags", facts.tags.unreadable()),
        ("its attached policies", facts.attached.unreadable()),
        ("its inline policies", facts.inline.unreadable()),
    ];
    let mut by_cause: BTreeMap<String, (ReadError, Vec<&str>)> = BTreeMap::new();
    for (part, error) in parts {
        if let Some(error) = error {
            let entry = by_cause
                .entry(error.to_string())
                .or_insert_with(|| (error.clone(), Vec::new()));
            entry.1.push(part);
        }
    }
    let mut lines: Vec<Unread> = by_cause
        .into_values()
        .filter_map(|(error, parts)| {
            let consequence = format!("not compared: {}", parts.join(", "));
            line(format!("role {arn}"), &error, &consequence)
        })
        .collect();
    let attached = facts.attached.present().into_iter().flatten();
    lines.extend(attached.filter_map(|(policy, effect)| match effect {
        Fact::Unreadable(error) => line(
            format!("policy {policy}"),
            error,
            "it is not known if it allows to assume other roles",
        ),
        Fact::Present(_) | Fact::Absent => None,
    }));
    lines
}

/// Returns `None` for a fact that the plan did not need.
fn line(resource: String, error: &ReadError, consequence: &str) -> Option<Unread> {
    (*error != ReadError::NotRead).then(|| Unread {
        resource,
        cause: error.to_string().replace(OPERATOR_RBAC, "your RBAC"),
        consequence: consequence.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied<T>(right: &str) -> Fact<T> {
        Fact::Unreadable(ReadError::Denied(right.to_owned()))
    }

    #[test]
    fn missing_rights_are_shown_with_their_consequence() {
        let arn = RoleArn::parse("arn:aws:iam::111122223333:role/orders").unwrap();
        let facts = RoleFacts {
            attached: denied("iam:ListAttachedRolePolicies on role orders"),
            ..RoleFacts::absent()
        };
        let observed = Observed {
            roles: [(arn, facts)].into(),
            pods: denied(&format!("{OPERATOR_RBAC} lacks list on pods in shop")),
            ..Observed::unread()
        };
        let lines = unread(&observed, &TransitionState::Settled);
        let shown: Vec<(&str, &str)> = lines
            .iter()
            .map(|line| (line.resource.as_str(), line.cause.as_str()))
            .collect();
        let role = "role arn:aws:iam::111122223333:role/orders";
        let expected = [
            (role, "access denied: iam:ListAttachedRolePolicies on role orders"),
            ("the pods", "access denied: your RBAC lacks list on pods in shop"),
        ];
        assert_eq!(shown, expected);
        assert_eq!(lines[0].consequence, "not compared: its attached policies");
    }

    #[test]
    fn facts_that_the_plan_does_not_need_are_not_shown() {
        assert_eq!(unread(&Observed::unread(), &TransitionState::Settled), []);
    }
}
