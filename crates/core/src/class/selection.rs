//! Choose: which class an identity follows.
//! What it asks for, what is on record and every class of the cluster in, a choice out; no I/O. Called by the operator
//! before `validate`, and by the command line.

use std::borrow::Cow;
use std::fmt;

use super::selector::Labels;
use super::{Aws, Class};
use crate::model::fact::{Fact, ReadError};
use crate::model::reason::Reason;
use crate::model::text::{list, quote};

/// One class of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Whether it is marked as the default.
    pub is_default: bool,
    /// Whether it is being deleted: it stays for those who follow it and takes nobody else.
    pub goes: bool,
    /// The class itself, or what is wrong with it.
    pub class: Result<Class, Box<Unusable>>,
}

impl Listed {
    /// How its roles are reached in AWS, as far as that can be read.
    #[must_use]
    pub fn aws(&self) -> Option<&Aws> {
        match &self.class {
            Ok(class) => Some(&class.aws),
            Err(unusable) => unusable.aws.as_ref(),
        }
    }
}

/// A class that cannot be carried out as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// What is wrong with it, in words.
    pub why: String,
    /// How its roles are reached in AWS, where that much can be read: what was made there stays in reach.
    pub aws: Option<Aws>,
}

/// What decides which class an identity follows.
#[derive(Debug, Clone)]
pub struct ClassRequest<'a> {
    /// The class that the spec names.
    pub class_name: Option<&'a str>,
    /// The class that was chosen before and is on record.
    pub pinned: Option<&'a str>,
    /// The labels of the namespace.
    pub labels: &'a Fact<Labels>,
    /// Whether every identity has to follow a class, even while none exists.
    pub required: bool,
}

/// The class that an identity follows, or why it follows none. Without one, an identity that was never carried out
/// waits, and one that was is frozen: what it has is kept true and nothing new is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection<'a> {
    /// This one.
    Chosen(&'a Class),
    /// No class exists in the cluster, and none was ever asked for.
    Unrestricted,
    /// No class is named, and none of those that exist is the default. Without any, one is required all the same.
    NoDefault {
        /// Those that exist.
        classes: Vec<&'a str>,
    },
    /// No class is named, and several are marked as the default.
    SeveralDefaults {
        /// Those that are marked.
        classes: Vec<&'a str>,
    },
    /// The class that is named or on record does not exist.
    Missing {
        /// Its name.
        name: &'a str,
    },
    /// The class cannot be carried out as it is written.
    Unusable {
        /// Its name.
        name: &'a str,
        /// What is wrong with it.
        class: &'a Unusable,
    },
    /// The class is being deleted, and the identity does not follow it yet.
    Going {
        /// Its name.
        name: &'a str,
    },
    /// The class does not serve this namespace.
    NotSelected {
        /// Its name.
        name: &'a str,
    },
    /// Another class is named than the one on record.
    Changed {
        /// The one on record.
        pinned: &'a str,
        /// The one that is named.
        named: &'a str,
    },
    /// Classes or namespace could not be read.
    Unreadable(ReadError),
}

/// Chooses the class of an identity.
#[must_use]
pub fn select<'a>(asked: &ClassRequest<'a>, classes: &'a Fact<Vec<Listed>>) -> Selection<'a> {
    if let (Some(pinned), Some(named)) = (asked.pinned, asked.class_name)
        && pinned != named
    {
        return Selection::Changed { pinned, named };
    }
    let classes = match classes {
        Fact::Present(classes) => classes.as_slice(),
        // Without the kind there is no object of it.
        Fact::Absent => &[],
        Fact::Unreadable(why) => return Selection::Unreadable(why.clone()),
    };
    match asked.pinned.or(asked.class_name) {
        Some(name) => match classes.iter().find(|class| class.name == name) {
            // A tenant that forges the record gets no more by it than it could have had a moment sooner.
            Some(found) if found.goes && asked.pinned.is_none() => Selection::Going { name },
            Some(found) => within(found, asked.labels),
            None => Selection::Missing { name },
        },
        None if classes.is_empty() && !asked.required => Selection::Unrestricted,
        None => default(classes, asked.labels),
    }
}

fn default<'a>(classes: &'a [Listed], labels: &Fact<Labels>) -> Selection<'a> {
    let names = |of: &[&'a Listed]| of.iter().map(|class| class.name.as_str()).collect();
    let (going, marked): (Vec<&Listed>, Vec<&Listed>) = classes
        .iter()
        .filter(|class| class.is_default)
        .partition(|class| class.goes);
    match (marked.as_slice(), going.first()) {
        ([], Some(class)) => Selection::Going { name: &class.name },
        ([], None) => Selection::NoDefault {
            classes: names(&classes.iter().collect::<Vec<_>>()),
        },
        ([only], _) => within(only, labels),
        (several, _) => Selection::SeveralDefaults {
            classes: names(several),
        },
    }
}

fn within<'a>(listed: &'a Listed, labels: &Fact<Labels>) -> Selection<'a> {
    let name = listed.name.as_str();
    let class = match &listed.class {
        Ok(class) => class,
        Err(class) => return Selection::Unusable { name, class },
    };
    let Some(guardrails) = class.guardrails() else {
        return Selection::Chosen(class);
    };
    let selector = guardrails.namespace_selector.as_ref();
    match labels {
        Fact::Unreadable(why) => Selection::Unreadable(why.clone()),
        Fact::Present(labels) if selector.is_some_and(|selector| selector.selects(labels)) => {
            Selection::Chosen(class)
        }
        Fact::Present(_) | Fact::Absent => Selection::NotSelected { name },
    }
}

impl<'a> Selection<'a> {
    /// The class to validate with, when one holds.
    #[must_use]
    pub fn class(&self) -> Option<Cow<'a, Class>> {
        match self {
            Self::Chosen(class) => Some(Cow::Borrowed(*class)),
            Self::Unrestricted => Some(Cow::Owned(Class::unrestricted())),
            _ => None,
        }
    }

    /// How the account of the identity's roles is reached, by the class that it follows by right. One that cannot be used
    /// allows nothing, and what was made in its account is kept true all the same.
    #[must_use]
    pub fn aws(&self) -> Option<&'a Aws> {
        match self {
            Self::Chosen(class) => Some(&class.aws),
            Self::Unusable { class, .. } => class.aws.as_ref(),
            _ => None,
        }
    }

    /// Why no class holds; `None` when one does.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        Some(match self {
            Self::Chosen(_) | Self::Unrestricted => return None,
            Self::NoDefault { .. } => Reason::NoDefaultClass,
            Self::SeveralDefaults { .. } => Reason::SeveralDefaultClasses,
            Self::Missing { .. } => Reason::ClassMissing,
            Self::Unusable { .. } => Reason::ClassUnusable,
            Self::Going { .. } => Reason::ClassDeleting,
            Self::NotSelected { .. } => Reason::NamespaceNotSelected,
            Self::Changed { .. } => Reason::ClassChanged,
            Self::Unreadable(_) => Reason::Unreadable,
        })
    }
}

/// The sentence for people: what is in the way and what to do.
impl fmt::Display for Selection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chosen(class) => write!(f, "Follows {class}."),
            Self::Unrestricted => f.write_str("There is no WorkloadIdentityClass, so nothing is restricted."),
            Self::NoDefault { classes } if classes.is_empty() => f.write_str(
                "There is no WorkloadIdentityClass, and this operator serves nobody without one (--require-class); have a class created and marked as the default.",
            ),
            Self::NoDefault { classes } => write!(
                f,
                "spec.className is not set and no class is the default; set it to one of {}.",
                list(classes)
            ),
            Self::SeveralDefaults { classes } => write!(
                f,
                "spec.className is not set and {} are all marked as the default; set it, or have one mark left.",
                list(classes)
            ),
            Self::Missing { name } => write!(
                f,
                "The class {} does not exist; have it created, or correct spec.className.",
                quote(name)
            ),
            Self::Unusable { name, class } => write!(
                f,
                "The class {} cannot be used as it is written: {}. Its owner has to correct it.",
                quote(name),
                quote(&class.why)
            ),
            Self::Going { name } => write!(
                f,
                "The class {} is being deleted and takes no further identity; name another class.",
                quote(name)
            ),
            Self::NotSelected { name } => write!(
                f,
                "The class {} does not serve this namespace: its guardrails.namespaceSelector does not select it; name another class, or have its owner select the namespace.",
                quote(name)
            ),
            Self::Changed { pinned, named } => write!(
                f,
                "spec.className is {} and this identity follows {}, which cannot change; put it back, or make another identity.",
                quote(named),
                quote(pinned)
            ),
            Self::Unreadable(why) => write!(f, "The class could not be read: {why}."),
        }
    }
}

#[cfg(test)]
mod tests;
