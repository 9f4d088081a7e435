//! Publish: writes the status if it differs from the stored one, and creates the events.
//! A decoded object and the result of its reconcile in; writes to the API server. A failed event does not fail a reconcile.

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event as KubeEvent;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::Resource;
use kube::api::{Api, PostParams};
use lanyard_api::{WorkloadIdentity, WorkloadIdentityStatus};
use lanyard_core::model::condition::ConditionType;
use lanyard_core::model::reason::Reason;
use lanyard_core::model::status::{PodsStatus, Status};
use lanyard_core::model::subject::Subject;
use lanyard_core::reconcile::gate::WriteGate;
use lanyard_core::reconcile::summary::{Event, EventKind, recount};
use lanyard_engine::{EngineError, Target};
use serde_json::json;

use super::context::Context;
use super::reconcile_result::ReconcileResult;
use crate::status_patch::patch_status;
use lanyard_engine::raw::{Decoded, RawIdentity};

/// Publishes the result of a reconcile. Returns whether the stored status is current; if not, the object is requeued.
pub async fn publish(decoded: &Decoded, result: &ReconcileResult, context: &Context) -> bool {
    // A replica that lost the lease during the reconcile publishes nothing; the next leader does.
    if context.gate(false) == WriteGate::Closed {
        return false;
    }
    let (target, summary) = (&decoded.target, &result.summary);
    let nothing_to_write = result.released || summary.status == decoded.status;
    let written = match nothing_to_write {
        true => StatusWrite::Current,
        false => write(decoded, &summary.status, context).await,
    };
    // The next reconcile repeats the events about state with a status that was not written, but not those about actions.
    for event in summary
        .events
        .iter()
        .filter(|event| written != StatusWrite::Failed || reports_action(event))
    {
        create_event(target, event, context).await;
    }
    written == StatusWrite::Current
}

/// The result of a status write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StatusWrite {
    /// The status was written, or the object is deleted.
    Current,
    /// The status was written, but the spec has changed since the reconcile began.
    Outdated,
    /// The status was not written.
    Failed,
}

/// True if an event reports an action, which no later reconcile can detect.
fn reports_action(event: &Event) -> bool {
    matches!(
        event.reason,
        Reason::RoleCreated
            | Reason::RoleUpdated
            | Reason::PolicyMistake
            | Reason::BindingUpdated
            | Reason::Restarted
            | Reason::DriftCorrected
            | Reason::Removed
            | Reason::Released
    )
}

/// Writes a status. If another writer changed the object meanwhile, the status is written over the new version only if
/// the stored status is still the one that the reconcile was based on, even for a newer spec: it is the only record of the
/// applied steps, above all of changes to an adopted role. A status of another writer stays, and the object is reconciled
/// again from it.
async fn write(decoded: &Decoded, status: &Status, context: &Context) -> StatusWrite {
    let target = &decoded.target;
    let failure = match patch(target, status, context).await {
        Ok(()) => return StatusWrite::Current,
        Err(error) if error.status() == Some(404) => return StatusWrite::Current,
        Err(error) if error.status() == Some(409) => {
            let Some(written) = adopt_stored_version(decoded, context).await else {
                return StatusWrite::Failed;
            };
            // The watch on pods may have written a newer count meanwhile.
            let pods = context.counted_pods(&target.subject);
            let now = context.clock.now().timestamp;
            let recounted = pods.present().and_then(|pods| recount(status, pods, now));
            match patch(target, recounted.as_ref().unwrap_or(status), context).await {
                Ok(()) => return written,
                Err(error) => error,
            }
        }
        Err(error) => error,
    };
    let Subject { namespace, name, .. } = &target.subject;
    tracing::warn!(%namespace, %name, %failure, "the status was not written; the reconcile is repeated");
    StatusWrite::Failed
}

/// Writes a status that was derived from the stored one, and only over that version. Returns `false` if another writer
/// changed the object meanwhile or the write failed; the object then needs a reconcile.
pub async fn write_unless_changed(decoded: &Decoded, status: &Status, context: &Context) -> bool {
    match patch(&decoded.target, status, context).await {
        Ok(()) => true,
        Err(error) => error.status() == Some(404),
    }
}

/// Reads the stored object and uses its version for the next write. Returns the result that the write will have, or
/// `None` if the name belongs to another object, if another writer changed the status, or if the read failed.
async fn adopt_stored_version(decoded: &Decoded, context: &Context) -> Option<StatusWrite> {
    let target = &decoded.target;
    let api: Api<RawIdentity> =
        Api::namespaced(context.engine.kube().clone(), target.subject.namespace.as_str());
    let call = api.get(target.subject.name.as_str());
    let stored = context
        .engine
        .read("get", &status_resource(target), call)
        .await
        .ok()?;
    let written = result_over(stored.meta(), &target.uid, decoded.generation)?;
    if !is_base(&stored.decode_status(), &decoded.status) {
        let Subject { namespace, name, .. } = &target.subject;
        tracing::warn!(
            %namespace, %name,
            "another writer changed the status during the reconcile; the reconcile is repeated"
        );
        return None;
    }
    target.wrote(stored.meta().resource_version.clone());
    Some(written)
}

/// The result of writing a status for `generation` over `stored`. Returns `None` if `stored` is another object.
fn result_over(stored: &ObjectMeta, uid: &str, generation: i64) -> Option<StatusWrite> {
    if stored.uid.as_deref() != Some(uid) {
        return None;
    }
    match stored.generation == Some(generation) {
        true => Some(StatusWrite::Current),
        false => Some(StatusWrite::Outdated),
    }
}

/// True if `stored` is the status that a reconcile was based on, apart from the pod count, which the watch on pods writes
/// beside reconciles.
fn is_base(stored: &Status, base: &Status) -> bool {
    without_pod_count(stored) == without_pod_count(base)
}

fn without_pod_count(status: &Status) -> Status {
    let mut status = status.clone();
    status.pods = PodsStatus::default();
    status
        .conditions
        .retain(|condition| condition.kind != ConditionType::PodsCurrent);
    status
}

async fn patch(target: &Target, status: &Status, context: &Context) -> Result<(), EngineError> {
    let api: Api<RawIdentity> =
        Api::namespaced(context.engine.kube().clone(), target.subject.namespace.as_str());
    let subject = &target.subject;
    let metadata = json!({"namespace": subject.namespace, "name": subject.name, "uid": target.uid,
        "resourceVersion": target.resource_version()});
    let status = WorkloadIdentityStatus::from_core(status);
    let written = patch_status(&context.engine, &api, subject.name.as_str(), &metadata, &status).await?;
    target.wrote(written.meta().resource_version.clone());
    Ok(())
}

fn status_resource(target: &Target) -> String {
    format!("workloadidentities.lanyard.dev/status {}", target.subject)
}

/// Creates one event as its own object. kube's recorder is not used, because it would repeat the first note of a reason in
/// every later event of that reason.
async fn create_event(target: &Target, event: &Event, context: &Context) {
    log(target, event);
    let api: Api<KubeEvent> =
        Api::namespaced(context.engine.kube().clone(), target.subject.namespace.as_str());
    let body = KubeEvent {
        metadata: ObjectMeta {
            generate_name: Some(format!("{}-", short(target.subject.name.as_str()))),
            namespace: Some(target.subject.namespace.to_string()),
            ..ObjectMeta::default()
        },
        event_time: Some(MicroTime(context.clock.now().timestamp)),
        action: Some(event.reason.to_string()),
        reason: Some(event.reason.to_string()),
        note: Some(event.note.clone()),
        type_: Some(match event.kind {
            EventKind::Normal => "Normal".to_owned(),
            EventKind::Warning => "Warning".to_owned(),
        }),
        regarding: Some(ObjectReference {
            api_version: Some(WorkloadIdentity::api_version(&()).into_owned()),
            kind: Some(WorkloadIdentity::kind(&()).into_owned()),
            name: Some(target.subject.name.to_string()),
            namespace: Some(target.subject.namespace.to_string()),
            uid: Some(target.uid.clone()),
            ..ObjectReference::default()
        }),
        reporting_controller: Some("lanyard.dev/operator".to_owned()),
        reporting_instance: Some(context.instance.clone()),
        ..KubeEvent::default()
    };
    let params = PostParams::default();
    let call = api.create(&params, &body);
    if let Err(error) = context.engine.write("create", "events.events.k8s.io", call).await {
        let Subject { namespace, name, .. } = &target.subject;
        tracing::debug!(%namespace, %name, %error, "an event was not created");
    }
}

fn log(target: &Target, event: &Event) {
    let Subject { namespace, name, .. } = &target.subject;
    let (reason, note) = (event.reason, &event.note);
    match event.kind {
        EventKind::Normal => tracing::info!(%namespace, %name, %reason, "{note}"),
        EventKind::Warning => tracing::warn!(%namespace, %name, %reason, "{note}"),
    }
}

/// `name`, cut so that the generated suffix fits: names of events have at most 253 characters.
fn short(name: &str) -> &str {
    name.get(..200).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_written_over_newer_spec_but_not_other_object() {
        let stored = |uid: &str, generation| ObjectMeta {
            uid: Some(uid.to_owned()),
            generation: Some(generation),
            ..ObjectMeta::default()
        };
        assert_eq!(result_over(&stored("a", 1), "a", 1), Some(StatusWrite::Current));
        assert_eq!(result_over(&stored("a", 2), "a", 1), Some(StatusWrite::Outdated));
        assert_eq!(result_over(&stored("b", 1), "a", 1), None);
        assert_eq!(result_over(&ObjectMeta::default(), "a", 1), None);
    }

    #[test]
    fn status_is_written_over_a_pod_count_but_no_other_status() {
        let base = Status::default();
        let recounted = Status {
            pods: PodsStatus { stale: 3 },
            ..Status::default()
        };
        assert!(is_base(&base, &base) && is_base(&recounted, &base));
        let other = Status {
            last_applied_hashes: [("role.maxSession".to_owned(), "0".to_owned())].into(),
            ..Status::default()
        };
        assert!(!is_base(&other, &base));
    }
}
