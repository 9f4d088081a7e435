//! A look: one pass over one object, as a value that holds everything that was thought on the way.
//! `think` is the pure middle of a pass, the same for the operator and the command line. No I/O.

use crate::arn::RoleArn;
use crate::custody::Custody;
use crate::desired::Desired;
use crate::drift::{Drift, diff};
use crate::identity::Identity;
use crate::observed::Observed;
use crate::plan::{Plan, plan};
use crate::stage::{Stage, stage};
use crate::status::Status;
use crate::subject::Subject;

/// What was thought about one object.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// Where it stands between the binding in effect and the one wanted.
    pub stage: Stage,
    /// What should be.
    pub desired: Desired,
    /// What differs.
    pub drift: Drift,
    /// What is to be done about it.
    pub plan: Plan,
}

/// Thinks about an object that stays.
#[must_use]
pub fn think(identity: &Identity, previous: &Status, observed: &Observed) -> Look {
    let stage = stage(identity, previous, observed);
    let desired = Desired::present(identity, &stage, observed.object.custody.as_ref());
    let drift = diff(&desired, previous, observed);
    let mut plan = plan(&desired, &drift, observed, identity.drift_policy);
    if matches!(stage, Stage::Waiting { .. }) {
        plan.then.push(crate::plan::Await::BindingChange);
    }
    Look {
        stage,
        desired,
        drift,
        plan,
    }
}

/// Thinks about an object that goes. `release`: let everything go instead of removing it.
#[must_use]
pub fn think_removal(subject: &Subject, previous: &Status, observed: &Observed, release: bool) -> Look {
    let role = previous.role.as_ref().map(|role| &role.arn);
    let desired = Desired::absent(subject, observed.object.custody.as_ref(), role, release);
    let drift = diff(&desired, previous, observed);
    let plan = plan(&desired, &drift, observed, crate::spec::DriftPolicy::Correct);
    Look {
        stage: Stage::Settled,
        desired,
        drift,
        plan,
    }
}

/// The roles that a look has to read: that of the binding asked for, that of the binding in effect, and those in custody.
#[must_use]
pub fn roles_to_read(
    identity: Option<&Identity>,
    previous: &Status,
    custody: Option<&Custody>,
    goes: bool,
) -> Vec<RoleArn> {
    let mut roles: Vec<RoleArn> = Vec::new();
    let mut add = |arn: &RoleArn| {
        if !roles.contains(arn) {
            roles.push(arn.clone());
        }
    };
    if goes {
        custody
            .into_iter()
            .flat_map(|custody| &custody.roles)
            .filter(|touched| touched.managed)
            .for_each(|touched| add(&touched.arn));
        previous.role.iter().for_each(|role| add(&role.arn));
        return roles;
    }
    identity.into_iter().for_each(|identity| add(identity.role_arn()));
    previous
        .active_binding()
        .into_iter()
        .for_each(|active| add(&active.binding.role_arn));
    roles
}
