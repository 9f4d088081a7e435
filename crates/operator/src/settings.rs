//! The settings of the operator, from flags and the environment.
//! Input: arguments, as parsed by clap. Output: validated settings. No I/O.

mod cluster;
pub(crate) mod durations;
mod log_level;
mod selector;

use std::net::SocketAddr;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Parser, ValueEnum};
use lanyard_core::aws_event::QueueUrl;
use lanyard_core::model::cluster::AgentPolicy;
use lanyard_core::model::timings::Timings;

pub use self::cluster::ClusterSettings;
use self::durations::resync;
pub(crate) use self::log_level::log_level;
pub use self::selector::ClusterSelector;

/// Binds AWS IAM roles to Kubernetes ServiceAccounts and keeps the bindings in sync.
///
/// Lanyard watches WorkloadIdentity objects. For each, it manages the IAM role and its binding to the ServiceAccount of
/// the same name: the annotation of IRSA or the association of EKS Pod Identity.
///
/// The cluster is the one that KUBECONFIG names, else the cluster of this pod. AWS credentials and endpoints come from
/// the default chain of the AWS SDK: environment, profile, web identity, container, instance.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "lanyard",
    version,
    max_term_width = 100,
    after_help = "Every flag --x-y can be set as LANYARD_X_Y in the environment. The flag takes precedence."
)]
pub struct Settings {
    /// The cluster and the lease.
    #[command(flatten)]
    pub cluster: ClusterSettings,

    /// Listen address of /metrics. The default listens on all IPv4 and IPv6 addresses.
    #[arg(
        long,
        env = "LANYARD_METRICS_ADDR",
        value_name = "ADDRESS",
        default_value = "[::]:8080"
    )]
    pub metrics_addr: SocketAddr,

    /// Listen address of /healthz and /readyz. The default listens on all IPv4 and IPv6 addresses.
    #[arg(
        long,
        env = "LANYARD_HEALTH_ADDR",
        value_name = "ADDRESS",
        default_value = "[::]:8081"
    )]
    pub health_addr: SocketAddr,

    /// Interval of the drift detection, such as 90s, 10m or 1h30m; at least 10s. Lanyard compares all identities with
    /// bulk reads, as far as its permissions allow, and reconciles those that bulk reads cannot check.
    #[arg(
        long,
        env = "LANYARD_RESYNC",
        value_name = "DURATION",
        default_value = "10m",
        value_parser = resync
    )]
    pub resync: Duration,

    /// Maximum number of DescribePodIdentityAssociation calls per second, for the fields that no list returns. The
    /// calls are spread over the resync interval. With more associations than the rate allows, a full round takes
    /// longer.
    #[arg(long, env = "LANYARD_DESCRIBES_PER_SECOND", value_name = "NUMBER", default_value_t = 5,
          value_parser = clap::value_parser!(u16).range(1..=100))]
    pub describes_per_second: u16,

    /// Report only: Lanyard writes status and events, and does not change AWS or ServiceAccounts.
    #[arg(long, env = "LANYARD_READ_ONLY", value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1,
          require_equals = true, default_value = "false", default_missing_value = "true",
          value_parser = BoolishValueParser::new(), hide_possible_values = true)]
    pub read_only: bool,

    /// Require a class: while no WorkloadIdentityClass exists, identities wait instead of being unrestricted. Set it
    /// where tenants can create WorkloadIdentities.
    #[arg(long, env = "LANYARD_REQUIRE_CLASS", value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1,
          require_equals = true, default_value = "false", default_missing_value = "true",
          value_parser = BoolishValueParser::new(), hide_possible_values = true)]
    pub require_class: bool,

    /// Policy for the EKS add-on eks-pod-identity-agent, for clusters where a binding needs the agent and none runs.
    /// Require reports the missing agent, Ensure installs the add-on. Lanyard never updates or removes it.
    #[arg(
        long,
        env = "LANYARD_POD_IDENTITY_AGENT",
        value_name = "POLICY",
        default_value = "Require",
        value_parser = agent_policy
    )]
    pub pod_identity_agent: AgentPolicy,

    /// URL of the SQS queue that delivers changes of roles and associations in AWS. With it, Lanyard detects drift
    /// within seconds instead of at the next drift scan. See docs/events.md.
    #[arg(
        long,
        env = "LANYARD_EVENTS_QUEUE",
        value_name = "URL",
        value_parser = QueueUrl::parse
    )]
    pub events_queue: Option<QueueUrl>,

    /// Format of log lines: text (coloured on a terminal) or JSON.
    #[arg(
        long,
        env = "LANYARD_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub log_format: LogFormat,

    /// Log level: error, warn, info, debug, trace or off, or directives such as `info,lanyard_aws=debug`.
    #[arg(
        long,
        env = "LANYARD_LOG_LEVEL",
        value_name = "LEVEL",
        default_value = "info",
        value_parser = log_level
    )]
    pub log_level: String,

    /// Maximum number of concurrent reconciles.
    #[arg(long, env = "LANYARD_WORKERS", value_name = "NUMBER", default_value_t = 16,
          value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: u16,
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text.
    Text,
    /// One JSON object per line.
    Json,
}

impl Settings {
    /// The timings, with the configured resync interval.
    #[must_use]
    pub fn timings(&self) -> Timings {
        let defaults = Timings {
            resync: self.resync,
            ..Timings::default()
        };
        self.cluster.timings(defaults)
    }

    /// Returns the message for valid settings that exclude each other.
    pub(crate) fn conflict(&self) -> Option<&'static str> {
        let off_eks = matches!(self.cluster.selector, ClusterSelector::Other { .. });
        if off_eks && self.pod_identity_agent == AgentPolicy::Ensure {
            return Some(
                "--pod-identity-agent Ensure installs an EKS add-on and cannot be combined with --cluster-id, which is for clusters outside EKS",
            );
        }
        let is_unsupported = !cfg!(feature = "events") && self.events_queue.is_some();
        is_unsupported.then_some(
            "--events-queue is not supported: this binary was built without the cargo feature `events`",
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use lanyard_core::model::arn::Issuer;
    use lanyard_core::model::name::{ClusterId, ClusterName};

    use super::*;
    use crate::command_line::{self, Command, CommandLineError};

    fn read(arguments: &[&str]) -> Result<Settings, CommandLineError> {
        match command_line::read([&["lanyard"], arguments].concat())? {
            Command::Run(settings) => Ok(*settings),
            other => panic!("{other:?}"),
        }
    }

    fn invalid(arguments: &[&str]) -> String {
        match read(arguments) {
            Err(CommandLineError::Invalid(message)) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn clap_command_is_valid() {
        Settings::command().debug_assert();
    }

    #[test]
    fn cluster_name_alone_is_sufficient() {
        let settings = read(&["--cluster-name", "prod"]).unwrap();
        let cluster = &settings.cluster;
        assert_eq!(
            cluster.selector,
            ClusterSelector::Eks(ClusterName::parse("prod").unwrap())
        );
        assert_eq!(
            (cluster.lease_namespace.as_str(), cluster.lease_name.as_str()),
            ("kube-system", "lanyard")
        );
        assert_eq!(
            [settings.metrics_addr, settings.health_addr].map(|address| address.to_string()),
            ["[::]:8080", "[::]:8081"]
        );
        assert_eq!(settings.timings(), Timings::default());
        assert!(!settings.read_only && cluster.region.is_none());
    }

    #[test]
    fn cluster_outside_eks_has_an_id_and_an_optional_issuer() {
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
            let expected = ClusterSelector::Other {
                id: ClusterId::parse("prod.example.com").unwrap(),
                issuer: issuer.map(|issuer| Issuer::parse(issuer).unwrap()),
            };
            assert_eq!(read(&arguments).unwrap().cluster.selector, expected);
        }
    }

    #[test]
    fn every_flag_has_its_environment_variable() {
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
    fn read_only_accepts_an_optional_value() {
        for (argument, expected) in [
            ("--read-only", true),
            ("--read-only=true", true),
            ("--read-only=no", false),
        ] {
            assert_eq!(
                read(&["--cluster-name", "prod", argument]).unwrap().read_only,
                expected
            );
        }
    }

    #[test]
    fn invalid_setting_is_reported_in_one_sentence() {
        let messages = [
            invalid(&[]),
            invalid(&["--issuer", "https://oidc.example.com"]),
            invalid(&["--cluster-name", "prod", "--cluster-id", "prod"]),
            invalid(&["--cluster-name", "prod", "--issuer", "https://oidc.example.com"]),
            invalid(&["--cluster-id", "arn:aws:eks:eu-west-1:111122223333:cluster/prod"]),
            invalid(&["--cluster-id", "prod", "--issuer", "http://oidc.example.com"]),
            invalid(&["--cluster-id", "prod", "--pod-identity-agent", "Ensure"]),
            invalid(&["--cluster-name", "prod", "--pod-identity-agent", "ensure"]),
            invalid(&["--cluster-name", "has space"]),
            invalid(&["--cluster-name", "prod", "--region", "x"]),
            invalid(&["--cluster-name", "prod", "--aws-rate", "iam=fast"]),
            invalid(&["--cluster-name", "prod", "--resync", "1s"]),
            invalid(&["--cluster-name", "prod", "--resync", "soon"]),
            invalid(&["--cluster-name", "prod", "--metrics-addr", "8080"]),
            invalid(&["--cluster-name", "prod", "--log-format", "xml"]),
            invalid(&["--cluster-name", "prod", "--log-level", "inof"]),
            invalid(&["--cluster-name", "prod", "--workers", "0"]),
            invalid(&["--cluster-name", "prod", "--events-queue", "lanyard-events"]),
            invalid(&["--cluster-name", "prod", "--lease-name", "A"]),
            invalid(&["--cluster-name", "prod", "--regoin", "eu-west-1"]),
            invalid(&["--cluster-name", "prod", "--timings", "lease=5s"]),
        ];
        let expected = "\
--cluster-name is required, or --cluster-id for a cluster outside EKS (see `lanyard --help`)
--cluster-name is required, or --cluster-id for a cluster outside EKS (see `lanyard --help`)
--cluster-name is for EKS clusters and --cluster-id for all other clusters: set only one of them (see `lanyard --help`)
--issuer requires --cluster-id: Lanyard reads the issuer of an EKS cluster from EKS (see `lanyard --help`)
--cluster-id <ID>: \"arn:aws:eks:eu-west-1:111122223333:cluster/prod\" is not a cluster id: letters, digits, '.', '-' and '_', at most 64, beginning with a letter or digit (see `lanyard --help`)
--issuer <URL>: \"http://oidc.example.com\" is not an issuer: an https URL of at most 255 characters without query or fragment (see `lanyard --help`)
--pod-identity-agent Ensure installs an EKS add-on and cannot be combined with --cluster-id, which is for clusters outside EKS
--pod-identity-agent <POLICY>: \"ensure\" is neither Require nor Ensure (see `lanyard --help`)
--cluster-name <NAME>: \"has space\" is not a cluster name: letters, digits, '-' and '_', at most 100, beginning with a letter or digit (see `lanyard --help`)
--region <REGION>: \"x\" is not an AWS Region such as eu-west-1 (see `lanyard --help`)
--aws-rate <SERVICE=NUMBER,...>: \"fast\" is not a whole number of calls per second from 1 to 10000 (see `lanyard --help`)
--resync <DURATION>: 1s is too short: at least 10s (see `lanyard --help`)
--resync <DURATION>: \"soon\" is not a duration such as 90s, 10m or 1h30m (see `lanyard --help`)
--metrics-addr <ADDRESS>: invalid socket address syntax (see `lanyard --help`)
invalid value 'xml' for '--log-format <FORMAT>' [possible values: text, json] (see `lanyard --help`)
--log-level <LEVEL>: \"inof\" is not one of off, error, warn, info, debug, trace (see `lanyard --help`)
--workers <NUMBER>: 0 is not in 1..=256 (see `lanyard --help`)
--events-queue <URL>: \"lanyard-events\" is not the URL of an SQS queue such as https://sqs.eu-west-1.amazonaws.com/111122223333/lanyard-events (see `lanyard --help`)
--lease-name <NAME>: \"A\" is not a lease name: lower-case letters, digits, '-' and '.', at most 253 (see `lanyard --help`)
unexpected argument '--regoin' found (see `lanyard --help`)
--timings: a write that starts just before the renewal deadline (10s) can take 4s and would end after the lease (5s)";
        assert_eq!(messages.join("\n"), expected);
    }

    #[test]
    fn timings_can_be_shortened_for_tests() {
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
    fn events_queue_requires_the_events_feature() {
        let url = "https://sqs.eu-west-1.amazonaws.com/111122223333/lanyard-events";
        let arguments = ["--cluster-name", "prod", "--events-queue", url];
        if cfg!(feature = "events") {
            let queue = read(&arguments).unwrap().events_queue;
            assert_eq!(queue.as_ref().map(QueueUrl::as_str), Some(url));
        } else {
            assert_eq!(
                invalid(&arguments),
                "--events-queue is not supported: this binary was built without the cargo feature `events`"
            );
        }
    }

    #[test]
    fn help_and_version_are_no_errors() {
        assert!(matches!(read(&["--help"]), Err(CommandLineError::Help(_))));
        assert!(matches!(read(&["--version"]), Err(CommandLineError::Help(_))));
    }
}
