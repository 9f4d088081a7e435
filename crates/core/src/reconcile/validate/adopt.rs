//! Validates the adoption annotation: each ARN has to belong to this object and must not be reserved for AWS.
//! Input are the ARNs of the annotation; outputs are the requested adoptions, or defects. No I/O.

use std::collections::BTreeSet;

use super::validator::Validator;
use crate::class::adoption::Adoption;
use crate::class::guardrails::AdoptionPolicy;
use crate::model::annotation::FIELD_ADOPT;
use crate::model::arn::RoleArn;
use crate::model::cluster::Platform;
use crate::model::reason::Reason;
use crate::model::text::quote;

impl Validator<'_> {
    /// The adoptions that the annotation requests, without the ARNs that have defects.
    pub(super) fn adoption(&mut self, arns: &[String]) -> Adoption {
        let mut role: Option<RoleArn> = None;
        let mut associations = BTreeSet::new();
        for text in arns {
            match (RoleArn::parse(text), is_association(text)) {
                (Ok(arn), _) => match &role {
                    Some(other) if *other != arn => {
                        self.reject_adoption(format!(
                            "must name at most one role; got {other} and {arn}"
                        ));
                    }
                    Some(_) | None => role = self.adoptable(arn),
                },
                (Err(_), true) => {
                    self.check_cluster_of_association(text);
                    associations.insert(text.clone());
                }
                (Err(_), false) => self.reject_adoption(format!(
                    "must list the ARNs of a role, such as arn:aws:iam::111122223333:role/orders, or of associations, separated by commas; got {}",
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

    /// Adds a defect if an object without a managed role requests the adoption of a role.
    pub(super) fn reject_role_adoption(&mut self, adopted: Option<&RoleArn>) {
        if let Some(arn) = adopted {
            self.reject_adoption(format!(
                "requires spec.role.managed to adopt role {arn}; role.existing uses a role without adopting it"
            ));
        }
    }

    /// The ARN of the adopted role, on its own path, or the default ARN. Adds a defect if the two differ in more than the
    /// path.
    pub(super) fn adopted_or(&mut self, default: RoleArn, adopted: Option<&RoleArn>) -> RoleArn {
        let Some(adopted) = adopted else {
            return default;
        };
        let (account, partition) = (&default.account, &default.partition);
        if adopted.account != *account || adopted.partition != *partition {
            self.reject_adoption(format!(
                "must name a role in account {account} of partition {partition}; got {adopted}"
            ));
            return default;
        }
        let (name, expected) = (&adopted.name, &default.name);
        if !name.as_str().eq_ignore_ascii_case(expected.as_str()) {
            self.reject_adoption(format!(
                "must name role {expected} of this object; got {adopted}. Set spec.role.managed.name: {name}, or remove that ARN."
            ));
            return default;
        }
        adopted.clone()
    }

    fn adoptable(&mut self, arn: RoleArn) -> Option<RoleArn> {
        if arn.is_reserved() {
            self.reject_adoption(format!(
                "must not name role {arn}, which is reserved for AWS services"
            ));
            return None;
        }
        Some(arn)
    }

    fn check_cluster_of_association(&mut self, association: &str) {
        let cluster = self.cluster;
        let prefix = match &cluster.platform {
            Platform::Eks { name, region, .. } => format!(
                "arn:{}:eks:{region}:{}:podidentityassociation/{name}/",
                cluster.partition, cluster.account
            ),
            Platform::Other => String::new(),
        };
        if prefix.is_empty() || !association.starts_with(&prefix) {
            self.reject_adoption(format!(
                "must name associations of cluster {}; got {}",
                cluster.identity,
                quote(association)
            ));
        }
    }

    fn reject_adoption(&mut self, problem: String) {
        self.reject(Reason::InvalidAdoption, FIELD_ADOPT, problem);
    }
}

/// Returns true if a text has the form of the ARN of an association.
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

    fn check(spec: &Spec, created: &RecordedRoles) -> Result<Identity, Vec<Invalid>> {
        validate(spec, &subject(), &cluster(), &Class::unrestricted(), created)
            .map(|validated| validated.identity)
    }

    fn defect(spec: &Spec) -> String {
        let defects = check(spec, &RecordedRoles::default()).unwrap_err();
        assert!(
            defects
                .iter()
                .all(|defect| defect.reason == Reason::InvalidAdoption),
            "{defects:?}"
        );
        assert_eq!(defects.len(), 1, "{defects:?}");
        defects[0].problem.clone()
    }

    #[test]
    fn adopted_role_keeps_its_path_once_recorded() {
        let requested = check(
            &adopting(Some("legacy"), &[ELSEWHERE, ASSOCIATION]),
            &RecordedRoles::default(),
        )
        .unwrap();
        assert_eq!(requested.role_arn().to_string(), ELSEWHERE);
        assert!(requested.adoption.associations.contains(ASSOCIATION));

        let arn = requested.role_arn().clone();
        let created = |adopted| RecordedRoles {
            roles: vec![arn.clone()],
            adopted,
        };
        let without = adopting(Some("legacy"), &[]);
        let recorded = check(&without, &created(Some(arn.clone()))).unwrap();
        assert_eq!(recorded.role_arn(), &arn);
        let unrecorded = check(&without, &created(None)).unwrap();
        assert!(unrecorded.role_arn().path.as_str().starts_with("/lanyard/"));
    }

    #[test]
    fn arn_of_another_object_is_rejected_with_next_action() {
        for (name, adopt, problem) in [
            (
                None,
                ELSEWHERE,
                "Set spec.role.managed.name: legacy, or remove that ARN",
            ),
            (Some("legacy"), "legacy", "separated by commas; got legacy"),
            (
                Some("legacy"),
                "arn:aws:iam::444455556666:role/team/legacy",
                "must name a role in account 111122223333",
            ),
            (
                Some("AWSReservedSSO_Admin_1"),
                "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_1",
                "reserved for AWS services",
            ),
            (
                Some("legacy"),
                "arn:aws:eks:eu-west-1:111122223333:podidentityassociation/other/a-1",
                "must name associations of cluster",
            ),
        ] {
            let defect = defect(&adopting(name, &[adopt]));
            assert!(defect.contains(problem), "{defect}");
        }
        let two = adopting(
            Some("legacy"),
            &[ELSEWHERE, "arn:aws:iam::111122223333:role/legacy"],
        );
        assert!(defect(&two).contains("must name at most one role"));
    }

    #[test]
    fn adoption_of_existing_role_is_rejected() {
        let mut spec = adopting(None, &[ELSEWHERE]);
        spec.managed = None;
        spec.existing = Some(ExistingRoleSpec {
            arn: ELSEWHERE.to_owned(),
            ..ExistingRoleSpec::default()
        });
        assert!(defect(&spec).contains("without adopting it"));
    }

    #[test]
    fn association_adoption_off_eks_is_rejected() {
        let mut spec = adopting(None, &[ASSOCIATION]);
        spec.method = Some(Method::Irsa);
        let subject = crate::model::subject::Subject {
            cluster: off_eks().identity,
            ..subject()
        };
        let defects = validate(
            &spec,
            &subject,
            &off_eks(),
            &Class::unrestricted(),
            &RecordedRoles::default(),
        )
        .unwrap_err();
        assert_eq!(defects[0].reason, Reason::InvalidAdoption);
    }
}
