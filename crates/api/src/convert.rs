//! Conversion between the API types and the plain values of core: the spec to core, the status in both
//! directions. Input and output: values. No I/O.
//!
//! Conversion to core never fails. Entries of a status that core does not know, such as a condition of another
//! controller or a reason of a newer operator, are dropped, which is safe because a status can always be
//! rebuilt.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use lanyard_core::model::arn::{Issuer, RoleArn};
use lanyard_core::model::binding::{Binding, MethodSettings};
use lanyard_core::model::name::Audience;
use lanyard_core::model::spec::Method;
use lanyard_core::model::workload::WorkloadRef;
use lanyard_core::model::{condition, from_class, spec as core_spec, status as core};
use serde::de::DeserializeOwned;

use crate::spec::{ExistingRole, IrsaSpec, ManagedRole, PodIdentitySpec, WorkloadIdentitySpec};
use crate::status::{
    AssociationStatus, BindingStatus, Correction, DriftItem, DriftStatus, FromClass, PodsStatus,
    RestartStatus, RestartedWorkload, RoleStatus, TransitionStatus, WorkloadIdentityStatus,
};

impl WorkloadIdentitySpec {
    /// Converts the spec without checking it. `validate` of the core crate checks it.
    #[must_use]
    pub fn to_core(&self) -> core_spec::Spec {
        core_spec::Spec {
            // Set from an annotation, which is not part of the spec.
            adopt: Vec::new(),
            class_name: self.class_name.clone(),
            create_service_account: self
                .service_account
                .as_ref()
                .is_some_and(|account| account.create),
            method: self.method,
            managed: self.role.managed.as_ref().map(ManagedRole::to_core),
            existing: self.role.existing.as_ref().map(ExistingRole::to_core),
            pod_identity: self
                .pod_identity
                .as_ref()
                .map(PodIdentitySpec::to_core)
                .unwrap_or_default(),
            irsa: self.irsa.as_ref().map(IrsaSpec::to_core).unwrap_or_default(),
            drift_policy: self.drift_policy,
            deletion_policy: self.deletion_policy,
            pod_restart: self.pod_restart,
            transition_paused: self
                .transition
                .as_ref()
                .is_some_and(|transition| transition.paused),
            suspend: self.suspend,
        }
    }
}

impl ManagedRole {
    fn to_core(&self) -> core_spec::ManagedRoleSpec {
        core_spec::ManagedRoleSpec {
            name: self.name.clone(),
            description: self.description.clone(),
            max_session_duration: self.max_session_duration.clone(),
            permissions_boundary_arn: self.permissions_boundary_arn.clone(),
            policy_arns: self.policy_arns.clone(),
            inline_policies: self
                .inline_policies
                .iter()
                .map(|policy| (policy.name.clone(), policy.document.clone()))
                .collect(),
            tags: self.tags.clone(),
        }
    }
}

impl ExistingRole {
    fn to_core(&self) -> core_spec::ExistingRoleSpec {
        core_spec::ExistingRoleSpec {
            arn: self.arn.clone(),
            trust: self.trust.unwrap_or_default(),
        }
    }
}

impl PodIdentitySpec {
    fn to_core(&self) -> core_spec::PodIdentitySpec {
        core_spec::PodIdentitySpec {
            target_role_arn: self.target_role_arn.clone(),
            disable_session_tags: self.disable_session_tags,
            session_policy: self.session_policy.clone(),
        }
    }
}

impl IrsaSpec {
    fn to_core(&self) -> core_spec::IrsaSpec {
        core_spec::IrsaSpec {
            audience: self.audience.clone(),
            token_expiration: self.token_expiration.clone(),
            sts_regional_endpoints: self.sts_regional_endpoints,
        }
    }
}

impl WorkloadIdentityStatus {
    /// Converts the status for Kubernetes. Times are truncated to seconds, as everywhere in Kubernetes.
    #[must_use]
    pub fn from_core(status: &core::Status) -> Self {
        Self {
            observed_generation: status.observed_generation,
            last_handled_reconcile_at: status.last_handled_reconcile_at.clone(),
            conditions: status.conditions.iter().map(condition_from_core).collect(),
            class_name: status.class_name.clone(),
            applied_from_class: status.applied_from_class.as_ref().map(FromClass::from_core),
            role: status.role.as_ref().map(|role| RoleStatus {
                arn: role.arn.to_string(),
                id: role.id.clone(),
                adopted: role.adopted,
            }),
            bindings: status.bindings.iter().map(BindingStatus::from_core).collect(),
            oidc_provider_arn: status.oidc_provider_arn.clone(),
            last_applied_hashes: status.last_applied_hashes.clone(),
            drift: Some(DriftStatus::from_core(&status.drift)),
            pods: Some(PodsStatus {
                stale: status.pods.stale,
            }),
            transition: status.transition.as_ref().map(TransitionStatus::from_core),
            restarts: status.restarts.iter().map(RestartStatus::from_core).collect(),
        }
    }

    /// Converts the status for core and drops the entries that core does not know.
    #[must_use]
    pub fn to_core(&self) -> core::Status {
        core::Status {
            observed_generation: self.observed_generation,
            last_handled_reconcile_at: self.last_handled_reconcile_at.clone(),
            conditions: self.conditions.iter().filter_map(condition_to_core).collect(),
            class_name: self.class_name.clone(),
            applied_from_class: self.applied_from_class.as_ref().and_then(FromClass::to_core),
            role: self.role.as_ref().and_then(|role| {
                Some(core::RoleStatus {
                    arn: RoleArn::parse(&role.arn).ok()?,
                    id: role.id.clone(),
                    adopted: role.adopted,
                })
            }),
            bindings: self.bindings.iter().filter_map(BindingStatus::to_core).collect(),
            oidc_provider_arn: self.oidc_provider_arn.clone(),
            last_applied_hashes: self.last_applied_hashes.clone(),
            drift: self.drift.as_ref().map(DriftStatus::to_core).unwrap_or_default(),
            pods: core::PodsStatus {
                stale: self.pods.map_or(0, |pods| pods.stale),
            },
            transition: self.transition.as_ref().and_then(TransitionStatus::to_core),
            restarts: self.restarts.iter().map(RestartStatus::to_core).collect(),
        }
    }
}

impl FromClass {
    fn from_core(core: &from_class::FromClass) -> Self {
        let tags = core.tags.iter();
        Self {
            tags: tags
                .map(|(key, value)| (key.to_string(), value.clone()))
                .collect(),
            permissions_boundary_arn: core.permissions_boundary_arn.as_ref().map(ToString::to_string),
            max_session_duration: core.max_session_duration.map(|duration| duration.to_string()),
            drift_policy: core.drift_policy,
            provider: core.provider,
        }
    }

    /// Returns `None` unless every value is valid, because a partial result would pass for the complete one.
    fn to_core(&self) -> Option<from_class::FromClass> {
        serde_json::from_value(serde_json::to_value(self).ok()?).ok()
    }
}

fn condition_from_core(condition: &condition::Condition) -> Condition {
    Condition {
        type_: condition.kind.as_str().to_owned(),
        status: match condition.status {
            condition::ConditionStatus::True => "True",
            condition::ConditionStatus::False => "False",
            condition::ConditionStatus::Unknown => "Unknown",
        }
        .to_owned(),
        reason: condition.reason.as_str().to_owned(),
        message: condition.message.clone(),
        observed_generation: Some(condition.observed_generation),
        last_transition_time: Time(condition.last_transition_time),
    }
}

fn condition_to_core(condition: &Condition) -> Option<condition::Condition> {
    Some(condition::Condition {
        kind: known(&condition.type_)?,
        status: known(&condition.status)?,
        reason: known(&condition.reason)?,
        message: condition.message.clone(),
        observed_generation: condition.observed_generation.unwrap_or_default(),
        last_transition_time: condition.last_transition_time.0,
    })
}

/// Parses a word as a value of a closed set of core. Returns `None` if the set does not contain it.
fn known<T: DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(word.into()).ok()
}

impl BindingStatus {
    fn from_core(status: &core::BindingStatus) -> Self {
        let (issuer, audience, target_role_arn, session_tags) = match &status.binding.settings {
            MethodSettings::Irsa { issuer, audience } => {
                (Some(issuer.to_string()), Some(audience.to_string()), None, None)
            }
            MethodSettings::PodIdentity {
                target_role_arn,
                session_tags,
            } => (
                None,
                None,
                target_role_arn.as_ref().map(ToString::to_string),
                Some(*session_tags),
            ),
        };
        Self {
            method: status.binding.method(),
            role_arn: status.binding.role_arn.to_string(),
            target_role_arn,
            session_tags,
            issuer,
            audience,
            state: status.state,
            association: status.association.as_ref().map(|association| AssociationStatus {
                id: association.id.clone(),
                arn: association.arn.clone(),
                external_id: association.external_id.clone(),
                adopted: association.adopted,
            }),
        }
    }

    fn to_core(&self) -> Option<core::BindingStatus> {
        let settings = match self.method {
            Method::Irsa => MethodSettings::Irsa {
                issuer: Issuer::parse(self.issuer.clone()?).ok()?,
                audience: Audience::parse(self.audience.clone()?).ok()?,
            },
            Method::PodIdentity => MethodSettings::PodIdentity {
                target_role_arn: self
                    .target_role_arn
                    .as_deref()
                    .map(RoleArn::parse)
                    .transpose()
                    .ok()?,
                session_tags: self.session_tags?,
            },
        };
        Some(core::BindingStatus {
            binding: Binding {
                role_arn: RoleArn::parse(&self.role_arn).ok()?,
                settings,
            },
            state: self.state,
            association: self
                .association
                .as_ref()
                .map(|association| core::AssociationStatus {
                    id: association.id.clone(),
                    arn: association.arn.clone(),
                    external_id: association.external_id.clone(),
                    adopted: association.adopted,
                }),
        })
    }
}

impl TransitionStatus {
    fn from_core(transition: &core::TransitionStatus) -> Self {
        Self {
            stage: transition.stage.as_str().to_owned(),
            stage_transition_time: Time(transition.stage_transition_time),
            start_time: Time(transition.start_time),
            bound_time: transition.bound_time.map(Time),
            effective_time: transition.effective_time.map(Time),
            target_hash: transition.target_hash.clone(),
            approval_token: transition.approval_token.clone(),
        }
    }

    fn to_core(&self) -> Option<core::TransitionStatus> {
        Some(core::TransitionStatus {
            stage: known(&self.stage)?,
            stage_transition_time: self.stage_transition_time.0,
            start_time: self.start_time.0,
            bound_time: self.bound_time.as_ref().map(|bound| bound.0),
            effective_time: self.effective_time.as_ref().map(|at| at.0),
            target_hash: self.target_hash.clone(),
            approval_token: self.approval_token.clone(),
        })
    }
}

impl RestartStatus {
    fn from_core(restart: &core::RestartStatus) -> Self {
        Self {
            owner: RestartedWorkload {
                kind: restart.owner.kind.clone(),
                name: restart.owner.name.clone(),
            },
            target_hash: restart.target_hash.clone(),
            time: Time(restart.time),
            count: i64::from(restart.count),
            created_until: Time(restart.created_until),
            current_pods: i64::from(restart.current_pods),
            progress_time: Time(restart.progress_time),
            verified: restart.verified,
        }
    }

    fn to_core(&self) -> core::RestartStatus {
        core::RestartStatus {
            owner: WorkloadRef {
                kind: self.owner.kind.clone(),
                name: self.owner.name.clone(),
            },
            target_hash: self.target_hash.clone(),
            time: self.time.0,
            count: u32::try_from(self.count).unwrap_or(u32::MAX),
            created_until: self.created_until.0,
            current_pods: u32::try_from(self.current_pods).unwrap_or(u32::MAX),
            progress_time: self.progress_time.0,
            verified: self.verified,
        }
    }
}

impl DriftStatus {
    fn from_core(drift: &core::DriftStatus) -> Self {
        Self {
            count: drift.count,
            items: drift.items.iter().map(DriftItem::from_core).collect(),
            unmanaged_count: Some(drift.unmanaged_count).filter(|count| *count > 0),
            unmanaged: drift.unmanaged.iter().map(DriftItem::from_core).collect(),
            last_correction: drift.last_correction.as_ref().map(|correction| Correction {
                at: Time(correction.at),
                items: correction.items.iter().map(DriftItem::from_core).collect(),
            }),
        }
    }

    fn to_core(&self) -> core::DriftStatus {
        core::DriftStatus {
            count: self.count,
            items: self.items.iter().map(DriftItem::to_core).collect(),
            unmanaged_count: self.unmanaged_count.unwrap_or_default(),
            unmanaged: self.unmanaged.iter().map(DriftItem::to_core).collect(),
            last_correction: self.last_correction.as_ref().map(|correction| core::Correction {
                at: correction.at.0,
                items: correction.items.iter().map(DriftItem::to_core).collect(),
            }),
        }
    }
}

impl DriftItem {
    fn from_core(item: &core::DriftItem) -> Self {
        Self {
            resource: item.resource.clone(),
            field: item.field.clone(),
            desired: item.desired.clone(),
            observed: item.observed.clone(),
            reason: item.reason,
            since: item.since.map(Time),
        }
    }

    fn to_core(&self) -> core::DriftItem {
        core::DriftItem {
            resource: self.resource.clone(),
            field: self.field.clone(),
            desired: self.desired.clone(),
            observed: self.observed.clone(),
            reason: self.reason,
            since: self.since.as_ref().map(|since| since.0),
        }
    }
}
