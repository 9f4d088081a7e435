//! Validates the account of the role: the account of the cluster, or, with IRSA, the account of the class.
//! Inputs are the method and the ARN of an existing role; outputs are the account and the ARN, or defects. No I/O.

use super::validator::Validator;
use crate::model::arn::RoleArn;
use crate::model::name::AccountId;
use crate::model::reason::Reason;
use crate::model::spec::Method;

impl Validator<'_> {
    /// The account of the role. EKS accepts only roles in the account of the cluster
    /// (docs/dev/aws-behaviour.md#association-quotas).
    pub(super) fn account(&mut self, method: Method) -> AccountId {
        let cluster = &self.cluster.account;
        let of_class = self.class.aws.assume_role_arn.as_ref().map(|role| &role.account);
        match (of_class.filter(|account| *account != cluster), method) {
            (None, _) => cluster.clone(),
            (Some(account), Method::Irsa) => account.clone(),
            (Some(account), Method::PodIdentity) => {
                let problem = format!(
                    "Pod Identity requires a role in account {cluster} of the cluster; {} manages roles in account {account}. Use method: IRSA, or a class of account {cluster} with podIdentity.targetRoleArn set to a role in account {account}.",
                    self.class
                );
                self.reject(Reason::AccountMismatch, "method", problem);
                cluster.clone()
            }
        }
    }

    pub(super) fn existing_arn(
        &mut self,
        text: &str,
        account: &AccountId,
        method: Method,
    ) -> Option<RoleArn> {
        let field = "role.existing.arn";
        let arn = self.valid(field, RoleArn::parse(text))?;
        if arn.is_reserved() {
            self.invalid(
                field,
                format!("{arn} is reserved for AWS services; name a role that pods can assume"),
            );
        }
        if arn.partition != self.cluster.partition {
            let partition = &self.cluster.partition;
            self.invalid(
                field,
                format!(
                    "must be in partition {partition} of the cluster; {arn} is in partition {}",
                    arn.partition
                ),
            );
        }
        if arn.account != *account {
            let alternative = match method {
                Method::PodIdentity => {
                    format!("Name a role in account {account}, and set podIdentity.targetRoleArn to {arn}.")
                }
                Method::Irsa => format!(
                    "Use a class whose aws.assumeRoleArn is in account {}.",
                    arn.account
                ),
            };
            let owner = match self.class.name {
                Some(_) => self.class.to_string(),
                None => "the cluster".to_owned(),
            };
            let problem = format!(
                "must be in account {account} of {owner}; {arn} is in account {}. {alternative}",
                arn.account
            );
            self.reject(Reason::AccountMismatch, field, problem);
        }
        Some(arn)
    }
}

#[cfg(test)]
mod tests {
    use crate::class::Class;
    use crate::example::{cluster, spec, subject};
    use crate::identity::Identity;
    use crate::model::reason::Reason;
    use crate::model::spec::{ExistingRoleSpec, Method, Spec};
    use crate::model::status::RecordedRoles;
    use crate::reconcile::validate::{Invalid, validate};

    const FOREIGN_ROLE: &str = "arn:aws:iam::444455556666:role/theirs";

    fn class_of_other_account() -> Class {
        let mut class = Class::unrestricted();
        class.aws = serde_json::from_str(
            r#"{"assumeRoleArn": "arn:aws:iam::444455556666:role/lanyard", "externalId": "x"}"#,
        )
        .unwrap();
        class
    }

    fn check(spec: &Spec, class: &Class) -> Result<Identity, Vec<Invalid>> {
        validate(spec, &subject(), &cluster(), class, &RecordedRoles::default())
            .map(|validated| validated.identity)
    }

    fn existing(method: Method) -> Spec {
        Spec {
            managed: None,
            existing: Some(ExistingRoleSpec {
                arn: FOREIGN_ROLE.to_owned(),
                ..ExistingRoleSpec::default()
            }),
            ..spec(method)
        }
    }

    #[test]
    fn irsa_role_and_provider_are_in_account_of_class() {
        let identity = check(&spec(Method::Irsa), &class_of_other_account()).unwrap();
        let arn = identity.role_arn().to_string();
        assert!(
            arn.starts_with("arn:aws:iam::444455556666:role/lanyard/eu-west-1/prod/"),
            "{arn}"
        );
        assert_eq!(
            identity.binding.provider_arn().unwrap(),
            "arn:aws:iam::444455556666:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/A1"
        );
        assert!(check(&existing(Method::Irsa), &class_of_other_account()).is_ok());
    }

    #[test]
    fn role_in_unsupported_account_is_rejected() {
        for (spec, class) in [
            (spec(Method::PodIdentity), class_of_other_account()),
            (existing(Method::PodIdentity), Class::unrestricted()),
            (existing(Method::Irsa), Class::unrestricted()),
        ] {
            let defects = check(&spec, &class).unwrap_err();
            assert_eq!(defects.len(), 1, "{defects:?}");
            assert_eq!(defects[0].reason, Reason::AccountMismatch);
            assert!(defects[0].problem.contains("444455556666"), "{}", defects[0]);
        }
    }

    #[test]
    fn arns_follow_partition_of_cluster() {
        for (partition, region, host) in [
            ("aws-cn", "cn-north-1", "oidc.eks.cn-north-1.amazonaws.com.cn"),
            (
                "aws-us-gov",
                "us-gov-west-1",
                "oidc.eks.us-gov-west-1.amazonaws.com",
            ),
        ] {
            let cluster = serde_json::from_value(serde_json::json!({
                "identity": format!("arn:{partition}:eks:{region}:111122223333:cluster/prod"),
                "platform": "EKS", "name": "prod", "region": region, "partition": partition,
                "account": "111122223333", "issuer": format!("https://{host}/id/A1"),
            }))
            .unwrap();
            let identity = crate::example::identity_in(&spec(Method::Irsa), &cluster);
            let role = identity.role_arn().to_string();
            assert!(
                role.starts_with(&format!(
                    "arn:{partition}:iam::111122223333:role/lanyard/{region}/prod/"
                )),
                "{role}"
            );
            let provider = format!("arn:{partition}:iam::111122223333:oidc-provider/{host}/id/A1");
            assert_eq!(identity.binding.provider_arn().unwrap(), provider);
            // The audience (docs/dev/aws-behaviour.md#issuer) and the principal of Pod Identity
            // (docs/dev/aws-behaviour.md#pod-identity-trust) are the same in every partition.
            let trust =
                crate::reconcile::desired::statement_for(&identity, &identity.binding, "Sid").to_json();
            assert!(
                trust.contains(&provider) && trust.contains("sts.amazonaws.com\""),
                "{trust}"
            );
            let identity = crate::example::identity_in(&spec(Method::PodIdentity), &cluster);
            let trust =
                crate::reconcile::desired::statement_for(&identity, &identity.binding, "Sid").to_json();
            assert!(
                trust.contains("pods.eks.amazonaws.com\"") && trust.contains(cluster.identity.as_str()),
                "{trust}"
            );
        }
    }
}
