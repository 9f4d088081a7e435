//! The resources of a Terraform state, from the output of `terraform show -json`. Text in; addresses by ARN and ServiceAccount
//! out; no I/O. No value of the state is kept beyond ids, since a state has secrets.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Origin, Part, Tool};
use crate::model::arn::RoleArn;
use crate::model::subject::Subject;

/// The resources of states that make identities.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terraform {
    roles: BTreeMap<String, String>,
    associations: BTreeMap<String, String>,
    accounts: BTreeMap<String, String>,
    policies: BTreeMap<String, Vec<String>>,
}

/// An input that is not a state as `terraform show -json` prints it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TerraformError {
    /// The text is not JSON.
    #[error("it is not JSON: {0}. Give the output of terraform show -json")]
    Json(String),
    /// The text is a state file.
    #[error(
        "it is a state file, whose format is internal to Terraform. Give the output of terraform show -json FILE"
    )]
    StateFile,
    /// The text is a plan.
    #[error(
        "it is a plan. Give the output of terraform show -json without a plan file, which shows the state"
    )]
    Plan,
    /// The text is another document.
    #[error("it has neither values nor format_version. Give the output of terraform show -json")]
    Other,
}

impl Terraform {
    /// Parses the output of `terraform show -json`. An empty state has no values.
    ///
    /// # Errors
    /// Returns an error if the text is another document.
    pub fn parse(text: &str) -> Result<Self, TerraformError> {
        let value: Value =
            serde_json::from_str(text).map_err(|error| TerraformError::Json(error.to_string()))?;
        let has = |field: &str| value.get(field).is_some();
        if has("planned_values") || has("resource_changes") {
            return Err(TerraformError::Plan);
        }
        if has("lineage") || (has("serial") && has("resources")) {
            return Err(TerraformError::StateFile);
        }
        if !has("format_version") {
            return Err(TerraformError::Other);
        }
        let mut found = Self::default();
        if let Some(root) = value.pointer("/values/root_module") {
            found.add_module(root);
        }
        Ok(found)
    }

    /// Adds the resources of another state.
    pub fn add(&mut self, other: Self) {
        self.roles.extend(other.roles);
        self.associations.extend(other.associations);
        self.accounts.extend(other.accounts);
        for (role, addresses) in other.policies {
            self.policies.entry(role).or_default().extend(addresses);
        }
    }

    fn add_module(&mut self, module: &Value) {
        let list = |field: &str| module.get(field).and_then(Value::as_array).into_iter().flatten();
        for resource in list("resources") {
            self.add_resource(resource);
        }
        for child in list("child_modules") {
            self.add_module(child);
        }
    }

    fn add_resource(&mut self, resource: &Value) {
        let text = |path: &str| resource.pointer(path).and_then(Value::as_str).map(str::to_owned);
        let Some(address) = text("/address").filter(|_| text("/mode").as_deref() != Some("data")) else {
            return;
        };
        let of_subject = |path: &str| {
            let namespace = text(&format!("{path}/namespace")).unwrap_or_else(|| "default".to_owned());
            text(&format!("{path}/name")).map(|name| format!("{namespace}/{name}"))
        };
        let list = match text("/type").as_deref() {
            Some("aws_iam_role") => (&mut self.roles, text("/values/arn")),
            Some("aws_eks_pod_identity_association") => {
                (&mut self.associations, text("/values/association_arn"))
            }
            Some("kubernetes_service_account" | "kubernetes_service_account_v1") => {
                (&mut self.accounts, of_subject("/values/metadata/0"))
            }
            Some("kubernetes_annotations") if text("/values/kind").as_deref() == Some("ServiceAccount") => {
                (&mut self.accounts, of_subject("/values/metadata/0"))
            }
            Some("aws_iam_role_policy" | "aws_iam_role_policy_attachment") => {
                let role = text("/values/role").unwrap_or_default();
                return self.policies.entry(role).or_default().push(address);
            }
            Some(_) | None => return,
        };
        if let (map, Some(key)) = list {
            map.insert(key, address);
        }
    }

    /// The origin of a role in the state.
    #[must_use]
    pub fn role(&self, arn: &RoleArn) -> Option<Origin> {
        origin(Part::Role, self.roles.get(&arn.to_string())?)
    }

    /// The origin of an association in the state.
    #[must_use]
    pub fn association(&self, arn: &str) -> Option<Origin> {
        origin(Part::Association, self.associations.get(arn)?)
    }

    /// The origin of a ServiceAccount in the state. It stands for its annotation.
    #[must_use]
    pub fn account(&self, subject: &Subject) -> Option<Origin> {
        origin(Part::Annotation, self.accounts.get(&subject.to_string())?)
    }

    /// The addresses of the policies of a role.
    #[must_use]
    pub fn policies(&self, arn: &RoleArn) -> &[String] {
        self.policies
            .get(arn.name.as_str())
            .map(Vec::as_slice)
            .unwrap_or_default()
    }
}

fn origin(part: Part, address: &str) -> Option<Origin> {
    let evidence = format!("the Terraform state has the {} as {address}", part.as_str());
    Some(Origin::certain(
        part,
        Tool::Terraform,
        Some(address.to_owned()),
        evidence,
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::example::subject;

    fn state() -> Terraform {
        let role = json!({"address": "module.irsa[\"orders\"].aws_iam_role.this[0]", "mode": "managed", "type": "aws_iam_role",
            "values": {"arn": "arn:aws:iam::111122223333:role/orders", "name": "orders"}});
        let data = json!({"address": "data.aws_iam_role.x", "mode": "data", "type": "aws_iam_role",
            "values": {"arn": "arn:aws:iam::111122223333:role/other"}});
        let attachment = json!({"address": "aws_iam_role_policy_attachment.s3", "mode": "managed",
            "type": "aws_iam_role_policy_attachment", "values": {"role": "orders", "policy_arn": "x"}});
        let account = json!({"address": "kubernetes_service_account_v1.orders", "mode": "managed",
            "type": "kubernetes_service_account_v1", "values": {"metadata": [{"namespace": "shop", "name": "orders"}]}});
        let association = json!({"address": "aws_eks_pod_identity_association.orders", "mode": "managed",
            "type": "aws_eks_pod_identity_association", "values": {"association_arn": "arn:a-1"}});
        let root = json!({"resources": [data, attachment, account],
            "child_modules": [{"address": "module.irsa", "resources": [role], "child_modules": [{"resources": [association]}]}]});
        Terraform::parse(&json!({"format_version": "1.0", "values": {"root_module": root}}).to_string())
            .unwrap()
    }

    #[test]
    fn state_proves_resources_of_every_module() {
        let state = state();
        let arn = RoleArn::parse("arn:aws:iam::111122223333:role/orders").unwrap();
        let name = |origin: Option<Origin>| origin.unwrap().name.unwrap();
        assert_eq!(
            name(state.role(&arn)),
            "module.irsa[\"orders\"].aws_iam_role.this[0]"
        );
        assert_eq!(
            name(state.association("arn:a-1")),
            "aws_eks_pod_identity_association.orders"
        );
        assert_eq!(
            name(state.account(&subject())),
            "kubernetes_service_account_v1.orders"
        );
        assert_eq!(state.policies(&arn), ["aws_iam_role_policy_attachment.s3"]);
    }

    #[test]
    fn data_source_does_not_make_a_role() {
        let arn = RoleArn::parse("arn:aws:iam::111122223333:role/other").unwrap();
        assert_eq!(state().role(&arn), None);
    }

    #[test]
    fn other_documents_are_refused_with_the_right_command() {
        let of = |value: Value| Terraform::parse(&value.to_string()).unwrap_err();
        assert_eq!(
            of(json!({"version": 4, "lineage": "x", "resources": []})),
            TerraformError::StateFile
        );
        assert_eq!(
            of(json!({"format_version": "1.2", "planned_values": {}})),
            TerraformError::Plan
        );
        assert_eq!(of(json!({"a": 1})), TerraformError::Other);
        assert!(matches!(
            Terraform::parse("resource {"),
            Err(TerraformError::Json(_))
        ));
        assert_eq!(
            Terraform::parse(r#"{"format_version":"1.0"}"#),
            Ok(Terraform::default())
        );
    }
}
