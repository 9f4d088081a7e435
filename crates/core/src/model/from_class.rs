//! What a class contributed to an identity when it was last applied, as the status records it: it stands in for the
//! class while nothing new is applied. Plain data; no I/O.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::arn::PolicyArn;
use super::cluster::ProviderPolicy;
use super::duration::Seconds;
use super::name::TagKey;
use super::spec::DriftPolicy;

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
    pub provider: Option<ProviderPolicy>,
}
