//! Guesses about Terraform from the form of names. Names in, origins out; no I/O. The public modules for IRSA and Pod Identity
//! set no tag of their own, so without the state nothing proves them.

use super::{Origin, Part, Tool};
use crate::model::arn::RoleArn;
use crate::model::observed::RoleFacts;

/// The length of the suffix of a generated name: eighteen digits of the time and eight hexadecimal digits of a counter
/// (terraform-plugin-sdk, `id.PrefixedUniqueId`).
const SUFFIX: usize = 26;

/// Policy names that the module `iam-role-for-service-accounts-eks` writes, before their suffix.
const MODULE_POLICIES: [&str; 12] = [
    "AmazonEKS_EBS_CSI_Policy-",
    "AmazonEKS_EFS_CSI_Policy-",
    "AmazonEKS_CNI_Policy-",
    "AmazonEKS_Cluster_Autoscaler_Policy-",
    "AmazonEKS_External_DNS_Policy-",
    "AmazonEKS_External_Secrets_Policy-",
    "AmazonEKS_Cert_Manager_Policy-",
    "AmazonEKS_AWS_Load_Balancer_Controller-",
    "AmazonEKS_Velero_Policy-",
    "AmazonEKS_Karpenter_Controller_Policy-",
    "AmazonEKS_FSx_Lustre_CSI_Policy-",
    "AmazonEKS_Node_Termination_Handler_Policy-",
];

/// Guesses by the names of a role and its policies.
#[must_use]
pub fn origins(arn: &RoleArn, role: &RoleFacts) -> Vec<Origin> {
    let guess = |evidence: String| vec![Origin::perhaps(Part::Role, Tool::Terraform, evidence)];
    let name = arn.name.as_str();
    if is_generated(name) {
        return guess(format!(
            "the role {name} ends like a name that Terraform generates (name_prefix)"
        ));
    }
    let attached = role.attached_arns();
    let mut policies = attached
        .iter()
        .filter_map(|policy| policy.as_str().rsplit('/').next());
    let of_module = |policy: &&str| {
        is_generated(policy) || MODULE_POLICIES.iter().any(|prefix| policy.starts_with(prefix))
    };
    match policies.find(of_module) {
        Some(policy) => guess(format!(
            "the attached policy {policy} has a name of a public Terraform module"
        )),
        None => Vec::new(),
    }
}

fn is_generated(name: &str) -> bool {
    let Some(suffix) = name.len().checked_sub(SUFFIX).and_then(|at| name.get(at..)) else {
        return false;
    };
    let (time, counter) = (
        suffix.get(..18).unwrap_or_default(),
        suffix.get(18..).unwrap_or_default(),
    );
    time.starts_with("20")
        && time.bytes().all(|b| b.is_ascii_digit())
        && counter
            .bytes()
            .all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::arn::PolicyArn;
    use crate::model::fact::{Fact, ReadError};

    fn guess(name: &str, policy: &str) -> Vec<Origin> {
        let arn = RoleArn::parse(&format!("arn:aws:iam::111122223333:role/{name}")).unwrap();
        let policy = PolicyArn::parse(format!("arn:aws:iam::111122223333:policy/{policy}")).unwrap();
        let attached = [(policy, Fact::Unreadable(ReadError::NotRead))].into();
        let facts = RoleFacts {
            attached: Fact::Present(attached),
            ..RoleFacts::absent()
        };
        origins(&arn, &facts)
    }

    #[test]
    fn generated_names_are_a_guess_and_others_are_none() {
        let name = "search-20240311094512345600000001";
        assert_eq!(guess(name, "x")[0].to_string(), "Terraform, perhaps");
        assert!(!guess("orders", "AmazonEKS_EBS_CSI_Policy-20240311094512345600000002").is_empty());
        assert!(guess("orders-20240311", "read").is_empty());
        assert!(guess("orders-2024031109451234560000000Z", "read").is_empty());
    }
}
