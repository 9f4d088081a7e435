//! Orphans: AWS resources with Lanyard's tags of this cluster that no object references. Input: tags, or the status and
//! the inventory of an object. Output: the name in the tags, or a decision. No I/O.
//!
//! Orphans are reported and never removed: the object may be absent for a while only, for example during a restore.

use std::collections::BTreeMap;
use std::fmt;

use crate::model::arn::RoleArn;
use crate::model::inventory::Inventory;
use crate::model::name::ClusterIdentity;
use crate::model::status::Status;
use crate::model::subject::{TAG_CLUSTER, TAG_NAME, TAG_NAMESPACE};

/// The object of this cluster that an AWS resource was created for, by its tags.
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

/// The object in the tags of an AWS resource. Returns `None` if the tags name no object of this cluster: the tags of
/// released resources name none.
#[must_use]
pub fn identity_in_tags(cluster: &ClusterIdentity, tags: &BTreeMap<String, String>) -> Option<IdentityName> {
    let of_cluster = tags
        .get(TAG_CLUSTER)
        .is_some_and(|tag| *tag == cluster.to_string());
    let value = |key: &str| tags.get(key).cloned();
    match (of_cluster, value(TAG_NAMESPACE), value(TAG_NAME)) {
        (true, Some(namespace), Some(name)) => Some(IdentityName { namespace, name }),
        _ => None,
    }
}

/// Returns true if the status or the inventory of an object has a role.
#[must_use]
pub fn references_role(status: &Status, inventory: Option<&Inventory>, role: &RoleArn) -> bool {
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
    fn tags_of_other_cluster_or_released_name_no_object() {
        let here = cluster().identity;
        let mut tags = subject().ownership_tags();
        assert_eq!(identity_in_tags(&here, &tags).unwrap().to_string(), "shop/orders");
        tags.insert(TAG_CLUSTER.to_owned(), "other".to_owned());
        assert_eq!(identity_in_tags(&here, &tags), None);
        let released = BTreeMap::from([(TAG_RETAINED.to_owned(), "true".to_owned())]);
        assert_eq!(identity_in_tags(&here, &released), None);
    }

    #[test]
    fn role_in_status_or_inventory_is_referenced() {
        let (_, observed, status) = applied(&spec(Method::Irsa));
        let inventory = observed.object.inventory.as_ref();
        let role = identity(&spec(Method::Irsa)).role_arn().clone();
        assert!(references_role(&status, None, &role));
        assert!(references_role(&Status::default(), inventory, &role));
        assert!(!references_role(&Status::default(), None, &role));
    }
}
