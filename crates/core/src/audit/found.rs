//! The credentials that a container has, in the order of the SDKs. Input: the facts about a container. Output: each form with
//! its evidence. No I/O.

use super::container::{ContainerFacts, Setting, Variable};
use super::form::Form;
use super::key::MaskedKey;
use crate::model::arn::RoleArn;

/// One form of credentials that a container has or can have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// The form.
    pub form: Form,
    /// True if the pod spec shows it. False if it depends on a file or object that was not read.
    pub is_certain: bool,
    /// The place where it was found, without any value.
    pub evidence: String,
    /// The role, if the place names it.
    pub role: Option<RoleArn>,
    /// The masked key id, if the place has it.
    pub key: Option<MaskedKey>,
    /// True if the pod template sets it instead of the webhook.
    pub by_hand: bool,
}

impl Found {
    /// A form that the place shows.
    pub(super) fn certain(form: Form, evidence: String) -> Self {
        Self {
            form,
            is_certain: true,
            evidence,
            role: None,
            key: None,
            by_hand: false,
        }
    }

    fn perhaps(form: Form, evidence: String) -> Self {
        Self {
            is_certain: false,
            ..Self::certain(form, evidence)
        }
    }
}

/// The place of the effective form: the first one that is certain. A file at `.aws` is effective if nothing else is. An
/// object of `envFrom` is not, because most of them have nothing to do with AWS. Returns `None` if the node role is left.
pub(super) fn effective(found: &[Found]) -> Option<&Found> {
    let certain = found.iter().find(|found| found.is_certain);
    certain.or_else(|| found.iter().find(|found| found.form == Form::Profile))
}

impl ContainerFacts {
    /// Everything found in the container, in the order of the SDKs.
    #[must_use]
    pub fn found(&self) -> Vec<Found> {
        let mut found: Vec<Found> = self.keys().chain(self.profiles()).collect();
        found.extend(self.web_identity());
        found.extend(self.endpoints());
        // The application reads such a variable itself. It decides only if SDKs have nothing else.
        let is_last = !found.iter().any(|found| found.is_certain);
        found.extend(self.stray_keys(is_last));
        found.sort_by_key(|found| found.form);
        found
    }

    fn keys(&self) -> impl Iterator<Item = Found> {
        let name = Variable::AccessKeyId.name();
        let own = match self.setting(Variable::AccessKeyId) {
            Some(Setting::Literal(literal)) => Some(Found {
                key: literal.key.clone(),
                ..Found::certain(Form::StaticKey, literal_evidence(name, literal.key.as_ref()))
            }),
            Some(Setting::From(reference)) => Some(Found::certain(
                Form::StaticKey,
                format!("{name} from {reference}"),
            )),
            Some(Setting::Empty) | None => None,
        };
        // A variable of the container replaces one of envFrom, even if it is empty.
        let is_open = self.setting(Variable::AccessKeyId).is_none();
        let loaded = self
            .loads
            .iter()
            .filter(move |_| is_open)
            .filter_map(move |load| {
                let evidence = || format!("{name} from envFrom {load}");
                match load.has_access_key {
                    Some(true) => Some(Found::certain(Form::StaticKey, evidence())),
                    Some(false) => None,
                    None => Some(Found::perhaps(Form::StaticKey, format!("envFrom {load}"))),
                }
            });
        own.into_iter().chain(loaded)
    }

    fn profiles(&self) -> impl Iterator<Item = Found> {
        let named = [
            Variable::Profile,
            Variable::DefaultProfile,
            Variable::CredentialsFile,
        ];
        let certain = named.into_iter().filter_map(|variable| {
            let evidence = self.file_evidence(variable)?;
            Some(Found::certain(Form::Profile, evidence))
        });
        let config = self
            .file_evidence(Variable::ConfigFile)
            .map(|evidence| Found::perhaps(Form::Profile, evidence));
        let mounted = self
            .aws_files
            .iter()
            .map(|sources| Found::perhaps(Form::Profile, format!("{sources} at .aws")));
        certain.chain(config).chain(mounted)
    }

    fn file_evidence(&self, variable: Variable) -> Option<String> {
        let name = variable.name();
        match self.setting(variable)? {
            Setting::Empty => None,
            Setting::From(reference) => Some(format!("{name} from {reference}")),
            Setting::Literal(literal) => Some(match &literal.sources {
                Some(sources) => format!("{name} in {sources}"),
                None => name.to_owned(),
            }),
        }
    }

    fn web_identity(&self) -> Option<Found> {
        let token = Variable::TokenFile;
        let (of_webhook, evidence) = match self.setting(token)? {
            Setting::Empty => return None,
            Setting::Literal(literal) => (literal.of_webhook, token.name().to_owned()),
            Setting::From(reference) => (false, format!("{} from {reference}", token.name())),
        };
        let role = match self.setting(Variable::RoleArn) {
            Some(Setting::Literal(literal)) => literal.role.clone(),
            Some(Setting::From(_) | Setting::Empty) | None => None,
        };
        Some(Found {
            role,
            by_hand: !of_webhook,
            ..Found::certain(Form::WebIdentity, evidence)
        })
    }

    fn endpoints(&self) -> Option<Found> {
        let set = |variable| match self.setting(variable) {
            Some(Setting::Literal(literal)) => Some(literal.of_webhook),
            Some(Setting::From(_)) => Some(false),
            Some(Setting::Empty) | None => None,
        };
        if set(Variable::RelativeUri).is_some() {
            let name = Variable::RelativeUri.name().to_owned();
            return Some(Found::certain(Form::ContainerEndpoint, name));
        }
        let form = match set(Variable::FullUri)? {
            true => Form::PodIdentity,
            false => Form::ContainerEndpoint,
        };
        Some(Found::certain(form, Variable::FullUri.name().to_owned()))
    }

    fn stray_keys(&self, is_certain: bool) -> impl Iterator<Item = Found> {
        self.stray.iter().map(move |(place, key)| Found {
            is_certain,
            key: Some(key.clone()),
            ..Found::certain(Form::StaticKey, format!("{key} in {place}"))
        })
    }
}

fn literal_evidence(name: &str, key: Option<&MaskedKey>) -> String {
    match key {
        Some(key) => format!("{name} with the value {key}"),
        // Other object stores have the same protocol, and keys of their own form.
        None => format!("{name} with a value that is no key id of AWS"),
    }
}
