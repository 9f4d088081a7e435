//! The WorkloadIdentity for an identity that another tool made. Facts in; a spec with notes, or the reason to leave the
//! identity, out. No I/O. The proposal describes what exists, so that applying it changes nothing for pods.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value, json};

use super::account::Account;
use super::tags;
use crate::model::annotation::{ANNOTATION_AUDIENCE, ANNOTATION_STS_REGIONAL, ANNOTATION_TOKEN_EXPIRATION};
use crate::model::arn::RoleArn;
use crate::model::duration::Seconds;
use crate::model::fact::{Fact, ReadError};
use crate::model::name::TagKey;
use crate::model::observed::{Association, RoleFacts};
use crate::model::spec::{DEFAULT_AUDIENCE, DEFAULT_MAX_SESSION, Method};
use crate::model::subject::is_reserved_tag;

/// The most tags of a managed role in the spec.
const TAGS: usize = 46;

/// The part that Lanyard takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takeover {
    /// The role stays with its owner. An association, which only one owner can keep, is adopted.
    Existing,
    /// The role is adopted too, with its permissions.
    Adopt,
}

/// The sources of the role of a ServiceAccount.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// The ServiceAccount. `None` if it does not exist.
    pub account: Option<&'a Account>,
    /// The association.
    pub association: Option<&'a Association>,
}

/// The binding in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// The method.
    pub method: Method,
    /// The role.
    pub role: RoleArn,
    /// Remarks on the binding.
    pub notes: Vec<String>,
}

/// The reason to leave an identity to its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// Neither an association nor an annotation.
    Nothing,
    /// An EKS add-on owns it.
    AddOn(String),
    /// The annotation is no role ARN.
    NotARole(String),
    /// AWS owns the role.
    Reserved(RoleArn),
    /// The role does not exist.
    NoRole(RoleArn),
    /// The role has another path.
    OtherPath(Box<(RoleArn, RoleArn)>),
    /// A part of the role that the spec has to contain could not be read.
    Unread(Box<RoleArn>, ReadError),
    /// The association could not be read, and new pods get its role.
    UnreadAssociation(ReadError),
    /// A WorkloadIdentity for the ServiceAccount exists.
    Exists,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("it has neither an association nor an annotation with a role"),
            Self::AddOn(owner) => write!(
                f,
                "EKS add-on {owner} owns it, and changes it with its own updates"
            ),
            Self::NotARole(text) => write!(f, "the annotation has {text:?}, which is not the ARN of a role"),
            Self::Reserved(arn) => write!(
                f,
                "AWS owns role {arn}: service-linked roles and those of IAM Identity Center cannot be changed"
            ),
            Self::NoRole(arn) => write!(f, "role {arn} does not exist"),
            Self::OtherPath(arns) => {
                let (arn, actual) = arns.as_ref();
                write!(f, "role {arn} does not exist; the role of this name is {actual}")
            }
            Self::Unread(arn, error) => write!(f, "role {arn} could not be read: {error}"),
            Self::UnreadAssociation(error) => write!(f, "its association could not be read: {error}"),
            Self::Exists => f.write_str("it has a WorkloadIdentity"),
        }
    }
}

/// A proposed WorkloadIdentity.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// The ARNs of the annotation `lanyard.dev/adopt`.
    pub adopt: Vec<String>,
    /// The spec.
    pub spec: Value,
    /// Remarks, such as values that the spec does not contain.
    pub notes: Vec<String>,
}

/// The binding in use. New pods of a ServiceAccount with both forms get the association (docs/dev/aws-behaviour.md).
///
/// # Errors
/// Returns the reason if the identity has to be left.
pub fn bound(found: Found<'_>) -> Result<Bound, Left> {
    let annotation = found.account.and_then(Account::role);
    let mut notes = Vec::new();
    let (method, role) = match (found.association, annotation) {
        (Some(association), _) if association.owner_arn.is_some() => {
            return Err(Left::AddOn(association.owner_arn.clone().unwrap_or_default()));
        }
        (Some(association), annotation) => {
            let role = &association.role_arn;
            if let Some(text) = annotation {
                let relation = if *text == role.to_string() {
                    "the same role"
                } else {
                    "another role"
                };
                notes.push(format!(
                    "The ServiceAccount also has an annotation, with {relation}: {text}. New pods get the association."
                ));
            }
            (Method::PodIdentity, role.clone())
        }
        (None, None) => return Err(Left::Nothing),
        (None, Some(text)) => {
            if found.account.is_some_and(|account| account.facts.of_add_on) {
                return Err(Left::AddOn("(field manager eks)".to_owned()));
            }
            let role = RoleArn::parse(text).map_err(|_| Left::NotARole(text.to_owned()))?;
            (Method::Irsa, role)
        }
    };
    if role.is_reserved() {
        return Err(Left::Reserved(role));
    }
    Ok(Bound { method, role, notes })
}

/// The WorkloadIdentity for a binding.
///
/// # Errors
/// Returns the reason if the identity has to be left.
pub fn propose(
    found: Found<'_>,
    bound: &Bound,
    role: &RoleFacts,
    takeover: Takeover,
    class: Option<&str>,
) -> Result<Proposal, Left> {
    if let Some(actual) = &role.elsewhere {
        return Err(Left::OtherPath(Box::new((bound.role.clone(), actual.clone()))));
    }
    if role.id.is_absent() {
        return Err(Left::NoRole(bound.role.clone()));
    }
    if let Some(add_on) = role.tags.present().and_then(tags::add_on) {
        return Err(Left::AddOn(add_on.to_owned()));
    }
    let mut notes = bound.notes.clone();
    let association = found.association.filter(|_| bound.method == Method::PodIdentity);
    let mut adopt: Vec<String> = association
        .map(|association| association.arn.clone())
        .into_iter()
        .collect();
    let of_role = match takeover {
        Takeover::Existing => json!({"existing": {"arn": bound.role.to_string()}}),
        Takeover::Adopt => {
            adopt.push(bound.role.to_string());
            json!({"managed": managed(bound, role, &mut notes)?})
        }
    };
    let mut spec = Map::from_iter([
        ("method".to_owned(), json!(bound.method)),
        ("role".to_owned(), of_role),
    ]);
    let (field, settings) = match (bound.method, association) {
        (Method::PodIdentity, association) => {
            ("podIdentity", association.map(pod_identity).unwrap_or_default())
        }
        (Method::Irsa, _) => (
            "irsa",
            found
                .account
                .map(|account| irsa(account, &mut notes))
                .unwrap_or_default(),
        ),
    };
    if !settings.is_empty() {
        spec.insert(field.to_owned(), Value::Object(settings));
    }
    if let Some(class) = class {
        spec.insert("className".to_owned(), json!(class));
    }
    let spec = Value::Object(spec);
    Ok(Proposal { adopt, spec, notes })
}

fn pod_identity(association: &Association) -> Map<String, Value> {
    let target = association
        .target_role_arn
        .as_ref()
        .map(|arn| json!(arn.to_string()));
    let policy = association.policy.as_ref().map(|policy| policy.to_value());
    let untagged = (!association.session_tags).then_some(json!(true));
    let fields = [
        ("targetRoleArn", target),
        ("sessionPolicy", policy),
        ("disableSessionTags", untagged),
    ];
    fields
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect()
}

/// The settings of the other annotations. Lanyard would otherwise not keep them if they are removed.
fn irsa(account: &Account, notes: &mut Vec<String>) -> Map<String, Value> {
    let value = |key: &str| {
        let annotation = account.facts.annotations.get(key);
        annotation.map(|annotation| annotation.value.as_str())
    };
    let mut fields = Map::new();
    if let Some(audience) = value(ANNOTATION_AUDIENCE).filter(|audience| *audience != DEFAULT_AUDIENCE) {
        fields.insert("audience".to_owned(), json!(audience));
    }
    match value(ANNOTATION_TOKEN_EXPIRATION).map(|text| (text, text.parse().ok())) {
        Some((_, Some(seconds @ 600..=86_400))) => {
            fields.insert("tokenExpiration".to_owned(), json!(Seconds(seconds).to_string()));
        }
        Some((text, _)) => notes.push(format!(
            "The annotation {ANNOTATION_TOKEN_EXPIRATION} has {text:?}. Expected 600 to 86400 seconds; it is left out."
        )),
        None => {}
    }
    match value(ANNOTATION_STS_REGIONAL) {
        Some(text @ ("true" | "false")) => {
            fields.insert("stsRegionalEndpoints".to_owned(), json!(text == "true"));
        }
        Some(text) => notes.push(format!(
            "The annotation {ANNOTATION_STS_REGIONAL} has {text:?}. Expected true or false; it is left out."
        )),
        None => {}
    }
    fields
}

/// The content of an adopted role.
fn managed(bound: &Bound, role: &RoleFacts, notes: &mut Vec<String>) -> Result<Value, Left> {
    let unread = |error: &ReadError| Left::Unread(Box::new(bound.role.clone()), error.clone());
    let attached = known(&role.attached).map_err(unread)?;
    let inline = known(&role.inline).map_err(unread)?;
    let boundary = known(&role.boundary).map_err(unread)?;
    let description = known(&role.description).map_err(unread)?;
    let session = known(&role.max_session).map_err(unread)?;
    let all = known(&role.tags).map_err(unread)?;
    let policies: Vec<String> = attached
        .into_iter()
        .flat_map(BTreeMap::keys)
        .map(ToString::to_string)
        .collect();
    let inline: Vec<Value> = inline
        .into_iter()
        .flatten()
        .map(|(name, document)| json!({"name": name.to_string(), "document": document.to_value()}))
        .collect();
    let session = session.filter(|seconds| **seconds != DEFAULT_MAX_SESSION);
    let tags = copied_tags(all, notes);
    let fields = [
        ("name", Some(json!(bound.role.name.to_string()))),
        ("description", description.map(|text| json!(text))),
        (
            "maxSessionDuration",
            session.map(|seconds| json!(Seconds(*seconds).to_string())),
        ),
        (
            "permissionsBoundaryArn",
            boundary.map(|arn| json!(arn.to_string())),
        ),
        ("policyArns", (!policies.is_empty()).then_some(json!(policies))),
        ("inlinePolicies", (!inline.is_empty()).then_some(json!(inline))),
        ("tags", (!tags.is_empty()).then_some(json!(tags))),
    ];
    let fields = fields
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Ok(Value::Object(fields.collect()))
}

fn known<T>(fact: &Fact<T>) -> Result<Option<&T>, &ReadError> {
    match fact.unreadable() {
        Some(error) => Err(error),
        None => Ok(fact.present()),
    }
}

/// The tags of a user. Those by which a tool finds its resources stay on the role and are not copied.
fn copied_tags<'a>(
    all: Option<&'a BTreeMap<String, String>>,
    notes: &mut Vec<String>,
) -> BTreeMap<&'a str, &'a str> {
    let is_kept = |key: &str| {
        let key = TagKey::parse(key.to_owned());
        key.is_ok_and(|key| !tags::is_of_tool(key.as_str()) && !is_reserved_tag(&key))
    };
    let pairs = all.into_iter().flatten();
    let (kept, left): (Vec<_>, Vec<_>) = pairs.partition(|(key, _)| is_kept(key));
    let copied = kept
        .iter()
        .take(TAGS)
        .map(|(key, value)| (key.as_str(), value.as_str()));
    let left = left.iter().chain(kept.iter().skip(TAGS));
    let left: Vec<&str> = left.map(|(key, _)| key.as_str()).collect();
    if !left.is_empty() {
        notes.push(format!(
            "Tags that stay on the role and are not part of the spec: {}.",
            left.join(", ")
        ));
    }
    copied.collect()
}

#[cfg(test)]
mod tests;
