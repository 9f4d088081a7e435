//! Names of AWS and Kubernetes as types that are checked when they are parsed. Input: text; output: a checked name.
//! No I/O. The limits are those of the IAM and Kubernetes API references.

/// A text that is not a valid name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {expected}")]
pub struct NameError {
    text: String,
    expected: &'static str,
}

impl NameError {
    pub(crate) fn new(text: &str, expected: &'static str) -> Self {
        Self {
            text: crate::model::text::quote(text),
            expected,
        }
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $Name:ident, $expected:literal, $accepts:expr) => {
        crate::model::name::name_type! {
            $(#[$doc])*
            #[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
            $Name, $expected, $accepts
        }
    };
}

/// A name whose comparison ignores the case of ASCII letters, and that keeps its spelling.
macro_rules! name_ignoring_case {
    ($(#[$doc:meta])* $Name:ident, $expected:literal, $accepts:expr) => {
        crate::model::name::name_type! { $(#[$doc])* $Name, $expected, $accepts }

        impl PartialEq for $Name {
            fn eq(&self, other: &Self) -> bool {
                self.0.eq_ignore_ascii_case(&other.0)
            }
        }

        impl Eq for $Name {}

        impl PartialOrd for $Name {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $Name {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                let folded = |name: &Self| name.0.to_ascii_lowercase();
                folded(self).cmp(&folded(other))
            }
        }

        impl std::hash::Hash for $Name {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                self.0.to_ascii_lowercase().hash(state);
            }
        }
    };
}

macro_rules! name_type {
    ($(#[$attribute:meta])* $Name:ident, $expected:literal, $accepts:expr) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $Name(String);

        impl $Name {
            /// Checks and takes the text.
            ///
            /// # Errors
            /// Returns an error if the text violates the rule of the type.
            pub fn parse(text: impl Into<String>) -> Result<Self, crate::model::name::NameError> {
                let text = text.into();
                let accepts: fn(&str) -> bool = $accepts;
                if accepts(&text) { Ok(Self(text)) } else { Err(crate::model::name::NameError::new(&text, $expected)) }
            }

            /// The name as plain text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $Name {
            type Error = crate::model::name::NameError;
            fn try_from(text: String) -> Result<Self, crate::model::name::NameError> {
                Self::parse(text)
            }
        }

        impl From<$Name> for String {
            fn from(name: $Name) -> String {
                name.0
            }
        }
    };
}

pub(crate) use {name, name_ignoring_case, name_type};

name!(
    /// A Kubernetes namespace: an RFC 1123 label of 1 to 63 characters.
    Namespace, "a namespace: lower-case letters, digits and '-', at most 63", |t| is_dns(t, 63, false)
);
name!(
    /// The name of a ServiceAccount: an RFC 1123 subdomain of 1 to 253 characters.
    ServiceAccountName, "a ServiceAccount name: lower-case letters, digits, '-' and '.', at most 253",
    |t| is_dns(t, 253, true)
);
name!(
    /// The name of an EKS cluster, 1 to 100 characters (EKS `CreateCluster`).
    ClusterName, "a cluster name: letters, digits, '-' and '_', at most 100, beginning with a letter or digit",
    |t| sized(t, 1, 100) && t.starts_with(|c: char| c.is_ascii_alphanumeric()) && t.chars().all(is_word_dash)
);
name!(
    /// The unique identity of a cluster: the ARN of an EKS cluster, or the `--cluster-id` of a non-EKS cluster.
    /// Hashes, ownership tags and paths are derived from it. At most 256 characters, the limit of a tag value.
    ClusterIdentity, "a cluster identity: 1 to 256 characters without spaces or control characters",
    |t| sized(t, 1, 256) && t.chars().all(|c| c.is_ascii_graphic())
);
name!(
    /// The ID of a non-EKS cluster, 1 to 64 characters. It is part of role paths and a tag value. It has no colon or
    /// slash, so it cannot be mistaken for an ARN or for the path of an EKS cluster.
    ClusterId, "a cluster id: letters, digits, '.', '-' and '_', at most 64, beginning with a letter or digit",
    |t| sized(t, 1, 64) && t.starts_with(|c: char| c.is_ascii_alphanumeric()) && t.chars().all(|c| is_word_dash(c) || c == '.')
);
impl From<ClusterId> for ClusterIdentity {
    fn from(id: ClusterId) -> Self {
        Self(id.0)
    }
}

name!(
    /// An AWS Region such as `eu-west-1`.
    Region, "an AWS Region such as eu-west-1",
    |t| sized(t, 5, 32) && t.contains('-') && t.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
);
name!(
    /// An AWS partition: `aws`, `aws-cn`, `aws-us-gov`, `aws-eusc`, `aws-iso` and others.
    Partition, "an AWS partition such as aws or aws-cn",
    |t| (t == "aws" || t.starts_with("aws-")) && t.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
);
name!(
    /// An AWS account: twelve digits.
    AccountId, "an AWS account: twelve digits", |t| t.len() == 12 && t.chars().all(|c| c.is_ascii_digit())
);
name!(
    /// The name of an IAM role: 1 to 64 of `[\w+=,.@-]`, unique in the account ignoring case (IAM `CreateRole`).
    RoleName, "a role name: 1 to 64 letters, digits and +=,.@_-", |t| sized(t, 1, 64) && t.chars().all(is_iam_word)
);
name!(
    /// An IAM path: begins and ends with `/`, at most 512 characters; it is immutable (IAM `CreateRole`).
    RolePath, "an IAM path: begins and ends with '/', at most 512 characters",
    |t| sized(t, 1, 512) && t.starts_with('/') && t.ends_with('/') && t.chars().all(|c| c.is_ascii_graphic())
);
name!(
    /// The name of an inline policy: 1 to 128 of `[\w+=,.@-]` (IAM `PutRolePolicy`).
    PolicyName, "a policy name: 1 to 128 letters, digits and +=,.@_-",
    |t| sized(t, 1, 128) && t.chars().all(is_iam_word)
);
name!(
    /// The key of a tag: 1 to 128 characters (IAM tagging limits).
    TagKey, "a tag key: 1 to 128 letters, digits, spaces and _.:/=+-@, not beginning with aws:",
    |t| sized(t, 1, 128) && t.chars().all(is_tag_char) && !t.to_ascii_lowercase().starts_with("aws:")
);
name!(
    /// An audience of a ServiceAccount token, a client ID of the IAM OIDC provider: 1 to 255 characters.
    Audience, "an audience: 1 to 255 characters without spaces or control characters",
    |t| sized(t, 1, 255) && t.chars().all(|c| c.is_ascii_graphic())
);

pub(crate) fn sized(text: &str, min: usize, max: usize) -> bool {
    (min..=max).contains(&text.chars().count())
}

/// Returns true for the characters that IAM allows in names of roles and policies.
pub(crate) fn is_iam_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+=,.@_-".contains(c)
}

/// Returns true for the characters that AWS allows in keys and values of tags.
pub(crate) fn is_tag_char(c: char) -> bool {
    c.is_alphanumeric() || " _.:/=+-@".contains(c)
}

fn is_word_dash(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

fn is_dns(text: &str, max: usize, dots: bool) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    sized(text, 1, max)
        && text.starts_with(edge)
        && text.ends_with(edge)
        && text.chars().all(|c| edge(c) || c == '-' || (dots && c == '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_error_states_the_rule() {
        let error = RoleName::parse("has space").unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"has space\" is not a role name: 1 to 64 letters, digits and +=,.@_-"
        );
    }

    #[test]
    fn tag_key_with_aws_prefix_is_rejected_in_any_case() {
        assert!(TagKey::parse("aws:team").is_err());
        assert!(TagKey::parse("AWS:team").is_err());
        assert!(TagKey::parse("team").is_ok());
    }

    #[test]
    fn service_account_name_allows_dots_namespace_does_not() {
        assert!(ServiceAccountName::parse("a.b").is_ok());
        assert!(Namespace::parse("a.b").is_err());
    }
}
