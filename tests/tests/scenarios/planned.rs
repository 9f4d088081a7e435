//! Compares what `kubectl lanyard plan` shows for a scenario with what the operator decides. No I/O.

use anyhow::{Result, ensure};
use lanyard_cli::PlannedStep;
use lanyard_core::reconcile::decide::Decision;
use lanyard_core::reconcile::gate::WriteGate;
use serde_json::{Value, json};

/// Fails unless `kubectl lanyard plan` shows exactly the steps of the operator, in its waves, and says which ones run.
pub fn same_steps(planned: &[PlannedStep], decision: &Decision, gate: WriteGate) -> Result<()> {
    let waves = decision.plan.waves.iter().enumerate();
    let steps = waves.flat_map(|(wave, steps)| steps.iter().map(move |step| (wave + 1, step)));
    let expected: Vec<(usize, String, bool, Value)> = steps
        .map(|(wave, step)| (wave, step.to_string(), gate.permits(step), json!(step)))
        .collect();
    let shown: Vec<(usize, String, bool, Value)> = planned
        .iter()
        .map(|step| (step.wave, step.text.clone(), step.runs, step.change.clone()))
        .collect();
    ensure!(
        shown == expected,
        "plan shows {shown:#?}, the operator does {expected:#?}"
    );
    ensure!(
        planned.iter().all(|step| !step.effects.is_empty()),
        "a step of the plan has no effect"
    );
    Ok(())
}
