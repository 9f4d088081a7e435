//! Conversion of an association from the type of the SDK to the type of core. Plain functions, no I/O.

use aws_sdk_eks::types::PodIdentityAssociation;
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::observed::Association;
use lanyard_iam_policy::Document;

use crate::call::Call;
use crate::error::AwsError;
use crate::time::timestamp;

/// Converts the association of an answer. EKS models every field as optional, but always sets id, ARN and role.
pub(super) fn association(
    call: &Call,
    answered: Option<PodIdentityAssociation>,
) -> Result<Association, AwsError> {
    let answered = answered.ok_or_else(|| AwsError::unclear(call, "the answer has no association"))?;
    let required = |field: Option<String>, name: &str| {
        field.ok_or_else(|| AwsError::unclear(call, format_args!("the association has no {name}")))
    };
    let role = |arn: String| RoleArn::parse(&arn).map_err(|error| AwsError::unclear(call, error));
    let policy = |text: String| Document::parse(&text).map_err(|error| AwsError::unclear(call, error));
    Ok(Association {
        id: required(answered.association_id, "id")?,
        arn: required(answered.association_arn, "ARN")?,
        role_arn: role(required(answered.role_arn, "role")?)?,
        target_role_arn: non_empty(answered.target_role_arn).map(role).transpose()?,
        session_tags: !answered.disable_session_tags.unwrap_or(false),
        policy: non_empty(answered.policy).map(policy).transpose()?,
        tags: answered.tags.unwrap_or_default().into_iter().collect(),
        owner_arn: non_empty(answered.owner_arn),
        external_id: non_empty(answered.external_id),
        modified_at: answered.modified_at.as_ref().and_then(timestamp),
    })
}

/// Treats an empty text as absent, because EKS may return a cleared field as an empty text.
fn non_empty(field: Option<String>) -> Option<String> {
    field.filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::DateTime;

    use super::*;
    use crate::call::Service;

    fn call() -> Call {
        Call::read(
            Service::Eks,
            "DescribePodIdentityAssociation",
            "the association of shop/orders",
        )
    }

    fn builder() -> aws_sdk_eks::types::builders::PodIdentityAssociationBuilder {
        PodIdentityAssociation::builder()
            .association_id("a-1")
            .association_arn("arn:aws:eks:eu-west-1:111122223333:podidentityassociation/prod/a-1")
            .role_arn("arn:aws:iam::111122223333:role/orders")
    }

    #[test]
    fn cleared_field_is_absent_and_tags_default_to_on() {
        let answered = builder()
            .target_role_arn("")
            .policy("")
            .modified_at(DateTime::from_secs(1_700_000_000))
            .build();
        let association = association(&call(), Some(answered)).unwrap();
        assert_eq!((association.target_role_arn, association.policy), (None, None));
        assert!(association.session_tags);
        assert_eq!(association.modified_at.unwrap().as_second(), 1_700_000_000);
    }

    #[test]
    fn invalid_association_is_an_error() {
        let broken = builder().policy("not a policy").build();
        assert!(association(&call(), Some(broken)).is_err());
        assert!(association(&call(), Some(PodIdentityAssociation::builder().build())).is_err());
        assert!(association(&call(), None).is_err());
    }
}
