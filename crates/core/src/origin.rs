//! The origin of an identity that Lanyard did not make: which tool made its role, its association and its annotation, by
//! stated evidence, and the WorkloadIdentity that would take it over. Facts in; origins, a proposal and the exit of the old
//! tool out. No I/O.
//!
//! ```text
//!   annotations, field managers --+
//!   tags of role, association  ---+--> origins --> evidence, exit plan
//!   Terraform state, objects   ---+
//!   ServiceAccount, association, role ------------> proposal --> WorkloadIdentity, or the reason to leave it
//! ```

use std::fmt;

pub mod account;
pub mod exit;
pub mod form;
pub mod object;
pub mod proposal;
pub mod tags;
pub mod terraform;

/// A tool that makes roles, associations or annotations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tool {
    /// A user with kubectl, or another client without a known name.
    Hand,
    /// Helm.
    Helm,
    /// eksctl, by a CloudFormation stack of its own.
    Eksctl,
    /// A CloudFormation stack.
    CloudFormation,
    /// Terraform or OpenTofu.
    Terraform,
    /// AWS Controllers for Kubernetes.
    Ack,
    /// Crossplane.
    Crossplane,
    /// Cluster API for AWS.
    ClusterApi,
    /// kOps.
    Kops,
    /// An EKS add-on.
    AddOn,
    /// A tool that a tag or a field manager names.
    Other,
}

impl Tool {
    /// The name in outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hand => "by hand",
            Self::Helm => "Helm",
            Self::Eksctl => "eksctl",
            Self::CloudFormation => "CloudFormation",
            Self::Terraform => "Terraform",
            Self::Ack => "ACK",
            Self::Crossplane => "Crossplane",
            Self::ClusterApi => "Cluster API",
            Self::Kops => "kOps",
            Self::AddOn => "EKS add-on",
            Self::Other => "other",
        }
    }
}

/// A part of an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The role.
    Role,
    /// The Pod Identity association.
    Association,
    /// The annotation of the ServiceAccount.
    Annotation,
}

impl Part {
    /// The name in outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::Association => "association",
            Self::Annotation => "annotation",
        }
    }
}

/// The certainty of an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// A record of the tool itself proves it.
    Certain,
    /// A guess by form or habit.
    Perhaps,
}

impl Certainty {
    /// The name in outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Certain => "certain",
            Self::Perhaps => "perhaps",
        }
    }
}

/// One piece of evidence for the tool that made a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The part.
    pub part: Part,
    /// The tool.
    pub tool: Tool,
    /// The name of the part in the tool: a stack, a release, an address, an object. `None` if the evidence has none.
    pub name: Option<String>,
    /// The certainty.
    pub certainty: Certainty,
    /// The evidence: where it was found, and what it says. Foreign text, not escaped.
    pub evidence: String,
}

impl Origin {
    pub(crate) fn certain(part: Part, tool: Tool, name: Option<String>, evidence: String) -> Self {
        let certainty = Certainty::Certain;
        Self {
            part,
            tool,
            name,
            certainty,
            evidence,
        }
    }

    pub(crate) fn perhaps(part: Part, tool: Tool, evidence: String) -> Self {
        Self {
            part,
            tool,
            name: None,
            certainty: Certainty::Perhaps,
            evidence,
        }
    }
}

/// The tool with its name of the part, and `perhaps` for a guess.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.name, self.tool) {
            (Some(name), Tool::Other) => f.write_str(name)?,
            (Some(name), tool) => write!(f, "{} {name}", tool.as_str())?,
            (None, tool) => f.write_str(tool.as_str())?,
        }
        match self.certainty {
            Certainty::Certain => Ok(()),
            Certainty::Perhaps => f.write_str(", perhaps"),
        }
    }
}

/// The origin of a part: the first certain one, otherwise the first guess.
#[must_use]
pub fn maker(origins: &[Origin], part: Part) -> Option<&Origin> {
    let mut of_part = origins.iter().filter(|origin| origin.part == part);
    let certain = of_part
        .clone()
        .find(|origin| origin.certainty == Certainty::Certain);
    certain.or_else(|| of_part.next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certain_origin_precedes_guess() {
        let guess = Origin::perhaps(Part::Role, Tool::Terraform, "form".to_owned());
        let known = Origin::certain(
            Part::Role,
            Tool::Ack,
            Some("shop/orders".to_owned()),
            "tag".to_owned(),
        );
        let both = [guess.clone(), known];
        assert_eq!(maker(&both, Part::Role).unwrap().to_string(), "ACK shop/orders");
        assert_eq!(maker(&both, Part::Annotation), None);
        assert_eq!(
            maker(&[guess], Part::Role).unwrap().to_string(),
            "Terraform, perhaps"
        );
    }
}
