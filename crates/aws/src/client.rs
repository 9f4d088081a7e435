//! `Aws`: the clients of the three services and everything that their calls share.
//! Settings in, a cheaply cloned value out; connecting reads the environment and profile files and may look up the
//! Region, it calls no service. Made once by the operator or the command line.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use lanyard_core::model::name::Region;

use crate::account::Accounts;
use crate::budget::{Budget, BudgetStats, Lane, Rates};
use crate::call::{Meter, Service};

/// The longest that one call may take unless set otherwise: a write has to end inside the lease's margin.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(4);

/// For how long a call is sent again that AWS throttles, unless set otherwise.
const THROTTLED_LIMIT: Duration = Duration::from_secs(20);

/// How AWS is talked to.
#[derive(Clone)]
pub struct AwsSettings {
    /// The Region; without it, what the SDK's own chain finds (`AWS_REGION`, profile, instance metadata).
    pub region: Option<Region>,
    /// The longest that one call may take, from the moment it is sent.
    pub operation_timeout: Duration,
    /// For how long a call is sent again that AWS throttles, from the first time that it does.
    pub throttled_limit: Duration,
    /// How many calls a second are made at most, in each account.
    pub rates: Rates,
    /// Who is told of every call.
    pub meter: Arc<dyn Meter>,
    /// Asked before a call that AWS throttled is sent again: not once the operator stops, or another one leads.
    pub goes_on: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Asked right before a write is sent, after it has waited for the budget: by then the lease may be lost.
    pub may_write: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl Default for AwsSettings {
    fn default() -> Self {
        Self {
            region: None,
            operation_timeout: OPERATION_TIMEOUT,
            throttled_limit: THROTTLED_LIMIT,
            rates: Rates::default(),
            meter: Arc::new(()),
            goes_on: Arc::new(|| true),
            may_write: Arc::new(|| true),
        }
    }
}

impl fmt::Debug for AwsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsSettings")
            .field("region", &self.region)
            .field("operation_timeout", &self.operation_timeout)
            .field("rates", &self.rates)
            .finish_non_exhaustive()
    }
}

/// Reads and writes of IAM, EKS and STS. A clone shares clients, credentials and budgets.
#[derive(Clone)]
pub struct Aws {
    shared: Arc<Shared>,
    lane: Lane,
    /// Whether a call that AWS throttles is sent again.
    patient: bool,
}

struct Shared {
    settings: AwsSettings,
    config: SdkConfig,
    accounts: Accounts,
    iam: Channel<aws_sdk_iam::Client>,
    eks: Channel<aws_sdk_eks::Client>,
    sts: Channel<aws_sdk_sts::Client>,
    /// Each queue has a client of its own.
    sqs: Budget,
}

/// One service: its client, and the budget that all its calls draw from.
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
    /// Sets the clients up. Credentials and endpoints come from the SDK's own chain: environment, profiles, web
    /// identity, container, instance; `AWS_ENDPOINT_URL` and its forms for one service are honoured.
    pub async fn connect(settings: AwsSettings) -> Self {
        let mut loader = aws_config::defaults(BehaviorVersion::latest());
        if let Some(region) = &settings.region {
            loader = loader.region(aws_config::Region::new(region.to_string()));
        }
        Self::with_config(&loader.load().await, settings)
    }

    /// The same with a configuration that was loaded already, such as one with credentials or endpoints of its own.
    ///
    /// Retries are switched off for each service and not in the shared configuration, whose retries fetch credentials.
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
            accounts: Accounts::default(),
            iam: Channel::new(aws_sdk_iam::Client::from_conf(iam), rate(Service::Iam)),
            eks: Channel::new(aws_sdk_eks::Client::from_conf(eks), rate(Service::Eks)),
            sts: Channel::new(aws_sdk_sts::Client::from_conf(sts), rate(Service::Sts)),
            sqs: Budget::new(rate(Service::Sqs)),
            settings,
        };
        Self {
            shared: Arc::new(shared),
            lane: Lane::Foreground,
            patient: true,
        }
    }

    /// The same, for work that nobody waits for, such as a sweep: its calls go when nobody else's wait, and get one turn
    /// in ten when they do.
    #[must_use]
    pub fn in_background(&self) -> Self {
        self.in_lane(Lane::Background)
    }

    pub(crate) fn in_lane(&self, lane: Lane) -> Self {
        Self { lane, ..self.clone() }
    }

    /// The same, with each call sent once, throttled or not: for a write that rests on what was read right before, and
    /// for whoever makes others wait.
    #[must_use]
    pub fn without_retry(&self) -> Self {
        Self {
            patient: false,
            ..self.clone()
        }
    }

    pub(crate) fn is_patient(&self) -> bool {
        self.patient
    }

    /// How all budgets stand at this moment: of each service, account (own or other) and kind of call.
    #[must_use]
    pub fn budgets(&self) -> Vec<BudgetStats> {
        let mut states = self.budgets_of("own");
        for other in self
            .accounts()
            .known()
            .iter()
            .flat_map(|aws| aws.budgets_of("other"))
        {
            match states.iter_mut().find(|state| state.is_like(&other)) {
                Some(state) => *state = state.with(&other),
                None => states.push(other),
            }
        }
        states
    }

    fn budgets_of(&self, account: &'static str) -> Vec<BudgetStats> {
        let services = [Service::Iam, Service::Eks, Service::Sts, Service::Sqs].into_iter();
        services
            .flat_map(|service| self.budget(service).state(service.as_str(), account))
            .collect()
    }

    pub(crate) fn config(&self) -> &SdkConfig {
        &self.shared.config
    }

    pub(crate) fn accounts(&self) -> &Accounts {
        &self.shared.accounts
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
