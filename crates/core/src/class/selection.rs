//! The selection of the class of an identity. Input: the class request, the recorded class and all classes of the
//! cluster; output: a selection. No I/O.

use std::borrow::Cow;
use std::fmt;

use crate::class::definition::{Aws, Class, UnusableClass};
use crate::class::selector::Labels;
use crate::model::fact::{Fact, ReadError};
use crate::model::reason::Reason;
use crate::model::text::{list, quote};

/// A class of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassEntry {
    /// The name.
    pub name: String,
    /// True if the class is marked as the default.
    pub is_default: bool,
    /// True if the class is being deleted. It stays for its existing identities and accepts no new ones.
    pub is_deleting: bool,
    /// The class, or the error that makes it unusable.
    pub class: Result<Class, Box<UnusableClass>>,
}

impl ClassEntry {
    /// The AWS access of the class, as far as it could be read.
    #[must_use]
    pub fn aws(&self) -> Option<&Aws> {
        match &self.class {
            Ok(class) => Some(&class.aws),
            Err(unusable) => unusable.aws.as_ref(),
        }
    }
}

/// The inputs of the selection.
#[derive(Debug, Clone)]
pub struct ClassRequest<'a> {
    /// The class in the spec.
    pub class_name: Option<&'a str>,
    /// The recorded class that was selected before.
    pub pinned: Option<&'a str>,
    /// The labels of the namespace.
    pub labels: &'a Fact<Labels>,
    /// True if every identity must follow a class, even if no class exists.
    pub required: bool,
}

/// The class of an identity, or the reason why it has none. Without a class, a new identity waits and an existing
/// identity is frozen: the last applied spec is kept in sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection<'a> {
    /// The identity follows this class.
    Chosen(&'a Class),
    /// The cluster has no class, and the identity never named one.
    Unrestricted,
    /// No class is named and no class is the default, or a class is required and none exists.
    NoDefault {
        /// The existing classes.
        classes: Vec<&'a str>,
    },
    /// No class is named, and several are marked as the default.
    SeveralDefaults {
        /// The classes marked as the default.
        classes: Vec<&'a str>,
    },
    /// The named or recorded class does not exist.
    Missing {
        /// The name of the class.
        name: &'a str,
    },
    /// The class is invalid.
    Unusable {
        /// The name of the class.
        name: &'a str,
        /// The error.
        class: &'a UnusableClass,
    },
    /// The class is being deleted, and the identity does not follow it yet.
    Deleting {
        /// The name of the class.
        name: &'a str,
    },
    /// The class does not select this namespace.
    NotSelected {
        /// The name of the class.
        name: &'a str,
    },
    /// The spec names another class than the recorded one.
    Changed {
        /// The recorded class.
        pinned: &'a str,
        /// The named class.
        named: &'a str,
    },
    /// The classes or the namespace could not be read.
    Unreadable(ReadError),
}

/// Selects the class of an identity.
#[must_use]
pub fn select<'a>(request: &ClassRequest<'a>, classes: &'a Fact<Vec<ClassEntry>>) -> Selection<'a> {
    if let (Some(pinned), Some(named)) = (request.pinned, request.class_name)
        && pinned != named
    {
        return Selection::Changed { pinned, named };
    }
    let classes = match classes {
        Fact::Present(classes) => classes.as_slice(),
        // Without the kind it is unknown which classes there are. It is absent while CRDs are installed or restored.
        Fact::Absent => return Selection::Unreadable(ReadError::NotRead),
        Fact::Unreadable(error) => return Selection::Unreadable(error.clone()),
    };
    match request.pinned.or(request.class_name) {
        Some(name) => match classes.iter().find(|class| class.name == name) {
            // A tenant that forges the recorded class gains no access that it could not have had before the deletion.
            Some(class) if class.is_deleting && request.pinned.is_none() => Selection::Deleting { name },
            Some(class) => within(class, request.labels),
            None => Selection::Missing { name },
        },
        None if classes.is_empty() && !request.required => Selection::Unrestricted,
        None => default(classes, request.labels),
    }
}

fn default<'a>(classes: &'a [ClassEntry], labels: &Fact<Labels>) -> Selection<'a> {
    let names = |of: &[&'a ClassEntry]| of.iter().map(|class| class.name.as_str()).collect();
    let (deleting, marked): (Vec<&ClassEntry>, Vec<&ClassEntry>) = classes
        .iter()
        .filter(|class| class.is_default)
        .partition(|class| class.is_deleting);
    match (marked.as_slice(), deleting.first()) {
        ([], Some(class)) => Selection::Deleting { name: &class.name },
        ([], None) => Selection::NoDefault {
            classes: names(&classes.iter().collect::<Vec<_>>()),
        },
        ([only], _) => within(only, labels),
        (several, _) => Selection::SeveralDefaults {
            classes: names(several),
        },
    }
}

fn within<'a>(entry: &'a ClassEntry, labels: &Fact<Labels>) -> Selection<'a> {
    let name = entry.name.as_str();
    let class = match &entry.class {
        Ok(class) => class,
        Err(class) => return Selection::Unusable { name, class },
    };
    let Some(guardrails) = class.guardrails() else {
        return Selection::Chosen(class);
    };
    let selector = guardrails.namespace_selector.as_ref();
    match labels {
        Fact::Unreadable(error) => Selection::Unreadable(error.clone()),
        Fact::Present(labels) if selector.is_some_and(|selector| selector.selects(labels)) => {
            Selection::Chosen(class)
        }
        Fact::Present(_) | Fact::Absent => Selection::NotSelected { name },
    }
}

impl<'a> Selection<'a> {
    /// The class for the validation. Returns `None` if no class is selected.
    #[must_use]
    pub fn class(&self) -> Option<Cow<'a, Class>> {
        match self {
            Self::Chosen(class) => Some(Cow::Borrowed(*class)),
            Self::Unrestricted => Some(Cow::Owned(Class::unrestricted())),
            _ => None,
        }
    }

    /// The AWS access for the roles of the identity. An unusable class allows nothing new, but existing resources in
    /// its account are kept in sync.
    #[must_use]
    pub fn aws(&self) -> Option<&'a Aws> {
        match self {
            Self::Chosen(class) => Some(&class.aws),
            Self::Unusable { class, .. } => class.aws.as_ref(),
            _ => None,
        }
    }

    /// The reason why no class is selected. Returns `None` if a class is selected.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        Some(match self {
            Self::Chosen(_) | Self::Unrestricted => return None,
            Self::NoDefault { .. } => Reason::NoDefaultClass,
            Self::SeveralDefaults { .. } => Reason::SeveralDefaultClasses,
            Self::Missing { .. } => Reason::ClassMissing,
            Self::Unusable { .. } => Reason::ClassUnusable,
            Self::Deleting { .. } => Reason::ClassDeleting,
            Self::NotSelected { .. } => Reason::NamespaceNotSelected,
            Self::Changed { .. } => Reason::ClassChanged,
            Self::Unreadable(_) => Reason::Unreadable,
        })
    }
}

/// The message for users, with the problem and the next action.
impl fmt::Display for Selection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chosen(class) => write!(f, "Follows {class}."),
            Self::Unrestricted => f.write_str("No WorkloadIdentityClass exists, so no guardrails apply."),
            Self::NoDefault { classes } if classes.is_empty() => f.write_str(
                "No WorkloadIdentityClass exists, and the operator requires one (--require-class). Ask an administrator to create a class and mark it as the default.",
            ),
            Self::NoDefault { classes } => write!(
                f,
                "spec.className is not set and no class is the default. Set it to one of {}.",
                list(classes)
            ),
            Self::SeveralDefaults { classes } => write!(
                f,
                "spec.className is not set and the classes {} are marked as the default. Set it, or ask an administrator to leave one default class.",
                list(classes)
            ),
            Self::Missing { name } => write!(
                f,
                "Class {} does not exist. Create it, or correct spec.className.",
                quote(name)
            ),
            Self::Unusable { name, class } => write!(
                f,
                "Class {} is invalid: {}. The owner of the class must correct it.",
                quote(name),
                quote(&class.message)
            ),
            Self::Deleting { name } => write!(
                f,
                "Class {} is being deleted and accepts no new identity. Set another class.",
                quote(name)
            ),
            Self::NotSelected { name } => write!(
                f,
                "Class {} does not select this namespace (guardrails.namespaceSelector). Set another class, or ask the owner of the class to select the namespace.",
                quote(name)
            ),
            Self::Changed { pinned, named } => write!(
                f,
                "spec.className is {}, but this identity follows class {}, which is immutable. Revert it, or create another identity.",
                quote(named),
                quote(pinned)
            ),
            Self::Unreadable(error) => write!(f, "The class could not be read: {error}."),
        }
    }
}

#[cfg(test)]
mod tests;
