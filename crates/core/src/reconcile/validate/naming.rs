//! Validates the path and the name of a managed role. Input is the role's spec; outputs are its ARN, or defects. No I/O.
//!
//! IAM can neither rename nor move a role. The path and the name prefix of a class therefore apply to new roles only: a
//! recorded role keeps its path, and an adopted role may be on any path.

use super::validator::Validator;
use crate::model::arn::RoleArn;
use crate::model::name::{AccountId, NameError, RoleName, RolePath};
use crate::model::spec::ManagedRoleSpec;

impl Validator<'_> {
    pub(super) fn managed_arn(&mut self, managed: &ManagedRoleSpec, account: AccountId) -> Option<RoleArn> {
        let field = "role.managed.name";
        let base = self.valid(field, self.cluster.role_path())?;
        let adopted = self.created.adopted.as_ref();
        let of_cluster = |arn: &&RoleArn| {
            let on_our_path = arn.path.as_str().starts_with(base.as_str());
            arn.account == account && (on_our_path || adopted == Some(*arn))
        };
        let mut created = self.created.roles.iter().filter(of_cluster);
        let (name, known) = match &managed.name {
            Some(name) => {
                // Role names are unique in an account, regardless of case and path (IAM `CreateRole`).
                let same = |arn: &&RoleArn| arn.name.as_str().eq_ignore_ascii_case(name);
                (RoleName::parse(name.as_str()), created.find(same))
            }
            None => {
                let known = created.find(|arn| self.subject.derives(arn.name.as_str()));
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
            path: self.valid(field, path)?,
            name: self.valid(field, name)?,
        })
    }

    fn derived_name(&self) -> Result<RoleName, NameError> {
        let prefix = self.class.defaults.role_name_prefix.as_ref();
        self.subject
            .role_name(prefix.map(RoleName::as_str).unwrap_or_default())
    }

    /// The path of the cluster, followed by the path of the class.
    fn path_of_class(&self, base: &RolePath) -> Result<RolePath, NameError> {
        match &self.class.defaults.role_path {
            None => Ok(base.clone()),
            Some(suffix) => RolePath::parse(format!("{}{suffix}", base.as_str().trim_end_matches('/'))),
        }
    }
}
