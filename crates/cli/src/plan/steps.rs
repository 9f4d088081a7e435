//! The steps of a decision as they are shown. Input: a decision, the observed state and the write gate. Output: one line for
//! each step, in the order of the operator. No I/O.

use lanyard_core::model::observed::Observed;
use lanyard_core::reconcile::decide::Decision;
use lanyard_core::reconcile::gate::WriteGate;
use lanyard_core::reconcile::outcome::Answer;
use lanyard_core::reconcile::step::Step;
use lanyard_iam_policy::Document;
use serde_json::Value;
use similar::TextDiff;

use super::item::PlannedStep;

/// Returns each step with its effects on the state that the earlier steps leave.
#[must_use]
pub fn planned_steps(decision: &Decision, observed: &Observed, gate: WriteGate) -> Vec<PlannedStep> {
    let mut state = observed.clone();
    let mut steps = Vec::new();
    let waves = decision.plan.waves.iter().enumerate();
    for (wave, step) in waves.flat_map(|(wave, steps)| steps.iter().map(move |step| (wave, step))) {
        steps.push(PlannedStep {
            wave: wave + 1,
            step: step.as_str(),
            effects: step
                .effects(&state)
                .into_iter()
                .map(|effect| effect.as_str())
                .collect(),
            text: step.to_string(),
            runs: gate.permits(step),
            diff: diff(step, &state),
            change: serde_json::to_value(step).unwrap_or_default(),
        });
        state.assume(step, &Answer::Nothing);
    }
    steps
}

/// The policy document of a step against the document that it replaces, both in the canonical form. A different order or
/// notation is no difference.
fn diff(step: &Step, state: &Observed) -> Vec<String> {
    let (before, after) = match step {
        Step::SetTrust { role, document, .. } => (state.role(role).trust.present().cloned(), document),
        Step::PutInlinePolicy {
            role, name, document, ..
        } => {
            let inline = state.role(role).inline.present().cloned();
            (inline.and_then(|mut inline| inline.remove(name)), document)
        }
        Step::CreateRole { trust, .. } => (None, trust),
        _ => return Vec::new(),
    };
    let before = before.as_ref().map(lines).unwrap_or_default();
    let after = lines(after);
    let diff = TextDiff::from_lines(&before, &after);
    let text = diff.unified_diff().context_radius(2).to_string();
    // The header of a hunk counts lines of a text that only exists here.
    let shown = text.lines().filter(|line| !line.starts_with("@@"));
    shown.map(str::to_owned).collect()
}

/// The canonical form, with one element on each line.
fn lines(document: &Document) -> String {
    let canonical = document.canonical_form();
    let value: Result<Value, _> = serde_json::from_str(canonical.as_str());
    let pretty = value.and_then(|value| serde_json::to_string_pretty(&value));
    pretty.unwrap_or_else(|_| canonical.to_string()) + "\n"
}

#[cfg(test)]
mod tests {
    use lanyard_core::model::arn::RoleArn;
    use lanyard_core::model::fact::Fact;
    use lanyard_core::model::observed::RoleFacts;

    use super::*;

    fn document(text: &str) -> Document {
        Document::parse(text).unwrap()
    }

    fn diff_to(after: &str) -> Vec<String> {
        let role = RoleArn::parse("arn:aws:iam::111122223333:role/orders").unwrap();
        let before = r#"{"Version":"2012-10-17","Statement":[
            {"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},"Action":["sts:TagSession","sts:AssumeRole"]}]}"#;
        let facts = RoleFacts {
            trust: Fact::Present(document(before)),
            ..RoleFacts::absent()
        };
        let state = Observed {
            roles: [(role.clone(), facts)].into(),
            ..Observed::unread()
        };
        let step = Step::SetTrust {
            role,
            document: document(after),
            narrows: false,
            admits: false,
        };
        diff(&step, &state)
    }

    #[test]
    fn diff_shows_only_the_changed_element() {
        let after = r#"{"Version":"2012-10-17","Statement":
            {"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},"Action":"sts:AssumeRole"}}"#;
        let changed: Vec<String> = diff_to(after)
            .into_iter()
            .filter(|line| line.starts_with(['+', '-']))
            .collect();
        assert!(!changed.is_empty());
        assert!(
            changed
                .iter()
                .any(|line| line.starts_with('-') && line.contains("sts:tagsession")),
            "{changed:?}"
        );
        assert!(
            !changed.iter().any(|line| line.contains("pods.eks")),
            "{changed:?}"
        );
    }

    #[test]
    fn other_order_and_notation_are_no_difference() {
        let after = r#"{"Statement":{"Action":["sts:AssumeRole","sts:TagSession"],"Effect":"Allow",
            "Principal":{"Service":["pods.eks.amazonaws.com"]}},"Version":"2012-10-17"}"#;
        assert_eq!(diff_to(after), Vec::<String>::new());
    }
}
