//! `Aws`: the clients of the AWS services and the state shared by their calls.
//! Input: settings. Output: a value that is cheap to clone. [`Aws::connect`] reads the environment and profile files and
//! may look up the Region. It calls no AWS service.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use parking_lot::Mutex;

use super::assumed_role::AssumedRole;
use super::settings::AwsSettings;
use crate::budget::{Budget, BudgetStats, Lane};
use crate::call::Service;

/// Reads and writes of IAM, EKS and STS. Clones share clients, credentials and budgets.
#[derive(Clone)]
pub struct Aws {
    shared: Arc<Shared>,
    lane: Lane,
    /// True if throttled calls are retried.
    retries_throttled: bool,
}

struct Shared {
    settings: AwsSettings,
    config: SdkConfig,
    /// The clients of other accounts, by the role assumed for them.
    accounts: Mutex<HashMap<AssumedRole, Aws>>,
    iam: Channel<aws_sdk_iam::Client>,
    eks: Channel<aws_sdk_eks::Client>,
    sts: Channel<aws_sdk_sts::Client>,
    /// The budget of SQS. Each queue has a client of its own.
    sqs: Budget,
}

/// The client of one service, and the budget of all its calls.
struct Channel<C> {
    client: C,
    budget: Budget,
}

impl<C> Channel<C> {
    fn new(client: C, ceiling: u32) -> Self {
        Self {
            client,
            budget: Budget::new(ceiling),
        }
    }
}

impl Aws {
    /// Creates the clients. Credentials and endpoints come from the default chain of the SDK: environment,
    /// profiles, web identity, container, instance. `AWS_ENDPOINT_URL` and its variants for single services are
    /// supported.
    pub async fn connect(settings: AwsSettings) -> Self {
        let mut loader = aws_config::defaults(BehaviorVersion::latest());
        if let Some(region) = &settings.region {
            loader = loader.region(aws_config::Region::new(region.to_string()));
        }
        Self::with_config(&loader.load().await, settings)
    }

    /// Creates the clients from a loaded configuration, for example one with its own credentials or endpoints.
    ///
    /// Retries are disabled for each service instead of in the shared configuration, whose retries apply to the
    /// requests for credentials.
    #[must_use]
    pub fn with_config(config: &SdkConfig, settings: AwsSettings) -> Self {
        let off = RetryConfig::disabled();
        let iam = aws_sdk_iam::config::Builder::from(config)
            .retry_config(off.clone())
            .build();
        let eks = aws_sdk_eks::config::Builder::from(config)
            .retry_config(off.clone())
            .build();
        let sts = aws_sdk_sts::config::Builder::from(config)
            .retry_config(off)
            .build();
        let rate = |service| settings.rates.of(service);
        let shared = Shared {
            config: config.clone(),
            accounts: Mutex::default(),
            iam: Channel::new(aws_sdk_iam::Client::from_conf(iam), rate(Service::Iam)),
            eks: Channel::new(aws_sdk_eks::Client::from_conf(eks), rate(Service::Eks)),
            sts: Channel::new(aws_sdk_sts::Client::from_conf(sts), rate(Service::Sts)),
            sqs: Budget::new(rate(Service::Sqs)),
            settings,
        };
        Self {
            shared: Arc::new(shared),
            lane: Lane::Foreground,
            retries_throttled: true,
        }
    }

    /// Returns a clone for background work, such as a drift scan. Its calls are sent while no foreground call
    /// waits, and get one in ten slots otherwise.
    #[must_use]
    pub fn in_background(&self) -> Self {
        self.in_lane(Lane::Background)
    }

    pub(super) fn in_lane(&self, lane: Lane) -> Self {
        Self { lane, ..self.clone() }
    }

    /// Returns a clone that sends each call once, even if it is throttled. For writes that depend on the read
    /// right before them, and for callers that hold a lock.
    #[must_use]
    pub fn without_retry(&self) -> Self {
        Self {
            retries_throttled: false,
            ..self.clone()
        }
    }

    pub(crate) fn retries_throttled(&self) -> bool {
        self.retries_throttled
    }

    /// The current state of all budgets, for each service, account (`own` or `other`) and kind of call.
    #[must_use]
    pub fn budgets(&self) -> Vec<BudgetStats> {
        let mut all = self.budgets_of("own");
        for other in self.other_accounts() {
            for stats in other.budgets_of("other") {
                match all.iter_mut().find(|known| known.has_labels_of(&stats)) {
                    Some(known) => *known = known.merge(&stats),
                    None => all.push(stats),
                }
            }
        }
        all
    }

    fn budgets_of(&self, account: &'static str) -> Vec<BudgetStats> {
        let services = [Service::Iam, Service::Eks, Service::Sts, Service::Sqs].into_iter();
        services
            .flat_map(|service| self.budget(service).stats(service.as_str(), account))
            .collect()
    }

    pub(crate) fn config(&self) -> &SdkConfig {
        &self.shared.config
    }

    /// Returns the client for a role, and creates it with `create` on first use.
    pub(super) fn account(&self, role: &AssumedRole, create: impl FnOnce() -> Self) -> Self {
        let mut accounts = self.shared.accounts.lock();
        accounts.entry(role.clone()).or_insert_with(create).clone()
    }

    /// The clients of all accounts used so far, except the operator's own.
    pub(super) fn other_accounts(&self) -> Vec<Self> {
        self.shared.accounts.lock().values().cloned().collect()
    }

    pub(crate) fn settings(&self) -> &AwsSettings {
        &self.shared.settings
    }

    pub(crate) fn iam(&self) -> &aws_sdk_iam::Client {
        &self.shared.iam.client
    }

    pub(crate) fn eks(&self) -> &aws_sdk_eks::Client {
        &self.shared.eks.client
    }

    pub(crate) fn sts(&self) -> &aws_sdk_sts::Client {
        &self.shared.sts.client
    }

    pub(crate) fn lane(&self) -> Lane {
        self.lane
    }

    pub(crate) fn budget(&self, service: Service) -> &Budget {
        match service {
            Service::Iam => &self.shared.iam.budget,
            Service::Eks => &self.shared.eks.budget,
            Service::Sts => &self.shared.sts.budget,
            Service::Sqs => &self.shared.sqs,
        }
    }
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws")
            .field("settings", &self.shared.settings)
            .finish_non_exhaustive()
    }
}
