//! The sweep's roles: those of each account page by page, and those under the cluster's path for two fields more.
//! A round in, what it says of each role noted in it out. Reads AWS by pages, and drops each when it was compared.

use lanyard_core::bulk::orphans::{IdentityName, identity_here};
use lanyard_core::bulk::{Part, costs_more_than_single_reads, judge};
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::observed::{Observed, RoleFacts};
use lanyard_engine::{AccountAccess, ListedRole};

use super::read::{Cursor, Read};
use super::round::{Round, yield_every};

/// A role of which, when it was listed, no object knew.
#[derive(Debug)]
pub(super) struct OrphanCandidate {
    pub role: RoleArn,
    pub owner: IdentityName,
}

/// What a list of roles showed of which no object knows.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    pub roles: Vec<OrphanCandidate>,
    /// Whether the list came to its end.
    pub whole: bool,
}

/// How the read of a list ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// Whatever it did not show is not there.
    Complete,
    /// It came to its end, and one of its entries cannot be told from another: that may be what it did not show.
    Illegible,
    /// What it did not show may be there all the same.
    Incomplete,
}

impl Round<'_> {
    /// Reads and judges the roles that one way leads to. What carries the tags of an object that does not know of it is
    /// a suspect.
    pub async fn roles(&mut self, way: u16) -> Suspects {
        let mut candidates = Suspects::default();
        let Some(leads) = self.ways.get(usize::from(way)).cloned() else {
            return candidates;
        };
        let ended = self.roles_in_account(way, &leads, &mut candidates.roles).await;
        candidates.whole = ended == Ended::Complete;
        if ended == Ended::Complete {
            for (count, at) in self.unseen(Read::Roles, Some(way)).into_iter().enumerate() {
                yield_every(count).await;
                self.role(at, Part::Role, Read::Roles, RoleFacts::absent());
            }
        }
        if ended == Ended::Illegible {
            tracing::warn!(account = %leads.account, "a role of the account has no ARN that can be read; roles that were not seen are read one by one");
            self.leave_to_looks(Read::Roles, Some(way));
        }
        if ended != Ended::Incomplete {
            self.settings(way, &leads).await;
        }
        candidates
    }

    async fn roles_in_account(
        &mut self,
        way: u16,
        leads: &AccountAccess,
        candidates: &mut Vec<OrphanCandidate>,
    ) -> Ended {
        let (context, roles) = (self.term.context, self.count(way));
        let (mut pages, mut legible, mut cursor) = (0, true, Cursor::default());
        while cursor.goes_on() {
            pages += 1;
            if costs_more_than_single_reads(pages, roles) {
                tracing::info!(
                    account = %leads.account, pages, roles,
                    "the account has so many roles that those of its few identities are read one by one"
                );
                self.refused = true;
                self.leave_to_looks(Read::Roles, Some(way));
                return Ended::Incomplete;
            }
            let ask = |after| context.engine.roles_in_account(leads, after);
            let page = match self.page(Read::Roles, &mut cursor, ask).await {
                Ok(page) => page,
                Err(why) => {
                    self.broke_off(Read::Roles, Some(way), &why);
                    return Ended::Incomplete;
                }
            };
            for (count, role) in page.into_iter().enumerate() {
                yield_every(count).await;
                legible &= role.arn.is_some();
                self.of_account(way, role, candidates);
            }
        }
        match legible {
            true => Ended::Complete,
            false => Ended::Illegible,
        }
    }

    fn of_account(&mut self, way: u16, role: ListedRole, candidates: &mut Vec<OrphanCandidate>) {
        let Some(arn) = &role.arn else { return };
        let (cluster, tags) = (&self.term.context.engine.cluster().identity, role.tags());
        let owner = tags.and_then(|tags| identity_here(cluster, &tags));
        if let Some(owner) = owner
            && !self.term.context.knows(&owner, arn)
        {
            let role = arn.clone();
            candidates.push(OrphanCandidate { role, owner });
        }
        for at in self.of_role(way, arn) {
            self.role(at, Part::Role, Read::Roles, role.facts());
        }
    }

    async fn settings(&mut self, way: u16, leads: &AccountAccess) {
        if self.unseen(Read::Settings, Some(way)).is_empty() {
            return;
        }
        let (context, mut cursor) = (self.term.context, Cursor::default());
        while cursor.goes_on() {
            let ask = |after| context.engine.roles_of_cluster(leads, after);
            let page = match self.page(Read::Settings, &mut cursor, ask).await {
                Ok(page) => page,
                Err(why) => return self.broke_off(Read::Settings, Some(way), &why),
            };
            for (count, role) in page.into_iter().enumerate() {
                yield_every(count).await;
                let Some(arn) = &role.arn else { continue };
                for at in self.of_role(way, arn) {
                    self.role(at, Part::Settings, Read::Settings, role.facts());
                }
            }
        }
        // A role elsewhere is not on this list and has the two fields all the same.
        self.leave_to_looks(Read::Settings, Some(way));
    }

    fn role(&mut self, at: usize, part: Part, read: Read, facts: RoleFacts) {
        let Some(steady) = self.judged(at, read) else {
            return;
        };
        let (subject, arn) = (&steady.decoded.target.subject, steady.identity.role_arn());
        let facts = self.term.context.engine.trusted_role(subject, arn, facts);
        let observed = Observed {
            roles: [(arn.clone(), facts)].into(),
            ..Observed::unread()
        };
        let judgement = judge(part, &steady.known(), observed);
        self.note(at, read, judgement);
    }
}
