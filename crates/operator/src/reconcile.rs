//! One pass over one WorkloadIdentity: read, think, write, report.
//! An object of the store in, the time of the next look out. All I/O goes through the engine and `publish`.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use kube_runtime::controller::Action;
use lanyard_core::class::Class;
use lanyard_core::identity::Identity;
use lanyard_core::model::arn::{PolicyArn, RoleArn};
use lanyard_core::model::binding::Binding;
use lanyard_core::model::binding::MethodSettings;
use lanyard_core::model::cluster::Cluster;
use lanyard_core::model::fact::Fact;
use lanyard_core::model::inventory::Inventory;
use lanyard_core::model::observed::Observed;
use lanyard_core::model::pods::PodList;
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

use crate::checks::Looked;
use crate::context::{Context, IdentityRef};
use crate::drift_scan::Triage;
use crate::publish::publish;
use crate::raw::{Decoded, RawIdentity};
use crate::triggers::Priority;

/// Looks at one object.
///
/// # Errors
/// Never: what goes wrong is in the status, and the backoff is the object's own.
pub async fn reconcile(object: Arc<RawIdentity>, context: Arc<Context>) -> Result<Action, Infallible> {
    if context.gate(false) == WriteGate::Closed {
        return Ok(Action::await_change());
    }
    let priority = match context.visit(&object) {
        Triage::Requeue(action) => return Ok(action),
        Triage::Reconcile(priority) => priority,
    };
    let decoded = object.decode(&context.engine.cluster().identity);
    let (Some(mut decoded), Some(mut looked)) = (decoded, Looked::begins(&object, priority, &context)) else {
        return Ok(Action::await_change());
    };
    decoded.target.access = context.classes.account(&decoded);
    let _under_way = context.metrics.reconcile_begins();
    let (object, uid) = (reference(&decoded), &decoded.target.uid);
    let Some(pass) = decision(&decoded, priority, &context).await else {
        context.forget(&object, uid);
        return Ok(Action::await_change());
    };
    let published = publish(&decoded, &pass, &context).await;
    context
        .metrics
        .reconciled(&pass.summary, published, looked.began.elapsed());
    if pass.released {
        context.forget(&object, uid);
        return Ok(Action::await_change());
    }
    looked.idle = pass.summary.corrected.is_empty() && pass.summary.status == decoded.status;
    let next = if published {
        pass.summary.next
    } else {
        Next::Backoff
    };
    Ok(context.next_action(&object, &looked, next))
}

/// What one pass came to.
#[derive(Debug)]
pub struct Pass {
    /// What is said.
    pub summary: Summary,
    /// Whether the object was let go: it has no status any more.
    pub released: bool,
}

async fn decision(decoded: &Decoded, priority: Priority, context: &Context) -> Option<Pass> {
    if decoded.goes {
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
                let object = reference(decoded);
                let identity = identity.with_contested(context.contests.of(&object));
                let scope = Scope {
                    background: priority == Priority::Background,
                    ..scope(decoded, &identity, context)
                };
                let summary = keep(&scope, decoded, spec, &identity, context).await;
                context.contests.note(&object, &summary.corrected);
                summary
            }
        },
    };
    Some(Pass {
        summary,
        released: false,
    })
}

fn reference(decoded: &Decoded) -> IdentityRef {
    let subject = &decoded.target.subject;
    IdentityRef::new(subject.name.as_str()).within(subject.namespace.as_str())
}

/// An object that stays: its binding is made and kept true.
async fn keep(
    scope: &Scope<'_>,
    decoded: &Decoded,
    spec: &Spec,
    identity: &Identity,
    context: &Context,
) -> Summary {
    let object = reference(decoded);
    let seen = context
        .settling
        .take(&object, decoded.generation)
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
            context.looks.begins(&object, Timestamp::now());
            context.engine.observe(scope).await
        }
    };
    let (timings, now) = (
        context
            .engine
            .timings()
            .with_rollout_policy(identity.queue.as_ref()),
        Timestamp::now(),
    );
    let decision = decide(identity, &decoded.status, &observed, &timings, now);
    let summary = act(decoded, &decision, &mut observed, spec.suspend, context)
        .await
        .0;
    if let Next::Settled(settles) = summary.next {
        context
            .settling
            .keep(object, observed, decoded.generation, settles);
    }
    summary
}

/// An object that goes: what Lanyard owns is removed or let go. One without our finalizer is not held by us.
async fn remove(decoded: &Decoded, context: &Context) -> Option<Pass> {
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
    Some(Pass { summary, released })
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
    let requested_at = decoded.requested_at.as_deref();
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
        fresh: context.requests.is_new(&decoded.target.uid, requested_at),
        background: false,
    }
}

/// Whether sessions of the role may get tags soon, so that it matters whether a policy lets it assume other roles.
fn gets_tags(decoded: &Decoded, identity: &Identity) -> bool {
    let tags = matches!(
        identity.binding.settings,
        MethodSettings::PodIdentity {
            session_tags: true,
            ..
        }
    );
    let bound = |transition: &TransitionStatus| transition.bound_time.is_some();
    let in_place = decoded.status.transition.as_ref().is_some_and(bound);
    tags && !in_place && !is_steady_binding(identity, &decoded.status)
}

/// What a look at an object that goes has to read: what may be ours, and nothing that only a new binding needs.
pub(crate) fn removal_scope<'a>(decoded: &'a Decoded, cluster: &Cluster, pods: Fact<PodList>) -> Scope<'a> {
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
fn pods(decoded: &Decoded, context: &Context) -> Fact<PodList> {
    let subject = &decoded.target.subject;
    let fold = context.pods.read().unwrap_or_else(PoisonError::into_inner);
    fold.counted(subject.namespace.as_str(), subject.name.as_str())
}

/// The spec as where no class exists: on what was made, no class has a say any more.
fn unclassed(spec: &Spec, decoded: &Decoded, cluster: &Cluster) -> Option<Identity> {
    let (class, made) = (Class::unrestricted(), decoded.status.recorded_roles());
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
