//! Validates the binding: the settings of IRSA and of Pod Identity, and whether the cluster supports the method.
//! Input is the spec; outputs are the settings, or defects. No I/O.

use super::validator::Validator;
use crate::model::arn::RoleArn;
use crate::model::binding::MethodSettings;
use crate::model::cluster::Platform;
use crate::model::duration::parse_seconds;
use crate::model::name::Audience;
use crate::model::reason::Reason;
use crate::model::spec::{DEFAULT_AUDIENCE, PodIdentitySpec, Spec};
use crate::model::text::quote;
use lanyard_iam_policy::{Document, lint};

impl Validator<'_> {
    pub(super) fn irsa(&mut self, spec: &Spec) -> Option<MethodSettings> {
        let issuer = &self.cluster.issuer;
        if !issuer.is_public() {
            let alternative = match self.cluster.platform {
                Platform::Eks { .. } => "Use method: PodIdentity, or give",
                Platform::Other => "Give",
            };
            self.reject(
                Reason::IssuerUnreachable,
                "method",
                format!(
                    "IRSA requires an OIDC issuer that AWS can reach; the issuer of this cluster is {issuer}. {alternative} the API server a public --service-account-issuer that serves the discovery document and the keys."
                ),
            );
        }
        let audience = spec.irsa.audience.as_deref().unwrap_or(DEFAULT_AUDIENCE);
        let audience = self.valid("irsa.audience", Audience::parse(audience))?;
        Some(MethodSettings::Irsa {
            issuer: self.cluster.issuer.clone(),
            audience,
        })
    }

    pub(super) fn pod_identity(&mut self, spec: &PodIdentitySpec) -> Option<MethodSettings> {
        if self.cluster.platform == Platform::Other {
            let cluster = &self.cluster.identity;
            self.reject(
                Reason::PodIdentityUnavailable,
                "method",
                format!(
                    "Pod Identity requires an EKS cluster; cluster {cluster} is not an EKS cluster. Use method: IRSA."
                ),
            );
        }
        let target_role_arn = match &spec.target_role_arn {
            None => None,
            Some(text) => Some(self.valid("podIdentity.targetRoleArn", RoleArn::parse(text))?),
        };
        Some(MethodSettings::PodIdentity {
            target_role_arn,
            session_tags: !spec.disable_session_tags,
        })
    }

    pub(super) fn session_policy(&mut self, spec: &PodIdentitySpec) -> Option<Document> {
        let value = spec.session_policy.as_ref()?;
        let field = "podIdentity.sessionPolicy";
        if !spec.disable_session_tags {
            self.invalid(
                field,
                "EKS accepts a session policy only without session tags; set podIdentity.disableSessionTags: true",
            );
        }
        self.document(field, value, lint::Kind::Session)
    }

    pub(super) fn token_expiration(&mut self, text: Option<&str>) -> Option<u32> {
        let field = "irsa.tokenExpiration";
        let text = text?;
        match parse_seconds(text) {
            Some(seconds) if (600..=86_400).contains(&seconds) => return Some(seconds),
            Some(_) => self.invalid(field, format!("must be from 10m to 24h; got {}", quote(text))),
            None => self.invalid(
                field,
                format!("must be a duration such as 12h or 90m; got {:?}", quote(text)),
            ),
        }
        None
    }
}
