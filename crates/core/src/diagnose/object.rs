//! Rules on the object, its operator and the cluster: the issuer, the lease, the conditions, the clocks, and readers of the
//! annotation beside pods. Evidence in, verdicts out; no I/O.

use jiff::SignedDuration;

use super::evidence::Evidence;
use super::surroundings::{Leadership, ObjectState};
use super::verdict::Verdict;
use crate::model::condition::{Condition, ConditionStatus, ConditionType};
use crate::model::fact::Fact;
use crate::model::reason::Reason;
use crate::model::text::{list, quote};

/// The difference of clocks that tokens and signatures tolerate at most, in seconds.
const SKEW: u64 = 60;

pub(super) fn issuer(evidence: &Evidence<'_>) -> Verdict {
    let wanted = evidence.cluster.issuer.to_string();
    let source = "issuer of the API server";
    match &evidence.surroundings.issuer {
        Fact::Present(issuer) if *issuer == wanted => Verdict::Ok,
        Fact::Present(issuer) => Verdict::fault(
            source,
            wanted,
            quote(issuer),
            "kubectl config get-contexts".to_owned(),
        ),
        Fact::Absent => Verdict::Skipped,
        Fact::Unreadable(error) => Verdict::unread(source, error),
    }
}

/// The operator has to run, and to have reconciled the current spec.
pub(super) fn operator(evidence: &Evidence<'_>) -> Verdict {
    let (surroundings, subject) = (evidence.surroundings, evidence.subject);
    let object = match &surroundings.object {
        Fact::Present(object) => object,
        Fact::Absent => return Verdict::Skipped,
        Fact::Unreadable(error) => return Verdict::unread(format!("WorkloadIdentity {subject}"), error),
    };
    let source = "lease of the operator";
    let is_current = object.observed_generation == Some(object.generation);
    let leadership = match &surroundings.operator {
        Fact::Present(leadership) => leadership,
        // Without the right to read leases, the object itself shows a working operator only if it is current.
        Fact::Unreadable(error) => return Verdict::unread(source, error),
        Fact::Absent => {
            let command = "kubectl get deployments -A -l app.kubernetes.io/name=lanyard".to_owned();
            return Verdict::fault(source, "an operator that renews it", super::role::ABSENT, command);
        }
    };
    let age = surroundings.now.duration_since(leadership.renewed);
    if age > SignedDuration::from_secs(leadership.duration.max(1)) * 4 {
        let observed = format!(
            "{} renewed it last at {}",
            quote(&leadership.holder),
            leadership.renewed
        );
        return Verdict::fault(
            format!("lease of the operator in {}", quote(&leadership.namespace)),
            "a renewal within its duration",
            observed,
            "kubectl get deployments -A -l app.kubernetes.io/name=lanyard".to_owned(),
        );
    }
    match is_current {
        true => Verdict::Ok,
        false => behind(evidence, object, leadership),
    }
}

fn behind(evidence: &Evidence<'_>, object: &ObjectState, leadership: &Leadership) -> Verdict {
    let observed = object
        .observed_generation
        .map_or_else(|| "none".to_owned(), |generation| generation.to_string());
    Verdict::warning(
        format!("WorkloadIdentity {}", evidence.subject),
        format!("generation {} reconciled", object.generation),
        format!("generation {observed}"),
        format!(
            "kubectl logs -n {} -l app.kubernetes.io/name=lanyard --tail=100",
            leadership.namespace
        ),
    )
}

/// The message of the condition says what to do.
pub(super) fn waits(evidence: &Evidence<'_>) -> Verdict {
    let subject = evidence.subject;
    let source = format!("conditions of WorkloadIdentity {subject}");
    let object = match &evidence.surroundings.object {
        Fact::Present(object) => object,
        Fact::Absent => return Verdict::Skipped,
        Fact::Unreadable(error) => return Verdict::unread(source, error),
    };
    let (namespace, name) = (&subject.namespace, &subject.name);
    let is_true = |condition: &&Condition| condition.status == ConditionStatus::True;
    let found = |kind: ConditionType| {
        let mut conditions = object.conditions.iter().filter(is_true);
        conditions.find(|condition| condition.kind == kind)
    };
    let waits =
        found(ConditionType::Transitioning).filter(|condition| condition.reason == Reason::ApprovalRequired);
    let stalled = found(ConditionType::Stalled);
    let describe = || format!("kubectl describe workloadidentity {name} -n {namespace}");
    let resume = format!(
        r#"kubectl patch workloadidentity {name} -n {namespace} --type merge -p '{{"spec":{{"suspend":false}}}}'"#
    );
    match (waits, stalled, object.suspended) {
        (Some(waits), _, _) => {
            let command = object.approval_token.as_ref().map_or_else(describe, |token| {
                format!(
                    "kubectl annotate --overwrite -n {namespace} workloadidentity {name} lanyard.dev/approve={}",
                    crate::model::shell::word(token)
                )
            });
            Verdict::fault(source, "no change that waits", message(waits), command)
        }
        (None, _, true) => Verdict::warning(
            source,
            "an object that is not suspended",
            "spec.suspend is true: nothing is corrected",
            resume,
        ),
        (None, Some(stalled), false) => Verdict::fault(source, "not Stalled", message(stalled), describe()),
        (None, None, false) => Verdict::Ok,
    }
}

fn message(condition: &Condition) -> String {
    format!("{}: {}", condition.reason, quote(&condition.message))
}

pub(super) fn clocks(evidence: &Evidence<'_>) -> Verdict {
    let clocks = match &evidence.surroundings.clocks {
        Fact::Present(clocks) => clocks,
        Fact::Absent => return Verdict::Skipped,
        Fact::Unreadable(error) => return Verdict::unasked("clock of the API server", error),
    };
    let off: Vec<String> = clocks
        .iter()
        .filter(|(_, seconds)| seconds.unsigned_abs() > SKEW)
        .map(|(server, seconds)| format!("{} by {seconds} s", quote(server)))
        .collect();
    match off.is_empty() {
        true => Verdict::Ok,
        false => Verdict::warning(
            "clocks of the servers and of this computer",
            format!("a difference of at most {SKEW} s"),
            list(&off),
            "timedatectl timesync-status".to_owned(),
        ),
    }
}

/// A reader of the annotation ends with it, and its pods do not show it.
pub(super) fn token_readers(evidence: &Evidence<'_>) -> Verdict {
    if evidence.binding.is_irsa() {
        return Verdict::Skipped;
    }
    let mut readers: Vec<String> = match &evidence.surroundings.token_readers {
        Fact::Present(readers) => readers
            .iter()
            .map(|reader| format!("{} {}", quote(&reader.kind), quote(&reader.name)))
            .collect(),
        Fact::Absent => Vec::new(),
        Fact::Unreadable(error) => return Verdict::unasked("SecretStores", error),
    };
    let pods = match evidence.pods() {
        Ok(pods) => pods,
        Err(unread) => return unread,
    };
    let volumes = pods
        .iter()
        .filter_map(|pod| pod.credentials.token_volume.as_ref());
    let mut classes: Vec<String> = volumes
        .map(|class| format!("SecretProviderClass {}", quote(class)))
        .collect();
    classes.sort();
    classes.dedup();
    readers.append(&mut classes);
    if readers.is_empty() {
        return Verdict::Ok;
    }
    Verdict::fault(
        "readers of the annotation of the ServiceAccount",
        "none, because the method is PodIdentity",
        list(&readers),
        super::binding::method_command(evidence, "IRSA"),
    )
}
