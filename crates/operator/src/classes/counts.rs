//! The tally: what follows each class, written to its status and held by its finalizer, and who is next in a fleet's queue.
//! The store of identities in; class statuses, finalizers and references to look at out. Writes to the API server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::channel::mpsc::UnboundedSender;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::Resource;
use kube::api::{Api, Patch, PatchParams};
use lanyard_api::FIELD_MANAGER;
use lanyard_api::class::{ByMethod, IdentitiesStatus, TransitionsStatus, WorkloadIdentityClassStatus};
use lanyard_core::class::{Class, ClassEntry, IdentityCounts, RolloutState};
use lanyard_core::model::reason::Reason;
use lanyard_core::model::text;
use lanyard_core::reconcile::gate::WriteGate;
use lanyard_engine::EngineError;
use serde_json::json;

use super::{RolloutSlots, Shown, hold, record, reference};
use crate::context::{Context, IdentityRef};
use crate::raw::{Decoded, RawClass};

/// How long changes are gathered before they are counted: a fleet that changes is one count and not thousands.
const GATHER: Duration = Duration::from_secs(1);
/// How long a class that could not be written to is left alone.
const RETRY: Duration = Duration::from_secs(30);
/// Counting takes at most one part in so many of the time.
const SHARE: u32 = 20;

/// What follows one class.
#[derive(Debug, Default)]
struct Followers {
    counts: IdentityCounts,
    turns: RolloutSlots,
    waiting: Vec<IdentityRef>,
}

/// Counts whenever something has changed, until it is dropped.
pub async fn count_followers(context: Arc<Context>, requeue: UnboundedSender<IdentityRef>) {
    context.classes.known().await;
    // Whoever counts an empty store lets go of every class.
    context.classes.changes.are_listed().await;
    loop {
        let begun = Instant::now();
        let written = match context.gate(false) {
            WriteGate::Closed => true,
            WriteGate::ReportOnly(_) | WriteGate::Open => count(&context, &requeue).await,
        };
        tokio::time::sleep(GATHER.max(begun.elapsed() * SHARE)).await;
        let changed = context.classes.changes.changed.notified();
        if written {
            changed.await;
        } else {
            // Either way it is tried again.
            drop(tokio::time::timeout(RETRY, changed).await);
        }
    }
}

/// Whether every class could be written to.
async fn count(context: &Context, requeue: &UnboundedSender<IdentityRef>) -> bool {
    let mut written = true;
    let mut followers = followers(context);
    for (listed, shown) in &classes(context) {
        let mut of = followers.remove(&listed.name).unwrap_or_default();
        let next = std::mem::take(&mut of.waiting);
        let free = give(context, listed, of.turns);
        for waiting in next.into_iter().take(free) {
            // Nobody listens any more only when the controller has ended.
            let _ = requeue.unbounded_send(waiting);
        }
        if let Err(error) = write(context, listed, shown, &of.counts).await {
            tracing::warn!(class = %listed.name, %error, "the class could not be written to; it is tried again");
            written = false;
        }
    }
    written
}

/// Every class, as the watch last showed it.
fn classes(context: &Context) -> Vec<(ClassEntry, Shown)> {
    let known = context.classes.known.borrow();
    let all = known.classes.present().into_iter().flatten();
    all.filter_map(|listed| Some((listed.clone(), known.shown.get(&listed.name)?.clone())))
        .collect()
}

/// Every identity under the class that it follows.
fn followers(context: &Context) -> BTreeMap<String, Followers> {
    let mut all: BTreeMap<String, Followers> = BTreeMap::new();
    for object in context.store.state() {
        let Some(decoded) = object.decode(&context.engine.cluster().identity) else {
            continue;
        };
        let Some(class) = record(&decoded).pinned() else {
            continue;
        };
        let of = all.entry(class.to_owned()).or_default();
        of.counts.add(&decoded.status);
        let who = IdentityRef::from_obj(&*object);
        match RolloutState::of(&decoded.status) {
            RolloutState::Steady | RolloutState::AwaitingUser => {}
            RolloutState::Queued if stands(&decoded) => {}
            RolloutState::Queued => of.waiting.push(who),
            RolloutState::Running => drop(of.turns.running.insert(who)),
            RolloutState::Failed => {
                of.turns.failed += 1;
                of.turns.running.insert(who);
            }
        }
    }
    for of in all.values_mut() {
        of.waiting
            .sort_by_key(|who| (who.namespace.clone(), who.name.clone()));
    }
    all
}

/// Whether an identity would not make use of a turn: woken for one, it would keep it from the next.
fn stands(decoded: &Decoded) -> bool {
    let spec = decoded.spec.as_ref();
    spec.is_ok_and(|spec| spec.suspend || spec.transition_paused)
}

/// Takes note of who changes. A turn that was given counts until its identity says that it changes, or rests again.
/// Returns how many turns are free.
fn give(context: &Context, listed: &ClassEntry, seen: RolloutSlots) -> usize {
    let mut all = context.classes.turns();
    let turns = all
        .get_or_insert_default()
        .entry(listed.name.clone())
        .or_default();
    let has_begun = |who: &(String, String)| seen.running.contains(&reference(&who.0, &who.1));
    let given = std::mem::take(&mut turns.given);
    let Ok(class) = &listed.class else { return 0 };
    let begins = |who: &(String, String)| !has_begun(who) && is_to_begin(context, class, who);
    *turns = RolloutSlots {
        given: given.into_iter().filter(begins).collect(),
        ..seen
    };
    let running = turns.running.len().saturating_sub(turns.failed) + turns.given.len();
    class.transition.free(running, turns.failed)
}

/// Whether an identity that was given a turn has still to make use of it.
fn is_to_begin(context: &Context, class: &Class, (namespace, name): &(String, String)) -> bool {
    let object = context.store.get(&reference(namespace, name));
    let decoded = object.and_then(|object| object.decode(&context.engine.cluster().identity));
    let Some(decoded) = decoded.filter(|decoded| !decoded.goes) else {
        return false;
    };
    let by_class = decoded.spec.as_ref().is_ok_and(|spec| spec.method.is_none());
    let active = decoded
        .status
        .active_binding()
        .map(|active| active.binding.method());
    let asks = class.defaults.method.is_some() && active != class.defaults.method;
    by_class && asks && decoded.status.transition.is_none()
}

async fn write(
    context: &Context,
    listed: &ClassEntry,
    shown: &Shown,
    counts: &IdentityCounts,
) -> Result<(), EngineError> {
    let Shown {
        metadata,
        status: before,
    } = shown;
    // Who may only report changes nothing of it but its status.
    if context.gate(false) == WriteGate::Open {
        hold(context.engine.guarded(), metadata, counts.total > 0).await?;
    }
    let status = status(listed, shown, counts);
    if status == *before {
        return Ok(());
    }
    let body = json!({
        "apiVersion": RawClass::api_version(&()),
        "kind": RawClass::kind(&()),
        "metadata": {"name": listed.name, "uid": metadata.uid},
        "status": status,
    });
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let patch = Patch::Apply(&body);
    let api: Api<RawClass> = Api::all(context.engine.kube().clone());
    let call = api.patch_status(&listed.name, &params, &patch);
    let what = format!("workloadidentityclasses.lanyard.dev {}", listed.name);
    match context.engine.write("patch", &what, call).await {
        // It is gone, and the watch is about to say so.
        Err(error) if error.status() == Some(404) => Ok(()),
        result => result.map(drop),
    }
}

fn status(listed: &ClassEntry, shown: &Shown, counts: &IdentityCounts) -> WorkloadIdentityClassStatus {
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    WorkloadIdentityClassStatus {
        observed_generation: shown.metadata.generation,
        conditions: vec![ready(listed, shown, counts)],
        identities: Some(IdentitiesStatus {
            total: count(counts.total),
            ready: count(counts.ready),
            drifted: count(counts.drifted),
            by_method: ByMethod {
                irsa: count(counts.irsa),
                pod_identity: count(counts.pod_identity),
            },
        }),
        transitions: Some(TransitionsStatus {
            waiting: count(counts.waiting),
            running: count(counts.running),
            failed: count(counts.failed),
        }),
    }
}

/// That the class can be used, and what holds its fleet.
fn usable(class: &Class, counts: &IdentityCounts) -> String {
    match class
        .transition
        .halt(counts.failed)
        .filter(|_| counts.waiting > 0)
    {
        Some(halt) => format!("The class can be used; {halt}."),
        None => "The class can be used.".to_owned(),
    }
}

/// Whether the class can be used; of one that is being deleted, what keeps it.
fn ready(listed: &ClassEntry, shown: &Shown, counts: &IdentityCounts) -> Condition {
    let (status, reason, message) = match &listed.class {
        Ok(_) if listed.is_deleting => (
            "False",
            Reason::Deleting,
            match counts.total {
                1 => "1 identity still follows this class, and it stays until that is gone; it takes no others."
                    .to_owned(),
                total => format!(
                    "{total} identities still follow this class, and it stays until they are gone; it takes no others."
                ),
            },
        ),
        Ok(class) => ("True", Reason::Accepted, usable(class, counts)),
        Err(unusable) => (
            "False",
            Reason::ClassUnusable,
            format!("The class cannot be used: {}", text::quote(&unusable.message)),
        ),
    };
    let known = shown
        .status
        .conditions
        .iter()
        .find(|known| known.type_ == "Ready");
    let since = known.filter(|known| known.status == status);
    Condition {
        type_: "Ready".to_owned(),
        status: status.to_owned(),
        reason: reason.to_string(),
        message,
        observed_generation: shown.metadata.generation,
        last_transition_time: since.map_or_else(
            || Time(Timestamp::now()),
            |known| known.last_transition_time.clone(),
        ),
    }
}
