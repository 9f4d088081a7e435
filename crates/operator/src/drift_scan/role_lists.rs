//! The bulk reads of roles: all roles of each account, and the roles under the path of the cluster for their settings.
//! Input: a scan. Output: judgements recorded in it, and candidates for orphans. Reads AWS, one page in memory at a
//! time.

use lanyard_core::bulk::orphans::{IdentityName, identity_in_tags};
use lanyard_core::bulk::{Part, compare, costs_more_than_single_reads};
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::observed::{Observed, RoleFacts};
use lanyard_engine::{AccountAccess, ListedRole};

use super::cursor::Cursor;
use super::read::Read;
use super::scan::{Scan, yield_every};

/// A role with Lanyard's tags that no object referenced when it was listed.
#[derive(Debug)]
pub(super) struct OrphanCandidate {
    pub role: RoleArn,
    pub owner: IdentityName,
}

/// The roles in a list that no object referenced.
#[derive(Debug, Default)]
pub(super) struct OrphanCandidates {
    pub roles: Vec<OrphanCandidate>,
    /// The list was read to its end.
    pub complete: bool,
}

/// The result of reading a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ListResult {
    /// Roles missing from the list are absent.
    Complete,
    /// The list was read to its end, and a role on it has no valid ARN. This role may be one of the missing ones.
    InvalidArn,
    /// Roles missing from the list may exist.
    Incomplete,
}

impl Scan<'_> {
    /// Reads the roles of one account access and compares them. Returns the roles with the tags of an object that does
    /// not reference them.
    pub async fn roles(&mut self, access: u16) -> OrphanCandidates {
        let mut candidates = OrphanCandidates::default();
        let Some(account_access) = self.accesses.get(usize::from(access)).cloned() else {
            return candidates;
        };
        let result = self
            .roles_in_account(access, &account_access, &mut candidates.roles)
            .await;
        candidates.complete = result == ListResult::Complete;
        if result == ListResult::Complete {
            for (count, index) in self.unseen(Read::Roles, Some(access)).into_iter().enumerate() {
                yield_every(count).await;
                self.compare_role(index, Part::Role, Read::Roles, RoleFacts::absent());
            }
        }
        if result == ListResult::InvalidArn {
            tracing::warn!(
                account = %account_access.account,
                "the list of roles has a role without a valid ARN: Lanyard reconciles the identities whose roles are \
                 missing from the list one by one"
            );
            self.leave_to_reconciles(Read::Roles, Some(access));
        }
        if result != ListResult::Incomplete {
            self.settings(access, &account_access).await;
        }
        candidates
    }

    async fn roles_in_account(
        &mut self,
        access: u16,
        account_access: &AccountAccess,
        candidates: &mut Vec<OrphanCandidate>,
    ) -> ListResult {
        let context = self.term.context;
        let roles = self.identities_with(access);
        let (mut pages, mut all_valid, mut cursor) = (0, true, Cursor::default());
        while cursor.has_more() {
            pages += 1;
            if costs_more_than_single_reads(pages, roles) {
                tracing::info!(
                    account = %account_access.account, pages, roles,
                    "the account has too many roles for a bulk read: Lanyard reconciles its identities one by one"
                );
                self.refused = true;
                self.leave_to_reconciles(Read::Roles, Some(access));
                return ListResult::Incomplete;
            }
            let request = |after| context.engine.roles_in_account(account_access, after);
            let page = match self.next_page(Read::Roles, &mut cursor, request).await {
                Ok(page) => page,
                Err(error) => {
                    self.list_failed(Read::Roles, Some(access), &error);
                    return ListResult::Incomplete;
                }
            };
            for (count, role) in page.into_iter().enumerate() {
                yield_every(count).await;
                all_valid &= role.arn.is_some();
                self.listed_role(access, role, candidates);
            }
        }
        match all_valid {
            true => ListResult::Complete,
            false => ListResult::InvalidArn,
        }
    }

    fn listed_role(&mut self, access: u16, role: ListedRole, candidates: &mut Vec<OrphanCandidate>) {
        let Some(arn) = &role.arn else { return };
        let cluster = &self.term.context.engine.cluster().identity;
        let tags = role.tags();
        let owner = tags.and_then(|tags| identity_in_tags(cluster, &tags));
        if let Some(owner) = owner
            && !self.term.context.has_object_of(&owner, arn)
        {
            let role = arn.clone();
            candidates.push(OrphanCandidate { role, owner });
        }
        for index in self.entries_of_role(access, arn) {
            self.compare_role(index, Part::Role, Read::Roles, role.facts());
        }
    }

    async fn settings(&mut self, access: u16, account_access: &AccountAccess) {
        if self.unseen(Read::Settings, Some(access)).is_empty() {
            return;
        }
        let (context, mut cursor) = (self.term.context, Cursor::default());
        while cursor.has_more() {
            let request = |after| context.engine.roles_of_cluster(account_access, after);
            let page = match self.next_page(Read::Settings, &mut cursor, request).await {
                Ok(page) => page,
                Err(error) => return self.list_failed(Read::Settings, Some(access), &error),
            };
            for (count, role) in page.into_iter().enumerate() {
                yield_every(count).await;
                let Some(arn) = &role.arn else { continue };
                for index in self.entries_of_role(access, arn) {
                    self.compare_role(index, Part::Settings, Read::Settings, role.facts());
                }
            }
        }
        // A role under another path has settings and is not on this list.
        self.leave_to_reconciles(Read::Settings, Some(access));
    }

    fn compare_role(&mut self, index: usize, part: Part, read: Read, facts: RoleFacts) {
        let Some(steady) = self.identity_to_compare(index, read) else {
            return;
        };
        let subject = &steady.decoded.target.subject;
        let arn = steady.identity.role_arn();
        let facts = self.term.context.engine.trusted_role(subject, arn, facts);
        let observed = Observed {
            roles: [(arn.clone(), facts)].into(),
            ..Observed::unread()
        };
        let judgement = compare(part, &steady.known(), observed);
        self.record(index, read, judgement);
    }
}
