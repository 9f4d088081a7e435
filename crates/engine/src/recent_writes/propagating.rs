//! Roles and associations that Lanyard wrote so recently that AWS may not show the write everywhere yet. Input: the
//! steps that took effect. Output: whether an error of another step can be due to one of them. No I/O.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::field::Resource;
use lanyard_core::model::subject::Subject;
use lanyard_core::reconcile::step::Step;
use parking_lot::Mutex;

/// The written roles and associations, each with the time of the first write of a series.
#[derive(Debug)]
pub(crate) struct Propagating {
    limit: Duration,
    written: Mutex<HashMap<Written, Series>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Written {
    Role(RoleArn),
    Association(Subject),
}

/// A series of writes of one resource with less than the limit between them. Only its begin counts: a resource that is
/// written again and again must not make an error temporary for ever.
#[derive(Debug, Clone, Copy)]
struct Series {
    begin: Instant,
    last: Instant,
}

impl Propagating {
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            limit,
            written: Mutex::default(),
        }
    }

    /// Records a step that took effect.
    pub(crate) fn wrote(&self, subject: &Subject, step: &Step, now: Instant) {
        let mut written = self.written.lock();
        written.retain(|_, series| now.duration_since(series.last) < self.limit);
        if let Some(resource) = writes(subject, step) {
            let series = written.entry(resource).or_insert(Series {
                begin: now,
                last: now,
            });
            series.last = now;
        }
    }

    /// Returns whether the step uses a resource that was written within the limit.
    pub(crate) fn concerns(&self, subject: &Subject, step: &Step, now: Instant) -> bool {
        let written = self.written.lock();
        let is_young = |resource: Written| {
            let series = written.get(&resource);
            series.is_some_and(|series| now.duration_since(series.begin) < self.limit)
        };
        uses(subject, step).into_iter().any(is_young)
    }
}

fn writes(subject: &Subject, step: &Step) -> Option<Written> {
    match (step.role(), step.resource()) {
        (Some(role), _) => Some(Written::Role(role.clone())),
        (None, Some(Resource::Association)) => Some(Written::Association(subject.clone())),
        (None, _) => None,
    }
}

/// An association needs its role, and every other call only what it changes. The creation of an association needs no
/// earlier one.
fn uses(subject: &Subject, step: &Step) -> Vec<Written> {
    match step {
        Step::CreateAssociation { desired, .. } => vec![Written::Role(desired.role_arn.clone())],
        Step::UpdateAssociation { desired, .. } => vec![
            Written::Role(desired.role_arn.clone()),
            Written::Association(subject.clone()),
        ],
        Step::CreateRole { .. } => Vec::new(),
        _ => writes(subject, step).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn subject() -> Subject {
        let subject = json!({"cluster": "arn:aws:eks:eu-west-1:111122223333:cluster/prod", "namespace": "shop", "name": "orders"});
        serde_json::from_value(subject).unwrap()
    }

    fn tag(role: &str) -> Step {
        Step::TagRole {
            role: RoleArn::parse(&format!("arn:aws:iam::111122223333:role/{role}")).unwrap(),
            tags: Default::default(),
        }
    }

    #[test]
    fn only_written_roles_are_propagating() {
        let propagating = Propagating::new(Duration::from_secs(120));
        let now = Instant::now();
        assert!(!propagating.concerns(&subject(), &tag("orders"), now));
        propagating.wrote(&subject(), &tag("orders"), now);
        assert!(propagating.concerns(&subject(), &tag("orders"), now));
        assert!(!propagating.concerns(&subject(), &tag("other"), now));
        assert!(!propagating.concerns(&subject(), &Step::DeleteAssociation { repairs: false }, now));
    }

    #[test]
    fn repeated_writes_do_not_extend_the_limit() {
        let propagating = Propagating::new(Duration::from_secs(120));
        let begin = Instant::now();
        for seconds in (0..=120).step_by(30) {
            propagating.wrote(&subject(), &tag("orders"), begin + Duration::from_secs(seconds));
        }
        let after =
            |seconds| propagating.concerns(&subject(), &tag("orders"), begin + Duration::from_secs(seconds));
        assert!(after(119));
        assert!(!after(120));
    }
}
