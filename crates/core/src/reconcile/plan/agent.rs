//! Plan, the Pod Identity Agent: installed where there is none, a binding needs it and the cluster's settings allow it.
//! Facts in, at most one step into the draft; no I/O. Called by `plan` only.

use super::PlanBuilder;
use crate::reconcile::desired::DesiredState;
use crate::reconcile::step::Step;

impl PlanBuilder<'_> {
    /// One that is there is never touched, in whatever state it is.
    pub(super) fn agent(&mut self, wanted: &DesiredState) {
        if wanted.installs_agent && self.observed.agent.is_absent() {
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

    fn words(decision: &Decision) -> Vec<&'static str> {
        decision.plan.steps().map(Step::as_str).collect()
    }

    /// The steps of a first look with this agent.
    fn first_look(spec: &Spec, cluster: &Cluster, agent: Fact<Agent>) -> Vec<&'static str> {
        let identity = identity_in(spec, cluster);
        let observed = Observed {
            agent,
            ..world(&identity)
        };
        words(&decide(&identity, &Status::default(), &observed))
    }

    #[test]
    fn an_agent_is_installed_only_where_there_is_none_and_somebody_needs_and_allows_it() {
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
            let steps = first_look(spec, &cluster, agent);
            assert_eq!(steps.contains(&"InstallAgent"), installed, "{steps:?}");
        }
    }

    #[test]
    fn nothing_is_bound_before_the_agent_is_ready() {
        let steps = first_look(&spec(Method::PodIdentity), &ensuring(), Fact::Absent);
        assert!(steps.contains(&"CreateRole"), "{steps:?}");
        assert!(!steps.contains(&"CreateAssociation"), "{steps:?}");
    }

    #[test]
    fn a_change_to_pod_identity_waits_for_the_agent_that_it_installs_and_is_not_stalled() {
        let (_, mut world, status) = applied(&spec(Method::Irsa));
        world.agent = Fact::Absent;
        let identity = identity_in(&spec(Method::PodIdentity), &ensuring());
        let decision = decide(&identity, &status, &world);
        assert_eq!(words(&decision), ["TakeCustody", "InstallAgent"]);
        let status = carry_out(&decision, &status, &mut world).status;
        assert_eq!(status.condition(ConditionType::Stalled), None);
        let ready = status.condition(ConditionType::Ready).unwrap();
        assert_eq!(ready.reason, Reason::AgentNotReady);

        let mut paused = spec(Method::PodIdentity);
        paused.transition_paused = true;
        world.agent = Fact::Absent;
        let identity = identity_in(&paused, &ensuring());
        let steps = words(&decide(&identity, &status, &world));
        assert!(!steps.contains(&"InstallAgent"), "{steps:?}");
    }
}
