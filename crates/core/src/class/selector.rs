//! The selector of namespaces by their labels, as Kubernetes means it.
//! Labels in, yes or no out; no I/O. Called by `select`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The labels of a namespace.
pub type Labels = BTreeMap<String, String>;

/// Which labels are selected: those that meet every demand. No demand at all selects all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Selector {
    /// Labels that have to be there with these values.
    pub match_labels: Labels,
    /// Further demands.
    pub match_expressions: Vec<Expression>,
}

/// A demand on one label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expression {
    /// The label's key.
    pub key: String,
    /// What is demanded of it.
    pub operator: Operator,
    /// The values that `In` and `NotIn` speak of.
    #[serde(default)]
    pub values: Vec<String>,
}

/// The operators of a demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    /// The label has one of the values.
    In,
    /// The label is absent or has none of the values.
    NotIn,
    /// The label is there.
    Exists,
    /// The label is absent.
    DoesNotExist,
}

impl Selector {
    /// Whether these labels are selected.
    #[must_use]
    pub fn selects(&self, labels: &Labels) -> bool {
        let has = |(key, value): (&String, &String)| labels.get(key) == Some(value);
        self.match_labels.iter().all(has) && self.match_expressions.iter().all(|demand| demand.meets(labels))
    }
}

impl Expression {
    fn meets(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.key);
        let listed = value.is_some_and(|value| self.values.contains(value));
        match self.operator {
            Operator::In => listed,
            Operator::NotIn => !listed,
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_demand_has_to_be_met() {
        let selector: Selector = serde_json::from_value(json!({
            "matchLabels": {"tier": "tenant"},
            "matchExpressions": [
                {"key": "env", "operator": "In", "values": ["prod", "stage"]},
                {"key": "old", "operator": "DoesNotExist"},
                {"key": "team", "operator": "Exists"},
                {"key": "zone", "operator": "NotIn", "values": ["b"]},
            ],
        }))
        .unwrap();
        let labels = |more: &[(&str, &str)]| -> Labels {
            let base = [("tier", "tenant"), ("env", "prod"), ("team", "a")];
            let all = base.iter().chain(more);
            all.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect()
        };
        assert!(selector.selects(&labels(&[])));
        assert!(selector.selects(&labels(&[("zone", "a")])));
        for missed in [("zone", "b"), ("old", ""), ("env", "dev"), ("tier", "x")] {
            assert!(!selector.selects(&labels(&[missed])), "{missed:?}");
        }
        assert!(!selector.selects(&Labels::new()));
        assert!(Selector::default().selects(&Labels::new()));
    }
}
