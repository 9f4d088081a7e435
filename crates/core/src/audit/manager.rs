//! The manager of the credentials of one usage: Lanyard, an EKS add-on or another tool. Input: the usage and the fleet. Output:
//! a manager. No I/O.

use std::fmt;

use super::fleet::{Fleet, Resolved};
use super::fold::Usage;
use super::form::Form;
use crate::model::arn::RoleArn;
use crate::model::fact::Fact;
use crate::model::name::{Namespace, ServiceAccountName};
use crate::model::subject::Subject;
use crate::ownership::tags::TaggedOwner;

/// The manager of the credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manager {
    /// A WorkloadIdentity.
    Lanyard {
        /// Its class.
        class: Option<String>,
    },
    /// An EKS add-on.
    AddOn(String),
    /// Another tool, by its tags or its field manager.
    Tool(String),
    /// None.
    Unmanaged,
    /// WorkloadIdentities could not be read.
    Unknown,
}

pub(super) fn manager(usage: &Usage, form: Form, resolved: &Resolved, fleet: &Fleet) -> Manager {
    if let Some(identity) = fleet.identity(usage) {
        let class = identity.class.clone();
        return Manager::Lanyard { class };
    }
    if fleet.identities.unreadable().is_some() {
        return Manager::Unknown;
    }
    let is_bound = matches!(form, Form::WebIdentity | Form::PodIdentity);
    if !is_bound {
        return Manager::Unmanaged;
    }
    let association = fleet.association(usage).filter(|_| form == Form::PodIdentity);
    if let Some(add_on) = association.and_then(|association| association.add_on.clone()) {
        return Manager::AddOn(add_on);
    }
    let by_tags = resolved.role.as_ref().and_then(|role| tool(usage, role, fleet));
    let account = fleet.account(usage).filter(|_| form == Form::WebIdentity);
    let tool = by_tags.or_else(|| account.and_then(|account| account.manager.clone()));
    tool.map_or(Manager::Unmanaged, Manager::Tool)
}

/// The tool that the tags of the role name.
fn tool(usage: &Usage, role: &RoleArn, fleet: &Fleet) -> Option<String> {
    let Fact::Present(tags) = &fleet.role(role)?.facts.tags else {
        return None;
    };
    let subject = Subject {
        cluster: fleet.cluster.as_ref()?.identity.clone(),
        namespace: Namespace::parse(usage.namespace.as_str()).ok()?,
        name: ServiceAccountName::parse(usage.service_account.as_str()).ok()?,
    };
    match TaggedOwner::of(&subject, tags) {
        TaggedOwner::Tool(tool) => Some(tool),
        TaggedOwner::OtherIdentity(identity) => Some(format!("Lanyard, {identity}")),
        TaggedOwner::Subject | TaggedOwner::Released | TaggedOwner::Untagged => None,
    }
}

impl fmt::Display for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lanyard { class: None } => f.write_str("lanyard"),
            Self::Lanyard { class: Some(class) } => write!(f, "lanyard, class {class}"),
            Self::AddOn(arn) => write!(f, "EKS add-on {arn}"),
            Self::Tool(tool) => f.write_str(tool),
            Self::Unmanaged => f.write_str("-"),
            Self::Unknown => f.write_str("?"),
        }
    }
}
