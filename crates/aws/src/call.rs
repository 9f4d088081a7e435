//! One call of AWS: the single way out, which every read and write of this crate takes.
//! A description and a request in; the answer or a classed error out. Waits for its turn in the budget, asks the gate
//! before a write, ends the call in time, tells the meter, and tries again what AWS throttles.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tokio::time::{Instant, sleep, timeout};

use crate::budget::Kind;
use crate::client::Aws;
use crate::error::{AwsError, Class};

/// The longest that SQS lets a call wait for messages.
pub const LONG_POLL: Duration = Duration::from_secs(20);
/// The longest that a read of many roles at once may take.
const BULK_LIMIT: Duration = Duration::from_secs(30);

/// A service of AWS that Lanyard calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Identity and Access Management.
    Iam,
    /// Elastic Kubernetes Service.
    Eks,
    /// Security Token Service.
    Sts,
    /// Simple Queue Service, for events.
    Sqs,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Iam => "IAM",
            Self::Eks => "EKS",
            Self::Sts => "STS",
            Self::Sqs => "SQS",
        })
    }
}

impl Service {
    /// The word for it, which is also the prefix of its IAM actions.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Iam => "iam",
            Self::Eks => "eks",
            Self::Sts => "sts",
            Self::Sqs => "sqs",
        }
    }
}

/// What a call is, for messages, metrics and the gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The service.
    pub service: Service,
    /// The operation, as AWS spells it.
    pub operation: &'static str,
    /// What it is about, for messages: an ARN where there is one.
    pub target: String,
    /// Whether it changes something.
    pub writes: bool,
}

impl Call {
    pub(crate) fn read(service: Service, operation: &'static str, target: impl fmt::Display) -> Self {
        Self {
            service,
            operation,
            target: target.to_string(),
            writes: false,
        }
    }

    pub(crate) fn write(service: Service, operation: &'static str, target: impl fmt::Display) -> Self {
        Self {
            service,
            operation,
            target: target.to_string(),
            writes: true,
        }
    }

    /// The longest that it may take: one that waits for messages does so before it is answered, and for one that reads
    /// many roles AWS gathers up to a thousand. Neither has to end inside the lease's margin as a write has to.
    pub(crate) fn limit(&self, usual: Duration) -> Duration {
        match self.operation {
            "ReceiveMessage" => usual + LONG_POLL,
            "GetAccountAuthorizationDetails" | "ListRoles" => usual.max(BULK_LIMIT),
            _ => usual,
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self.writes {
            true => Kind::Write,
            false => Kind::Read,
        }
    }

    /// The IAM action that allows it: a batch is allowed by the action of one (SQS `DeleteMessageBatch`).
    #[must_use]
    pub fn action(&self) -> String {
        let operation = self.operation.strip_suffix("Batch").unwrap_or(self.operation);
        format!("{}:{operation}", self.service.as_str())
    }

    /// Whether it is only the way into another account, on behalf of a call there.
    pub(crate) fn is_of_assuming(&self) -> bool {
        self.operation == "AssumeRole"
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {}", self.action(), self.target)
    }
}

/// One call as the meter sees it: the four signals, all labels from closed sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// The service's word.
    pub service: &'static str,
    /// The operation, as AWS spells it.
    pub operation: &'static str,
    /// `ok`, or the word of the error's class.
    pub outcome: &'static str,
    /// How long it waited for the budget.
    pub waited: Duration,
    /// How long AWS took to answer.
    pub took: Duration,
}

/// Who is told of every call.
pub trait Meter: Send + Sync {
    /// A call has ended.
    fn call(&self, measured: &Measured);
}

/// Nobody counts.
impl Meter for () {
    fn call(&self, _: &Measured) {}
}

impl Aws {
    /// Sends a request, and sends it again for as long as AWS throttles it: each time at its turn, the gate asked anew
    /// before each write, until the limit of the settings. `request` makes the request; nothing is sent before it is
    /// polled.
    pub(crate) async fn call<T, E, F>(
        &self,
        call: Call,
        request: impl Fn() -> F + Send,
    ) -> Result<T, AwsError>
    where
        E: ProvideErrorMetadata,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let budget = self.budget(call.service);
        let mut place = budget.place(call.kind(), self.lane());
        let mut throttled_since = None;
        loop {
            let waited = budget.turn(&place).await;
            if call.writes && !(self.settings().may_write)() {
                return Err(AwsError::GateClosed { call });
            }
            let ended = self.send(&call, waited, request()).await;
            // STS on the way into an account has a budget of its own, and was asked again by it.
            let own = |error: &AwsError| error.call().service == call.service;
            let throttled = matches!(&ended, Err(error) if own(error) && error.class() == Class::Throttled);
            budget.answered(place.kind, throttled);
            if !throttled || !self.is_patient() {
                return ended;
            }
            let (since, pause) = (
                *throttled_since.get_or_insert_with(Instant::now),
                place.stand_back(),
            );
            let in_time = since.elapsed() + pause <= self.settings().throttled_limit;
            if !in_time || !(self.settings().goes_on)() {
                return ended;
            }
            sleep(pause).await;
        }
    }

    /// Sends a request once, ends it in time and tells the meter.
    async fn send<T, E: ProvideErrorMetadata>(
        &self,
        call: &Call,
        waited: Duration,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, AwsError> {
        let limit = call.limit(self.settings().operation_timeout);
        let sent = Instant::now();
        let ended = match timeout(limit, request).await {
            Ok(answer) => answer.map_err(|error| AwsError::from_sdk(call.clone(), &error, limit)),
            Err(_) => Err(AwsError::TimedOut {
                call: call.clone(),
                limit,
            }),
        };
        let outcome = ended.as_ref().err().map_or("ok", |error| error.class().as_str());
        let took = sent.elapsed();
        let (service, operation) = (call.service.as_str(), call.operation);
        self.settings().meter.call(&Measured {
            service,
            operation,
            outcome,
            waited,
            took,
        });
        let error = ended.as_ref().err().map(tracing::field::display);
        tracing::debug!(service, operation, target = %call.target, outcome, error, ?waited, ?took, "called AWS");
        ended
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;
    use crate::client::AwsSettings;

    type Answer = Result<(), SdkError<ErrorMetadata, HttpResponse>>;

    #[derive(Default)]
    struct Outcomes(Mutex<Vec<&'static str>>);

    impl Meter for Outcomes {
        fn call(&self, measured: &Measured) {
            self.0.lock().unwrap().push(measured.outcome);
        }
    }

    fn send<F: Future<Output = Answer>>(
        settings: AwsSettings,
        call: Call,
        request: impl Fn() -> F + Send,
    ) -> Result<(), AwsError> {
        let config = aws_config::SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .build();
        let aws = Aws::with_config(&config, settings);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(aws.call(call, request))
    }

    #[test]
    fn a_write_is_not_sent_once_nothing_may_be_written_and_a_read_is() {
        let closed = || AwsSettings {
            may_write: Arc::new(|| false),
            ..AwsSettings::default()
        };
        let sent = AtomicBool::new(false);
        let request = || async {
            sent.store(true, Ordering::SeqCst);
            Ok(())
        };
        let ended = send(
            closed(),
            Call::write(Service::Iam, "DeleteRole", "a role"),
            request,
        );
        assert_eq!(ended.unwrap_err().class(), Class::GateClosed);
        assert!(!sent.load(Ordering::SeqCst));
        assert!(
            send(closed(), Call::read(Service::Iam, "GetRole", "a role"), || ready(
                Ok(())
            ))
            .is_ok()
        );
    }

    #[test]
    fn a_call_without_an_answer_ends_in_time_and_is_counted() {
        let outcomes = Arc::new(Outcomes::default());
        let settings = AwsSettings {
            operation_timeout: Duration::from_millis(1),
            meter: outcomes.clone(),
            ..AwsSettings::default()
        };
        let ended = send(
            settings,
            Call::write(Service::Eks, "TagResource", "an association"),
            pending,
        );
        assert_eq!(ended.unwrap_err().class(), Class::TimedOut);
        assert_eq!(*outcomes.0.lock().unwrap(), ["timed_out"]);
    }
    /// Throttles the first so many requests.
    fn throttles(count: usize, sent: &AtomicUsize) -> impl Fn() -> std::future::Ready<Answer> + Send {
        move || {
            if sent.fetch_add(1, Ordering::SeqCst) >= count {
                return ready(Ok(()));
            }
            let response = HttpResponse::new(429.try_into().unwrap(), SdkBody::empty());
            let said = ErrorMetadata::builder().code("ThrottlingException").build();
            ready(Err(SdkError::service_error(said, response)))
        }
    }

    #[test]
    fn what_aws_throttles_is_sent_again_and_nobody_sees_it() {
        let (outcomes, sent) = (Arc::new(Outcomes::default()), AtomicUsize::new(0));
        let settings = AwsSettings {
            meter: outcomes.clone(),
            ..AwsSettings::default()
        };
        let call = Call::write(Service::Iam, "TagRole", "a role");
        assert_eq!(send(settings, call, throttles(2, &sent)), Ok(()));
        assert_eq!(*outcomes.0.lock().unwrap(), ["throttled", "throttled", "ok"]);
    }

    #[test]
    fn what_aws_throttles_for_too_long_is_an_error() {
        let sent = AtomicUsize::new(0);
        let settings = AwsSettings {
            throttled_limit: Duration::from_millis(250),
            ..AwsSettings::default()
        };
        let call = Call::read(Service::Iam, "GetRole", "a role");
        let ended = send(settings, call, throttles(usize::MAX, &sent));
        assert_eq!(ended.unwrap_err().class(), Class::Throttled);
        assert!((2..=4).contains(&sent.load(Ordering::SeqCst)));
    }

    #[test]
    fn a_throttled_read_is_not_sent_again_once_the_operator_stops() {
        let sent = AtomicUsize::new(0);
        let settings = AwsSettings {
            goes_on: Arc::new(|| false),
            ..AwsSettings::default()
        };
        let call = Call::read(Service::Iam, "GetRole", "a role");
        let ended = send(settings, call, throttles(usize::MAX, &sent));
        assert_eq!(ended.unwrap_err().class(), Class::Throttled);
        assert_eq!(sent.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_throttled_write_is_not_sent_again_once_nothing_may_be_written() {
        let sent = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&sent);
        let settings = AwsSettings {
            may_write: Arc::new(move || seen.load(Ordering::SeqCst) == 0),
            ..AwsSettings::default()
        };
        let call = Call::write(Service::Iam, "TagRole", "a role");
        let ended = send(settings, call, throttles(usize::MAX, &sent));
        assert_eq!(ended.unwrap_err().class(), Class::GateClosed);
        assert_eq!(sent.load(Ordering::SeqCst), 1);
    }
}
