//! The facts about one container: the variables, files and loads from which SDKs take credentials. Input: the parts of its
//! spec. Output: facts without values. No I/O. A value is reduced when it is given: to nothing, to a masked key id, to the
//! ARN of a role, or to the volume that has a path. So no value can reach any output.

use std::collections::BTreeMap;
use std::fmt;

use super::files::{Mount, MountSource, unix};
use super::key::MaskedKey;
use crate::model::arn::RoleArn;

/// The token file that the pod identity webhook sets (docs/dev/aws-behaviour.md#webhook).
const WEBHOOK_TOKEN: &str = "/var/run/secrets/eks.amazonaws.com/serviceaccount/token";
/// The path of the endpoint of EKS Pod Identity (docs/dev/aws-behaviour.md#pod-wiring).
const AGENT_PATH: &str = "/v1/credentials";
/// The prefix of the variables of the AWS SDKs.
const PREFIX: &str = "AWS_";

/// A variable from which SDKs take credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Variable {
    AccessKeyId,
    Profile,
    DefaultProfile,
    CredentialsFile,
    ConfigFile,
    RoleArn,
    TokenFile,
    RelativeUri,
    FullUri,
}

impl Variable {
    const ALL: [Self; 9] = [
        Self::AccessKeyId,
        Self::Profile,
        Self::DefaultProfile,
        Self::CredentialsFile,
        Self::ConfigFile,
        Self::RoleArn,
        Self::TokenFile,
        Self::RelativeUri,
        Self::FullUri,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::AccessKeyId => "AWS_ACCESS_KEY_ID",
            Self::Profile => "AWS_PROFILE",
            Self::DefaultProfile => "AWS_DEFAULT_PROFILE",
            Self::CredentialsFile => "AWS_SHARED_CREDENTIALS_FILE",
            Self::ConfigFile => "AWS_CONFIG_FILE",
            Self::RoleArn => "AWS_ROLE_ARN",
            Self::TokenFile => "AWS_WEB_IDENTITY_TOKEN_FILE",
            Self::RelativeUri => "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            Self::FullUri => "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        }
    }

    fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}

/// A variable as it is set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Setting {
    /// An empty value, which SDKs ignore.
    Empty,
    /// A value.
    Literal(Literal),
    /// A reference to a value.
    From(Reference),
}

/// The part of a value that is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Literal {
    pub key: Option<MaskedKey>,
    pub role: Option<RoleArn>,
    /// The sources of the volume that has the file of this path.
    pub sources: Option<String>,
    /// True for the value that the webhook sets.
    pub of_webhook: bool,
}

/// The source of a variable by reference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// A key of a Secret.
    Secret {
        /// The Secret.
        name: String,
        /// The key.
        key: String,
    },
    /// A key of a ConfigMap.
    ConfigMap {
        /// The ConfigMap.
        name: String,
        /// The key.
        key: String,
    },
    /// A field of the pod, a resource of the container, or a file.
    Other,
}

/// The kind of an object from which variables are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LoadKind {
    /// A Secret.
    Secret,
    /// A ConfigMap.
    ConfigMap,
}

/// All keys of an object as variables (`envFrom`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Load {
    /// The kind of the object.
    pub kind: LoadKind,
    /// The name of the object.
    pub name: String,
    /// The prefix of the variables.
    pub prefix: String,
    /// True if the keys of the object are known to give `AWS_ACCESS_KEY_ID`. `None` if the object was not read.
    pub has_access_key: Option<bool>,
}

/// The facts about one container. They have no value of a variable, an argument or a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContainerFacts {
    /// The name.
    pub name: String,
    pub(super) settings: BTreeMap<Variable, Setting>,
    /// The masked key ids in other variables and in arguments, by place.
    pub(super) stray: BTreeMap<String, MaskedKey>,
    pub(super) loads: Vec<Load>,
    /// The sources of volumes at `.aws`.
    pub(super) aws_files: Vec<String>,
    /// True if a variable has a name of the AWS SDKs.
    pub(super) mentions_aws: bool,
}

impl ContainerFacts {
    /// A container without variables.
    #[must_use]
    pub fn new(name: &str, mounts: &[Mount]) -> Self {
        let aws = mounts.iter().filter(|mount| mount.is_aws_directory());
        Self {
            name: name.to_owned(),
            settings: BTreeMap::new(),
            stray: BTreeMap::new(),
            loads: Vec::new(),
            aws_files: aws.map(Mount::shown).collect(),
            mentions_aws: false,
        }
    }

    /// Adds a variable with a value. A later variable of the same name replaces an earlier one, as kubelet does it.
    pub fn literal(&mut self, name: &str, value: &str, mounts: &[Mount]) {
        self.mention(name);
        let key = MaskedKey::find(value);
        let Some(known) = Variable::of(name) else {
            self.stray.remove(name);
            self.stray.extend(key.map(|key| (name.to_owned(), key)));
            return;
        };
        let literal = Literal {
            key,
            role: RoleArn::parse(value).ok(),
            sources: Mount::of(mounts, value).map(Mount::shown),
            of_webhook: is_of_webhook(known, value),
        };
        let setting = match value.is_empty() {
            true => Setting::Empty,
            false => Setting::Literal(literal),
        };
        self.settings.insert(known, setting);
    }

    /// Adds a variable by reference.
    pub fn reference(&mut self, name: &str, reference: Reference) {
        self.mention(name);
        self.stray.remove(name);
        if let Some(known) = Variable::of(name) {
            self.settings.insert(known, Setting::From(reference));
        }
    }

    /// Adds the arguments and the command, of which only masked key ids are kept.
    pub fn arguments<'a>(&mut self, arguments: impl IntoIterator<Item = &'a str>) {
        let key = arguments.into_iter().find_map(MaskedKey::find);
        self.stray
            .extend(key.map(|key| ("its arguments".to_owned(), key)));
    }

    /// Adds the variables of an object, unless none of them can be `AWS_ACCESS_KEY_ID`.
    pub fn load(&mut self, load: Load) {
        if load.access_key_name().is_some() {
            self.loads.push(load);
        }
    }

    /// The objects whose variables are loaded and whose keys are not known.
    pub fn unread_loads(&self) -> impl Iterator<Item = &Load> {
        self.loads.iter().filter(|load| load.has_access_key.is_none())
    }

    /// The objects whose variables are loaded, so that the shell can record if they give an access key.
    pub fn loads_mut(&mut self) -> impl Iterator<Item = &mut Load> {
        self.loads.iter_mut()
    }

    pub(super) fn setting(&self, variable: Variable) -> Option<&Setting> {
        self.settings.get(&variable)
    }

    fn mention(&mut self, name: &str) {
        self.mentions_aws |= name.starts_with(PREFIX);
    }
}

impl Load {
    /// The key of the object that gives `AWS_ACCESS_KEY_ID`. Returns `None` if the prefix excludes it.
    #[must_use]
    pub fn access_key_name(&self) -> Option<&'static str> {
        Variable::AccessKeyId.name().strip_prefix(self.prefix.as_str())
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            LoadKind::Secret => "Secret",
            LoadKind::ConfigMap => "ConfigMap",
        };
        write!(f, "{kind} {}", self.name)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret { name, key } => write!(f, "key {key} of Secret {name}"),
            Self::ConfigMap { name, key } => write!(f, "key {key} of ConfigMap {name}"),
            Self::Other => f.write_str("a field or a file"),
        }
    }
}

impl MountSource {
    /// A volume without the name of an object.
    #[must_use]
    pub fn volume(name: &str) -> Self {
        Self::Volume(name.to_owned())
    }
}

fn is_of_webhook(variable: Variable, value: &str) -> bool {
    match variable {
        Variable::TokenFile => unix(value) == WEBHOOK_TOKEN,
        Variable::FullUri => value.ends_with(AGENT_PATH),
        Variable::AccessKeyId
        | Variable::Profile
        | Variable::DefaultProfile
        | Variable::CredentialsFile
        | Variable::ConfigFile
        | Variable::RoleArn
        | Variable::RelativeUri => false,
    }
}
