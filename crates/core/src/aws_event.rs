//! A notice: what a message of the events queue says that somebody did in AWS, and where. A message body in; what was
//! touched, or the word for why it is of no use, out. No I/O. Called by the operator for every message.
//!
//! ```text
//!   body ---> read ---> Notice { about, at } ---> Ties: whose is it? ---> Pace: look now, later, or not at all
//! ```
//!
//! The message only says where to look. Whoever can send one can cause a look and nothing else: what is there is read.

pub mod caller;
pub mod debounce;
pub mod queue;
pub mod resource_refs;

mod message;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use percent_encoding::percent_decode_str;

pub use self::caller::Caller;
pub use self::debounce::{Debounce, Urgency};
pub use self::queue::QueueUrl;
pub use self::resource_refs::ResourceRefs;

use self::message::{Detail, Message};
use crate::model::cluster::{Cluster, Platform};
use crate::model::name::{AccountId, Namespace, RoleName, ServiceAccountName};

/// The longest body that is read, in bytes: CloudTrail's events are at most 256 KB.
pub const BODY_LIMIT: usize = 256 * 1024;

/// The longest ARN that is taken for one, in characters (IAM's own limit).
const ARN_LIMIT: usize = 2048;

/// Somebody changed something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsChange {
    /// What was touched.
    pub about: About,
    /// When, by AWS's clock, cut to the second.
    pub at: Timestamp,
}

/// What was touched, as far as an event names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// A role. Events give its name alone, without its path.
    Role {
        /// The account it is in.
        account: AccountId,
        /// Its name.
        name: RoleName,
    },
    /// An IAM OIDC provider.
    Provider {
        /// Its ARN.
        arn: String,
    },
    /// An association of this cluster, by its subject.
    Subject {
        /// The subject's namespace.
        namespace: Namespace,
        /// The ServiceAccount's name.
        name: ServiceAccountName,
    },
    /// An association of this cluster, by its id in EKS (`a-...`).
    Association {
        /// The id.
        id: String,
    },
}

/// Why a message is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ignored {
    /// It is longer than [`BODY_LIMIT`].
    TooLarge,
    /// It is no event.
    Malformed,
    /// It is no call of IAM or EKS as CloudTrail records it.
    ForeignEvent,
    /// The call was refused, so nothing changed.
    Failed,
    /// The call only read.
    ReadOnly,
    /// It happened in an account that no class leads to.
    ForeignAccount,
    /// It happened to another cluster.
    ForeignCluster,
    /// Lanyard did it itself.
    SelfMade,
    /// It touched nothing that Lanyard keeps, such as a user or the content of a managed policy.
    Unmanaged,
}

impl Ignored {
    /// All of them, for the series that are there from the start.
    pub const ALL: [Self; 9] = [
        Self::TooLarge,
        Self::Malformed,
        Self::ForeignEvent,
        Self::Failed,
        Self::ReadOnly,
        Self::ForeignAccount,
        Self::ForeignCluster,
        Self::SelfMade,
        Self::Unmanaged,
    ];

    /// The word for it, as a metric label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::ForeignEvent => "foreign_event",
            Self::Failed => "failed_call",
            Self::ReadOnly => "read_only",
            Self::ForeignAccount => "foreign_account",
            Self::ForeignCluster => "foreign_cluster",
            Self::SelfMade => "self",
            Self::Unmanaged => "unmanaged",
        }
    }
}

/// Where Lanyard is at home, and who it is.
#[derive(Debug, Clone)]
pub struct EventScope<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// Accounts of roles beside the cluster's own: those that classes lead to.
    pub accounts: Vec<AccountId>,
    /// Who Lanyard is in AWS: itself, and the roles that it assumes.
    pub ourselves: Vec<Caller>,
}

impl EventScope<'_> {
    fn knows(&self, account: &AccountId) -> bool {
        self.cluster.account == *account || self.accounts.contains(account)
    }
}

/// Reads the body of a message: an event of EventBridge with a call that CloudTrail recorded.
///
/// # Errors
/// The reason why nobody has to look.
pub fn read(body: &str, home: &EventScope<'_>) -> Result<AwsChange, Ignored> {
    if body.len() > BODY_LIMIT {
        return Err(Ignored::TooLarge);
    }
    let message: Message<'_> = serde_json::from_str(body).map_err(|_| Ignored::Malformed)?;
    if !message.is_recorded_call() {
        return Err(Ignored::ForeignEvent);
    }
    // Only now: what others put into an event's detail is not for us to judge.
    let detail = message.detail().ok_or(Ignored::Malformed)?;
    let source = Source::of(&detail.event_source).ok_or(Ignored::ForeignEvent)?;
    if detail.failed() {
        return Err(Ignored::Failed);
    }
    if detail.read_only {
        return Err(Ignored::ReadOnly);
    }
    let account = AccountId::parse(message.account.as_ref()).map_err(|_| Ignored::Malformed)?;
    if !home.knows(&account) {
        return Err(Ignored::ForeignAccount);
    }
    let at = detail.at().or_else(|| message.at()).ok_or(Ignored::Malformed)?;
    if detail
        .caller()
        .is_some_and(|caller| home.ourselves.contains(&caller))
    {
        return Err(Ignored::SelfMade);
    }
    let about = match source {
        Source::Iam => touched_in_iam(&detail, account).ok_or(Ignored::Unmanaged)?,
        Source::Eks => touched_in_eks(&detail, &account, home.cluster)?,
    };
    Ok(AwsChange { about, at })
}

/// Whose call it was.
#[derive(Debug, Clone, Copy)]
enum Source {
    Iam,
    Eks,
}

impl Source {
    /// AWS names them alike in all partitions.
    fn of(event_source: &str) -> Option<Self> {
        match event_source {
            "iam.amazonaws.com" => Some(Self::Iam),
            "eks.amazonaws.com" => Some(Self::Eks),
            _ => None,
        }
    }
}

/// The calls about providers that matter: Lanyard reads whether they are there and for which audiences.
const OF_PROVIDERS: [&str; 4] = [
    "CreateOpenIDConnectProvider",
    "DeleteOpenIDConnectProvider",
    "AddClientIDToOpenIDConnectProvider",
    "RemoveClientIDFromOpenIDConnectProvider",
];

/// Any call that names a role is about that role: a call that IAM does not have yet would be noticed too.
fn touched_in_iam(detail: &Detail<'_>, account: AccountId) -> Option<About> {
    if let Some(name) = detail.request().role_name {
        let name = RoleName::parse(name).ok()?;
        return Some(About::Role { account, name });
    }
    if !OF_PROVIDERS.contains(&detail.event_name.as_ref()) {
        return None;
    }
    let named = detail.request().provider_arn.or(detail.response().provider_arn);
    let arn = named.filter(|arn| arn.starts_with("arn:") && arn.len() <= ARN_LIMIT)?;
    Some(About::Provider { arn })
}

/// Associations, by subject where the event tells it, else by id; a tagged one by its ARN.
fn touched_in_eks(detail: &Detail<'_>, account: &AccountId, cluster: &Cluster) -> Result<About, Ignored> {
    let (request, association) = (
        detail.request(),
        detail.response().association.unwrap_or_default(),
    );
    let tagged = request.resource_arn.as_deref().and_then(Tagged::parse);
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
        Some(About::Subject {
            namespace: Namespace::parse(namespace?).ok()?,
            name: ServiceAccountName::parse(account_name?).ok()?,
        })
    };
    let by_id = |id: String| {
        let well_formed = id.len() <= 64 && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        well_formed.then_some(About::Association { id })
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
struct Tagged {
    cluster: String,
    id: String,
}

impl Tagged {
    /// Paths stand in events as they were sent, percent-encoded.
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
