//! Objects of ACK and Crossplane that make a role or an association. An object as JSON in, its origin out; no I/O.

use serde_json::Value;

use super::{Origin, Part, Tool};

/// A kind whose objects make roles or associations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// The tool.
    pub tool: Tool,
    /// The API group.
    pub group: &'static str,
    /// The plural name.
    pub plural: &'static str,
    /// The kind.
    pub kind: &'static str,
    /// The part that an object makes.
    pub part: Part,
    /// The ARN in the status.
    arn: &'static str,
}

const ACK_ARN: &str = "/status/ackResourceMetadata/arn";
const ROLE_ARN: &str = "/status/atProvider/arn";
const ASSOCIATION_ARN: &str = "/status/atProvider/associationArn";

const fn role(tool: Tool, group: &'static str, arn: &'static str) -> Kind {
    let (plural, kind, part) = ("roles", "Role", Part::Role);
    Kind {
        tool,
        group,
        plural,
        kind,
        part,
        arn,
    }
}

const fn association(tool: Tool, group: &'static str, arn: &'static str) -> Kind {
    let (plural, kind, part) = (
        "podidentityassociations",
        "PodIdentityAssociation",
        Part::Association,
    );
    Kind {
        tool,
        group,
        plural,
        kind,
        part,
        arn,
    }
}

/// All kinds. Crossplane has namespaced kinds in groups with `m`.
pub const KINDS: [Kind; 6] = [
    role(Tool::Ack, "iam.services.k8s.aws", ACK_ARN),
    association(Tool::Ack, "eks.services.k8s.aws", ACK_ARN),
    role(Tool::Crossplane, "iam.aws.upbound.io", ROLE_ARN),
    role(Tool::Crossplane, "iam.aws.m.upbound.io", ROLE_ARN),
    association(Tool::Crossplane, "eks.aws.upbound.io", ASSOCIATION_ARN),
    association(Tool::Crossplane, "eks.aws.m.upbound.io", ASSOCIATION_ARN),
];

/// An object that makes a role or an association.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maker {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace. Empty for cluster-scoped objects.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The ARN of the role or association.
    pub arn: String,
}

impl Maker {
    /// Reads an object. Returns `None` if its status has no ARN yet.
    #[must_use]
    pub fn of(kind: Kind, object: &Value) -> Option<Self> {
        let text = |path: &str| object.pointer(path).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            kind,
            namespace: text("/metadata/namespace").unwrap_or_default(),
            name: text("/metadata/name")?,
            arn: text(kind.arn).filter(|arn| !arn.is_empty())?,
        })
    }

    /// The object as an argument of kubectl, with its namespace.
    #[must_use]
    pub fn argument(&self) -> String {
        let named = format!("{}.{} {}", self.kind.plural, self.kind.group, self.name);
        match self.namespace.is_empty() {
            true => named,
            false => format!("{named} -n {}", self.namespace),
        }
    }

    /// The origin that the object proves.
    #[must_use]
    pub fn origin(&self) -> Origin {
        let (part, name) = (self.kind.part, self.argument());
        let evidence = format!("the status of {name} has the ARN of the {}", part.as_str());
        Origin::certain(part, self.kind.tool, Some(name), evidence)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn object_with_the_arn_in_its_status_is_the_maker() {
        let metadata = json!({"namespace": "shop", "name": "orders"});
        let object = json!({"metadata": metadata, "status": {"ackResourceMetadata": {"arn": "arn:x"}}});
        let maker = Maker::of(KINDS[0], &object).unwrap();
        assert_eq!(
            maker.origin().to_string(),
            "ACK roles.iam.services.k8s.aws orders -n shop"
        );
        assert_eq!(maker.arn, "arn:x");
        assert_eq!(Maker::of(KINDS[2], &object), None, "another place of the ARN");
    }
}
