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
            // Another issuer: no pod shows the issuer of its token, and the kubelet renews tokens of all pods over time.
            (true, true) if old.role_arn == desired.role_arn && self.same_audience(old) => {
                self.may_hold_old_token() && self.pods().any(|pod| pod.depends_on(old))
            }
            (true, true | false) => self.pods().any(|pod| pod.depends_on(old)),
            (false, true) => {
                self.association().is_some() || self.pods().any(PodCredentials::has_pod_identity)
            }
            (false, false) => self.may_hold_cached_session(),
        }
    }

    /// Returns true if a pod may hold a token that was issued before the new issuer was in effect.
    fn may_hold_old_token(&self) -> bool {
        let effective = self.record.and_then(|record| record.effective_time);
        let lifetime = self.timings.token + self.timings.margin;
        remaining(lifetime, effective.unwrap_or(self.now), self.now).is_some()
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
