//! The PodDisruptionBudgets of a namespace: how many pods with given labels may be away now.
//! Budgets in, the tightest that selects the labels out; no I/O.

use std::collections::BTreeMap;

use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::core::{Selector, SelectorExt};

/// The budgets of a namespace, each with whom it selects and what it allows.
#[derive(Debug)]
pub(super) struct Budgets(Vec<(Selects, i32)>);

#[derive(Debug)]
enum Selects {
    By(Selector),
    /// Nobody understands the selector, so it may be meant for any pod.
    Perhaps,
}

impl Budgets {
    pub fn new(budgets: Vec<PodDisruptionBudget>) -> Self {
        Self(budgets.into_iter().filter_map(read).collect())
    }

    /// What the tightest budget allows of those that select these labels; `None`: none does.
    pub fn allow(&self, labels: &BTreeMap<String, String>) -> Option<i32> {
        let selecting = self.0.iter().filter(|(selects, _)| match selects {
            Selects::By(selector) => selector.matches(labels),
            Selects::Perhaps => true,
        });
        selecting.map(|(_, allowed)| *allowed).min()
    }
}

/// A budget without a selector selects nothing, an empty selector everything [policy/v1]. One that its controller has
/// not judged since its last change allows nothing, as the eviction API has it.
fn read(budget: PodDisruptionBudget) -> Option<(Selects, i32)> {
    let selector = budget.spec?.selector?;
    let status = budget.status.unwrap_or_default();
    let judged =
        status.observed_generation.unwrap_or_default() >= budget.metadata.generation.unwrap_or_default();
    let selects = Selector::try_from(selector).map_or(Selects::Perhaps, Selects::By);
    Some((selects, if judged { status.disruptions_allowed } else { 0 }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn budget(selector: Value, allowed: i32, observed: i64) -> PodDisruptionBudget {
        serde_json::from_value(json!({
            "metadata": {"name": "b", "generation": 2},
            "spec": {"selector": selector},
            "status": {
                "observedGeneration": observed, "disruptionsAllowed": allowed,
                "currentHealthy": 3, "desiredHealthy": 1, "expectedPods": 3,
            },
        }))
        .unwrap()
    }

    fn allowed(selector: Value) -> Option<i32> {
        let labels = BTreeMap::from([
            ("app".to_owned(), "web".to_owned()),
            ("tier".to_owned(), "front".to_owned()),
        ]);
        Budgets::new(vec![budget(selector, 1, 2)]).allow(&labels)
    }

    fn expression(key: &str, operator: &str, values: Value) -> Value {
        json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]})
    }

    #[test]
    fn labels_have_to_match_all_of_a_selector() {
        assert_eq!(allowed(json!({"matchLabels": {"app": "web"}})), Some(1));
        assert_eq!(
            allowed(json!({"matchLabels": {"app": "web", "tier": "back"}})),
            None
        );
        let mut both = expression("tier", "In", json!(["back"]));
        both["matchLabels"] = json!({"app": "web"});
        assert_eq!(allowed(both), None);
    }

    #[test]
    fn expressions_are_understood() {
        assert_eq!(
            allowed(expression("tier", "In", json!(["front", "back"]))),
            Some(1)
        );
        assert_eq!(allowed(expression("tier", "NotIn", json!(["front"]))), None);
        assert_eq!(allowed(expression("zone", "NotIn", json!(["a"]))), Some(1));
        assert_eq!(allowed(expression("app", "Exists", Value::Null)), Some(1));
        assert_eq!(allowed(expression("app", "DoesNotExist", Value::Null)), None);
        assert_eq!(allowed(expression("app", "Nonsense", Value::Null)), Some(1));
    }

    #[test]
    fn an_empty_selector_selects_all_and_a_missing_one_nothing() {
        assert_eq!(allowed(json!({})), Some(1));
        assert_eq!(allowed(Value::Null), None);
    }

    #[test]
    fn the_tightest_counts_and_one_not_judged_yet_allows_nothing() {
        let all = || json!({});
        let of = |budgets: Vec<PodDisruptionBudget>| Budgets::new(budgets).allow(&BTreeMap::new());
        assert_eq!(of(vec![budget(all(), 3, 2), budget(all(), 2, 2)]), Some(2));
        assert_eq!(of(vec![budget(all(), 3, 2), budget(all(), 3, 1)]), Some(0));
        assert_eq!(of(Vec::new()), None);
    }
}
