//! Decides whether the NetworkPolicies of a namespace keep pods from the EKS Pod Identity Agent. Input: the policies and
//! the pods. Output: the names of the policies that do. No I/O. The agent runs in the network of the node, so
//! no selector of pods or namespaces matches it (docs/dev/aws-behaviour.md#agent).

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::network_policy::{
    EgressFacts, EgressPeer, EgressPort, EgressRule, IpBlock, NetworkPolicy, PodNetwork, Port,
};

#[cfg(test)]
mod tests;

/// The addresses of the agent. Pods use the one of their address family.
pub const AGENT_IPV4: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23));
/// See [`AGENT_IPV4`].
pub const AGENT_IPV6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23));
/// The port of the agent.
const AGENT_PORT: i64 = 80;

/// The names of the policies that select a pod for egress while none of them permits the agent. Empty if every pod may
/// reach it.
#[must_use]
pub fn policies_without_agent(facts: &EgressFacts) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for pod in &facts.pods {
        names.extend(blocking(&facts.policies, pod).into_iter().map(str::to_owned));
    }
    names
}

/// The policies that restrict a pod, if none of them permits the agent. Policies add up: one that permits it is enough.
fn blocking<'a>(policies: &'a [NetworkPolicy], pod: &PodNetwork) -> Vec<&'a str> {
    let restricts =
        |policy: &&NetworkPolicy| policy.restricts_egress() && policy.pod_selector.matches(&pod.labels);
    let restricting: Vec<&NetworkPolicy> = policies.iter().filter(restricts).collect();
    let mut rules = restricting.iter().flat_map(|policy| &policy.egress);
    let addresses = agent_addresses(pod);
    match rules.any(|rule| addresses.iter().any(|address| permits(rule, *address))) {
        true => Vec::new(),
        false => restricting.iter().map(|policy| policy.name.as_str()).collect(),
    }
}

/// The address of the agent that a pod uses: both, as long as the pod has no address itself.
fn agent_addresses(pod: &PodNetwork) -> Vec<IpAddr> {
    match pod.ip {
        Some(IpAddr::V4(_)) => vec![AGENT_IPV4],
        Some(IpAddr::V6(_)) => vec![AGENT_IPV6],
        None => vec![AGENT_IPV4, AGENT_IPV6],
    }
}

fn permits(rule: &EgressRule, address: IpAddr) -> bool {
    let to = rule.to.is_empty() || rule.to.iter().any(|peer| is_to(peer, address));
    let port = rule.ports.is_empty() || rule.ports.iter().any(is_agent_port);
    to && port
}

fn is_to(peer: &EgressPeer, address: IpAddr) -> bool {
    let includes = |block: &IpBlock| {
        let mut except = block.except.iter();
        contains(&block.cidr, address) && !except.any(|except| contains(except, address))
    };
    peer.ip_block.as_ref().is_some_and(includes)
}

/// A named port is one of a selected pod, which the agent is not.
fn is_agent_port(port: &EgressPort) -> bool {
    let is_tcp = port.protocol.as_deref().is_none_or(|protocol| protocol == "TCP");
    is_tcp
        && match (&port.port, port.end_port) {
            (None, _) => true,
            (Some(Port::Number(first)), None) => *first == AGENT_PORT,
            (Some(Port::Number(first)), Some(last)) => (*first..=last).contains(&AGENT_PORT),
            (Some(Port::Name(_)), _) => false,
        }
}

/// Returns true if a block in CIDR notation contains an address. An invalid block contains none.
fn contains(cidr: &str, address: IpAddr) -> bool {
    let Some((base, length)) = cidr.split_once('/') else {
        return false;
    };
    let (Ok(base), Ok(length)) = (base.parse::<IpAddr>(), length.parse::<u32>()) else {
        return false;
    };
    match (base, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) => {
            let differing = u32::from(base) ^ u32::from(address);
            length <= 32 && differing.leading_zeros() >= length
        }
        (IpAddr::V6(base), IpAddr::V6(address)) => {
            let differing = u128::from(base) ^ u128::from(address);
            length <= 128 && differing.leading_zeros() >= length
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}
