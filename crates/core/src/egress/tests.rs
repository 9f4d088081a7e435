//! A table of NetworkPolicies with the expected answer, and properties of any set of policies.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn policy(name: &str, spec: &Value) -> NetworkPolicy {
    let policy: NetworkPolicy = serde_json::from_value(spec.clone()).unwrap();
    NetworkPolicy {
        name: name.to_owned(),
        ..policy
    }
}

/// Returns true if a pod with the label `app: web` and this address is kept from the agent.
fn is_blocked_at(ip: Option<&str>, specs: &[Value]) -> bool {
    let pod = PodNetwork {
        labels: [("app".to_owned(), "web".to_owned())].into(),
        ip: ip.map(|ip| ip.parse().unwrap()),
    };
    let policies = specs.iter().map(|spec| policy("p", spec)).collect();
    let facts = EgressFacts {
        policies,
        pods: vec![pod],
    };
    !policies_without_agent(&facts).is_empty()
}

fn is_blocked(spec: Value) -> bool {
    is_blocked_at(Some("10.0.0.7"), &[spec])
}

/// A policy for every pod of the namespace.
fn egress(rules: Value) -> Value {
    json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": rules})
}

fn to_block(cidr: &str, except: &[&str]) -> Value {
    egress(json!([{"to": [{"ipBlock": {"cidr": cidr, "except": except}}]}]))
}

fn to_port(port: Value) -> Value {
    egress(json!([{"ports": [port]}]))
}

#[test]
fn policy_types_decide_whether_egress_is_restricted() {
    let https = json!([{"ports": [{"port": 443}]}]);
    let cases = [
        (json!({"podSelector": {}, "policyTypes": ["Egress"]}), true),
        (
            json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}),
            true,
        ),
        (
            json!({"podSelector": {}, "policyTypes": ["Ingress"], "egress": https}),
            false,
        ),
        (json!({"podSelector": {}}), false),
        (json!({"podSelector": {}, "egress": []}), false),
        (json!({"podSelector": {}, "egress": https}), true),
        (json!({"policyTypes": ["Egress"]}), true),
    ];
    for (spec, expected) in cases {
        assert_eq!(is_blocked(spec.clone()), expected, "{spec}");
    }
}

#[test]
fn pod_selector_decides_whether_policy_applies() {
    let cases = [
        (json!({"matchLabels": {"app": "web"}}), true),
        (json!({"matchLabels": {"app": "db"}}), false),
        (json!({"matchLabels": {"app": "web", "tier": "x"}}), false),
        (
            json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "db"]}]}),
            true,
        ),
        (
            json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}),
            false,
        ),
        (
            json!({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["x"]}]}),
            true,
        ),
        (
            json!({"matchExpressions": [{"key": "app", "operator": "Exists"}]}),
            true,
        ),
        (
            json!({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}),
            false,
        ),
        (
            json!({"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "tier", "operator": "Exists"}]}),
            false,
        ),
    ];
    for (selector, expected) in cases {
        let spec = json!({"podSelector": selector, "policyTypes": ["Egress"]});
        assert_eq!(is_blocked(spec), expected, "{selector}");
    }
}

#[test]
fn ip_block_admits_agent_unless_excepted() {
    let cases = [
        (to_block("169.254.170.23/32", &[]), false),
        (to_block("169.254.0.0/16", &[]), false),
        (to_block("0.0.0.0/0", &[]), false),
        (to_block("0.0.0.0/0", &["169.254.169.254/32"]), false),
        (to_block("0.0.0.0/0", &["169.254.0.0/16"]), true),
        (to_block("0.0.0.0/0", &["10.0.0.0/8", "169.254.170.23/32"]), true),
        (to_block("10.0.0.0/8", &[]), true),
        (to_block("169.254.170.22/32", &[]), true),
        (to_block("fd00:ec2::23/128", &[]), true),
        (to_block("::/0", &[]), true),
        (to_block("169.254.170.23", &[]), true),
        (to_block("169.254.170.23/33", &[]), true),
    ];
    for (spec, expected) in cases {
        assert_eq!(is_blocked(spec.clone()), expected, "{spec}");
    }
}

#[test]
fn selector_peer_never_admits_agent() {
    let any_namespace = json!([{"to": [{"namespaceSelector": {}}]}]);
    let any_pod = json!([{"to": [{"podSelector": {}}]}]);
    let both = json!([{"to": [{"namespaceSelector": {}, "podSelector": {}}, {"ipBlock": {"cidr": "169.254.170.23/32"}}]}]);
    assert!(is_blocked(egress(any_namespace)) && is_blocked(egress(any_pod)));
    assert!(!is_blocked(egress(both)), "one peer is enough");
    assert!(!is_blocked(egress(json!([{"to": []}]))), "no peer is every peer");
    assert!(!is_blocked(egress(json!([{}]))));
}

#[test]
fn port_admits_agent_by_number_range_and_protocol() {
    let cases = [
        (json!({"port": 80}), false),
        (json!({"port": 80, "protocol": "TCP"}), false),
        (json!({"protocol": "TCP"}), false),
        (json!({}), false),
        (json!({"port": 80, "protocol": "UDP"}), true),
        (json!({"protocol": "SCTP"}), true),
        (json!({"port": 443}), true),
        (json!({"port": 79, "endPort": 80}), false),
        (json!({"port": 1, "endPort": 65535}), false),
        (json!({"port": 81, "endPort": 90}), true),
        (json!({"port": 1, "endPort": 79}), true),
        (json!({"port": "http"}), true),
    ];
    for (port, expected) in cases {
        assert_eq!(is_blocked(to_port(port.clone())), expected, "{port}");
    }
}

#[test]
fn peer_and_port_of_one_rule_have_to_match() {
    let apart = json!([
        {"to": [{"ipBlock": {"cidr": "169.254.170.23/32"}}], "ports": [{"port": 443}]},
        {"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": 80}]},
    ]);
    assert!(is_blocked(egress(apart)));
}

#[test]
fn address_family_of_pod_selects_agent_address() {
    let ipv4 = [to_block("169.254.170.23/32", &[])];
    let ipv6 = [to_block("fd00:ec2::23/128", &[])];
    assert!(is_blocked_at(Some("2001:db8::1"), &ipv4) && !is_blocked_at(Some("2001:db8::1"), &ipv6));
    assert!(!is_blocked_at(None, &ipv4) && !is_blocked_at(None, &ipv6));
    assert!(!is_blocked_at(
        Some("10.0.0.7"),
        &[egress(json!([])), ipv4[0].clone()]
    ));
}

#[test]
fn every_restricting_policy_of_blocked_pod_is_named() {
    let facts = EgressFacts {
        policies: vec![
            policy("deny", &egress(json!([]))),
            policy("dns", &to_port(json!({"port": 53, "protocol": "UDP"}))),
            policy("ingress", &json!({"podSelector": {}, "policyTypes": ["Ingress"]})),
        ],
        pods: vec![PodNetwork::default()],
    };
    let named: Vec<String> = policies_without_agent(&facts).into_iter().collect();
    assert_eq!(named, ["deny", "dns"]);
    let unused = EgressFacts {
        pods: Vec::new(),
        ..facts
    };
    assert!(policies_without_agent(&unused).is_empty());
}

fn selectors() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({})),
        Just(json!({"matchLabels": {"app": "web"}})),
        Just(json!({"matchLabels": {"app": "db"}})),
    ]
}

fn blocks() -> impl Strategy<Value = Value> {
    (any::<u32>(), 0u32..=32, 0u32..=32).prop_map(|(noise, length, except)| {
        // The first bits are those of the agent, so that about half of the blocks contain it.
        let agent = u32::from(Ipv4Addr::new(169, 254, 170, 23));
        let kept = (noise % 40).min(32);
        let mask = u32::MAX.checked_shl(32 - kept).unwrap_or(0);
        let base = Ipv4Addr::from((agent & mask) | (noise & !mask));
        json!({"ipBlock": {"cidr": format!("{base}/{length}"), "except": [format!("{base}/{except}")]}})
    })
}

fn policies() -> impl Strategy<Value = Vec<NetworkPolicy>> {
    let ports = proptest::collection::vec(
        prop_oneof![Just(json!({"port": 80})), Just(json!({"port": 443}))],
        0..2,
    );
    let peers = proptest::collection::vec(prop_oneof![blocks(), Just(json!({"podSelector": {}}))], 0..3);
    let rule = (peers, ports).prop_map(|(to, ports)| json!({"to": to, "ports": ports}));
    let one = (selectors(), proptest::collection::vec(rule, 0..3), any::<bool>()).prop_map(
        |(selector, rules, typed)| {
            let types = if typed { json!(["Egress"]) } else { json!([]) };
            json!({"podSelector": selector, "policyTypes": types, "egress": rules})
        },
    );
    proptest::collection::vec(one, 0..5).prop_map(|specs| {
        specs
            .iter()
            .enumerate()
            .map(|(at, spec)| policy(&at.to_string(), spec))
            .collect()
    })
}

fn facts(policies: Vec<NetworkPolicy>) -> EgressFacts {
    let labels = [("app".to_owned(), "web".to_owned())].into();
    let ip = Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7)));
    EgressFacts {
        policies,
        pods: vec![PodNetwork { labels, ip }],
    }
}

proptest! {
    /// Policies add up: a pod is blocked exactly if a policy restricts it and each restricting one blocks it alone.
    #[test]
    fn pod_is_blocked_only_if_each_restricting_policy_blocks_alone(policies in policies()) {
        let labels = [("app".to_owned(), "web".to_owned())].into();
        let restricting: Vec<_> = policies.iter().filter(|policy| policy.restricts_egress() && policy.pod_selector.matches(&labels)).collect();
        let each = restricting.iter().all(|policy| !policies_without_agent(&facts(vec![(*policy).clone()])).is_empty());
        let expected = !restricting.is_empty() && each;
        let names = policies_without_agent(&facts(policies.clone()));
        prop_assert_eq!(!names.is_empty(), expected);
        if expected {
            let all: BTreeSet<String> = restricting.iter().map(|policy| policy.name.clone()).collect();
            prop_assert_eq!(names, all);
        }
    }

    /// A policy that permits the agent for every pod unblocks any set of policies.
    #[test]
    fn policy_for_agent_unblocks_any_set(policies in policies()) {
        let mut policies = policies;
        let agent = egress(json!([{"to": [{"ipBlock": {"cidr": "169.254.170.23/32"}}], "ports": [{"port": 80}]}]));
        policies.push(policy("agent", &agent));
        prop_assert!(policies_without_agent(&facts(policies)).is_empty());
    }

    /// A block contains an address exactly if the leading bits of both are equal.
    #[test]
    fn block_contains_addresses_with_equal_leading_bits(base in any::<u32>(), address in any::<u32>(), length in 0usize..=32) {
        let bits = |address: u32| format!("{address:032b}");
        let expected = bits(base)[..length] == bits(address)[..length];
        let cidr = format!("{}/{length}", Ipv4Addr::from(base));
        prop_assert_eq!(contains(&cidr, IpAddr::V4(Ipv4Addr::from(address))), expected);
    }
}
