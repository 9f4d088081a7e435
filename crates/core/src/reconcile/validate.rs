//! Validates a spec against its cluster and its class. The output is an identity with the fields that the class forbids, or
//! every defect of the spec. It repeats the rules of the admission policy, which may be bypassed. No I/O.

use std::collections::BTreeSet;

use crate::class::Class;
use crate::class::adoption::Adoption;
use crate::class::guardrails::{AdoptionPolicy, Forbidden, forbidden};
use crate::identity::Identity;
use crate::model::arn::RoleArn;
use crate::model::binding::Binding;
use crate::model::cluster::Cluster;
use crate::model::from_class::FromClass;
use crate::model::spec::{ExistingTrust, Method, Spec};
use crate::model::status::RecordedRoles;
use crate::model::subject::Subject;

mod account;
mod adopt;
mod binding;
mod managed;
mod mistakes;
mod naming;
#[cfg(test)]
mod tests;
mod validator;

pub use managed::{ATTACHED_LIMIT, INLINE_LIMIT, TAGS_LIMIT};
pub use mistakes::policy_mistakes;
pub use validator::Invalid;

use validator::Validator;

/// A spec without defects.
#[derive(Debug, Clone, PartialEq)]
pub struct Validated {
    /// The identity that the spec asks for.
    pub identity: Identity,
    /// The fields that the class does not allow. Unless this list is empty, the identity is frozen.
    pub forbidden: Vec<Forbidden>,
}

/// Validates a spec against its cluster and its class. `created` are the roles that Lanyard is known to have created for
/// the subject, by the status or by their tags and not by values that a tenant can write. An edited class does not move them.
///
/// # Errors
/// Returns every defect of the spec itself. The list is never empty.
pub fn validate(
    spec: &Spec,
    subject: &Subject,
    cluster: &Cluster,
    class: &Class,
    created: &RecordedRoles,
) -> Result<Validated, Vec<Invalid>> {
    let mut validator = Validator {
        subject,
        cluster,
        class,
        created,
        defects: Vec::new(),
    };
    let identity = validator.identity(spec);
    match identity {
        Some(identity) if validator.defects.is_empty() => Ok(Validated {
            forbidden: forbidden(spec, identity.binding.method(), subject, class),
            identity,
        }),
        _ => Err(validator.defects),
    }
}

impl Validator<'_> {
    fn identity(&mut self, spec: &Spec) -> Option<Identity> {
        let managed = spec.managed.as_ref().and_then(|managed| self.managed(managed));
        let defaults = &self.class.defaults;
        let method = spec
            .method
            .or(defaults.method)
            .unwrap_or(self.cluster.default_method());
        let requested = self.adoption(&spec.adopt);
        let role_arn = self.role_arn(spec, method, requested.role.as_ref());
        if spec.managed.is_none() {
            self.reject_role_adoption(requested.role.as_ref());
        }
        let by = match method {
            Method::Irsa => self.irsa(spec),
            Method::PodIdentity => self.pod_identity(&spec.pod_identity),
        };
        let session_policy = match method {
            Method::PodIdentity => self.session_policy(&spec.pod_identity),
            Method::Irsa => None,
        };
        let token_expiration = self.token_expiration(spec.irsa.token_expiration.as_deref());
        Some(Identity {
            subject: self.subject.clone(),
            cluster: self.cluster.clone(),
            class: self.class.name.clone(),
            from_class: FromClass::of(self.class),
            provider: self.class.provider,
            binding: Binding {
                role_arn: role_arn?,
                settings: by?,
            },
            managed,
            shares_trust: shares_trust(spec),
            adoption: Adoption {
                allowed: AdoptionPolicy::of(self.subject, self.class),
                ..requested
            },
            session_policy,
            token_expiration,
            sts_regional_endpoints: spec.irsa.sts_regional_endpoints,
            create_service_account: spec.create_service_account,
            drift_policy: spec.drift_policy.or(defaults.drift_policy).unwrap_or_default(),
            deletion_policy: spec
                .deletion_policy
                .or(defaults.deletion_policy)
                .unwrap_or_default(),
            pod_restart: spec.pod_restart.or(defaults.pod_restart).unwrap_or_default(),
            paused: spec.transition_paused,
            frozen: None,
            contested: BTreeSet::new(),
            queued_for: None,
            queue: self.class.name.is_some().then(|| self.class.transition.clone()),
        })
    }

    fn role_arn(&mut self, spec: &Spec, method: Method, adopted: Option<&RoleArn>) -> Option<RoleArn> {
        let account = self.account(method);
        match (&spec.managed, &spec.existing) {
            (Some(managed), None) => {
                let default = self.managed_arn(managed, account)?;
                Some(self.adopted_or(default, adopted))
            }
            (None, Some(existing)) => self.existing_arn(&existing.arn, &account, method),
            (Some(_), Some(_)) | (None, None) => {
                self.invalid("role", "must set exactly one of managed and existing");
                None
            }
        }
    }
}

fn shares_trust(spec: &Spec) -> bool {
    let existing = spec.existing.as_ref();
    existing.is_some_and(|existing| existing.trust == ExistingTrust::Manage)
}
