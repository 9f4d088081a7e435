//! A small model of a cluster and of AWS around one subject: pods with the credentials they really hold, a webhook and
//! an STS that see changes late, and agents that cache sessions. It knows nothing of stages.
//! Acts in, the changed cluster or what a pod lost out. Called by the interleavings.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use lanyard_core::identity::Identity;
use lanyard_core::model::annotation::{ANNOTATION_AUDIENCE, ANNOTATION_ROLE_ARN};
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::binding::{Binding, MethodSettings};
use lanyard_core::model::fact::Fact;
use lanyard_core::model::name::Audience;
use lanyard_core::model::observed::{Association, RoleFacts};
use lanyard_core::model::pods::{Credential, Place, PodCredentials, PodList};
use lanyard_core::model::status::Status;
use lanyard_core::model::workload::{Workload, WorkloadRef};
use lanyard_core::reconcile::admission::{Request, lets_in};
use lanyard_core::reconcile::step::Step;

use crate::specs::{cluster, subject};
use crate::world::{Truth, empty, provider, take};

/// How late the webhook, EKS and STS may see a change. The operator is told to wait longer than that.
pub const WEBHOOK_LAG: i64 = 45;
pub const STS_LAG: i64 = 8;
/// How long a session that the agent fetched lasts (docs/dev/aws-behaviour.md#target-role).
const SESSION: i64 = 6 * 3600;

/// One pod.
#[derive(Debug, Clone)]
pub struct Pod {
    /// What its containers carry.
    pub credentials: BTreeSet<Credential>,
    pub created: Timestamp,
    pub owner: WorkloadRef,
    /// The role of the session that the agent has cached, and when it ends.
    session: Option<(RoleArn, Timestamp)>,
}

impl Pod {
    fn has_pod_identity(&self) -> bool {
        self.credentials.contains(&Credential::PodIdentity)
    }
}

/// What others see of the world at one moment.
#[derive(Debug, Clone)]
struct Seen {
    at: Timestamp,
    association: Option<Association>,
    annotated: Option<(String, String)>,
    trusts: Vec<(RoleArn, RoleFacts)>,
}

/// The world, its history as far as it matters, and what the operator keeps of it.
#[derive(Debug, Clone)]
pub struct Cluster {
    pub truth: Truth,
    pub status: Status,
    pub now: Timestamp,
    pub pods: Vec<Pod>,
    /// How far AWS's clock is ahead of ours, in seconds.
    pub skew: i64,
    /// To which disassociation somebody agreed: the association's id and the binding that it leads to.
    pub agreed: Option<(String, Binding)>,
    history: Vec<Seen>,
    /// Whether Pod Identity was taken from its pods with consent.
    unbound: bool,
    /// Whether new pods have ever got anything.
    bound_once: bool,
    made: usize,
}

impl Cluster {
    pub fn new(skew: i64) -> Self {
        let mut truth = empty();
        truth.provider = Fact::Present(provider(&[]));
        truth.service_account = Fact::Present(Default::default());
        let mut cluster = Self {
            truth,
            status: Status::default(),
            now: "2026-03-01T12:00:00Z".parse().unwrap(),
            pods: Vec::new(),
            skew,
            agreed: None,
            history: Vec::new(),
            unbound: false,
            bound_once: false,
            made: 0,
        };
        cluster.see();
        cluster
    }

    /// Takes a step on the world; a disassociation has to be one that somebody agreed to.
    pub fn take(
        &mut self,
        step: &Step,
        identity: &Identity,
        rollout: bool,
    ) -> Result<lanyard_core::reconcile::outcome::Answer, String> {
        if let (Step::DeleteAssociation {}, Some(found)) = (step, self.truth.association.present()) {
            let agreed = self.agreed.as_ref();
            let allowed =
                rollout || agreed.is_some_and(|(id, to)| *id == found.id && *to == identity.binding);
            if !allowed && self.pods.iter().any(|pod| pod.has_pod_identity()) {
                return Err(format!("{} goes without consent", found.id));
            }
            self.unbound = true;
        }
        let clock = self.now + SignedDuration::from_secs(self.skew);
        let mut answer = take(&mut self.truth, step, clock)?;
        if let (Step::CreateAssociation { .. }, lanyard_core::reconcile::outcome::Answer::Association(made)) =
            (step, &mut answer)
        {
            self.made += 1;
            made.id = format!("a-{}", self.made);
            self.truth.association = Fact::Present((**made).clone());
            self.unbound = false;
        }
        if let (Step::Annotate { .. }, Fact::Present(account)) = (step, &mut self.truth.service_account) {
            account.applied_at = Some(self.now);
        }
        if let Step::RestartWorkload { owner, .. } = step {
            self.restarts(owner)?;
        }
        self.see();
        Ok(answer)
    }

    fn restarts(&mut self, owner: &WorkloadRef) -> Result<(), String> {
        let Some(workloads) = self.truth.workloads.present_mut() else {
            return Err(format!("{owner} restarted without knowing what there is"));
        };
        for workload in workloads.iter_mut().filter(|workload| workload.owner == *owner) {
            workload.restarted_at = Some(self.now);
        }
        Ok(())
    }

    /// What is there now, for those who see it late.
    fn see(&mut self) {
        let account = self.truth.service_account.present();
        let annotation = |key: &str| {
            account
                .and_then(|account| account.annotations.get(key))
                .map(|found| found.value.clone())
        };
        let audience = annotation(ANNOTATION_AUDIENCE).unwrap_or_else(|| "sts.amazonaws.com".to_owned());
        let roles = self.truth.roles.iter();
        self.history.push(Seen {
            at: self.now,
            association: self.truth.association.present().cloned(),
            annotated: annotation(ANNOTATION_ROLE_ARN).map(|role| (role, audience)),
            trusts: roles.map(|(arn, facts)| (arn.clone(), facts.clone())).collect(),
        });
    }

    /// What may still be seen by somebody who sees changes so many seconds late.
    fn visible(&self, lag: i64) -> &[Seen] {
        let horizon = self.now - SignedDuration::from_secs(lag);
        let newest_before = self
            .history
            .iter()
            .rposition(|seen| seen.at <= horizon)
            .unwrap_or(0);
        &self.history[newest_before..]
    }

    /// A pod comes; how late the webhook sees the association and the annotation is up to chance, apart.
    pub fn pod_comes(&mut self, chance: (u8, u8), owner: usize) -> Result<(), String> {
        let visible = self.visible(WEBHOOK_LAG);
        let pick = |chance: u8| &visible[usize::from(chance) % visible.len()];
        let gets = |(association, account): (u8, u8)| match (
            &pick(association).association,
            &pick(account).annotated,
        ) {
            (Some(_), _) => Some(Credential::PodIdentity),
            (None, Some((role, audience))) => Some(Credential::WebIdentity {
                role: role.clone(),
                audience: audience.clone(),
            }),
            (None, None) => None,
        };
        // Worse than the webhook is: each of two containers gets what is seen at another moment.
        let containers = [gets(chance), gets((chance.1, chance.0))];
        if containers.contains(&None) && self.bound_once {
            return Err("a container of a new pod gets nothing".to_owned());
        }
        let owners = owners();
        self.pods.push(Pod {
            session: None,
            created: self.now,
            owner: owners[owner % owners.len()].clone(),
            credentials: containers.into_iter().flatten().collect(),
        });
        self.fetch()
    }

    /// Time passes. Agents fetch anew what has ended.
    pub fn tick(&mut self, seconds: i64) -> Result<(), String> {
        self.now += SignedDuration::from_secs(seconds);
        self.bound_once |= self.status.active_binding().is_some();
        self.fetch()
    }

    /// Agents fetch a session for every pod that has none.
    fn fetch(&mut self) -> Result<(), String> {
        let until = self.now + SignedDuration::from_secs(SESSION);
        let association = self
            .truth
            .association
            .present()
            .map(|found| found.role_arn.clone());
        for pod in &mut self.pods {
            if pod.session.as_ref().is_some_and(|(_, until)| *until <= self.now) {
                pod.session = None;
            }
            if pod.has_pod_identity() && pod.session.is_none() {
                pod.session = association.clone().map(|role| (role, until));
            }
        }
        self.backed()
    }

    /// Every pod holds what it can use, or lost it by consent.
    pub fn backed(&self) -> Result<(), String> {
        self.pods
            .iter()
            .try_for_each(|pod| self.backs(pod).map_err(|why| format!("{pod:?}: {why}")))
    }

    fn backs(&self, pod: &Pod) -> Result<(), String> {
        pod.credentials.iter().try_for_each(|carried| match carried {
            Credential::WebIdentity { role, audience } => {
                let binding = Binding {
                    role_arn: RoleArn::parse(role).unwrap(),
                    settings: MethodSettings::Irsa {
                        issuer: cluster().issuer,
                        audience: Audience::parse(audience.as_str()).unwrap(),
                    },
                };
                self.lets_in(&binding)
            }
            Credential::PodIdentity => self.serves(pod),
        })
    }

    /// The agent can fetch a session now, whichever association EKS sees, and the role of the cached one is there.
    fn serves(&self, pod: &Pod) -> Result<(), String> {
        if let Some((role, _)) = &pod.session
            && self
                .truth
                .roles
                .get(role)
                .is_none_or(|facts| facts.id.present().is_none())
        {
            return Err(format!("the session's role {role} is gone"));
        }
        if self.unbound {
            return Ok(());
        }
        if self.truth.association.present().is_none() {
            return Err("its association is gone".to_owned());
        }
        let since = pod.created;
        for association in self
            .visible(WEBHOOK_LAG)
            .iter()
            .filter_map(|seen| seen.association.as_ref())
        {
            let binding = Binding {
                role_arn: association.role_arn.clone(),
                settings: MethodSettings::PodIdentity {
                    target_role_arn: association.target_role_arn.clone(),
                    session_tags: association.session_tags,
                },
            };
            self.lets_in(&binding)
                .map_err(|why| format!("{why} (since {since})"))?;
        }
        Ok(())
    }

    /// Every STS, however late it sees, lets the binding in.
    fn lets_in(&self, binding: &Binding) -> Result<(), String> {
        let (subject, cluster) = (subject(), cluster());
        let request = Request {
            subject: &subject,
            cluster: &cluster,
            binding,
        };
        for seen in self.visible(STS_LAG) {
            let role = seen.trusts.iter().find(|(arn, _)| *arn == binding.role_arn);
            let trust = role.and_then(|(_, facts)| facts.trust.present());
            if !trust.is_some_and(|trust| lets_in(trust, request)) {
                return Err(format!(
                    "the trust seen at {} does not let {} in",
                    seen.at,
                    binding.key()
                ));
            }
        }
        Ok(())
    }

    /// A pod goes.
    pub fn pod_goes(&mut self, which: usize) {
        if !self.pods.is_empty() {
            drop(self.pods.remove(which % self.pods.len()));
        }
    }

    /// A restarted workload replaces one of its old pods, the new one first.
    pub fn rolls(&mut self, chance: (u8, u8)) -> Result<(), String> {
        let restarted = self.truth.workloads.present().into_iter().flatten();
        let Some(owner) = restarted
            .filter(|workload| !workload.rolled_out)
            .map(|workload| workload.owner.clone())
            .next()
        else {
            return Ok(());
        };
        let oldest = self
            .pods
            .iter()
            .position(|pod| pod.owner == owner && pod.created < self.now);
        if let Some(oldest) = oldest {
            let at = owners().iter().position(|known| *known == owner).unwrap_or(0);
            self.pod_comes(chance, at)?;
            drop(self.pods.remove(oldest));
            return Ok(());
        }
        let workloads = self.truth.workloads.present_mut().into_iter().flatten();
        workloads
            .filter(|workload| workload.owner == owner)
            .for_each(|workload| workload.rolled_out = true);
        Ok(())
    }

    /// What a look reads of pods and workloads.
    pub fn count(&mut self) {
        let pod = |pod: &Pod| PodCredentials {
            credentials: pod.credentials.clone(),
            created: pod.created,
            owner: Some(pod.owner.clone()),
            place: Place::Reached,
        };
        self.truth.pods = Fact::Present(PodList {
            items: self.pods.iter().map(pod).collect(),
            fresh: true,
        });
        if self.truth.workloads.present().is_none() {
            self.truth.workloads = Fact::Present(owners().into_iter().map(workload).collect());
        }
    }
}

fn workload(owner: WorkloadRef) -> Workload {
    Workload {
        owner,
        restarted_for: None,
        rolled_out: true,
        restarted_at: None,
        obstacle: None,
        disruptions_allowed: None,
    }
}

/// What the pods belong to.
fn owners() -> Vec<WorkloadRef> {
    let owner = |kind: &str, name: &str| WorkloadRef {
        kind: kind.to_owned(),
        name: name.to_owned(),
    };
    vec![owner("Deployment", "web"), owner("StatefulSet", "queue")]
}
