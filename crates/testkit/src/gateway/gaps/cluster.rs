//! Gaps of ministack: a cluster's issuer is an `http` URL of its own host where AWS's is a public `https` one (docs/dev/aws-behaviour.md#issuer),
//! and `computeConfig` (which tells Auto Mode, whose nodes bring the Pod Identity agent along (docs/dev/aws-behaviour.md#agent)) is forgotten.
//! Input: answers that show a cluster. Output: them as AWS would have it. No I/O.

use parking_lot::Mutex;
use std::collections::HashMap;

use serde_json::Value;

use super::super::message::{Answer, Request};
use crate::location::REGION;

/// The `computeConfig` that clusters were created with, by ARN, and the one that a test set for all of them.
#[derive(Debug, Default)]
pub(crate) struct Clusters(Mutex<HashMap<String, Value>>, Mutex<Option<bool>>);

impl Clusters {
    /// Switches Auto Mode on or off in every cluster.
    pub fn set_auto_mode(&self, enabled: bool) {
        *self.1.lock() = Some(enabled);
    }

    /// Corrects the answer to CreateCluster or DescribeCluster.
    pub fn correct(&self, request: &Request, answer: Answer) -> Answer {
        let Some(mut body) = answer.parse_json() else {
            return answer;
        };
        let Some(cluster) = body.get_mut("cluster") else {
            return answer;
        };
        self.restore_compute(request, cluster);
        if let Some(Value::String(issuer)) = cluster.pointer_mut("/identity/oidc/issuer") {
            *issuer = public_issuer(issuer);
        }
        answer.with_body(body.to_string())
    }

    fn restore_compute(&self, request: &Request, cluster: &mut Value) {
        let Some(arn) = cluster.get("arn").and_then(Value::as_str).map(str::to_owned) else {
            return;
        };
        let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let mut known = self.0.lock();
        if let Some(compute) = asked.get("computeConfig") {
            known.insert(arn.clone(), compute.clone());
        }
        if let (Some(enabled), Some(cluster)) = (*self.1.lock(), cluster.as_object_mut()) {
            cluster.insert(
                "computeConfig".to_owned(),
                serde_json::json!({"enabled": enabled}),
            );
        }
        if let (Some(compute), Some(cluster)) = (known.get(&arn), cluster.as_object_mut()) {
            cluster.entry("computeConfig").or_insert_with(|| compute.clone());
        }
    }
}

/// The issuer as AWS would have it, made from the emulator's: the same id under the host that EKS uses (docs/dev/aws-behaviour.md#issuer).
/// IAM and STS only ever compare it as text; the keys behind it are given to the gateway.
pub(crate) fn public_issuer(emulated: &str) -> String {
    let id = emulated.rsplit('/').next().unwrap_or_default();
    format!("https://oidc.eks.{REGION}.amazonaws.com/id/{id}")
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use serde_json::json;

    use super::super::super::testing::eks;
    use super::*;

    #[test]
    fn issuer_is_public_and_auto_mode_is_kept() {
        let cluster =
            json!({"cluster": {"arn": "arn:c", "identity": {"oidc": {"issuer": "http://localhost:1/id/A"}}}});
        let clusters = Clusters::default();
        let answer = Answer::json(StatusCode::OK, &cluster);
        let create = eks(
            "POST",
            "/clusters",
            r#"{"name":"c","computeConfig":{"enabled":true}}"#,
        );
        clusters.correct(&create, answer.clone());
        let described = clusters
            .correct(&eks("GET", "/clusters/c", ""), answer)
            .parse_json()
            .unwrap();
        assert_eq!(
            described.pointer("/cluster/identity/oidc/issuer"),
            Some(&json!("https://oidc.eks.us-east-1.amazonaws.com/id/A"))
        );
        assert_eq!(
            described.pointer("/cluster/computeConfig/enabled"),
            Some(&json!(true))
        );
    }
}
