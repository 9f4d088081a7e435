//! The scope of a reconcile: the roles, provider, pods and workloads to read before deciding. Pure.
//! An identity or a deleted object in; a [`ReadScope`] out. The engine builds its own scope from it.

use std::collections::BTreeSet;

use crate::class::Class;
use crate::identity::Identity;
use crate::model::arn::{PolicyArn, RoleArn};
use crate::model::binding::{Binding, MethodSettings};
use crate::model::cluster::Cluster;
use crate::model::inventory::Inventory;
use crate::model::spec::{Method, PodRestart, Spec};
use crate::model::status::{Status, TransitionStatus};
use crate::model::subject::Subject;
use crate::reconcile::decide::{roles_to_read, roles_to_read_on_deletion};
use crate::reconcile::deletion_mode::DeletionMode;
use crate::reconcile::transition::is_steady_binding;
use crate::reconcile::validate::validate;

/// The resources that one reconcile reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadScope {
    /// The roles.
    pub roles: Vec<RoleArn>,
    /// Policies whose documents are not read, because the spec or an earlier reconcile attached them.
    pub known_policies: BTreeSet<PolicyArn>,
    /// The ARN of the OIDC provider. `None` if no binding needs one.
    pub provider: Option<String>,
    /// True to read the Pod Identity agent.
    pub agent: bool,
    /// True to list the pods instead of using the pod index, because a transition depends on them.
    pub fresh_pods: bool,
    /// True to read the workloads that own the pods, because a transition may restart them.
    pub workloads: bool,
}

/// The scope for an object that is not being deleted.
#[must_use]
pub fn live_scope(identity: &Identity, status: &Status, inventory: Option<&Inventory>) -> ReadScope {
    let is_recorded = |method| {
        let mut bindings = status.bindings.iter();
        bindings.any(|recorded| recorded.binding.method() == method)
    };
    // With one binding in effect, and that one desired, no decision depends on the credentials of single pods.
    let changes = status.transition.is_some() || !is_steady_binding(identity, status);
    let restarts = identity.pod_restart == PodRestart::Rollout;
    // Pods that carry nothing are restarted.
    let may_restart = restarts && (status.pods.stale > 0 || !status.restarts.is_empty());
    ReadScope {
        roles: roles_to_read(identity, status, inventory),
        known_policies: match gets_session_tags(identity, status) {
            true => BTreeSet::new(),
            false => known_policies(identity, status),
        },
        provider: provider(identity, status),
        agent: identity.binding.method() == Method::PodIdentity || is_recorded(Method::PodIdentity),
        fresh_pods: changes || may_restart,
        workloads: (changes && restarts) || may_restart,
    }
}

/// Returns true if sessions of the role are about to get tags. Then all policies are read, since one that allows to assume other
/// roles matters.
fn gets_session_tags(identity: &Identity, status: &Status) -> bool {
    let tags = matches!(
        identity.binding.settings,
        MethodSettings::PodIdentity {
            session_tags: true,
            ..
        }
    );
    let is_bound = |transition: &TransitionStatus| transition.bound_time.is_some();
    let in_place = status.transition.as_ref().is_some_and(is_bound);
    tags && !in_place && !is_steady_binding(identity, status)
}

/// The provider of the desired binding, or else of a recorded one.
fn provider(identity: &Identity, status: &Status) -> Option<String> {
    let recorded = status.bindings.iter().map(|recorded| &recorded.binding);
    [&identity.binding]
        .into_iter()
        .chain(recorded)
        .find_map(Binding::provider_arn)
}

fn known_policies(identity: &Identity, status: &Status) -> BTreeSet<PolicyArn> {
    let desired = identity
        .managed
        .iter()
        .flat_map(|role| role.attached.iter().cloned());
    let applied = status.last_applied_hashes.keys();
    let applied = applied.filter_map(|key| PolicyArn::parse(key.strip_prefix("policy/")?).ok());
    desired.chain(applied).collect()
}

/// An object that is being deleted or released.
#[derive(Debug, Clone, Copy)]
pub struct DeletedObject<'a> {
    /// Its subject.
    pub subject: &'a Subject,
    /// Its spec. `None` if it does not decode.
    pub spec: Option<&'a Spec>,
    /// Its status.
    pub status: &'a Status,
    /// Its inventory annotation.
    pub inventory: Option<&'a Inventory>,
    /// The cluster.
    pub cluster: &'a Cluster,
}

impl DeletedObject<'_> {
    /// The scope for the object: everything that may be owned by it, and nothing that only a new binding needs.
    #[must_use]
    pub fn scope(&self, mode: DeletionMode) -> ReadScope {
        let (inventory, derived) = (self.inventory(), self.derived_role());
        ReadScope {
            roles: roles_to_read_on_deletion(self.status, inventory.as_ref(), derived.as_ref()),
            fresh_pods: mode == DeletionMode::RemoveWhenUnused,
            ..ReadScope::default()
        }
    }

    /// The inventory annotation, or else the inventory that the spec alone would give.
    #[must_use]
    pub fn inventory(&self) -> Option<Inventory> {
        let by_spec = || Some(self.identity_without_class()?.inventory());
        self.inventory.cloned().or_else(by_spec)
    }

    /// The role that spec or subject alone would give. If inventory and status are lost, its tags tell the owner.
    fn derived_role(&self) -> Option<RoleArn> {
        if let Some(identity) = self.identity_without_class() {
            return identity.managed.is_some().then(|| identity.role_arn().clone());
        }
        Some(RoleArn {
            partition: self.cluster.partition.clone(),
            account: self.cluster.account.clone(),
            path: self.cluster.role_path().ok()?,
            name: self.subject.role_name("").ok()?,
        })
    }

    /// The identity of the spec under an unrestricted class, because a class does not limit a deletion.
    fn identity_without_class(&self) -> Option<Identity> {
        let (class, made) = (Class::unrestricted(), self.status.recorded_roles());
        let validated = validate(self.spec?, self.subject, self.cluster, &class, &made);
        validated.ok().map(|validated| validated.identity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{applied, identity, spec};

    #[test]
    fn steady_irsa_reads_provider_without_pods_or_agent() {
        let (identity, world, status) = applied(&spec(Method::Irsa));
        let scope = live_scope(&identity, &status, world.object.inventory.as_ref());
        assert_eq!(scope.roles, [identity.role_arn().clone()]);
        assert!(scope.provider.is_some());
        assert!(!scope.agent && !scope.fresh_pods && !scope.workloads);
    }

    #[test]
    fn changed_method_reads_agent_provider_and_pods() {
        let (_, world, status) = applied(&spec(Method::Irsa));
        let desired = identity(&spec(Method::PodIdentity));
        let scope = live_scope(&desired, &status, world.object.inventory.as_ref());
        assert!(scope.agent && scope.provider.is_some() && scope.fresh_pods);
    }

    #[test]
    fn deletion_without_inventory_status_and_spec_reads_derived_role() {
        let (identity, ..) = applied(&spec(Method::Irsa));
        let cluster = crate::example::cluster();
        let object = DeletedObject {
            subject: &identity.subject,
            spec: None,
            status: &Status::default(),
            inventory: None,
            cluster: &cluster,
        };
        let scope = object.scope(DeletionMode::RemoveWhenUnused);
        assert_eq!(scope.roles, [identity.role_arn().clone()]);
        assert!(scope.fresh_pods && scope.provider.is_none());
    }
}
