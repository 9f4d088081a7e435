//! The selection of reads by their cost and use. Input: an identity, or counts of pages and roles. Output: a decision.
//! No I/O.

use crate::identity::Identity;

/// Returns true if the settings of the role are relevant: Lanyard manages no settings of existing roles.
#[must_use]
pub fn has_settings(identity: &Identity) -> bool {
    identity.managed.is_some()
}

/// Returns true if this many pages of an account cost more calls than reading this many roles one by one. A few pages
/// are always worth reading, because they also show orphans.
#[must_use]
pub fn costs_more_than_single_reads(pages: usize, roles: usize) -> bool {
    /// Calls for a single role: the role, its attached policies, its inline policies.
    const CALLS: usize = 3;
    /// Pages that are read for any number of roles.
    const ALWAYS: usize = 25;
    pages > ALWAYS.max(roles.saturating_mul(CALLS))
}
