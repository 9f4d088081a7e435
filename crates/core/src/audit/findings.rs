//! The findings about one usage. Input: the usage with its credentials, and the fleet. Output: findings with stable codes. No
//! I/O. A rule without the facts that it needs finds nothing.

use jiff::Timestamp;
use lanyard_iam_policy::{Admission, TrustRequest, admits};

use super::code::AuditCode;
use super::fleet::{Fleet, Resolved, RoleUse};
use super::fold::Usage;
use super::form::Form;
use super::found::Found;
use crate::model::arn::RoleArn;
use crate::model::fact::Fact;
use crate::model::text::quote;

/// The time without use after which a role counts as unused, in hours.
const UNUSED: i64 = 90 * 24;
/// The policy of AWS that allows everything.
const ADMINISTRATOR: &str = ":iam::aws:policy/AdministratorAccess";
/// The audience of IRSA, unless an annotation sets another one (docs/dev/aws-behaviour.md#webhook).
const AUDIENCE: &str = "sts.amazonaws.com";

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditFinding {
    /// The code.
    pub code: AuditCode,
    /// The observed value, and the next action.
    pub message: String,
}

impl AuditFinding {
    fn new(code: AuditCode, message: String) -> Self {
        Self { code, message }
    }
}

pub(super) fn findings(
    usage: &Usage,
    form: Form,
    resolved: &Resolved,
    sharing: usize,
    fleet: &Fleet,
) -> Vec<AuditFinding> {
    let mut all = Vec::new();
    all.extend(static_keys(usage, resolved));
    all.extend(perhaps(form, resolved));
    all.extend(proxy(form, resolved));
    all.extend(node(usage, form, resolved, fleet));
    all.extend(two_forms(form, resolved));
    all.extend(by_hand(resolved));
    all.extend(disagreement(usage, fleet));
    if let Some(arn) = &resolved.role {
        all.extend(of_role(usage, form, arn, sharing, fleet));
    }
    all
}

fn places<'a>(found: impl Iterator<Item = &'a Found>) -> Option<String> {
    let places: Vec<&str> = found.map(|found| found.evidence.as_str()).collect();
    (!places.is_empty()).then(|| places.join("; "))
}

fn static_keys(usage: &Usage, resolved: &Resolved) -> Option<AuditFinding> {
    let is_key = |found: &&Found| found.form == Form::StaticKey && (found.is_certain || found.key.is_some());
    let places = places(resolved.found.iter().filter(is_key))?;
    let message = format!(
        "Static keys: {places}. Give ServiceAccount {} a role by a WorkloadIdentity, then remove the keys.",
        usage.service_account
    );
    Some(AuditFinding::new(AuditCode::Ly701, message))
}

fn perhaps(form: Form, resolved: &Resolved) -> Option<AuditFinding> {
    let is_open = |found: &&Found| !found.is_certain && found.key.is_none() && found.form <= form;
    let places = places(resolved.found.iter().filter(is_open))?;
    let message = format!("Not read, and precedes other credentials if it has any: {places}.");
    Some(AuditFinding::new(AuditCode::Ly702, message))
}

fn proxy(form: Form, resolved: &Resolved) -> Option<AuditFinding> {
    let places = places(resolved.found.iter().filter(|found| found.form == Form::Proxy))?;
    let message = match form {
        Form::Proxy => {
            format!("The role comes from kiam or kube2iam: {places}. Bind the ServiceAccount instead.")
        }
        _ => format!("{places} has no effect beside the other credentials. Remove it."),
    };
    Some(AuditFinding::new(AuditCode::Ly703, message))
}

fn node(usage: &Usage, form: Form, resolved: &Resolved, fleet: &Fleet) -> Option<AuditFinding> {
    let carries = |found: &Found| matches!(found.form, Form::WebIdentity | Form::PodIdentity);
    if resolved.found.iter().any(carries) {
        return None;
    }
    let account = &usage.service_account;
    let annotation = fleet.account(usage).and_then(|facts| facts.role.as_deref());
    let binding = match (
        fleet.association(usage),
        annotation.filter(|role| !role.is_empty()),
    ) {
        (Some(association), _) => Some(format!("association {}", association.id)),
        (None, Some(_)) => Some("a role annotation".to_owned()),
        (None, None) => None,
    };
    if let Some(binding) = binding {
        let message = match usage.skips_webhook {
            true => {
                format!("ServiceAccount {account} has {binding}, and the pod asks the webhook to skip it.")
            }
            false => format!(
                "ServiceAccount {account} has {binding}, and the container carries neither. Restart the workload."
            ),
        };
        return Some(AuditFinding::new(AuditCode::Ly705, message));
    }
    let is_left = form == Form::NodeRole && usage.mentions_aws;
    let message = || {
        let network = match usage.host_network {
            true => " The pod uses the network of the node, so the node role is reachable.",
            false => "",
        };
        format!(
            "The container has AWS variables and no credentials, so SDKs take the node role if they reach it.{network} \
             Bind ServiceAccount {account}."
        )
    };
    is_left.then(|| AuditFinding::new(AuditCode::Ly704, message()))
}

fn two_forms(form: Form, resolved: &Resolved) -> Option<AuditFinding> {
    let is_other = |found: &&Found| found.is_certain && found.form > form && found.form != Form::Proxy;
    let places = places(resolved.found.iter().filter(is_other))?;
    let message = format!(
        "SDKs use the {} and not: {places}. Remove one of them.",
        form.title()
    );
    Some(AuditFinding::new(AuditCode::Ly706, message))
}

fn by_hand(resolved: &Resolved) -> Option<AuditFinding> {
    let places = places(resolved.found.iter().filter(|found| found.by_hand))?;
    let message = format!(
        "The pod template sets {places}, which the webhook does not replace. Remove it from the template before a migration."
    );
    Some(AuditFinding::new(AuditCode::Ly707, message))
}

fn disagreement(usage: &Usage, fleet: &Fleet) -> Option<AuditFinding> {
    let annotation = fleet
        .account(usage)?
        .role
        .as_deref()
        .filter(|role| !role.is_empty())?;
    let association = fleet.association(usage)?.role.present()?;
    if RoleArn::parse(annotation).as_ref() == Ok(association) {
        return None;
    }
    let message = format!(
        "The association gives {association}, the annotation {}. New pods get the association: remove the annotation.",
        quote(annotation)
    );
    Some(AuditFinding::new(AuditCode::Ly712, message))
}

fn of_role(usage: &Usage, form: Form, arn: &RoleArn, sharing: usize, fleet: &Fleet) -> Vec<AuditFinding> {
    let mut all = Vec::new();
    if sharing > 1 {
        let message = format!("{sharing} ServiceAccounts use {arn}. Give each its own role.");
        all.push(AuditFinding::new(AuditCode::Ly709, message));
    }
    let role = match fleet.roles.get(arn) {
        Some(Fact::Present(role)) => role,
        Some(Fact::Absent) => {
            let message = format!("{arn} does not exist. Correct the ARN, or create the role.");
            all.push(AuditFinding::new(AuditCode::Ly713, message));
            return all;
        }
        Some(Fact::Unreadable(_)) | None => return all,
    };
    all.extend(wide_trust(usage, form, arn, role, fleet));
    all.extend(unused(arn, role, fleet.now));
    let mut attached = role.facts.attached_arns().into_iter();
    if attached.any(|policy| policy.as_str().ends_with(ADMINISTRATOR)) {
        let message =
            format!("{arn} has AdministratorAccess. Attach the policies that the application needs.");
        all.push(AuditFinding::new(AuditCode::Ly711, message));
    }
    all
}

fn wide_trust(
    usage: &Usage,
    form: Form,
    arn: &RoleArn,
    role: &RoleUse,
    fleet: &Fleet,
) -> Option<AuditFinding> {
    let trust = role.facts.trust.present()?;
    let cluster = fleet.cluster.as_ref()?;
    let (namespace, service_account) = (usage.namespace.clone(), usage.service_account.clone());
    // A role of Pod Identity is limited by its associations, not by its trust policy.
    if form != Form::WebIdentity {
        return None;
    }
    let request = TrustRequest::Irsa {
        provider_arn: cluster.issuer.provider_arn(&arn.partition, &arn.account),
        issuer: cluster.issuer.host_and_path().to_owned(),
        audience: AUDIENCE.to_owned(),
        namespace,
        service_account,
    };
    let Admission::Admitted { wider, .. } = admits(trust, &request) else {
        return None;
    };
    let wider = wider.first()?;
    let message =
        format!("The trust policy of {arn} is too wide: it admits {wider}. Name the ServiceAccount.");
    Some(AuditFinding::new(AuditCode::Ly708, message))
}

fn unused(arn: &RoleArn, role: &RoleUse, now: Timestamp) -> Option<AuditFinding> {
    let since = role.last_used.or(role.created)?;
    let hours = now.duration_since(since).as_hours();
    if hours < UNUSED {
        return None;
    }
    let days = hours / 24;
    let message = match role.last_used {
        Some(_) => format!("{arn} was last used {days} days ago. Delete it if nothing needs it."),
        None => {
            format!("{arn} was created {days} days ago and IAM shows no use. Delete it if nothing needs it.")
        }
    };
    Some(AuditFinding::new(AuditCode::Ly710, message))
}
