//! Consent: changes that AWS makes lossy, or whose loss no pod would show, wait for a person to agree to this very one.
//! The scene in, what to ask out; no I/O. Called by `stage` only.

use super::{is_irsa, scene::Scene};
use crate::binding::{Binding, By};
use crate::policy::allows;
use crate::spec::PodRestart;
use crate::subject::hex_hash;

/// The annotation of a WorkloadIdentity by which somebody agrees. Its value is the token that the condition shows.
pub const ANNOTATION_CONSENT: &str = "lanyard.dev/consent";

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
    /// No pod holds the old binding: what uses it, if anything does, does not show as a pod [F 11].
    NoPodHolds,
    /// The role may assume other roles, which have to allow `sts:TagSession` from then on [F 11].
    RoleMayChain,
}

/// What has to be agreed to before anything is put in place.
pub(super) fn before(scene: &Scene<'_>) -> Option<Ask> {
    let leaves_irsa = !is_irsa(&scene.identity.binding) && scene.others.iter().any(is_irsa);
    if !leaves_irsa {
        return None;
    }
    let held = |old: &Binding| scene.holders().any(|holder| holder.carries(old));
    let because = if !scene.others.iter().any(held) {
        Because::NoPodHolds
    } else if may_chain(scene) {
        Because::RoleMayChain
    } else {
        return None;
    };
    unless_given(scene, because)
}

/// What has to be agreed to before the association goes. Under `Rollout`, the spec agrees.
pub(super) fn to_unbind(scene: &Scene<'_>) -> Option<Ask> {
    if scene.identity.pod_restart == PodRestart::Rollout {
        return None;
    }
    unless_given(scene, Because::PodsLoseAccess)
}

fn unless_given(scene: &Scene<'_>, because: Because) -> Option<Ask> {
    // An association that is made again has another id: what was agreed to once does not hold for the next time.
    let id = scene.association().map_or("", |association| &association.id);
    let from = scene.from();
    let token = hex_hash(
        &format!("{id}/{}/{}", from.key(), scene.identity.binding.key()),
        8,
    );
    let given = scene.observed.object.consent.as_deref() == Some(token.as_str());
    (!given).then_some(Ask { token, because })
}

/// Whether the role's own policies, as far as the spec holds them, let it assume another role, with sessions that will
/// carry tags.
fn may_chain(scene: &Scene<'_>) -> bool {
    let tagged = matches!(
        scene.identity.binding.by,
        By::PodIdentity {
            session_tags: true,
            ..
        }
    );
    let managed = scene.identity.managed.iter();
    tagged
        && managed
            .flat_map(|role| role.inline.values())
            .any(|document| allows(document, "sts:AssumeRole"))
}
