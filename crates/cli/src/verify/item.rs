//! The verdict on one identity, as it is shown, with what its way of proof proves. Plain values; no I/O.

use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::binding::{Binding, MethodSettings};
use lanyard_core::model::subject::Subject;
use lanyard_core::proof::{Verdict, compare};
use schemars::JsonSchema;
use serde::Serialize;

use crate::envelope::Unread;
use crate::screen::{Screen, Tone};

/// The way of a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// A token of the ServiceAccount, exchanged by this command.
    Token,
    /// A pod of the ServiceAccount.
    Probe,
}

/// The outcome of a proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// STS returned this caller.
    Answered(String),
    /// The credentials were refused: the error of AWS or of the API server, and the next action.
    Refused {
        /// The error code of AWS, or of a rule of `doctor`.
        code: Option<String>,
        /// The message.
        message: String,
    },
    /// No agent runs, so that nothing can be proved: the other faults that the rules find.
    Judged(Vec<String>),
    /// The proof could not be carried out.
    Unknown(Unread),
}

/// The verdict on one identity.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerifyItem {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The method.
    pub method: String,
    /// The role that the ServiceAccount should have. With a target role, that one.
    pub role: String,
    /// The way of the proof: `token` or `probe`.
    pub via: &'static str,
    /// The verdict: `proved`, `refuted`, `judged` (by rules, without a proof) or `unknown`.
    pub verdict: &'static str,
    /// The caller as STS returned it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// The error code of a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The difference, or the message of a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The parts that this way proves.
    pub proves: Vec<&'static str>,
    /// The parts that this way does not prove.
    pub does_not_prove: Vec<&'static str>,
    /// The next command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    #[serde(skip)]
    faulty: bool,
    #[serde(skip)]
    missing: Option<Unread>,
}

const PROVED: &str = "proved";
const REFUTED: &str = "refuted";
const JUDGED: &str = "judged";
const UNKNOWN: &str = "unknown";

impl Way {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Probe => "probe",
        }
    }

    fn proves(self) -> Vec<&'static str> {
        match self {
            Self::Token => vec![
                "the issuer and its keys",
                "the OIDC provider and its audience",
                "the trust policy",
                "the role",
            ],
            Self::Probe => vec![
                "the pod webhook",
                "the credentials that a new pod gets",
                "the trust policy",
                "the role",
            ],
        }
    }

    fn does_not_prove(self) -> Vec<&'static str> {
        match self {
            Self::Token => vec![
                "the pod webhook",
                "the SDK of the application",
                "what the role may do",
            ],
            Self::Probe => vec![
                "the SDK of the application",
                "NetworkPolicies that select pods by label",
                "what the role may do",
            ],
        }
    }
}

/// The role that pods have in the end.
pub(super) fn effective_role(binding: &Binding) -> &RoleArn {
    match &binding.settings {
        MethodSettings::PodIdentity {
            target_role_arn: Some(target),
            ..
        } => target,
        MethodSettings::PodIdentity { .. } | MethodSettings::Irsa { .. } => &binding.role_arn,
    }
}

impl VerifyItem {
    /// The verdict on an outcome.
    pub(super) fn new(subject: &Subject, binding: &Binding, way: Way, outcome: Outcome) -> Self {
        let role = effective_role(binding);
        let mut item = Self {
            namespace: subject.namespace.to_string(),
            name: subject.name.to_string(),
            method: binding.method().to_string(),
            role: role.to_string(),
            via: way.as_str(),
            verdict: UNKNOWN,
            caller: None,
            code: None,
            message: None,
            proves: way.proves(),
            does_not_prove: way.does_not_prove(),
            command: None,
            faulty: false,
            missing: None,
        };
        match outcome {
            Outcome::Answered(arn) => {
                item.message = difference(role, &arn);
                item.verdict = match item.message {
                    None => PROVED,
                    Some(_) => REFUTED,
                };
                item.caller = Some(arn);
            }
            Outcome::Refused { code, message } => {
                item.verdict = REFUTED;
                item.code = code;
                item.message = Some(message);
            }
            Outcome::Judged(faults) => item.judge(&faults),
            Outcome::Unknown(unread) => item.missing = Some(unread),
        }
        if item.is_refuted() {
            item.command = Some(format!(
                "kubectl lanyard doctor {} -n {}",
                item.name, item.namespace
            ));
        }
        item
    }

    /// Sets the verdict of the rules. It claims no proof.
    fn judge(&mut self, faults: &[String]) {
        self.verdict = JUDGED;
        self.proves.clear();
        self.faulty = !faults.is_empty();
        self.message = Some(match self.faulty {
            true => format!("would not work, and no agent runs: {}", faults.join("; ")),
            false => "would work, except that no Pod Identity Agent runs".to_owned(),
        });
        self.missing = Some(Unread {
            resource: format!("the credentials of a pod of {}/{}", self.namespace, self.name),
            cause: "no Pod Identity Agent runs".to_owned(),
            consequence: "the answer is judged, not proved".to_owned(),
        });
    }

    /// True if the ServiceAccount does not get its role.
    pub(super) fn is_refuted(&self) -> bool {
        self.verdict == REFUTED || self.faulty
    }

    /// The cause of an unknown verdict.
    pub(super) fn unread(&self) -> Option<Unread> {
        self.missing.clone()
    }

    /// Writes the verdict.
    pub(super) fn render(&self, screen: &mut Screen) {
        let tone = match self.verdict {
            PROVED => Tone::Good,
            REFUTED => Tone::Bad,
            _ => Tone::Careful,
        };
        screen
            .cell(tone, self.verdict, 9)
            .put(Tone::Strong, &format!("{}/{}", self.namespace, self.name))
            .put(Tone::Plain, &format!("   {} by {}", self.method, self.via));
        if let Some(caller) = &self.caller {
            screen.put(Tone::Plain, &format!("   {caller}"));
        }
        screen.end();
        let code = self
            .code
            .as_deref()
            .map(|code| format!(" ({code})"))
            .unwrap_or_default();
        let parts = [
            ("expected", self.is_refuted().then(|| self.role.clone())),
            (
                "observed",
                self.message.as_ref().map(|message| format!("{message}{code}")),
            ),
            ("next", self.command.clone()),
        ];
        for (name, text) in parts {
            if let Some(text) = text {
                screen
                    .put(Tone::Faint, "         ")
                    .cell(Tone::Faint, name, 10)
                    .put(Tone::Plain, &text)
                    .end();
            }
        }
    }
}

/// The difference between a caller and the role. Returns `None` if there is none.
fn difference(role: &RoleArn, arn: &str) -> Option<String> {
    match compare(role, arn) {
        Verdict::Same => None,
        Verdict::NodeRole(caller) => Some(format!(
            "the credentials are those of the node, {caller}: the pod got none of its own"
        )),
        Verdict::OtherRole(caller) => Some(format!("the credentials are those of {caller}")),
        Verdict::NoRole(arn) => Some(format!("the credentials are those of {arn}, which is no role")),
    }
}

/// Writes what the ways of these proofs prove, one line for each way.
pub(super) fn render_scope(items: &[VerifyItem], screen: &mut Screen) {
    let mut shown = Vec::new();
    let proofs = items
        .iter()
        .filter(|item| matches!(item.verdict, PROVED | REFUTED));
    for item in proofs {
        if shown.contains(&item.via) {
            continue;
        }
        shown.push(item.via);
        let text = format!(
            "By {}, this proves: {}. Not proved: {}.",
            item.via,
            item.proves.join(", "),
            item.does_not_prove.join(", ")
        );
        screen.put(Tone::Faint, &text).end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lanyard_core::model::arn::Issuer;
    use lanyard_core::model::name::{Audience, ClusterIdentity, Namespace, ServiceAccountName};

    fn item(outcome: Outcome) -> VerifyItem {
        let subject = Subject {
            cluster: ClusterIdentity::parse("arn:aws:eks:eu-west-1:111122223333:cluster/prod").unwrap(),
            namespace: Namespace::parse("shop").unwrap(),
            name: ServiceAccountName::parse("orders").unwrap(),
        };
        let binding = Binding {
            role_arn: RoleArn::parse("arn:aws:iam::111122223333:role/team/orders").unwrap(),
            settings: MethodSettings::Irsa {
                issuer: Issuer::parse("https://oidc.eks.eu-west-1.amazonaws.com/id/A").unwrap(),
                audience: Audience::parse("sts.amazonaws.com").unwrap(),
            },
        };
        VerifyItem::new(&subject, &binding, Way::Token, outcome)
    }

    fn text(item: VerifyItem) -> String {
        let mut screen = Screen::new(false);
        let items = [item];
        render_scope(&items, &mut screen);
        items[0].render(&mut screen);
        screen.into_text()
    }

    #[test]
    fn same_role_is_proved_and_the_first_line_says_what_is_not() {
        let arn = "arn:aws:sts::111122223333:assumed-role/orders/lanyard-verify-anna";
        let text = text(item(Outcome::Answered(arn.to_owned())));
        let mut lines = text.lines();
        let first = lines.next().unwrap();
        assert!(
            first.contains("proves: the issuer") && first.contains("Not proved: the pod webhook"),
            "{first}"
        );
        assert_eq!(
            lines.next().unwrap(),
            format!("proved   shop/orders   IRSA by token   {arn}")
        );
        assert_eq!(lines.next(), None);
    }

    #[test]
    fn other_account_is_refuted_with_the_next_command() {
        let arn = "arn:aws:sts::444455556666:assumed-role/orders/x";
        let item = item(Outcome::Answered(arn.to_owned()));
        assert!(item.is_refuted());
        let text = text(item);
        for part in [
            "role orders of account 444455556666",
            "role/team/orders",
            "kubectl lanyard doctor orders -n shop",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn judged_answer_is_called_that_and_is_no_proof() {
        let clean = item(Outcome::Judged(Vec::new()));
        assert!(clean.unread().is_some() && !clean.is_refuted());
        let text = text(clean);
        assert!(
            text.starts_with("judged   shop/orders") && text.contains("would work, except"),
            "{text}"
        );
        let faulty = item(Outcome::Judged(vec![
            "LY303 the trust policy has no sts:TagSession".to_owned(),
        ]));
        assert!(faulty.is_refuted());
    }

    #[test]
    fn unknown_verdict_claims_no_proof() {
        let unread = Unread {
            resource: "a token".to_owned(),
            cause: "denied".to_owned(),
            consequence: "nothing is proved".to_owned(),
        };
        let item = item(Outcome::Unknown(unread));
        assert!(item.unread().is_some() && !item.is_refuted());
        let text = text(item);
        assert!(
            text.starts_with("unknown  shop/orders") && !text.contains("proves"),
            "{text}"
        );
    }
}
