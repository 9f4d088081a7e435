//! Rule: what becomes of a spec under the class that was chosen for it.
//! Spec, choice and what is on record in; an identity, free or frozen, or why there is none out. No I/O. Called by the
//! operator and by the command line.

use std::borrow::Cow;

use super::{Choice, Class};
use crate::cluster::Cluster;
use crate::custody::Custody;
use crate::guardrail::Forbidden;
use crate::identity::{Freeze, Identity};
use crate::reason::Reason;
use crate::spec::{Method, Spec};
use crate::status::{BindingStatus, Status};
use crate::subject::Subject;
use crate::validate::{Invalid, validate};

/// What becomes of a spec.
#[derive(Debug, Clone, PartialEq)]
pub enum Ruling {
    /// It is carried out, or frozen if anything of it was carried out before.
    Carried(Box<Identity>),
    /// Nothing of it was ever carried out, and nothing is.
    Refused(Freeze),
    /// It is wrong by itself, whatever the class: every fault.
    Invalid(Vec<Invalid>),
}

/// What is on record of an object.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Its status.
    pub status: &'a Status,
    /// Its custody, which a tenant can write.
    pub custody: Option<&'a Custody>,
}

impl<'a> Record<'a> {
    /// Whether anything was ever carried out. Only what no tenant can write counts.
    fn was_carried_out(self) -> bool {
        let status = self.status;
        status.role.is_some() || !status.bindings.is_empty() || !status.applied.is_empty()
    }

    /// The class that was chosen before. Custody tells it where the status was lost; a tenant can write only that.
    #[must_use]
    pub fn pinned(self) -> Option<&'a str> {
        let custody = self.custody.and_then(|custody| custody.class.as_deref());
        self.status.class_name.as_deref().or(custody)
    }
}

/// Whose a spec is.
#[derive(Debug, Clone, Copy)]
pub struct Whose<'a> {
    /// Who gets the role.
    pub subject: &'a Subject,
    /// Where.
    pub cluster: &'a Cluster,
}

/// Rules on a spec. `may_begin` is asked only where the class alone has changed the method of an identity that rests,
/// and says whether it is its turn: until then it keeps the method that it has.
#[must_use]
pub fn rule(
    spec: &Spec,
    whose: Whose<'_>,
    choice: &Choice<'_>,
    record: Record<'_>,
    may_begin: impl FnOnce(&Class) -> bool,
) -> Ruling {
    let class = choice.class().unwrap_or_else(|| Cow::Owned(stand_in(record)));
    let made = record.status.roles();
    let under = |class: &Class| validate(spec, whose.subject, whose.cluster, class, &made);
    let mut validated = match under(&class) {
        Ok(validated) => validated,
        Err(wrong) => return Ruling::Invalid(wrong),
    };
    let unchosen = choice.reason().map(|reason| Freeze {
        reason,
        message: choice.to_string(),
        bounds: false,
    });
    let freeze = unchosen.or_else(|| refusal(&validated.forbidden, &class));
    // Who would only stand there takes no turn from others.
    let stands = freeze.is_some() || spec.suspend || spec.transition_paused;
    if let Some(method) = flips_from(spec, &validated.identity, record.status)
        && (stands || !may_begin(&class))
    {
        let mut before = class.into_owned();
        before.defaults.method = Some(method);
        match under(&before) {
            Ok(held) => validated.identity = held.identity.queued(validated.identity.binding.method()),
            Err(wrong) => return Ruling::Invalid(wrong),
        }
    }
    match freeze {
        None => Ruling::Carried(Box::new(validated.identity)),
        Some(freeze) if !record.was_carried_out() => Ruling::Refused(freeze),
        Some(freeze) => Ruling::Carried(Box::new(validated.identity.frozen_for(freeze))),
    }
}

/// The method in effect, where an identity rests and its class, not its spec, asks for another.
fn flips_from(spec: &Spec, identity: &Identity, status: &Status) -> Option<Method> {
    let active = status.active_binding()?.binding.method();
    let by_class = spec.method.is_none() && status.transition.is_none();
    (by_class && active != identity.binding.method()).then_some(active)
}

/// What stands for a class that is away: what it said is not known, so that the record has to tell what of it counts. A
/// change that is under way still leads where it led.
fn stand_in(record: Record<'_>) -> Class {
    let mut class = Class::unrestricted();
    class.name = record.pinned().map(str::to_owned);
    let transition = record.status.transition.as_ref();
    let leads_to =
        |known: &&BindingStatus| transition.is_some_and(|record| record.token == known.binding.token());
    let under_way = record.status.bindings.iter().find(leads_to);
    let known = under_way.or_else(|| record.status.active_binding());
    class.defaults.method = known.map(|known| known.binding.method());
    class
}

fn refusal(forbidden: &[Forbidden], class: &Class) -> Option<Freeze> {
    if forbidden.is_empty() {
        return None;
    }
    let lines: Vec<String> = forbidden.iter().map(|line| format!("spec.{line}")).collect();
    Some(Freeze {
        reason: Reason::Forbidden,
        message: lines.join("; "),
        bounds: class
            .guardrails()
            .is_some_and(|guardrails| guardrails.permissions_boundary_arn.is_some()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::Guardrails;
    use crate::example::{carried_out, cluster, spec, subject};
    use crate::spec::Method;

    fn ruled(choice: &Choice<'_>, status: &Status, custody: Option<&Custody>) -> Ruling {
        ruled_on(&spec(Method::Irsa), choice, Record { status, custody }, true)
    }

    fn ruled_on(spec: &Spec, choice: &Choice<'_>, record: Record<'_>, may_begin: bool) -> Ruling {
        let (subject, cluster) = (&subject(), &cluster());
        rule(spec, Whose { subject, cluster }, choice, record, |_| may_begin)
    }

    fn closed() -> Class {
        Class {
            name: Some("tenants".to_owned()),
            limits: Guardrails::default().into(),
            ..Class::default()
        }
    }

    #[test]
    fn what_was_never_carried_out_is_refused_and_what_was_is_frozen() {
        let (_, world, status) = carried_out(&spec(Method::Irsa));
        let custody = world.object.custody.as_ref();
        for choice in [Choice::Missing { name: "tenants" }, Choice::Chosen(&closed())] {
            assert!(matches!(
                ruled(&choice, &Status::default(), None),
                Ruling::Refused(_)
            ));
            let Ruling::Carried(identity) = ruled(&choice, &status, custody) else {
                panic!("{choice:?}");
            };
            assert!(identity.frozen.is_some());
        }
    }

    #[test]
    fn without_classes_nothing_is_frozen_and_no_class_is_recorded() {
        let Ruling::Carried(identity) = ruled(&Choice::Unrestricted, &Status::default(), None) else {
            panic!("carried out");
        };
        assert_eq!((identity.frozen, identity.class), (None, None));
    }

    #[test]
    fn a_class_that_is_away_moves_nothing_to_another_method() {
        let (_, world, status) = carried_out(&spec(Method::Irsa));
        let asked = Spec {
            method: None,
            ..spec(Method::Irsa)
        };
        let record = Record {
            status: &status,
            custody: world.object.custody.as_ref(),
        };
        let choice = Choice::Missing { name: "tenants" };
        let Ruling::Carried(identity) = ruled_on(&asked, &choice, record, true) else {
            panic!("frozen");
        };
        assert_eq!(identity.binding.method(), Method::Irsa);
    }

    #[test]
    fn a_class_moves_an_identity_that_rests_only_when_it_is_its_turn() {
        let (_, world, status) = carried_out(&spec(Method::Irsa));
        let mut class = Class::unrestricted();
        class.defaults.method = Some(Method::PodIdentity);
        let record = Record {
            status: &status,
            custody: world.object.custody.as_ref(),
        };
        let method = |asked: Option<Method>, may_begin| {
            let asked = Spec {
                method: asked,
                ..spec(Method::Irsa)
            };
            match ruled_on(&asked, &Choice::Chosen(&class), record, may_begin) {
                Ruling::Carried(identity) => (identity.binding.method(), identity.queued_for),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(method(None, false), (Method::Irsa, Some(Method::PodIdentity)));
        assert_eq!(method(None, true), (Method::PodIdentity, None));
        // What a spec asks for itself waits for nobody.
        assert_eq!(
            method(Some(Method::PodIdentity), false),
            (Method::PodIdentity, None)
        );
    }
}
