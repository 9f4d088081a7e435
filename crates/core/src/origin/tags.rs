//! The tool that the tags of a role or an association name. Tags in, origins out; no I/O. The keys are those that the tools
//! write: eksctl `pkg/apis/eksctl.io/v1alpha5`, ACK `pkg/tags`, Crossplane external tags, kOps `awstasks/iamrole.go`.

use std::collections::BTreeMap;

use super::{Origin, Part, Tool};

/// The stack of CloudFormation. Set by the service itself, so no user can forge it.
pub const TAG_STACK: &str = "aws:cloudformation:stack-name";
/// The name of the resource in the stack.
pub const TAG_LOGICAL_ID: &str = "aws:cloudformation:logical-id";
/// The version of the ACK controller.
pub const TAG_ACK: &str = "services.k8s.aws/controller-version";
/// The name of the object of Crossplane.
pub const TAG_CROSSPLANE: &str = "crossplane-name";
/// The cluster of eksctl.
pub const TAG_EKSCTL: &str = "alpha.eksctl.io/cluster-name";
/// The ServiceAccount of a role of kOps.
pub const TAG_KOPS: &str = "service-account.kops.k8s.io/name";
/// How the tags of Cluster API begin. The name of the cluster follows.
pub const TAG_CLUSTER_API: &str = "sigs.k8s.io/cluster-api-provider-aws/";

const ACK_NAMESPACE: &str = "services.k8s.aws/namespace";
const CROSSPLANE_KIND: &str = "crossplane-kind";
const EKSCTL_IRSA: &str = "alpha.eksctl.io/iamserviceaccount-name";
const EKSCTL_POD_IDENTITY: &str = "alpha.eksctl.io/podidentityassociation-name";
/// The tags of eksctl on what belongs to an EKS add-on.
const EKSCTL_ADD_ON: [&str; 2] = [
    "alpha.eksctl.io/addon-podidentityassociation-name",
    "alpha.eksctl.io/addon-name",
];
const KOPS_NAMESPACE: &str = "service-account.kops.k8s.io/namespace";

/// How the keys of tags begin that only a tool may write.
const OF_TOOLS: [&str; 8] = [
    "aws:",
    "lanyard.dev/",
    "alpha.eksctl.io/",
    "eksctl.",
    "services.k8s.aws/",
    "crossplane-",
    "sigs.k8s.io/",
    "service-account.kops.k8s.io/",
];

/// Returns true if a tool sets the tag to find its own resources.
#[must_use]
pub fn is_of_tool(key: &str) -> bool {
    OF_TOOLS.iter().any(|prefix| key.starts_with(prefix))
}

/// Words in the keys of tags that name the manager of a resource, without punctuation.
const MANAGER_WORDS: [&str; 4] = ["managedby", "createdby", "provisionedby", "terraform"];

/// Returns true if by habit the value of a tag with this key is the manager of the resource.
#[must_use]
pub fn is_manager_key(key: &str) -> bool {
    let letters: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
    let letters = letters.to_ascii_lowercase();
    MANAGER_WORDS.iter().any(|word| letters.contains(word))
}

/// The add-on that tags name as owner. Returns `None` if they name none.
#[must_use]
pub fn add_on(tags: &BTreeMap<String, String>) -> Option<&str> {
    let mut keys = EKSCTL_ADD_ON.iter();
    keys.find_map(|key| tags.get(*key)).map(String::as_str)
}

/// Every origin that the tags name.
#[must_use]
pub fn origins(part: Part, tags: &BTreeMap<String, String>) -> Vec<Origin> {
    let found = [
        of_eksctl(part, tags),
        of_stack(part, tags),
        of_ack(part, tags),
        of_crossplane(part, tags),
        of_kops(part, tags),
        of_cluster_api(part, tags),
        by_habit(part, tags),
    ];
    found.into_iter().flatten().collect()
}

fn tag(part: Part, key: &str, value: &str) -> String {
    format!("the {} has the tag {key}={value}", part.as_str())
}

/// Only its tags prove it: eksctl itself guesses the ServiceAccount of a stack by its name, wrongly for a namespace with a
/// dash (eksctl `podidentityassociation/tasks.go`).
fn of_eksctl(part: Part, tags: &BTreeMap<String, String>) -> Option<Origin> {
    let keys = [EKSCTL_POD_IDENTITY, EKSCTL_IRSA, TAG_EKSCTL];
    let key = keys.into_iter().find(|key| tags.contains_key(*key))?;
    let value = tags.get(key)?;
    let stack = tags.get(TAG_STACK).map(|stack| format!("stack {stack}"));
    Some(Origin::certain(part, Tool::Eksctl, stack, tag(part, key, value)))
}

fn of_stack(part: Part, tags: &BTreeMap<String, String>) -> Option<Origin> {
    let stack = tags.get(TAG_STACK)?;
    let id = tags.get(TAG_LOGICAL_ID);
    let name = match id {
        Some(id) => format!("stack {stack}, resource {id}"),
        None => format!("stack {stack}"),
    };
    let mut evidence = tag(part, TAG_STACK, stack);
    if id.is_some_and(|id| is_logical_id_of_cdk(id)) {
        evidence += "; the form of its logical id is that of the CDK, perhaps";
    }
    Some(Origin::certain(part, Tool::CloudFormation, Some(name), evidence))
}

/// The CDK ends each logical id with eight hexadecimal digits of a hash in upper case (CDK guide, "Logical IDs").
fn is_logical_id_of_cdk(id: &str) -> bool {
    let hash = id.len().checked_sub(8).and_then(|at| id.get(at..));
    let is_digit = |c: char| c.is_ascii_digit() || ('A'..='F').contains(&c);
    hash.is_some_and(|hash| hash.chars().all(is_digit) && hash.contains(|c: char| c.is_ascii_digit()))
}

fn of_ack(part: Part, tags: &BTreeMap<String, String>) -> Option<Origin> {
    let version = tags.get(TAG_ACK)?;
    let namespace = tags
        .get(ACK_NAMESPACE)
        .map(|namespace| format!("in namespace {namespace}"));
    Some(Origin::certain(
        part,
        Tool::Ack,
        namespace,
        tag(part, TAG_ACK, version),
    ))
}

fn of_crossplane(part: Part, tags: &BTreeMap<String, String>) -> Option<Origin> {
    let name = tags.get(TAG_CROSSPLANE)?;
    let named = match tags.get(CROSSPLANE_KIND) {
        Some(kind) => format!("{kind}/{name}"),
        None => name.clone(),
    };
    Some(Origin::certain(
        part,
        Tool::Crossplane,
        Some(named),
        tag(part, TAG_CROSSPLANE, name),
    ))
}

fn of_kops(part: Part, tags: &BTreeMap<String, String>) -> Option<Origin> {
    let name = tags.get(TAG_KOPS)?;
    let namespace = tags.get(KOPS_NAMESPACE).map(String::as_str).unwrap_or_default();
    let subject = Some(format!("{namespace}/{name}"));
    Some(Origin::certain(
        part,
        Tool::Kops,
        subject,
        tag(part, TAG_KOPS, name),
    ))
}

fn of_cluster_api(part: Part, tags: &BTreeMap<String, String>) -> Option<Origin> {
    let (key, value) = tags.iter().find(|(key, _)| key.starts_with(TAG_CLUSTER_API))?;
    let cluster = key.rsplit('/').next().map(|cluster| format!("cluster {cluster}"));
    Some(Origin::certain(
        part,
        Tool::ClusterApi,
        cluster,
        tag(part, key, value),
    ))
}

/// A tag that names the manager by habit proves nothing: anyone can copy it.
fn by_habit(part: Part, tags: &BTreeMap<String, String>) -> Option<Origin> {
    let mut pairs = tags.iter().filter(|(key, _)| !is_of_tool(key));
    let (key, value) = pairs.find(|(key, _)| is_manager_key(key))?;
    let both = format!("{key} {value}").to_ascii_lowercase();
    let is_terraform = ["terraform", "opentofu", "terragrunt"]
        .iter()
        .any(|word| both.contains(word));
    let evidence = tag(part, key, value);
    if is_terraform {
        return Some(Origin::perhaps(part, Tool::Terraform, evidence));
    }
    Some(Origin {
        name: Some(value.clone()),
        ..Origin::perhaps(part, Tool::Other, evidence)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(tags: &[(&str, &str)]) -> Vec<String> {
        let tags = tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        origins(Part::Role, &tags)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn each_tool_is_recognised_by_its_own_tags() {
        for (tags, expected) in [
            (
                vec![(EKSCTL_IRSA, "shop/orders"), (TAG_STACK, "eksctl-prod-x")],
                "eksctl stack eksctl-prod-x",
            ),
            (vec![(EKSCTL_POD_IDENTITY, "shop/orders")], "eksctl"),
            (
                vec![(TAG_STACK, "shop"), (TAG_LOGICAL_ID, "OrdersRole")],
                "CloudFormation stack shop, resource OrdersRole",
            ),
            (
                vec![(TAG_ACK, "iam-v1.3.0"), (ACK_NAMESPACE, "shop")],
                "ACK in namespace shop",
            ),
            (
                vec![
                    (TAG_CROSSPLANE, "orders"),
                    (CROSSPLANE_KIND, "role.iam.aws.upbound.io"),
                ],
                "Crossplane role.iam.aws.upbound.io/orders",
            ),
            (
                vec![(TAG_KOPS, "orders"), (KOPS_NAMESPACE, "shop")],
                "kOps shop/orders",
            ),
            (
                vec![("sigs.k8s.io/cluster-api-provider-aws/cluster/prod", "owned")],
                "Cluster API cluster prod",
            ),
            (vec![("ManagedBy", "Terraform")], "Terraform, perhaps"),
            (vec![("terraform", "true")], "Terraform, perhaps"),
            (vec![("managed-by", "pulumi")], "pulumi, perhaps"),
        ] {
            assert_eq!(
                found(&tags).first().map(String::as_str),
                Some(expected),
                "{tags:?}"
            );
        }
        assert_eq!(found(&[("team", "shop")]), Vec::<String>::new());
    }

    #[test]
    fn stack_name_alone_does_not_prove_eksctl() {
        let stack = "eksctl-prod-addon-iamserviceaccount-shop-orders";
        assert_eq!(
            found(&[(TAG_STACK, stack)]),
            [format!("CloudFormation stack {stack}")]
        );
    }

    #[test]
    fn form_of_cdk_is_a_guess_about_a_known_stack() {
        let tags = [(TAG_STACK, "Shop"), (TAG_LOGICAL_ID, "OrdersRole1A2B3C4D")];
        let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let found = origins(Part::Role, &tags);
        assert!(
            found[0].evidence.ends_with("that of the CDK, perhaps"),
            "{found:?}"
        );
        assert!(!is_logical_id_of_cdk("OrdersRole") && !is_logical_id_of_cdk("DEADBEEF"));
    }

    #[test]
    fn add_on_is_named_by_its_tag() {
        let tags = BTreeMap::from([(EKSCTL_ADD_ON[1].to_owned(), "aws-ebs-csi-driver".to_owned())]);
        assert_eq!(add_on(&tags), Some("aws-ebs-csi-driver"));
    }
}
