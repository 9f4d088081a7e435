//! Under `Report`, what others did is only told, and what the spec changed is applied all the same.

use std::collections::BTreeSet;

use lanyard_core::reconcile::step::Step;
use proptest::prelude::*;

use crate::atoms::atoms;
use crate::edits::{Edit, make};
use crate::scenes::{Memory, scene};

/// Steps that carry a thing as a whole: with what is only reported as it was found.
fn is_whole(atom: &str) -> bool {
    ["UpdateAssociation", "Annotate", "SetTrust"]
        .iter()
        .any(|word| atom.contains(&format!("\"step\":\"{word}\"")))
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn what_others_changed_stays_as_they_made_it(scene in scene()) {
        let mut scene = scene.reporting();
        scene.before = Some(scene.spec.clone());
        let identity = scene.identity();
        let edits = std::mem::take(&mut scene.edits);
        scene.memory = Memory::Whole;
        let mut model = scene.model()?;
        // What still waits for something is not drift, and an edit may be what it waits for.
        if !model.decide(&identity).plan.waiting_for.is_empty() {
            return Ok(());
        }
        for edit in &edits {
            make(&mut model.truth, identity.role_arn(), edit);
        }
        let plan = model.decide(&identity).plan;
        let steps: Vec<&Step> = plan.steps().filter(|step| !matches!(step, Step::RecordInventory { .. })).collect();
        prop_assert!(steps.is_empty(), "{:?}", steps);
    }

    #[test]
    fn what_the_spec_changed_is_applied(scene in scene()) {
        let scene = scene.untouched();
        let (report, correct) = (scene.clone().reporting(), scene.correcting());
        let (mut reported, mut corrected) = (report.model()?, correct.model()?);
        reported.settle(&report.identity())?;
        corrected.settle(&correct.identity())?;
        prop_assert_eq!(reported.truth, corrected.truth);
    }

    /// Others' changes add no step to those of the spec.
    #[test]
    fn what_others_changed_is_left_alone_while_the_spec_is_applied(scene in scene()) {
        let mut scene = scene.reporting();
        scene.memory = Memory::Whole;
        // An association with our tags is a binding in effect, and what it rests on is kept true.
        scene.edits.retain(|edit| *edit != Edit::AssociationOfOurs);
        scene.before.get_or_insert_with(|| scene.spec.clone());
        let identity = scene.identity();
        let entry = atoms(&scene.model()?.decide(&identity).plan);
        let alone = scene.clone().untouched();
        let untouched = alone.model()?.decide(&identity);
        if !untouched.plan.waiting_for.is_empty() {
            return Ok(());
        }
        let allowed = atoms(&untouched.plan);
        let more: BTreeSet<_> = entry.difference(&allowed).filter(|atom| !is_whole(atom)).collect();
        prop_assert!(more.is_empty(), "{:?}", more);
    }
}
