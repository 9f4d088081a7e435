//! One role as facts. Input: the ARN of a role. Output: its facts. Does I/O: `GetRole`, and for an existing
//! role two lists and one call for each inline policy.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::{Role, Tag};
use futures::future::join;
use lanyard_core::model::arn::{PolicyArn, RoleArn};
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::observed::RoleFacts;
use lanyard_core::model::subject::role_tag_key;
use lanyard_iam_policy::Document;

use crate::call::{Call, Service};
use crate::client::Aws;
use crate::error::{AwsError, Class};
use crate::time::timestamp;

/// The default of IAM, which applies to a role that was created without a duration (IAM `CreateRole`).
const DEFAULT_MAX_SESSION: u32 = 3600;

impl Aws {
    /// Reads a role. `known`: attached policies whose effect is not read, because the spec lists them or
    /// Lanyard attached them. The effect of every other attached policy is read.
    pub async fn role(&self, arn: &RoleArn, known: &BTreeSet<PolicyArn>) -> RoleFacts {
        let call = Call::read(Service::Iam, "GetRole", arn);
        let role = match self.get_role(&call, arn).await {
            Ok(role) => role,
            Err(error) if error.class() == Class::NotFound => return RoleFacts::absent(),
            Err(error) => return RoleFacts::unreadable(&error.read_error()),
        };
        // Right after its creation a role may show its unique id in place of its ARN, which does not mean that it has
        // another path (docs/dev/aws-behaviour.md#iam-consistency).
        let elsewhere = RoleArn::parse(role.arn()).ok().filter(|other| other != arn);
        if let Some(other) = elsewhere.as_ref().filter(|other| other.account != arn.account) {
            let text = format!(
                "{} belongs to account {}, but the role was read in account {}",
                arn, arn.account, other.account
            );
            return RoleFacts::unreadable(&ReadError::Failed(text));
        }
        let (attached, inline) = join(self.attached_policies(arn, known), self.inline_policies(arn)).await;
        RoleFacts {
            id: Fact::Present(role.role_id().to_owned()),
            elsewhere,
            modified_at: timestamp(role.create_date()),
            trust: trust(&call, role.assume_role_policy_document()),
            description: some_text(role.description()),
            max_session: max_session(&call, role.max_session_duration()),
            boundary: boundary(&call, &role),
            tags: Fact::Present(tags(role.tags())),
            attached,
            inline,
        }
    }

    pub(super) async fn get_role(&self, call: &Call, arn: &RoleArn) -> Result<Role, AwsError> {
        let request = self.iam().get_role().role_name(arn.name.as_str());
        let answer = self.call(call.clone(), || request.clone().send()).await?;
        answer
            .role
            .ok_or_else(|| AwsError::unclear(call, "the answer has no role"))
    }
}

/// The trust policy of a role as a fact.
pub(super) fn trust(call: &Call, text: Option<&str>) -> Fact<Document> {
    document(call, text).map_or_else(|error| Fact::Unreadable(error.read_error()), Fact::Present)
}

/// The trust policy of a role.
pub(super) fn document(call: &Call, text: Option<&str>) -> Result<Document, AwsError> {
    match text.map(Document::decode) {
        Some(Ok(document)) => Ok(document),
        Some(Err(error)) => Err(AwsError::unclear(call, format!("the trust policy: {error}"))),
        None => Err(AwsError::unclear(call, "the answer has no trust policy")),
    }
}

/// An optional text. Empty means absent.
pub(super) fn some_text(text: Option<&str>) -> Fact<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned).into()
}

pub(super) fn max_session(call: &Call, seconds: Option<i32>) -> Fact<u32> {
    match seconds {
        Some(seconds) => u32::try_from(seconds).map_or_else(|error| unclear(call, error), Fact::Present),
        None => Fact::Present(DEFAULT_MAX_SESSION),
    }
}

fn boundary(call: &Call, role: &Role) -> Fact<PolicyArn> {
    let boundary = role.permissions_boundary();
    boundary_of(
        call,
        boundary.and_then(|boundary| boundary.permissions_boundary_arn()),
    )
}

pub(super) fn boundary_of(call: &Call, arn: Option<&str>) -> Fact<PolicyArn> {
    match arn {
        Some(arn) => PolicyArn::parse(arn).map_or_else(|error| unclear(call, error), Fact::Present),
        None => Fact::Absent,
    }
}

/// The tags of a role. Those of Lanyard have the spelling of Lanyard.
pub(super) fn tags(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter()
        .map(|tag| (role_tag_key(tag.key()).to_owned(), tag.value().to_owned()))
        .collect()
}

fn unclear<T>(call: &Call, what: impl std::fmt::Display) -> Fact<T> {
    Fact::Unreadable(AwsError::unclear(call, what).read_error())
}

#[cfg(test)]
mod tests {
    use aws_sdk_iam::types::AttachedPermissionsBoundary;
    use aws_smithy_types::DateTime;

    use super::*;

    fn call() -> Call {
        Call::read(Service::Iam, "GetRole", "arn:aws:iam::111122223333:role/orders")
    }

    fn role() -> aws_sdk_iam::types::builders::RoleBuilder {
        Role::builder()
            .path("/")
            .role_name("orders")
            .role_id("AROAEXAMPLE")
            .arn("arn:aws:iam::111122223333:role/orders")
            .create_date(DateTime::from_secs(0))
    }

    #[test]
    fn trust_policy_is_url_decoded_and_keeps_plus_signs() {
        let role = role()
            .assume_role_policy_document("%7B%22Statement%22%3A%7B%22Sid%22%3A%22a+b%22%7D%7D")
            .build()
            .unwrap();
        let Fact::Present(document) = trust(&call(), role.assume_role_policy_document()) else {
            panic!("it can be read")
        };
        assert!(document.statement("a+b").is_some());
    }

    #[test]
    fn ownership_tags_of_any_case_get_the_spelling_of_lanyard() {
        let tag = |key: &str| Tag::builder().key(key).value("shop").build().unwrap();
        let read = tags(&[tag("Lanyard.dev/Namespace"), tag("Team")]);
        assert_eq!(read.keys().collect::<Vec<_>>(), ["Team", "lanyard.dev/namespace"]);
    }

    #[test]
    fn invalid_values_are_unreadable_and_not_absent() {
        let broken = role()
            .assume_role_policy_document("%7B")
            .max_session_duration(-1)
            .build()
            .unwrap();
        assert!(
            trust(&call(), broken.assume_role_policy_document())
                .unreadable()
                .is_some()
        );
        assert!(trust(&call(), None).unreadable().is_some());
        assert!(
            max_session(&call(), broken.max_session_duration())
                .unreadable()
                .is_some()
        );
        let invalid = AttachedPermissionsBoundary::builder()
            .permissions_boundary_arn("invalid")
            .build();
        let invalid = role().permissions_boundary(invalid).build().unwrap();
        assert!(boundary(&call(), &invalid).unreadable().is_some());
    }

    #[test]
    fn missing_boundary_and_duration_have_defaults() {
        let plain = role().build().unwrap();
        assert!(boundary(&call(), &plain).is_absent());
        assert_eq!(
            max_session(&call(), plain.max_session_duration()),
            Fact::Present(DEFAULT_MAX_SESSION)
        );
    }
}
