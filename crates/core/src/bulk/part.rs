//! `Part`: the part of an identity that one kind of read returns. Maps fields and drift items to parts. No I/O.

use crate::model::field::{Field, Resource};
use crate::model::status::DriftItem;

/// The part of an identity that one kind of read returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The role without its settings, which a read of the whole account does not return.
    Role,
    /// The settings of the role: description and maximum session duration.
    Settings,
    /// The fields of the association.
    Association,
    /// The ServiceAccount, and the shared objects: OIDC provider, agent, webhook.
    Cluster,
}

impl Part {
    /// Returns true if a field belongs to this part.
    pub(super) fn has(self, field: &Field) -> bool {
        let setting = matches!(field, Field::Description | Field::MaxSession);
        self.is_on(field.resource())
            && match self {
                Self::Role => !setting,
                // The existence of the role belongs to `Role`.
                Self::Settings => setting,
                Self::Association | Self::Cluster => true,
            }
    }

    /// Returns true if this part is about a resource.
    pub(super) fn is_on(self, resource: Resource) -> bool {
        match self {
            Self::Role | Self::Settings => resource == Resource::Role,
            Self::Association => resource == Resource::Association,
            Self::Cluster => matches!(resource, Resource::ServiceAccount | Resource::Provider),
        }
    }

    /// Returns true if a drift item of the status belongs to this part.
    pub(super) fn has_item(self, item: &DriftItem) -> bool {
        let is = |resource: Resource| item.resource == resource.as_str();
        let is_field = |field: Field| item.field == field.to_string();
        let setting = is_field(Field::Description) || is_field(Field::MaxSession);
        match self {
            Self::Role => is(Resource::Role) && !setting,
            Self::Settings => is(Resource::Role) && setting,
            Self::Association => is(Resource::Association),
            Self::Cluster => is(Resource::ServiceAccount) || is(Resource::Provider),
        }
    }
}
