//! Whom a notice concerns. Notices and the store in, references out; no I/O. Called for a batch of messages at a time: no
//! index is kept, since every status is read as for a scrape of the metrics, and only when something happens.

use kube_runtime::reflector::{ObjectRef, Store};
use lanyard_core::aws_event::{AwsChange, ChangedResource, ResourceRefs};

use crate::context::IdentityRef;
use crate::raw::RawIdentity;

/// Each notice with the objects that it is about.
pub(super) fn affected(
    store: &Store<RawIdentity>,
    notices: Vec<AwsChange>,
) -> Vec<(AwsChange, Vec<IdentityRef>)> {
    let mut found: Vec<(AwsChange, Vec<IdentityRef>)> = notices
        .into_iter()
        .map(|notice| {
            let named = named(&notice.resource).filter(|object| store.get(object).is_some());
            (notice, named.into_iter().collect())
        })
        .collect();
    if found.iter().all(|(notice, _)| named(&notice.resource).is_some()) {
        return found;
    }
    for object in store.state() {
        let ties = ties(&object);
        for (notice, objects) in &mut found {
            if ties.include(&notice.resource) {
                objects.push(IdentityRef::from_obj(&*object));
            }
        }
    }
    found
}

/// The object that is called after what was touched.
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

/// What a look at an object reads: what its status tells of, and what it has in custody.
pub(super) fn ties(object: &RawIdentity) -> ResourceRefs {
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
