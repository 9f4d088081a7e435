//! The tally: what follows each class, written to its status and held by its finalizer, and who is next in a fleet's queue.
//! The store of identities in; class statuses, finalizers and references to look at out. Writes to the API server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::channel::mpsc::UnboundedSender;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::api::{Api, Patch, PatchParams};
use kube::{Resource, ResourceExt};
use lanyard_api::class::{
    ByMethod, FINALIZER_CLASS, IdentitiesStatus, TransitionsStatus, WorkloadIdentityClassStatus,
};
use lanyard_api::{FIELD_MANAGER, WorkloadIdentityClass};
use lanyard_core::class::{Class, Listed, Standing, Tally};
use lanyard_core::gate::Gate;
use lanyard_core::reason::Reason;
use lanyard_core::text;
use lanyard_engine::EngineError;
use serde_json::json;

use super::{Turns, record, reference};
use crate::context::{Context, Ref};

/// How long changes are gathered before they are counted: a fleet that changes is one count and not thousands.
const GATHER: Duration = Duration::from_secs(1);
/// How long a class that could not be written to is left alone.
const RETRY: Duration = Duration::from_secs(30);
/// Counting takes at most one part in so many of the time.
const SHARE: u32 = 20;

/// What follows one class.
#[derive(Debug, Default)]
struct Followers {
    tally: Tally,
    turns: Turns,
    waiting: Vec<Ref>,
}

/// Counts whenever something has changed, until it is dropped.
pub async fn tally(context: Arc<Context>, wake: UnboundedSender<Ref>) {
    context.classes.known().await;
    // Whoever counts an empty store lets go of every class.
    context.classes.changes.are_listed().await;
    loop {
        let begun = Instant::now();
        let written = match context.gate(false) {
            Gate::Closed => true,
            Gate::ReportOnly(_) | Gate::Open => count(&context, &wake).await,
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
async fn count(context: &Context, wake: &UnboundedSender<Ref>) -> bool {
    let mut written = true;
    let mut followers = followers(context);
    let classes = context.classes.known.borrow().classes.clone();
    for listed in classes.present().into_iter().flatten() {
        let mut of = followers.remove(&listed.name).unwrap_or_default();
        let next = std::mem::take(&mut of.waiting);
        let free = give(context, listed, of.turns);
        for waiting in next.into_iter().take(free) {
            // Nobody listens any more only when the controller has ended.
            let _ = wake.unbounded_send(waiting);
        }
        if let Err(error) = write(context, listed, &of.tally).await {
            tracing::warn!(class = %listed.name, %error, "the class could not be written to; it is tried again");
            written = false;
        }
    }
    written
}

/// Every identity under the class that it follows.
fn followers(context: &Context) -> BTreeMap<String, Followers> {
    let mut all: BTreeMap<String, Followers> = BTreeMap::new();
    for object in context.store.state() {
        let Some(decoded) = object.decode(&context.world.cluster().identity) else {
            continue;
        };
        let Some(class) = record(&decoded).pinned() else {
            continue;
        };
        let of = all.entry(class.to_owned()).or_default();
        of.tally.add(&decoded.status);
        let who = Ref::from_obj(&*object);
        match Standing::of(&decoded.status) {
            Standing::Rests | Standing::Asks => {}
            Standing::Waits => of.waiting.push(who),
            Standing::Runs => drop(of.turns.running.insert(who)),
            Standing::Failed => {
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

/// Takes note of who changes. A turn that was given counts until its identity says that it changes, or rests again.
/// Returns how many turns are free.
fn give(context: &Context, listed: &Listed, seen: Turns) -> usize {
    let mut all = context.classes.turns();
    let turns = all
        .get_or_insert_default()
        .entry(listed.name.clone())
        .or_default();
    let has_begun = |who: &(String, String)| seen.running.contains(&reference(&who.0, &who.1));
    let given = std::mem::take(&mut turns.given);
    let Ok(class) = &listed.class else { return 0 };
    let begins = |who: &(String, String)| !has_begun(who) && is_to_begin(context, class, who);
    *turns = Turns {
        given: given.into_iter().filter(begins).collect(),
        ..seen
    };
    let running = turns.running.len().saturating_sub(turns.failed) + turns.given.len();
    class.transition.free(running, turns.failed)
}

/// Whether an identity that was given a turn has still to make use of it.
fn is_to_begin(context: &Context, class: &Class, (namespace, name): &(String, String)) -> bool {
    let object = context.store.get(&reference(namespace, name));
    let decoded = object.and_then(|object| object.decode(&context.world.cluster().identity));
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

async fn write(context: &Context, listed: &Listed, tally: &Tally) -> Result<(), EngineError> {
    let api: Api<WorkloadIdentityClass> = Api::all(context.world.kube().clone());
    let what = format!("workloadidentityclasses.lanyard.dev {}", listed.name);
    let Some(class) = context
        .world
        .read("get", &what, api.get_opt(&listed.name))
        .await?
    else {
        return Ok(());
    };
    // Who may only report changes nothing of it but its status.
    if context.gate(false) == Gate::Open {
        hold(context, &api, &class, tally.total > 0).await?;
    }
    let before = class.status.clone().unwrap_or_default();
    let status = status(&class, listed, tally, &before);
    if status == before {
        return Ok(());
    }
    let body = json!({
        "apiVersion": WorkloadIdentityClass::api_version(&()),
        "kind": WorkloadIdentityClass::kind(&()),
        "metadata": {"name": listed.name, "uid": class.metadata.uid},
        "status": status,
    });
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let patch = Patch::Apply(&body);
    let call = api.patch_status(&listed.name, &params, &patch);
    context.world.write("patch", &what, call).await.map(drop)
}

/// Holds a class by the finalizer while identities follow it, and lets it go when none does.
async fn hold(
    context: &Context,
    api: &Api<WorkloadIdentityClass>,
    class: &WorkloadIdentityClass,
    used: bool,
) -> Result<(), EngineError> {
    let is_held = class.finalizers().iter().any(|known| known == FINALIZER_CLASS);
    let goes = class.metadata.deletion_timestamp.is_some();
    if is_held == used || (goes && used) {
        return Ok(());
    }
    let mut finalizers = class.finalizers().to_vec();
    finalizers.retain(|known| known != FINALIZER_CLASS);
    finalizers.extend(used.then(|| FINALIZER_CLASS.to_owned()));
    let patch = Patch::Merge(json!({"metadata": {
        "resourceVersion": class.metadata.resource_version,
        "finalizers": finalizers,
    }}));
    let (name, params) = (class.name_any(), PatchParams::default());
    let what = format!("workloadidentityclasses.lanyard.dev {name}");
    let call = api.patch(&name, &params, &patch);
    context.world.write("patch", &what, call).await.map(drop)
}

fn status(
    class: &WorkloadIdentityClass,
    listed: &Listed,
    tally: &Tally,
    before: &WorkloadIdentityClassStatus,
) -> WorkloadIdentityClassStatus {
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    WorkloadIdentityClassStatus {
        observed_generation: class.metadata.generation,
        conditions: vec![ready(class, listed, tally, before)],
        identities: Some(IdentitiesStatus {
            total: count(tally.total),
            ready: count(tally.ready),
            drifted: count(tally.drifted),
            by_method: ByMethod {
                irsa: count(tally.irsa),
                pod_identity: count(tally.pod_identity),
            },
        }),
        transitions: Some(TransitionsStatus {
            waiting: count(tally.waiting),
            running: count(tally.running),
            failed: count(tally.failed),
        }),
    }
}

/// Whether the class can be used; of one that is being deleted, what keeps it.
fn ready(
    class: &WorkloadIdentityClass,
    listed: &Listed,
    tally: &Tally,
    before: &WorkloadIdentityClassStatus,
) -> Condition {
    let goes = class.metadata.deletion_timestamp.is_some();
    let (status, reason, message) = match &listed.class {
        Ok(_) if goes => (
            "False",
            Reason::Deleting,
            format!(
                "{} identities still follow this class, and it stays until they are gone.",
                tally.total
            ),
        ),
        Ok(_) => ("True", Reason::Usable, "The class can be used.".to_owned()),
        Err(why) => (
            "False",
            Reason::ClassUnusable,
            format!("The class cannot be used: {}", text::quote(why)),
        ),
    };
    let known = before.conditions.iter().find(|known| known.type_ == "Ready");
    let since = known.filter(|known| known.status == status);
    Condition {
        type_: "Ready".to_owned(),
        status: status.to_owned(),
        reason: reason.to_string(),
        message,
        observed_generation: class.metadata.generation,
        last_transition_time: since.map_or_else(
            || Time(Timestamp::now()),
            |known| known.last_transition_time.clone(),
        ),
    }
}
