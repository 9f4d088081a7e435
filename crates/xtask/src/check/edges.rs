//! Checks the dependencies between the crates of the workspace, and the crates that each of them must not reach.
//! Input: the packages as Cargo reports them. Output: findings. Runs `cargo tree`, which resolves features per crate.
//!
//! ```text
//!   iam-policy <- core <- api          core, api, aws <- engine <- operator, cli
//!                 core <- aws          testkit, tests <- xtask; nothing that is shipped uses these three
//! ```

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use cargo_metadata::{Dependency, DependencyKind, Package};

use super::cargo::cargo;
use super::checkout::Checkout;
use super::child;
use super::finding::Finding;
use super::live::Live;

/// Allowed dependencies of one crate of the workspace. A name that ends in `*` is a prefix.
struct Rule {
    package: &'static str,
    /// Workspace crates.
    uses: &'static [&'static str],
    /// Further workspace crates in tests.
    tests_use: &'static [&'static str],
    /// External crates that it must not depend on directly.
    never_names: &'static [&'static str],
    /// External crates that it must not reach at all, except in tests.
    never_reaches: &'static [&'static str],
}

const IAM_POLICY: &str = "lanyard-iam-policy";
const CORE: &str = "lanyard-core";
const API: &str = "lanyard-api";
const AWS: &str = "lanyard-aws";
const ENGINE: &str = "lanyard-engine";
const OPERATOR: &str = "lanyard-operator";
const CLI: &str = "lanyard-cli";
const TESTKIT: &str = "lanyard-testkit";
const TESTS: &str = "lanyard-tests";

/// Only the adapter talks to AWS.
const AWS_CLIENTS: &[&str] = &["aws-*"];

/// A pure crate has no runtime, no client and no log.
const PURE: &[&str] = &[
    "tokio*",
    "futures*",
    "kube*",
    "k8s-openapi",
    "aws-*",
    "tracing*",
    "hyper*",
];

const RULES: [Rule; 10] = [
    Rule {
        package: IAM_POLICY,
        uses: &[],
        tests_use: &[],
        never_names: &[],
        never_reaches: PURE,
    },
    Rule {
        package: CORE,
        uses: &[IAM_POLICY],
        tests_use: &[],
        never_names: &[],
        never_reaches: PURE,
    },
    Rule {
        package: API,
        uses: &[CORE],
        tests_use: &[],
        never_names: &[],
        never_reaches: &[
            "tokio*",
            "aws-*",
            "hyper*",
            "rustls*",
            "kube-client",
            "kube-runtime",
        ],
    },
    Rule {
        package: AWS,
        uses: &[IAM_POLICY, CORE],
        tests_use: &[TESTKIT],
        never_names: &[],
        never_reaches: &["kube*", "k8s-openapi"],
    },
    Rule {
        package: ENGINE,
        uses: &[IAM_POLICY, CORE, API, AWS],
        tests_use: &[TESTKIT],
        never_names: AWS_CLIENTS,
        never_reaches: &[],
    },
    Rule {
        package: OPERATOR,
        uses: &[IAM_POLICY, CORE, API, AWS, ENGINE],
        tests_use: &[TESTKIT],
        never_names: AWS_CLIENTS,
        never_reaches: &[],
    },
    Rule {
        package: CLI,
        uses: &[IAM_POLICY, CORE, API, AWS, ENGINE],
        tests_use: &[],
        never_names: AWS_CLIENTS,
        never_reaches: &[],
    },
    Rule {
        package: TESTKIT,
        uses: &[CORE, API],
        tests_use: &[AWS],
        never_names: &[],
        never_reaches: &[],
    },
    Rule {
        package: TESTS,
        uses: &[IAM_POLICY, CORE, API, AWS, ENGINE, OPERATOR, CLI, TESTKIT],
        tests_use: &[],
        never_names: &[],
        never_reaches: &[],
    },
    Rule {
        package: "xtask",
        uses: &[CORE, API, CLI, TESTKIT, TESTS],
        tests_use: &[],
        never_names: &[],
        never_reaches: &[],
    },
];

pub(super) fn judge(checkout: &Checkout, live: &Live) -> Result<Finding> {
    let packages = checkout.packages();
    let ours: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let mut problems = Vec::new();
    for package in &packages {
        live.at(&package.name);
        let Some(rule) = RULES.iter().find(|rule| package.name == rule.package) else {
            problems.push(format!(
                "{} has no rule: add its allowed dependencies to check/edges.rs",
                package.name
            ));
            continue;
        };
        problems.extend(rule.broken_by(package, &ours));
        if !rule.never_reaches.is_empty() {
            problems.extend(rule.broken_by_tree(checkout)?);
        }
    }
    Ok(Finding::of(&problems, format!("{} crates", packages.len())))
}

impl Rule {
    fn broken_by(&self, package: &Package, ours: &BTreeSet<&str>) -> Vec<String> {
        package
            .dependencies
            .iter()
            .filter_map(|used| self.objection(used, ours))
            .collect()
    }

    fn objection(&self, used: &Dependency, ours: &BTreeSet<&str>) -> Option<String> {
        let (package, name) = (self.package, used.name.as_str());
        let in_tests = used.kind == DependencyKind::Development;
        if ours.contains(name) {
            let allowed = self.uses.contains(&name) || (in_tests && self.tests_use.contains(&name));
            let place = if in_tests { " in its tests" } else { "" };
            return (!allowed).then(|| format!("{package} must not use {name}{place}"));
        }
        let banned = !in_tests && matches(self.never_names, name);
        banned.then(|| format!("{package} must not name {name}: it belongs behind another crate of ours"))
    }

    /// Uses `cargo tree`: the metadata unifies the features of all crates of the workspace.
    fn broken_by_tree(&self, checkout: &Checkout) -> Result<Vec<String>> {
        let tree = tree(checkout, &["--package", self.package, "--prefix", "none"])?;
        let reached: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
        let mut problems = Vec::new();
        for name in reached
            .into_iter()
            .filter(|name| matches(self.never_reaches, name))
        {
            let way = tree_to(checkout, self.package, name)?;
            problems.push(format!("{} must not reach {name}:\n{way}", self.package));
        }
        Ok(problems)
    }
}

/// The path by which a crate is reached, for the message.
fn tree_to(checkout: &Checkout, package: &str, name: &str) -> Result<String> {
    tree(checkout, &["--package", package, "--invert", name])
}

fn tree(checkout: &Checkout, arguments: &[&str]) -> Result<String> {
    let mut command = cargo(checkout, &["tree", "--quiet", "--locked", "--edges", "normal"]);
    command.args(arguments).env("CARGO_TERM_COLOR", "never");
    let ended = child::run(command, |_| {})?;
    if !ended.success {
        bail!("cargo tree failed\n{}", ended.output);
    }
    Ok(ended.output)
}

fn matches(patterns: &[&str], name: &str) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == *pattern,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn used(name: &str, kind: Value) -> Dependency {
        let dependency = json!({
            "name": name, "kind": kind, "req": "*", "source": null, "optional": false, "uses_default_features": true,
            "features": [], "target": null, "rename": null, "registry": null, "path": null,
        });
        serde_json::from_value(dependency).unwrap()
    }

    fn said(package: &str, used: &Dependency) -> Option<String> {
        let ours = RULES.iter().map(|rule| rule.package).collect();
        let rule = RULES.iter().find(|rule| rule.package == package).unwrap();
        rule.objection(used, &ours)
    }

    #[test]
    fn dependency_of_design_is_allowed_and_reverse_rejected() {
        assert_eq!(said(ENGINE, &used(CORE, Value::Null)), None);
        assert_eq!(
            said(CORE, &used(ENGINE, Value::Null)).unwrap(),
            "lanyard-core must not use lanyard-engine"
        );
        assert_eq!(
            said(API, &used(AWS, Value::Null)).unwrap(),
            "lanyard-api must not use lanyard-aws"
        );
        assert_eq!(said(CLI, &used(ENGINE, Value::Null)), None);
        assert_eq!(
            said(CLI, &used(OPERATOR, Value::Null)).unwrap(),
            "lanyard-cli must not use lanyard-operator"
        );
    }

    #[test]
    fn testkit_is_allowed_in_tests_only() {
        assert_eq!(said(OPERATOR, &used(TESTKIT, json!("dev"))), None);
        assert!(said(OPERATOR, &used(TESTKIT, Value::Null)).is_some());
        assert_eq!(
            said(CORE, &used(TESTKIT, json!("dev"))).unwrap(),
            "lanyard-core must not use lanyard-testkit in its tests"
        );
    }

    #[test]
    fn aws_client_is_allowed_in_adapter_only() {
        assert_eq!(said(AWS, &used("aws-sdk-iam", Value::Null)), None);
        assert!(said(ENGINE, &used("aws-sdk-iam", Value::Null)).is_some());
        assert_eq!(said(ENGINE, &used("aws-sdk-iam", json!("dev"))), None);
    }
}
