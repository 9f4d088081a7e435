//! One run of a scenario: what stands before is made, a blow lies in wait, and what is asked for comes about, over a
//! restart of the operator if need be. A scene in; whether the blow fell out. Waits only on conditions. Does I/O.

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

/// The identity's name, and so its ServiceAccount's.
pub const NAME: &str = "orders";
/// The longest that a world may take to become what it shall be once all is said to be well.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is reconciled at.
const POLL: Duration = Duration::from_millis(100);

/// A scenario in its namespace.
pub struct Run<'a> {
    arena: &'a Arena,
    scene: &'a TestNamespace<'a>,
    scenario: Scenario,
    /// The world without the identity.
    bare: Value,
}

/// What became of a run.
pub struct Ended {
    /// Whether the blow fell.
    pub struck: bool,
    /// How many deeds the operators tried.
    pub deeds: usize,
}

impl<'a> Run<'a> {
    /// A scenario whose namespace holds nothing yet but what stands beside.
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

    /// Plays it, with a blow or without.
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

    /// Whether something else is asked for when the blow falls.
    pub fn changes_its_mind(&self) -> bool {
        self.scenario.then.is_some()
    }

    /// The world once nobody writes any more and it is as wanted; or as it is when patience ends. What is asked for is
    /// agreed to all the while: a change settles here in less time than stale reads go on or a lost call may be under
    /// way, so that an association may be seen, and stand in the way of IRSA, only when all was said to be well.
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

    /// Takes the identity away, and sees to it that nothing of it is left.
    pub async fn clear(&self) -> Result<()> {
        self.delete().await?;
        beside::sweep(self.scene).await?;
        beside::renew_account(self.scene, self.creates_account()).await?;
        same(&self.bare, &world(self.scene).await?).context("something was left behind")
    }

    /// Deletes the identity. One that retains is first told not to: what it left would have to be swept.
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

    /// Waits until it is done, and until looks have ended that could still do something.
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
        // The second begins only when the first has ended, with whatever it would have written.
        self.look().await?;
        self.look().await
    }

    /// Agrees to whatever a change of the binding asks for, for as long as it is awaited.
    async fn agree_to_all(&self) -> Result<()> {
        loop {
            self.agree().await?;
            tokio::time::sleep(POLL).await;
        }
    }

    /// Agrees to what a change of the binding asks for now.
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

    /// Asks for a look and waits until it has begun; nothing is reconciled at where there is no object.
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

    /// Waits until it stands, over the blow and what has to be done after it. Answers whether the blow fell. Where
    /// something else is asked for when it falls, that is not waited for.
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
            // What was done may be seen before its doer is dead.
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
