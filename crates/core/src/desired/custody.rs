//! Desired, custody: which roles and which seats in others' trust policies are ours to remove, now or one day.
//! An identity, the bindings that pods may depend on and the facts in, custody and what is left over out. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use crate::arn::RoleArn;
use crate::binding::{Binding, By};
use crate::custody::{Custody, Touched};
use crate::fact::Fact;
use crate::identity::Identity;
use crate::observed::Observed;
use crate::share::{Key, Seated};
use crate::stage::Stage;
use crate::status::Status;
use crate::subject::{Subject, TAG_ADOPTED, TAG_RETAINED};

/// Roles of ours in custody that no binding leads to any more. While a change runs, none is.
pub(super) fn left_over(identity: &Identity, stage: &Stage, observed: &Observed) -> BTreeSet<RoleArn> {
    let managed = left(stage, observed).filter(|touched| touched.managed);
    managed
        .map(|touched| touched.arn.clone())
        .filter(|arn| !leads_to(&identity.binding, arn))
        .collect()
}

/// Seats in custody that the binding does not need. While a change runs, it may need each.
pub(super) fn left_seats(identity: &Identity, stage: &Stage, observed: &Observed) -> BTreeSet<Seated> {
    left(stage, observed)
        .filter(|touched| !is_seat_of(touched, &identity.binding))
        .filter_map(|touched| touched.seated(&identity.subject))
        .collect()
}

fn left<'a>(stage: &Stage, observed: &'a Observed) -> impl Iterator<Item = &'a Touched> {
    let custody = observed.object.custody.iter();
    let at_rest = *stage == Stage::Settled;
    custody
        .flat_map(|custody| &custody.roles)
        .filter(move |_| at_rest)
}

/// Whether pods of a binding come to a role: at once, or by way of the one that they get.
fn leads_to(binding: &Binding, role: &RoleArn) -> bool {
    let target = match &binding.by {
        By::PodIdentity { target_role_arn, .. } => target_role_arn.as_ref(),
        By::Irsa { .. } => None,
    };
    binding.role_arn == *role || target == Some(role)
}

/// Whether a binding rests on the very statement that was touched.
fn is_seat_of(touched: &Touched, binding: &Binding) -> bool {
    touched.arn == binding.role_arn && touched.share == Some(Key::of(binding))
}

/// Custody of every role that a binding leads to, of those that Lanyard made until they are known to be gone, and of
/// the seats in others' until they are known to be free.
pub(super) fn custody_for(
    identity: &Identity,
    binding: &Binding,
    kept: &[Binding],
    observed: &Observed,
    shares: bool,
) -> Custody {
    let before = observed.object.custody.as_ref();
    let wanted = &identity.binding;
    let used = |touched: &Touched| {
        let mut bindings = kept.iter().chain([binding, wanted]);
        bindings.any(|binding| match touched.share {
            Some(_) => is_seat_of(touched, binding),
            None => binding.role_arn == touched.arn && binding.method() == touched.method,
        })
    };
    let made = |touched: &Touched| {
        let another = touched.arn != wanted.role_arn || identity.managed.is_none();
        touched.managed && another && may_be_ours(&identity.subject, &touched.arn, observed)
    };
    let seated = |touched: &Touched| {
        let seated = touched.seated(&identity.subject);
        seated.is_some_and(|seated| may_be_taken(&seated, observed))
    };
    // What the role's owner keeps from now on stays as it is, and is not ours to take away any more.
    let given_up = |touched: &Touched| identity.managed.is_none() && !shares && is_seat_of(touched, wanted);
    let touches = Touched {
        share: shares.then(|| Key::of(wanted)),
        ..identity.touches()
    };
    let mut custody = Custody::including(before, identity.deletion_policy, touches);
    custody
        .roles
        .retain(|touched| (used(touched) || made(touched) || seated(touched)) && !given_up(touched));
    if identity.class.is_some() {
        custody = custody.under(identity.class.clone());
    }
    for other in kept.iter().chain([binding]) {
        let touched = touched_for(identity, other, observed, shares);
        let known = |known: &Touched| {
            let same = known.arn == touched.arn && known.method == touched.method;
            same && (touched.share.is_none() || known.share == touched.share)
        };
        if !custody.roles.iter().any(known) {
            custody = Custody::including(Some(&custody), identity.deletion_policy, touched);
        }
    }
    custody
}

/// What is touched for a binding beside the one asked for. Where custody of its role is lost, the role's tags may still
/// say that Lanyard made it.
fn touched_for(identity: &Identity, other: &Binding, observed: &Observed, shares: bool) -> Touched {
    let tags = observed.role(&other.role_arn).tags;
    let made = tags.present().is_some_and(|tags| identity.subject.owns(tags));
    let adopted = tags.present().is_some_and(|tags| tags.contains_key(TAG_ADOPTED));
    let shared = match other.role_arn == identity.binding.role_arn {
        true => shares,
        false => made && adopted,
    };
    Touched {
        arn: other.role_arn.clone(),
        managed: made || identity.managed.is_some(),
        method: other.method(),
        share: shared.then(|| Key::of(other)),
    }
}

/// Whether a role that was touched may still be ours: what is gone or was let go is not.
fn may_be_ours(subject: &Subject, arn: &RoleArn, observed: &Observed) -> bool {
    let facts = observed.role(arn);
    let released = |tags: &BTreeMap<String, String>| tags.contains_key(TAG_RETAINED) && !subject.owns(tags);
    !facts.id.is_absent() && !facts.tags.present().is_some_and(released)
}

/// Whether a subject may still be in a seat: what cannot be read may.
fn may_be_taken(seated: &Seated, observed: &Observed) -> bool {
    match observed.role(&seated.role).trust_here() {
        Fact::Present(trust) => seated.seat.is_taken(trust) != Some(false),
        Fact::Absent => false,
        Fact::Unreadable(_) => true,
    }
}

/// Every seat that the subject was put into: those in custody, and those that the status says were applied.
pub(super) fn seats_taken(
    subject: &Subject,
    previous: &Status,
    custody: Option<&Custody>,
) -> BTreeSet<Seated> {
    let in_custody = custody.into_iter().flat_map(|custody| custody.seats(subject));
    let bindings = previous.bindings.iter().map(|known| &known.binding);
    let recorded = bindings.map(|binding| Seated {
        role: binding.role_arn.clone(),
        seat: Key::of(binding).seat(subject),
    });
    let applied = recorded.filter(|seated| previous.applied.contains_key(&seated.aspect().key()));
    in_custody.chain(applied).collect()
}
