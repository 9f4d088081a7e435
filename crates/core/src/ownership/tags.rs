//! Owner: whom the tags of a role or an association name. Tags in, an owner and words for it out; no I/O.
//! Lanyard's own tags decide what may be adopted; those of other tools are only told.

use std::collections::BTreeMap;
use std::fmt;

use crate::model::subject::{Subject, TAG_CLUSTER, TAG_NAME, TAG_NAMESPACE, TAG_RETAINED};
use crate::model::text::quote;

/// Tags that tools set on what they make, and how each tool is called.
const TOOLS: [(&str, &str); 4] = [
    ("aws:cloudformation:stack-name", "the CloudFormation stack"),
    ("services.k8s.aws/controller-version", "ACK, controller"),
    ("crossplane-name", "Crossplane, resource"),
    ("alpha.eksctl.io/cluster-name", "eksctl, cluster"),
];
/// What the keys of tags contain by which people and tools say who manages a thing, letters and digits alone.
const HABITS: [&str; 4] = ["managedby", "createdby", "provisionedby", "terraform"];

/// Whom the tags of a thing in AWS name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaggedOwner {
    /// The subject itself.
    Itself,
    /// Another WorkloadIdentity, of this or another cluster: never adopted.
    Lanyard(String),
    /// Lanyard let it go, to the end.
    Released,
    /// Some other tool, as its tags call it.
    Tool(String),
    /// Nobody.
    Nobody,
}

impl TaggedOwner {
    /// Whom the tags of a thing name, seen by this subject.
    #[must_use]
    pub fn of(subject: &Subject, tags: &BTreeMap<String, String>) -> Self {
        if subject.owns(tags) {
            return Self::Itself;
        }
        // Letting go takes all three tags off at once, last of all: while they stand, their object may have come back.
        if tags.contains_key(TAG_RETAINED) && !subject.is_anothers(tags) {
            return Self::Released;
        }
        if let Some(identity) = identity_in(subject, tags) {
            return Self::Lanyard(identity);
        }
        tool_in(tags).map_or(Self::Nobody, Self::Tool)
    }

    /// Whether nobody stands against an adoption who would go on taking the thing for its own.
    #[must_use]
    pub fn lets_adopt(&self) -> bool {
        !matches!(self, Self::Lanyard(_))
    }
}

/// As the end of a sentence that begins with the thing.
impl fmt::Display for TaggedOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Itself => f.write_str("its tags say that it is this object's own"),
            Self::Lanyard(identity) => write!(f, "its tags say that it belongs to {identity}"),
            Self::Released => f.write_str("was let go by Lanyard, so that it belongs to nobody now"),
            Self::Tool(tool) => write!(f, "its tags say that it belongs to {tool}"),
            Self::Nobody => f.write_str("does not carry Lanyard's tags, so somebody else made it"),
        }
    }
}

/// The WorkloadIdentity that ownership tags name; even one of them keeps a thing from being taken for anybody else's.
fn identity_in(subject: &Subject, tags: &BTreeMap<String, String>) -> Option<String> {
    let named = |key| tags.get(key).map(|value| quote(value));
    let (cluster, namespace, name) = (named(TAG_CLUSTER), named(TAG_NAMESPACE), named(TAG_NAME));
    if cluster.is_none() && namespace.is_none() && name.is_none() {
        return None;
    }
    let or_some = |part: Option<String>| part.unwrap_or_else(|| "?".to_owned());
    let cluster = match cluster {
        Some(cluster) if cluster == subject.cluster.as_str() => "this cluster".to_owned(),
        cluster => format!("cluster {}", or_some(cluster)),
    };
    Some(format!("{}/{} of {cluster}", or_some(namespace), or_some(name)))
}

fn tool_in(tags: &BTreeMap<String, String>) -> Option<String> {
    let of_tool = |(key, tool): &(&str, &str)| Some(format!("{tool} {}", quote(tags.get(*key)?)));
    TOOLS.iter().find_map(of_tool).or_else(|| {
        let (key, value) = tags.iter().find(|(key, _)| is_habit(key))?;
        Some(match value.as_str() {
            "" | "true" => quote(key),
            value => quote(value),
        })
    })
}

fn is_habit(key: &str) -> bool {
    let letters: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
    let letters = letters.to_ascii_lowercase();
    HABITS.iter().any(|habit| letters.contains(habit))
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
    fn lanyards_own_tags_come_first_and_even_one_of_them_counts() {
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
            TaggedOwner::Lanyard("shop/basket of this cluster".to_owned())
        );
        assert_eq!(
            of("green"),
            TaggedOwner::Lanyard("shop/basket of cluster green".to_owned())
        );
        assert_eq!(
            owner(&[(TAG_NAMESPACE, "shop")]),
            TaggedOwner::Lanyard("shop/? of cluster ?".to_owned())
        );
        assert!(!of("green").lets_adopt());
    }

    #[test]
    fn what_carries_all_three_tags_is_held_even_if_it_was_to_be_let_go() {
        let mut tags = subject().ownership_tags();
        tags.insert(TAG_RETAINED.to_owned(), "true".to_owned());
        assert_eq!(TaggedOwner::of(&subject(), &tags), TaggedOwner::Itself);
        tags.insert(TAG_CLUSTER.to_owned(), "green".to_owned());
        assert!(!TaggedOwner::of(&subject(), &tags).lets_adopt());
    }

    #[test]
    fn what_lanyard_let_go_belongs_to_nobody() {
        assert_eq!(owner(&[(TAG_RETAINED, "true")]), TaggedOwner::Released);
        assert_eq!(
            owner(&[(TAG_RETAINED, "true"), (TAG_CLUSTER, "green")]),
            TaggedOwner::Released
        );
    }

    #[test]
    fn other_tools_are_told_by_what_they_write() {
        for (key, value, told) in [
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
            assert_eq!(owner(&[(key, value)]), TaggedOwner::Tool(told.to_owned()));
        }
        assert_eq!(owner(&[("team", "shop")]), TaggedOwner::Nobody);
    }
}
