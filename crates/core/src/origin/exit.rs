//! The exit of the old tools: for each tool, in order, how it lets go of what Lanyard takes over without deleting it. Origins
//! in, steps with commands out; no I/O. The commands are for a person: nothing runs them.

use std::collections::{BTreeMap, BTreeSet};

use super::object::Maker;
use super::{Origin, Part, Tool, maker};
use crate::model::arn::RoleArn;
use crate::model::shell::word;
use crate::model::subject::Subject;

/// An identity that is taken over, for the exit of its tools.
#[derive(Debug, Clone)]
pub struct Handed<'a> {
    /// The subject.
    pub subject: &'a Subject,
    /// Its role.
    pub role: &'a RoleArn,
    /// Its origins.
    pub origins: &'a [Origin],
    /// The parts that Lanyard takes over.
    pub parts: BTreeSet<Part>,
    /// The stacks of these parts in CloudFormation.
    pub stacks: BTreeSet<String>,
    /// The objects that make these parts.
    pub makers: Vec<&'a Maker>,
    /// The addresses of the policies of its role in the Terraform state.
    pub policies: &'a [String],
}

/// The exit of one tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolExit {
    /// The tool.
    pub tool: Tool,
    /// The steps in their order.
    pub steps: Vec<ExitStep>,
}

/// One step of an exit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExitStep {
    /// The step in words.
    pub text: String,
    /// Commands or configuration.
    pub lines: Vec<String>,
}

fn step(text: &str, lines: Vec<String>) -> ExitStep {
    let text = text.to_owned();
    ExitStep { text, lines }
}

/// The exit of every tool that gives a part away. Tools that keep everything are not part of it.
#[must_use]
pub fn exits(handed: &[Handed<'_>]) -> Vec<ToolExit> {
    let mut by_tool: BTreeMap<Tool, Vec<(&Handed<'_>, &Origin)>> = BTreeMap::new();
    for identity in handed {
        for part in &identity.parts {
            if let Some(origin) = maker(identity.origins, *part) {
                by_tool.entry(origin.tool).or_default().push((identity, origin));
            }
        }
    }
    let exits = by_tool.into_iter().map(|(tool, given)| ToolExit {
        tool,
        steps: steps(tool, &given),
    });
    exits.filter(|exit| !exit.steps.is_empty()).collect()
}

type Given<'a, 'b> = (&'a Handed<'b>, &'a Origin);

fn steps(tool: Tool, given: &[Given<'_, '_>]) -> Vec<ExitStep> {
    match tool {
        Tool::Terraform => terraform(given),
        Tool::Eksctl | Tool::CloudFormation => stacks(tool, given),
        Tool::Ack => ack(given),
        Tool::Crossplane => crossplane(given),
        Tool::ClusterApi | Tool::Kops => vec![step(
            "No way is known by which this tool lets go without deleting. Leave its configuration as it is, and remove the \
             WorkloadIdentity instead:",
            subjects(given),
        )],
        Tool::Other => vec![step(
            "Remove these from the tool without deleting them in AWS:",
            given.iter().map(|(_, origin)| described(origin)).collect(),
        )],
        Tool::Hand | Tool::Helm | Tool::AddOn => Vec::new(),
    }
}

fn described(origin: &Origin) -> String {
    format!("# {} of {origin}", origin.part.as_str())
}

fn subjects(given: &[Given<'_, '_>]) -> Vec<String> {
    let names: BTreeSet<String> = given
        .iter()
        .map(|(identity, origin)| {
            format!(
                "# {}: {}",
                identity.subject,
                described(origin).trim_start_matches("# ")
            )
        })
        .collect();
    names.into_iter().collect()
}

/// A `removed` block takes no instance keys (Terraform, "Remove a resource from state"), so an instance of several leaves by
/// `terraform state rm`.
fn terraform(given: &[Given<'_, '_>]) -> Vec<ExitStep> {
    let mut addresses: BTreeSet<String> = BTreeSet::new();
    let mut unknown = Vec::new();
    for (identity, origin) in given {
        match &origin.name {
            Some(address) => {
                addresses.insert(address.clone());
            }
            None => unknown.push((*identity, *origin)),
        }
        if origin.part == Part::Role {
            addresses.extend(identity.policies.iter().cloned());
        }
    }
    let (instances, single): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.contains('['));
    let mut steps = Vec::new();
    if !unknown.is_empty() {
        steps.push(step(
            "Their addresses are not known. Give --terraform-state with the output of terraform show -json:",
            subjects(&unknown),
        ));
    }
    if !single.is_empty() {
        let block = |address: &String| {
            [
                "removed {".to_owned(),
                format!("  from = {address}"),
                "  lifecycle {".to_owned(),
                "    destroy = false".to_owned(),
                "  }".to_owned(),
                "}".to_owned(),
            ]
        };
        steps.push(step(
            "Replace the resource blocks by these blocks:",
            single.iter().flat_map(block).collect(),
        ));
    }
    if !instances.is_empty() {
        let command = |address: &String| format!("terraform state rm {}", word(address));
        steps.push(step(
            "Remove these instances from the configuration, and from the state in the same change:",
            instances.iter().map(command).collect(),
        ));
    }
    if !steps.is_empty() {
        steps.push(step(
            "The plan has to destroy nothing and create nothing:",
            vec!["terraform plan".to_owned()],
        ));
    }
    steps
}

/// CloudFormation applies a changed deletion policy only together with another change of the resource.
fn stacks(tool: Tool, given: &[Given<'_, '_>]) -> Vec<ExitStep> {
    let stacks: BTreeSet<&String> = given.iter().flat_map(|(identity, _)| &identity.stacks).collect();
    if stacks.is_empty() {
        let find = |(identity, _): &Given<'_, '_>| {
            let name = word(identity.role.name.as_str());
            format!("aws cloudformation describe-stack-resources --physical-resource-id {name}")
        };
        let text = "No tag names the stacks. Find them, and set DeletionPolicy: Retain on these resources before anything is deleted:";
        return vec![step(text, given.iter().map(find).collect())];
    }
    let retain = |stack: &&String| {
        let stack = word(stack);
        [
            format!("aws cloudformation get-template --stack-name {stack} --query TemplateBody --output json |"),
            "  jq '(.Resources[] | select(.Type == \"AWS::IAM::Role\" or .Type == \"AWS::EKS::PodIdentityAssociation\")) |=".to_owned(),
            "    (.DeletionPolicy = \"Retain\" | .Metadata.owner = \"lanyard\")' > retain.json".to_owned(),
            format!("aws cloudformation update-stack --stack-name {stack} --template-body file://retain.json --capabilities CAPABILITY_NAMED_IAM"),
            format!("aws cloudformation wait stack-update-complete --stack-name {stack}"),
        ]
    };
    let mut steps = vec![step(
        "Set DeletionPolicy: Retain by an update, before anything is deleted:",
        stacks.iter().flat_map(retain).collect(),
    )];
    let delete = |stack: &&String| format!("aws cloudformation delete-stack --stack-name {}", word(stack));
    match tool {
        Tool::Eksctl => steps.push(step(
            "Delete the stacks, which hold only these roles. Do not run eksctl delete iamserviceaccount: it deletes the \
             ServiceAccount too.",
            stacks.iter().map(delete).collect(),
        )),
        _ => steps.push(step(
            "Remove the resources from the template of the stack, and update it. CloudFormation then keeps them:",
            subjects(given),
        )),
    }
    steps
}

fn ack(given: &[Given<'_, '_>]) -> Vec<ExitStep> {
    let objects = objects(given);
    if objects.is_empty() {
        return vec![not_found(
            "kubectl get roles.iam.services.k8s.aws,podidentityassociations.eks.services.k8s.aws -A",
            given,
        )];
    }
    let retain = |object: &String| {
        format!("kubectl annotate {object} services.k8s.aws/deletion-policy=retain --overwrite")
    };
    vec![
        step(
            "Keep the resources when the objects are deleted. Set the annotation in Git if Git owns the object:",
            objects.iter().map(retain).collect(),
        ),
        step(
            "Delete the objects:",
            objects.iter().map(|object| deleted(object)).collect(),
        ),
    ]
}

fn crossplane(given: &[Given<'_, '_>]) -> Vec<ExitStep> {
    let objects = objects(given);
    if objects.is_empty() {
        return vec![not_found(
            "kubectl get roles.iam.aws.upbound.io,podidentityassociations.eks.aws.upbound.io",
            given,
        )];
    }
    let observe = |object: &String| {
        format!(
            "kubectl patch {object} --type merge -p '{{\"spec\":{{\"managementPolicies\":[\"Observe\"]}}}}'"
        )
    };
    vec![
        step(
            "Let Crossplane only observe the resources. Change the composition if one made the object:",
            objects.iter().map(observe).collect(),
        ),
        step(
            "Delete the objects:",
            objects.iter().map(|object| deleted(object)).collect(),
        ),
    ]
}

fn deleted(object: &str) -> String {
    format!("kubectl delete {object}")
}

fn objects(given: &[Given<'_, '_>]) -> BTreeSet<String> {
    let of_part = |(identity, origin): &Given<'_, '_>| {
        let makers = identity.makers.iter();
        let own = makers.filter(|maker| maker.kind.part == origin.part);
        own.map(|maker| maker.argument()).collect::<Vec<_>>()
    };
    given.iter().flat_map(of_part).collect()
}

fn not_found(command: &str, given: &[Given<'_, '_>]) -> ExitStep {
    let lines = subjects(given).into_iter().chain([command.to_owned()]);
    step(
        "The objects were not found in this cluster. Find them by the names of the roles:",
        lines.collect(),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::object::KINDS;
    use super::*;
    use crate::example::subject;

    fn handed<'a>(
        (subject, role): &'a (Subject, RoleArn),
        origins: &'a [Origin],
        policies: &'a [String],
    ) -> Handed<'a> {
        Handed {
            subject,
            role,
            origins,
            parts: origins.iter().map(|origin| origin.part).collect(),
            stacks: ["eksctl-prod-x".to_owned()].into(),
            makers: Vec::new(),
            policies,
        }
    }

    fn named() -> (Subject, RoleArn) {
        let role = RoleArn::parse("arn:aws:iam::111122223333:role/orders").unwrap();
        (subject(), role)
    }

    fn lines(exit: &ToolExit) -> String {
        let lines = exit.steps.iter().flat_map(|step| &step.lines);
        lines.cloned().collect::<Vec<_>>().join("\n")
    }

    fn origin(tool: Tool, name: Option<&str>) -> Origin {
        Origin::certain(Part::Role, tool, name.map(str::to_owned), String::new())
    }

    #[test]
    fn terraform_leaves_by_removed_blocks_and_instances_by_state_rm() {
        let subject = named();
        let (one, many) = (
            [origin(Tool::Terraform, Some("aws_iam_role.orders"))],
            [origin(
                Tool::Terraform,
                Some("module.x[\"a'b\"].aws_iam_role.this"),
            )],
        );
        let policies = ["aws_iam_role_policy.queue".to_owned()];
        let exits = exits(&[handed(&subject, &one, &policies), handed(&subject, &many, &[])]);
        let text = lines(&exits[0]);
        assert!(
            text.contains("from = aws_iam_role.orders\n")
                && text.contains("from = aws_iam_role_policy.queue"),
            "{text}"
        );
        assert!(
            text.contains(r#"terraform state rm 'module.x["a'\''b"].aws_iam_role.this'"#),
            "{text}"
        );
        assert!(!text.contains("from = module.x"), "{text}");
    }

    #[test]
    fn stack_is_retained_before_it_is_deleted() {
        let (subject, origins) = (named(), [origin(Tool::Eksctl, None)]);
        let exits = exits(&[handed(&subject, &origins, &[])]);
        let text = lines(&exits[0]);
        let (retain, delete) = (text.find("Retain").unwrap(), text.find("delete-stack").unwrap());
        assert!(retain < delete, "{text}");
    }

    #[test]
    fn objects_are_retained_before_they_are_deleted() {
        let object = json!({"metadata": {"name": "orders"}, "status": {"atProvider": {"arn": "x"}}});
        let maker = Maker::of(KINDS[2], &object).unwrap();
        let (subject, origins) = (named(), [maker.origin()]);
        let identity = Handed {
            makers: vec![&maker],
            ..handed(&subject, &origins, &[])
        };
        let text = lines(&exits(&[identity])[0]);
        assert!(
            text.starts_with("kubectl patch roles.iam.aws.upbound.io orders"),
            "{text}"
        );
        assert!(
            text.ends_with("kubectl delete roles.iam.aws.upbound.io orders"),
            "{text}"
        );
    }

    #[test]
    fn tool_that_keeps_its_parts_has_no_exit() {
        let (subject, origins) = (named(), [origin(Tool::Terraform, Some("aws_iam_role.orders"))]);
        let kept = Handed {
            parts: BTreeSet::new(),
            ..handed(&subject, &origins, &[])
        };
        assert_eq!(exits(&[kept]), []);
    }
}
