//! Publish: writes the status if it differs from the one that is there, and tells the events.
//! A decoded object and a pass in; writes to the API server. A failed event never changes the result of a pass.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event as KubeEvent;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::Resource;
use kube::api::{Api, Patch, PatchParams, PostParams};
use lanyard_api::{FIELD_MANAGER, WorkloadIdentity, WorkloadIdentityStatus};
use lanyard_core::gate::Gate;
use lanyard_core::reason::Reason;
use lanyard_core::status::Status;
use lanyard_core::summarise::{Event, EventKind};
use lanyard_engine::{EngineError, Target};
use serde_json::json;

use crate::context::Context;
use crate::raw::{Decoded, RawIdentity};
use crate::reconcile::Pass;

/// Writes what a pass came to. Returns whether the status stands as it should; if not, another look is due.
pub async fn publish(decoded: &Decoded, pass: &Pass, context: &Context) -> bool {
    // A replica that lost the lease on the way leaves the word to the next holder.
    if context.gate(false) == Gate::Closed {
        return false;
    }
    let (target, summary) = (&decoded.target, &pass.summary);
    let written =
        pass.released || summary.status == decoded.status || write(decoded, &summary.status, context).await;
    // A status that was not written is made again, with the events of what stands; what was done is told now or never.
    for event in summary
        .events
        .iter()
        .filter(|event| written || tells_a_deed(event))
    {
        tell(target, event, context).await;
    }
    written
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

/// Writes a status. The resourceVersion keeps it from overwriting what somebody else wrote meanwhile; where only other
/// things than the spec have changed, it is written on top of them.
pub async fn write(decoded: &Decoded, status: &Status, context: &Context) -> bool {
    let target = &decoded.target;
    let failure = match patch(target, status, context).await {
        Ok(()) => return true,
        Err(error) if error.status() == Some(404) => return true,
        Err(error) if error.status() == Some(409) => {
            if !same_spec_as_now(decoded, context).await {
                return false;
            }
            match patch(target, status, context).await {
                Ok(()) => return true,
                Err(error) => error,
            }
        }
        Err(error) => error,
    };
    tracing::warn!(object = %target.subject, %failure, "the status was not written; another look will make it again");
    false
}

/// Writes a status that rests on the one that was read: never over another. False: somebody else wrote meanwhile, or it
/// failed, and a look has to say it.
pub async fn write_over_the_same(decoded: &Decoded, status: &Status, context: &Context) -> bool {
    match patch(&decoded.target, status, context).await {
        Ok(()) => true,
        Err(error) => error.status() == Some(404),
    }
}

/// Whether the object still has the spec that was looked at; its version of now is remembered.
async fn same_spec_as_now(decoded: &Decoded, context: &Context) -> bool {
    let target = &decoded.target;
    let api: Api<RawIdentity> =
        Api::namespaced(context.world.kube().clone(), target.subject.namespace.as_str());
    let call = api.get(target.subject.name.as_str());
    let Ok(found) = context.world.read("get", &what(target), call).await else {
        return false;
    };
    let meta = found.meta();
    let same =
        meta.uid.as_deref() == Some(target.uid.as_str()) && meta.generation == Some(decoded.generation);
    if same {
        target.wrote(meta.resource_version.clone());
    }
    same
}

async fn patch(target: &Target, status: &Status, context: &Context) -> Result<(), EngineError> {
    let api: Api<RawIdentity> =
        Api::namespaced(context.world.kube().clone(), target.subject.namespace.as_str());
    let body = json!({
        "apiVersion": WorkloadIdentity::api_version(&()),
        "kind": WorkloadIdentity::kind(&()),
        "metadata": {"name": target.subject.name, "uid": target.uid, "resourceVersion": target.resource_version()},
        "status": WorkloadIdentityStatus::from_core(status),
    });
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let patch = Patch::Apply(&body);
    let call = api.patch_status(target.subject.name.as_str(), &params, &patch);
    let written = context.world.write("patch", &what(target), call).await?;
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
        Api::namespaced(context.world.kube().clone(), target.subject.namespace.as_str());
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
    if let Err(error) = context.world.write("create", "events.events.k8s.io", call).await {
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
