//! Whom a notice concerns. Notices and the store in, references out; no I/O. Called for a batch of messages at a time: no
//! index is kept, since every status is read as for a scrape of the metrics, and only when something happens.

use kube_runtime::reflector::{ObjectRef, Store};
use lanyard_core::notice::{About, Notice, Ties};

use crate::context::Ref;
use crate::raw::RawIdentity;

/// Each notice with the objects that it is about.
pub(super) fn concerned(store: &Store<RawIdentity>, notices: Vec<Notice>) -> Vec<(Notice, Vec<Ref>)> {
    let mut found: Vec<(Notice, Vec<Ref>)> = notices
        .into_iter()
        .map(|notice| {
            let named = named(&notice.about).filter(|object| store.get(object).is_some());
            (notice, named.into_iter().collect())
        })
        .collect();
    if found.iter().all(|(notice, _)| named(&notice.about).is_some()) {
        return found;
    }
    for object in store.state() {
        let ties = ties(&object);
        for (notice, objects) in &mut found {
            if ties.include(&notice.about) {
                objects.push(Ref::from_obj(&*object));
            }
        }
    }
    found
}

/// The object that is called after what was touched.
fn named(about: &About) -> Option<Ref> {
    match about {
        About::Subject { namespace, name } => Some(ObjectRef::new(name.as_str()).within(namespace.as_str())),
        About::Role { .. } | About::Provider { .. } | About::Association { .. } => None,
    }
}

/// What a look at an object reads: what its status tells of, and what it has in custody.
pub(super) fn ties(object: &RawIdentity) -> Ties {
    let status = object.decode_status();
    let custody = object.custody().map(|custody| custody.roles);
    let touched = custody.into_iter().flatten().map(|touched| touched.arn);
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
    Ties {
        roles: role.chain(bound).cloned().chain(touched).collect(),
        provider: status.oidc_provider_arn.clone().or_else(provider),
        associations: associations.map(|association| association.id.clone()).collect(),
    }
}
