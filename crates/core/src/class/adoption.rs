//! The adoption of existing resources: the ARNs that an object requests to adopt, and the policy of its class. Input:
//! the text of the annotation; output: ARNs. No I/O.

use std::collections::BTreeSet;

use crate::class::guardrails::AdoptionPolicy;
use crate::model::arn::RoleArn;

/// The ARNs in the annotation, not validated.
#[must_use]
pub fn named(text: &str) -> Vec<String> {
    let arns = text.split(',').map(str::trim);
    arns.filter(|arn| !arn.is_empty()).map(str::to_owned).collect()
}

/// The validated adoption request of an object, and the policy of its class.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Adoption {
    /// The role.
    pub role: Option<RoleArn>,
    /// The associations. At most one of them exists.
    pub associations: BTreeSet<String>,
    /// The adoptions that the class allows.
    pub allowed: AdoptionPolicy,
}

impl Adoption {
    /// Returns true if the annotation contains the ARN of this role.
    #[must_use]
    pub fn requests_role(&self, arn: &RoleArn) -> bool {
        self.role.as_ref() == Some(arn)
    }

    /// Returns true if the annotation contains the ARN of this role or association.
    #[must_use]
    pub fn requests(&self, arn: &str) -> bool {
        let role = self.role.as_ref().map(ToString::to_string);
        role.as_deref() == Some(arn) || self.associations.contains(arn)
    }

    /// The value of the annotation that requests a role in addition to the current associations.
    #[must_use]
    pub fn with_role(&self, arn: &RoleArn) -> String {
        text(self.associations.iter().cloned().chain([arn.to_string()]))
    }

    /// The value of the annotation that requests an association in addition to the current role.
    #[must_use]
    pub fn with_association(&self, arn: &str) -> String {
        let role = self.role.iter().map(ToString::to_string);
        text(role.chain([arn.to_owned()]))
    }
}

fn text(arns: impl Iterator<Item = String>) -> String {
    arns.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_splits_at_commas_and_trims_blanks() {
        assert_eq!(named(" a, b ,,c,"), ["a", "b", "c"]);
        assert_eq!(named(" "), Vec::<String>::new());
    }

    #[test]
    fn with_role_or_association_keeps_the_other_kind() {
        let role = RoleArn::parse("arn:aws:iam::111122223333:role/orders").unwrap();
        let mut adoption = Adoption {
            role: Some(role.clone()),
            ..Adoption::default()
        };
        assert_eq!(adoption.with_association("a"), format!("{role},a"));
        adoption.associations.insert("a".to_owned());
        assert_eq!(adoption.with_role(&role), format!("a,{role}"));
    }
}
