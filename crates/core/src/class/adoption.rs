//! Adoption: what an object asks to take over that somebody else made, and what its class lets it take over.
//! The text of the annotation in, ARNs out; no I/O. `validate` checks it, `Identity` carries it, `ownership` goes by it.

use std::collections::BTreeSet;

use crate::class::guardrails::AdoptionPolicy;
use crate::model::arn::RoleArn;

/// The ARNs that the annotation names; nothing is checked.
#[must_use]
pub fn named(text: &str) -> Vec<String> {
    let arns = text.split(',').map(str::trim);
    arns.filter(|arn| !arn.is_empty()).map(str::to_owned).collect()
}

/// What an object asks to adopt, checked, and what it may.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Adoption {
    /// The role.
    pub role: Option<RoleArn>,
    /// The associations: of those that ever were, one is there.
    pub associations: BTreeSet<String>,
    /// What its class gives leave to adopt.
    pub leave: AdoptionPolicy,
}

impl Adoption {
    /// Whether the annotation names just this role.
    #[must_use]
    pub fn asks_for_role(&self, arn: &RoleArn) -> bool {
        self.role.as_ref() == Some(arn)
    }

    /// Whether the annotation names just this role or association.
    #[must_use]
    pub fn asks_for(&self, arn: &str) -> bool {
        let role = self.role.as_ref().map(ToString::to_string);
        role.as_deref() == Some(arn) || self.associations.contains(arn)
    }

    /// The annotation that asks for a role, and for the associations of now.
    #[must_use]
    pub fn with_role(&self, arn: &RoleArn) -> String {
        text(self.associations.iter().cloned().chain([arn.to_string()]))
    }

    /// The annotation that asks for an association, and for the role of now.
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
    fn arns_stand_between_commas_and_blanks_do_not_count() {
        assert_eq!(named(" a, b ,,c,"), ["a", "b", "c"]);
        assert_eq!(named(" "), Vec::<String>::new());
    }

    #[test]
    fn what_is_to_be_annotated_keeps_what_is_annotated_of_the_other_kind() {
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
