//! The error of a trust policy that has no room for one more subject. Plain values, no I/O.

use std::fmt;

use lanyard_core::model::arn::RoleArn;
use lanyard_iam_policy::membership::Membership;

/// A trust policy that has no room for one more subject.
#[derive(Debug)]
pub struct NoRoom {
    pub(crate) role: RoleArn,
    pub(crate) membership: Membership,
    pub(crate) size: usize,
    pub(crate) quota: usize,
    /// The number of subjects of the statement that fit, and the total number.
    pub(crate) fitting: (usize, usize),
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            role,
            membership: Membership { sid, member, .. },
            size,
            quota,
            fitting: (fit, listed),
        } = self;
        write!(
            f,
            "the trust policy of {role} with {member} would have {size} characters, but IAM allows {quota}: {fit} of the {listed} subjects of Statement[Sid={sid}] fit beside the other statements. Raise the quota (IAM, L-C07B4B0D), shorten the policy, or use another role."
        )
    }
}
