//! The condition `PodsCurrent`, and the messages about pods that block a deletion. Pods in, verdicts out; no I/O.

use jiff::Timestamp;

use super::input::SummaryInput;
use super::transition;
use super::unreadable::unreadable;
use super::verdict::Verdict;
use crate::model::binding::Binding;
use crate::model::condition::ConditionType;
use crate::model::fact::ReadError;
use crate::model::pods::PodList;
use crate::model::reason::Reason;
use crate::reconcile::desired::Desired;

pub(super) fn pods_current(input: &SummaryInput<'_>) -> Verdict {
    let Some(pods) = input.after.pods.present() else {
        let error = input
            .after
            .pods
            .unreadable()
            .cloned()
            .unwrap_or(ReadError::NotRead);
        let consistency = Some(input.timings.read_consistency);
        return Verdict::as_before(
            input.previous,
            ConditionType::PodsCurrent,
            "The pod list",
            &error,
            consistency,
        );
    };
    match &input.decision.desired {
        Desired::Present(desired) => {
            let transition = transition::in_progress(input);
            let binding = transition.map_or(&desired.binding, |transition| &transition.desired);
            let since = transition.and_then(|transition| transition.stale_before);
            let verdict = transition
                .and_then(|transition| transition::stale_pods(transition, pods.stale(binding, since)));
            verdict.unwrap_or_else(|| pods_verdict(pods, binding, since))
        }
        Desired::Absent(_) => Verdict::unmet(Reason::Deleting, "The object is being deleted."),
    }
}

/// The verdict on pods that have to carry the credentials of a binding.
pub(super) fn pods_verdict(pods: &PodList, binding: &Binding, since: Option<Timestamp>) -> Verdict {
    let stale = pods.stale(binding, since);
    match (pods.total(), stale) {
        (0, _) => Verdict::met(Reason::PodsCurrent, "No pod uses this ServiceAccount."),
        (_, 0) => Verdict::met(
            Reason::PodsCurrent,
            "Every pod carries the credentials that the spec requires.",
        ),
        (_, 1) => Verdict::unmet(
            Reason::PodsStale,
            "1 pod was created before the binding and carries other credentials or none. Restart its workload.",
        ),
        (_, stale) => Verdict::unmet(
            Reason::PodsStale,
            format!(
                "{stale} pods were created before the binding and carry other credentials or none. Restart their workloads."
            ),
        ),
    }
}

/// A deletion that waits for the last pod.
pub(super) fn in_use(input: &SummaryInput<'_>) -> Verdict {
    let pods = match input.after.pods.present().map_or(0, PodList::total) {
        1 => "1 pod uses".to_owned(),
        count => format!("{count} pods use"),
    };
    Verdict::met(
        Reason::InUse,
        format!(
            "Nothing is removed while {pods} this ServiceAccount (deletionPolicy: DeleteWhenUnused). Delete or scale down the pods, or set deletionPolicy: Delete."
        ),
    )
}

/// Returns `None` if the pods could be listed.
pub(super) fn unreadable_pods(input: &SummaryInput<'_>) -> Option<String> {
    let error = input.after.pods.unreadable()?;
    Some(unreadable("The pod list", error, Some(input.timings.read_consistency)).1)
}
