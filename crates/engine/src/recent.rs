//! Our own recent writes, so that a stale read is taken for what it is: IAM and EKS show a change late (docs/dev/aws-behaviour.md#iam-consistency, docs/dev/aws-behaviour.md#association-quotas).
//! Facts as read in, facts as they may be trusted out: what contradicts a young write of ours becomes `AwaitingConsistency`.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::observed::{Association, Observed, RoleFacts};
use lanyard_core::model::subject::Subject;
use lanyard_iam_policy::same_meaning;

/// What we wrote lately.
pub(crate) struct Recent {
    read_consistency: Duration,
    term_began: Mutex<Instant>,
    roles: Mutex<HashMap<RoleArn, (Instant, RoleFacts)>>,
    associations: Mutex<HashMap<Subject, (Instant, Fact<Association>)>>,
    annotations: Mutex<HashMap<Subject, u64>>,
}

impl Recent {
    pub(crate) fn new(read_consistency: Duration) -> Self {
        Self {
            read_consistency,
            term_began: Mutex::new(Instant::now()),
            roles: Mutex::default(),
            associations: Mutex::default(),
            annotations: Mutex::default(),
        }
    }

    /// Another operator may have written until now, and what it wrote is not remembered here.
    pub(crate) fn begin_term(&self) {
        *self.term_began.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// What may be believed of an object that goes: what is not there is never looked for again. Just after a change of
    /// operators the one before may have made it a moment ago, so that its absence is read_consistency; what we removed
    /// ourselves is gone. `associated`: whether there was ever an association to be made.
    pub(crate) fn treat_absence_as_stale(
        &self,
        subject: &Subject,
        observed: &mut Observed,
        associated: bool,
    ) {
        let began = *self.term_began.lock().unwrap_or_else(PoisonError::into_inner);
        if began.elapsed() >= self.read_consistency {
            return;
        }
        for (arn, facts) in &mut observed.roles {
            if facts.id == Fact::Absent && !self.touched_role(arn) {
                *facts = RoleFacts::unreadable(&ReadError::AwaitingConsistency);
            }
        }
        let removed = recall(&self.associations, self.read_consistency, subject).is_some();
        if associated && !removed && observed.association == Fact::Absent {
            observed.association = Fact::Unreadable(ReadError::AwaitingConsistency);
        }
    }

    /// Remembers what a role is after our write.
    pub(crate) fn wrote_role(&self, arn: &RoleArn, facts: RoleFacts) {
        remember(&self.roles, self.read_consistency, arn.clone(), facts);
    }

    /// Remembers what an association is after our write.
    pub(crate) fn wrote_association(&self, subject: &Subject, fact: Fact<Association>) {
        remember(&self.associations, self.read_consistency, subject.clone(), fact);
    }

    /// Remembers what annotations are about to be written: the watch will show them, and that is no news.
    pub(crate) fn annotating(&self, subject: &Subject, fingerprint: u64) {
        self.annotations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(subject.clone(), fingerprint);
    }

    /// Whether a ServiceAccount carries just the annotations that we wrote last.
    pub(crate) fn annotated(&self, subject: &Subject, fingerprint: u64) -> bool {
        self.annotations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(subject)
            == Some(&fingerprint)
    }

    /// Whether we wrote a role so lately that others may not see it yet.
    pub(crate) fn touched_role(&self, arn: &RoleArn) -> bool {
        recall(&self.roles, self.read_consistency, arn).is_some()
    }

    /// The facts of a role as they may be trusted.
    pub(crate) fn judge_role(&self, arn: &RoleArn, read: RoleFacts) -> RoleFacts {
        let Some(written) = recall(&self.roles, self.read_consistency, arn) else {
            return read;
        };
        let keys = |facts: &RoleFacts| facts.attached_arns().into_iter().cloned().collect::<Vec<_>>();
        let same_attached = keys(&read) == keys(&written);
        let documents = |a: &_, b: &_| same_meaning(a, b);
        RoleFacts {
            id: settled(read.id, &written.id, |a, b| a == b),
            elsewhere: read.elsewhere,
            trust: settled(read.trust, &written.trust, documents),
            description: settled(read.description, &written.description, |a, b| a == b),
            max_session: settled(read.max_session, &written.max_session, |a, b| a == b),
            boundary: settled(read.boundary, &written.boundary, |a, b| a == b),
            tags: settled(read.tags, &written.tags, |a, b| a == b),
            attached: settled(read.attached, &written.attached, |_, _| same_attached),
            inline: settled(read.inline, &written.inline, |a, b| {
                a.len() == b.len()
                    && a.iter()
                        .all(|(name, one)| b.get(name).is_some_and(|other| documents(one, other)))
            }),
        }
    }

    /// The association as it may be trusted.
    pub(crate) fn judge_association(&self, subject: &Subject, read: Fact<Association>) -> Fact<Association> {
        let Some(written) = recall(&self.associations, self.read_consistency, subject) else {
            return read;
        };
        settled(read, &written, |a, b| {
            a.id == b.id
                && a.role_arn == b.role_arn
                && a.target_role_arn == b.target_role_arn
                && a.session_tags == b.session_tags
                && a.policy == b.policy
                && a.tags == b.tags
        })
    }
}

/// A read that agrees with our write stands, one that contradicts it is read_consistency, one that failed says so itself.
fn settled<T>(read: Fact<T>, written: &Fact<T>, same: impl Fn(&T, &T) -> bool) -> Fact<T> {
    let agrees = match (&read, written) {
        (Fact::Present(read), Fact::Present(written)) => same(read, written),
        (Fact::Absent, Fact::Absent) | (Fact::Unreadable(_), _) | (_, Fact::Unreadable(_)) => true,
        (Fact::Present(_), Fact::Absent) | (Fact::Absent, Fact::Present(_)) => false,
    };
    if agrees {
        read
    } else {
        Fact::Unreadable(ReadError::AwaitingConsistency)
    }
}

fn remember<K: Eq + std::hash::Hash, V>(
    map: &Mutex<HashMap<K, (Instant, V)>>,
    lasts: Duration,
    key: K,
    value: V,
) {
    let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
    map.retain(|_, (at, _)| at.elapsed() < lasts);
    map.insert(key, (Instant::now(), value));
}

fn recall<K: Eq + std::hash::Hash, V: Clone>(
    map: &Mutex<HashMap<K, (Instant, V)>>,
    lasts: Duration,
    key: &K,
) -> Option<V> {
    let map = map.lock().unwrap_or_else(PoisonError::into_inner);
    map.get(key)
        .filter(|(at, _)| at.elapsed() < lasts)
        .map(|(_, value)| value.clone())
}

#[cfg(test)]
mod tests {
    use lanyard_core::model::observed::ControlMetadata;

    use super::*;

    fn arn() -> RoleArn {
        RoleArn::parse("arn:aws:iam::111122223333:role/orders").unwrap()
    }

    #[test]
    fn a_role_that_we_just_made_and_that_is_not_seen_yet_is_settling_and_not_absent() {
        let recent = Recent::new(Duration::from_secs(30));
        let made = RoleFacts {
            id: Fact::Present("AROA1".to_owned()),
            ..RoleFacts::absent()
        };
        recent.wrote_role(&arn(), made);
        assert_eq!(
            recent.judge_role(&arn(), RoleFacts::absent()).id,
            Fact::Unreadable(ReadError::AwaitingConsistency)
        );
    }

    #[test]
    fn an_old_write_excuses_nothing() {
        let recent = Recent::new(Duration::ZERO);
        let made = RoleFacts {
            id: Fact::Present("AROA1".to_owned()),
            ..RoleFacts::absent()
        };
        recent.wrote_role(&arn(), made);
        assert_eq!(recent.judge_role(&arn(), RoleFacts::absent()).id, Fact::Absent);
    }

    fn subject() -> Subject {
        let subject = serde_json::json!({
            "cluster": "arn:aws:eks:eu-west-1:111122223333:cluster/prod",
            "namespace": "shop",
            "name": "orders",
        });
        serde_json::from_value(subject).unwrap()
    }

    fn gone() -> Observed {
        Observed {
            object: ControlMetadata::default(),
            roles: [(arn(), RoleFacts::absent())].into(),
            provider: Fact::Absent,
            association: Fact::Absent,
            service_account: Fact::Absent,
            agent: Fact::Absent,
            webhook: Fact::Absent,
            pods: Fact::Absent,
            workloads: Fact::Absent,
            confirmed: Default::default(),
        }
    }

    #[test]
    fn what_a_predecessor_may_have_made_a_moment_ago_is_not_yet_gone() {
        let (recent, mut observed) = (Recent::new(Duration::from_secs(30)), gone());
        recent.treat_absence_as_stale(&subject(), &mut observed, true);
        assert_eq!(
            observed.role(&arn()).id,
            Fact::Unreadable(ReadError::AwaitingConsistency)
        );
        assert_eq!(
            observed.association,
            Fact::Unreadable(ReadError::AwaitingConsistency)
        );

        let mut never_associated = gone();
        recent.treat_absence_as_stale(&subject(), &mut never_associated, false);
        assert_eq!(never_associated.association, Fact::Absent);
    }

    #[test]
    fn what_we_removed_ourselves_and_what_was_long_ago_is_gone() {
        let (recent, mut observed) = (Recent::new(Duration::from_secs(30)), gone());
        recent.wrote_role(&arn(), RoleFacts::absent());
        recent.wrote_association(&subject(), Fact::Absent);
        recent.treat_absence_as_stale(&subject(), &mut observed, true);
        assert_eq!(
            (observed.role(&arn()).id.clone(), observed.association),
            (Fact::Absent, Fact::Absent)
        );

        let (recent, mut observed) = (Recent::new(Duration::ZERO), gone());
        recent.treat_absence_as_stale(&subject(), &mut observed, true);
        assert_eq!(observed.association, Fact::Absent);
    }
}
