//! The state of a soak: the fleet, its operators, and what is requested of them. Plain values; no I/O.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use serde_json::{Value, json};

use super::super::fleet::{Fleet, READ_ONLY};
use super::outage::Outage;
use super::replicas::Replicas;

/// The class of all identities.
pub const CLASS: &str = "soak";

/// A run: the fleet, its operators and what is wanted of it.
pub struct Soak<'a> {
    pub fleet: Fleet<'a>,
    pub replicas: Replicas<'a>,
    pub rng: fastrand::Rng,
    /// The value of the tag `team` that the spec of an identity requests, where it was changed.
    pub teams: HashMap<String, String>,
    /// The value of the tag that the class enforces.
    pub owner: String,
    /// The outage in effect and its end.
    pub outage: Option<(Outage, Instant)>,
    pub counts: BTreeMap<&'static str, usize>,
}

/// A class that allows what the fleet needs and enforces one tag.
pub fn class(owner: &str) -> Value {
    json!({"enforcedTags": {"owner": owner}, "guardrails": {
        "namespaceSelector": {}, "methods": ["IRSA", "PodIdentity"],
        "policyArns": [READ_ONLY], "tagKeys": ["team"],
        "inline": [{"actions": ["sqs:SendMessage"], "resources": ["arn:aws:sqs:*:*:bench"]}]}})
}
