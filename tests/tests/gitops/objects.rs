//! The objects that the health checks are run on: the results of the scenarios, and one object for each reason.
//! Input: `tests/scenarios`, reasons. Output: JSON objects. Reads files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use lanyard_core::model::reason::Reason;
use serde_json::{Value, json};

/// Reasons of states that a user or an administrator chose, or has to decide on.
const INTENDED: [Reason; 4] = [
    Reason::Paused,
    Reason::ApprovalRequired,
    Reason::Suspended,
    Reason::ReadOnly,
];

/// All other reasons. A new reason has to be added here or above, and to the health script if it is an intended state.
const OTHERS: &str = "
    Bound Progressing AwaitingConsistency Propagating Settling RoleInPlace RoleMissing RoleConflict StatementConflict
    RoleNotFound RoleDrifted TrustInPlace TrustMissing TrustDenied TrustNotVerifiable TrustVerified BindingInPlace
    BindingMissing BindingDrifted ServiceAccountMissing AssociationConflict BoundaryMissing AnnotationConflict
    ProviderMissing AgentNotReady WebhookMissing InSync Drifted Contested Unreadable PodsCurrent PodsStale Preparing
    Switching Unbinding Unbound Draining Soaking BindingChanged NodesUnsupported ManagedByAddOn RestartStuck
    RestartIneffective Restarted Queued Accepted InvalidSpec InvalidAdoption Forbidden NoDefaultClass
    SeveralDefaultClasses ClassMissing ClassUnusable ClassDeleting ClassIncompatible NamespaceNotSelected ClassChanged
    PodIdentityUnavailable IssuerUnreachable AccountMismatch Undecodable AccessDenied QuotaExceeded MalformedDocument
    PolicyNotFound BoundaryNotFound PrincipalNotFound Refused Throttled Unavailable Deleting InUse AgentInstalled
    Adopted RoleCreated RoleRecreated RoleUpdated PolicyMistake BindingUpdated DriftFound DriftCorrected Removed Released";

/// A state of an object, as its conditions show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Deleting,
    NotReconciled,
    Intended,
    Stalled,
    Ready,
    Reconciling,
}

/// An object, its name in messages, and its state.
#[derive(Debug)]
pub(crate) struct Object {
    pub name: String,
    pub value: Value,
    pub state: State,
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Reads a YAML file.
pub(crate) fn yaml(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    serde_saphyr::from_str(&text).with_context(|| format!("decoding {}", path.display()))
}

/// Every scenario that leaves an object, with its state, and every reason in each condition.
pub(crate) fn all() -> Result<Vec<Object>> {
    let mut objects = scenarios()?;
    for reason in Reason::ALL {
        objects.extend(with_reason(*reason)?);
    }
    Ok(objects)
}

fn scenarios() -> Result<Vec<Object>> {
    let mut objects = Vec::new();
    for entry in fs::read_dir(root().join("tests/scenarios"))? {
        let folder = entry?.path();
        let status = folder.join("expected/status.yaml");
        if !status.exists() {
            continue;
        }
        let mut value = yaml(&folder.join("spec.yaml"))?;
        value["status"] = yaml(&status)?;
        // A scenario without a generation has the first one.
        if value["metadata"]["generation"].is_null() {
            value["metadata"]["generation"] = json!(1);
        }
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        objects.push(Object {
            name: name.into_owned(),
            state: state(&value)?,
            value,
        });
    }
    ensure!(objects.len() > 20, "only {} scenarios", objects.len());
    Ok(objects)
}

/// The state of an object by its own fields, as the documentation defines it.
fn state(object: &Value) -> Result<State> {
    if !object["metadata"]["deletionTimestamp"].is_null() {
        return Ok(State::Deleting);
    }
    if object["spec"]["suspend"] == true {
        return Ok(State::Intended);
    }
    let conditions = object["status"]["conditions"].as_array();
    let reason_of = |kind: &str| {
        let found = conditions?.iter().find(|condition| condition["type"] == kind)?;
        (found["status"] == "True").then(|| found["reason"].as_str().unwrap_or_default())
    };
    for (kind, state) in [
        ("Stalled", State::Stalled),
        ("Ready", State::Ready),
        ("Reconciling", State::Reconciling),
    ] {
        if let Some(reason) = reason_of(kind) {
            let intended = is_intended(reason)?;
            return Ok(if intended { State::Intended } else { state });
        }
    }
    anyhow::bail!("neither stalled, ready nor reconciling: {object}")
}

/// Returns whether a reason names an intended state.
fn is_intended(reason: &str) -> Result<bool> {
    let intended = INTENDED.iter().any(|known| known.as_str() == reason);
    let other = OTHERS.split_whitespace().any(|known| known == reason);
    ensure!(
        intended != other,
        "the health of objects with reason {reason} is not decided"
    );
    Ok(intended)
}

/// An object that is stalled, reconciling and ready with a reason.
fn with_reason(reason: Reason) -> Result<[Object; 3]> {
    let intended = is_intended(reason.as_str())?;
    let object = |kind: &str, state| Object {
        name: format!("{kind} {reason}"),
        value: identity(kind, reason),
        state,
    };
    let or_intended = |state| if intended { State::Intended } else { state };
    Ok([
        object("Stalled", or_intended(State::Stalled)),
        object("Reconciling", or_intended(State::Reconciling)),
        object("Ready", State::Ready),
    ])
}

fn identity(kind: &str, reason: Reason) -> Value {
    let condition = |kind: &str, status: &str| {
        json!({
            "type": kind, "status": status, "reason": reason.as_str(), "message": format!("Message of {kind}."),
            "observedGeneration": 3, "lastTransitionTime": "2026-03-01T12:00:00Z",
        })
    };
    let mut conditions = vec![condition("Ready", if kind == "Ready" { "True" } else { "False" })];
    if kind != "Ready" {
        conditions.push(condition(kind, "True"));
    }
    // The reason Suspended occurs only while the object is suspended.
    let suspended = reason == Reason::Suspended && kind != "Ready";
    json!({
        "apiVersion": "lanyard.dev/v1alpha1",
        "kind": "WorkloadIdentity",
        "metadata": {"name": "orders", "namespace": "shop", "generation": 3},
        "spec": {"suspend": suspended},
        "status": {"observedGeneration": 3, "conditions": conditions},
    })
}

/// An object without any condition, as after its creation.
pub(crate) fn not_reconciled() -> Object {
    let mut value = identity("Ready", Reason::Bound);
    value["status"] = json!({"observedGeneration": -1});
    Object {
        name: "not reconciled".to_owned(),
        value,
        state: State::NotReconciled,
    }
}
