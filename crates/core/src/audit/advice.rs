//! The advice about one usage: if its credentials should move to Lanyard, and the reason. Input: the usage, its findings and
//! the fleet. Output: one advice. No I/O.

use super::code::AuditCode;
use super::findings::AuditFinding;
use super::fleet::{Fleet, Resolved};
use super::fold::{NodeKind, Usage};
use super::form::Form;
use super::manager::Manager;

/// The time for a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    /// Nothing is against it.
    Now,
    /// After something else.
    After,
    /// It stays as it is.
    Stay,
    /// There is nothing to move.
    None,
    /// A fact is missing.
    Unknown,
}

/// The advice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// The time.
    pub when: When,
    /// The reason. Empty if there is nothing to move.
    pub reason: String,
}

impl When {
    /// The name, in outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::After => "after",
            Self::Stay => "stay",
            Self::None => "-",
            Self::Unknown => "?",
        }
    }
}

impl Advice {
    fn new(when: When, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { when, reason }
    }

    fn nothing() -> Self {
        Self::new(When::None, "")
    }
}

pub(super) fn advice(
    usage: &Usage,
    form: Form,
    resolved: &Resolved,
    manager: &Manager,
    findings: &[AuditFinding],
    fleet: &Fleet,
) -> Advice {
    let has = |code: AuditCode| findings.iter().any(|finding| finding.code == code);
    if has(AuditCode::Ly701) {
        return Advice::new(When::Now, "LY701: replace the static keys by a role");
    }
    match form {
        Form::StaticKey => Advice::new(When::Now, "LY701: replace the static keys by a role"),
        Form::Profile => Advice::new(
            When::After,
            "the profile is read: it can name keys or another role",
        ),
        Form::ContainerEndpoint => {
            Advice::new(When::Stay, "another credentials endpoint serves the container")
        }
        Form::Proxy => Advice::new(
            When::Now,
            "LY703: kiam and kube2iam have no successor but IRSA and Pod Identity",
        ),
        Form::NodeRole if has(AuditCode::Ly705) => {
            Advice::new(When::After, "LY705: its pods carry the binding")
        }
        Form::NodeRole if has(AuditCode::Ly704) => Advice::new(When::Now, "LY704: bind the ServiceAccount"),
        Form::NodeRole => Advice::nothing(),
        Form::WebIdentity | Form::PodIdentity => bound(usage, form, resolved, manager, fleet),
    }
}

/// The advice for credentials of a binding.
fn bound(usage: &Usage, form: Form, resolved: &Resolved, manager: &Manager, fleet: &Fleet) -> Advice {
    match manager {
        Manager::Lanyard { .. } => return Advice::nothing(),
        Manager::Unknown => return Advice::new(When::Unknown, "WorkloadIdentities were not read"),
        Manager::AddOn(_) => return Advice::new(When::Stay, "the EKS add-on owns the association"),
        Manager::Tool(_) | Manager::Unmanaged => {}
    }
    if form == Form::PodIdentity {
        return Advice::new(When::Now, "nothing is against it: import the association");
    }
    irsa(usage, resolved, fleet)
        .unwrap_or_else(|| Advice::new(When::Now, "nothing is against it: import the role"))
}

/// The obstacles on the way from IRSA to Pod Identity. Returns `None` if there is none.
fn irsa(usage: &Usage, resolved: &Resolved, fleet: &Fleet) -> Option<Advice> {
    let cluster = fleet.cluster.as_ref();
    if cluster.is_some_and(|cluster| cluster.eks_name().is_none()) {
        return Some(Advice::new(When::Stay, "outside EKS, IRSA is the only method"));
    }
    match usage.node {
        NodeKind::Fargate => {
            return Some(Advice::new(
                When::Stay,
                "IRSA: Pod Identity has no effect on Fargate",
            ));
        }
        NodeKind::Windows => {
            return Some(Advice::new(
                When::Stay,
                "IRSA: Pod Identity has no effect on Windows",
            ));
        }
        NodeKind::Ordinary => {}
    }
    if let Some(class) = &usage.token_volume {
        let reason = format!("IRSA: the volume of SecretProviderClass {class} needs the annotation");
        return Some(Advice::new(When::Stay, reason));
    }
    if resolved.found.iter().any(|found| found.by_hand) {
        return Some(Advice::new(
            When::After,
            "LY707: the pod template no longer sets a web identity",
        ));
    }
    let account = cluster.map(|cluster| &cluster.account);
    let other = resolved
        .role
        .as_ref()
        .filter(|role| account.is_some_and(|own| role.account != *own))?;
    let reason = format!(
        "a class with access to account {}, or a target role",
        other.account
    );
    Some(Advice::new(When::After, reason))
}
