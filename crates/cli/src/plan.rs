//! `plan`: the steps that the operator would take, decided by the code of the operator, with a closed write gate. Input: names,
//! or files. Output: a report. Reads from AWS and the API server.

mod args;
mod class_facts;
mod collect;
mod decision;
mod fields;
mod gate;
mod item;
mod markdown;
mod offline;
mod read;
mod steps;
mod text;
mod unread;

use futures::StreamExt;
use jiff::Timestamp;
use lanyard_core::model::arn::Issuer;
use lanyard_core::model::binding::MethodSettings;
use lanyard_core::model::observed::Observed;

use crate::connect::connect;
use crate::discovery::{Site, identify};
use crate::envelope::{ClusterRef, Envelope, Unread};
use crate::error::CliError;
use crate::exit::Exit;
use crate::global::Global;
use crate::manifest::{self, Manifests};
use crate::output::{Report, say};
use crate::progress::Progress;
use crate::screen::Screen;

pub use args::PlanArgs;
pub(crate) use class_facts::ClassFacts;
pub(crate) use collect::{Candidate, live, of_file};
pub(crate) use decision::identity_of;
use gate::FailOn;
pub(crate) use item::State;
pub use item::{PlanItem, PlannedStep};
pub use steps::planned_steps;
pub(crate) use text::render_unread;

/// Objects that are read at the same time. Calls of AWS are limited by the budget.
const CONCURRENT: usize = 16;

/// The result of `plan`.
pub(crate) struct PlanReport {
    envelope: Envelope<PlanItem>,
    fail_on: Vec<FailOn>,
    diff: bool,
}

/// Plans the requested objects.
pub(crate) async fn run(args: &PlanArgs, global: &Global) -> Result<PlanReport, CliError> {
    if args.all_namespaces && (global.namespace.is_some() || !args.names.is_empty()) {
        let message = "--all-namespaces excludes --namespace and names";
        return Err(CliError::Usage(message.to_owned()));
    }
    let manifests = manifest::read(&args.filename)?;
    report_others(args, global, &manifests)?;
    if args.offline {
        return without_cluster(args, global, &manifests);
    }
    let connection = connect(global).await?;
    let candidates = match args.filename.is_empty() {
        true => collect::live(&connection, args).await?,
        false => collect::from_files(&connection, &manifests).await?,
    };
    let site = identify(&connection, global, recorded_issuer(&candidates).as_ref()).await?;
    let unread = match &site {
        Site::Full(_, unread) => unread.clone(),
        Site::WithoutAws(_, unread) => Some(unread.clone()),
    };
    if let (Some(unread), false) = (&unread, global.quiet) {
        say(&format!(
            "warning: {} not read: {}; {}",
            unread.resource, unread.cause, unread.consequence
        ));
    }
    let required = args.require_class || connection.operator(global).await.requires_class;
    let facts = ClassFacts::read(&connection.client, &manifests, &candidates, required).await;
    let now = Timestamp::now();
    let progress = Progress::start("planning", candidates.len(), global);
    let planned = candidates
        .iter()
        .map(|candidate| plan_one(candidate, &site, &facts, None, now));
    let items: Vec<PlanItem> = futures::stream::iter(planned)
        .buffered(CONCURRENT)
        .inspect(|_| progress.step())
        .collect()
        .await;
    let of_items = items.iter().flat_map(|item| item.unread.clone());
    let unread: Vec<Unread> = of_items.chain(unread).collect();
    let cluster = Some(ClusterRef::from(site.cluster()));
    Ok(PlanReport {
        envelope: Envelope::new("Plan", cluster, now, unread, items),
        fail_on: args.fail_on.clone(),
        diff: args.diff,
    })
}

/// Plans the objects of files without reading anything.
fn without_cluster(args: &PlanArgs, global: &Global, manifests: &Manifests) -> Result<PlanReport, CliError> {
    let cluster = offline::cluster(global)?;
    let candidates = offline::candidates(manifests, global)?;
    let facts = ClassFacts::of_files(manifests, args.require_class);
    let now = Timestamp::now();
    let planned = candidates
        .iter()
        .map(|candidate| offline::plan(PlanItem::of(candidate), candidate, &cluster, &facts, now));
    let items: Vec<PlanItem> = planned.collect();
    let of_items = items.iter().flat_map(|item| item.unread.clone());
    let unread = of_items.chain([offline::unread()]).collect();
    let cluster = Some(ClusterRef::from(&cluster));
    Ok(PlanReport {
        envelope: Envelope::new("Plan", cluster, now, unread, items),
        fail_on: args.fail_on.clone(),
        diff: args.diff,
    })
}

/// Plans one object. With `known` facts, nothing is read.
pub(crate) async fn plan_one(
    candidate: &Candidate,
    site: &Site,
    facts: &ClassFacts,
    known: Option<Observed>,
    now: Timestamp,
) -> PlanItem {
    let item = PlanItem::of(candidate);
    if let Some(unread) = &candidate.unread {
        return item.unknown(unread.clone());
    }
    let Some(mut decoded) = candidate.object.decode(&site.cluster().identity) else {
        return item.invalid(vec!["its name or namespace is not a valid name".to_owned()]);
    };
    decoded.target.access = facts.access(&decoded);
    match site {
        Site::Full(engine, _) => read::plan(item, &decoded, candidate, (engine, known), facts, now).await,
        Site::WithoutAws(cluster, _) => fields::plan(item, &decoded, cluster, facts, now),
    }
}

/// Warns about objects of other kinds. Files without any WorkloadIdentity are an error.
fn report_others(args: &PlanArgs, global: &Global, manifests: &Manifests) -> Result<(), CliError> {
    let others = manifests.other_kinds();
    if !args.filename.is_empty() && manifests.identities.is_empty() {
        let found = if others.is_empty() {
            String::new()
        } else {
            format!("; they have {others}")
        };
        return Err(CliError::Manifest(format!(
            "the files have no WorkloadIdentity{found}"
        )));
    }
    if !others.is_empty() && !global.quiet {
        say(&format!("ignored: {others}"));
    }
    Ok(())
}

/// The issuer of a recorded IRSA binding.
fn recorded_issuer(candidates: &[Candidate]) -> Option<Issuer> {
    candidates.iter().find_map(|candidate| {
        let bindings = candidate.object.decode_status().bindings.into_iter();
        bindings
            .map(|known| known.binding.settings)
            .find_map(|settings| match settings {
                MethodSettings::Irsa { issuer, .. } => Some(issuer),
                MethodSettings::PodIdentity { .. } => None,
            })
    })
}

impl Report for PlanReport {
    type Item = PlanItem;

    fn envelope(&self) -> &Envelope<PlanItem> {
        &self.envelope
    }

    fn exit(&self) -> Exit {
        let items = self.envelope.items.iter();
        items
            .map(|item| item.gated_exit(&self.fail_on))
            .max()
            .unwrap_or(Exit::Done)
            .max(self.envelope.completeness())
    }

    fn names(&self) -> Vec<String> {
        let changing = self.envelope.items.iter().filter(|item| item.would_change());
        changing
            .map(|item| format!("workloadidentity.lanyard.dev/{}", item.name))
            .collect()
    }

    fn text(&self, screen: &mut Screen, wide: bool) {
        text::render(&self.envelope, screen, wide, self.diff);
    }

    fn markdown(&self) -> Option<String> {
        Some(markdown::render(&self.envelope))
    }
}
