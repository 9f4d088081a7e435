//! The credentials that a new pod gets, and the form of its token (docs/dev/aws-behaviour.md#webhook).
//! Input: the pod and its ServiceAccount. Output: a decision, or nothing. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The ServiceAccount of a pod as the webhook sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// True if EKS has a Pod Identity association for it.
    pub associated: bool,
    /// Its annotations; none when the webhook has not seen it.
    pub annotations: BTreeMap<String, String>,
}

/// Credentials to inject into a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The source of its AWS credentials.
    pub credentials: Credentials,
    /// The life of its token, in seconds.
    pub token_expiration: i64,
    /// Makes SDKs use the regional STS endpoint.
    pub regional_sts: bool,
    /// Containers that get nothing.
    pub skipped: BTreeSet<String>,
}

/// A source of credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// From the Pod Identity agent.
    PodIdentity,
    /// By the token, from STS (IRSA).
    WebIdentity {
        /// The role, as the annotation has it: a malformed one is passed on unchanged.
        role_arn: String,
        /// The audience of the token.
        audience: String,
    },
}

/// The default, and by EKS the longest, life of a token, in seconds.
const DEFAULT_EXPIRATION: i64 = 86_400;
/// The shortest that a default life is spread to, so that not all tokens run out at once.
const SPREAD_FROM: i64 = 79_200;
/// The shortest life that the API server gives a token.
const SHORTEST: i64 = 600;

/// Decides for one pod. An association goes before the annotation, which then counts for token life and STS only.
/// `spread` is any number; it places a default token life of Pod Identity between 22 and 24 hours.
pub fn decide(pod: &Value, known: &Known, spread: u64) -> Option<Decision> {
    let of_account = |name: &str| known.annotations.get(&annotation(name)).map(String::as_str);
    let of_pod = |name: &str| {
        pod.pointer("/metadata/annotations")?
            .get(annotation(name))?
            .as_str()
    };
    let asked = expiration(of_pod("token-expiration")).or_else(|| expiration(of_account("token-expiration")));
    let life = asked.unwrap_or(DEFAULT_EXPIRATION);
    let (credentials, token_expiration) = if known.associated {
        (Credentials::PodIdentity, spread_out(life, spread))
    } else {
        let role_arn = of_account("role-arn").filter(|role| !role.is_empty())?.to_owned();
        let audience = of_account("audience").unwrap_or("sts.amazonaws.com").to_owned();
        (Credentials::WebIdentity { role_arn, audience }, life)
    };
    Some(Decision {
        credentials,
        token_expiration,
        regional_sts: of_account("sts-regional-endpoints")
            .and_then(truth)
            .unwrap_or(true),
        skipped: of_pod("skip-containers").map(names).unwrap_or_default(),
    })
}

fn annotation(name: &str) -> String {
    format!("eks.amazonaws.com/{name}")
}

/// Text that is no number counts as absent, and a time that is too short becomes the minimum.
fn expiration(text: Option<&str>) -> Option<i64> {
    text?.parse::<i64>().ok().map(|seconds| seconds.max(SHORTEST))
}

fn spread_out(life: i64, spread: u64) -> i64 {
    if life != DEFAULT_EXPIRATION {
        return life;
    }
    let width = DEFAULT_EXPIRATION.abs_diff(SPREAD_FROM) + 1;
    SPREAD_FROM.saturating_add_unsigned(spread % width)
}

/// Go's `strconv.ParseBool`; what it refuses counts as not there.
fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

fn names(list: &str) -> BTreeSet<String> {
    list.split(',').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn known(associated: bool, annotations: &[(&str, &str)]) -> Known {
        let annotations = annotations
            .iter()
            .map(|(name, value)| (annotation(name), (*value).to_owned()));
        Known {
            associated,
            annotations: annotations.collect(),
        }
    }

    fn role() -> (&'static str, &'static str) {
        ("role-arn", "arn:aws:iam::111122223333:role/r")
    }

    #[test]
    fn pod_without_association_or_annotation_is_unchanged() {
        assert_eq!(decide(&json!({}), &known(false, &[("audience", "a")]), 0), None);
        assert_eq!(decide(&json!({}), &known(false, &[("role-arn", "")]), 0), None);
    }

    #[test]
    fn association_takes_precedence_over_annotation() {
        let decision = decide(
            &json!({}),
            &known(
                true,
                &[
                    role(),
                    ("token-expiration", "7200"),
                    ("sts-regional-endpoints", "false"),
                ],
            ),
            0,
        );
        let decision = decision.unwrap();
        assert_eq!(decision.credentials, Credentials::PodIdentity);
        assert_eq!((decision.token_expiration, decision.regional_sts), (7200, false));
    }

    #[test]
    fn annotation_sets_role_and_audience() {
        let audience = |annotations: &[(&str, &str)]| match decide(&json!({}), &known(false, annotations), 0)
            .unwrap()
            .credentials
        {
            Credentials::WebIdentity { audience, .. } => audience,
            Credentials::PodIdentity => String::new(),
        };
        assert_eq!(audience(&[role()]), "sts.amazonaws.com");
        assert_eq!(audience(&[role(), ("audience", "other")]), "other");
    }

    #[test]
    fn pod_token_lifetime_overrides_account_with_minimum() {
        let life = |pod: Value, account: &str| {
            decide(&pod, &known(false, &[role(), ("token-expiration", account)]), 0)
                .unwrap()
                .token_expiration
        };
        let pod =
            |value: &str| json!({"metadata": {"annotations": {"eks.amazonaws.com/token-expiration": value}}});
        assert_eq!(life(pod("900"), "7200"), 900);
        assert_eq!(life(pod("nonsense"), "7200"), 7200);
        assert_eq!(life(json!({}), "60"), 600);
        assert_eq!(life(json!({}), "nonsense"), 86_400);
    }

    #[test]
    fn default_pod_identity_token_lifetime_has_jitter() {
        let life = |known: &Known, spread| decide(&json!({}), known, spread).unwrap().token_expiration;
        let associated = known(true, &[]);
        assert_eq!(
            (
                life(&associated, 0),
                life(&associated, 7200),
                life(&associated, 7201)
            ),
            (79_200, 86_400, 79_200)
        );
        assert_eq!(life(&known(false, &[role()]), 5), 86_400);
    }

    #[test]
    fn pod_annotation_lists_containers_to_skip() {
        let pod = json!({"metadata": {"annotations": {"eks.amazonaws.com/skip-containers": "proxy,logs"}}});
        let skipped = decide(&pod, &known(true, &[]), 0).unwrap().skipped;
        assert_eq!(skipped.into_iter().collect::<Vec<_>>(), ["logs", "proxy"]);
    }
}
