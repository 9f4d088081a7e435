//! `trust`: the statement that a role needs, built by the code with which Lanyard writes it. Input: an object of the cluster, or
//! flags alone. Output: statements. Reads the object and its class; with flags alone it does no I/O.

mod item;
mod terraform;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use lanyard_core::class::Class;
use lanyard_core::identity::Identity;
use lanyard_core::model::name::{Namespace, ServiceAccountName};
use lanyard_core::model::observed::Observed;
use lanyard_core::model::spec::{ExistingRoleSpec, ExistingTrust, Method, Spec};
use lanyard_core::model::status::{RecordedRoles, Status};
use lanyard_core::model::subject::Subject;
use lanyard_core::model::text::field;
use lanyard_core::reconcile::desired::Desired;
use lanyard_core::reconcile::transition::TransitionState;
use lanyard_core::reconcile::validate::validate;

use crate::connect::connect;
use crate::discovery::{cluster_of, identify};
use crate::envelope::{ClusterRef, Envelope, Unread};
use crate::error::CliError;
use crate::exit::Exit;
use crate::global::{Format, Global};
use crate::output::Report;
use crate::plan::{ClassFacts, PlanArgs, identity_of, live};
use crate::screen::{Screen, Tone};

pub use item::TrustItem;

/// The issuer that stands for an unknown one where it does not matter: Pod Identity uses no tokens of the cluster.
const NO_ISSUER: &str = "https://issuer.invalid";

/// The settings of `trust`.
#[derive(Debug, Clone, Args)]
pub struct TrustArgs {
    /// Name of a WorkloadIdentity, whose role and method count.
    #[arg(value_name = "NAME", required_unless_present = "subject", conflicts_with_all = ["subject", "role", "method"])]
    pub name: Option<String>,
    /// ServiceAccount, for a role without a WorkloadIdentity. Needs --cluster-arn and, for IRSA, --issuer.
    #[arg(long, value_name = "NAMESPACE/NAME", requires_all = ["role", "method"])]
    pub subject: Option<String>,
    /// Role, with --subject.
    #[arg(long, value_name = "ARN")]
    pub role: Option<String>,
    /// Method, with --subject.
    #[arg(long, value_name = "METHOD")]
    pub method: Option<MethodName>,
    /// Audience of the token, with --subject and IRSA.
    #[arg(long, value_name = "AUDIENCE", requires = "subject")]
    pub audience: Option<String>,
    /// Target role to which EKS chains from the role, with --subject and Pod Identity.
    #[arg(long, value_name = "ARN", requires = "subject")]
    pub target: Option<String>,
    /// The association has no session tags, with --subject and Pod Identity.
    #[arg(long, requires = "subject")]
    pub disable_session_tags: bool,
    /// External id that the association shows, for the target role of an association without session tags.
    #[arg(long, value_name = "ID")]
    pub external_id: Option<String>,
    /// Form of the text output.
    #[arg(long, value_name = "FORM", default_value = "json")]
    pub form: Form,
}

/// A method by its name in the spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MethodName {
    /// IAM roles for service accounts.
    #[value(name = "IRSA")]
    Irsa,
    /// EKS Pod Identity.
    #[value(name = "PodIdentity")]
    PodIdentity,
}

/// A form of the statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// The policy document.
    Json,
    /// Terraform: `aws_iam_policy_document`.
    Terraform,
}

/// The result of `trust`.
pub(crate) struct TrustReport(Envelope<TrustItem>);

/// Derives the statements.
pub(crate) async fn run(args: &TrustArgs, global: &Global) -> Result<TrustReport, CliError> {
    let (identity, unread) = match (&args.name, &args.subject) {
        (Some(name), _) => of_object(name, global).await?,
        (None, Some(subject)) => (of_flags(subject, args, global)?, Vec::new()),
        (None, None) => return Err(CliError::Usage("a name or --subject is required".to_owned())),
    };
    let observed = Observed::unread();
    let desired = Desired::present(
        &identity,
        &TransitionState::Settled,
        &Status::default(),
        &observed,
    );
    let Desired::Present(desired) = desired else {
        return Err(CliError::Usage("the object is being deleted".to_owned()));
    };
    let item = TrustItem::new(&identity, &desired.trust, args.external_id.as_deref());
    let cluster = Some(ClusterRef::from(&identity.cluster));
    Ok(TrustReport(Envelope::new(
        "Trust",
        cluster,
        Timestamp::now(),
        unread,
        vec![item],
    )))
}

/// The identity of an object of the cluster.
async fn of_object(name: &str, global: &Global) -> Result<(Identity, Vec<Unread>), CliError> {
    let connection = connect(global).await?;
    let names = vec![name.to_owned()];
    let candidates = live(&connection, &PlanArgs::of_names(names)).await?;
    let site = identify(&connection, global, None).await?;
    let required = connection.operator(global).await.requires_class;
    let facts = ClassFacts::read(&connection.client, &Default::default(), &candidates, required).await;
    let decoded = candidates
        .iter()
        .find_map(|candidate| candidate.object.decode(&site.cluster().identity));
    let Some(decoded) = decoded else {
        return Err(CliError::Usage(format!("{name} is not a valid name")));
    };
    let accepted = identity_of(&decoded, site.cluster(), &facts).or_error(&name)?;
    Ok((accepted.identity, accepted.unread))
}

/// The identity that the flags describe.
fn of_flags(subject: &str, args: &TrustArgs, global: &Global) -> Result<Identity, CliError> {
    let usage = |flag: &str, error: &dyn std::fmt::Display| CliError::Usage(format!("{flag}: {error}"));
    let Some((namespace, name)) = subject.split_once('/') else {
        return Err(CliError::Usage(format!(
            "--subject: {subject:?} is not NAMESPACE/NAME"
        )));
    };
    let Some(arn) = &global.aws.cluster_arn else {
        return Err(CliError::Usage("--subject requires --cluster-arn".to_owned()));
    };
    let method = match args.method {
        Some(MethodName::Irsa) => Method::Irsa,
        Some(MethodName::PodIdentity) | None => Method::PodIdentity,
    };
    let of_pod_identity = args.target.is_some() || args.disable_session_tags;
    match method {
        Method::Irsa if of_pod_identity => {
            let message = "--target and --disable-session-tags require --method PodIdentity";
            return Err(CliError::Usage(message.to_owned()));
        }
        Method::PodIdentity if args.audience.is_some() => {
            return Err(CliError::Usage("--audience requires --method IRSA".to_owned()));
        }
        Method::Irsa | Method::PodIdentity => {}
    }
    let issuer = match (&global.aws.issuer, method) {
        (Some(issuer), _) => issuer.as_str(),
        (None, Method::PodIdentity) => NO_ISSUER,
        (None, Method::Irsa) => return Err(CliError::Usage("--method IRSA requires --issuer".to_owned())),
    };
    let cluster = cluster_of(arn, issuer)?;
    let subject = Subject {
        cluster: cluster.identity.clone(),
        namespace: Namespace::parse(namespace).map_err(|error| usage("--subject", &error))?,
        name: ServiceAccountName::parse(name).map_err(|error| usage("--subject", &error))?,
    };
    let spec = spec_of(args, method);
    let validated = validate(
        &spec,
        &subject,
        &cluster,
        &Class::unrestricted(),
        &RecordedRoles::default(),
    );
    validated.map(|validated| validated.identity).map_err(|defects| {
        let defects: Vec<String> = defects.iter().map(|defect| field(&defect.to_string())).collect();
        CliError::Usage(defects.join("; "))
    })
}

fn spec_of(args: &TrustArgs, method: Method) -> Spec {
    let mut spec = Spec {
        method: Some(method),
        existing: Some(ExistingRoleSpec {
            arn: args.role.clone().unwrap_or_default(),
            trust: ExistingTrust::default(),
        }),
        ..Spec::default()
    };
    spec.irsa.audience.clone_from(&args.audience);
    spec.pod_identity.target_role_arn.clone_from(&args.target);
    spec.pod_identity.disable_session_tags = args.disable_session_tags;
    spec
}

impl TrustReport {
    /// The bare documents of the text format, for use in a pipe. Returns `None` for other formats.
    pub fn document(&self, form: Form, format: Format) -> Option<String> {
        let item = self
            .0
            .items
            .first()
            .filter(|_| matches!(format, Format::Text | Format::Wide))?;
        match form {
            Form::Terraform => Some(item.terraform.clone()),
            // With a target there are three documents, which need headings.
            Form::Json => item.target.is_none().then(|| pretty(&item.trust_policy)),
        }
    }
}

fn pretty(value: &serde_json::Value) -> String {
    crate::inert::inert_json(&format!("{value:#}\n"))
}

impl Report for TrustReport {
    type Item = TrustItem;

    fn envelope(&self) -> &Envelope<TrustItem> {
        &self.0
    }

    fn exit(&self) -> Exit {
        self.0.completeness()
    }

    fn names(&self) -> Vec<String> {
        self.0.items.iter().map(|item| item.role.clone()).collect()
    }

    fn text(&self, screen: &mut Screen, _: bool) {
        for item in &self.0.items {
            item.render(screen);
        }
        for line in &self.0.unread {
            screen.put(Tone::Bad, &line.to_string()).end();
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    const CLUSTER: &str = "arn:aws:eks:eu-west-1:111122223333:cluster/prod";
    const ROLE: &str = "arn:aws:iam::111122223333:role/team/legacy";
    const ISSUER: &str = "https://oidc.eks.eu-west-1.amazonaws.com/id/A1";

    fn item(flags: &[&str]) -> Result<TrustItem, String> {
        let common = [
            "kubectl-lanyard",
            "trust",
            "--subject",
            "shop/orders",
            "--role",
            ROLE,
            "--cluster-arn",
            CLUSTER,
        ];
        let cli = Cli::try_parse_from([common.as_slice(), flags].concat()).unwrap();
        let Command::Trust(args) = &cli.command else {
            panic!("not trust")
        };
        let identity = of_flags("shop/orders", args, &cli.global).map_err(|error| error.to_string())?;
        let observed = Observed::unread();
        let desired = Desired::present(
            &identity,
            &TransitionState::Settled,
            &Status::default(),
            &observed,
        );
        let Desired::Present(desired) = desired else {
            panic!("absent")
        };
        Ok(TrustItem::new(
            &identity,
            &desired.trust,
            args.external_id.as_deref(),
        ))
    }

    #[test]
    fn irsa_statement_names_subject_audience_and_provider() {
        let item = item(&["--method", "IRSA", "--issuer", ISSUER]).unwrap();
        let statement = &item.trust_policy["Statement"][0];
        assert_eq!(statement["Action"], "sts:AssumeRoleWithWebIdentity");
        let claims = &statement["Condition"]["StringEquals"];
        assert_eq!(
            claims["oidc.eks.eu-west-1.amazonaws.com/id/A1:sub"],
            "system:serviceaccount:shop:orders"
        );
        assert_eq!(
            claims["oidc.eks.eu-west-1.amazonaws.com/id/A1:aud"],
            "sts.amazonaws.com"
        );
    }

    #[test]
    fn pod_identity_target_gets_both_halves() {
        let other = "arn:aws:iam::444455556666:role/reports";
        let item = item(&["--method", "PodIdentity", "--target", other]).unwrap();
        let target = item.target.unwrap();
        assert_eq!(target.permission["Statement"][0]["Resource"], other);
        let actions = serde_json::json!(["sts:AssumeRole", "sts:TagSession"]);
        assert_eq!(target.permission["Statement"][0]["Action"], actions);
        let trust = &target.trust_policy["Statement"][0];
        assert_eq!(trust["Action"], actions);
        assert_eq!(trust["Condition"]["ArnEquals"]["aws:PrincipalArn"], ROLE);
    }

    #[test]
    fn settings_of_the_other_method_are_usage_errors() {
        let target = ["--method", "IRSA", "--issuer", ISSUER, "--target", ROLE];
        assert!(item(&target).unwrap_err().contains("--method PodIdentity"));
        let audience = ["--method", "PodIdentity", "--audience", "vault"];
        assert_eq!(item(&audience).unwrap_err(), "--audience requires --method IRSA");
        assert_eq!(
            item(&["--method", "IRSA"]).unwrap_err(),
            "--method IRSA requires --issuer"
        );
    }

    #[test]
    fn terraform_has_the_values_of_the_document() {
        let text = item(&["--method", "PodIdentity"]).unwrap().terraform;
        for part in [
            "data \"aws_iam_policy_document\" \"trust\" {",
            "actions = [\"sts:AssumeRole\", \"sts:TagSession\"]",
            "type        = \"Service\"",
            "variable = \"aws:RequestTag/kubernetes-namespace\"",
            "values   = [\"shop\"]",
        ] {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
    }
}
