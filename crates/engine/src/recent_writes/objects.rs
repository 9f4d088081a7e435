//! Recent writes of roles, associations and annotations. IAM and EKS show a change late
//! (docs/dev/aws-behaviour.md#iam-consistency, docs/dev/aws-behaviour.md#association-quotas). Input: facts as
//! read. Output: the same facts, with those that contradict a recent write as `AwaitingConsistency`. No I/O.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::observed::{Association, Observed, RoleFacts};
use lanyard_core::model::subject::Subject;
use lanyard_iam_policy::same_meaning;
use parking_lot::Mutex;

use super::propagating::Propagating;

/// The recent writes.
pub(crate) struct RecentWrites {
    read_consistency: Duration,
    term_start: Mutex<Instant>,
    roles: Mutex<HashMap<RoleArn, (Instant, RoleFacts)>>,
    associations: Mutex<HashMap<Subject, (Instant, Fact<Association>)>>,
    annotations: Mutex<HashMap<Subject, (Instant, u64)>>,
    annotation_age: Duration,
    propagation: Duration,
    admissions: Mutex<HashMap<(Subject, RoleArn), (Instant, Timestamp)>>,
    propagating: Propagating,
}

/// A write of annotations is remembered for this time. A watch that shows it later causes a reconcile that changes nothing.
const ANNOTATION_AGE: Duration = Duration::from_secs(300);

impl RecentWrites {
    /// `propagation`: the time after which a written trust statement is in effect. `propagation_limit`: the time after a
    /// write in which AWS may not show it everywhere yet.
    pub(crate) fn new(
        read_consistency: Duration,
        propagation: Duration,
        propagation_limit: Duration,
    ) -> Self {
        Self {
            read_consistency,
            propagation,
            admissions: Mutex::default(),
            propagating: Propagating::new(propagation_limit),
            term_start: Mutex::new(Instant::now()),
            roles: Mutex::default(),
            associations: Mutex::default(),
            annotations: Mutex::default(),
            annotation_age: ANNOTATION_AGE,
        }
    }

    /// Starts a leader term. Another replica may have written until now, and its writes are not recorded here.
    pub(crate) fn begin_term(&self) {
        *self.term_start.lock() = Instant::now();
    }

    /// Marks absent resources of a deleted object as unreadable shortly after a leader change, because they are
    /// never read again once they count as absent. The previous leader may have created them just before. A
    /// resource that this process deleted is absent. `associated`: an association may have been created.
    pub(crate) fn treat_absence_as_stale(
        &self,
        subject: &Subject,
        observed: &mut Observed,
        associated: bool,
    ) {
        let term_start = *self.term_start.lock();
        if term_start.elapsed() >= self.read_consistency {
            return;
        }
        for (arn, facts) in &mut observed.roles {
            let removed = recall(&self.roles, self.read_consistency, arn).is_some();
            if facts.id == Fact::Absent && !removed {
                *facts = RoleFacts::unreadable(&ReadError::AwaitingConsistency);
            }
        }
        let removed = recall(&self.associations, self.read_consistency, subject).is_some();
        if associated && !removed && observed.association == Fact::Absent {
            observed.association = Fact::Unreadable(ReadError::AwaitingConsistency);
        }
    }

    /// Records a role as written.
    pub(crate) fn wrote_role(&self, arn: &RoleArn, facts: RoleFacts) {
        remember(&self.roles, self.read_consistency, arn.clone(), facts);
    }

    /// Records that a role was created for a subject, or that its trust policy now admits the subject.
    pub(crate) fn admitted(&self, subject: &Subject, arn: &RoleArn, at: Timestamp) {
        let key = (subject.clone(), arn.clone());
        remember(&self.admissions, self.propagation, key, at);
    }

    /// The facts of a role, which count as modified when this process last made the role admit the subject.
    pub(crate) fn with_admission(&self, subject: &Subject, arn: &RoleArn, facts: RoleFacts) -> RoleFacts {
        let key = (subject.clone(), arn.clone());
        let admitted = recall(&self.admissions, self.propagation, &key);
        RoleFacts {
            modified_at: facts.modified_at.max(admitted),
            ..facts
        }
    }

    /// Records an association as written.
    pub(crate) fn wrote_association(&self, subject: &Subject, fact: Fact<Association>) {
        remember(&self.associations, self.read_consistency, subject.clone(), fact);
    }

    /// Records annotations before they are written, so that the watch event of this write is ignored.
    pub(crate) fn annotating(&self, subject: &Subject, fingerprint: u64) {
        remember(
            &self.annotations,
            self.annotation_age,
            subject.clone(),
            fingerprint,
        );
    }

    /// Returns true if a ServiceAccount has exactly the annotations that were written last.
    pub(crate) fn annotated(&self, subject: &Subject, fingerprint: u64) -> bool {
        recall(&self.annotations, self.annotation_age, subject) == Some(fingerprint)
    }

    /// The roles and associations whose recent writes AWS may not show everywhere yet.
    pub(crate) fn propagating(&self) -> &Propagating {
        &self.propagating
    }

    /// The facts of a role without stale values.
    pub(crate) fn judge_role(&self, arn: &RoleArn, read: RoleFacts) -> RoleFacts {
        let Some(written) = recall(&self.roles, self.read_consistency, arn) else {
            return read;
        };
        let arns = |facts: &RoleFacts| facts.attached_arns().into_iter().cloned().collect::<Vec<_>>();
        let same_attached = arns(&read) == arns(&written);
        let documents = |a: &_, b: &_| same_meaning(a, b);
        RoleFacts {
            id: settled(read.id, &written.id, |a, b| a == b),
            elsewhere: read.elsewhere,
            modified_at: read.modified_at,
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

    /// The association, unless the read is stale.
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

/// Returns a read that agrees with the write or failed. A read that contradicts the write is `AwaitingConsistency`.
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
    max_age: Duration,
    key: K,
    value: V,
) {
    let mut map = map.lock();
    map.retain(|_, (at, _)| at.elapsed() < max_age);
    map.insert(key, (Instant::now(), value));
}

fn recall<K: Eq + std::hash::Hash, V: Clone>(
    map: &Mutex<HashMap<K, (Instant, V)>>,
    max_age: Duration,
    key: &K,
) -> Option<V> {
    let map = map.lock();
    map.get(key)
        .filter(|(at, _)| at.elapsed() < max_age)
        .map(|(_, value)| value.clone())
}

#[cfg(test)]
mod tests {
    use lanyard_core::model::observed::ControlMetadata;

    use super::*;

    fn arn() -> RoleArn {
        RoleArn::parse("arn:aws:iam::111122223333:role/orders").unwrap()
    }

    fn recent_writes() -> RecentWrites {
        let seconds = Duration::from_secs;
        RecentWrites::new(seconds(30), seconds(20), seconds(120))
    }

    #[test]
    fn role_not_visible_after_creation_is_settling() {
        let recent = recent_writes();
        let created = RoleFacts {
            id: Fact::Present("AROA1".to_owned()),
            ..RoleFacts::absent()
        };
        recent.wrote_role(&arn(), created);
        assert_eq!(
            recent.judge_role(&arn(), RoleFacts::absent()).id,
            Fact::Unreadable(ReadError::AwaitingConsistency)
        );
    }

    #[test]
    fn old_write_does_not_affect_reads() {
        let recent = RecentWrites::new(Duration::ZERO, Duration::ZERO, Duration::ZERO);
        let created = RoleFacts {
            id: Fact::Present("AROA1".to_owned()),
            ..RoleFacts::absent()
        };
        recent.wrote_role(&arn(), created);
        assert_eq!(recent.judge_role(&arn(), RoleFacts::absent()).id, Fact::Absent);
    }

    #[test]
    fn admission_counts_as_change_of_role_for_its_subject() {
        let recent = RecentWrites::new(Duration::ZERO, Duration::from_secs(20), Duration::ZERO);
        let (created, now) = (Timestamp::UNIX_EPOCH, Timestamp::now());
        recent.admitted(&subject(), &arn(), now);
        let read = || RoleFacts {
            modified_at: Some(created),
            ..RoleFacts::absent()
        };
        let seen = |subject: &Subject| recent.with_admission(subject, &arn(), read()).modified_at;
        assert_eq!(seen(&subject()), Some(now));
        let mut other = serde_json::to_value(subject()).unwrap();
        other["name"] = "other".into();
        assert_eq!(seen(&serde_json::from_value(other).unwrap()), Some(created));
    }

    fn subject() -> Subject {
        let subject = serde_json::json!({
            "cluster": "arn:aws:eks:eu-west-1:111122223333:cluster/prod",
            "namespace": "shop",
            "name": "orders",
        });
        serde_json::from_value(subject).unwrap()
    }

    #[test]
    fn old_annotations_are_forgotten() {
        let recent = RecentWrites {
            annotation_age: Duration::ZERO,
            ..recent_writes()
        };
        let mut other = subject();
        other.name = lanyard_core::model::name::ServiceAccountName::parse("users").unwrap();
        recent.annotating(&other, 1);
        recent.annotating(&subject(), 2);
        assert_eq!(recent.annotations.lock().len(), 1);

        let recent = recent_writes();
        recent.annotating(&subject(), 2);
        assert!(recent.annotated(&subject(), 2) && !recent.annotated(&subject(), 1));
    }

    fn all_absent() -> Observed {
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
            egress: Fact::Absent,
            token_clients: Fact::Absent,
            confirmed: Default::default(),
        }
    }

    #[test]
    fn absence_after_leader_change_is_settling() {
        let recent = recent_writes();
        let mut observed = all_absent();
        recent.treat_absence_as_stale(&subject(), &mut observed, true);
        assert_eq!(
            observed.role(&arn()).id,
            Fact::Unreadable(ReadError::AwaitingConsistency)
        );
        assert_eq!(
            observed.association,
            Fact::Unreadable(ReadError::AwaitingConsistency)
        );

        let mut never_associated = all_absent();
        recent.treat_absence_as_stale(&subject(), &mut never_associated, false);
        assert_eq!(never_associated.association, Fact::Absent);
    }

    #[test]
    fn own_removal_and_late_absence_are_absent() {
        let recent = recent_writes();
        let mut observed = all_absent();
        recent.wrote_role(&arn(), RoleFacts::absent());
        recent.wrote_association(&subject(), Fact::Absent);
        recent.treat_absence_as_stale(&subject(), &mut observed, true);
        assert_eq!(
            (observed.role(&arn()).id.clone(), observed.association),
            (Fact::Absent, Fact::Absent)
        );

        let recent = RecentWrites::new(Duration::ZERO, Duration::ZERO, Duration::ZERO);
        let mut observed = all_absent();
        recent.treat_absence_as_stale(&subject(), &mut observed, true);
        assert_eq!(observed.association, Fact::Absent);
    }
}
