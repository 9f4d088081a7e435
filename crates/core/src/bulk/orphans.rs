//! Orphans: what carries Lanyard's tags of this cluster while no object names it. Tags and what objects name in, whose
//! it was out; no I/O. They are told and never removed: an object may only be away, as in a restore.

use std::collections::BTreeMap;
use std::fmt;

use crate::model::arn::RoleArn;
use crate::model::inventory::Inventory;
use crate::model::name::ClusterIdentity;
use crate::model::status::Status;
use crate::model::subject::{TAG_CLUSTER, TAG_NAME, TAG_NAMESPACE};

/// For which object of this cluster a thing was made, by its tags.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IdentityName {
    /// The object's namespace.
    pub namespace: String,
    /// The object's name.
    pub name: String,
}

impl fmt::Display for IdentityName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Whose a thing is, when its tags name an object of this cluster. What was let go carries other tags.
#[must_use]
pub fn identity_here(cluster: &ClusterIdentity, tags: &BTreeMap<String, String>) -> Option<IdentityName> {
    let of_cluster = tags.get(TAG_CLUSTER).is_some_and(|of| *of == cluster.to_string());
    let named = |key: &str| tags.get(key).cloned();
    match (of_cluster, named(TAG_NAMESPACE), named(TAG_NAME)) {
        (true, Some(namespace), Some(name)) => Some(IdentityName { namespace, name }),
        _ => None,
    }
}

/// Whether an object still knows of a role: by its status, or by what it has in custody.
#[must_use]
pub fn names(status: &Status, inventory: Option<&Inventory>, role: &RoleArn) -> bool {
    let mut entry = inventory.into_iter().flat_map(|inventory| &inventory.roles);
    status.recorded_roles().roles.contains(role) || entry.any(|entry| entry.arn == *role)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{applied, cluster, identity, spec, subject};
    use crate::model::spec::Method;
    use crate::model::subject::TAG_RETAINED;

    #[test]
    fn only_tags_of_this_cluster_that_name_an_object_make_an_owner() {
        let here = cluster().identity;
        let mut tags = subject().ownership_tags();
        assert_eq!(identity_here(&here, &tags).unwrap().to_string(), "shop/orders");
        tags.insert(TAG_CLUSTER.to_owned(), "other".to_owned());
        assert_eq!(identity_here(&here, &tags), None);
        let released = BTreeMap::from([(TAG_RETAINED.to_owned(), "true".to_owned())]);
        assert_eq!(identity_here(&here, &released), None);
    }

    #[test]
    fn a_role_is_known_by_status_or_custody_alone() {
        let (_, world, status) = applied(&spec(Method::Irsa));
        let inventory = world.object.inventory.as_ref();
        let role = identity(&spec(Method::Irsa)).role_arn().clone();
        assert!(names(&status, None, &role) && names(&Status::default(), inventory, &role));
        assert!(!names(&Status::default(), None, &role));
    }
}
