//! Validate: spec, class and cluster in, an identity and what its class forbids, or everything that is wrong with it.
//! No I/O. All checks that can fail end here; what admission refused is checked again, since admission is a courtesy.

use std::collections::BTreeSet;

use crate::class::Class;
use crate::class::adoption::Adoption;
use crate::class::guardrails::{AdoptionPolicy, Forbidden, forbidden};
use crate::identity::Identity;
use crate::model::arn::RoleArn;
use crate::model::binding::{Binding, MethodSettings};
use crate::model::cluster::{Cluster, Platform};
use crate::model::duration::parse_seconds;
use crate::model::from_class::FromClass;
use crate::model::name::Audience;
use crate::model::reason::Reason;
use crate::model::spec::{DEFAULT_AUDIENCE, ExistingTrust, Method, PodIdentitySpec, Spec};
use crate::model::status::RecordedRoles;
use crate::model::subject::Subject;
use crate::model::text::quote;
use lanyard_iam_policy::{Document, lint};

mod adopt;
mod home;
mod managed;
mod naming;
#[cfg(test)]
mod tests;

/// Tags that a role may have beside the three that mark it as ours (IAM: 50 in all).
pub const TAGS_LIMIT: usize = 47;
/// Managed policies on one role: the largest quota that AWS grants (IAM quotas).
pub const ATTACHED_LIMIT: usize = 25;
/// Characters of all inline policies of a role together, white space not counted (IAM quotas).
pub const INLINE_LIMIT: usize = 10_240;

/// One thing that is wrong with a spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The field, as a path below `spec`, or of the annotation.
    pub field: String,
    /// What is wrong and what to write instead.
    pub problem: String,
    /// The word for it: `InvalidSpec`, unless it is the cluster that the spec does not fit.
    pub reason: Reason,
}

impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.field, self.problem)
    }
}

/// A spec that could be carried out, if its class allows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Validated {
    /// The identity that the spec asks for.
    pub identity: Identity,
    /// What its class does not allow. Unless empty, nothing new is to be applied: the identity is frozen.
    pub forbidden: Vec<Forbidden>,
}

/// Checks a spec against its cluster and its class. `made`: the roles that are known to be Lanyard's for the subject, by
/// the status or by their own tags and not by what a tenant can write: they are not moved by a class that was edited.
///
/// # Errors
/// Everything that is wrong with the spec by itself, not only the first thing; never empty.
pub fn validate(
    spec: &Spec,
    subject: &Subject,
    cluster: &Cluster,
    class: &Class,
    made: &RecordedRoles,
) -> Result<Validated, Vec<Invalid>> {
    let mut check = Check {
        subject,
        cluster,
        class,
        made,
        found: Vec::new(),
    };
    let identity = check.identity(spec);
    match identity {
        Some(identity) if check.found.is_empty() => Ok(Validated {
            forbidden: forbidden(spec, identity.binding.method(), subject, class),
            identity,
        }),
        _ => Err(check.found),
    }
}

/// The walk over one spec: goes on after a fault, so that the user sees all of them at once.
struct Check<'a> {
    subject: &'a Subject,
    cluster: &'a Cluster,
    class: &'a Class,
    made: &'a RecordedRoles,
    found: Vec<Invalid>,
}

impl Check<'_> {
    fn wrong(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        self.refuse(Reason::InvalidSpec, field, problem);
    }

    fn refuse(&mut self, reason: Reason, field: impl Into<String>, problem: impl Into<String>) {
        self.found.push(Invalid {
            field: field.into(),
            problem: problem.into(),
            reason,
        });
    }

    fn ok<T, E: ToString>(&mut self, field: &str, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.wrong(field, error.to_string());
                None
            }
        }
    }

    fn identity(&mut self, spec: &Spec) -> Option<Identity> {
        let managed = spec.managed.as_ref().and_then(|managed| self.managed(managed));
        let defaults = &self.class.defaults;
        let method = spec
            .method
            .or(defaults.method)
            .unwrap_or(self.cluster.default_method());
        let adopted = self.adopted(&spec.adopt);
        let role_arn = self.role_arn(spec, method, adopted.role.as_ref());
        if spec.managed.is_none() {
            self.adopts_no_role(adopted.role.as_ref());
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
                ..adopted
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
        let account = self.home(method);
        match (&spec.managed, &spec.existing) {
            (Some(managed), None) => {
                let usual = self.managed_arn(managed, account)?;
                Some(self.at_the_adopted(usual, adopted))
            }
            (None, Some(existing)) => self.existing_arn(&existing.arn, &account, method),
            (Some(_), Some(_)) | (None, None) => {
                self.wrong("role", "exactly one of managed and existing must be set");
                None
            }
        }
    }

    fn irsa(&mut self, spec: &Spec) -> Option<MethodSettings> {
        let issuer = &self.cluster.issuer;
        if !issuer.is_public() {
            let instead = match self.cluster.platform {
                Platform::Eks { .. } => "use PodIdentity, or give",
                Platform::Other => "give",
            };
            self.refuse(
                Reason::IssuerUnreachable,
                "method",
                format!("IRSA needs an issuer that AWS can reach, and this cluster's is {issuer}; {instead} the API server a public --service-account-issuer, where AWS finds its discovery document and keys"),
            );
        }
        let audience = spec.irsa.audience.as_deref().unwrap_or(DEFAULT_AUDIENCE);
        let audience = self.ok("irsa.audience", Audience::parse(audience))?;
        Some(MethodSettings::Irsa {
            issuer: self.cluster.issuer.clone(),
            audience,
        })
    }

    fn pod_identity(&mut self, spec: &PodIdentitySpec) -> Option<MethodSettings> {
        if self.cluster.platform == Platform::Other {
            let cluster = &self.cluster.identity;
            self.refuse(
                Reason::PodIdentityUnavailable,
                "method",
                format!("Pod Identity is a service of EKS, and cluster {cluster} is not EKS's; use IRSA"),
            );
        }
        let target_role_arn = match &spec.target_role_arn {
            None => None,
            Some(text) => Some(self.ok("podIdentity.targetRoleArn", RoleArn::parse(text))?),
        };
        Some(MethodSettings::PodIdentity {
            target_role_arn,
            session_tags: !spec.disable_session_tags,
        })
    }

    fn session_policy(&mut self, spec: &PodIdentitySpec) -> Option<Document> {
        let value = spec.session_policy.as_ref()?;
        let field = "podIdentity.sessionPolicy";
        if !spec.disable_session_tags {
            self.wrong(
                field,
                "a session policy needs podIdentity.disableSessionTags: true (EKS refuses it otherwise)",
            );
        }
        self.document(field, value, lint::Kind::Session)
    }

    fn token_expiration(&mut self, text: Option<&str>) -> Option<u32> {
        let field = "irsa.tokenExpiration";
        let text = text?;
        let seconds = parse_seconds(text);
        match seconds {
            Some(seconds) if (600..=86_400).contains(&seconds) => return Some(seconds),
            Some(_) => self.wrong(field, format!("{} is not between 10m and 24h", quote(text))),
            None => self.wrong(
                field,
                format!("{:?} is not a duration such as 12h or 90m", quote(text)),
            ),
        }
        None
    }

    fn document(&mut self, field: &str, value: &serde_json::Value, kind: lint::Kind) -> Option<Document> {
        let defects = lint::lint(value, kind);
        if defects.is_empty() {
            return self.ok(field, Document::from_value(value.clone()));
        }
        for defect in defects {
            let place = if defect.place.is_empty() {
                field.to_owned()
            } else {
                format!("{field}.{}", defect.place)
            };
            self.wrong(place, defect.problem);
        }
        None
    }
}

fn shares_trust(spec: &Spec) -> bool {
    let existing = spec.existing.as_ref();
    existing.is_some_and(|existing| existing.trust == ExistingTrust::Manage)
}
