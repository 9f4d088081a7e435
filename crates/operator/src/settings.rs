//! Settings: everything the operator is told, from flags and the environment, checked before anything starts.
//! Read by `command_line`; pure data and the checks of each value, no I/O.

pub(crate) mod durations;
mod place;
mod which;

use std::net::SocketAddr;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Parser, ValueEnum};
use lanyard_core::aws_event::QueueUrl;
use lanyard_core::model::cluster::AgentPolicy;
use lanyard_core::model::timings::Timings;
use tracing_subscriber::EnvFilter;

use self::durations::resync;
pub use self::place::Place;
pub use self::which::Which;

/// Ties AWS IAM roles to Kubernetes ServiceAccounts and keeps the tie true.
///
/// Lanyard watches WorkloadIdentity objects and makes, for each, the IAM role and what binds it to the ServiceAccount
/// of the same name: the annotation of IRSA or the association of EKS Pod Identity.
///
/// The cluster is the one that KUBECONFIG names, else the one whose pod this is. AWS credentials and endpoints come
/// from the usual places: environment, profile, web identity, container, instance.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "lanyard",
    version,
    max_term_width = 100,
    after_help = "Every flag --x-y can be given as LANYARD_X_Y in the environment; the flag wins."
)]
pub struct Settings {
    /// Which cluster, and which lease.
    #[command(flatten)]
    pub place: Place,

    /// Where /metrics is served.
    #[arg(
        long,
        env = "LANYARD_METRICS_ADDR",
        value_name = "ADDRESS",
        default_value = "0.0.0.0:8080"
    )]
    pub metrics_addr: SocketAddr,

    /// Where /healthz and /readyz are served.
    #[arg(
        long,
        env = "LANYARD_HEALTH_ADDR",
        value_name = "ADDRESS",
        default_value = "0.0.0.0:8081"
    )]
    pub health_addr: SocketAddr,

    /// How often everything is checked for drift, such as 90s, 10m or 1h30m; at least 10s. Reads in bulk do it, as far as
    /// Lanyard may read so; what they cannot check is looked at one by one.
    #[arg(
        long,
        env = "LANYARD_RESYNC",
        value_name = "DURATION",
        default_value = "10m",
        value_parser = resync
    )]
    pub resync: Duration,

    /// How many associations are described in a second at most, for the fields that no list has. It is spread over the
    /// resync; of more associations than that allows, it takes longer until each was described.
    #[arg(long, env = "LANYARD_DESCRIBES_PER_SECOND", value_name = "NUMBER", default_value_t = 5,
          value_parser = clap::value_parser!(u16).range(1..=100))]
    pub describes_per_second: u16,

    /// Report and change nothing: status and events are written, AWS and ServiceAccounts are not.
    #[arg(long, env = "LANYARD_READ_ONLY", value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1,
          require_equals = true, default_value = "false", default_missing_value = "true",
          value_parser = BoolishValueParser::new(), hide_possible_values = true)]
    pub read_only: bool,

    /// Serve nobody without a class: while no WorkloadIdentityClass exists, an identity waits instead of being restricted
    /// by nothing. Set it where tenants write WorkloadIdentities.
    #[arg(long, env = "LANYARD_REQUIRE_CLASS", value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1,
          require_equals = true, default_value = "false", default_missing_value = "true",
          value_parser = BoolishValueParser::new(), hide_possible_values = true)]
    pub require_class: bool,

    /// Whether Lanyard may install the EKS add-on eks-pod-identity-agent where there is no agent and a binding needs one:
    /// Require says that it is missing, Ensure installs it. It is never updated or removed.
    #[arg(
        long,
        env = "LANYARD_POD_IDENTITY_AGENT",
        value_name = "POLICY",
        default_value = "Require",
        value_parser = agent_policy
    )]
    pub pod_identity_agent: AgentPolicy,

    /// The SQS queue, by its URL, that brings what others do to roles and associations: it is noticed within seconds, and
    /// not only by the next sweep. See docs/events.md.
    #[arg(
        long,
        env = "LANYARD_EVENTS_QUEUE",
        value_name = "URL",
        value_parser = QueueUrl::parse
    )]
    pub events_queue: Option<QueueUrl>,

    /// How log lines are written: text for people, coloured on a terminal, or JSON for collectors.
    #[arg(
        long,
        env = "LANYARD_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub log_format: LogFormat,

    /// What is logged: error, warn, info, debug, trace or off, or directives such as `info,lanyard_aws=debug`.
    #[arg(
        long,
        env = "LANYARD_LOG_LEVEL",
        value_name = "LEVEL",
        default_value = "info",
        value_parser = log_level
    )]
    pub log_level: String,

    /// How many objects are looked at at once.
    #[arg(long, env = "LANYARD_WORKERS", value_name = "NUMBER", default_value_t = 16,
          value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: u16,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Settings {
    /// Every time that matters, with the resync that was asked for.
    #[must_use]
    pub fn timings(&self) -> Timings {
        let usual = Timings {
            resync: self.resync,
            ..Timings::default()
        };
        self.place.timings(usual)
    }

    /// What is wrong with settings that are each well-formed.
    pub(crate) fn contradiction(&self) -> Option<&'static str> {
        let off_eks = matches!(self.place.cluster, Which::Other { .. });
        if off_eks && self.pod_identity_agent == AgentPolicy::Ensure {
            return Some(
                "--pod-identity-agent Ensure installs an add-on of EKS, and --cluster-id is for a cluster that is not EKS's",
            );
        }
        let deaf = !cfg!(feature = "events") && self.events_queue.is_some();
        deaf.then_some(
            "--events-queue is of no use here: this lanyard was built without the cargo feature `events`",
        )
    }
}

fn agent_policy(text: &str) -> Result<AgentPolicy, String> {
    match text {
        "Require" => Ok(AgentPolicy::Require),
        "Ensure" => Ok(AgentPolicy::Ensure),
        _ => Err(format!("{text:?} is neither Require nor Ensure")),
    }
}

/// A bare word has to be a level: as a directive it would name a target, and nothing at all would be logged.
pub(crate) fn log_level(text: &str) -> Result<String, String> {
    let levels = ["off", "error", "warn", "info", "debug", "trace"];
    let is_word = text.chars().all(|c| c.is_ascii_alphanumeric());
    if is_word && !levels.contains(&text) {
        return Err(format!("{text:?} is none of {}", levels.join(", ")));
    }
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("{text:?} cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use lanyard_core::model::arn::Issuer;
    use lanyard_core::model::name::{ClusterId, ClusterName};

    use super::*;
    use crate::command_line::{self, Command, Unset};

    fn read(arguments: &[&str]) -> Result<Settings, Unset> {
        match command_line::read([&["lanyard"], arguments].concat())? {
            Command::Run(settings) => Ok(*settings),
            other => panic!("{other:?}"),
        }
    }

    fn wrong(arguments: &[&str]) -> String {
        match read(arguments) {
            Err(Unset::Wrong(sentence)) => sentence,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_line_is_put_together_well() {
        Settings::command().debug_assert();
    }

    #[test]
    fn the_name_of_the_cluster_is_enough() {
        let settings = read(&["--cluster-name", "prod"]).unwrap();
        let place = &settings.place;
        assert_eq!(place.cluster, Which::Eks(ClusterName::parse("prod").unwrap()));
        assert_eq!(
            (place.lease_namespace.as_str(), place.lease_name.as_str()),
            ("kube-system", "lanyard")
        );
        assert_eq!(
            (settings.metrics_addr.port(), settings.health_addr.port()),
            (8080, 8081)
        );
        assert_eq!(settings.timings(), Timings::default());
        assert!(!settings.read_only && place.region.is_none());
    }

    #[test]
    fn a_cluster_that_is_not_of_eks_has_an_id_and_may_have_an_issuer() {
        for (arguments, issuer) in [
            (vec!["--cluster-id", "prod.example.com"], None),
            (
                vec![
                    "--cluster-id",
                    "prod.example.com",
                    "--issuer",
                    "https://oidc.example.com",
                ],
                Some("https://oidc.example.com"),
            ),
        ] {
            let wanted = Which::Other {
                id: ClusterId::parse("prod.example.com").unwrap(),
                issuer: issuer.map(|issuer| Issuer::parse(issuer).unwrap()),
            };
            assert_eq!(read(&arguments).unwrap().place.cluster, wanted);
        }
    }

    #[test]
    fn every_flag_has_its_variable() {
        for argument in Settings::command().get_arguments() {
            let Some(flag) = argument
                .get_long()
                .filter(|flag| !["help", "version"].contains(flag))
            else {
                continue;
            };
            let variable = argument
                .get_env()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            assert_eq!(
                variable,
                format!("LANYARD_{}", flag.to_uppercase().replace('-', "_"))
            );
        }
    }

    #[test]
    fn read_only_can_be_said_alone_or_with_a_value() {
        for (argument, wanted) in [
            ("--read-only", true),
            ("--read-only=true", true),
            ("--read-only=no", false),
        ] {
            assert_eq!(
                read(&["--cluster-name", "prod", argument]).unwrap().read_only,
                wanted
            );
        }
    }

    #[test]
    fn what_is_wrong_is_said_in_one_sentence() {
        let told = [
            wrong(&[]),
            wrong(&["--issuer", "https://oidc.example.com"]),
            wrong(&["--cluster-name", "prod", "--cluster-id", "prod"]),
            wrong(&["--cluster-name", "prod", "--issuer", "https://oidc.example.com"]),
            wrong(&["--cluster-id", "arn:aws:eks:eu-west-1:111122223333:cluster/prod"]),
            wrong(&["--cluster-id", "prod", "--issuer", "http://oidc.example.com"]),
            wrong(&["--cluster-id", "prod", "--pod-identity-agent", "Ensure"]),
            wrong(&["--cluster-name", "prod", "--pod-identity-agent", "ensure"]),
            wrong(&["--cluster-name", "has space"]),
            wrong(&["--cluster-name", "prod", "--region", "x"]),
            wrong(&["--cluster-name", "prod", "--aws-rate", "iam=fast"]),
            wrong(&["--cluster-name", "prod", "--resync", "1s"]),
            wrong(&["--cluster-name", "prod", "--resync", "soon"]),
            wrong(&["--cluster-name", "prod", "--metrics-addr", "8080"]),
            wrong(&["--cluster-name", "prod", "--log-format", "xml"]),
            wrong(&["--cluster-name", "prod", "--log-level", "inof"]),
            wrong(&["--cluster-name", "prod", "--workers", "0"]),
            wrong(&["--cluster-name", "prod", "--events-queue", "lanyard-events"]),
            wrong(&["--cluster-name", "prod", "--lease-name", "A"]),
            wrong(&["--cluster-name", "prod", "--regoin", "eu-west-1"]),
            wrong(&["--cluster-name", "prod", "--timings", "lease=5s"]),
        ];
        let wanted = "\
--cluster-name is required, or --cluster-id for a cluster that is not EKS's (see `lanyard --help`)
--cluster-name is required, or --cluster-id for a cluster that is not EKS's (see `lanyard --help`)
--cluster-name is for a cluster of EKS and --cluster-id for any other: give only one of them (see `lanyard --help`)
--issuer goes with --cluster-id: the issuer of an EKS cluster is read from EKS (see `lanyard --help`)
--cluster-id <ID>: \"arn:aws:eks:eu-west-1:111122223333:cluster/prod\" is not a cluster id: letters, digits, '.', '-' and '_', at most 64, beginning with a letter or digit (see `lanyard --help`)
--issuer <URL>: \"http://oidc.example.com\" is not an issuer: an https URL of at most 255 characters without query, fragment or trailing slash (see `lanyard --help`)
--pod-identity-agent Ensure installs an add-on of EKS, and --cluster-id is for a cluster that is not EKS's
--pod-identity-agent <POLICY>: \"ensure\" is neither Require nor Ensure (see `lanyard --help`)
--cluster-name <NAME>: \"has space\" is not a cluster name: letters, digits, '-' and '_', at most 100, beginning with a letter or digit (see `lanyard --help`)
--region <REGION>: \"x\" is not an AWS Region such as eu-west-1 (see `lanyard --help`)
--aws-rate <SERVICE=NUMBER,...>: \"fast\" is not a whole number of calls per second from 1 to 10000 (see `lanyard --help`)
--resync <DURATION>: 1s is too short: at least 10s (see `lanyard --help`)
--resync <DURATION>: \"soon\" is not a duration such as 90s, 10m or 1h30m (see `lanyard --help`)
--metrics-addr <ADDRESS>: invalid socket address syntax (see `lanyard --help`)
invalid value 'xml' for '--log-format <FORMAT>' [possible values: text, json] (see `lanyard --help`)
--log-level <LEVEL>: \"inof\" is none of off, error, warn, info, debug, trace (see `lanyard --help`)
--workers <NUMBER>: 0 is not in 1..=256 (see `lanyard --help`)
--events-queue <URL>: \"lanyard-events\" is not the URL of an SQS queue such as https://sqs.eu-west-1.amazonaws.com/111122223333/lanyard-events (see `lanyard --help`)
--lease-name <NAME>: \"A\" is not a lease's name: lower-case letters, digits, '-' and '.', at most 253 (see `lanyard --help`)
unexpected argument '--regoin' found (see `lanyard --help`)
--timings: a write begun just before the renewal deadline (10s) may take 4s and would end after the lease (5s)";
        assert_eq!(told.join("\n"), wanted);
    }

    #[test]
    fn times_can_be_set_shorter_for_tests() {
        let settings = read(&[
            "--cluster-name",
            "prod",
            "--timings",
            "read-consistency=500ms,resync=2s,lease=4s,renew-deadline=2s,operation=1s",
        ]);
        let timings = settings.unwrap().timings();
        assert_eq!(
            (timings.read_consistency, timings.resync),
            (Duration::from_millis(500), Duration::from_secs(2))
        );
        assert_eq!(timings.propagation, Timings::default().propagation);
    }

    #[test]
    fn a_queue_is_taken_by_those_who_can_listen_to_it() {
        let url = "https://sqs.eu-west-1.amazonaws.com/111122223333/lanyard-events";
        let asked = ["--cluster-name", "prod", "--events-queue", url];
        if cfg!(feature = "events") {
            let queue = read(&asked).unwrap().events_queue;
            assert_eq!(queue.as_ref().map(QueueUrl::as_str), Some(url));
        } else {
            assert_eq!(
                wrong(&asked),
                "--events-queue is of no use here: this lanyard was built without the cargo feature `events`"
            );
        }
    }

    #[test]
    fn help_and_version_are_not_wrong() {
        assert!(matches!(read(&["--help"]), Err(Unset::Command(_))));
        assert!(matches!(read(&["--version"]), Err(Unset::Command(_))));
    }
}
