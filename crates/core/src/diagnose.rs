//! The diagnosis of one identity: rules that say why its pods get no credentials. Input: evidence, that is the binding and the
//! facts. Output: one finding for each rule. No I/O. A rule that lacks a fact is `Unknown`, never `Ok`.
//!
//! ```text
//!   ServiceAccount ---> role ---> provider, trust ---> annotation         (IRSA)
//!                          \----> association, agent, trust               (Pod Identity)   ---> pods
//! ```

mod binding;
mod code;
mod containers;
mod evidence;
mod need;
mod network;
mod object;
mod permissions;
mod pods;
mod role;
mod surroundings;
#[cfg(test)]
mod tests;
mod trust;
mod verdict;

pub use code::Code;
pub use evidence::Evidence;
pub use need::Need;
pub use surroundings::{
    ContainerDetail, EgressPolicy, Leadership, NodeInstance, ObjectState, PodDetail, Simulation,
    Surroundings, TokenReader,
};
pub use verdict::{Detail, Finding, Level};

use verdict::Verdict;

type Rule = fn(&Evidence<'_>) -> Verdict;

/// The rules, in the order in which a pod's credentials depend on them.
const RULES: &[(Code, Rule)] = &[
    (Code::Ly209, object::issuer),
    (Code::Ly501, object::operator),
    (Code::Ly101, binding::service_account),
    (Code::Ly305, role::account),
    (Code::Ly401, role::exists),
    (Code::Ly201, role::provider),
    (Code::Ly202, role::audience),
    (Code::Ly203, trust::no_statement),
    (Code::Ly204, trust::subject),
    (Code::Ly205, trust::audience),
    (Code::Ly303, trust::no_pod_identity),
    (Code::Ly304, trust::pod_identity_condition),
    (Code::Ly206, trust::exclusion),
    (Code::Ly112, binding::webhook),
    (Code::Ly102, binding::annotation),
    (Code::Ly207, binding::token_lifetime),
    (Code::Ly110, binding::both_forms),
    (Code::Ly301, binding::association),
    (Code::Ly302, pods::agent),
    (Code::Ly307, permissions::node_role),
    (Code::Ly306, permissions::chain),
    (Code::Ly104, pods::missed),
    (Code::Ly103, pods::old_pods),
    (Code::Ly107, containers::some_containers),
    (Code::Ly106, containers::own_credentials),
    (Code::Ly105, containers::template),
    (Code::Ly111, containers::legacy_role),
    (Code::Ly208, containers::token_file),
    (Code::Ly308, containers::proxy),
    (Code::Ly309, network::policies),
    (Code::Ly310, network::packed_policy),
    (Code::Ly311, network::sdk),
    (Code::Ly312, network::instance_metadata),
    (Code::Ly403, permissions::grants),
    (Code::Ly402, permissions::simulation),
    (Code::Ly404, permissions::node_credentials),
    (Code::Ly601, object::token_readers),
    (Code::Ly503, object::clocks),
    (Code::Ly502, object::waits),
];

/// Applies every rule. Faults after the first one can be its consequences, and say so.
#[must_use]
pub fn diagnose(evidence: &Evidence<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut is_broken = false;
    for (code, rule) in RULES {
        let mut finding = Finding::new(*code, rule(evidence));
        if finding.level == Level::Fault {
            finding.follows = is_broken;
            is_broken = true;
        }
        findings.push(finding);
    }
    findings
}
