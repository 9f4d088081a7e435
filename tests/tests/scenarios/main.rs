//! The scenarios of `tests/scenarios/`: each folder has a spec, the observed facts, and the expected drift,
//! plan, events and status. Reads and (with `LANYARD_BLESS=1`) writes files; needs no control plane.

#![cfg(test)]

mod diagnoses;
mod input;
mod messages;
mod planned;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use jiff::Timestamp;
use lanyard_api::{ANNOTATION_ADOPT, WorkloadIdentity, WorkloadIdentityClass, WorkloadIdentityStatus};
use lanyard_cli::planned_steps;
use lanyard_core::class::adoption::named;
use lanyard_core::class::{Class, Selection};
use lanyard_core::identity::Identity;
use lanyard_core::model::cluster::Cluster;
use lanyard_core::model::observed::{Association, Observed, RoleFacts};
use lanyard_core::model::spec::Spec;
use lanyard_core::model::status::Status;
use lanyard_core::model::subject::Subject;
use lanyard_core::model::text;
use lanyard_core::model::timings::Timings;
use lanyard_core::reconcile::class_decision::{ClassDecision, Record, SpecContext, decide_class};
use lanyard_core::reconcile::decide::{
    Decision, decide, decide_deletion, roles_to_read, roles_to_read_on_deletion,
};
use lanyard_core::reconcile::deletion_mode::DeletionMode;
use lanyard_core::reconcile::gate::{Reporting, WriteGate};
use lanyard_core::reconcile::outcome::{Answer, Outcome, Skip, StepResult};
use lanyard_core::reconcile::step::Step;
use lanyard_core::reconcile::summary::{Summary, SummaryInput, invalid, refused, summarise};
use serde_json::{Value, json};
use similar::TextDiff;

use crate::input::{check_files, from_yaml, override_with, typed};

/// The time of every reconcile.
const NOW: &str = "2026-03-01T12:00:00Z";
/// The time at which `before.yaml` was applied.
const BEFORE: &str = "2026-02-01T12:00:00Z";

/// The outputs of a reconcile by file name below `expected/`.
type Outputs = BTreeMap<&'static str, String>;

#[test]
fn every_scenario_matches_its_expected_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let bless = std::env::var_os("LANYARD_BLESS").is_some();
    let mut differences = String::new();
    for folder in folders(&root).unwrap() {
        let name = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        match scenario(&root, &folder).and_then(|outputs| compare(&folder, &outputs, bless)) {
            Ok(difference) if difference.is_empty() => {}
            Ok(difference) => differences += &format!("\n=== {name}\n{difference}"),
            Err(error) => differences += &format!("\n=== {name}\n{error:#}\n"),
        }
    }
    assert!(
        differences.is_empty(),
        "{differences}\nIf these results are correct: LANYARD_BLESS=1 cargo test -p lanyard-tests --test scenarios"
    );
}

fn folders(root: &Path) -> Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    ensure!(!folders.is_empty(), "no scenario in {}", root.display());
    Ok(folders)
}

/// Returns a diff to the files below `expected/`, which are overwritten instead with `bless`.
fn compare(folder: &Path, outputs: &Outputs, bless: bool) -> Result<String> {
    let expected = folder.join("expected");
    let mut difference = String::new();
    for (file, text) in outputs {
        let path = expected.join(file);
        if bless {
            fs::create_dir_all(&expected)?;
            fs::write(&path, text)?;
            continue;
        }
        let written = fs::read_to_string(&path).unwrap_or_default();
        if written != *text {
            let diff = TextDiff::from_lines(&written, text);
            let header = (format!("expected/{file}"), "actual".to_owned());
            write!(difference, "{}", diff.unified_diff().header(&header.0, &header.1))?;
        }
    }
    for entry in fs::read_dir(&expected).into_iter().flatten() {
        let path = entry?.path();
        let known = path
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| outputs.contains_key(name));
        if !known && bless {
            fs::remove_file(&path)?;
        } else if !known {
            writeln!(difference, "{} is expected and was not produced", path.display())?;
        }
    }
    Ok(difference)
}

/// Runs one scenario: a reconcile whose steps all take effect, and a second reconcile that must plan no steps.
fn scenario(root: &Path, folder: &Path) -> Result<Outputs> {
    check_files(folder)?;
    let cluster: Cluster = from_yaml(&root.join("cluster.yaml"))?;
    let object: WorkloadIdentity = from_yaml(&folder.join("spec.yaml"))?;
    let previous = previous(folder, &cluster)?;
    let mut world: Value = from_yaml(&root.join("world.yaml"))?;
    override_with(&mut world, from_yaml(&folder.join("observed.yaml"))?);
    let mut observed: Observed = typed(&world).context("observed.yaml over world.yaml")?;
    let subject = subject(&object, &cluster);
    let generation = object.metadata.generation.unwrap_or(1);
    let is_deleting = object.metadata.deletion_timestamp.is_some();
    let spec = spec(&object);
    let now = NOW.parse()?;
    let class = class(folder)?;
    let decision = class_decision(&spec, &subject, &cluster, class.as_ref(), &previous, &observed);
    let (faults, summary) = match &decision {
        ClassDecision::Accepted(_) => (Vec::new(), None),
        _ if is_deleting => (Vec::new(), None),
        ClassDecision::Invalid(errors) => {
            let faults = errors.iter().map(|error| text::field(&error.to_string()));
            (
                faults.collect(),
                Some(invalid(&previous, generation, errors, now)),
            )
        }
        ClassDecision::Rejected(freeze) => {
            let summary = refused(&previous, generation, freeze, now);
            (vec![freeze.message.clone()], Some(summary))
        }
    };
    if let Some(summary) = summary {
        let faults: String = faults.iter().map(|fault| format!("{fault}\n")).collect();
        return Ok(BTreeMap::from([
            ("faults.txt", faults),
            ("events.txt", messages::events(&summary.events)),
            ("status.yaml", messages::status(&summary)?),
        ]));
    }
    let case = Case {
        identity: match decision {
            ClassDecision::Accepted(identity) => Some(*identity),
            ClassDecision::Rejected(_) | ClassDecision::Invalid(_) => None,
        },
        subject,
        generation,
        leaving: DeletionMode::of(Some(&spec), observed.object.inventory.as_ref()),
        is_deleting,
        gate: if spec.suspend {
            WriteGate::ReportOnly(Reporting::Suspended)
        } else {
            WriteGate::Open
        },
        timings: Timings::default(),
        now,
    };
    case.add_absent_roles(&previous, &mut observed);
    case.run(&previous, observed)
}

/// The spec, with the annotation that names the resources to adopt.
fn spec(object: &WorkloadIdentity) -> Spec {
    let annotations = object.metadata.annotations.as_ref();
    let adopt = annotations.and_then(|all| all.get(ANNOTATION_ADOPT));
    Spec {
        adopt: adopt.map(|text| named(text)).unwrap_or_default(),
        ..object.spec.to_core()
    }
}

/// The class of the folder. Returns `None` if it has none: then there are no classes.
fn class(folder: &Path) -> Result<Option<Class>> {
    let path = folder.join("class.yaml");
    if !path.exists() {
        return Ok(None);
    }
    let object: WorkloadIdentityClass = from_yaml(&path)?;
    let class = object.listed().class;
    class
        .map(Some)
        .map_err(|error| anyhow::anyhow!("class.yaml: {error:?}"))
}

fn class_decision(
    spec: &Spec,
    subject: &Subject,
    cluster: &Cluster,
    class: Option<&Class>,
    previous: &Status,
    observed: &Observed,
) -> ClassDecision {
    let choice = class.map_or(Selection::Unrestricted, Selection::Chosen);
    let record = Record {
        status: previous,
        inventory: observed.object.inventory.as_ref(),
    };
    decide_class(spec, SpecContext { subject, cluster }, &choice, record, |_| true)
}

/// One object with everything that a reconcile needs.
struct Case {
    identity: Option<Identity>,
    subject: Subject,
    generation: i64,
    leaving: DeletionMode,
    is_deleting: bool,
    gate: WriteGate,
    timings: Timings,
    now: Timestamp,
}

impl Case {
    fn decide(&self, previous: &Status, observed: &Observed) -> Decision {
        match &self.identity {
            Some(identity) if !self.is_deleting => {
                decide(identity, previous, observed, &self.timings, self.now)
            }
            Some(_) | None => decide_deletion(&self.subject, previous, observed, self.leaving),
        }
    }

    /// Adds the roles that a reconcile reads and the scenario does not list, as absent.
    fn add_absent_roles(&self, previous: &Status, observed: &mut Observed) {
        let role = self.identity.as_ref().map(Identity::role_arn);
        let roles = match &self.identity {
            Some(identity) if !self.is_deleting => {
                roles_to_read(identity, previous, observed.object.inventory.as_ref())
            }
            Some(_) | None => roles_to_read_on_deletion(previous, observed.object.inventory.as_ref(), role),
        };
        for arn in roles {
            observed.roles.entry(arn).or_insert_with(RoleFacts::absent);
        }
    }

    fn run(&self, previous: &Status, observed: Observed) -> Result<Outputs> {
        let decision = self.decide(previous, &observed);
        let planned = planned_steps(&decision, &observed, self.gate);
        let (summary, after) = self.carry_out(&decision, previous, observed);
        planned::same_steps(&planned, &decision, self.gate)?;
        let mut outputs = BTreeMap::from([
            ("drift.txt", messages::drift(&decision.drift, self.is_deleting)),
            ("plan.txt", messages::plan(&decision.plan)),
            ("events.txt", messages::events(&summary.events)),
        ]);
        let released = decision
            .plan
            .steps()
            .any(|step| matches!(step, Step::ReleaseObject { .. }));
        if released {
            return Ok(outputs);
        }
        outputs.insert("status.yaml", messages::status(&summary)?);
        let again = WorkloadIdentityStatus::from_core(&summary.status).to_core();
        let second = self.decide(&again, &after);
        let pending: Vec<String> = second.plan.steps().map(ToString::to_string).collect();
        let is_gated = self.gate != WriteGate::Open;
        ensure!(
            is_gated || pending.is_empty(),
            "a second reconcile still plans: {}",
            pending.join("; ")
        );
        Ok(outputs)
    }

    /// Every step that the gate permits takes effect.
    fn carry_out(&self, decision: &Decision, previous: &Status, mut after: Observed) -> (Summary, Observed) {
        let mut outcome = Outcome::default();
        for step in decision.plan.steps() {
            let result = if self.gate.permits(step) {
                let answer = answer(step, previous, &after);
                after.assume(step, &answer);
                StepResult::Done(answer)
            } else {
                StepResult::Skipped(Skip::WriteGate)
            };
            outcome.steps.push((step.clone(), result));
        }
        let summary = summarise(&SummaryInput {
            generation: self.generation,
            decision,
            outcome: &outcome,
            after: &after,
            previous,
            gate: self.gate,
            timings: &self.timings,
            now: self.now,
        });
        (summary, after)
    }
}

/// The answer of AWS: the ids that `observed.yaml` files use for existing resources, and another id for a
/// role that is created a second time.
fn answer(step: &Step, previous: &Status, after: &Observed) -> Answer {
    match step {
        Step::CreateRole { .. } if previous.role.is_some() => Answer::RoleId("AROAORDERSAGAIN".to_owned()),
        Step::CreateRole { .. } => Answer::RoleId("AROAORDERSEXAMPLE".to_owned()),
        Step::CreateAssociation { desired, .. } => Answer::Association(Box::new(Association {
            id: "a-orders".to_owned(),
            arn: "arn:aws:eks:eu-west-1:111122223333:podidentityassociation/prod/a-orders".to_owned(),
            role_arn: desired.role_arn.clone(),
            target_role_arn: desired.target_role_arn.clone(),
            session_tags: desired.session_tags,
            policy: desired.policy.clone(),
            tags: desired.tags.clone(),
            owner_arn: None,
            external_id: None,
            modified_at: after.association.present().and_then(|found| found.modified_at),
        })),
        _ => Answer::Nothing,
    }
}

/// The status after `before.yaml` was applied to the facts of `world.yaml`.
fn previous(folder: &Path, cluster: &Cluster) -> Result<Status> {
    let path = folder.join("before.yaml");
    if !path.exists() {
        return Ok(Status::default());
    }
    let object: WorkloadIdentity = from_yaml(&path)?;
    let subject = subject(&object, cluster);
    let (before, class) = (spec(&object), class(folder)?);
    let status = Status::default();
    let nothing = Observed::unread();
    let ClassDecision::Accepted(identity) =
        class_decision(&before, &subject, cluster, class.as_ref(), &status, &nothing)
    else {
        bail!("before.yaml is not valid");
    };
    let case = Case {
        identity: Some(*identity),
        subject,
        generation: object.metadata.generation.unwrap_or(1),
        leaving: DeletionMode::Remove,
        is_deleting: false,
        gate: WriteGate::Open,
        // Everything has propagated since.
        timings: Timings {
            propagation: Duration::ZERO,
            ..Timings::default()
        },
        now: BEFORE.parse()?,
    };
    let mut observed: Observed = from_yaml(&folder.join("../world.yaml"))?;
    case.add_absent_roles(&Status::default(), &mut observed);
    let decision = case.decide(&Status::default(), &observed);
    let (summary, _) = case.carry_out(&decision, &Status::default(), observed);
    Ok(WorkloadIdentityStatus::from_core(&summary.status).to_core())
}

fn subject(object: &WorkloadIdentity, cluster: &Cluster) -> Subject {
    let meta = &object.metadata;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    serde_json::from_value(json!({
        "cluster": cluster.identity,
        "namespace": text(&meta.namespace),
        "name": text(&meta.name),
    }))
    .unwrap()
}
