//! Diff: the desired state, the last applied values and the observed facts in; the differences, each with its
//! cause, out. A three-way comparison: desired against last applied is a change of the spec, observed against
//! last applied is drift. No I/O.

use crate::model::observed::Observed;
use crate::model::status::Status;
use crate::reconcile::desired::Desired;

mod adopted;
mod association;
mod conflict;
mod differ;
mod drift;
mod provider;
mod role;
mod service_account;
mod shared_trust;

pub use drift::{Cause, Conflict, Difference, Drift};
pub(crate) use role::split_denials;

use differ::Differ;

/// Compares the observed facts with the desired state.
#[must_use]
pub fn diff(desired: &Desired, previous: &Status, observed: &Observed) -> Drift {
    let mut differ;
    match desired {
        Desired::Present(desired) => {
            differ = Differ::for_state(desired, previous);
            differ.provider(desired, observed);
            differ.role(desired, observed);
            differ.association(desired, observed);
            differ.service_account(desired, observed);
        }
        Desired::Absent(removal) => {
            differ = Differ::for_removal(previous);
            differ.removed_association(removal, observed);
            differ.removed_annotations(observed);
            for (arn, is_managed) in &removal.roles {
                if *is_managed {
                    differ.removed_role(removal, arn, &observed.role(arn));
                }
            }
            differ.removed_memberships(removal, observed);
        }
    }
    differ.drift
}

#[cfg(test)]
mod tests {
    use super::differ::three_way;
    use super::*;
    use crate::example::{applied, decide, identity, rendered, spec, world};
    use crate::model::fact::Fact;
    use crate::model::field::{Field, Resource, Value};
    use crate::model::observed::Provider;
    use crate::model::reason::Reason;
    use crate::model::spec::{DriftPolicy, ManagedRoleSpec, Method, Spec};
    use crate::reconcile::outcome::Outcome;
    use crate::reconcile::step::Step;

    fn cause(desired: Option<&str>, observed: Option<&str>, applied: Option<&str>) -> Cause {
        let value = |text: &str| Value::text(text);
        let applied = applied.map(|text| value(text).digest);
        three_way(
            desired.map(value).as_ref(),
            observed.map(value).as_ref(),
            applied.as_ref(),
        )
    }

    #[test]
    fn three_way_distinguishes_spec_change_from_drift() {
        let (old, new, other) = (Some("old"), Some("new"), Some("other"));
        // Never applied: an absent field is created, any other difference is drift.
        assert_eq!(cause(new, None, None), Cause::Spec);
        assert_eq!(cause(new, other, None), Cause::OutOfBand);
        assert_eq!(cause(None, other, None), Cause::OutOfBand);
        // Applied as desired: changed out of band.
        assert_eq!(cause(old, other, old), Cause::OutOfBand);
        assert_eq!(cause(old, None, old), Cause::OutOfBand);
        // Applied differently: the spec changed, whatever is observed.
        assert_eq!(cause(new, old, old), Cause::Spec);
        assert_eq!(cause(new, other, old), Cause::Spec);
        assert_eq!(cause(new, None, old), Cause::Spec);
        assert_eq!(cause(None, old, old), Cause::Spec);
    }

    #[test]
    fn shared_provider_without_audience_gets_it() {
        let identity = identity(&spec(Method::Irsa));
        let mut world = world(&identity);
        world.provider = Fact::Present(Provider {
            client_ids: ["theirs".to_owned()].into(),
            modified_at: None,
        });
        let drift = decide(&identity, &Status::default(), &world).drift;
        let provider = drift.of(&Field::Provider).unwrap();
        assert_eq!(provider.cause, Cause::Spec);
        assert_eq!(provider.parts[0].2.as_deref(), Some("theirs"));
    }

    #[test]
    fn value_new_in_spec_is_no_drift_whatever_is_observed() {
        let tagged = |value: Option<&str>| Spec {
            drift_policy: Some(DriftPolicy::Report),
            managed: Some(ManagedRoleSpec {
                tags: value
                    .map(|value| ("team".to_owned(), value.to_owned()))
                    .into_iter()
                    .collect(),
                ..ManagedRoleSpec::default()
            }),
            ..spec(Method::Irsa)
        };
        let (_, mut world, status) = applied(&tagged(None));
        let after = identity(&tagged(Some("shop")));
        let facts = world.roles.get_mut(after.role_arn()).unwrap();
        let tags = facts.tags.present_mut().unwrap();
        tags.insert("team".to_owned(), "other".to_owned());
        let tag = Field::RoleTag("team".to_owned());
        let decision = decide(&after, &status, &world);
        assert_eq!(decision.drift.of(&tag).unwrap().cause, Cause::Spec);

        // With a lost record it is drift, and stays drift after the record was written again.
        let decision = decide(&after, &Status::default(), &world);
        assert_eq!(decision.drift.of(&tag).unwrap().cause, Cause::OutOfBand);
        let rebuilt = rendered(&decision, &Status::default(), &world, &Outcome::default()).status;
        assert_eq!(
            rebuilt.last_applied_hashes.get("tag/team"),
            Some(&Value::text("shop").digest)
        );
        let decision = decide(&after, &rebuilt, &world);
        assert_eq!(decision.drift.of(&tag).unwrap().cause, Cause::OutOfBand);
    }

    #[test]
    fn first_association_for_account_of_add_on_is_a_conflict() {
        let (identity, mut bound, status) = applied(&spec(Method::PodIdentity));
        let mut first = world(&identity);
        for observed in [&mut first, &mut bound] {
            observed.service_account.present_mut().unwrap().of_add_on = true;
        }
        let decision = decide(&identity, &Status::default(), &first);
        let conflict = decision.drift.conflict_on(Resource::Association).unwrap();
        assert_eq!(conflict.reason, Reason::ManagedByAddOn);
        let binds = |step: &Step| matches!(step, Step::CreateAssociation { .. });
        assert!(!decision.plan.steps().any(binds), "{:?}", decision.plan);
        assert!(
            decide(&identity, &status, &bound).drift.conflicts.is_empty(),
            "bound before"
        );
    }

    #[test]
    fn values_applied_to_another_role_are_ignored() {
        let described = |name: Option<&str>| Spec {
            managed: Some(ManagedRoleSpec {
                name: name.map(str::to_owned),
                description: Some("orders".to_owned()),
                ..ManagedRoleSpec::default()
            }),
            ..spec(Method::Irsa)
        };
        let (_, _, mut status) = applied(&described(Some("before")));
        status.bindings.clear();
        let (identity, mut world, _) = applied(&described(None));
        world.service_account = Fact::Absent;
        let facts = world.roles.get_mut(identity.role_arn()).unwrap();
        facts.description = Fact::Absent;
        let drift = decide(&identity, &status, &world).drift;
        assert_eq!(drift.of(&Field::Description).unwrap().cause, Cause::Spec);
    }
}
