//! The condition `PodsCurrent`, and the messages about pods that block a deletion. Pods in, verdicts out; no I/O.

use jiff::Timestamp;

use super::input::SummaryInput;
use super::replacement::replace_message;
use super::transition;
use super::unreadable::unreadable;
use super::verdict::Verdict;
use crate::model::binding::Binding;
use crate::model::condition::{ConditionStatus, ConditionType};
use crate::model::fact::ReadError;
use crate::model::pods::{Place, PodList, StaleCause, StalePods};
use crate::model::reason::Reason;
use crate::model::status::Status;
use crate::model::text;
use crate::reconcile::desired::{Desired, DesiredState};

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
            let unsupported = || unsupported_nodes(pods, binding).filter(|_| transition.is_none());
            let bound = bound_since(input.previous);
            verdict
                .or_else(unsupported)
                .unwrap_or_else(|| pods_verdict(pods, binding, since, bound))
        }
        Desired::Absent(_) => Verdict::unmet(Reason::Deleting, "The object is being deleted."),
    }
}

/// The verdict on pods that have to carry the credentials of a binding. `bound` is the time since which new pods get it.
pub(super) fn pods_verdict(
    pods: &PodList,
    binding: &Binding,
    since: Option<Timestamp>,
    bound: Option<Timestamp>,
) -> Verdict {
    let causes = pods.stale_causes(binding, since, bound);
    if !causes.is_empty() {
        let sentences = causes.iter().map(|(cause, pods)| stale_message(cause, pods));
        let named: Vec<String> = sentences.take(CAUSES_NAMED).collect();
        return Verdict::unmet(Reason::PodsStale, named.join(" "));
    }
    if pods.items.is_empty() {
        return Verdict::met(Reason::PodsCurrent, "No pod uses this ServiceAccount.");
    }
    let current = "Every pod carries the credentials that the spec requires.";
    let message = match pods.items.iter().filter(|pod| pod.loads_variables).count() {
        0 => current.to_owned(),
        1 => format!(
            "{current} 1 pod loads variables by envFrom, which may set others. Lanyard cannot read them."
        ),
        count => format!(
            "{current} {count} pods load variables by envFrom, which may set others. Lanyard cannot read them."
        ),
    };
    Verdict::met(Reason::PodsCurrent, message)
}

/// The maximum number of causes that a message names, one sentence each.
const CAUSES_NAMED: usize = 3;

fn stale_message(cause: &StaleCause, pods: &StalePods) -> String {
    let count = pods.count;
    let is_one = count == 1;
    let replace = || replace_message(&pods.replacements, is_one);
    let text = |one: &str, more: &str| {
        if is_one {
            one.to_owned()
        } else {
            format!("{count} {more}")
        }
    };
    match cause {
        StaleCause::Variable(variable) => format!(
            "{} {variable}, which SDKs prefer to the binding: remove it from the pod template, or from a second webhook that sets it.",
            text("1 pod sets", "pods set")
        ),
        StaleCause::Skipped => format!(
            "{} no credentials, because of a label or annotation to skip the pod identity webhook: remove it from the pod template.",
            text("1 pod carries", "pods carry")
        ),
        StaleCause::Missed => format!(
            "{} no credentials, although created after the binding, because the pod identity webhook missed {}. {}.",
            text("1 pod carries", "pods carry"),
            if is_one { "it" } else { "them" },
            replace()
        ),
        StaleCause::Older => format!(
            "{} other credentials or none. {}.",
            text(
                "1 pod was created before the binding and carries",
                "pods were created before the binding and carry"
            ),
            replace()
        ),
    }
}

/// The verdict on pods on nodes where Pod Identity has no effect. Returns `None` if there are none, or if the binding
/// does not need the agent.
pub(super) fn unsupported_nodes(pods: &PodList, binding: &Binding) -> Option<Verdict> {
    let places = pods.unsupported();
    if binding.is_irsa() || places.is_empty() {
        return None;
    }
    let total: usize = places.iter().map(|(_, count)| count).sum();
    let counted: Vec<String> = places
        .iter()
        .map(|(place, count)| format!("{count} on {}", place_message(*place)))
        .collect();
    let pods = if total == 1 {
        "1 pod gets"
    } else {
        &format!("{total} pods get")
    };
    Some(Verdict::unmet(
        Reason::NodesUnsupported,
        format!(
            "{pods} no credentials, because Pod Identity has no effect on {} node: {}. Run the agent there, move the pods, or set spec.method: IRSA.",
            if total == 1 { "its" } else { "their" },
            text::list(&counted)
        ),
    ))
}

/// A sentence for `BindingReady` about running pods that an association does not serve. Empty if there are none.
pub(super) fn places_message(input: &SummaryInput<'_>, desired: &DesiredState) -> String {
    let pods = input.after.pods.present().filter(|_| !desired.binding.is_irsa());
    let places = pods.map(PodList::unsupported).unwrap_or_default();
    let places: Vec<&str> = places.iter().map(|(place, _)| place_message(*place)).collect();
    match places.is_empty() {
        true => String::new(),
        false => format!(
            " It does not serve pods on {}, see PodsCurrent.",
            text::list(&places)
        ),
    }
}

const fn place_message(place: Place) -> &'static str {
    match place {
        Place::Fargate => "Fargate",
        Place::Windows => "Windows",
        Place::WithoutAgent => "nodes without a ready EKS Pod Identity Agent",
        Place::Reached => "other nodes",
    }
}

/// Returns the time since which new pods get the binding, by the status. `None` if they do not get it.
pub(super) fn bound_since(previous: &Status) -> Option<Timestamp> {
    let binding = previous.condition(ConditionType::BindingReady)?;
    (binding.status == ConditionStatus::True).then_some(binding.last_transition_time)
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::example::{identity, spec};
    use crate::model::pods::{Credential, PodCredentials};
    use crate::model::spec::Method;

    const BOUND: &str = "2026-03-01T11:00:00Z";

    fn binding(method: Method) -> Binding {
        identity(&spec(method)).binding
    }

    /// A pod with these credentials, created before or after the binding.
    fn pod(credentials: impl Into<BTreeSet<Credential>>, newer: bool) -> PodCredentials {
        let created = if newer {
            "2026-03-01T11:30:00Z"
        } else {
            "2026-03-01T10:30:00Z"
        };
        let mut pod: PodCredentials = serde_json::from_value(json!({"created": created})).unwrap();
        pod.credentials = credentials.into();
        pod
    }

    fn verdict(pods: Vec<PodCredentials>, method: Method) -> Verdict {
        let pods = PodList {
            items: pods,
            fresh: true,
        };
        let binding = binding(method);
        let unsupported = unsupported_nodes(&pods, &binding);
        unsupported.unwrap_or_else(|| pods_verdict(&pods, &binding, None, BOUND.parse().ok()))
    }

    fn message(pods: Vec<PodCredentials>) -> String {
        let verdict = verdict(pods, Method::PodIdentity);
        assert_eq!(verdict.reason, Reason::PodsStale, "{}", verdict.message);
        verdict.message
    }

    fn web_identity() -> Credential {
        Credential::WebIdentity {
            role: "arn:r".to_owned(),
            audience: String::new(),
        }
    }

    #[test]
    fn pod_with_own_keys_is_not_current_and_variable_is_named() {
        let own = PodCredentials {
            overridden_by: Some("AWS_ACCESS_KEY_ID".to_owned()),
            ..pod([Credential::PodIdentity], true)
        };
        let text = message(vec![own]);
        assert!(text.starts_with("1 pod sets AWS_ACCESS_KEY_ID,"), "{text}");
    }

    #[test]
    fn pods_without_credentials_are_reported_by_cause() {
        let skipped = PodCredentials {
            skips_webhook: true,
            ..pod([], false)
        };
        let older = message(vec![pod([], false), pod([web_identity()], false)]);
        assert!(
            older.starts_with("2 pods were created before the binding"),
            "{older}"
        );
        let missed = message(vec![pod([], true)]);
        assert!(missed.contains("although created after the binding"), "{missed}");
        let skipped = message(vec![skipped]);
        assert!(skipped.contains("to skip the pod identity webhook"), "{skipped}");
        let template = message(vec![pod([web_identity()], true)]);
        assert!(
            template.contains("sets AWS_WEB_IDENTITY_TOKEN_FILE"),
            "{template}"
        );
        let both = message(vec![pod([], true), pod([], false)]);
        assert_eq!(both.matches("1 pod").count(), 2, "{both}");
    }

    #[test]
    fn pod_without_owner_is_not_to_be_restarted() {
        let owned = |kind: &str| {
            let owner = json!({"kind": kind, "name": "a"});
            PodCredentials {
                owner: serde_json::from_value(owner).unwrap(),
                ..pod([], false)
            }
        };
        let bare = message(vec![pod([], false)]);
        assert!(
            bare.ends_with("Delete the pod and create it again, because no workload owns it."),
            "{bare}"
        );
        let job = message(vec![owned("Job")]);
        assert!(job.contains("end of its Job"), "{job}");
        let mixed = message(vec![owned("Deployment"), pod([], false)]);
        let expected =
            "Restart their workloads; delete the pods that no workload owns, and create them again.";
        assert!(mixed.ends_with(expected), "{mixed}");
    }

    #[test]
    fn variables_by_env_from_are_reported_as_unknown() {
        let loads = PodCredentials {
            loads_variables: true,
            ..pod([Credential::PodIdentity], true)
        };
        let verdict = verdict(vec![loads], Method::PodIdentity);
        assert_eq!(verdict.reason, Reason::PodsCurrent);
        assert!(verdict.message.contains("envFrom"), "{}", verdict.message);
    }

    #[test]
    fn pods_on_unsupported_nodes_are_not_current_by_pod_identity() {
        let on = |place| PodCredentials {
            place,
            ..pod([Credential::PodIdentity], true)
        };
        let pods = || vec![on(Place::Fargate), on(Place::WithoutAgent), on(Place::Reached)];
        let unsupported = verdict(pods(), Method::PodIdentity);
        assert_eq!(unsupported.reason, Reason::NodesUnsupported);
        assert!(
            unsupported.message.starts_with("2 pods get no credentials"),
            "{}",
            unsupported.message
        );
        assert!(
            unsupported
                .message
                .contains("1 on Fargate and 1 on nodes without"),
            "{}",
            unsupported.message
        );
        assert_ne!(verdict(pods(), Method::Irsa).reason, Reason::NodesUnsupported);
    }
}
