//! The selector of namespaces by their labels, with the semantics of a Kubernetes label selector. Input: labels;
//! output: a decision. No I/O.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The labels of a namespace.
pub type Labels = BTreeMap<String, String>;

/// A label selector. All requirements must be met; an empty selector selects everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Selector {
    /// Labels that must exist with these values.
    pub match_labels: Labels,
    /// Further requirements.
    pub match_expressions: Vec<Expression>,
}

/// A requirement on one label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expression {
    /// The key of the label.
    pub key: String,
    /// The operator of the requirement.
    pub operator: Operator,
    /// The values of `In` and `NotIn`.
    #[serde(default)]
    pub values: Vec<String>,
}

/// The operators of a requirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    /// The label has one of the values.
    In,
    /// The label is absent or has none of the values.
    NotIn,
    /// The label exists.
    Exists,
    /// The label is absent.
    DoesNotExist,
}

impl Selector {
    /// Returns true if these labels are selected.
    #[must_use]
    pub fn selects(&self, labels: &Labels) -> bool {
        let has = |(key, value): (&String, &String)| labels.get(key) == Some(value);
        self.match_labels.iter().all(has)
            && self
                .match_expressions
                .iter()
                .all(|requirement| requirement.meets(labels))
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
    fn selector_requires_every_requirement() {
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
