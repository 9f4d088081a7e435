//! The subject (cluster, namespace, ServiceAccount) and the names derived from its hash: role names, ownership tags
//! and statement `Sid`s. Input and output: names; no I/O. The forms are permanent: a changed form orphans existing
//! resources.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::name::{ClusterIdentity, Namespace, RoleName, ServiceAccountName, TagKey};

/// The tag with the cluster identity on every AWS resource that Lanyard creates.
pub const TAG_CLUSTER: &str = "lanyard.dev/cluster";
/// The tag with the namespace of the subject.
pub const TAG_NAMESPACE: &str = "lanyard.dev/namespace";
/// The tag with the name of the subject.
pub const TAG_NAME: &str = "lanyard.dev/name";
/// The tag that replaces the three above when Lanyard releases a resource without deleting it.
pub const TAG_RETAINED: &str = "lanyard.dev/retained";
/// The tag that stands beside the three on an adopted resource. While it exists, settings that Lanyard did not apply
/// stay, and the resource stays when its object is deleted.
pub const TAG_ADOPTED: &str = "lanyard.dev/adopted";
/// All tags that Lanyard sets.
pub const OWN_TAGS: [&str; 5] = [TAG_CLUSTER, TAG_NAMESPACE, TAG_NAME, TAG_ADOPTED, TAG_RETAINED];

/// The key of a role's tag, in the spelling of Lanyard if it is one of its own: IAM ignores the case of the keys of role tags
/// (docs/dev/aws-behaviour.md#iam-limits). EKS does not ignore it.
#[must_use]
pub fn role_tag_key(key: &str) -> &str {
    let mut own = OWN_TAGS.into_iter();
    own.find(|own| own.eq_ignore_ascii_case(key)).unwrap_or(key)
}

/// The maximum length of a role name (IAM `CreateRole`).
const ROLE_NAME_LIMIT: usize = 64;

/// The ServiceAccount of a cluster that gets a role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Subject {
    /// The cluster.
    pub cluster: ClusterIdentity,
    /// The namespace.
    pub namespace: Namespace,
    /// The name of the ServiceAccount, which is also the name of the WorkloadIdentity.
    pub name: ServiceAccountName,
}

impl Subject {
    /// The hex SHA-256 of `<cluster identity>/<namespace>/<name>`, truncated to `length`.
    #[must_use]
    pub fn hash(&self, length: usize) -> String {
        hex_hash(
            &format!("{}/{}/{}", self.cluster, self.namespace, self.name),
            length,
        )
    }

    /// The `sub` claim of the ServiceAccount's tokens.
    #[must_use]
    pub fn claim(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.name)
    }

    /// The role name if the spec sets none: `<prefix><namespace>-<name>-<8 hex>`, truncated before the hash.
    ///
    /// # Errors
    /// Returns an error if the prefix has a character that a role name may not have.
    pub fn role_name(&self, prefix: &str) -> Result<RoleName, crate::model::name::NameError> {
        let hash = self.hash(8);
        let room = ROLE_NAME_LIMIT - hash.len() - 1;
        let stem: String = format!("{prefix}{}-{}", self.namespace, self.name)
            .chars()
            .take(room)
            .collect();
        RoleName::parse(format!("{stem}-{hash}"))
    }

    /// Returns true if a role name may be derived from this subject with any prefix.
    #[must_use]
    pub fn derives(&self, name: &str) -> bool {
        name.ends_with(&format!("-{}", self.hash(8)))
    }

    /// The tags that mark an AWS resource as managed for this subject.
    #[must_use]
    pub fn ownership_tags(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            (TAG_CLUSTER.to_owned(), self.cluster.to_string()),
            (TAG_NAMESPACE.to_owned(), self.namespace.to_string()),
            (TAG_NAME.to_owned(), self.name.to_string()),
        ])
    }

    /// The tags that mark an AWS resource as adopted for this subject.
    #[must_use]
    pub fn adoption_tags(&self) -> BTreeMap<String, String> {
        let adopted = (TAG_ADOPTED.to_owned(), "true".to_owned());
        self.ownership_tags().into_iter().chain([adopted]).collect()
    }

    /// Returns true if these tags mark a resource of this subject.
    #[must_use]
    pub fn owns(&self, tags: &BTreeMap<String, String>) -> bool {
        self.ownership_tags()
            .iter()
            .all(|(key, value)| tags.get(key) == Some(value))
    }

    /// Returns true if all three ownership tags exist and name another subject.
    #[must_use]
    pub fn names_other_subject(&self, tags: &BTreeMap<String, String>) -> bool {
        let complete = self.ownership_tags().keys().all(|key| tags.contains_key(key));
        complete && !self.owns(tags)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Returns true if a tag key is reserved for Lanyard, or could be mistaken for a Pod Identity session tag (ABAC).
#[must_use]
pub fn is_reserved_tag(key: &TagKey) -> bool {
    let key = key.as_str().to_ascii_lowercase();
    key.starts_with("lanyard.dev/") || key.starts_with("kubernetes-") || key.starts_with("eks-cluster-")
}

/// The `Sid` of a statement of Lanyard, derived from its key.
pub(crate) fn statement_id(key: &str) -> String {
    format!("Lanyard{}", hex_hash(key, 16))
}

/// The first `length` hex digits of the SHA-256 of a text.
#[must_use]
pub fn hex_hash(text: &str, length: usize) -> String {
    let mut hash = hex::encode(Sha256::digest(text.as_bytes()));
    hash.truncate(length);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(name: &str) -> Subject {
        Subject {
            cluster: ClusterIdentity::parse("arn:aws:eks:eu-west-1:111122223333:cluster/prod").unwrap(),
            namespace: Namespace::parse("shop").unwrap(),
            name: ServiceAccountName::parse(name).unwrap(),
        }
    }

    #[test]
    fn long_role_names_keep_the_hash_and_stay_distinct() {
        let one = subject(&format!("{}a", "x".repeat(100))).role_name("").unwrap();
        let two = subject(&format!("{}b", "x".repeat(100))).role_name("").unwrap();
        assert_eq!(one.as_str().len(), 64);
        assert_ne!(one, two);
    }

    #[test]
    fn derived_role_name_is_stable() {
        // Computed independently with `sha256sum`: roles with this name exist in accounts.
        let subject = subject("orders");
        assert_eq!(subject.role_name("").unwrap().as_str(), "shop-orders-f4647193");
    }

    #[test]
    fn tags_of_another_cluster_are_not_owned() {
        let subject = subject("orders");
        let mut tags = subject.ownership_tags();
        assert!(subject.owns(&tags));
        assert!(!subject.names_other_subject(&tags));
        tags.insert(TAG_CLUSTER.to_owned(), "other".to_owned());
        assert!(!subject.owns(&tags));
        assert!(subject.names_other_subject(&tags));
        tags.remove(TAG_NAME);
        assert!(
            !subject.names_other_subject(&tags),
            "two of three tags name no subject"
        );
    }
}
