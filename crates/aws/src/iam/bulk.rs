//! Roles in bulk, for the drift scan: all roles of an account without two fields, and these two fields for the
//! roles under a path. Input: the marker of a page. Output: one page of facts. Does I/O: one call per page
//! (docs/dev/aws-behaviour.md#bulk-reads). A role that cannot be parsed is unreadable and does not fail the
//! page.

use std::collections::BTreeMap;

use aws_sdk_iam::types::{EntityType, PolicyDetail, Role, RoleDetail};
use jiff::Timestamp;
use lanyard_core::model::arn::{PolicyArn, RoleArn};
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::name::{PolicyName, RolePath};
use lanyard_core::model::observed::{Effect, RoleFacts};
use lanyard_iam_policy::Document;

use super::read::{boundary_of, max_session, some_text, tags, trust};
use crate::call::{Call, Service};
use crate::client::Aws;
use crate::error::AwsError;
use crate::pages::Page;
use crate::time::timestamp;

/// Complete roles per page. IAM returns up to 1,000, which with their policies are tens of megabytes.
const WHOLE_ROLES: i32 = 200;
/// Roles per page without their policies: the maximum of IAM.
const ROLES: i32 = 1000;

/// A role as returned by a bulk read.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedRole {
    /// The ARN. `None` if it cannot be parsed.
    pub arn: Option<RoleArn>,
    raw: RawRole,
}

/// The answer of the SDK. It is decoded on demand, because most roles of an account do not concern Lanyard and
/// decoding their documents is most of the work.
#[derive(Debug, Clone, PartialEq)]
enum RawRole {
    InAccount(Box<RoleDetail>),
    UnderPath(Box<Role>),
}

impl ListedRole {
    /// The tags. Returns `None` if the read does not include them.
    #[must_use]
    pub fn tags(&self) -> Option<BTreeMap<String, String>> {
        match &self.raw {
            RawRole::InAccount(role) => Some(tags(role.tags())),
            RawRole::UnderPath(_) => None,
        }
    }

    /// The time of the last use that IAM shows. Returns `None` if IAM shows none, or the read does not include it.
    #[must_use]
    pub fn last_used(&self) -> Option<Timestamp> {
        match &self.raw {
            RawRole::InAccount(role) => timestamp(role.role_last_used()?.last_used_date()?),
            RawRole::UnderPath(_) => None,
        }
    }

    /// The time of creation. Returns `None` if the answer does not include it.
    #[must_use]
    pub fn created(&self) -> Option<Timestamp> {
        match &self.raw {
            RawRole::InAccount(role) => timestamp(role.create_date()?),
            RawRole::UnderPath(role) => timestamp(role.create_date()),
        }
    }

    /// The facts that the read includes. All other facts are not read.
    #[must_use]
    pub fn facts(&self) -> RoleFacts {
        match &self.raw {
            RawRole::InAccount(role) => detailed(&in_account(), role),
            RawRole::UnderPath(role) => listed(&under(""), role),
        }
    }
}

/// The marker of the next page. A page that is truncated but has no marker is an error, because the list did
/// not end.
fn next(call: &Call, truncated: bool, marker: Option<&str>) -> Result<Option<String>, AwsError> {
    match (truncated, marker) {
        (false, _) => Ok(None),
        (true, Some(marker)) if !marker.is_empty() => Ok(Some(marker.to_owned())),
        (true, _) => Err(AwsError::unclear(call, "a page is truncated but has no marker")),
    }
}

fn in_account() -> Call {
    Call::read(
        Service::Iam,
        "GetAccountAuthorizationDetails",
        "the roles of the account",
    )
}

fn under(path: &str) -> Call {
    Call::read(Service::Iam, "ListRoles", format_args!("the roles under {path}"))
}

impl Aws {
    /// Reads a page of all roles of the account, without description, maximum session duration and the effect
    /// of attached policies.
    ///
    /// # Errors
    ///
    /// Returns an error if the call fails. No role of the page is known then.
    pub async fn roles_in_account(&self, after: Option<String>) -> Result<Page<ListedRole>, AwsError> {
        let request = self
            .iam()
            .get_account_authorization_details()
            .filter(EntityType::Role)
            .max_items(WHOLE_ROLES)
            .set_marker(after);
        let answer = self.call(in_account(), || request.clone().send()).await?;
        let next = next(&in_account(), answer.is_truncated(), answer.marker())?;
        let raw = |role: RoleDetail| ListedRole {
            arn: role.arn().and_then(|arn| RoleArn::parse(arn).ok()),
            raw: RawRole::InAccount(Box::new(role)),
        };
        let items = answer.role_detail_list.unwrap_or_default().into_iter();
        Ok(Page {
            next,
            items: items.map(raw).collect(),
        })
    }

    /// Reads a page of the roles under a path, with only id, trust policy, description and maximum session
    /// duration.
    ///
    /// # Errors
    ///
    /// Returns an error if the call fails. No role of the page is known then.
    pub async fn roles_under(
        &self,
        path: &RolePath,
        after: Option<String>,
    ) -> Result<Page<ListedRole>, AwsError> {
        let request = self
            .iam()
            .list_roles()
            .path_prefix(path.as_str())
            .max_items(ROLES)
            .set_marker(after);
        let call = under(path.as_str());
        let answer = self.call(call.clone(), || request.clone().send()).await?;
        let next = next(&call, answer.is_truncated(), answer.marker())?;
        let raw = |role: Role| ListedRole {
            arn: RoleArn::parse(role.arn()).ok(),
            raw: RawRole::UnderPath(Box::new(role)),
        };
        Ok(Page {
            next,
            items: answer.roles.into_iter().map(raw).collect(),
        })
    }
}

/// Converts a role without description and maximum session duration, which this read lacks.
fn detailed(call: &Call, role: &RoleDetail) -> RoleFacts {
    let boundary = role
        .permissions_boundary()
        .and_then(|boundary| boundary.permissions_boundary_arn());
    RoleFacts {
        id: id(call, role.role_id()),
        trust: trust(call, role.assume_role_policy_document()),
        boundary: boundary_of(call, boundary),
        tags: Fact::Present(tags(role.tags())),
        attached: read(attached(call, role)),
        inline: read(inline(call, role.role_policy_list())),
        ..RoleFacts::unreadable(&ReadError::NotRead)
    }
}

/// Converts a role with the fields that the other read lacks, and with trust policy and id.
fn listed(call: &Call, role: &Role) -> RoleFacts {
    RoleFacts {
        id: id(call, Some(role.role_id())),
        trust: trust(call, role.assume_role_policy_document()),
        description: some_text(role.description()),
        max_session: max_session(call, role.max_session_duration()),
        ..RoleFacts::unreadable(&ReadError::NotRead)
    }
}

fn id(call: &Call, id: Option<&str>) -> Fact<String> {
    let id = id.filter(|id| !id.is_empty()).map(str::to_owned);
    read(id.ok_or_else(|| AwsError::unclear(call, "a role has no id")))
}

fn attached(call: &Call, role: &RoleDetail) -> Result<BTreeMap<PolicyArn, Fact<Effect>>, AwsError> {
    let policies = role.attached_managed_policies().iter();
    let parse = |arn: Option<&str>| {
        let arn = PolicyArn::parse(arn.unwrap_or_default());
        arn.map_err(|error| AwsError::unclear(call, error))
    };
    policies
        .map(|policy| Ok((parse(policy.policy_arn())?, Fact::Unreadable(ReadError::NotRead))))
        .collect()
}

fn inline(call: &Call, policies: &[PolicyDetail]) -> Result<BTreeMap<PolicyName, Document>, AwsError> {
    let policy = |policy: &PolicyDetail| {
        let name = PolicyName::parse(policy.policy_name().unwrap_or_default())
            .map_err(|error| AwsError::unclear(call, error))?;
        let document = Document::decode(policy.policy_document().unwrap_or_default())
            .map_err(|error| AwsError::unclear(call, format_args!("inline policy {name}: {error}")))?;
        Ok((name, document))
    };
    policies.iter().map(policy).collect()
}

fn read<T>(read: Result<T, AwsError>) -> Fact<T> {
    read.map_or_else(|error| Fact::Unreadable(error.read_error()), Fact::Present)
}

#[cfg(test)]
mod tests {
    use aws_sdk_iam::types::{AttachedPermissionsBoundary, AttachedPolicy, RoleLastUsed, Tag};
    use aws_smithy_types::DateTime;

    use super::*;

    const TRUST: &str = "%7B%22Statement%22%3A%7B%22Sid%22%3A%22a+b%22%7D%7D";
    const ARN: &str = "arn:aws:iam::111122223333:role/lanyard/orders";
    const POLICY: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";

    fn detail() -> aws_sdk_iam::types::builders::RoleDetailBuilder {
        let boundary = AttachedPermissionsBoundary::builder().permissions_boundary_arn(POLICY);
        RoleDetail::builder()
            .arn(ARN)
            .role_id("AROAEXAMPLE")
            .assume_role_policy_document(TRUST)
            .permissions_boundary(boundary.build())
            .tags(Tag::builder().key("team").value("shop").build().unwrap())
            .attached_managed_policies(AttachedPolicy::builder().policy_arn(POLICY).build())
            .role_policy_list(
                PolicyDetail::builder()
                    .policy_name("queue")
                    .policy_document(TRUST)
                    .build(),
            )
    }

    #[test]
    fn truncated_page_without_marker_is_an_error() {
        let next = |truncated, marker| next(&in_account(), truncated, marker);
        assert_eq!(next(false, Some("more")).unwrap(), None);
        assert_eq!(next(true, Some("more")).unwrap().as_deref(), Some("more"));
        assert!(next(true, None).is_err() && next(true, Some("")).is_err());
    }

    #[test]
    fn account_read_shows_creation_and_last_use() {
        let used = RoleLastUsed::builder()
            .last_used_date(DateTime::from_secs(60))
            .build();
        let role = |detail: RoleDetail| ListedRole {
            arn: None,
            raw: RawRole::InAccount(Box::new(detail)),
        };
        let listed = role(
            detail()
                .create_date(DateTime::from_secs(0))
                .role_last_used(used)
                .build(),
        );
        assert_eq!(
            (listed.created(), listed.last_used()),
            (Timestamp::from_second(0).ok(), Timestamp::from_second(60).ok())
        );
        let unused = role(detail().build());
        assert_eq!((unused.created(), unused.last_used()), (None, None));
    }

    #[test]
    fn account_read_lacks_only_two_fields() {
        let facts = detailed(&in_account(), &detail().build());
        let unread = Some(&ReadError::NotRead);
        assert_eq!(facts.description.unreadable(), unread);
        assert_eq!(facts.max_session.unreadable(), unread);
        assert_eq!(facts.id.present().map(String::as_str), Some("AROAEXAMPLE"));
        assert!(facts.trust.present().unwrap().statement("a+b").is_some());
        assert_eq!(facts.boundary.present().unwrap().as_str(), POLICY);
        assert_eq!(facts.tags.present().unwrap()["team"], "shop");
        assert_eq!(facts.attached_arns().len(), 1);
        assert_eq!(facts.inline.present().unwrap().len(), 1);
    }

    #[test]
    fn invalid_values_are_unreadable_and_not_absent() {
        let broken = detail()
            .role_id("")
            .assume_role_policy_document("%7B")
            .attached_managed_policies(AttachedPolicy::builder().policy_arn("invalid").build())
            .role_policy_list(
                PolicyDetail::builder()
                    .policy_name("more")
                    .policy_document("%7B")
                    .build(),
            );
        let facts = detailed(&in_account(), &broken.build());
        assert!(facts.id.unreadable().is_some());
        assert!(facts.trust.unreadable().is_some());
        assert!(facts.attached.unreadable().is_some());
        assert!(facts.inline.unreadable().is_some());
        assert!(facts.tags.present().is_some());
    }

    #[test]
    fn path_read_has_two_fields_and_others_not_read() {
        let role = Role::builder()
            .path("/lanyard/")
            .role_name("orders")
            .role_id("AROAEXAMPLE")
            .arn(ARN)
            .create_date(DateTime::from_secs(0))
            .description("takes orders")
            .max_session_duration(7200)
            .assume_role_policy_document(TRUST)
            .build()
            .unwrap();
        let facts = listed(&under("/lanyard/"), &role);
        assert_eq!(
            facts.description.present().map(String::as_str),
            Some("takes orders")
        );
        assert_eq!(facts.max_session, Fact::Present(7200));
        let unread = Some(&ReadError::NotRead);
        assert_eq!(facts.boundary.unreadable(), unread);
        assert_eq!(facts.tags.unreadable(), unread);
        assert_eq!(facts.attached.unreadable(), unread);
        assert_eq!(facts.inline.unreadable(), unread);
    }
}
