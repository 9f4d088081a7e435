//! The values that a class contributes where a spec sets none, and their application while the class is missing.
//! Input: a class or the recorded values; output: the other. No I/O.

use crate::class::definition::{Class, Guardrails};
use crate::model::cluster::ProviderPolicy;
use crate::model::from_class::FromClass;

impl FromClass {
    /// The contributions of a class. Returns `None` if there are none.
    #[must_use]
    pub fn of(class: &Class) -> Option<Self> {
        let limits = class.guardrails();
        let longest = limits.and_then(|limits| limits.max_session_duration);
        let usual = class.defaults.max_session_duration;
        let contributed = Self {
            tags: class.enforced_tags.clone(),
            permissions_boundary_arn: limits.and_then(|limits| limits.permissions_boundary_arn.clone()),
            max_session_duration: usual.map(|usual| longest.map_or(usual, |longest| usual.min(longest))),
            drift_policy: class.defaults.drift_policy,
            provider: (class.provider == ProviderPolicy::Require).then_some(ProviderPolicy::Require),
        };
        Some(contributed).filter(|contributed| *contributed != Self::default())
    }

    /// A class with the contributions of the last apply. If the class exists, its current account and boundary are
    /// used.
    pub(crate) fn applied_to(self, class: Option<Class>) -> Class {
        let missing = || Class {
            provider: self.provider.unwrap_or_default(),
            ..Class::default()
        };
        let is_missing = class.is_none();
        let mut class = class.unwrap_or_else(missing);
        if is_missing {
            class.defaults.drift_policy = self.drift_policy;
        }
        let boundary = class
            .guardrails()
            .and_then(|now| now.permissions_boundary_arn.clone());
        // The caller already handled violations of the class. Its other limits could only change settings that they
        // did not apply to.
        class.limits = Guardrails {
            permissions_boundary_arn: boundary.or(self.permissions_boundary_arn),
            ..Guardrails::default()
        }
        .into();
        class.enforced_tags = self.tags;
        class.defaults.max_session_duration = self.max_session_duration;
        class
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn contributions_replace_a_missing_class() {
        let class = json!({
            "provider": "Require", "enforcedTags": {"cost-center": "42"},
            "defaults": {"driftPolicy": "Report", "maxSessionDuration": "4h"},
            "guardrails": {"permissionsBoundaryArn": "arn:aws:iam::111122223333:policy/tenant"},
        });
        let class = Class::read("tenants", class).unwrap();
        let missing = FromClass::of(&class).unwrap().applied_to(None);
        assert_eq!(missing.provider, class.provider);
        assert_eq!(missing.enforced_tags, class.enforced_tags);
        assert_eq!(missing.defaults, class.defaults);
        assert_eq!(missing.limits, class.limits);
    }

    #[test]
    fn class_without_contributions_returns_none() {
        let class = Class::read("tenants", json!({"guardrails": {"methods": ["IRSA"]}})).unwrap();
        assert_eq!(FromClass::of(&class), None);
        assert_eq!(FromClass::of(&Class::unrestricted()), None);
    }
}
