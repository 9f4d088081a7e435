//! One run of a scenario: creates the initial state, arms a fault, applies the desired state and restarts the operator if
//! necessary. Input: a namespace. Output: the result of the fault. Does I/O; waits only on conditions.

use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use kube::api::{DeleteParams, Patch, PatchParams};
use lanyard_api::ANNOTATION_APPROVE;
use lanyard_tests::{TestNamespace, condition};
use serde_json::{Value, json};

use crate::arena::{Arena, same};
use crate::beside;
use crate::fault::{Armed, Arms, CrashFault, ask_for_a_look};
use crate::scenario::{Scenario, Spec, Stand};
use crate::world::world;

/// The name of the identity and of its ServiceAccount.
pub const NAME: &str = "orders";
/// Timeout until the state is as desired after the conditions report success.
const PATIENCE: Duration = Duration::from_secs(20);
/// Pause between two requested reconciliations.
const POLL: Duration = Duration::from_millis(100);

/// A scenario in its namespace.
pub struct Run<'a> {
    arena: &'a Arena,
    scene: &'a TestNamespace<'a>,
    scenario: Scenario,
    /// The state without the identity.
    bare: Value,
}

/// The result of a run.
pub struct Ended {
    /// The fault was triggered.
    pub struck: bool,
    /// The number of writes that the operators attempted.
    pub deeds: usize,
}

impl<'a> Run<'a> {
    /// Prepares a scenario in a namespace that holds nothing but the foreign resources.
    pub async fn new(arena: &'a Arena, scene: &'a TestNamespace<'a>, scenario: Scenario) -> Result<Self> {
        let mut run = Self {
            arena,
            scene,
            scenario,
            bare: Value::Null,
        };
        beside::sweep(scene).await?;
        beside::renew_account(scene, run.creates_account()).await?;
        run.bare = world(scene).await?;
        Ok(run)
    }

    /// Runs the scenario, with or without a fault.
    pub async fn play(&self, blow: Option<(CrashFault, usize)>) -> Result<Ended> {
        self.clear().await?;
        if let Stand::Stands(_) = self.scenario.before {
            self.ask_for(self.scenario.before).await?;
            self.until_stands(self.scenario.before)
                .await
                .context("before the blow")?;
        }
        let gateway = &self.arena.stage.bed.gateway;
        gateway.forget_answers();
        let mark = gateway.ledger().mark();
        let armed = blow.map(|(blow, n)| (blow, blow.arm(n, self.arms())));
        self.play_on(armed.as_ref())
            .await
            .with_context(|| format!("what was called:\n{}", gateway.ledger().since(mark).deeds()))?;
        gateway.faults().clear();
        Ok(Ended {
            struck: armed.is_some_and(|(_, armed)| armed.struck()),
            deeds: gateway.ledger().since(mark).deeds().count(),
        })
    }

    /// Returns `true` if the spec changes again when the fault occurs.
    pub fn changes_its_mind(&self) -> bool {
        self.scenario.then.is_some()
    }

    /// The state when the operator writes no more and `enough` holds, or the state when the timeout expires. Approves
    /// changes in the meantime: a change settles here in less time than stale reads last or a lost call may be under way.
    /// An association may therefore become visible, and block IRSA, after the conditions reported success.
    pub async fn world_where(&self, enough: impl Fn(&Value) -> bool) -> Result<Value> {
        let (begun, ledger) = (Instant::now(), self.arena.stage.bed.gateway.ledger());
        loop {
            let mark = ledger.mark();
            self.agree().await?;
            self.look().await?;
            let found = world(self.scene).await?;
            let written = ledger.since(mark).deeds();
            if written.is_empty() && enough(&found) {
                return Ok(found);
            }
            match (begun.elapsed() > PATIENCE, written.is_empty()) {
                (true, true) => return Ok(found),
                (true, false) => bail!("it goes on writing:\n{written}"),
                (false, _) => tokio::time::sleep(POLL).await,
            }
        }
    }

    /// Deletes the identity and checks that nothing of it remains.
    pub async fn clear(&self) -> Result<()> {
        self.delete().await?;
        beside::sweep(self.scene).await?;
        beside::renew_account(self.scene, self.creates_account()).await?;
        same(&self.bare, &world(self.scene).await?).context("something was left behind")
    }

    /// Deletes the identity. An identity that retains its resources is changed first, because they would have to be cleaned
    /// up.
    async fn delete(&self) -> Result<()> {
        if self.scene.identities().get_opt(NAME).await?.is_none() {
            return Ok(());
        }
        if let Stand::Stands(spec) = self.scenario.then.unwrap_or(self.scenario.after)
            && spec.retain
        {
            let plain = Stand::Stands(Spec {
                retain: false,
                ..spec
            });
            self.ask_for(plain).await?;
            self.until_stands(plain).await?;
        }
        self.scene.delete(NAME).await
    }

    fn creates_account(&self) -> bool {
        [self.scenario.before, self.scenario.after]
            .iter()
            .any(|stand| matches!(stand, Stand::Stands(spec) if spec.create_account))
    }

    fn arms(&self) -> Arms<'_> {
        Arms {
            faults: self.arena.stage.bed.gateway.faults(),
            kill: Box::new(self.arena.killer()),
            identities: self.scene.identities(),
            name: NAME,
        }
    }

    async fn ask_for(&self, stand: Stand) -> Result<()> {
        match stand {
            Stand::Stands(spec) => self.scene.apply(NAME, spec.to_json()).await?,
            Stand::Deleted => drop(
                self.scene
                    .identities()
                    .delete(NAME, &DeleteParams::default())
                    .await?,
            ),
            Stand::Nothing => {}
        }
        Ok(())
    }

    /// Waits until the state is reached and no reconciliation that could still write is running.
    async fn until_stands(&self, stand: Stand) -> Result<()> {
        if !matches!(stand, Stand::Stands(_)) {
            return self.scene.until_gone(NAME).await;
        }
        let done = |object: &lanyard_api::WorkloadIdentity| {
            let is = |kind: &str| condition(object, kind).is_some_and(|found| found.status == "True");
            let seen = object
                .status
                .as_ref()
                .and_then(|status| status.observed_generation);
            let moves = object
                .status
                .as_ref()
                .is_some_and(|status| status.transition.is_some());
            is("Ready")
                && !is("Reconciling")
                && !is("Stalled")
                && !moves
                && seen == object.metadata.generation
        };
        tokio::select! {
            done = self.scene.until(NAME, "done", done) => drop(done?),
            failed = self.agree_to_all() => failed?,
        }
        // The second reconciliation begins only when the first has ended with all its writes.
        self.look().await?;
        self.look().await
    }

    /// Approves every change of the binding until cancelled.
    async fn agree_to_all(&self) -> Result<()> {
        loop {
            self.agree().await?;
            tokio::time::sleep(POLL).await;
        }
    }

    /// Approves the change of the binding that is pending now.
    async fn agree(&self) -> Result<()> {
        let object = self.scene.identities().get_opt(NAME).await?;
        let transition = object.and_then(|object| object.status?.transition);
        let Some(token) = transition.and_then(|transition| transition.approval_token) else {
            return Ok(());
        };
        let patch = json!({"metadata": {"annotations": {ANNOTATION_APPROVE: token}}});
        let (params, patch) = (PatchParams::default(), Patch::Merge(&patch));
        let identities = self.scene.identities();
        identities.patch_metadata(NAME, &params, &patch).await?;
        Ok(())
    }

    /// Requests a reconciliation and waits until it has begun. Without an object there is none.
    async fn look(&self) -> Result<()> {
        if self.scene.identities().get_opt(NAME).await?.is_none() {
            return Ok(());
        }
        let ledger = self.arena.stage.bed.gateway.ledger();
        let mark = ledger.mark();
        ask_for_a_look(&self.scene.identities(), NAME, &format!("{:?}", Instant::now())).await;
        let account = format!("{}/{NAME}", self.scene.namespace);
        let begun = ledger.until(mark, |calls| {
            !calls.of("get serviceaccounts").about(&account).is_empty()
        });
        tokio::time::timeout(PATIENCE, begun)
            .await
            .context("nobody reconciled")?;
        Ok(())
    }

    async fn play_on(&self, armed: Option<&(CrashFault, Armed)>) -> Result<()> {
        let Scenario { after, then, .. } = self.scenario;
        self.ask_for(after).await?;
        let fell = self.over_the_blow(armed, after, then).await?;
        match then {
            None => Ok(()),
            Some(then) if fell => self.until_stands(then).await,
            Some(then) => {
                self.ask_for(then).await?;
                self.over_the_blow(armed, then, None).await.map(drop)
            }
        }
    }

    /// Waits until the desired state is reached, including the fault and the restart after it. Returns `true` if the fault
    /// was triggered. If the spec changes at the fault, the first desired state is not awaited.
    async fn over_the_blow(
        &self,
        armed: Option<&(CrashFault, Armed)>,
        stand: Stand,
        then: Option<Stand>,
    ) -> Result<bool> {
        let mut stands = pin!(self.until_stands(stand));
        let Some((blow, armed)) = armed else {
            return stands.await.map(|()| false);
        };
        let mut fell = pin!(armed.fell.notified());
        let done = tokio::select! {
            done = &mut stands => done.map(|()| true)?,
            () = &mut fell => false,
        };
        if done && !armed.struck() {
            return Ok(false);
        }
        if done {
            // The result may be visible before the operator is dead.
            tokio::time::timeout(PATIENCE, fell)
                .await
                .context("the blow does not end")?;
        }
        if let Some(then) = then {
            self.ask_for(then).await?;
        }
        if blow.kills() {
            self.arena.restart().await?;
        }
        if !done && then.is_none() {
            stands.await?;
        }
        Ok(true)
    }
}
