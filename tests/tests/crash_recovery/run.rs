//! One run of a scenario: creates the initial state, arms a fault, applies the desired state and restarts the operator if
//! necessary. Input: a namespace. Output: the result of the fault. Does I/O; waits only on conditions.

use std::pin::pin;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams};
use lanyard_api::{ANNOTATION_APPROVE, ANNOTATION_RECONCILE_REQUESTED_AT};
use lanyard_tests::{TestNamespace, condition, eventually};
use serde_json::{Value, json};

use crate::fault::{ArmedFault, CrashFault, FaultContext, request_reconcile};
use crate::foreign;
use crate::harness::{Harness, ensure_same};
use crate::scenario::{Scenario, Spec, State};
use crate::snapshot::state;

/// The write of an identity's status, as the ledger names it.
const STATUS_WRITE: &str = "patch workloadidentities/status";
/// The name of the identity and of its ServiceAccount.
pub const NAME: &str = "orders";
/// Timeout until the state is as desired after the conditions report success.
const PATIENCE: Duration = Duration::from_secs(20);
/// Pause between two requested reconciliations.
const POLL: Duration = Duration::from_millis(100);

/// A scenario in its namespace.
pub struct Run<'a> {
    harness: &'a Harness,
    scene: &'a TestNamespace<'a>,
    scenario: Scenario,
    /// The state without the identity.
    bare: Value,
    /// Reconciles that the run requested. The operator answers each with one write of the status.
    requests: AtomicUsize,
}

/// The result of a run.
pub struct RunResult {
    /// The fault was triggered.
    pub triggered: bool,
    /// The number of writes that the operators attempted.
    pub writes: usize,
}

impl<'a> Run<'a> {
    /// Prepares a scenario in a namespace that holds nothing but the foreign resources.
    pub async fn new(harness: &'a Harness, scene: &'a TestNamespace<'a>, scenario: Scenario) -> Result<Self> {
        let mut run = Self {
            harness,
            scene,
            scenario,
            requests: AtomicUsize::new(0),
            bare: Value::Null,
        };
        foreign::clean_up(scene).await?;
        foreign::recreate_account(scene, run.creates_account()).await?;
        run.bare = state(scene).await?;
        Ok(run)
    }

    /// Runs the scenario, with or without a fault.
    pub async fn play(&self, fault: Option<(CrashFault, usize)>) -> Result<RunResult> {
        self.clear().await?;
        if let State::Present(_) = self.scenario.before {
            self.apply_state(self.scenario.before).await?;
            self.until_reached(self.scenario.before)
                .await
                .context("before the fault")?;
        }
        let gateway = &self.harness.stage.bed.gateway;
        gateway.forget_answers();
        let mark = gateway.ledger().mark();
        self.requests.store(0, SeqCst);
        let armed = fault.map(|(fault, n)| (fault, fault.arm(n, self.fault_context())));
        self.run_changes(armed.as_ref())
            .await
            .with_context(|| format!("writes of the run:\n{}", gateway.ledger().since(mark).deeds()))?;
        gateway.faults().clear();
        Ok(RunResult {
            triggered: armed.is_some_and(|(_, armed)| armed.triggered()),
            // The answers to the run's own requests are no writes of the scenario.
            writes: (gateway.ledger().since(mark).deeds().count()).saturating_sub(self.requests.load(SeqCst)),
        })
    }

    /// Returns `true` if the spec changes again when the fault occurs.
    pub fn changes_spec_again(&self) -> bool {
        self.scenario.then.is_some()
    }

    /// The state when the operator writes no more and `enough` holds, or the state when the timeout expires. Approves
    /// changes in the meantime: a change settles here in less time than stale reads last or a lost call may be under way.
    /// An association may therefore become visible, and block IRSA, after the conditions reported success.
    pub async fn state_where(&self, enough: impl Fn(&Value) -> bool) -> Result<Value> {
        let (begun, ledger) = (Instant::now(), self.harness.stage.bed.gateway.ledger());
        let mut previous = None;
        loop {
            let mark = ledger.mark();
            self.approve().await?;
            self.reconcile().await?;
            let observed = state(self.scene).await?;
            // A status write may be only the answer to the request: the state shows if it was more.
            let written = ledger.since(mark).deeds().except(STATUS_WRITE);
            let unchanged = previous.as_ref() == Some(&observed);
            if written.is_empty() && unchanged && enough(&observed) {
                return Ok(observed);
            }
            previous = Some(observed.clone());
            match (begun.elapsed() > PATIENCE, written.is_empty()) {
                (true, true) => return Ok(observed),
                (true, false) => bail!("the operator continues to write:\n{written}"),
                (false, _) => tokio::time::sleep(POLL).await,
            }
        }
    }

    /// Deletes the identity and checks that nothing of it remains.
    pub async fn clear(&self) -> Result<()> {
        self.delete().await?;
        foreign::clean_up(self.scene).await?;
        foreign::recreate_account(self.scene, self.creates_account()).await?;
        ensure_same(&self.bare, &state(self.scene).await?).context("resources remain after the deletion")
    }

    /// Deletes the identity. An identity that retains its resources is changed first, because they would have to be cleaned
    /// up.
    async fn delete(&self) -> Result<()> {
        if self.scene.identities().get_opt(NAME).await?.is_none() {
            return Ok(());
        }
        if let State::Present(spec) = self.scenario.then.unwrap_or(self.scenario.after)
            && spec.retain
        {
            let plain = State::Present(Spec {
                retain: false,
                ..spec
            });
            self.apply_state(plain).await?;
            self.until_reached(plain).await?;
        }
        self.scene.delete(NAME).await
    }

    fn creates_account(&self) -> bool {
        [self.scenario.before, self.scenario.after]
            .iter()
            .any(|target| matches!(target, State::Present(spec) if spec.create_account))
    }

    fn fault_context(&self) -> FaultContext<'_> {
        FaultContext {
            faults: self.harness.stage.bed.gateway.faults(),
            kill: Box::new(self.harness.killer()),
            identities: self.scene.identities(),
            name: NAME,
        }
    }

    async fn apply_state(&self, target: State) -> Result<()> {
        match target {
            State::Present(spec) => self.scene.apply(NAME, spec.to_json()).await?,
            State::Deleted => drop(
                self.scene
                    .identities()
                    .delete(NAME, &DeleteParams::default())
                    .await?,
            ),
            State::Absent => {}
        }
        Ok(())
    }

    /// Waits until the state is reached and no reconciliation that could still write is running.
    async fn until_reached(&self, target: State) -> Result<()> {
        if !matches!(target, State::Present(_)) {
            return self.scene.until_gone(NAME).await;
        }
        let done = |object: &lanyard_api::WorkloadIdentity| {
            let is = |kind: &str| condition(object, kind).is_some_and(|observed| observed.status == "True");
            let seen = object
                .status
                .as_ref()
                .and_then(|status| status.observed_generation);
            let in_transition = object
                .status
                .as_ref()
                .is_some_and(|status| status.transition.is_some());
            is("Ready")
                && !is("Reconciling")
                && !is("Stalled")
                && !in_transition
                && seen == object.metadata.generation
        };
        tokio::select! {
            done = self.scene.until(NAME, "done", done) => drop(done?),
            failed = self.approve_all() => failed?,
        }
        // The second reconciliation begins only when the first has ended with all its writes.
        self.reconcile().await?;
        self.reconcile().await
    }

    /// Approves every change of the binding until cancelled.
    async fn approve_all(&self) -> Result<()> {
        loop {
            self.approve().await?;
            tokio::time::sleep(POLL).await;
        }
    }

    /// Approves the change of the binding that is pending now.
    async fn approve(&self) -> Result<()> {
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

    /// Requests a reconcile and waits until the status answers it. Returns early if the object is deleted.
    async fn reconcile(&self) -> Result<()> {
        if self.scene.identities().get_opt(NAME).await?.is_none() {
            return Ok(());
        }
        let nonce = format!("{:?}", Instant::now());
        self.requests.fetch_add(1, SeqCst);
        let identities = self.scene.identities();
        request_reconcile(&identities, NAME, &nonce).await;
        eventually("reconciled on request", async || {
            let object = identities.get_opt(NAME).await?;
            let Some(object) = object else { return Ok(true) };
            // A fault may have requested another reconcile since, which replaces this request.
            let requested = object.annotations().get(ANNOTATION_RECONCILE_REQUESTED_AT);
            let answer = object.status.as_ref();
            let answer = answer.and_then(|status| status.last_handled_reconcile_at.as_ref());
            Ok(requested == answer)
        })
        .await
    }

    async fn run_changes(&self, armed: Option<&(CrashFault, ArmedFault)>) -> Result<()> {
        let Scenario { after, then, .. } = self.scenario;
        self.apply_state(after).await?;
        let complete = self.through_fault(armed, after, then).await?;
        match then {
            None => Ok(()),
            Some(then) if complete => self.until_reached(then).await,
            Some(then) => {
                self.apply_state(then).await?;
                self.through_fault(armed, then, None).await.map(drop)
            }
        }
    }

    /// Waits until the desired state is reached, including the fault and the restart after it. Returns `true` if the fault
    /// was triggered. If the spec changes at the fault, the first desired state is not awaited.
    async fn through_fault(
        &self,
        armed: Option<&(CrashFault, ArmedFault)>,
        target: State,
        then: Option<State>,
    ) -> Result<bool> {
        let mut reached = pin!(self.until_reached(target));
        let Some((fault, armed)) = armed else {
            return reached.await.map(|()| false);
        };
        let mut complete = pin!(armed.complete.notified());
        let done = tokio::select! {
            done = &mut reached => done.map(|()| true)?,
            () = &mut complete => false,
        };
        if done && !armed.triggered() {
            return Ok(false);
        }
        if done {
            // The result may be visible before the operator is dead.
            tokio::time::timeout(PATIENCE, complete)
                .await
                .context("the fault does not complete")?;
        }
        if let Some(then) = then {
            self.apply_state(then).await?;
        }
        if fault.kills() {
            self.harness.restart().await?;
        }
        if !done && then.is_none() {
            reached.await?;
        }
        Ok(true)
    }
}
