//! Writes to a role: one method for each kind of step, with one call each. Input: the ARN of a role and the
//! values to set. Output: nothing, or the id of the role. A removal of a missing value succeeds.
//!
//! All methods return an error if the call fails, see [`AwsError::class`].

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::Tag;
use lanyard_core::identity::ManagedRole;
use lanyard_core::model::arn::{PolicyArn, RoleArn};
use lanyard_core::model::name::PolicyName;
use lanyard_iam_policy::Document;

use crate::call::{Call, Service};
use crate::client::Aws;
use crate::error::{AwsError, Class};
use crate::pages::{self, Page};

impl Aws {
    /// Creates the role with path, trust policy, settings, boundary and tags, and returns its unique id. Fails
    /// with [`Class::Conflicting`] if a role of that name exists anywhere in the account.
    pub async fn create_role(
        &self,
        role: &RoleArn,
        desired: &ManagedRole,
        trust: &Document,
    ) -> Result<String, AwsError> {
        let call = write("CreateRole", role);
        let request = self
            .iam()
            .create_role()
            .role_name(role.name.as_str())
            .path(role.path.as_str())
            .assume_role_policy_document(trust.to_json())
            .set_description(desired.description.clone())
            .max_session_duration(seconds(&call, desired.max_session)?)
            .set_permissions_boundary(desired.boundary.as_ref().map(ToString::to_string))
            .set_tags(Some(tags(&call, &desired.tags)?));
        let answer = self.call(call.clone(), || request.clone().send()).await?;
        let created = answer
            .role
            .ok_or_else(|| AwsError::unclear(&call, "the answer has no role"))?;
        Ok(created.role_id)
    }

    /// Sets description and maximum session duration. `None` keeps a value, and an empty description clears it.
    pub async fn update_role(
        &self,
        role: &RoleArn,
        description: Option<&str>,
        max_session: Option<u32>,
    ) -> Result<(), AwsError> {
        let call = write("UpdateRole", role);
        let request = self
            .iam()
            .update_role()
            .role_name(role.name.as_str())
            .set_description(description.map(str::to_owned))
            .set_max_session_duration(max_session.map(|value| seconds(&call, value)).transpose()?);
        self.call(call, || request.clone().send()).await.map(drop)
    }

    /// Sets the trust policy.
    pub async fn set_trust(&self, role: &RoleArn, document: &Document) -> Result<(), AwsError> {
        let request = self
            .iam()
            .update_assume_role_policy()
            .role_name(role.name.as_str())
            .policy_document(document.to_json());
        self.call(write("UpdateAssumeRolePolicy", role), || request.clone().send())
            .await
            .map(drop)
    }

    /// Sets the permissions boundary and replaces an existing one.
    pub async fn set_boundary(&self, role: &RoleArn, boundary: &PolicyArn) -> Result<(), AwsError> {
        let request = self
            .iam()
            .put_role_permissions_boundary()
            .role_name(role.name.as_str())
            .permissions_boundary(boundary.as_str());
        self.call(write("PutRolePermissionsBoundary", role), || {
            request.clone().send()
        })
        .await
        .map(drop)
    }

    /// Removes the permissions boundary.
    pub async fn remove_boundary(&self, role: &RoleArn) -> Result<(), AwsError> {
        let request = self
            .iam()
            .delete_role_permissions_boundary()
            .role_name(role.name.as_str());
        ignore_not_found(
            self.call(write("DeleteRolePermissionsBoundary", role), || {
                request.clone().send()
            })
            .await,
        )
    }

    /// Sets tags and keeps the other tags.
    pub async fn tag_role(&self, role: &RoleArn, desired: &BTreeMap<String, String>) -> Result<(), AwsError> {
        let call = write("TagRole", role);
        let request = self
            .iam()
            .tag_role()
            .role_name(role.name.as_str())
            .set_tags(Some(tags(&call, desired)?));
        self.call(call, || request.clone().send()).await.map(drop)
    }

    /// Removes tags.
    pub async fn untag_role(&self, role: &RoleArn, keys: &BTreeSet<String>) -> Result<(), AwsError> {
        let keys = keys.iter().cloned().collect();
        let request = self
            .iam()
            .untag_role()
            .role_name(role.name.as_str())
            .set_tag_keys(Some(keys));
        ignore_not_found(
            self.call(write("UntagRole", role), || request.clone().send())
                .await,
        )
    }

    /// Attaches a managed policy. An attached policy counts as success.
    pub async fn attach_policy(&self, role: &RoleArn, policy: &PolicyArn) -> Result<(), AwsError> {
        let request = self
            .iam()
            .attach_role_policy()
            .role_name(role.name.as_str())
            .policy_arn(policy.as_str());
        let call = Call::write(
            Service::Iam,
            "AttachRolePolicy",
            format_args!("{policy} at {role}"),
        );
        self.call(call, || request.clone().send()).await.map(drop)
    }

    /// Detaches a managed policy.
    pub async fn detach_policy(&self, role: &RoleArn, policy: &PolicyArn) -> Result<(), AwsError> {
        let request = self
            .iam()
            .detach_role_policy()
            .role_name(role.name.as_str())
            .policy_arn(policy.as_str());
        let call = Call::write(
            Service::Iam,
            "DetachRolePolicy",
            format_args!("{policy} at {role}"),
        );
        ignore_not_found(self.call(call, || request.clone().send()).await)
    }

    /// Sets an inline policy and replaces an existing one of that name.
    pub async fn put_inline_policy(
        &self,
        role: &RoleArn,
        name: &PolicyName,
        document: &Document,
    ) -> Result<(), AwsError> {
        let request = self
            .iam()
            .put_role_policy()
            .role_name(role.name.as_str())
            .policy_name(name.as_str())
            .policy_document(document.to_json());
        let call = Call::write(
            Service::Iam,
            "PutRolePolicy",
            format_args!("inline policy {name} of {role}"),
        );
        self.call(call, || request.clone().send()).await.map(drop)
    }

    /// Deletes an inline policy.
    pub async fn delete_inline_policy(&self, role: &RoleArn, name: &PolicyName) -> Result<(), AwsError> {
        let request = self
            .iam()
            .delete_role_policy()
            .role_name(role.name.as_str())
            .policy_name(name.as_str());
        let call = Call::write(
            Service::Iam,
            "DeleteRolePolicy",
            format_args!("inline policy {name} of {role}"),
        );
        ignore_not_found(self.call(call, || request.clone().send()).await)
    }

    /// Removes the role from every instance profile, because IAM does not delete a role that is in one
    /// (docs/dev/aws-behaviour.md#role-deletion).
    pub async fn leave_instance_profiles(&self, role: &RoleArn) -> Result<(), AwsError> {
        let profiles = match self.instance_profiles(role).await {
            Ok(profiles) => profiles,
            Err(error) if error.class() == Class::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for profile in profiles {
            let call = Call::write(
                Service::Iam,
                "RemoveRoleFromInstanceProfile",
                format_args!("instance profile {profile} with {role}"),
            );
            let request = self
                .iam()
                .remove_role_from_instance_profile()
                .instance_profile_name(profile)
                .role_name(role.name.as_str());
            ignore_not_found(self.call(call, || request.clone().send()).await)?;
        }
        Ok(())
    }

    async fn instance_profiles(&self, role: &RoleArn) -> Result<Vec<String>, AwsError> {
        let call = &Call::read(Service::Iam, "ListInstanceProfilesForRole", role);
        pages::all(call, |marker| async move {
            let request = self
                .iam()
                .list_instance_profiles_for_role()
                .role_name(role.name.as_str())
                .set_marker(marker);
            let answer = self.call(call.clone(), || request.clone().send()).await?;
            let names = answer
                .instance_profiles()
                .iter()
                .map(|profile| profile.instance_profile_name().to_owned());
            Ok(Page {
                items: names.collect(),
                next: answer
                    .marker()
                    .filter(|_| answer.is_truncated())
                    .map(str::to_owned),
            })
        })
        .await
    }

    /// Deletes the role. Fails with [`Class::Occupied`] if it still has policies or is in an instance profile.
    pub async fn delete_role(&self, role: &RoleArn) -> Result<(), AwsError> {
        let request = self.iam().delete_role().role_name(role.name.as_str());
        ignore_not_found(
            self.call(write("DeleteRole", role), || request.clone().send())
                .await,
        )
    }
}

fn write(operation: &'static str, role: &RoleArn) -> Call {
    Call::write(Service::Iam, operation, role)
}

/// Treats a missing resource as success of a removal.
fn ignore_not_found<T>(answer: Result<T, AwsError>) -> Result<(), AwsError> {
    match answer {
        Err(error) if error.class() != Class::NotFound => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn seconds(call: &Call, value: u32) -> Result<i32, AwsError> {
    i32::try_from(value).map_err(|error| AwsError::Unsendable {
        call: call.clone(),
        cause: error.to_string(),
    })
}

fn tags(call: &Call, desired: &BTreeMap<String, String>) -> Result<Vec<Tag>, AwsError> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    let unsendable = |error: aws_sdk_iam::error::BuildError| AwsError::Unsendable {
        call: call.clone(),
        cause: error.to_string(),
    };
    desired
        .iter()
        .map(tag)
        .collect::<Result<_, _>>()
        .map_err(unsendable)
}
