//! The network policies that restrict the egress of pods. Input: policies and the labels of pods. Output: for each policy, the
//! pods that it selects and if it allows the agent. No I/O.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyPort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt;
use kube::core::{Selector, SelectorExt as _};
use lanyard_core::diagnose::EgressPolicy;

/// The address and the port of the agent (docs/dev/aws-behaviour.md#agent).
const ADDRESS: [u8; 4] = [169, 254, 170, 23];
const PORT: i32 = 80;

/// The egress policies that select one of the pods, by its name and labels.
pub(super) fn egress_policies(
    policies: &[NetworkPolicy],
    pods: &[(String, BTreeMap<String, String>)],
) -> Vec<EgressPolicy> {
    let selected = policies.iter().filter_map(|policy| egress(policy, pods));
    selected.filter(|policy| !policy.pods.is_empty()).collect()
}

fn egress(policy: &NetworkPolicy, pods: &[(String, BTreeMap<String, String>)]) -> Option<EgressPolicy> {
    let spec = policy.spec.as_ref()?;
    let rules = spec.egress.as_deref().unwrap_or_default();
    // Without types, a policy is one for egress only if it has egress rules.
    let restricts = match &spec.policy_types {
        Some(types) if !types.is_empty() => types.iter().any(|kind| kind == "Egress"),
        Some(_) | None => !rules.is_empty(),
    };
    if !restricts {
        return None;
    }
    let selector = spec.pod_selector.clone().unwrap_or_default();
    // A selector that is not valid selects nothing, as in the API server.
    let selector = Selector::try_from(selector).ok()?;
    let pods = pods.iter().filter(|(_, labels)| selector.matches(labels));
    Some(EgressPolicy {
        name: policy.name_any(),
        pods: pods.map(|(name, _)| name.clone()).collect(),
        allows_agent: rules.iter().any(allows_agent),
        has_rules: !rules.is_empty(),
    })
}

fn allows_agent(rule: &NetworkPolicyEgressRule) -> bool {
    let to = rule.to.as_deref().unwrap_or_default();
    let ports = rule.ports.as_deref().unwrap_or_default();
    let contains =
        |cidr: &str, except: &[String]| in_network(cidr) && !except.iter().any(|except| in_network(except));
    let is_peer = to.is_empty()
        || to
            .iter()
            .filter_map(|peer| peer.ip_block.as_ref())
            .any(|block| contains(&block.cidr, block.except.as_deref().unwrap_or_default()));
    is_peer && (ports.is_empty() || ports.iter().any(is_port))
}

fn is_port(port: &NetworkPolicyPort) -> bool {
    let is_tcp = port.protocol.as_deref().is_none_or(|protocol| protocol == "TCP");
    let in_range = match (&port.port, port.end_port) {
        (None, _) => true,
        (Some(IntOrString::Int(first)), Some(last)) => (*first..=last).contains(&PORT),
        (Some(IntOrString::Int(only)), None) => *only == PORT,
        // A name is that of a container port, which the agent does not have here.
        (Some(IntOrString::String(_)), _) => false,
    };
    is_tcp && in_range
}

/// Returns true if a network in CIDR notation contains the address of the agent.
fn in_network(cidr: &str) -> bool {
    let Some((address, length)) = cidr.split_once('/') else {
        return false;
    };
    let (Ok(address), Ok(length)) = (address.parse::<std::net::Ipv4Addr>(), length.parse::<u32>()) else {
        return false;
    };
    let mask = u32::MAX.checked_shl(32_u32.saturating_sub(length)).unwrap_or(0);
    (u32::from(address) & mask) == (u32::from_be_bytes(ADDRESS) & mask)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn policies(spec: &Value) -> Vec<EgressPolicy> {
        let policy = json!({"metadata": {"name": "deny"}, "spec": spec});
        let pods = [(
            "orders-1".to_owned(),
            BTreeMap::from([("app".to_owned(), "orders".to_owned())]),
        )];
        egress_policies(&[serde_json::from_value(policy).unwrap()], &pods)
    }

    #[test]
    fn policy_without_a_rule_for_the_agent_blocks_it() {
        let deny = policies(&json!({"podSelector": {}, "policyTypes": ["Egress"]}));
        assert!(!deny[0].allows_agent && !deny[0].has_rules);
        let others = json!({"podSelector": {"matchLabels": {"app": "orders"}}, "egress": [
            {"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]},
            {"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}}]},
            {"to": [{"ipBlock": {"cidr": "169.254.170.23/32"}}], "ports": [{"port": 443}]},
        ]});
        assert!(!policies(&others)[0].allows_agent && policies(&others)[0].has_rules);
    }

    #[test]
    fn rule_for_the_agent_or_for_everything_allows_it() {
        for rule in [
            json!({}),
            json!({"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}),
            json!({"to": [{"ipBlock": {"cidr": "169.254.170.23/32"}}], "ports": [{"port": 80, "protocol": "TCP"}]}),
            json!({"ports": [{"port": 1, "endPort": 1000}]}),
        ] {
            let spec = json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": [rule]});
            assert!(policies(&spec)[0].allows_agent, "{spec}");
        }
    }

    #[test]
    fn policy_of_other_pods_or_of_ingress_is_ignored() {
        for spec in [
            json!({"podSelector": {"matchLabels": {"app": "search"}}, "policyTypes": ["Egress"]}),
            json!({"podSelector": {}, "policyTypes": ["Ingress"]}),
            json!({"podSelector": {}}),
        ] {
            assert_eq!(policies(&spec), [], "{spec}");
        }
    }
}
