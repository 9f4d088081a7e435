//! The pods that depend on an old binding, from the credentials that they carry and the times at which they were created.
//! Input is the transition view; outputs are answers about one pod or one binding. No I/O.

use super::view::TransitionView;
use crate::model::binding::{Binding, MethodSettings};
use crate::model::pods::{Credential, PodCredentials};
use crate::model::timings::remaining;

impl TransitionView<'_> {
    /// Returns true if a pod depends on a binding other than the desired one, as far as its spec shows.
    pub fn depends_on_old_binding(&self, pod: &PodCredentials) -> bool {
        let is_stale = |stale_before| pod.has_pod_identity() && pod.created < stale_before;
        let foreign = |credential: &&Credential| !credential.is_of(&self.identity.binding);
        let is_of_old = |credential: &Credential| {
            let mut old = self.other_bindings.iter();
            old.any(|old| credential.is_of(old))
        };
        pod.credentials.iter().filter(foreign).any(is_of_old) || self.stale_before().is_some_and(is_stale)
    }

    /// Returns true if a pod may still depend on an old binding. A binding whose pods cannot be counted counts as live.
    pub fn is_live(&self, old: &Binding) -> bool {
        let desired = &self.identity.binding;
        match (old.is_irsa(), desired.is_irsa()) {
            // Another issuer: the kubelet renews the tokens of old pods over time.
            (true, true) if old.role_arn == desired.role_arn && self.same_audience(old) => {
                let start = self.start_time();
                self.pods().any(|pod| pod.depends_on(old) && pod.created < start)
            }
            (true, true | false) => self.pods().any(|pod| pod.depends_on(old)),
            (false, true) => {
                self.association().is_some() || self.pods().any(PodCredentials::has_pod_identity)
            }
            (false, false) => self.may_hold_cached_session(),
        }
    }

    fn same_audience(&self, old: &Binding) -> bool {
        match (&old.settings, &self.identity.binding.settings) {
            (MethodSettings::Irsa { audience: a, .. }, MethodSettings::Irsa { audience: b, .. }) => a == b,
            _ => false,
        }
    }

    /// Returns true if a pod may hold a session that the agent fetched before the association changed
    /// (docs/dev/aws-behaviour.md#agent, docs/dev/aws-behaviour.md#target-role).
    fn may_hold_cached_session(&self) -> bool {
        let Some(stale_before) = self.stale_before() else {
            return true;
        };
        let lifetime = self.timings.cached + self.timings.margin;
        let has_expired = remaining(lifetime, stale_before, self.now).is_none();
        let is_older = |pod: &PodCredentials| pod.has_pod_identity() && pod.created < stale_before;
        !has_expired && self.pods().any(is_older)
    }
}
