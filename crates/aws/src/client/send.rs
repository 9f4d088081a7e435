//! The only function that sends calls to AWS. Every read and write of this crate uses it.
//! Input: a description and a request. Output: the answer or a classified error. Does I/O: it waits for the call budget,
//! checks the write gate before a write, enforces the time limit, reports to the meter and retries throttled calls.

use std::future::Future;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tokio::time::{Instant, sleep, timeout};

use super::connection::Aws;
use crate::budget::Kind;
use crate::call::{Call, Measured};
use crate::error::{AwsError, Class};

impl Aws {
    /// Sends a request, and retries it while AWS throttles it, up to the limit of the settings. Each attempt
    /// waits for the budget, and checks the write gate before a write. `request` creates the request, which is
    /// not sent before it is polled.
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
        let kind = if call.writes { Kind::Write } else { Kind::Read };
        let mut place = budget.place(kind, self.lane());
        let mut throttled_since = None;
        loop {
            let waited = budget.acquire(&place).await;
            if call.writes && !(self.settings().may_write)() {
                return Err(AwsError::GateClosed { call });
            }
            let result = self.send(&call, waited, request()).await;
            // A throttled STS call for credentials has its own budget and was already retried there.
            let same_service = |error: &AwsError| error.call().service == call.service;
            let throttled =
                matches!(&result, Err(error) if same_service(error) && error.class() == Class::Throttled);
            budget.record(place.kind, throttled);
            if !throttled || !self.retries_throttled() {
                return result;
            }
            let since = *throttled_since.get_or_insert_with(Instant::now);
            let pause = place.backoff();
            let in_time = since.elapsed() + pause <= self.settings().throttled_limit;
            if !in_time || !(self.settings().may_retry)() {
                return result;
            }
            sleep(pause).await;
        }
    }

    /// Sends a request once, enforces the time limit and reports to the meter.
    async fn send<T, E: ProvideErrorMetadata>(
        &self,
        call: &Call,
        waited: Duration,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, AwsError> {
        let limit = call.limit(self.settings().operation_timeout);
        let sent = Instant::now();
        let result = match timeout(limit, request).await {
            Ok(answer) => answer.map_err(|error| AwsError::from_sdk(call.clone(), &error, limit)),
            Err(_) => Err(AwsError::TimedOut {
                call: call.clone(),
                limit,
            }),
        };
        let outcome = result.as_ref().err().map_or("ok", |error| error.class().as_str());
        let duration = sent.elapsed();
        let (service, operation) = (call.service.as_str(), call.operation);
        self.settings().meter.call(&Measured {
            service,
            operation,
            outcome,
            waited,
            duration,
        });
        let error = result.as_ref().err().map(tracing::field::display);
        tracing::debug!(service, operation, target = %call.target, outcome, error, ?waited, ?duration, "called AWS");
        result
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
    use crate::call::{Meter, Service};
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
    fn closed_gate_blocks_writes_but_not_reads() {
        let closed = || AwsSettings {
            may_write: Arc::new(|| false),
            ..AwsSettings::default()
        };
        let sent = AtomicBool::new(false);
        let request = || async {
            sent.store(true, Ordering::SeqCst);
            Ok(())
        };
        let result = send(
            closed(),
            Call::write(Service::Iam, "DeleteRole", "a role"),
            request,
        );
        assert_eq!(result.unwrap_err().class(), Class::GateClosed);
        assert!(!sent.load(Ordering::SeqCst));
        assert!(
            send(closed(), Call::read(Service::Iam, "GetRole", "a role"), || ready(
                Ok(())
            ))
            .is_ok()
        );
    }

    #[test]
    fn unanswered_call_times_out_and_is_measured() {
        let outcomes = Arc::new(Outcomes::default());
        let settings = AwsSettings {
            operation_timeout: Duration::from_millis(1),
            meter: outcomes.clone(),
            ..AwsSettings::default()
        };
        let result = send(
            settings,
            Call::write(Service::Eks, "TagResource", "an association"),
            pending,
        );
        assert_eq!(result.unwrap_err().class(), Class::TimedOut);
        assert_eq!(*outcomes.0.lock().unwrap(), ["timed_out"]);
    }

    /// Throttles the first `count` requests.
    fn throttles(count: usize, sent: &AtomicUsize) -> impl Fn() -> std::future::Ready<Answer> + Send {
        move || {
            if sent.fetch_add(1, Ordering::SeqCst) >= count {
                return ready(Ok(()));
            }
            let response = HttpResponse::new(429.try_into().unwrap(), SdkBody::empty());
            let error = ErrorMetadata::builder().code("ThrottlingException").build();
            ready(Err(SdkError::service_error(error, response)))
        }
    }

    #[test]
    fn throttled_call_is_retried() {
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
    fn call_throttled_beyond_limit_fails() {
        let sent = AtomicUsize::new(0);
        let settings = AwsSettings {
            throttled_limit: Duration::from_millis(250),
            ..AwsSettings::default()
        };
        let call = Call::read(Service::Iam, "GetRole", "a role");
        let result = send(settings, call, throttles(usize::MAX, &sent));
        assert_eq!(result.unwrap_err().class(), Class::Throttled);
        assert!((2..=4).contains(&sent.load(Ordering::SeqCst)));
    }

    #[test]
    fn throttled_read_is_not_retried_after_stop() {
        let sent = AtomicUsize::new(0);
        let settings = AwsSettings {
            may_retry: Arc::new(|| false),
            ..AwsSettings::default()
        };
        let call = Call::read(Service::Iam, "GetRole", "a role");
        let result = send(settings, call, throttles(usize::MAX, &sent));
        assert_eq!(result.unwrap_err().class(), Class::Throttled);
        assert_eq!(sent.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn throttled_write_is_not_retried_with_closed_gate() {
        let sent = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&sent);
        let settings = AwsSettings {
            may_write: Arc::new(move || seen.load(Ordering::SeqCst) == 0),
            ..AwsSettings::default()
        };
        let call = Call::write(Service::Iam, "TagRole", "a role");
        let result = send(settings, call, throttles(usize::MAX, &sent));
        assert_eq!(result.unwrap_err().class(), Class::GateClosed);
        assert_eq!(sent.load(Ordering::SeqCst), 1);
    }
}
