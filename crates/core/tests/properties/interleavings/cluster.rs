//! A small model of a cluster and of AWS around one subject: pods with the credentials that they carry, a webhook and an
//! STS that see changes late, and agents that cache sessions. It does not know the phases of a transition.
//! Inputs are actions; the output is the changed cluster, or the access that a pod lost. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use lanyard_core::identity::Identity;
use lanyard_core::model::annotation::{ANNOTATION_AUDIENCE, ANNOTATION_ROLE_ARN};
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::binding::{Binding, MethodSettings};
use lanyard_core::model::fact::Fact;
use lanyard_core::model::name::Audience;
use lanyard_core::model::observed::{Association, RoleFacts};
use lanyard_core::model::pods::{Credential, Place};
use lanyard_core::model::status::Status;
use lanyard_core::model::workload::WorkloadRef;
use lanyard_core::reconcile::admission::{Request, may_admit};
use lanyard_core::reconcile::outcome::Answer;
use lanyard_core::reconcile::step::Step;

use super::workloads::owners;
use crate::fake_world::{World, apply_step, empty, provider};
use crate::specs::{cluster, subject};

/// The delay in seconds after which the webhook, EKS and STS see a change. The operator waits longer.
pub const WEBHOOK_LAG: i64 = 45;
pub const STS_LAG: i64 = 8;
/// The lifetime in seconds of a session that the agent fetched (docs/dev/aws-behaviour.md#target-role).
const SESSION: i64 = 6 * 3600;

/// A pod.
#[derive(Debug, Clone)]
pub struct Pod {
    /// The credentials of its containers.
    pub carries: BTreeSet<Credential>,
    pub created: Timestamp,
    pub owner: WorkloadRef,
    /// True if a restart by Lanyard replaced a working pod by this one, which has no credentials.
    pub worsened: bool,
    /// The role of the session that the agent has cached, and the expiration of the session.
    session: Option<(RoleArn, Timestamp)>,
}

impl Pod {
    pub fn has_pod_identity(&self) -> bool {
        self.carries.contains(&Credential::PodIdentity)
    }
}

/// The parts of the world that the webhook, EKS and STS see, at one time.
#[derive(Debug, Clone)]
struct Snapshot {
    at: Timestamp,
    association: Option<Association>,
    annotated: Option<(String, String)>,
    trusts: Vec<(RoleArn, RoleFacts)>,
}

/// The world with its history, and the status that the operator wrote.
#[derive(Debug, Clone)]
pub struct Cluster {
    pub world: World,
    pub status: Status,
    pub now: Timestamp,
    pub pods: Vec<Pod>,
    /// The lead of AWS's clock over the operator's clock, in seconds.
    pub skew: i64,
    /// True if the webhook does not answer: new pods get no credentials.
    pub webhook_down: bool,
    /// The workload whose pod template sets web identity, with that credential.
    pub template: Option<(WorkloadRef, Credential)>,
    /// The place of every pod.
    pub place: Place,
    /// The SecretProviderClass of a volume of every pod.
    pub token_volume: Option<String>,
    /// The restarts by Lanyard in the current transition.
    pub restarts: BTreeMap<WorkloadRef, Vec<Timestamp>>,
    /// The disassociation that a user approved: the ID of the association and the binding that replaces it.
    pub approved: Option<(String, Binding)>,
    history: Vec<Snapshot>,
    /// True if the association was deleted with approval.
    unbound: bool,
    /// True if a binding was effective before.
    bound_once: bool,
    created_associations: usize,
}

impl Cluster {
    pub fn new(skew: i64) -> Self {
        let mut world = empty();
        world.provider = Fact::Present(provider(&[]));
        world.service_account = Fact::Present(Default::default());
        let mut cluster = Self {
            world,
            status: Status::default(),
            now: "2026-03-01T12:00:00Z".parse().unwrap(),
            pods: Vec::new(),
            skew,
            webhook_down: false,
            template: None,
            place: Place::Reached,
            token_volume: None,
            restarts: BTreeMap::new(),
            approved: None,
            history: Vec::new(),
            unbound: false,
            bound_once: false,
            created_associations: 0,
        };
        cluster.take_snapshot();
        cluster
    }

    /// Applies a step to the world. Fails if the step deletes an association that pods use without approval.
    pub fn apply_step(&mut self, step: &Step, identity: &Identity, rollout: bool) -> Result<Answer, String> {
        if let (Step::DeleteAssociation { .. }, Some(association)) = (step, self.world.association.present())
        {
            let approved = self.approved.as_ref();
            let allowed = (rollout && self.can_restart_all())
                || approved.is_some_and(|(id, to)| *id == association.id && *to == identity.binding);
            if !allowed && self.pods.iter().any(|pod| pod.has_pod_identity()) {
                return Err(format!("{} is deleted without approval", association.id));
            }
            self.unbound = true;
        }
        let clock = self.now + SignedDuration::from_secs(self.skew);
        let mut answer = apply_step(&mut self.world, step, clock)?;
        if let (Step::CreateAssociation { .. }, Answer::Association(created)) = (step, &mut answer) {
            self.created_associations += 1;
            created.id = format!("a-{}", self.created_associations);
            self.world.association = Fact::Present((**created).clone());
            self.unbound = false;
        }
        if let (Step::Annotate { .. }, Fact::Present(account)) = (step, &mut self.world.service_account) {
            account.applied_at = Some(self.now);
        }
        if let Step::RestartWorkload { owner, .. } = step {
            self.restart(owner)?;
        }
        self.take_snapshot();
        Ok(answer)
    }

    /// Records the current world for the webhook, EKS and STS, which see it late.
    fn take_snapshot(&mut self) {
        let account = self.world.service_account.present();
        let annotation = |key: &str| {
            account
                .and_then(|account| account.annotations.get(key))
                .map(|annotation| annotation.value.clone())
        };
        let audience = annotation(ANNOTATION_AUDIENCE).unwrap_or_else(|| "sts.amazonaws.com".to_owned());
        let roles = self.world.roles.iter();
        self.history.push(Snapshot {
            at: self.now,
            association: self.world.association.present().cloned(),
            annotated: annotation(ANNOTATION_ROLE_ARN).map(|role| (role, audience)),
            trusts: roles.map(|(arn, facts)| (arn.clone(), facts.clone())).collect(),
        });
    }

    /// The snapshots that a reader with this delay in seconds may see.
    fn visible(&self, lag: i64) -> &[Snapshot] {
        let horizon = self.now - SignedDuration::from_secs(lag);
        let newest_before = self
            .history
            .iter()
            .rposition(|snapshot| snapshot.at <= horizon)
            .unwrap_or(0);
        &self.history[newest_before..]
    }

    /// Creates a pod. `chance` selects the snapshots in which the webhook sees the association and the annotation.
    pub fn create_pod(&mut self, chance: (u8, u8), owner: usize) -> Result<(), String> {
        let visible = self.visible(WEBHOOK_LAG);
        let pick = |chance: u8| &visible[usize::from(chance) % visible.len()];
        let owners = owners();
        let owner = owners[owner % owners.len()].clone();
        let in_template = self.template.as_ref().filter(|(known, _)| *known == owner);
        let gets = |(association, account): (u8, u8)| match (
            &pick(association).association,
            &pick(account).annotated,
        ) {
            _ if in_template.is_some() => in_template.map(|(_, credential)| credential.clone()),
            _ if self.webhook_down => None,
            (Some(_), _) => Some(Credential::PodIdentity),
            (None, Some((role, audience))) => Some(Credential::WebIdentity {
                role: role.clone(),
                audience: audience.clone(),
            }),
            (None, None) => None,
        };
        // Stricter than the webhook: each of two containers gets the credentials of another snapshot.
        let containers = [gets(chance), gets((chance.1, chance.0))];
        if containers.contains(&None) && self.bound_once && !self.webhook_down {
            return Err("a container of a new pod gets no credentials".to_owned());
        }
        self.pods.push(Pod {
            session: None,
            created: self.now,
            owner,
            worsened: false,
            carries: containers.into_iter().flatten().collect(),
        });
        self.fetch()
    }

    /// Lets time pass. Agents replace expired sessions.
    pub fn wait(&mut self, seconds: i64) -> Result<(), String> {
        self.now += SignedDuration::from_secs(seconds);
        self.bound_once |= self.status.active_binding().is_some();
        self.fetch()
    }

    /// Fetches a session for every pod that has none.
    fn fetch(&mut self) -> Result<(), String> {
        let expiration = self.now + SignedDuration::from_secs(SESSION);
        let association = self
            .world
            .association
            .present()
            .map(|association| association.role_arn.clone());
        for pod in &mut self.pods {
            if pod
                .session
                .as_ref()
                .is_some_and(|(_, expiration)| *expiration <= self.now)
            {
                pod.session = None;
            }
            if pod.has_pod_identity() && pod.session.is_none() {
                pod.session = association.clone().map(|role| (role, expiration));
            }
        }
        self.every_pod_has_access()
    }

    /// Fails if a pod lost its access without approval.
    pub fn every_pod_has_access(&self) -> Result<(), String> {
        self.pods
            .iter()
            .try_for_each(|pod| self.has_access(pod).map_err(|error| format!("{pod:?}: {error}")))
    }

    fn has_access(&self, pod: &Pod) -> Result<(), String> {
        pod.carries.iter().try_for_each(|credential| match credential {
            Credential::WebIdentity { role, audience } => {
                let binding = Binding {
                    role_arn: RoleArn::parse(role).unwrap(),
                    settings: MethodSettings::Irsa {
                        issuer: cluster().issuer,
                        audience: Audience::parse(audience.as_str()).unwrap(),
                    },
                };
                self.is_admitted(&binding)
            }
            Credential::PodIdentity => self.agent_serves(pod),
        })
    }

    /// Fails unless the agent can fetch a session for every association that EKS may see, and the role of the cached session
    /// exists.
    fn agent_serves(&self, pod: &Pod) -> Result<(), String> {
        if let Some((role, _)) = &pod.session
            && self
                .world
                .roles
                .get(role)
                .is_none_or(|facts| facts.id.present().is_none())
        {
            return Err(format!("role {role} of the session does not exist"));
        }
        if self.unbound {
            return Ok(());
        }
        if self.world.association.present().is_none() {
            return Err("the association does not exist".to_owned());
        }
        let created = pod.created;
        for association in self
            .visible(WEBHOOK_LAG)
            .iter()
            .filter_map(|snapshot| snapshot.association.as_ref())
        {
            let binding = Binding {
                role_arn: association.role_arn.clone(),
                settings: MethodSettings::PodIdentity {
                    target_role_arn: association.target_role_arn.clone(),
                    session_tags: association.session_tags,
                },
            };
            self.is_admitted(&binding)
                .map_err(|error| format!("{error} (pod created {created})"))?;
        }
        Ok(())
    }

    /// Fails unless the trust policy admits the binding in every snapshot that STS may see.
    fn is_admitted(&self, binding: &Binding) -> Result<(), String> {
        let (subject, cluster) = (subject(), cluster());
        let request = Request {
            subject: &subject,
            cluster: &cluster,
            binding,
        };
        for snapshot in self.visible(STS_LAG) {
            let role = snapshot.trusts.iter().find(|(arn, _)| *arn == binding.role_arn);
            let trust = role.and_then(|(_, facts)| facts.trust.present());
            if !trust.is_some_and(|trust| may_admit(trust, request)) {
                return Err(format!(
                    "the trust policy seen at {} does not admit {}",
                    snapshot.at,
                    binding.key()
                ));
            }
        }
        Ok(())
    }

    /// Deletes a pod.
    pub fn delete_pod(&mut self, index: usize) {
        if !self.pods.is_empty() {
            drop(self.pods.remove(index % self.pods.len()));
        }
    }
}
