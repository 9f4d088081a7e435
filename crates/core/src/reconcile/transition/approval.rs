//! Consent: changes that AWS makes lossy, or whose loss no pod would show, wait for a person to agree to this very one.
//! The scene in, what to ask out; no I/O. Called by `stage` only.

use std::collections::BTreeMap;

use super::restart;
use super::view::TransitionView;
use crate::model::binding::{Binding, MethodSettings};
use crate::model::fact::Fact;
use crate::model::observed::Effect;
use crate::model::spec::PodRestart;
use crate::model::subject::hex_hash;
use lanyard_iam_policy::{ASSUME_ROLE, allows};

/// The annotation of a WorkloadIdentity by which somebody agrees. Its value is the token that the condition shows.
pub const ANNOTATION_APPROVE: &str = "lanyard.dev/approve";

/// What somebody has to agree to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The value that the annotation has to have: it stands for this change and no other.
    pub token: String,
    /// Why it is asked.
    pub because: Because,
}

/// Why somebody has to agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// The association has to go before new pods get IRSA, and pods that hold it get no credentials any more.
    PodsLoseAccess,
    /// No pod holds the old binding: what uses it, if anything does, does not show as a pod (docs/dev/aws-behaviour.md#issue-threads).
    NoPodHolds,
    /// The role may assume other roles, which have to allow `sts:TagSession` from then on (docs/dev/aws-behaviour.md#issue-threads).
    RoleMayChain,
}

/// What has to be agreed to before anything is put in place.
pub(super) fn before(view: &TransitionView<'_>) -> Option<Ask> {
    let held = |old: &Binding| view.pods().any(|pod| pod.depends_on(old));
    let because = if view.leaves_irsa() && !view.others.iter().any(held) {
        Because::NoPodHolds
    } else if gains_tags(view) && may_chain(view) {
        Because::RoleMayChain
    } else {
        return None;
    };
    // What was agreed to for this change does not hold for the same change at another time.
    unless_given(view, because, &view.began().as_second().to_string())
}

/// What has to be agreed to before the association goes. Under `Rollout` the spec agrees, where Lanyard can restart
/// every pod that would lose access.
pub(super) fn to_unbind(view: &TransitionView<'_>) -> Option<Ask> {
    if view.identity.pod_restart == PodRestart::Rollout && restart::reaches_all(view) {
        return None;
    }
    // An association that is made again has another id: what was agreed to once does not hold for the next time.
    let id = view.association().map_or("", |association| &association.id);
    unless_given(view, Because::PodsLoseAccess, id)
}

fn unless_given(view: &TransitionView<'_>, because: Because, this_time: &str) -> Option<Ask> {
    let from = view.from();
    let text = format!(
        "{this_time}/{because:?}/{}/{}",
        from.key(),
        view.identity.binding.key()
    );
    let token = hex_hash(&text, 8);
    let given = view.observed.object.approval.as_deref() == Some(token.as_str());
    (!given).then_some(Ask { token, because })
}

/// Whether sessions will carry tags that they did not carry before.
fn gains_tags(view: &TransitionView<'_>) -> bool {
    let tagged = |binding: &Binding| {
        matches!(
            binding.settings,
            MethodSettings::PodIdentity {
                session_tags: true,
                ..
            }
        )
    };
    tagged(&view.identity.binding) && !view.others.iter().all(tagged)
}

/// Whether a policy of the role, one that the spec asks for or one that is found, lets it assume another role. An attached
/// one that could not be read may.
fn may_chain(view: &TransitionView<'_>) -> bool {
    let managed = view.identity.managed.iter();
    let wanted = managed.flat_map(|role| role.inline.values());
    let role = view.observed.role(&view.identity.binding.role_arn);
    let inline = role.inline.present().into_iter().flat_map(BTreeMap::values);
    let mut attached = role.attached.present().into_iter().flat_map(BTreeMap::values);
    let harmless = |effect: &Fact<Effect>| {
        matches!(
            effect,
            Fact::Present(Effect::Grants | Effect::OnlyDenies) | Fact::Absent
        )
    };
    wanted.chain(inline).any(|document| allows(document, ASSUME_ROLE))
        || attached.any(|effect| !harmless(effect))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{applied, identity, now, spec};
    use crate::model::arn::PolicyArn;
    use crate::model::fact::ReadError;
    use crate::model::spec::Method;
    use crate::model::timings::Timings;

    /// Whether an IRSA role with one attached policy may become a Pod Identity role unasked.
    fn asks(effect: Fact<Effect>, session_tags: bool) -> bool {
        let (_, mut world, status) = applied(&spec(Method::Irsa));
        let mut to = spec(Method::PodIdentity);
        to.pod_identity.disable_session_tags = !session_tags;
        let identity = identity(&to);
        let policy = PolicyArn::parse("arn:aws:iam::111122223333:policy/p").unwrap();
        let role = world.roles.get_mut(identity.role_arn()).unwrap();
        role.attached = Fact::Present(BTreeMap::from([(policy, effect)]));
        let timings = Timings::default();
        let view = TransitionView::new(&identity, &status, &world, &timings, now());
        gains_tags(&view) && may_chain(&view)
    }

    #[test]
    fn an_attached_policy_that_assumes_roles_or_was_not_read_is_asked_about_where_sessions_get_tags() {
        assert!(asks(Fact::Present(Effect::Chains), true));
        assert!(asks(Fact::Unreadable(ReadError::NotRead), true));
        assert!(!asks(Fact::Present(Effect::Chains), false));
        assert!(!asks(Fact::Present(Effect::Grants), true));
        assert!(!asks(Fact::Present(Effect::OnlyDenies), true));
    }
}
