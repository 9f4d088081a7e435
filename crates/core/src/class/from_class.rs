//! What a class put in last where a spec says nothing: it stands for the class while nothing new is applied.
//! A class in, what of it is to be remembered out, and back; no I/O. Recorded in the status, used by `rule`.

use super::{Class, Guardrails};
use crate::model::cluster::ProviderPolicy;
use crate::model::from_class::FromClass;

impl FromClass {
    /// What a class puts in; `None`: nothing.
    #[must_use]
    pub fn of(class: &Class) -> Option<Self> {
        let limits = class.guardrails();
        let longest = limits.and_then(|limits| limits.max_session_duration);
        let usual = class.defaults.max_session_duration;
        let puts_in = Self {
            tags: class.enforced_tags.clone(),
            permissions_boundary_arn: limits.and_then(|limits| limits.permissions_boundary_arn.clone()),
            max_session_duration: usual.map(|usual| longest.map_or(usual, |longest| usual.min(longest))),
            drift_policy: class.defaults.drift_policy,
            provider: (class.provider == ProviderPolicy::Require).then_some(ProviderPolicy::Require),
        };
        Some(puts_in).filter(|puts_in| *puts_in != Self::default())
    }

    /// A class as it was last carried out: of one that is there, account and boundary hold as they are now.
    pub(crate) fn applied_to(self, class: Option<Class>) -> Class {
        let away = || Class {
            provider: self.provider.unwrap_or_default(),
            ..Class::default()
        };
        let is_away = class.is_none();
        let mut class = class.unwrap_or_else(away);
        if is_away {
            class.defaults.drift_policy = self.drift_policy;
        }
        let boundary = class
            .guardrails()
            .and_then(|now| now.permissions_boundary_arn.clone());
        // What it forbids is ruled on already; its limits would only change what they were not applied to.
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
    fn what_a_class_puts_in_stands_for_it_while_it_is_away() {
        let class = json!({
            "provider": "Require", "enforcedTags": {"cost-center": "42"},
            "defaults": {"driftPolicy": "Report", "maxSessionDuration": "4h"},
            "guardrails": {"permissionsBoundaryArn": "arn:aws:iam::111122223333:policy/tenant"},
        });
        let class = Class::read("tenants", class).unwrap();
        let away = FromClass::of(&class).unwrap().applied_to(None);
        assert_eq!(away.provider, class.provider);
        assert_eq!(away.enforced_tags, class.enforced_tags);
        assert_eq!(away.defaults, class.defaults);
        assert_eq!(away.limits, class.limits);
    }

    #[test]
    fn of_a_class_that_puts_nothing_in_nothing_is_remembered() {
        let class = Class::read("tenants", json!({"guardrails": {"methods": ["IRSA"]}})).unwrap();
        assert_eq!(FromClass::of(&class), None);
        assert_eq!(FromClass::of(&Class::unrestricted()), None);
    }
}
