//! One pass over one WorkloadIdentity: read, think, write, report.
//! An object of the store in, the time of the next look out. All I/O goes through the engine and `publish`.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube_runtime::controller::Action;
use lanyard_core::class::Class;
use lanyard_core::identity::Identity;
use lanyard_core::model::arn::{PolicyArn, RoleArn};
use lanyard_core::model::binding::Binding;
use lanyard_core::model::binding::By;
use lanyard_core::model::cluster::Cluster;
use lanyard_core::model::fact::Fact;
use lanyard_core::model::inventory::Inventory;
use lanyard_core::model::observed::Observed;
use lanyard_core::model::pods::Pods;
use lanyard_core::model::spec::{Method, PodRestart, Spec};
use lanyard_core::model::status::TransitionStatus;
use lanyard_core::reconcile::class_decision::ClassDecision;
use lanyard_core::reconcile::decide::{Decision, decide, decide_deletion, roles_of, roles_to_remove};
use lanyard_core::reconcile::deletion_mode::DeletionMode;
use lanyard_core::reconcile::gate::WriteGate;
use lanyard_core::reconcile::step::Step;
use lanyard_core::reconcile::summary::{
    Next, Summary, SummaryInput, invalid, refused, summarise, undecodable,
};
use lanyard_core::reconcile::transition::is_steady_binding;
use lanyard_core::reconcile::validate::validate;
use lanyard_engine::Scope;

use super::context::Context;
use super::fingerprint::external_fingerprint;
use super::key::ObjectKey;
use super::object_table::ReconcileRun;
use super::publish::publish;
use super::reconcile_result::ReconcileResult;
use super::reference::reference_of;
use super::triage::Triage;
use super::triggers::Priority;
use crate::backoff::spread;
use crate::raw::{Decoded, RawIdentity};

/// Reconciles one object.
///
/// # Errors
/// Never: a failure is in the status, and each object has its own backoff.
pub async fn reconcile(object: Arc<RawIdentity>, context: Arc<Context>) -> Result<Action, Infallible> {
    if context.gate(false) == WriteGate::Closed {
        return Ok(Action::await_change());
    }
    let priority = match context.triage(&object) {
        Triage::Requeue(action) => return Ok(action),
        Triage::Reconcile(priority) => priority,
    };
    let decoded = object.decode(&context.engine.cluster().identity);
    let (Some(mut decoded), Some(key)) = (decoded, ObjectKey::of_object(&object)) else {
        return Ok(Action::await_change());
    };
    decoded.target.access = context.classes.account(&decoded);
    let _running = context.metrics.reconcile_begins();
    let fingerprint = external_fingerprint(&object);
    let priority = match decoded.is_requested() {
        true => Priority::Normal,
        false => priority,
    };
    let mut run = context.objects.begin(key, fingerprint, priority, Instant::now());
    let Some(mut result) = reconcile_identity(&decoded, &run, &context).await else {
        context.objects.remove(key);
        return Ok(Action::await_change());
    };
    result.summary = result.summary.handling(decoded.requested_at.as_deref());
    let published = publish(&decoded, &result, &context).await;
    context
        .metrics
        .reconciled(&result.summary, published, run.began.elapsed());
    if result.released {
        context.objects.remove(key);
        return Ok(Action::await_change());
    }
    run.idle = result.summary.corrected.is_empty() && result.summary.status == decoded.status;
    let next = if published {
        result.summary.next
    } else {
        Next::Backoff
    };
    let delay = context.objects.reconciled(&run, next, Instant::now());
    // Resyncs are spread by name, so that they do not come in a burst.
    let resync = || spread(context.engine.timings().resync, &reference_of(&object));
    Ok(Action::requeue(delay.unwrap_or_else(resync)))
}

async fn reconcile_identity(
    decoded: &Decoded,
    run: &ReconcileRun,
    context: &Context,
) -> Option<ReconcileResult> {
    if decoded.is_deleting {
        return remove(decoded, context).await;
    }
    let cluster = context.engine.cluster();
    let now = Timestamp::now();
    let summary = match &decoded.spec {
        Err(error) => undecodable(&decoded.status, decoded.generation, error, now),
        Ok(spec) => match context.classes.rule(spec, decoded, cluster) {
            ClassDecision::Invalid(wrong) => invalid(&decoded.status, decoded.generation, &wrong, now),
            ClassDecision::Rejected(freeze) => refused(&decoded.status, decoded.generation, &freeze, now),
            ClassDecision::Accepted(identity) => {
                let identity = identity.leaving_alone(context.objects.contested(run.key, now));
                let scope = Scope {
                    background: run.priority == Priority::Background,
                    ..scope(decoded, &identity, context)
                };
                let summary = keep(&scope, decoded, spec, &identity, (run, context)).await;
                context
                    .objects
                    .corrected(run.key, &summary.corrected, Timestamp::now());
                summary
            }
        },
    };
    Some(ReconcileResult {
        summary,
        released: false,
    })
}

/// An object that stays: its binding is made and kept true.
async fn keep(
    scope: &Scope<'_>,
    decoded: &Decoded,
    spec: &Spec,
    identity: &Identity,
    (run, context): (&ReconcileRun, &Context),
) -> Summary {
    let seen = context
        .objects
        .take_settled(run.key, decoded.generation, Instant::now())
        .filter(|_| !scope.fresh);
    let mut observed = match seen {
        Some(seen) => {
            let (pods, workloads) = context.engine.running(scope).await;
            Observed {
                object: decoded.target.control.clone(),
                pods,
                workloads,
                ..seen
            }
        }
        None => {
            context.objects.observing(run.key, Instant::now());
            context.engine.observe(scope).await
        }
    };
    let (timings, now) = (
        context.engine.timings().paced_by(identity.queue.as_ref()),
        Timestamp::now(),
    );
    let decision = decide(identity, &decoded.status, &observed, &timings, now);
    let summary = act(decoded, &decision, &mut observed, spec.suspend, context)
        .await
        .0;
    if let Next::Settled(settles) = summary.next {
        let until = Instant::now() + settles;
        context
            .objects
            .keep_settled(run, observed, decoded.generation, until);
    }
    summary
}

/// An object that goes: what Lanyard owns is removed or let go. One without our finalizer is not held by us.
async fn remove(decoded: &Decoded, context: &Context) -> Option<ReconcileResult> {
    if !decoded.target.control.finalizer {
        return None;
    }
    let spec = decoded.spec.as_ref().ok();
    let suspended = spec.is_some_and(|spec| spec.suspend);
    let leaving = DeletionMode::of(spec, decoded.target.control.inventory.as_ref());
    let scope = Scope {
        fresh_pods: leaving == DeletionMode::RemoveWhenUnused,
        ..removal_scope(decoded, context.engine.cluster(), pods(decoded, context))
    };
    let mut observed = context.engine.observe(&scope).await;
    context
        .engine
        .treat_absence_as_stale(&decoded.target, &mut observed);
    observed.object.inventory = inventory(decoded, context.engine.cluster());
    let decision = decide_deletion(&decoded.target.subject, &decoded.status, &observed, leaving);
    let (summary, released) = act(decoded, &decision, &mut observed, suspended, context).await;
    Some(ReconcileResult { summary, released })
}

async fn act(
    decoded: &Decoded,
    decision: &Decision,
    observed: &mut Observed,
    suspended: bool,
    context: &Context,
) -> (Summary, bool) {
    let gate = || context.gate(suspended);
    let meter = |step: &Step, ended: &_, took: Duration| context.metrics.step(step, ended, took);
    let outcome = context
        .engine
        .apply(&decoded.target, &decision.plan, observed, &gate, &meter)
        .await;
    let released = outcome
        .done()
        .any(|(step, _)| matches!(step, Step::ReleaseObject { .. }));
    let told = SummaryInput {
        generation: decoded.generation,
        decision,
        outcome: &outcome,
        after: observed,
        previous: &decoded.status,
        gate: context.gate(suspended),
        timings: context.engine.timings(),
        now: Timestamp::now(),
    };
    (summarise(&told), released)
}

fn scope<'a>(decoded: &'a Decoded, identity: &Identity, context: &Context) -> Scope<'a> {
    let recorded = |method| {
        let bindings = &decoded.status.bindings;
        bindings
            .iter()
            .any(|recorded| recorded.binding.method() == method)
    };
    let by = |method| identity.binding.method() == method || recorded(method);
    // Only where one binding alone is in effect, and is the one asked for, does nothing depend on who carries what.
    let changes = decoded.status.transition.is_some() || !is_steady_binding(identity, &decoded.status);
    Scope {
        target: &decoded.target,
        roles: roles_of(
            identity,
            &decoded.status,
            decoded.target.control.inventory.as_ref(),
        ),
        known_policies: if gets_tags(decoded, identity) {
            BTreeSet::new()
        } else {
            known_policies(decoded, identity)
        },
        provider: provider(decoded, identity),
        agent: by(Method::PodIdentity),
        pods: pods(decoded, context),
        fresh_pods: changes,
        workloads: changes && identity.pod_restart == PodRestart::Rollout,
        fresh: decoded.is_requested(),
        background: false,
    }
}

/// Whether sessions of the role may get tags soon, so that it matters whether a policy lets it assume other roles.
fn gets_tags(decoded: &Decoded, identity: &Identity) -> bool {
    let tags = matches!(
        identity.binding.by,
        By::PodIdentity {
            session_tags: true,
            ..
        }
    );
    let bound = |transition: &TransitionStatus| transition.bound_time.is_some();
    let in_place = decoded.status.transition.as_ref().is_some_and(bound);
    tags && !in_place && !is_steady_binding(identity, &decoded.status)
}

/// What a look at an object that goes has to read: what may be ours, and nothing that only a new binding needs.
pub(crate) fn removal_scope<'a>(decoded: &'a Decoded, cluster: &Cluster, pods: Fact<Pods>) -> Scope<'a> {
    let inventory = inventory(decoded, cluster);
    let derived = derived_role(decoded, cluster);
    Scope {
        target: &decoded.target,
        roles: roles_to_remove(&decoded.status, inventory.as_ref(), derived.as_ref()),
        known_policies: BTreeSet::new(),
        provider: None,
        agent: false,
        pods,
        fresh_pods: false,
        workloads: false,
        fresh: false,
        background: false,
    }
}

/// The provider of the binding asked for, else of the one on record.
fn provider(decoded: &Decoded, identity: &Identity) -> Option<String> {
    let recorded = decoded.status.bindings.iter().map(|recorded| &recorded.binding);
    [&identity.binding]
        .into_iter()
        .chain(recorded)
        .find_map(Binding::provider_arn)
}

/// The policies that the spec asks for or that Lanyard once attached: what they can do needs no reading.
fn known_policies(decoded: &Decoded, identity: &Identity) -> BTreeSet<PolicyArn> {
    let wanted = identity
        .managed
        .iter()
        .flat_map(|role| role.attached.iter().cloned());
    let applied = decoded
        .status
        .last_applied_hashes
        .keys()
        .filter_map(|key| key.strip_prefix("policy/"));
    wanted
        .chain(applied.filter_map(|arn| PolicyArn::parse(arn).ok()))
        .collect()
}

/// The holders as the watch last showed them.
fn pods(decoded: &Decoded, context: &Context) -> Fact<Pods> {
    let subject = &decoded.target.subject;
    let fold = context.pods.read().unwrap_or_else(PoisonError::into_inner);
    fold.counted(subject.namespace.as_str(), subject.name.as_str())
}

/// The spec as where no class exists: on what was made, no class has a say any more.
fn unclassed(spec: &Spec, decoded: &Decoded, cluster: &Cluster) -> Option<Identity> {
    let (class, made) = (Class::unrestricted(), decoded.status.made());
    let validated = validate(spec, &decoded.target.subject, cluster, &class, &made);
    validated.ok().map(|validated| validated.identity)
}

/// What is in custody; where that is lost, what the spec alone would have there.
fn inventory(decoded: &Decoded, cluster: &Cluster) -> Option<Inventory> {
    let spec = decoded.spec.as_ref().ok();
    let by_spec = || Some(unclassed(spec?, decoded, cluster)?.inventory());
    decoded.target.control.inventory.clone().or_else(by_spec)
}

/// The role that spec or subject alone would give: where custody and status are lost, its tags say whether it is ours.
fn derived_role(decoded: &Decoded, cluster: &Cluster) -> Option<RoleArn> {
    let subject = &decoded.target.subject;
    let spec = decoded.spec.as_ref().ok();
    if let Some(identity) = spec.and_then(|spec| unclassed(spec, decoded, cluster)) {
        return identity.managed.is_some().then(|| identity.role_arn().clone());
    }
    Some(RoleArn {
        partition: cluster.partition.clone(),
        account: cluster.account.clone(),
        path: cluster.role_path().ok()?,
        name: subject.role_name("").ok()?,
    })
}
