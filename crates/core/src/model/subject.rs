//! The subject (cluster, namespace, ServiceAccount) and everything that is made from its hash: role names, paths,
//! ownership tags, statement ids. Names in, names out; no I/O. These forms last: changing one orphans what exists.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::name::{ClusterIdentity, Namespace, RoleName, ServiceAccountName, TagKey};

/// Tag with the cluster identity on everything Lanyard creates in AWS.
pub const TAG_CLUSTER: &str = "lanyard.dev/cluster";
/// Tag with the namespace of the subject.
pub const TAG_NAMESPACE: &str = "lanyard.dev/namespace";
/// Tag with the name of the subject.
pub const TAG_NAME: &str = "lanyard.dev/name";
/// Tag that takes the place of the three above when Lanyard lets a thing go without removing it.
pub const TAG_RETAINED: &str = "lanyard.dev/retained";
/// Tag that stands beside the three on what Lanyard did not make but adopted. While it stands, what Lanyard did not put
/// there stays, and the thing itself stays when its object goes.
pub const TAG_ADOPTED: &str = "lanyard.dev/adopted";
/// Every tag of Lanyard's own.
pub const OWN_TAGS: [&str; 5] = [TAG_CLUSTER, TAG_NAMESPACE, TAG_NAME, TAG_ADOPTED, TAG_RETAINED];

/// Characters of a role's name (IAM `CreateRole`).
const ROLE_NAME_LIMIT: usize = 64;

/// Who gets a role: one ServiceAccount of one cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Subject {
    /// The cluster it lives in.
    pub cluster: ClusterIdentity,
    /// Its namespace.
    pub namespace: Namespace,
    /// The ServiceAccount's name, which is the WorkloadIdentity's too.
    pub name: ServiceAccountName,
}

impl Subject {
    /// The hex SHA-256 of `<cluster identity>/<namespace>/<name>`, cut to `length`.
    #[must_use]
    pub fn hash(&self, length: usize) -> String {
        hex_hash(
            &format!("{}/{}/{}", self.cluster, self.namespace, self.name),
            length,
        )
    }

    /// The `sub` claim of the subject's tokens.
    #[must_use]
    pub fn claim(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.name)
    }

    /// The role's name when the spec gives none: `<prefix><namespace>-<name>-<8 hex>`, cut so that the hash stays whole.
    ///
    /// # Errors
    /// When the prefix holds a character that no role name may hold.
    pub fn role_name(&self, prefix: &str) -> Result<RoleName, crate::model::name::NameError> {
        let hash = self.hash(8);
        let room = ROLE_NAME_LIMIT - hash.len() - 1;
        let stem: String = format!("{prefix}{}-{}", self.namespace, self.name)
            .chars()
            .take(room)
            .collect();
        RoleName::parse(format!("{stem}-{hash}"))
    }

    /// Whether a role's name may be one that was derived for this subject, whatever its prefix was then.
    #[must_use]
    pub fn derives(&self, name: &str) -> bool {
        name.ends_with(&format!("-{}", self.hash(8)))
    }

    /// The tags that mark a thing in AWS as Lanyard's for this subject.
    #[must_use]
    pub fn ownership_tags(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            (TAG_CLUSTER.to_owned(), self.cluster.to_string()),
            (TAG_NAMESPACE.to_owned(), self.namespace.to_string()),
            (TAG_NAME.to_owned(), self.name.to_string()),
        ])
    }

    /// The tags that mark a thing that somebody else made as adopted for this subject.
    #[must_use]
    pub fn adoption_tags(&self) -> BTreeMap<String, String> {
        let mark = (TAG_ADOPTED.to_owned(), "true".to_owned());
        self.ownership_tags().into_iter().chain([mark]).collect()
    }

    /// Whether these tags say that the thing is this subject's.
    #[must_use]
    pub fn owns(&self, tags: &BTreeMap<String, String>) -> bool {
        self.ownership_tags()
            .iter()
            .all(|(key, value)| tags.get(key) == Some(value))
    }

    /// Whether these tags say, all three of them, that the thing is another subject's.
    #[must_use]
    pub fn is_anothers(&self, tags: &BTreeMap<String, String>) -> bool {
        let whole = self.ownership_tags().keys().all(|key| tags.contains_key(key));
        whole && !self.owns(tags)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Whether a tag key is reserved: ours, or one that would pass for a Pod Identity session tag (ABAC).
#[must_use]
pub fn is_reserved_tag(key: &TagKey) -> bool {
    let key = key.as_str().to_ascii_lowercase();
    key.starts_with("lanyard.dev/") || key.starts_with("kubernetes-") || key.starts_with("eks-cluster-")
}

/// The `Sid` of a statement of Lanyard's, made from what tells it apart.
pub(crate) fn statement_id(key: &str) -> String {
    format!("Lanyard{}", hex_hash(key, 16))
}

/// The first `length` hex digits of a text's SHA-256.
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
    fn a_long_name_is_cut_before_the_hash_so_that_two_of_them_stay_two() {
        let one = subject(&format!("{}a", "x".repeat(100))).role_name("").unwrap();
        let two = subject(&format!("{}b", "x".repeat(100))).role_name("").unwrap();
        assert_eq!(one.as_str().len(), 64);
        assert_ne!(one, two);
    }

    #[test]
    fn the_lasting_forms_do_not_change() {
        // Computed apart, with `sha256sum`: what these forms name exists in accounts.
        let subject = subject("orders");
        assert_eq!(subject.role_name("").unwrap().as_str(), "shop-orders-f4647193");
    }

    #[test]
    fn tags_of_another_cluster_are_not_ours() {
        let subject = subject("orders");
        let mut tags = subject.ownership_tags();
        assert!(subject.owns(&tags));
        assert!(!subject.is_anothers(&tags));
        tags.insert(TAG_CLUSTER.to_owned(), "other".to_owned());
        assert!(!subject.owns(&tags));
        assert!(subject.is_anothers(&tags));
        tags.remove(TAG_NAME);
        assert!(!subject.is_anothers(&tags), "two of three name nobody");
    }
}
