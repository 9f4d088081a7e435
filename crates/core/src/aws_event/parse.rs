//! The parser of a message of the events queue.
//! Input: a body and the scope of the operator; output: the changed resource, or the cause to ignore the message. No I/O.

use percent_encoding::percent_decode_str;

use crate::aws_event::caller::Caller;
use crate::aws_event::change::{AwsChange, ChangedResource, Ignored};
use crate::aws_event::message::{Detail, Message};
use crate::model::cluster::{Cluster, Platform};
use crate::model::name::{AccountId, Namespace, RoleName, ServiceAccountName};

/// The maximum length of a body, in bytes: CloudTrail events have at most 256 KB.
pub const BODY_LIMIT: usize = 256 * 1024;

/// The maximum length of an ARN, in characters (the limit of IAM).
pub(super) const ARN_LIMIT: usize = 2048;

/// The cluster, the accounts and the callers that a message is compared with.
#[derive(Debug, Clone)]
pub struct EventScope<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// The accounts of roles that classes manage, in addition to the account of the cluster.
    pub accounts: Vec<AccountId>,
    /// The callers of Lanyard: its own role and the roles that it assumes.
    pub own_callers: Vec<Caller>,
}

impl EventScope<'_> {
    fn includes(&self, account: &AccountId) -> bool {
        self.cluster.account == *account || self.accounts.contains(account)
    }
}

/// Parses the body of a message: an EventBridge event with a call that CloudTrail recorded.
///
/// # Errors
/// Returns an error if the message requires no reconciliation.
pub fn parse(body: &str, scope: &EventScope<'_>) -> Result<AwsChange, Ignored> {
    if body.len() > BODY_LIMIT {
        return Err(Ignored::TooLarge);
    }
    let message: Message<'_> = serde_json::from_str(body).map_err(|_| Ignored::Malformed)?;
    if !message.is_recorded_call() {
        return Err(Ignored::ForeignEvent);
    }
    // Parsed only now: the detail of another event type has an unknown form.
    let detail = message.detail().ok_or(Ignored::Malformed)?;
    let source = Source::of(&detail.event_source).ok_or(Ignored::ForeignEvent)?;
    if detail.failed() {
        return Err(Ignored::Failed);
    }
    if detail.read_only {
        return Err(Ignored::ReadOnly);
    }
    let account = AccountId::parse(message.account.as_ref()).map_err(|_| Ignored::Malformed)?;
    if !scope.includes(&account) {
        return Err(Ignored::ForeignAccount);
    }
    let time = detail.at().or_else(|| message.at()).ok_or(Ignored::Malformed)?;
    if detail
        .caller()
        .is_some_and(|caller| scope.own_callers.contains(&caller))
    {
        return Err(Ignored::OwnCall);
    }
    let resource = match source {
        Source::Iam => changed_in_iam(&detail, account).ok_or(Ignored::Unmanaged)?,
        Source::Eks => changed_in_eks(&detail, &account, scope.cluster)?,
    };
    Ok(AwsChange { resource, time })
}

/// The service of the call.
#[derive(Debug, Clone, Copy)]
enum Source {
    Iam,
    Eks,
}

impl Source {
    /// The names are the same in all partitions.
    fn of(event_source: &str) -> Option<Self> {
        match event_source {
            "iam.amazonaws.com" => Some(Self::Iam),
            "eks.amazonaws.com" => Some(Self::Eks),
            _ => None,
        }
    }
}

/// The relevant calls for OIDC providers: Lanyard reads only their existence and their audiences.
pub(super) const PROVIDER_CALLS: [&str; 4] = [
    "CreateOpenIDConnectProvider",
    "DeleteOpenIDConnectProvider",
    "AddClientIDToOpenIDConnectProvider",
    "RemoveClientIDFromOpenIDConnectProvider",
];

/// The resource of an IAM call. Every call that names a role changes the role, so future IAM calls are included.
fn changed_in_iam(detail: &Detail<'_>, account: AccountId) -> Option<ChangedResource> {
    if let Some(name) = detail.request().role_name {
        let name = RoleName::parse(name).ok()?;
        return Some(ChangedResource::Role { account, name });
    }
    if !PROVIDER_CALLS.contains(&detail.event_name.as_ref()) {
        return None;
    }
    let named = detail.request().provider_arn.or(detail.response().provider_arn);
    let arn = named.filter(|arn| arn.starts_with("arn:") && arn.len() <= ARN_LIMIT)?;
    Some(ChangedResource::Provider { arn })
}

/// The association of an EKS call: by subject if the event contains it, else by ID; a tagged association by its ARN.
fn changed_in_eks(
    detail: &Detail<'_>,
    account: &AccountId,
    cluster: &Cluster,
) -> Result<ChangedResource, Ignored> {
    let (request, association) = (
        detail.request(),
        detail.response().association.unwrap_or_default(),
    );
    let tagged = request.resource_arn.as_deref().and_then(TaggedAssociation::parse);
    let id = request
        .association_id
        .or(association.association_id)
        .or_else(|| tagged.as_ref().map(|tagged| tagged.id.clone()));
    let namespace = association.namespace.or(request.namespace);
    let account_name = association.service_account.or(request.service_account);
    if id.is_none() && (namespace.is_none() || account_name.is_none()) {
        return Err(Ignored::Unmanaged);
    }
    let named = request
        .cluster_name
        .or(request.name)
        .or(association.cluster_name)
        .or_else(|| tagged.map(|tagged| tagged.cluster));
    if !is_this_cluster(cluster, account, &detail.aws_region, named.as_deref()) {
        return Err(Ignored::ForeignCluster);
    }
    let subject = || {
        Some(ChangedResource::Subject {
            namespace: Namespace::parse(namespace?).ok()?,
            name: ServiceAccountName::parse(account_name?).ok()?,
        })
    };
    let by_id = |id: String| {
        let well_formed = id.len() <= 64 && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        well_formed.then_some(ChangedResource::Association { id })
    };
    subject().or_else(|| by_id(id?)).ok_or(Ignored::Malformed)
}

fn is_this_cluster(cluster: &Cluster, account: &AccountId, in_region: &str, named: Option<&str>) -> bool {
    match &cluster.platform {
        Platform::Eks { name, region, .. } => {
            *account == cluster.account && in_region == region.as_str() && named == Some(name.as_str())
        }
        Platform::Other => false,
    }
}

/// The parts of an association's ARN: `arn:<partition>:eks:<region>:<account>:podidentityassociation/<cluster>/<id>`.
struct TaggedAssociation {
    cluster: String,
    id: String,
}

impl TaggedAssociation {
    /// Events contain paths as sent, percent-encoded.
    fn parse(arn: &str) -> Option<Self> {
        let arn = percent_decode_str(arn).decode_utf8().ok()?;
        let (_, path) = arn.split_once(":podidentityassociation/")?;
        let (cluster, id) = path.split_once('/')?;
        Some(Self {
            cluster: cluster.to_owned(),
            id: id.to_owned(),
        })
    }
}
