//! The values that a class contributed to an identity at the last apply, as recorded in the status. They replace the
//! class while nothing new is applied. Plain data; no I/O.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::arn::PolicyArn;
use crate::model::cluster::ProviderPolicy;
use crate::model::duration::Seconds;
use crate::model::name::TagKey;
use crate::model::spec::DriftPolicy;

/// The values that a class contributed. The hashes of the last apply detect a change, but only the values can restore
/// the previous state, and a deleted class cannot be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FromClass {
    /// The enforced tags.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<TagKey, String>,
    /// The permissions boundary of every role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions_boundary_arn: Option<PolicyArn>,
    /// The maximum session duration of roles whose spec does not set one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_session_duration: Option<Seconds>,
    /// The drift policy of identities whose spec does not set one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift_policy: Option<DriftPolicy>,
    /// The OIDC provider policy, if it is not the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<ProviderPolicy>,
}
