//! The effect of a step on the access of pods, for the review of a plan. A step and the observed state before it in, the
//! set of effects out; no I/O. A step that replaces a value can both widen and narrow access, and counts as both unless
//! the observed state excludes one of them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::kind::Step;
use crate::model::annotation::ANNOTATION_ROLE_ARN;
use crate::model::arn::RoleArn;
use crate::model::fact::Fact;
use crate::model::name::{PolicyName, TagKey};
use crate::model::observed::Observed;
use crate::model::subject::is_reserved_tag;
use crate::reconcile::desired::DesiredAssociation;
use lanyard_iam_policy::{Document, Statement, only_denies, same_meaning};

/// An effect of a step on the access of pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StepEffect {
    /// Records or ownership tags change. The access of every pod stays as it is.
    Marks,
    /// A role, its trust or its permissions can allow more.
    Widens,
    /// New pods get the role.
    Binds,
    /// A role, its trust or its permissions can allow less.
    Narrows,
    /// New pods no longer get the previous role by this way.
    Unbinds,
    /// A resource is deleted.
    Removes,
    /// Pods are replaced.
    Restarts,
}

impl StepEffect {
    /// All effects, from the least to the most disruptive.
    pub const ALL: [Self; 7] = [
        Self::Marks,
        Self::Widens,
        Self::Binds,
        Self::Narrows,
        Self::Unbinds,
        Self::Removes,
        Self::Restarts,
    ];

    /// The name, in outputs and flags.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Marks => "marks",
            Self::Widens => "widens",
            Self::Binds => "binds",
            Self::Narrows => "narrows",
            Self::Unbinds => "unbinds",
            Self::Removes => "removes",
            Self::Restarts => "restarts",
        }
    }
}

impl Step {
    /// The effects of the step, if `observed` is the state before it. The set is never empty.
    #[must_use]
    pub fn effects(&self, observed: &Observed) -> BTreeSet<StepEffect> {
        use StepEffect::{Binds, Marks, Narrows, Removes, Restarts, Unbinds, Widens};
        match self {
            Self::RecordInventory { .. }
            | Self::AdoptAssociation { .. }
            | Self::TagAssociation { .. }
            | Self::UntagAssociation { .. }
            | Self::ReleaseRole { .. }
            | Self::ReleaseAssociation {}
            | Self::ReleaseObject { .. } => [Marks].into(),
            Self::AdoptRole { tags, .. } | Self::TagRole { tags, .. } => role_tags(tags.keys(), Widens),
            Self::UntagRole { keys, .. } => role_tags(keys, Narrows),
            Self::CreateProvider { .. }
            | Self::AddClientId { .. }
            | Self::CreateRole { .. }
            | Self::AttachPolicy { .. }
            | Self::PutSubject { .. }
            | Self::RemoveBoundary { .. } => [Widens].into(),
            Self::SetBoundary { role, .. } => match observed.role(role).boundary {
                Fact::Absent => [Narrows].into(),
                Fact::Present(_) | Fact::Unreadable(_) => [Widens, Narrows].into(),
            },
            Self::UpdateRole {
                role,
                description,
                max_session,
            } => role_settings(observed, role, description.is_some(), *max_session),
            Self::PutInlinePolicy { narrows: true, .. } => [Narrows].into(),
            Self::PutInlinePolicy {
                role, name, document, ..
            } => inline_policy(observed, role, name, document),
            Self::SetTrust { narrows: true, .. }
            | Self::RemoveSubject { .. }
            | Self::DetachPolicy { .. }
            | Self::DeleteInlinePolicy { .. } => [Narrows].into(),
            Self::SetTrust { role, document, .. } => trust(observed.role(role).trust, document),
            Self::InstallAgent {} | Self::CreateAssociation { .. } => [Binds].into(),
            Self::UpdateAssociation { desired, .. } => association(observed, desired),
            Self::Annotate {
                set, remove, create, ..
            } => annotations(
                observed,
                set.get(ANNOTATION_ROLE_ARN),
                !set.is_empty() || *create,
                !remove.is_empty(),
            ),
            Self::RestartWorkload { .. } => [Restarts].into(),
            Self::DeleteAssociation { .. } | Self::LeaveInstanceProfiles { .. } => [Unbinds].into(),
            Self::DeleteServiceAccount {} | Self::DeleteRole { .. } => [Removes].into(),
        }
    }
}

/// Tags of a role are principal tags of its sessions, so policies can grant by them. The reserved tags of Lanyard only
/// record ownership.
fn role_tags<'a>(keys: impl IntoIterator<Item = &'a String>, other: StepEffect) -> BTreeSet<StepEffect> {
    let is_reserved = |key: &String| TagKey::parse(key.clone()).is_ok_and(|key| is_reserved_tag(&key));
    match keys.into_iter().all(is_reserved) {
        true => [StepEffect::Marks].into(),
        false => [other].into(),
    }
}

fn role_settings(
    observed: &Observed,
    role: &RoleArn,
    description: bool,
    max_session: Option<u32>,
) -> BTreeSet<StepEffect> {
    let session = max_session.map(|desired| match observed.role(role).max_session.present() {
        Some(current) if *current > desired => StepEffect::Narrows,
        Some(_) | None => StepEffect::Widens,
    });
    let description = description.then_some(StepEffect::Marks);
    description.into_iter().chain(session).collect()
}

fn inline_policy(
    observed: &Observed,
    role: &RoleArn,
    name: &PolicyName,
    document: &Document,
) -> BTreeSet<StepEffect> {
    let facts = observed.role(role);
    let replaces = match &facts.inline {
        Fact::Present(policies) => policies.contains_key(name),
        Fact::Absent => false,
        Fact::Unreadable(_) => true,
    };
    match (replaces, only_denies(document)) {
        (true, _) => [StepEffect::Widens, StepEffect::Narrows].into(),
        (false, true) => [StepEffect::Narrows].into(),
        (false, false) => [StepEffect::Widens].into(),
    }
}

fn trust(current: Fact<Document>, desired: &Document) -> BTreeSet<StepEffect> {
    let current = match &current {
        Fact::Present(current) => current,
        Fact::Absent => return [StepEffect::Widens].into(),
        Fact::Unreadable(_) => return [StepEffect::Widens, StepEffect::Narrows].into(),
    };
    let alone = |statement: &Statement| Document::of(vec![statement.clone()]);
    let within = |statement: &Statement, document: &Document| {
        let mut statements = document.statements().iter();
        statements.any(|other| same_meaning(&alone(statement), &alone(other)))
    };
    let adds = desired
        .statements()
        .iter()
        .any(|statement| !within(statement, current));
    let drops = current
        .statements()
        .iter()
        .any(|statement| !within(statement, desired));
    match (adds, drops) {
        (true, false) => [StepEffect::Widens].into(),
        (false, true) => [StepEffect::Narrows].into(),
        (true, true) | (false, false) => [StepEffect::Widens, StepEffect::Narrows].into(),
    }
}

fn association(observed: &Observed, desired: &DesiredAssociation) -> BTreeSet<StepEffect> {
    let Some(current) = observed.association.present() else {
        return [StepEffect::Binds, StepEffect::Unbinds].into();
    };
    match current.role_arn == desired.role_arn && current.target_role_arn == desired.target_role_arn {
        true => [StepEffect::Widens, StepEffect::Narrows].into(),
        false => [StepEffect::Binds, StepEffect::Unbinds].into(),
    }
}

fn annotations(
    observed: &Observed,
    role: Option<&String>,
    binds: bool,
    removes: bool,
) -> BTreeSet<StepEffect> {
    let account = observed.service_account.present();
    let current = account.and_then(|account| account.annotations.get(ANNOTATION_ROLE_ARN));
    let replaces = role.is_some_and(|role| current.is_some_and(|current| current.value != *role));
    let binds = binds.then_some(StepEffect::Binds);
    let unbinds = (removes || replaces).then_some(StepEffect::Unbinds);
    binds.into_iter().chain(unbinds).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{applied, decide, identity, spec, world};
    use crate::model::spec::Method;
    use crate::model::status::Status;

    fn effects(steps: &[Step], observed: &Observed) -> Vec<(&'static str, BTreeSet<StepEffect>)> {
        let effects = steps.iter().map(|step| (step.as_str(), step.effects(observed)));
        effects.collect()
    }

    fn planned(method: Method) -> (Vec<Step>, Observed) {
        let identity = identity(&spec(method));
        let observed = world(&identity);
        let decision = decide(&identity, &Status::default(), &observed);
        (decision.plan.steps().cloned().collect(), observed)
    }

    #[test]
    fn new_identity_marks_widens_and_binds() {
        for method in [Method::Irsa, Method::PodIdentity] {
            let (steps, observed) = planned(method);
            let all: BTreeSet<StepEffect> = steps.iter().flat_map(|step| step.effects(&observed)).collect();
            let expected = [StepEffect::Marks, StepEffect::Widens, StepEffect::Binds].into();
            assert_eq!(all, expected, "{:?}", effects(&steps, &observed));
        }
    }

    #[test]
    fn trust_that_replaces_a_statement_widens_and_narrows() {
        let (identity, world, _) = applied(&spec(Method::Irsa));
        let role = identity.role_arn().clone();
        let trust = world.role(&role).trust.present().cloned().unwrap();
        let set = |document: &Document| {
            let document = document.clone();
            let narrows = false;
            Step::SetTrust {
                role: role.clone(),
                document,
                narrows,
                admits: true,
            }
            .effects(&world)
        };
        let (_, other, _) = applied(&spec(Method::PodIdentity));
        let foreign = other.role(&role).trust.present().cloned().unwrap();
        let both = [trust.statements(), foreign.statements()].concat();
        assert_eq!(set(&Document::of(both)), [StepEffect::Widens].into());
        assert_eq!(set(&foreign), [StepEffect::Widens, StepEffect::Narrows].into());
    }

    #[test]
    fn role_tags_for_access_control_widen_and_ownership_tags_mark() {
        let (identity, world, _) = applied(&spec(Method::Irsa));
        let tagged = |key: &str| {
            let role = identity.role_arn().clone();
            let tags = [(key.to_owned(), "x".to_owned())].into();
            Step::TagRole { role, tags }.effects(&world)
        };
        assert_eq!(tagged("lanyard.dev/cluster"), [StepEffect::Marks].into());
        assert_eq!(tagged("team"), [StepEffect::Widens].into());
    }

    #[test]
    fn annotation_of_another_role_binds_and_unbinds() {
        let (identity, mut world, _) = applied(&spec(Method::Irsa));
        let set = [(ANNOTATION_ROLE_ARN.to_owned(), identity.role_arn().to_string())].into();
        let step = Step::Annotate {
            set,
            remove: BTreeSet::new(),
            create: false,
            repairs: false,
        };
        assert_eq!(step.effects(&world), [StepEffect::Binds].into());
        let account = world.service_account.present_mut().unwrap();
        account.annotations.get_mut(ANNOTATION_ROLE_ARN).unwrap().value = "other".to_owned();
        assert_eq!(
            step.effects(&world),
            [StepEffect::Binds, StepEffect::Unbinds].into()
        );
    }
}
