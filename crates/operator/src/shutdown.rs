//! Shutdown: from the first signal to the end of the process.
//! Input: signals. Output: a cancellation token, and a time limit for the work in progress.

use std::future::Future;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::error::OperatorError;

/// The maximum time for running reconciles to finish. Together with the margin of a write and the release of the lease
/// it fits into the 30 s that Kubernetes gives a pod to terminate.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(15);

/// A token that is cancelled by the first SIGTERM or SIGINT. A second one ends the process at once.
///
/// # Errors
/// Returns an error if the signal handlers cannot be installed.
pub fn on_signals() -> Result<CancellationToken, OperatorError> {
    let listen = |kind| signal(kind).map_err(|source| OperatorError::Signals { source });
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        either(&mut terminate, &mut interrupt).await;
        tracing::info!("shutting down: waiting for running reconciles, then releasing the lease");
        token.cancel();
        either(&mut terminate, &mut interrupt).await;
        tracing::warn!("exiting immediately: received a second signal");
        std::process::exit(1);
    });
    Ok(stop)
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Runs work that ends by itself after `stop`, and waits at most `limit` for the end. Returns `None` if the limit
/// passed.
pub async fn drain<T>(work: impl Future<Output = T>, stop: &CancellationToken, limit: Duration) -> Option<T> {
    let deadline = async {
        stop.cancelled().await;
        sleep(limit).await;
    };
    tokio::select! {
        biased;
        result = work => Some(result),
        () = deadline => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_within_the_limit_is_not_cut_off() {
        let stop = CancellationToken::new();
        stop.cancel();
        let short = async {
            sleep(Duration::from_secs(14)).await;
            "done"
        };
        assert_eq!(drain(short, &stop, DRAIN_LIMIT).await, Some("done"));
        let long = sleep(Duration::from_secs(16));
        assert_eq!(drain(long, &stop, DRAIN_LIMIT).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn work_without_a_stop_has_no_limit() {
        let long = sleep(Duration::from_secs(3600));
        assert!(
            drain(long, &CancellationToken::new(), DRAIN_LIMIT)
                .await
                .is_some()
        );
    }
}
