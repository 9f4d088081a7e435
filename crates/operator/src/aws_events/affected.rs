//! The objects that a change in AWS affects.
//! Input: a batch of changes and the store. Output: references. No I/O. It decodes every status, as a scrape of the
//! metrics does, but only for a batch of events; an index would cost memory all the time.

use kube_runtime::reflector::{ObjectRef, Store};
use lanyard_core::aws_event::{AwsChange, ChangedResource, ResourceRefs};

use crate::identity::IdentityRef;
use lanyard_engine::raw::RawIdentity;

/// Returns each change with the objects that it affects.
pub(super) fn affected(
    store: &Store<RawIdentity>,
    changes: Vec<AwsChange>,
) -> Vec<(AwsChange, Vec<IdentityRef>)> {
    let mut affected: Vec<(AwsChange, Vec<IdentityRef>)> = changes
        .into_iter()
        .map(|change| {
            let named = named(&change.resource).filter(|object| store.get(object).is_some());
            (change, named.into_iter().collect())
        })
        .collect();
    if affected
        .iter()
        .all(|(change, _)| named(&change.resource).is_some())
    {
        return affected;
    }
    for object in store.state() {
        let refs = resource_refs(&object);
        for (change, objects) in &mut affected {
            if refs.include(&change.resource) {
                objects.push(IdentityRef::from_obj(&*object));
            }
        }
    }
    affected
}

/// The object that the change names.
fn named(about: &ChangedResource) -> Option<IdentityRef> {
    match about {
        ChangedResource::Subject { namespace, name } => {
            Some(ObjectRef::new(name.as_str()).within(namespace.as_str()))
        }
        ChangedResource::Role { .. }
        | ChangedResource::Provider { .. }
        | ChangedResource::Association { .. } => None,
    }
}

/// The AWS resources that a reconcile of the object reads, from its status and inventory.
pub(super) fn resource_refs(object: &RawIdentity) -> ResourceRefs {
    let status = object.decode_status();
    let inventory = object.inventory().map(|inventory| inventory.roles);
    let entry = inventory.into_iter().flatten().map(|entry| entry.arn);
    let role = status.role.iter().map(|role| &role.arn);
    let bound = status.bindings.iter().map(|known| &known.binding.role_arn);
    let provider = || {
        status
            .bindings
            .iter()
            .find_map(|known| known.binding.provider_arn())
    };
    let associations = status
        .bindings
        .iter()
        .filter_map(|known| known.association.as_ref());
    ResourceRefs {
        roles: role.chain(bound).cloned().chain(entry).collect(),
        provider: status.oidc_provider_arn.clone().or_else(provider),
        associations: associations.map(|association| association.id.clone()).collect(),
    }
}
