//! The diagnoses of `tests/diagnoses/`: each folder has evidence, which overrides that of a healthy identity, and the expected
//! findings. Reads files and (with `LANYARD_BLESS=1`) writes them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use lanyard_core::diagnose::{Code, Evidence, Finding, Level, Need, Surroundings, diagnose};
use lanyard_core::model::binding::Binding;
use lanyard_core::model::cluster::Cluster;
use lanyard_core::model::observed::Observed;
use lanyard_core::model::subject::Subject;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use similar::TextDiff;

use crate::input::{from_yaml, override_with, typed};

/// The facts of a diagnosis.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Facts {
    cluster: Cluster,
    subject: Subject,
    binding: Binding,
    observed: Observed,
    surroundings: Surroundings,
}

impl Facts {
    fn findings(&self) -> Vec<Finding> {
        diagnose(&Evidence {
            subject: &self.subject,
            cluster: &self.cluster,
            binding: &self.binding,
            observed: &self.observed,
            surroundings: &self.surroundings,
        })
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("diagnoses")
}

/// The tree of a file over the trees that it extends.
fn tree(path: &Path) -> Result<Value> {
    let mut own: Value = from_yaml(path)?;
    let extends = own.as_object_mut().and_then(|map| map.remove("extends"));
    let Some(base) = extends else {
        return Ok(own);
    };
    let base = base.as_str().context("extends")?;
    let mut whole = tree(&root().join(format!("{base}.yaml")))?;
    override_with(&mut whole, own);
    Ok(whole)
}

fn facts(path: &Path) -> Result<Facts> {
    typed(&tree(path)?).with_context(|| format!("decoding {}", path.display()))
}

/// The findings that are not ok, each with its evidence.
fn rendered(findings: &[Finding]) -> String {
    let mut text = String::new();
    let reported = |finding: &&Finding| !matches!(finding.level, Level::Ok | Level::Skipped);
    for finding in findings.iter().filter(reported) {
        let follows = if finding.follows { " (follows)" } else { "" };
        let (level, code) = (finding.level.as_str(), finding.code.as_str());
        let _ = writeln!(text, "{level} {code} {}{follows}", finding.code.checks());
        if let Some(detail) = &finding.detail {
            let _ = writeln!(text, "  read      {}", detail.source);
            let _ = writeln!(text, "  expected  {}", detail.expected);
            let _ = writeln!(text, "  observed  {}", detail.observed);
            let _ = writeln!(text, "  next      {}", detail.command);
        }
        if let Some(missing) = &finding.missing {
            let _ = writeln!(text, "  missing   {missing}");
        }
    }
    if text.is_empty() {
        text.push_str("nothing\n");
    }
    text
}

fn cases() -> Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(root())? {
        folders.push(entry?.path());
    }
    folders.retain(|path| path.is_dir());
    folders.sort();
    Ok(folders)
}

/// The differences to the expected findings of a folder, which are overwritten instead with `bless`.
fn difference(folder: &Path, bless: bool) -> Result<String> {
    let actual = rendered(&facts(&folder.join("evidence.yaml"))?.findings());
    let path = folder.join("findings.txt");
    if bless {
        fs::write(&path, &actual)?;
        return Ok(String::new());
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    if expected == actual {
        return Ok(String::new());
    }
    let diff = TextDiff::from_lines(&expected, &actual);
    Ok(diff.unified_diff().header("findings.txt", "actual").to_string())
}

#[test]
fn every_diagnosis_matches_its_findings() {
    let bless = std::env::var_os("LANYARD_BLESS").is_some();
    let mut differences = String::new();
    for folder in cases().unwrap() {
        let name = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let text = difference(&folder, bless).unwrap_or_else(|error| format!("{error:#}\n"));
        if !text.is_empty() {
            let _ = write!(differences, "\n=== {name}\n{text}");
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

/// A folder is named by its rule, and by what makes it a fault or keeps it healthy.
#[test]
fn every_rule_has_a_finding_and_a_healthy_neighbour() {
    let mut found: BTreeMap<String, BTreeSet<bool>> = BTreeMap::new();
    for folder in cases().unwrap() {
        let name = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let code = name.split('-').next().unwrap_or_default().to_uppercase();
        let findings = facts(&folder.join("evidence.yaml")).unwrap().findings();
        let is_found = findings.iter().any(|finding| {
            finding.code.as_str() == code && matches!(finding.level, Level::Fault | Level::Warning)
        });
        found.entry(code).or_default().insert(is_found);
    }
    let both = BTreeSet::from([false, true]);
    let lacking: Vec<&str> = Code::ALL
        .iter()
        .map(|code| code.as_str())
        .filter(|code| found.get(*code) != Some(&both))
        .collect();
    assert_eq!(lacking, Vec::<&str>::new());
}

#[test]
fn healthy_identities_have_no_finding() {
    for base in ["irsa", "pod-identity"] {
        let facts = facts(&root().join(format!("{base}.yaml"))).unwrap();
        assert_eq!(rendered(&facts.findings()), "nothing\n", "{base}");
    }
}

/// The paths of the facts behind a need.
fn paths(need: Need) -> &'static [&'static str] {
    match need {
        Need::ServiceAccount => &["/observed/serviceAccount"],
        Need::Pods => &["/surroundings/pods"],
        Need::Role => &["/observed/roles/R/id"],
        Need::Trust => &["/observed/roles/R/trust"],
        Need::Policies => &["/observed/roles/R/attached", "/observed/roles/R/inline"],
        Need::Provider => &["/observed/provider"],
        Need::Association => &["/observed/association"],
        Need::Agent => &["/observed/agent"],
        Need::Webhook => &["/observed/webhook"],
        Need::Object => &["/surroundings/object"],
        Need::Operator => &["/surroundings/operator"],
        Need::Issuer => &["/surroundings/issuer"],
        Need::Clocks => &["/surroundings/clocks"],
        Need::TokenReaders => &["/surroundings/tokenReaders"],
        Need::NetworkPolicies => &["/surroundings/networkPolicies"],
        Need::Nodes => &["/surroundings/nodes"],
        Need::Simulation => &["/surroundings/simulation"],
        Need::Error => &["/surroundings/error"],
    }
}

const NEEDS: [Need; 17] = [
    Need::ServiceAccount,
    Need::Pods,
    Need::Role,
    Need::Trust,
    Need::Policies,
    Need::Provider,
    Need::Association,
    Need::Agent,
    Need::Webhook,
    Need::Object,
    Need::Operator,
    Need::Issuer,
    Need::Clocks,
    Need::TokenReaders,
    Need::NetworkPolicies,
    Need::Nodes,
    Need::Simulation,
];

/// The levels by rule after the facts of a need became unreadable.
fn without(tree: &Value, need: Need) -> Result<Vec<(Code, Level)>> {
    let mut tree = tree.clone();
    for path in paths(need) {
        let path = path.replace("/R/", "/arn:aws:iam::111122223333:role~1shop-orders/");
        let fact = tree.pointer_mut(&path);
        match fact {
            Some(fact) => *fact = json!({"unreadable": {"denied": "the right"}}),
            None => override_with(&mut tree, nested(&path)),
        }
    }
    let findings = typed::<Facts>(&tree)?.findings();
    Ok(findings
        .iter()
        .map(|finding| (finding.code, finding.level))
        .collect())
}

fn nested(path: &str) -> Value {
    let denied = json!({"unreadable": {"denied": "the right"}});
    path.split('/')
        .skip(1)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .fold(denied, |inner, key| json!({key: inner}))
}

/// A rule that loses a fact it declares has no result, and one that does not declare it keeps its result.
#[test]
fn rules_depend_on_the_facts_that_they_declare() {
    for base in ["irsa", "pod-identity"] {
        let tree = tree(&root().join(format!("{base}.yaml"))).unwrap();
        let before = typed::<Facts>(&tree).unwrap().findings();
        for need in NEEDS {
            let after = without(&tree, need).unwrap();
            for (before, (code, level)) in before.iter().zip(after) {
                let declared = code.needs().contains(&need);
                let context = format!("{base}: {} without {need:?}: {level:?}", code.as_str());
                ensure_level(before.level, level, declared, &context).unwrap();
            }
        }
    }
}

fn ensure_level(before: Level, after: Level, declared: bool, context: &str) -> Result<()> {
    match declared {
        false => ensure!(
            before == after,
            "{context}, but it was {before:?} and does not declare it"
        ),
        // A fact of the other method is not read.
        true => ensure!(
            after == Level::Unknown || before == Level::Skipped || after == before,
            "{context}"
        ),
    }
    Ok(())
}
