//! Edits of the soak: what users, their tools and other administrators do. Input: a run. Output: changed objects and
//! resources. Does I/O: Kubernetes directly, AWS through the gateway.

use anyhow::{Context, Result};
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams};
use kube::core::ApiResource;
use lanyard_api::WorkloadIdentity;
use lanyard_tests::put_class;
use serde_json::{Value, json};

use super::super::fleet::{Member, READ_ONLY};
use super::state::{CLASS, Soak, class};

/// A policy that no identity requests.
const FOREIGN_POLICY: &str = "arn:aws:iam::aws:policy/AmazonSQSFullAccess";
/// A trust that admits another service and no pod.
const FOREIGN_TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

/// One edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    Spec,
    Class,
    Delete,
    ServiceAccount,
    Detach,
    Attach,
    Trust,
    Tags,
    Role,
    Association,
}

/// Edits of Kubernetes, which are possible while AWS is away. The more frequent ones stand here more often.
const KUBERNETES: [Edit; 6] = [
    Edit::Spec,
    Edit::Spec,
    Edit::Spec,
    Edit::Delete,
    Edit::ServiceAccount,
    Edit::ServiceAccount,
];
const AWS: [Edit; 6] = [
    Edit::Detach,
    Edit::Attach,
    Edit::Trust,
    Edit::Tags,
    Edit::Role,
    Edit::Association,
];
/// One edit of so many is one of the class, which changes every role.
const CLASS_EDITS: u32 = 300;

impl Edit {
    pub fn choose(rng: &mut fastrand::Rng, without_aws: bool) -> Self {
        if rng.u32(0..CLASS_EDITS) == 0 {
            return Self::Class;
        }
        let from = if without_aws || rng.bool() {
            KUBERNETES
        } else {
            AWS
        };
        rng.choice(from).unwrap_or(Self::Spec)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Spec => "spec is changed",
            Self::Class => "class is changed",
            Self::Delete => "object is deleted and recreated",
            Self::ServiceAccount => "annotations of a ServiceAccount are removed",
            Self::Detach => "policy is detached",
            Self::Attach => "policy is attached",
            Self::Trust => "trust policy is overwritten",
            Self::Tags => "tag is changed",
            Self::Role => "role is deleted",
            Self::Association => "association is deleted",
        }
    }

    /// Carries the edit out on a random identity. A resource that does not exist at the moment is left alone.
    pub async fn apply(self, soak: &mut Soak<'_>) -> Result<()> {
        let member = Member::new(soak.rng.usize(0..soak.fleet.size));
        match self {
            Self::Spec => change_spec(soak, &member).await,
            Self::Class => change_class(soak).await,
            Self::Delete => recreate(soak, &member).await,
            Self::ServiceAccount => strip_account(soak, &member).await,
            Self::Association => disassociate(soak, &member).await,
            Self::Detach | Self::Attach | Self::Trust | Self::Tags | Self::Role => {
                self.edit_role(soak, &member).await
            }
        }
    }

    async fn edit_role(self, soak: &Soak<'_>, member: &Member) -> Result<()> {
        let Some(role) = role_of(soak, member).await? else {
            return Ok(());
        };
        let iam = &soak.fleet.aws.iam;
        let done = match self {
            Self::Detach => {
                let call = iam.detach_role_policy().role_name(&role);
                is_done(call.policy_arn(READ_ONLY).send().await)
            }
            Self::Attach => {
                let call = iam.attach_role_policy().role_name(&role);
                is_done(call.policy_arn(FOREIGN_POLICY).send().await)
            }
            Self::Trust => {
                let call = iam.update_assume_role_policy().role_name(&role);
                is_done(call.policy_document(FOREIGN_TRUST).send().await)
            }
            Self::Tags => {
                let call = iam.untag_role().role_name(&role);
                is_done(call.tag_keys("team").send().await)
            }
            Self::Role => delete_role(soak, &role).await,
            Self::Spec | Self::Class | Self::Delete | Self::ServiceAccount | Self::Association => Ok(()),
        };
        done.context("editing a role")
    }
}

/// A call about a resource that the operator removes at the same moment may fail for that.
fn is_done<T, E, R>(answer: Result<T, aws_sdk_iam::error::SdkError<E, R>>) -> Result<()>
where
    E: aws_sdk_iam::error::ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    use aws_sdk_iam::error::ProvideErrorMetadata as _;
    match answer {
        Ok(_) => Ok(()),
        Err(error) => match error.code() {
            Some("NoSuchEntity" | "DeleteConflict" | "ResourceNotFoundException") => Ok(()),
            _ => Err(error.into()),
        },
    }
}

async fn role_of(soak: &Soak<'_>, member: &Member) -> Result<Option<String>> {
    let api: Api<WorkloadIdentity> = Api::namespaced(soak.fleet.client.clone(), &member.namespace);
    let object = api.get_opt(&member.name).await?;
    let role = object.and_then(|object| object.status?.role);
    Ok(role.and_then(|role| role.arn.rsplit('/').next().map(str::to_owned)))
}

/// Changes the tag `team` of the role.
async fn change_spec(soak: &mut Soak<'_>, member: &Member) -> Result<()> {
    let team = format!("team-{}", soak.rng.u16(..));
    let patch = json!({"spec": {"role": {"managed": {"tags": {"team": team}}}}});
    let api: Api<WorkloadIdentity> = Api::namespaced(soak.fleet.client.clone(), &member.namespace);
    match api
        .patch(&member.name, &PatchParams::default(), &Patch::Merge(&patch))
        .await
    {
        Ok(object) if object.metadata.deletion_timestamp.is_none() => {
            soak.teams.insert(member.name.clone(), team);
            Ok(())
        }
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Changes the value of the enforced tag, which is on every role.
async fn change_class(soak: &mut Soak<'_>) -> Result<()> {
    soak.owner = soak.rng.u16(..).to_string();
    put_class(&soak.fleet.client, CLASS, true, class(&soak.owner)).await
}

/// Deletes an object, or creates it again if an earlier deletion has ended.
async fn recreate(soak: &mut Soak<'_>, member: &Member) -> Result<()> {
    let api: Api<WorkloadIdentity> = Api::namespaced(soak.fleet.client.clone(), &member.namespace);
    if api.get_opt(&member.name).await?.is_none() {
        soak.teams.remove(&member.name);
        return soak.fleet.create_one(member).await;
    }
    let deleted = api.delete(&member.name, &DeleteParams::default()).await;
    deleted.map(drop).context("deleting an identity")
}

async fn strip_account(soak: &Soak<'_>, member: &Member) -> Result<()> {
    let patch = json!({"metadata": {"annotations": Value::Null}});
    let resource = ApiResource::erase::<k8s_openapi::api::core::v1::ServiceAccount>(&());
    let api: Api<DynamicObject> =
        Api::namespaced_with(soak.fleet.client.clone(), &member.namespace, &resource);
    match api
        .patch(&member.name, &PatchParams::default(), &Patch::Merge(&patch))
        .await
    {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        other => other.map(drop).context("patching a ServiceAccount"),
    }
}

async fn disassociate(soak: &Soak<'_>, member: &Member) -> Result<()> {
    for id in soak
        .fleet
        .aws
        .associations(&member.namespace, &member.name)
        .await?
    {
        let delete = soak.fleet.aws.eks.delete_pod_identity_association();
        is_done(delete.cluster_name("lanyard").association_id(id).send().await)?;
    }
    Ok(())
}

async fn delete_role(soak: &Soak<'_>, role: &str) -> Result<()> {
    let iam = &soak.fleet.aws.iam;
    let detach = iam.detach_role_policy().role_name(role);
    is_done(detach.policy_arn(READ_ONLY).send().await)?;
    let delete = iam.delete_role_policy().role_name(role);
    is_done(delete.policy_name("queue").send().await)?;
    is_done(iam.delete_role().role_name(role).send().await)
}
