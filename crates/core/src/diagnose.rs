//! The diagnosis of one identity: rules that say why its pods get no credentials. Input: evidence, that is the binding and the
//! facts. Output: one finding for each rule. No I/O. A rule that lacks a fact is `Unknown`, never `Ok`.
//!
//! ```text
//!   ServiceAccount ---> role ---> provider, trust ---> annotation         (IRSA)
//!                          \----> association, agent, trust               (Pod Identity)   ---> pods
//! ```

mod binding;
mod code;
mod evidence;
mod pods;
mod role;
mod shell;
#[cfg(test)]
mod tests;
mod verdict;

pub use code::Code;
pub use evidence::Evidence;
pub use verdict::{Detail, Finding, Level};

use verdict::Verdict;

type Rule = fn(&Evidence<'_>) -> Verdict;

/// The rules, in the order in which a pod's credentials depend on them.
const RULES: [(Code, Rule); 11] = [
    (Code::Ly101, binding::service_account),
    (Code::Ly401, role::exists),
    (Code::Ly201, role::provider),
    (Code::Ly202, role::audience),
    (Code::Ly203, role::trust_of_tokens),
    (Code::Ly102, binding::annotation),
    (Code::Ly110, binding::both_forms),
    (Code::Ly301, binding::association),
    (Code::Ly302, pods::agent),
    (Code::Ly303, role::trust_of_pod_identity),
    (Code::Ly103, pods::old_pods),
];

/// Applies every rule. Faults after the first one can be its consequences, and say so.
#[must_use]
pub fn diagnose(evidence: &Evidence<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut is_broken = false;
    for (code, rule) in RULES {
        let mut finding = Finding::new(code, rule(evidence));
        if finding.level == Level::Fault {
            finding.follows = is_broken;
            is_broken = true;
        }
        findings.push(finding);
    }
    findings
}
