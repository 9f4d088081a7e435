//! An association as EKS tells it, made into core's.
//! The SDK's shape in, [`Association`] out; no I/O. Called by `association` for every answer that carries one.

use aws_sdk_eks::types::PodIdentityAssociation;
use aws_smithy_types::DateTime;
use jiff::Timestamp;
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::observed::Association;
use lanyard_iam_policy::Document;

use crate::call::Call;
use crate::error::AwsError;

/// Takes an association out of an answer. EKS models every field as optional; id, ARN and role are always there.
pub(super) fn association(
    call: &Call,
    told: Option<PodIdentityAssociation>,
) -> Result<Association, AwsError> {
    let told = told.ok_or_else(|| AwsError::unclear(call, "the answer has no association"))?;
    let needed = |field: Option<String>, name: &str| {
        field.ok_or_else(|| AwsError::unclear(call, format_args!("the association has no {name}")))
    };
    let role = |arn: String| RoleArn::parse(&arn).map_err(|error| AwsError::unclear(call, error));
    let policy = |text: String| Document::parse(&text).map_err(|error| AwsError::unclear(call, error));
    Ok(Association {
        id: needed(told.association_id, "id")?,
        arn: needed(told.association_arn, "ARN")?,
        role_arn: role(needed(told.role_arn, "role")?)?,
        target_role_arn: filled(told.target_role_arn).map(role).transpose()?,
        session_tags: !told.disable_session_tags.unwrap_or(false),
        policy: filled(told.policy).map(policy).transpose()?,
        tags: told.tags.unwrap_or_default().into_iter().collect(),
        owner_arn: filled(told.owner_arn),
        external_id: filled(told.external_id),
        modified_at: told.modified_at.as_ref().and_then(timestamp),
    })
}

/// What was cleared may come back as an empty text.
fn filled(field: Option<String>) -> Option<String> {
    field.filter(|text| !text.is_empty())
}

fn timestamp(time: &DateTime) -> Option<Timestamp> {
    let nanoseconds = i32::try_from(time.subsec_nanos()).ok()?;
    Timestamp::new(time.secs(), nanoseconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Service;

    fn call() -> Call {
        Call::read(
            Service::Eks,
            "DescribePodIdentityAssociation",
            "the association of shop/orders",
        )
    }

    fn told() -> aws_sdk_eks::types::builders::PodIdentityAssociationBuilder {
        PodIdentityAssociation::builder()
            .association_id("a-1")
            .association_arn("arn:aws:eks:eu-west-1:111122223333:podidentityassociation/prod/a-1")
            .role_arn("arn:aws:iam::111122223333:role/orders")
    }

    #[test]
    fn what_was_cleared_is_absent_and_tags_are_on_unless_switched_off() {
        let told = told()
            .target_role_arn("")
            .policy("")
            .modified_at(DateTime::from_secs(1_700_000_000))
            .build();
        let association = association(&call(), Some(told)).unwrap();
        assert_eq!((association.target_role_arn, association.policy), (None, None));
        assert!(association.session_tags);
        assert_eq!(association.modified_at.unwrap().as_second(), 1_700_000_000);
    }

    #[test]
    fn an_association_that_cannot_be_read_is_an_error_and_not_half_an_association() {
        let broken = told().policy("not a policy").build();
        assert!(association(&call(), Some(broken)).is_err());
        assert!(association(&call(), Some(PodIdentityAssociation::builder().build())).is_err());
        assert!(association(&call(), None).is_err());
    }
}
