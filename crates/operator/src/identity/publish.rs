//! Publish: writes the status if it differs from the one that is there, and tells the events.
//! A decoded object and a pass in; writes to the API server. A failed event never changes the result of a pass.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event as KubeEvent;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::Resource;
use kube::api::{Api, Patch, PatchParams, PostParams};
use lanyard_api::{FIELD_MANAGER, WorkloadIdentity, WorkloadIdentityStatus};
use lanyard_core::model::reason::Reason;
use lanyard_core::model::status::Status;
use lanyard_core::reconcile::gate::WriteGate;
use lanyard_core::reconcile::summary::{Event, EventKind};
use lanyard_engine::{EngineError, Target};
use serde_json::json;

use super::context::Context;
use super::reconcile_result::ReconcileResult;
use crate::raw::{Decoded, RawIdentity};

/// Writes what a pass came to. Returns whether the status stands as it should; if not, another look is due.
pub async fn publish(decoded: &Decoded, pass: &ReconcileResult, context: &Context) -> bool {
    // A replica that lost the lease on the way leaves the word to the next holder.
    if context.gate(false) == WriteGate::Closed {
        return false;
    }
    let (target, summary) = (&decoded.target, &pass.summary);
    let nothing_to_write = pass.released || summary.status == decoded.status;
    let written = match nothing_to_write {
        true => Written::Stands,
        false => write(decoded, &summary.status, context).await,
    };
    // A status that was not written is made again, with the events of what stands; what was done is told now or never.
    for event in summary
        .events
        .iter()
        .filter(|event| written != Written::Not || tells_a_deed(event))
    {
        tell(target, event, context).await;
    }
    written == Written::Stands
}

/// What came of writing a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    /// It stands, or its object is gone.
    Stands,
    /// It stands for a spec that has changed meanwhile, as its generation says.
    Outdated,
    /// It was not written.
    Not,
}

/// Whether an event tells of something that was done, which no later look can find out.
fn tells_a_deed(event: &Event) -> bool {
    matches!(
        event.reason,
        Reason::RoleCreated
            | Reason::RoleUpdated
            | Reason::BindingUpdated
            | Reason::Restarted
            | Reason::DriftCorrected
            | Reason::Removed
            | Reason::Released
    )
}

/// Writes a status. The resourceVersion keeps it from overwriting what somebody else wrote meanwhile; it is then written
/// on top, of a newer spec too: what this pass did is remembered nowhere else, least of all what it put on an adopted role.
async fn write(decoded: &Decoded, status: &Status, context: &Context) -> Written {
    let target = &decoded.target;
    let failure = match patch(target, status, context).await {
        Ok(()) => return Written::Stands,
        Err(error) if error.status() == Some(404) => return Written::Stands,
        Err(error) if error.status() == Some(409) => {
            let Some(written) = over_what_is_there(decoded, context).await else {
                return Written::Not;
            };
            match patch(target, status, context).await {
                Ok(()) => return written,
                Err(error) => error,
            }
        }
        Err(error) => error,
    };
    tracing::warn!(object = %target.subject, %failure, "the status was not written; another look will make it again");
    Written::Not
}

/// Writes a status that rests on the one that was read: never over another. False: somebody else wrote meanwhile, or it
/// failed, and a look has to say it.
pub async fn write_over_the_same(decoded: &Decoded, status: &Status, context: &Context) -> bool {
    match patch(&decoded.target, status, context).await {
        Ok(()) => true,
        Err(error) => error.status() == Some(404),
    }
}

/// What the status will be once it is written over what is there now, whose version is remembered. Nothing: it is another
/// object's place, or could not be read.
async fn over_what_is_there(decoded: &Decoded, context: &Context) -> Option<Written> {
    let target = &decoded.target;
    let api: Api<RawIdentity> =
        Api::namespaced(context.engine.kube().clone(), target.subject.namespace.as_str());
    let call = api.get(target.subject.name.as_str());
    let found = context.engine.read("get", &what(target), call).await.ok()?;
    let written = over(found.meta(), &target.uid, decoded.generation)?;
    target.wrote(found.meta().resource_version.clone());
    Some(written)
}

/// What a status of an object and a generation comes to over an object that is there.
fn over(found: &ObjectMeta, uid: &str, generation: i64) -> Option<Written> {
    if found.uid.as_deref() != Some(uid) {
        return None;
    }
    match found.generation == Some(generation) {
        true => Some(Written::Stands),
        false => Some(Written::Outdated),
    }
}

async fn patch(target: &Target, status: &Status, context: &Context) -> Result<(), EngineError> {
    let api: Api<RawIdentity> =
        Api::namespaced(context.engine.kube().clone(), target.subject.namespace.as_str());
    let body = json!({
        "apiVersion": WorkloadIdentity::api_version(&()),
        "kind": WorkloadIdentity::kind(&()),
        "metadata": {"name": target.subject.name, "uid": target.uid, "resourceVersion": target.resource_version()},
        "status": WorkloadIdentityStatus::from_core(status),
    });
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let patch = Patch::Apply(&body);
    let call = api.patch_status(target.subject.name.as_str(), &params, &patch);
    let written = context.engine.write("patch", &what(target), call).await?;
    target.wrote(written.meta().resource_version.clone());
    Ok(())
}

fn what(target: &Target) -> String {
    format!("workloadidentities.lanyard.dev/status {}", target.subject)
}

/// Tells one event. Events are made only when something turns, so each is its own object: kube's recorder would
/// repeat the first note of a reason for ever.
async fn tell(target: &Target, event: &Event, context: &Context) {
    log(target, event);
    let api: Api<KubeEvent> =
        Api::namespaced(context.engine.kube().clone(), target.subject.namespace.as_str());
    let body = KubeEvent {
        metadata: ObjectMeta {
            generate_name: Some(format!("{}-", short(target.subject.name.as_str()))),
            namespace: Some(target.subject.namespace.to_string()),
            ..ObjectMeta::default()
        },
        event_time: Some(MicroTime(Timestamp::now())),
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
        tracing::debug!(object = %target.subject, %error, "could not tell an event");
    }
}

fn log(target: &Target, event: &Event) {
    let (object, reason, note) = (&target.subject, event.reason, &event.note);
    match event.kind {
        EventKind::Normal => tracing::info!(%object, %reason, "{note}"),
        EventKind::Warning => tracing::warn!(%object, %reason, "{note}"),
    }
}

/// A name short enough that the API server's suffix still fits (names of events have at most 253 characters).
fn short(name: &str) -> &str {
    name.get(..200).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pass_did_is_remembered_over_a_newer_spec_and_never_of_another_object() {
        let found = |uid: &str, generation| ObjectMeta {
            uid: Some(uid.to_owned()),
            generation: Some(generation),
            ..ObjectMeta::default()
        };
        assert_eq!(over(&found("a", 1), "a", 1), Some(Written::Stands));
        assert_eq!(over(&found("a", 2), "a", 1), Some(Written::Outdated));
        assert_eq!(over(&found("b", 1), "a", 1), None);
        assert_eq!(over(&ObjectMeta::default(), "a", 1), None);
    }
}
