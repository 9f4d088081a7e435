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
use crate::spec::Spec;
use crate::status::Status;
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
    /// Its custody: without it nothing was ever carried out.
    pub custody: Option<&'a Custody>,
}

impl Record<'_> {
    /// The class that was chosen before. Custody tells it where the status was lost; a tenant can write only that.
    #[must_use]
    pub fn pinned(&self) -> Option<&str> {
        let custody = self.custody.and_then(|custody| custody.class.as_deref());
        self.status.class_name.as_deref().or(custody)
    }
}

/// Rules on a spec.
#[must_use]
pub fn rule(
    spec: &Spec,
    subject: &Subject,
    cluster: &Cluster,
    choice: &Choice<'_>,
    record: Record<'_>,
) -> Ruling {
    let class = choice.class().unwrap_or_else(|| Cow::Owned(stand_in(record)));
    let validated = match validate(spec, subject, cluster, &class, &record.status.roles()) {
        Ok(validated) => validated,
        Err(wrong) => return Ruling::Invalid(wrong),
    };
    let unchosen = choice.reason().map(|reason| Freeze {
        reason,
        message: choice.to_string(),
    });
    let freeze = unchosen.or_else(|| refusal(&validated.forbidden));
    match freeze {
        None => Ruling::Carried(Box::new(validated.identity)),
        Some(freeze) if record.custody.is_none() => Ruling::Refused(freeze),
        Some(Freeze { reason, message }) => {
            Ruling::Carried(Box::new(validated.identity.frozen_for(reason, message)))
        }
    }
}

/// What stands for a class that is away: what it said is not known, so that the record has to tell what of it counts.
fn stand_in(record: Record<'_>) -> Class {
    let mut class = Class::unrestricted();
    class.name = record.pinned().map(str::to_owned);
    let active = record.status.active_binding();
    class.defaults.method = active.map(|active| active.binding.method());
    class
}

fn refusal(forbidden: &[Forbidden]) -> Option<Freeze> {
    if forbidden.is_empty() {
        return None;
    }
    let lines: Vec<String> = forbidden.iter().map(|line| format!("spec.{line}")).collect();
    Some(Freeze {
        reason: Reason::Forbidden,
        message: lines.join("; "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::{Guardrails, Limits};
    use crate::example::{carried_out, cluster, spec, subject};
    use crate::spec::Method;

    fn ruled(choice: &Choice<'_>, status: &Status, custody: Option<&Custody>) -> Ruling {
        let record = Record { status, custody };
        rule(&spec(Method::Irsa), &subject(), &cluster(), choice, record)
    }

    fn closed() -> Class {
        Class {
            name: Some("tenants".to_owned()),
            limits: Limits::Within(Box::new(Guardrails::default())),
            ..Class::default()
        }
    }

    #[test]
    fn what_was_never_carried_out_is_refused_and_what_was_is_frozen() {
        let (_, world, status) = carried_out(&spec(Method::Irsa));
        let custody = world.object.custody.as_ref();
        for choice in [Choice::Missing { name: "tenants" }, Choice::Chosen(&closed())] {
            assert!(matches!(ruled(&choice, &Status::default(), None), Ruling::Refused(_)));
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
        let Ruling::Carried(identity) = rule(&asked, &subject(), &cluster(), &choice, record) else {
            panic!("frozen");
        };
        assert_eq!(identity.binding.method(), Method::Irsa);
    }
}
