//! Summarise, what hands credentials to pods: the agent for an association, off EKS the webhook for an annotation.
//! Facts after the pass in, what is wrong with them out; no I/O. Called by `three`.

use super::{SummaryInput, Verdict};
use crate::model::condition::ConditionType;
use crate::model::fact::Fact;
use crate::model::reason::Reason;
use crate::reconcile::desired::DesiredState;

/// What is missing and what to do.
pub(super) const WEBHOOK_MISSING: &str = "This cluster is not EKS's, and AWS's pod identity webhook is not registered in it, so new pods get no credentials. Install amazon-eks-pod-identity-webhook; pods made before it have to be restarted.";

/// What is wrong with the agent, without which an association is worse than nothing: it wins over an annotation.
pub(super) fn agent(input: &SummaryInput<'_>, wanted: &DesiredState) -> Option<Verdict> {
    match &input.after.agent {
        Fact::Unreadable(why) => Some(Verdict::as_before(
            input.previous,
            ConditionType::BindingReady,
            "The EKS Pod Identity Agent",
            why,
        )),
        Fact::Present(agent) if agent.ready => None,
        Fact::Present(agent) => Some(Verdict::fails(
            Reason::AgentNotReady,
            format!(
                "The EKS Pod Identity Agent is not ready ({}), so pods of {} would get no credentials.",
                agent.found, wanted.subject
            ),
        )),
        Fact::Absent => Some(Verdict::fails(
            Reason::AgentNotReady,
            format!(
                "The EKS Pod Identity Agent was not found, so pods of {} would get no credentials. Install the EKS add-on eks-pod-identity-agent.",
                wanted.subject
            ),
        )),
    }
}

/// What is wrong with the pod webhook, without which an annotation does nothing.
pub(super) fn webhook(input: &SummaryInput<'_>, wanted: &DesiredState) -> Option<Verdict> {
    match &input.after.webhook {
        _ if !wanted.needs_webhook() => None,
        Fact::Present(_) => None,
        Fact::Absent => Some(Verdict::fails(
            Reason::WebhookMissing,
            format!(
                "ServiceAccount {} is annotated, and nothing reads that. {WEBHOOK_MISSING}",
                wanted.subject
            ),
        )),
        Fact::Unreadable(why) => Some(Verdict::as_before(
            input.previous,
            ConditionType::BindingReady,
            "AWS's pod identity webhook",
            why,
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{carry_out, decide, identity_in, off_eks, rendered, spec, world};
    use crate::model::condition::ConditionStatus;
    use crate::model::fact::ReadError;
    use crate::model::spec::Method;
    use crate::model::status::Status;
    use crate::reconcile::outcome::Outcome;

    /// Ready and what stalls, after the spec was carried out off EKS with this webhook.
    fn off_eks_with(webhook: Fact<String>) -> (ConditionStatus, Reason, Option<Reason>) {
        let identity = identity_in(&spec(Method::Irsa), &off_eks());
        let mut world = world(&identity);
        world.webhook = webhook;
        let decision = decide(&identity, &Status::default(), &world);
        let status = carry_out(&decision, &Status::default(), &mut world).status;
        let decision = decide(&identity, &status, &world);
        let status = rendered(&decision, &status, &world, &Outcome::default()).status;
        let ready = status.condition(ConditionType::Ready).unwrap();
        let stalled = status.condition(ConditionType::Stalled);
        (ready.status, ready.reason, stalled.map(|stalled| stalled.reason))
    }

    #[test]
    fn off_eks_an_annotation_that_nothing_reads_makes_nothing_ready() {
        let missing = (
            ConditionStatus::False,
            Reason::WebhookMissing,
            Some(Reason::WebhookMissing),
        );
        assert_eq!(off_eks_with(Fact::Absent), missing);
        let there = Fact::Present("pod-identity-webhook".to_owned());
        assert_eq!(off_eks_with(there), (ConditionStatus::True, Reason::Bound, None));
        let unknown = Fact::Unreadable(ReadError::Denied("the operator's RBAC".to_owned()));
        let (status, reason, _) = off_eks_with(unknown);
        assert_eq!((status, reason), (ConditionStatus::Unknown, Reason::Unreadable));
    }
}
