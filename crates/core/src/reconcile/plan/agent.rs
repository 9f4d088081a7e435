//! Plan of the EKS Pod Identity Agent: installed if it is missing, a binding needs it and the cluster
//! settings allow it. Facts in, at most one step out; no I/O.

use super::builder::PlanBuilder;
use crate::reconcile::desired::DesiredState;
use crate::reconcile::step::Step;

impl PlanBuilder<'_> {
    /// An installed agent is never changed, whatever its state.
    pub(super) fn agent(&mut self, desired: &DesiredState) {
        if desired.installs_agent && self.observed.agent.is_absent() {
            self.steps.push(Step::InstallAgent {});
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{applied, carry_out, cluster, decide, identity_in, spec, world};
    use crate::model::cluster::{AgentPolicy, Cluster};
    use crate::model::condition::ConditionType;
    use crate::model::fact::Fact;
    use crate::model::observed::{Agent, Observed};
    use crate::model::reason::Reason;
    use crate::model::spec::{Method, Spec};
    use crate::model::status::Status;
    use crate::reconcile::decide::Decision;

    fn ensuring() -> Cluster {
        cluster().with_agent(AgentPolicy::Ensure)
    }

    fn step_names(decision: &Decision) -> Vec<&'static str> {
        decision.plan.steps().map(Step::as_str).collect()
    }

    /// The steps of a first reconcile with this agent.
    fn first_reconcile(spec: &Spec, cluster: &Cluster, agent: Fact<Agent>) -> Vec<&'static str> {
        let identity = identity_in(spec, cluster);
        let observed = Observed {
            agent,
            ..world(&identity)
        };
        step_names(&decide(&identity, &Status::default(), &observed))
    }

    #[test]
    fn missing_agent_needed_and_allowed_is_installed() {
        let needs = spec(Method::PodIdentity);
        let degraded = Fact::Present(Agent {
            ready: false,
            found: "add-on v1.3.8 DEGRADED".to_owned(),
        });
        let unknown = Fact::Unreadable(crate::model::fact::ReadError::Throttled);
        for (spec, cluster, agent, installed) in [
            (&needs, ensuring(), Fact::Absent, true),
            (&needs, cluster(), Fact::Absent, false),
            (&needs, ensuring(), degraded, false),
            (&needs, ensuring(), unknown, false),
            (&spec(Method::Irsa), ensuring(), Fact::Absent, false),
        ] {
            let steps = first_reconcile(spec, &cluster, agent);
            assert_eq!(steps.contains(&"InstallAgent"), installed, "{steps:?}");
        }
    }

    #[test]
    fn agent_not_ready_delays_binding() {
        let steps = first_reconcile(&spec(Method::PodIdentity), &ensuring(), Fact::Absent);
        assert!(steps.contains(&"CreateRole"), "{steps:?}");
        assert!(!steps.contains(&"CreateAssociation"), "{steps:?}");
    }

    #[test]
    fn transition_installing_agent_is_not_stalled() {
        let (_, mut world, status) = applied(&spec(Method::Irsa));
        world.agent = Fact::Absent;
        let identity = identity_in(&spec(Method::PodIdentity), &ensuring());
        let decision = decide(&identity, &status, &world);
        assert_eq!(step_names(&decision), ["RecordInventory", "InstallAgent"]);
        let status = carry_out(&decision, &status, &mut world).status;
        assert_eq!(status.condition(ConditionType::Stalled), None);
        let ready = status.condition(ConditionType::Ready).unwrap();
        assert_eq!(ready.reason, Reason::AgentNotReady);

        let mut paused = spec(Method::PodIdentity);
        paused.transition_paused = true;
        world.agent = Fact::Absent;
        let identity = identity_in(&paused, &ensuring());
        let steps = step_names(&decide(&identity, &status, &world));
        assert!(!steps.contains(&"InstallAgent"), "{steps:?}");
    }
}
