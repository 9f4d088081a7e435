//! `doctor`: says why the pods of an identity get no credentials. Input: the name of a WorkloadIdentity. Output: one finding for
//! each rule of core. Reads from AWS and the API server.

mod collect;
mod item;
mod network;

use clap::Args;
use jiff::Timestamp;
use lanyard_core::diagnose::{Evidence, Finding, Surroundings, diagnose};
use lanyard_core::identity::Identity;
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::binding::MethodSettings;
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::observed::Observed;
use lanyard_core::reconcile::scope::ReadScope;
use lanyard_engine::Scope;
use lanyard_engine::raw::Decoded;

use crate::connect::connect;
use crate::discovery::{Site, identify};
use crate::envelope::{ClusterRef, Envelope, Unread};
use crate::error::CliError;
use crate::exit::Exit;
use crate::global::Global;
use crate::output::Report;
use crate::plan::{ClassFacts, PlanArgs, identity_of, live};
use crate::progress::Progress;
use crate::screen::{Screen, Tone};

pub use item::DoctorItem;

/// The settings of `doctor`.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// Name of a WorkloadIdentity, or of what uses it: `orders`, `sa/orders`, `pod/orders-7c4f`, `deploy/orders`.
    #[arg(value_name = "NAME")]
    pub name: String,
    /// An error message of the application, which rules compare with the known ones.
    #[arg(long, value_name = "TEXT")]
    pub error: Option<String>,
}

/// The result of `doctor`.
pub(crate) struct DoctorReport(Envelope<DoctorItem>);

/// Diagnoses an identity.
pub(crate) async fn run(args: &DoctorArgs, global: &Global) -> Result<DoctorReport, CliError> {
    let _progress = Progress::start(&format!("reading {}", args.name), 1, global);
    let connection = connect(global).await?;
    let candidates = live(&connection, &PlanArgs::of_names(vec![args.name.clone()])).await?;
    let site = identify(&connection, global, None).await?;
    let required = connection.operator(global).await.requires_class;
    let facts = ClassFacts::read(&connection.client, &Default::default(), &candidates, required).await;
    let decoded = candidates
        .iter()
        .find_map(|candidate| candidate.object.decode(&site.cluster().identity));
    let Some(mut decoded) = decoded else {
        return Err(CliError::Usage(format!("{} is not a valid name", args.name)));
    };
    decoded.target.access = facts.access(&decoded);
    let accepted = identity_of(&decoded, site.cluster(), &facts).or_error(&args.name)?;
    let (observed, mut unread) = observe(&decoded, &accepted.identity, &site).await;
    let surroundings = collect::surroundings(&connection, &site, &decoded, args.error.as_deref()).await;
    let evidence = Evidence {
        subject: &decoded.target.subject,
        cluster: site.cluster(),
        binding: &accepted.identity.binding,
        observed: &observed,
        surroundings: &surroundings,
    };
    let item = DoctorItem::new(&evidence, diagnose(&evidence));
    unread.extend(item.unread());
    unread.extend(accepted.unread);
    let cluster = Some(ClusterRef::from(site.cluster()));
    Ok(DoctorReport(Envelope::new(
        "Doctor",
        cluster,
        Timestamp::now(),
        unread,
        vec![item],
    )))
}

/// The findings about an identity.
pub(crate) async fn findings(decoded: &Decoded, identity: &Identity, site: &Site) -> Vec<Finding> {
    let (observed, _) = observe(decoded, identity, site).await;
    diagnose(&Evidence {
        subject: &decoded.target.subject,
        cluster: site.cluster(),
        binding: &identity.binding,
        observed: &observed,
        surroundings: &Surroundings::default(),
    })
}

/// The role and the target role.
fn roles(identity: &Identity) -> Vec<RoleArn> {
    let mut roles = vec![identity.role_arn().clone()];
    match &identity.binding.settings {
        MethodSettings::PodIdentity { target_role_arn, .. } => roles.extend(target_role_arn.clone()),
        MethodSettings::Irsa { .. } => {}
    }
    roles
}

/// The facts that the rules need. Without AWS, no fact is read.
async fn observe(decoded: &Decoded, identity: &Identity, site: &Site) -> (Observed, Vec<Unread>) {
    let engine = match site {
        Site::Full(engine, unread) => {
            let scope = ReadScope {
                roles: roles(identity),
                known_policies: Default::default(),
                provider: identity.binding.provider_arn(),
                agent: !identity.binding.is_irsa(),
                // The rules need the containers too, which another list has.
                fresh_pods: false,
                workloads: false,
            };
            let scope = Scope::new(&decoded.target, scope, Fact::Unreadable(ReadError::NotRead));
            return (engine.observe(&scope).await, unread.iter().cloned().collect());
        }
        Site::WithoutAws(_, unread) => unread,
    };
    (Observed::unread(), vec![engine.clone()])
}

impl Report for DoctorReport {
    type Item = DoctorItem;

    fn envelope(&self) -> &Envelope<DoctorItem> {
        &self.0
    }

    fn exit(&self) -> Exit {
        match self.0.items.iter().any(DoctorItem::has_fault) {
            true => Exit::Changes,
            false => self.0.completeness(),
        }
    }

    fn names(&self) -> Vec<String> {
        self.0.items.iter().flat_map(DoctorItem::fault_codes).collect()
    }

    fn text(&self, screen: &mut Screen, wide: bool) {
        for item in &self.0.items {
            item.render(screen, wide);
        }
        for line in &self.0.unread {
            screen.put(Tone::Faint, &line.to_string()).end();
        }
    }
}
