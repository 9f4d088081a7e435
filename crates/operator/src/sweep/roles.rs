//! The sweep's roles: those of each account page by page, and those under the cluster's path for two fields more.
//! A round in, what it says of each role noted in it out. Reads AWS by pages, and drops each when it was compared.

use lanyard_core::arn::RoleArn;
use lanyard_core::observed::{Observed, RoleFacts};
use lanyard_core::sweep::orphan::{Owner, owner_here};
use lanyard_core::sweep::{Part, is_too_dear, judge};
use lanyard_engine::{ListedRole, Way};

use super::read::{Cursor, Read};
use super::round::{Round, breathe};

/// A role of which, when it was listed, no object knew.
#[derive(Debug)]
pub(super) struct Suspect {
    pub role: RoleArn,
    pub owner: Owner,
}

/// What a list of roles showed of which no object knows.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    pub roles: Vec<Suspect>,
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
        let mut suspects = Suspects::default();
        let Some(leads) = self.ways.get(usize::from(way)).cloned() else {
            return suspects;
        };
        let ended = self.roles_in_account(way, &leads, &mut suspects.roles).await;
        suspects.whole = ended == Ended::Complete;
        if ended == Ended::Complete {
            for (count, at) in self.unseen(Read::Roles, Some(way)).into_iter().enumerate() {
                breathe(count).await;
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
        suspects
    }

    async fn roles_in_account(&mut self, way: u16, leads: &Way, suspects: &mut Vec<Suspect>) -> Ended {
        let (context, roles) = (self.term.context, self.count(way));
        let (mut pages, mut legible, mut cursor) = (0, true, Cursor::default());
        while cursor.goes_on() {
            pages += 1;
            if is_too_dear(pages, roles) {
                tracing::info!(
                    account = %leads.account, pages, roles,
                    "the account has so many roles that those of its few identities are read one by one"
                );
                self.refused = true;
                self.leave_to_looks(Read::Roles, Some(way));
                return Ended::Incomplete;
            }
            let ask = |after| context.world.roles_in_account(leads, after);
            let page = match self.page(Read::Roles, &mut cursor, ask).await {
                Ok(page) => page,
                Err(why) => {
                    self.broke_off(Read::Roles, Some(way), &why);
                    return Ended::Incomplete;
                }
            };
            for (count, role) in page.into_iter().enumerate() {
                breathe(count).await;
                legible &= role.arn.is_some();
                self.of_account(way, role, suspects);
            }
        }
        match legible {
            true => Ended::Complete,
            false => Ended::Illegible,
        }
    }

    fn of_account(&mut self, way: u16, role: ListedRole, suspects: &mut Vec<Suspect>) {
        let Some(arn) = &role.arn else { return };
        let (cluster, tags) = (&self.term.context.world.cluster().identity, role.tags());
        let owner = tags.and_then(|tags| owner_here(cluster, &tags));
        if let Some(owner) = owner
            && !self.term.context.knows(&owner, arn)
        {
            let role = arn.clone();
            suspects.push(Suspect { role, owner });
        }
        for at in self.of_role(way, arn) {
            self.role(at, Part::Role, Read::Roles, role.facts());
        }
    }

    async fn settings(&mut self, way: u16, leads: &Way) {
        if self.unseen(Read::Settings, Some(way)).is_empty() {
            return;
        }
        let (context, mut cursor) = (self.term.context, Cursor::default());
        while cursor.goes_on() {
            let ask = |after| context.world.roles_of_cluster(leads, after);
            let page = match self.page(Read::Settings, &mut cursor, ask).await {
                Ok(page) => page,
                Err(why) => return self.broke_off(Read::Settings, Some(way), &why),
            };
            for (count, role) in page.into_iter().enumerate() {
                breathe(count).await;
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
        let Some(resting) = self.judged(at, read) else {
            return;
        };
        let (subject, arn) = (&resting.decoded.target.subject, resting.identity.role_arn());
        let facts = self.term.context.world.trusted_role(subject, arn, facts);
        let observed = Observed {
            roles: [(arn.clone(), facts)].into(),
            ..Observed::nothing()
        };
        let judgement = judge(part, &resting.known(), observed);
        self.note(at, read, judgement);
    }
}
