//! The gate of `plan` for CI: the effects for which the command exits with 2. Input: the flag and the planned items. Output:
//! an exit. No I/O.

use lanyard_core::reconcile::step::StepEffect;

use crate::error::nearest;

/// The value for every effect.
const ANY: &str = "any";

/// An effect that fails the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailOn {
    /// Any change.
    Any,
    /// A step with this effect.
    Effect(StepEffect),
}

impl FailOn {
    /// Parses one value of the flag.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text == ANY {
            return Ok(Self::Any);
        }
        let known = StepEffect::ALL.into_iter().find(|effect| effect.as_str() == text);
        known.map(Self::Effect).ok_or_else(|| {
            let names = StepEffect::ALL.map(StepEffect::as_str);
            let near = nearest(text, names.into_iter().chain([ANY]));
            format!("{text:?} is not one of {ANY}, {}{near}", names.join(", "))
        })
    }

    pub(super) fn matches(self, effect: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Effect(fails) => fails.as_str() == effect,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::item::{ChangeKind, FieldChange, PlanItem, PlannedStep};
    use super::*;
    use crate::exit::Exit;

    fn item(effects: &[&'static str]) -> PlanItem {
        let mut item = PlanItem::named("shop", "orders");
        item.steps = vec![PlannedStep {
            wave: 1,
            step: "DetachPolicy",
            effects: effects.to_vec(),
            text: String::new(),
            runs: true,
            diff: Vec::new(),
            change: Value::Null,
        }];
        item
    }

    fn gate(values: &[&str]) -> Vec<FailOn> {
        values.iter().map(|value| FailOn::parse(value).unwrap()).collect()
    }

    #[test]
    fn only_the_named_effects_fail_the_command() {
        for (effects, values, expected) in [
            (&["widens"][..], &["any"][..], Exit::Changes),
            (&["widens"], &["narrows", "unbinds"], Exit::Done),
            (&["widens", "narrows"], &["narrows"], Exit::Changes),
            (&["marks"], &["removes"], Exit::Done),
        ] {
            assert_eq!(
                item(effects).gated_exit(&gate(values)),
                expected,
                "{effects:?} {values:?}"
            );
        }
    }

    #[test]
    fn suspended_step_fails_no_gate() {
        let mut item = item(&["narrows"]);
        item.steps[0].runs = false;
        assert_eq!(item.gated_exit(&gate(&["narrows"])), Exit::Done);
    }

    #[test]
    fn later_stages_of_a_transition_count() {
        let mut item = item(&["widens"]);
        item.later_effects = vec!["narrows", "unbinds"];
        assert_eq!(item.gated_exit(&gate(&["unbinds"])), Exit::Changes);
        assert_eq!(item.gated_exit(&gate(&["removes"])), Exit::Done);
    }

    #[test]
    fn fields_without_known_effects_leave_the_gate_open_as_incomplete() {
        let mut item = item(&["marks"]);
        item.steps.clear();
        item.fields = vec![FieldChange {
            field: "trust".to_owned(),
            change: ChangeKind::Changed,
        }];
        assert_eq!(item.gated_exit(&gate(&["narrows"])), Exit::Incomplete);
        assert_eq!(item.gated_exit(&gate(&["any"])), Exit::Changes);
    }

    #[test]
    fn unknown_effect_is_an_error_with_the_nearest_name() {
        let error = FailOn::parse("narows").unwrap_err();
        assert!(error.contains("; nearest: narrows"), "{error}");
    }
}
