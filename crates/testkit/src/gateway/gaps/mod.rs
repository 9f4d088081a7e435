//! The gaps between the emulators and AWS, each closed in one file whose header says whose gap it is.
//! Input: a call that no fault has decided. Output: what AWS would answer. Asks the emulators.
//! An emulator is asked first wherever that can be: it knows who may call, and a gap that it closes itself stays closed.

mod association_list;
mod association_role;
mod associations;
mod attachment;
mod cluster;
mod description;
mod documents;
mod inline_quota;
mod listings;
mod paging;
mod pod_session;
mod provider;
mod role_tags;
mod token;
mod visibility;
mod web_identity;

use serde_json::Value;

use super::call::Call;
use super::emulator::{Emulators, Origin};
use super::error::error;
use super::message::{Answer, Request};
use super::service::Service;

pub(crate) use self::cluster::public_issuer;

use self::associations::Associations;
use self::cluster::Clusters;
use self::documents::Kind;
use self::listings::Listings;
use self::paging::Pages;
use self::pod_session::PodSessions;
use self::provider::Providers;
use self::token::Keys;
use self::visibility::Visibility;

/// State that the gateway keeps because an emulator does not.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    pub associations: Associations,
    pub keys: Keys,
    pub visibility: Visibility,
    pub pod_sessions: PodSessions,
    association_pages: Pages,
    pub clusters: Clusters,
    listings: Listings,
    providers: Providers,
}

impl Gaps {
    /// The answer that AWS would give to this call.
    pub async fn ask(&self, emulators: &Emulators, call: &Call, request: &Request) -> Answer {
        if let Some(refusal) = self.refusal(emulators, call, request).await {
            return refusal;
        }
        let answer = self.perform(emulators, call, request).await;
        if !answer.status.is_success() {
            return answer;
        }
        self.visibility.note(call, request);
        self.correct(call, request, answer)
    }

    /// Rejects calls that AWS rejects and the emulator accepts.
    async fn refusal(&self, emulators: &Emulators, call: &Call, request: &Request) -> Option<Answer> {
        match call.operation.as_str() {
            "CreateRole" => create_role(emulators, request).await,
            "PutRolePermissionsBoundary" => attachment::boundary_refusal(emulators, request).await,
            "TagRole" => role_tags::refusal(emulators, request).await,
            "UpdateAssumeRolePolicy" => document(emulators, request, Kind::Trust, "PolicyDocument").await,
            "PutRolePolicy" => match document(emulators, request, Kind::Permission, "PolicyDocument").await {
                Some(refusal) => Some(refusal),
                None => inline_quota::refusal(emulators, request).await,
            },
            "AttachRolePolicy" => attachment::refusal(emulators, request).await,
            "CreatePodIdentityAssociation" => association_role::refusal(emulators, request, None).await,
            "UpdatePodIdentityAssociation" => {
                let current = self.association(emulators, request).await;
                association_role::refusal(emulators, request, current.as_ref()).await
            }
            "AssumeRoleWithWebIdentity" => self.visibility.refusal(request),
            _ => None,
        }
    }

    async fn perform(&self, emulators: &Emulators, call: &Call, request: &Request) -> Answer {
        let (associations, listings) = (&self.associations, &self.listings);
        match call.operation.as_str() {
            "ListRoles" | "GetAccountAuthorizationDetails" => listings.page(emulators, call, request).await,
            "TagRole" => role_tags::forward(emulators, request, named(request, "Tags", "Key")).await,
            "UntagRole" => role_tags::forward(emulators, request, named(request, "TagKeys", "")).await,
            "AttachRolePolicy" | "DetachRolePolicy" => {
                attachment::forward(emulators, request, "PolicyArn").await
            }
            "CreateRole" | "PutRolePermissionsBoundary" => {
                attachment::forward(emulators, request, "PermissionsBoundary").await
            }
            "UpdateRole" | "UpdateRoleDescription" => description::update_role(emulators, request).await,
            "ListPodIdentityAssociations" => {
                association_list::page(&self.association_pages, associations, emulators, request).await
            }
            "CreatePodIdentityAssociation" => associations.create(emulators, request).await,
            "UpdatePodIdentityAssociation" => associations.update(emulators, request).await,
            "TagResource" | "UntagResource" | "ListTagsForResource" => {
                associations.tag(emulators, request).await
            }
            "GetCallerIdentity" => match self.pod_sessions.caller(request) {
                Some(answer) => answer,
                None => emulators.forward(call.service, request).await,
            },
            "AssumeRoleWithWebIdentity" => {
                web_identity::assume(&self.keys, &self.providers, emulators, request).await
            }
            operation if operation.contains("OpenIDConnectProvider") => {
                self.providers.ask(emulators, call, request).await
            }
            _ => emulators.forward(call.service, request).await,
        }
    }

    /// Corrects a successful answer that differs from AWS's.
    fn correct(&self, call: &Call, request: &Request, answer: Answer) -> Answer {
        match call.operation.as_str() {
            "CreateCluster" | "DescribeCluster" => self.clusters.correct(request, answer),
            "CreateRole" | "PutRolePermissionsBoundary" | "DeleteRolePermissionsBoundary" | "DeleteRole" => {
                self.listings.note(call, request, &answer);
                description::correct(answer)
            }
            operation if operation.ends_with("PodIdentityAssociation") => {
                self.associations.note(operation, &answer);
                self.associations.correct(answer)
            }
            _ if call.service == Service::Iam => description::correct(answer),
            _ => answer,
        }
    }

    /// The association that an update is about, as it stands.
    async fn association(&self, emulators: &Emulators, request: &Request) -> Option<Value> {
        let answer = emulators
            .ask_eks(&Origin::of(request), http::Method::GET, request.uri.path(), None)
            .await;
        self.associations
            .correct(answer)
            .parse_json()?
            .get_mut("association")
            .map(Value::take)
    }
}

async fn create_role(emulators: &Emulators, request: &Request) -> Option<Answer> {
    if let Some(refusal) = role_tags::duplicate(request) {
        return Some(refusal);
    }
    match document(emulators, request, Kind::Trust, "AssumeRolePolicyDocument").await {
        Some(refusal) => Some(refusal),
        None => attachment::boundary_refusal(emulators, request).await,
    }
}

/// The values of a list of the request.
fn named(request: &Request, list: &str, field: &str) -> Vec<String> {
    let form = request.form();
    form.members(list, field).into_iter().map(str::to_owned).collect()
}

/// IAM looks for the role before it reads the document, so a missing role is the emulator's to say.
async fn document(emulators: &Emulators, request: &Request, kind: Kind, field: &str) -> Option<Answer> {
    let form = request.form();
    let refused = documents::check(kind, form.get(field).unwrap_or_default())?;
    if field == "PolicyDocument" {
        let role = form.get("RoleName").unwrap_or_default();
        let found = emulators
            .ask_iam(&Origin::of(request).account, "GetRole", &[("RoleName", role)])
            .await;
        if !found.status.is_success() {
            return None;
        }
    }
    Some(error(
        Service::Iam,
        refused.status,
        refused.code,
        &refused.message,
    ))
}
