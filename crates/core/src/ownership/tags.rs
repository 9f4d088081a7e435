//! `TaggedOwner`: the owner that the tags of a role or an association name. Input: tags; output: an owner and its
//! description. No I/O. The tags of Lanyard decide about an adoption; the tags of other tools are only reported.

use std::collections::BTreeMap;
use std::fmt;

use crate::model::subject::{Subject, TAG_CLUSTER, TAG_NAME, TAG_NAMESPACE, TAG_RETAINED};
use crate::model::text::quote;
use crate::origin::tags::{TAG_ACK, TAG_CROSSPLANE, TAG_EKSCTL, TAG_KOPS, TAG_STACK, is_manager_key};

/// Tags that tools set on their resources, and the name of each tool.
const TOOLS: [(&str, &str); 5] = [
    (TAG_STACK, "the CloudFormation stack"),
    (TAG_ACK, "ACK, controller"),
    (TAG_CROSSPLANE, "Crossplane, resource"),
    (TAG_EKSCTL, "eksctl, cluster"),
    (TAG_KOPS, "kOps, ServiceAccount"),
];

/// The owner that the tags of an AWS resource name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaggedOwner {
    /// The subject.
    Subject,
    /// Another WorkloadIdentity of this or another cluster: never adopted.
    OtherIdentity(String),
    /// None: Lanyard released the resource completely.
    Released,
    /// Another tool, by the name in its tags.
    Tool(String),
    /// None.
    Untagged,
}

impl TaggedOwner {
    /// The owner that the tags name, from the point of view of this subject.
    #[must_use]
    pub fn of(subject: &Subject, tags: &BTreeMap<String, String>) -> Self {
        if subject.owns(tags) {
            return Self::Subject;
        }
        // A release removes all three ownership tags at once as its last step. While they exist, the object may have
        // been created again.
        if tags.contains_key(TAG_RETAINED) && !subject.names_other_subject(tags) {
            return Self::Released;
        }
        if let Some(identity) = identity_in(subject, tags) {
            return Self::OtherIdentity(identity);
        }
        tool_in(tags).map_or(Self::Untagged, Self::Tool)
    }

    /// Returns true if no other identity of Lanyard owns the resource.
    #[must_use]
    pub fn allows_adoption(&self) -> bool {
        !matches!(self, Self::OtherIdentity(_))
    }
}

/// The end of a sentence that begins with the resource.
impl fmt::Display for TaggedOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subject => f.write_str("its tags name this object as owner"),
            Self::OtherIdentity(identity) => write!(f, "its tags name {identity} as owner"),
            Self::Released => f.write_str("was released by Lanyard and has no owner"),
            Self::Tool(tool) => write!(f, "its tags name {tool} as owner"),
            Self::Untagged => {
                f.write_str("has no ownership tags of Lanyard, so it was created outside Lanyard")
            }
        }
    }
}

/// The WorkloadIdentity that ownership tags name. A single ownership tag is enough to prevent an adoption.
fn identity_in(subject: &Subject, tags: &BTreeMap<String, String>) -> Option<String> {
    let named = |key| tags.get(key).map(|value| quote(value));
    let (cluster, namespace, name) = (named(TAG_CLUSTER), named(TAG_NAMESPACE), named(TAG_NAME));
    if cluster.is_none() && namespace.is_none() && name.is_none() {
        return None;
    }
    let or_unknown = |part: Option<String>| part.unwrap_or_else(|| "?".to_owned());
    let cluster = match cluster {
        Some(cluster) if cluster == subject.cluster.as_str() => "this cluster".to_owned(),
        cluster => format!("cluster {}", or_unknown(cluster)),
    };
    Some(format!(
        "{}/{} of {cluster}",
        or_unknown(namespace),
        or_unknown(name)
    ))
}

fn tool_in(tags: &BTreeMap<String, String>) -> Option<String> {
    let of_tool = |(key, tool): &(&str, &str)| Some(format!("{tool} {}", quote(tags.get(*key)?)));
    TOOLS.iter().find_map(of_tool).or_else(|| {
        let (key, value) = tags.iter().find(|(key, _)| is_manager_key(key))?;
        Some(match value.as_str() {
            "" | "true" => quote(key),
            value => quote(value),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::subject;

    fn owner(tags: &[(&str, &str)]) -> TaggedOwner {
        let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        TaggedOwner::of(&subject(), &tags.iter().map(pair).collect())
    }

    #[test]
    fn ownership_tags_take_precedence_even_if_incomplete() {
        let cluster = subject().cluster.to_string();
        let of = |cluster: &str| {
            let tags = [
                (TAG_CLUSTER, cluster),
                (TAG_NAMESPACE, "shop"),
                (TAG_NAME, "basket"),
                ("managed-by", "terraform"),
            ];
            owner(&tags)
        };
        assert_eq!(
            of(&cluster),
            TaggedOwner::OtherIdentity("shop/basket of this cluster".to_owned())
        );
        assert_eq!(
            of("green"),
            TaggedOwner::OtherIdentity("shop/basket of cluster green".to_owned())
        );
        assert_eq!(
            owner(&[(TAG_NAMESPACE, "shop")]),
            TaggedOwner::OtherIdentity("shop/? of cluster ?".to_owned())
        );
        assert!(!of("green").allows_adoption());
    }

    #[test]
    fn complete_ownership_tags_override_the_retained_tag() {
        let mut tags = subject().ownership_tags();
        tags.insert(TAG_RETAINED.to_owned(), "true".to_owned());
        assert_eq!(TaggedOwner::of(&subject(), &tags), TaggedOwner::Subject);
        tags.insert(TAG_CLUSTER.to_owned(), "green".to_owned());
        assert!(!TaggedOwner::of(&subject(), &tags).allows_adoption());
    }

    #[test]
    fn released_resource_has_no_owner() {
        assert_eq!(owner(&[(TAG_RETAINED, "true")]), TaggedOwner::Released);
        assert_eq!(
            owner(&[(TAG_RETAINED, "true"), (TAG_CLUSTER, "green")]),
            TaggedOwner::Released
        );
    }

    #[test]
    fn tool_is_recognised_by_its_tags() {
        for (key, value, name) in [
            (
                "aws:cloudformation:stack-name",
                "shop",
                "the CloudFormation stack shop",
            ),
            (
                "services.k8s.aws/controller-version",
                "iam-v1.3.0",
                "ACK, controller iam-v1.3.0",
            ),
            ("ManagedBy", "Terraform", "Terraform"),
            ("terraform", "true", "terraform"),
        ] {
            assert_eq!(owner(&[(key, value)]), TaggedOwner::Tool(name.to_owned()));
        }
        assert_eq!(owner(&[("team", "shop")]), TaggedOwner::Untagged);
    }
}
