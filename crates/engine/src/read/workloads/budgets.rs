//! The PodDisruptionBudgets of a namespace. Input: budgets and pod labels. Output: the number of pods that may
//! be unavailable, by the tightest matching budget. No I/O.

use std::collections::BTreeMap;

use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::core::{Selector, SelectorExt};

/// The budgets of a namespace, each with its selector and the allowed disruptions.
#[derive(Debug)]
pub(super) struct Budgets(Vec<(Selects, i32)>);

#[derive(Debug)]
enum Selects {
    By(Selector),
    /// The selector cannot be parsed, so it may match any pod.
    Unknown,
}

impl Budgets {
    pub fn new(budgets: Vec<PodDisruptionBudget>) -> Self {
        Self(budgets.into_iter().filter_map(read).collect())
    }

    /// Returns the allowed disruptions of the tightest budget for these labels, or `None` if no budget matches.
    pub fn allow(&self, labels: &BTreeMap<String, String>) -> Option<i32> {
        let selecting = self.0.iter().filter(|(selects, _)| match selects {
            Selects::By(selector) => selector.matches(labels),
            Selects::Unknown => true,
        });
        selecting.map(|(_, allowed)| *allowed).min()
    }
}

/// Converts a budget. A missing selector matches nothing, an empty selector everything (policy/v1). A budget
/// whose status does not reflect its latest spec allows nothing, as in the eviction API.
fn read(budget: PodDisruptionBudget) -> Option<(Selects, i32)> {
    let selector = budget.spec?.selector?;
    let status = budget.status.unwrap_or_default();
    let is_current =
        status.observed_generation.unwrap_or_default() >= budget.metadata.generation.unwrap_or_default();
    let selects = Selector::try_from(selector).map_or(Selects::Unknown, Selects::By);
    Some((selects, if is_current { status.disruptions_allowed } else { 0 }))
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
    fn all_labels_of_a_selector_must_match() {
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
    fn match_expressions_are_evaluated() {
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
    fn empty_selector_matches_all_and_missing_none() {
        assert_eq!(allowed(json!({})), Some(1));
        assert_eq!(allowed(Value::Null), None);
    }

    #[test]
    fn tightest_budget_applies_and_stale_status_allows_none() {
        let all = || json!({});
        let of = |budgets: Vec<PodDisruptionBudget>| Budgets::new(budgets).allow(&BTreeMap::new());
        assert_eq!(of(vec![budget(all(), 3, 2), budget(all(), 2, 2)]), Some(2));
        assert_eq!(of(vec![budget(all(), 3, 2), budget(all(), 3, 1)]), Some(0));
        assert_eq!(of(Vec::new()), None);
    }
}
