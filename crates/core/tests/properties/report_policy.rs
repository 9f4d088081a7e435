//! Properties of `driftPolicy: Report`: out-of-band changes are only reported, and changes of the spec are applied.

use std::collections::BTreeSet;

use lanyard_core::reconcile::step::Step;
use proptest::prelude::*;

use crate::out_of_band_edits::{Edit, apply_edit};
use crate::plan_effects::effects;
use crate::setups::{Recorded, setup};

/// Returns true for steps that write a whole resource, including the reported fields as observed.
fn writes_whole_resource(effect: &str) -> bool {
    ["UpdateAssociation", "Annotate", "SetTrust"]
        .iter()
        .any(|name| effect.contains(&format!("\"step\":\"{name}\"")))
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn out_of_band_change_stays_unchanged(setup in setup()) {
        let mut setup = setup.reporting();
        setup.before = Some(setup.spec.clone());
        let identity = setup.identity();
        let edits = std::mem::take(&mut setup.edits);
        setup.recorded = Recorded::Complete;
        let mut model = setup.model()?;
        // A plan that waits is no drift, and an edit may end the wait.
        if !model.decide(&identity).plan.waiting_for.is_empty() {
            return Ok(());
        }
        for edit in &edits {
            apply_edit(&mut model.world, identity.role_arn(), edit);
        }
        let plan = model.decide(&identity).plan;
        let steps: Vec<&Step> = plan.steps().filter(|step| !matches!(step, Step::RecordInventory { .. })).collect();
        prop_assert!(steps.is_empty(), "{:?}", steps);
    }

    #[test]
    fn spec_change_is_applied_under_report(setup in setup()) {
        let setup = setup.untouched();
        let (report, correct) = (setup.clone().reporting(), setup.correcting());
        let (mut reported, mut corrected) = (report.model()?, correct.model()?);
        reported.settle(&report.identity())?;
        corrected.settle(&correct.identity())?;
        prop_assert_eq!(reported.world, corrected.world);
    }

    /// Out-of-band changes add no step to those of the spec.
    #[test]
    fn spec_change_corrects_no_out_of_band_change(setup in setup()) {
        let mut setup = setup.reporting();
        setup.recorded = Recorded::Complete;
        // An association with the ownership tags is an effective binding, which stays in sync.
        setup.edits.retain(|edit| *edit != Edit::AssociationUnrecorded);
        setup.before.get_or_insert_with(|| setup.spec.clone());
        let identity = setup.identity();
        let edited = effects(&setup.model()?.decide(&identity).plan);
        let alone = setup.clone().untouched();
        let untouched = alone.model()?.decide(&identity);
        if !untouched.plan.waiting_for.is_empty() {
            return Ok(());
        }
        let allowed = effects(&untouched.plan);
        let more: BTreeSet<_> = edited.difference(&allowed).filter(|effect| !writes_whole_resource(effect)).collect();
        prop_assert!(more.is_empty(), "{:?}", more);
    }
}
