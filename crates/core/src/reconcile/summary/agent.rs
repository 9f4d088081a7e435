//! The components that inject credentials into pods: the EKS Pod Identity Agent for an association, and
//! outside EKS the pod identity webhook for an annotation. Facts after the steps in, verdicts on a missing
//! component out; no I/O.

use super::input::SummaryInput;
use super::verdict::Verdict;
use crate::model::condition::ConditionType;
use crate::model::fact::{Fact, ReadError};
use crate::model::reason::Reason;
use crate::reconcile::desired::DesiredState;

/// The message for a missing pod identity webhook.
pub(super) const WEBHOOK_MISSING: &str = "AWS's pod identity webhook is not installed in this non-EKS cluster, so new pods get no credentials. Install amazon-eks-pod-identity-webhook, and restart pods that were created before it.";

/// Returns `None` if the agent is ready. An association without the agent breaks pods: it takes precedence over an
/// annotation.
pub(super) fn agent(input: &SummaryInput<'_>, desired: &DesiredState) -> Option<Verdict> {
    let subject = &desired.subject;
    match &input.after.agent {
        Fact::Unreadable(error) => Some(as_before(input, "The EKS Pod Identity Agent", error)),
        Fact::Present(agent) if agent.ready => None,
        Fact::Present(agent) => Some(Verdict::unmet(
            Reason::AgentNotReady,
            format!(
                "The EKS Pod Identity Agent is not ready ({}), so pods of {subject} would get no credentials. Check the EKS add-on eks-pod-identity-agent.",
                agent.found
            ),
        )),
        Fact::Absent => Some(Verdict::unmet(
            Reason::AgentNotReady,
            format!(
                "The EKS Pod Identity Agent is not installed, so pods of {subject} would get no credentials. Install the EKS add-on eks-pod-identity-agent."
            ),
        )),
    }
}

/// Returns `None` if the pod identity webhook is installed or not needed. An annotation without it has no effect.
pub(super) fn webhook(input: &SummaryInput<'_>, desired: &DesiredState) -> Option<Verdict> {
    match &input.after.webhook {
        _ if !desired.needs_webhook() => None,
        Fact::Present(_) => None,
        Fact::Absent => Some(Verdict::unmet(
            Reason::WebhookMissing,
            format!(
                "ServiceAccount {} is annotated without effect. {WEBHOOK_MISSING}",
                desired.subject
            ),
        )),
        Fact::Unreadable(error) => Some(as_before(input, "AWS's pod identity webhook", error)),
    }
}

fn as_before(input: &SummaryInput<'_>, what: &str, error: &ReadError) -> Verdict {
    let consistency = Some(input.timings.read_consistency);
    Verdict::as_before(
        input.previous,
        ConditionType::BindingReady,
        what,
        error,
        consistency,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{carry_out, decide, identity_in, off_eks, propagated, rendered, spec, world};
    use crate::model::condition::ConditionStatus;
    use crate::model::spec::Method;
    use crate::model::status::Status;
    use crate::reconcile::outcome::Outcome;

    /// Ready and the reason of Stalled, after the spec was applied outside EKS with this webhook.
    fn off_eks_with(webhook: Fact<String>) -> (ConditionStatus, Reason, Option<Reason>) {
        let identity = identity_in(&spec(Method::Irsa), &off_eks());
        let mut world = world(&identity);
        world.webhook = webhook;
        let decision = decide(&identity, &Status::default(), &world);
        let status = carry_out(&decision, &Status::default(), &mut world).status;
        let status = propagated(&identity, status, &world);
        let decision = decide(&identity, &status, &world);
        let status = rendered(&decision, &status, &world, &Outcome::default()).status;
        let ready = status.condition(ConditionType::Ready).unwrap();
        let stalled = status.condition(ConditionType::Stalled);
        (ready.status, ready.reason, stalled.map(|stalled| stalled.reason))
    }

    #[test]
    fn annotation_outside_eks_without_webhook_is_not_ready() {
        let missing = (
            ConditionStatus::False,
            Reason::WebhookMissing,
            Some(Reason::WebhookMissing),
        );
        assert_eq!(off_eks_with(Fact::Absent), missing);
        let installed = Fact::Present("pod-identity-webhook".to_owned());
        assert_eq!(
            off_eks_with(installed),
            (ConditionStatus::True, Reason::Bound, None)
        );
        let unknown = Fact::Unreadable(ReadError::Denied("the operator's RBAC".to_owned()));
        let (status, reason, _) = off_eks_with(unknown);
        assert_eq!((status, reason), (ConditionStatus::Unknown, Reason::Unreadable));
    }
}
