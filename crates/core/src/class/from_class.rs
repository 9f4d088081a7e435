//! What a class put in last where a spec says nothing: it stands for the class while nothing new is applied.
//! A class in, what of it is to be remembered out, and back; no I/O. Recorded in the status, used by `rule`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Class, Guardrails, Provider};
use crate::arn::PolicyArn;
use crate::duration::Seconds;
use crate::name::TagKey;
use crate::spec::DriftPolicy;

/// What a class put in. Digests of what was applied tell whether something is as it was, but only the thing itself can be
/// put back; and a class that is away can no longer be asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FromClass {
    /// The tags that it enforces.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<TagKey, String>,
    /// The boundary that it puts on every role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions_boundary_arn: Option<PolicyArn>,
    /// The longest session of roles whose spec says nothing of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_session_duration: Option<Seconds>,
    /// What becomes of drift where the spec says nothing of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift_policy: Option<DriftPolicy>,
    /// Whether Lanyard may create the IAM OIDC provider, unless it may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
}

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
            provider: (class.provider == Provider::Require).then_some(Provider::Require),
        };
        Some(puts_in).filter(|puts_in| *puts_in != Self::default())
    }

    /// A class as it was last carried out: of one that is there, account and boundary hold as they are now.
    pub(super) fn carried_out_in(self, class: Option<Class>) -> Class {
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
        let away = FromClass::of(&class).unwrap().carried_out_in(None);
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
