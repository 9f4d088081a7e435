//! Validate, what is to be adopted: ARNs that belong to this very object, and to nobody whom Lanyard never touches.
//! The annotation's ARNs in, what is asked for or faults out; no I/O. Called by `validate`.

use std::collections::BTreeSet;

use super::Check;
use crate::class::adoption::Adoption;
use crate::class::guardrails::AdoptionPolicy;
use crate::model::annotation::FIELD_ADOPT;
use crate::model::arn::RoleArn;
use crate::model::cluster::Platform;
use crate::model::reason::Reason;
use crate::model::text::quote;

impl Check<'_> {
    /// What the annotation asks for, as far as it can be understood.
    pub(super) fn adopted(&mut self, arns: &[String]) -> Adoption {
        let mut role: Option<RoleArn> = None;
        let mut associations = BTreeSet::new();
        for text in arns {
            match (RoleArn::parse(text), is_association(text)) {
                (Ok(arn), _) => match &role {
                    Some(other) if *other != arn => {
                        self.not_adopted(format!("names two roles, {other} and {arn}; an object has one"));
                    }
                    Some(_) | None => role = self.adoptable(arn),
                },
                (Err(_), true) => {
                    self.of_this_cluster(text);
                    associations.insert(text.clone());
                }
                (Err(_), false) => self.not_adopted(format!(
                    "{} is neither a role's ARN, such as arn:aws:iam::111122223333:role/orders, nor an association's; separate several by commas",
                    quote(text)
                )),
            }
        }
        Adoption {
            role,
            associations,
            allowed: AdoptionPolicy::default(),
        }
    }

    /// Only a managed role is adopted: an existing one is used as it is.
    pub(super) fn adopts_no_role(&mut self, adopted: Option<&RoleArn>) {
        if let Some(arn) = adopted {
            self.not_adopted(format!(
                "names role {arn}, and spec.role.managed is not set: role.existing uses a role without adopting it"
            ));
        }
    }

    /// The role that the spec asks for, where the one that is to be adopted has its name: on whatever path that is.
    pub(super) fn at_the_adopted(&mut self, usual: RoleArn, adopted: Option<&RoleArn>) -> RoleArn {
        let Some(adopted) = adopted else { return usual };
        let (account, partition) = (&usual.account, &usual.partition);
        if adopted.account != *account || adopted.partition != *partition {
            self.not_adopted(format!(
                "names role {adopted}, and the roles of this object are in account {account} of partition {partition}"
            ));
            return usual;
        }
        let (is, asked) = (&adopted.name, &usual.name);
        if !is.as_str().eq_ignore_ascii_case(asked.as_str()) {
            self.not_adopted(format!(
                "names role {adopted}, and this object asks for one called {asked}; set spec.role.managed.name: {is}, or take that ARN out"
            ));
            return usual;
        }
        adopted.clone()
    }

    fn adoptable(&mut self, arn: RoleArn) -> Option<RoleArn> {
        if arn.is_reserved() {
            self.not_adopted(format!(
                "names role {arn}, which belongs to AWS itself and is never changed"
            ));
            return None;
        }
        Some(arn)
    }

    fn of_this_cluster(&mut self, association: &str) {
        let cluster = self.cluster;
        let ours = match &cluster.platform {
            Platform::Eks { name, region, .. } => format!(
                "arn:{}:eks:{region}:{}:podidentityassociation/{name}/",
                cluster.partition, cluster.account
            ),
            Platform::Other => String::new(),
        };
        if ours.is_empty() || !association.starts_with(&ours) {
            self.not_adopted(format!(
                "{} is not an association of this cluster, {}",
                quote(association),
                cluster.identity
            ));
        }
    }

    fn not_adopted(&mut self, problem: String) {
        self.refuse(Reason::InvalidAdoption, FIELD_ADOPT, problem);
    }
}

/// Whether a text has the form of an association's ARN.
fn is_association(text: &str) -> bool {
    let tail = text
        .strip_prefix("arn:")
        .and_then(|rest| rest.split_once(":podidentityassociation/"));
    tail.is_some_and(|(head, tail)| {
        head.contains(":eks:") && tail.split('/').count() == 2 && tail.split('/').all(|part| !part.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use crate::class::Class;
    use crate::example::{cluster, off_eks, spec, subject};
    use crate::identity::Identity;
    use crate::model::reason::Reason;
    use crate::model::spec::{ExistingRoleSpec, Method, Spec};
    use crate::model::status::RecordedRoles;
    use crate::reconcile::validate::{Invalid, validate};

    const ELSEWHERE: &str = "arn:aws:iam::111122223333:role/team/legacy";
    const ASSOCIATION: &str = "arn:aws:eks:eu-west-1:111122223333:podidentityassociation/prod/a-1";

    fn adopting(name: Option<&str>, adopt: &[&str]) -> Spec {
        let mut spec = spec(Method::PodIdentity);
        spec.managed.as_mut().unwrap().name = name.map(str::to_owned);
        spec.adopt = adopt.iter().map(|arn| (*arn).to_owned()).collect();
        spec
    }

    fn check(spec: &Spec, made: &RecordedRoles) -> Result<Identity, Vec<Invalid>> {
        validate(spec, &subject(), &cluster(), &Class::unrestricted(), made)
            .map(|validated| validated.identity)
    }

    fn told(spec: &Spec) -> String {
        let wrong = check(spec, &RecordedRoles::default()).unwrap_err();
        assert!(
            wrong.iter().all(|wrong| wrong.reason == Reason::InvalidAdoption),
            "{wrong:?}"
        );
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        wrong[0].problem.clone()
    }

    #[test]
    fn an_adopted_role_is_where_it_is_and_stays_there_once_that_is_on_record() {
        let asked = check(
            &adopting(Some("legacy"), &[ELSEWHERE, ASSOCIATION]),
            &RecordedRoles::default(),
        )
        .unwrap();
        assert_eq!(asked.role_arn().to_string(), ELSEWHERE);
        assert!(asked.adoption.associations.contains(ASSOCIATION));

        let arn = asked.role_arn().clone();
        let known = |adopted| RecordedRoles {
            roles: vec![arn.clone()],
            adopted,
        };
        let without = adopting(Some("legacy"), &[]);
        let still = check(&without, &known(Some(arn.clone()))).unwrap();
        assert_eq!(still.role_arn(), &arn);
        let never = check(&without, &known(None)).unwrap();
        assert!(never.role_arn().path.as_str().starts_with("/lanyard/"));
    }

    #[test]
    fn what_does_not_belong_to_the_object_is_said_with_the_way_out() {
        for (name, adopt, problem) in [
            (
                None,
                ELSEWHERE,
                "set spec.role.managed.name: legacy, or take that ARN out",
            ),
            (Some("legacy"), "legacy", "legacy is neither a role's ARN"),
            (
                Some("legacy"),
                "arn:aws:iam::444455556666:role/team/legacy",
                "are in account 111122223333",
            ),
            (
                Some("AWSReservedSSO_Admin_1"),
                "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_1",
                "never changed",
            ),
            (
                Some("legacy"),
                "arn:aws:eks:eu-west-1:111122223333:podidentityassociation/other/a-1",
                "is not an association of this cluster",
            ),
        ] {
            let told = told(&adopting(name, &[adopt]));
            assert!(told.contains(problem), "{told}");
        }
        let two = adopting(
            Some("legacy"),
            &[ELSEWHERE, "arn:aws:iam::111122223333:role/legacy"],
        );
        assert!(told(&two).contains("names two roles"));
    }

    #[test]
    fn an_existing_role_is_not_adopted() {
        let mut spec = adopting(None, &[ELSEWHERE]);
        spec.managed = None;
        spec.existing = Some(ExistingRoleSpec {
            arn: ELSEWHERE.to_owned(),
            ..ExistingRoleSpec::default()
        });
        assert!(told(&spec).contains("without adopting it"));
    }

    #[test]
    fn a_cluster_that_is_not_eks_has_no_associations_to_adopt() {
        let mut spec = adopting(None, &[ASSOCIATION]);
        spec.method = Some(Method::Irsa);
        let subject = crate::model::subject::Subject {
            cluster: off_eks().identity,
            ..subject()
        };
        let wrong = validate(
            &spec,
            &subject,
            &off_eks(),
            &Class::unrestricted(),
            &RecordedRoles::default(),
        )
        .unwrap_err();
        assert_eq!(wrong[0].reason, Reason::InvalidAdoption);
    }
}
