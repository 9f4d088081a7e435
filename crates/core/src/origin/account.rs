//! The origin of the annotations of a ServiceAccount, by its field managers, labels and annotations. Values in, origins out;
//! no I/O. A copied label proves nothing, so the manager of the annotation decides.

use std::collections::BTreeMap;

use super::{Origin, Part, Tool};
use crate::model::annotation::ANNOTATION_ROLE_ARN;
use crate::model::observed::ServiceAccount;

/// The annotation with the release of Helm.
const RELEASE: &str = "meta.helm.sh/release-name";
/// The label with the manager of an object.
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// A ServiceAccount with what shows its origin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// The facts that Lanyard compares.
    pub facts: ServiceAccount,
    /// All labels.
    pub labels: BTreeMap<String, String>,
    /// All annotations.
    pub annotations: BTreeMap<String, String>,
}

impl Account {
    /// The value of the IRSA annotation.
    #[must_use]
    pub fn role(&self) -> Option<&str> {
        let annotation = self.facts.annotations.get(ANNOTATION_ROLE_ARN)?;
        Some(&annotation.value)
    }
}

/// The origins of the IRSA annotation. Empty if the ServiceAccount has none, or if Lanyard set it.
#[must_use]
pub fn origins(account: &Account) -> Vec<Origin> {
    let Some(annotation) = account.facts.annotations.get(ANNOTATION_ROLE_ARN) else {
        return Vec::new();
    };
    let release = account.annotations.get(RELEASE);
    let labelled = account.labels.get(MANAGED_BY).map(String::as_str);
    let Some(manager) = annotation.manager.as_deref() else {
        return match annotation.ours {
            true => Vec::new(),
            false => vec![Origin::perhaps(
                Part::Annotation,
                Tool::Hand,
                "the annotation has no field manager".to_owned(),
            )],
        };
    };
    let evidence = format!("the annotation {ANNOTATION_ROLE_ARN} has the field manager {manager}");
    let certain = |tool, name, evidence| vec![Origin::certain(Part::Annotation, tool, name, evidence)];
    match (manager, release) {
        ("helm" | "Helm" | "helm-controller", Some(release)) => {
            let evidence = format!("{evidence}; {RELEASE}={release}");
            certain(Tool::Helm, Some(format!("release {release}")), evidence)
        }
        ("helm" | "Helm" | "helm-controller", None) => certain(Tool::Helm, None, evidence),
        ("eksctl", _) => certain(Tool::Eksctl, None, evidence),
        ("Terraform" | "HashiCorp", _) => certain(Tool::Terraform, None, evidence),
        (manager, _) if manager.starts_with("kubectl") => certain(Tool::Hand, None, evidence),
        _ if labelled == Some("eksctl") => {
            let evidence = format!("{evidence}; the label {MANAGED_BY}=eksctl");
            vec![Origin::perhaps(Part::Annotation, Tool::Eksctl, evidence)]
        }
        (manager, _) => certain(Tool::Other, Some(manager.to_owned()), evidence),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::observed::Annotation;

    fn account(manager: Option<&str>, release: Option<&str>, label: Option<&str>) -> Account {
        let annotation = Annotation {
            value: "arn:aws:iam::111122223333:role/orders".to_owned(),
            ours: false,
            manager: manager.map(str::to_owned),
        };
        let pair = |key: &str, value: Option<&str>| value.map(|value| (key.to_owned(), value.to_owned()));
        Account {
            facts: ServiceAccount {
                annotations: [(ANNOTATION_ROLE_ARN.to_owned(), annotation)].into(),
                ..ServiceAccount::default()
            },
            labels: pair(MANAGED_BY, label).into_iter().collect(),
            annotations: pair(RELEASE, release).into_iter().collect(),
        }
    }

    #[test]
    fn field_manager_names_the_maker_of_an_annotation() {
        for (manager, release, label, expected) in [
            (Some("helm"), Some("shop"), Some("Helm"), "Helm release shop"),
            (Some("kubectl-annotate"), Some("shop"), Some("Helm"), "by hand"),
            (Some("eksctl"), None, Some("eksctl"), "eksctl"),
            (Some("client"), None, Some("eksctl"), "eksctl, perhaps"),
            (Some("HashiCorp"), None, None, "Terraform"),
            (Some("argocd-controller"), None, None, "argocd-controller"),
            (None, None, None, "by hand, perhaps"),
        ] {
            let found = origins(&account(manager, release, label));
            assert_eq!(found[0].to_string(), expected);
        }
        assert_eq!(origins(&Account::default()), []);
    }
}
