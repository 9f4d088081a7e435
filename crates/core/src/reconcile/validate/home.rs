//! Validate, which account a role lives in: the cluster's, or with IRSA the one that its class reaches.
//! The method and somebody else's ARN in, an account or faults out; no I/O. Called by `validate`.

use super::Check;
use crate::model::arn::RoleArn;
use crate::model::name::AccountId;
use crate::model::reason::Reason;
use crate::model::spec::Method;

impl Check<'_> {
    /// The account of the identity's role. EKS takes roles of the cluster's account alone (docs/dev/aws-behaviour.md#association-quotas).
    pub(super) fn home(&mut self, method: Method) -> AccountId {
        let cluster = &self.cluster.account;
        let of_class = self.class.aws.assume_role_arn.as_ref().map(|role| &role.account);
        match (of_class.filter(|account| *account != cluster), method) {
            (None, _) => cluster.clone(),
            (Some(account), Method::Irsa) => account.clone(),
            (Some(account), Method::PodIdentity) => {
                let problem = format!(
                    "Pod Identity takes roles of the cluster's account alone, {cluster}, and {} manages roles in {account}; use IRSA, or a class of account {cluster} with podIdentity.targetRoleArn set to a role of {account}",
                    self.class
                );
                self.refuse(Reason::AccountMismatch, "method", problem);
                cluster.clone()
            }
        }
    }

    pub(super) fn existing_arn(&mut self, text: &str, home: &AccountId, method: Method) -> Option<RoleArn> {
        let field = "role.existing.arn";
        let arn = self.ok(field, RoleArn::parse(text))?;
        if arn.is_reserved() {
            self.wrong(
                field,
                format!("{arn} belongs to AWS itself and cannot be given to pods"),
            );
        }
        if arn.partition != self.cluster.partition {
            let partition = &self.cluster.partition;
            self.wrong(
                field,
                format!("{arn} is in another partition than the cluster, which is in {partition}"),
            );
        }
        if arn.account != *home {
            let instead = match method {
                Method::PodIdentity => {
                    format!("set podIdentity.targetRoleArn to it and give a role of {home} here")
                }
                Method::Irsa => format!("a class whose aws.assumeRoleArn is in {} reaches it", arn.account),
            };
            let problem = format!(
                "{arn} is in another account than {home}, where {} has its roles; {instead}",
                self.class
            );
            self.refuse(Reason::AccountMismatch, field, problem);
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

    const THEIRS: &str = "arn:aws:iam::444455556666:role/theirs";

    fn elsewhere() -> Class {
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
                arn: THEIRS.to_owned(),
                ..ExistingRoleSpec::default()
            }),
            ..spec(method)
        }
    }

    #[test]
    fn with_irsa_a_role_lives_in_the_account_of_its_class_and_so_does_the_provider() {
        let identity = check(&spec(Method::Irsa), &elsewhere()).unwrap();
        let arn = identity.role_arn().to_string();
        assert!(
            arn.starts_with("arn:aws:iam::444455556666:role/lanyard/eu-west-1/prod/"),
            "{arn}"
        );
        assert_eq!(
            identity.binding.provider_arn().unwrap(),
            "arn:aws:iam::444455556666:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/A1"
        );
        assert!(check(&existing(Method::Irsa), &elsewhere()).is_ok());
    }

    #[test]
    fn pod_identity_has_no_roles_in_other_accounts() {
        for (spec, class) in [
            (spec(Method::PodIdentity), elsewhere()),
            (existing(Method::PodIdentity), Class::unrestricted()),
            (existing(Method::Irsa), Class::unrestricted()),
        ] {
            let wrong = check(&spec, &class).unwrap_err();
            assert_eq!(wrong.len(), 1, "{wrong:?}");
            assert_eq!(wrong[0].reason, Reason::AccountMismatch);
            assert!(wrong[0].problem.contains("444455556666"), "{}", wrong[0]);
        }
    }

    #[test]
    fn every_arn_follows_the_partition_of_the_cluster() {
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
            // The audience is the same in every partition (docs/dev/aws-behaviour.md#issuer), and so is the service of Pod Identity (docs/dev/aws-behaviour.md#pod-identity-trust).
            let trust =
                crate::reconcile::desired::statement_for(&identity, &identity.binding, "Sid").to_json();
            assert!(
                trust.contains(&provider) && trust.contains("sts.amazonaws.com\""),
                "{trust}"
            );
            let pods = crate::example::identity_in(&spec(Method::PodIdentity), &cluster);
            let trust = crate::reconcile::desired::statement_for(&pods, &pods.binding, "Sid").to_json();
            assert!(
                trust.contains("pods.eks.amazonaws.com\"") && trust.contains(cluster.identity.as_str()),
                "{trust}"
            );
        }
    }
}
