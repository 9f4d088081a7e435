//! A role as facts: `GetRole` first, and only for a role that is there its policies.
//! A role's ARN in, its facts out; at least one call, three and one for each inline policy for a role that is there.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::{Role, Tag};
use futures::future::join;
use lanyard_core::model::arn::{PolicyArn, RoleArn};
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::observed::RoleFacts;
use lanyard_iam_policy::Document;

use crate::call::{Call, Service};
use crate::client::Aws;
use crate::error::{AwsError, Class};

/// IAM's default, which it applies to a role that was made without one (IAM `CreateRole`).
const DEFAULT_MAX_SESSION: u32 = 3600;

impl Aws {
    /// Reads a role. `known`: attached policies whose effect needs no reading, since the spec asks for them or Lanyard
    /// attached them itself; the effect of any other is read.
    pub async fn role(&self, arn: &RoleArn, known: &BTreeSet<PolicyArn>) -> RoleFacts {
        let call = Call::read(Service::Iam, "GetRole", arn);
        let role = match self.get_role(&call, arn).await {
            Ok(role) => role,
            Err(error) if error.class() == Class::NotFound => return RoleFacts::absent(),
            Err(error) => return RoleFacts::unreadable(&error.why()),
        };
        // Right after its creation a role may show its unique id in place of its ARN (docs/dev/aws-behaviour.md#iam-consistency): that is no other place.
        let found = RoleArn::parse(role.arn()).ok().filter(|found| found != arn);
        if let Some(found) = found.as_ref().filter(|found| found.account != arn.account) {
            let text = format!(
                "{} belongs to account {}, and the role was looked up in account {}",
                arn, arn.account, found.account
            );
            return RoleFacts::unreadable(&ReadError::Failed(text));
        }
        let (attached, inline) = join(self.attached_policies(arn, known), self.inline_policies(arn)).await;
        RoleFacts {
            id: Fact::Present(role.role_id().to_owned()),
            elsewhere: found,
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

/// The trust policy that came with a role, as a fact.
pub(super) fn trust(call: &Call, text: Option<&str>) -> Fact<Document> {
    document(call, text).map_or_else(|error| Fact::Unreadable(error.why()), Fact::Present)
}

/// The trust policy that came with a role.
pub(super) fn document(call: &Call, text: Option<&str>) -> Result<Document, AwsError> {
    match text.map(Document::decode) {
        Some(Ok(document)) => Ok(document),
        Some(Err(error)) => Err(AwsError::unclear(call, format!("the trust policy: {error}"))),
        None => Err(AwsError::unclear(call, "the answer has no trust policy")),
    }
}

/// A text of which the empty one is none.
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

pub(super) fn tags(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter()
        .map(|tag| (tag.key().to_owned(), tag.value().to_owned()))
        .collect()
}

fn unclear<T>(call: &Call, what: impl std::fmt::Display) -> Fact<T> {
    Fact::Unreadable(AwsError::unclear(call, what).why())
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
    fn the_trust_policy_is_url_decoded_and_a_plus_stays_a_plus() {
        let told = role()
            .assume_role_policy_document("%7B%22Statement%22%3A%7B%22Sid%22%3A%22a+b%22%7D%7D")
            .build()
            .unwrap();
        let Fact::Present(document) = trust(&call(), told.assume_role_policy_document()) else {
            panic!("it can be read")
        };
        assert!(document.statement("a+b").is_some());
    }

    #[test]
    fn what_cannot_be_read_is_unreadable_and_never_absent() {
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
        let strange = AttachedPermissionsBoundary::builder()
            .permissions_boundary_arn("strange")
            .build();
        let strange = role().permissions_boundary(strange).build().unwrap();
        assert!(boundary(&call(), &strange).unreadable().is_some());
    }

    #[test]
    fn a_role_without_boundary_or_duration_has_none_and_the_default() {
        let plain = role().build().unwrap();
        assert!(boundary(&call(), &plain).is_absent());
        assert_eq!(
            max_session(&call(), plain.max_session_duration()),
            Fact::Present(DEFAULT_MAX_SESSION)
        );
    }
}
