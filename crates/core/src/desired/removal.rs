//! Desired, for an object that goes: what of it is removed, and what only stops being Lanyard's.
//! Custody, status and facts in, a removal out; no I/O. Needs no valid spec.

use std::collections::{BTreeMap, BTreeSet};

use super::{Desired, custody};
use crate::arn::RoleArn;
use crate::leaving::Leaving;
use crate::observed::Observed;
use crate::ownership::{is_adopted_association, is_adopted_role, is_our_association, is_our_role};
use crate::share::Seated;
use crate::status::Status;
use crate::subject::Subject;

/// What a deletion removes or lets go.
#[derive(Debug, Clone, PartialEq)]
pub struct Removal {
    /// Whose things.
    pub subject: Subject,
    /// Whether they are removed, and when, or only stop being ours.
    pub leaving: Leaving,
    /// The roles that were touched, and whether each is ours to remove.
    pub roles: BTreeMap<RoleArn, bool>,
    /// Those of them that were adopted: they stay, and stop being Lanyard's.
    pub adopted: BTreeSet<RoleArn>,
    /// Whether the association stays in the same way.
    pub keeps_association: bool,
    /// The seats in somebody else's role that the subject was put into.
    pub seats: BTreeSet<Seated>,
}

impl Desired {
    /// What should be for an object that goes. Needs no valid spec: custody says what was touched, then the status, and
    /// every other role that was read is judged by its tags.
    #[must_use]
    pub fn absent(subject: &Subject, previous: &Status, observed: &Observed, leaving: Leaving) -> Self {
        let custody = observed.object.custody.as_ref();
        let mut roles: BTreeMap<RoleArn, bool> =
            observed.roles.keys().map(|arn| (arn.clone(), true)).collect();
        for touched in custody.into_iter().flat_map(|custody| &custody.roles) {
            // A role that was ours once and is now named as an existing one stays ours to remove: its tags decide.
            let made = custody.is_some_and(|custody| custody.made(&touched.arn));
            roles.insert(touched.arn.clone(), made);
        }
        let facts = |arn: &RoleArn| observed.role(arn);
        let ours =
            |arn: &RoleArn| roles.get(arn) == Some(&true) && is_our_role(subject, previous, arn, &facts(arn));
        let is_adopted = |arn: &RoleArn| is_adopted_role(subject, previous, arn, &facts(arn));
        let goes = |arn: &RoleArn| ours(arn) && !is_adopted(arn);
        // What gives pods a role that goes is worth nothing, whoever made it.
        let keeps_association = observed.association.present().is_some_and(|found| {
            is_our_association(subject, previous, found)
                && is_adopted_association(subject, previous, found)
                && !goes(&found.role_arn)
        });
        let mut seats = custody::seats_taken(subject, previous, custody);
        seats.retain(|seated| !goes(&seated.role));
        let adopted = roles.keys().filter(|arn| ours(arn) && is_adopted(arn));
        Self::Absent(Removal {
            subject: subject.clone(),
            leaving,
            adopted: adopted.cloned().collect(),
            keeps_association,
            roles,
            seats,
        })
    }
}
