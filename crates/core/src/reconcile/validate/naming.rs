//! Validate, where a managed role is: its path and its name.
//! The role's spec in, its ARN or faults out; no I/O. Called by `validate`.
//!
//! IAM can neither rename nor move a role. What a class says of paths and names is therefore for roles yet to be made:
//! one that is on record stays where it is, and one that was adopted may be on any path.

use super::Check;
use crate::model::arn::RoleArn;
use crate::model::name::{AccountId, NameError, RoleName, RolePath};
use crate::model::spec::ManagedRoleSpec;

impl Check<'_> {
    pub(super) fn managed_arn(&mut self, managed: &ManagedRoleSpec, account: AccountId) -> Option<RoleArn> {
        let field = "role.managed.name";
        let base = self.ok(field, self.cluster.role_path())?;
        let adopted = self.made.adopted.as_ref();
        let of_cluster = |arn: &&RoleArn| {
            let on_our_path = arn.path.as_str().starts_with(base.as_str());
            arn.account == account && (on_our_path || adopted == Some(*arn))
        };
        let mut made = self.made.roles.iter().filter(of_cluster);
        let (name, known) = match &managed.name {
            Some(name) => {
                // Names are unique in the account whatever their case and path [IAM `CreateRole`].
                let same = |arn: &&RoleArn| arn.name.as_str().eq_ignore_ascii_case(name);
                (RoleName::parse(name.as_str()), made.find(same))
            }
            None => {
                let known = made.find(|arn| self.subject.derives(arn.name.as_str()));
                (
                    known.map_or_else(|| self.derived_name(), |arn| Ok(arn.name.clone())),
                    known,
                )
            }
        };
        let path = known.map_or_else(|| self.path_of_class(&base), |arn| Ok(arn.path.clone()));
        Some(RoleArn {
            partition: self.cluster.partition.clone(),
            account,
            path: self.ok(field, path)?,
            name: self.ok(field, name)?,
        })
    }

    fn derived_name(&self) -> Result<RoleName, NameError> {
        let prefix = self.class.defaults.role_name_prefix.as_ref();
        self.subject
            .role_name(prefix.map(RoleName::as_str).unwrap_or_default())
    }

    /// The cluster's own path, and what the class has to follow it.
    fn path_of_class(&self, base: &RolePath) -> Result<RolePath, NameError> {
        match &self.class.defaults.role_path {
            None => Ok(base.clone()),
            Some(suffix) => RolePath::parse(format!("{}{suffix}", base.as_str().trim_end_matches('/'))),
        }
    }
}
