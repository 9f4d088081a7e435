//! Shutdown: from the first signal to the end. Signals in, a token out that everything watches; and the limit within
//! which work under way may finish. Called by `run`.

use std::future::Future;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::error::OperatorError;

/// How long running looks may take to finish. With the margin of a write and giving the lease back it fits into the
/// 30 s that Kubernetes gives a pod to end.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(15);

/// A token that is cancelled by the first SIGTERM or SIGINT. A second one ends the process at once.
///
/// # Errors
/// When the system refuses to tell of signals.
pub fn on_signals() -> Result<CancellationToken, OperatorError> {
    let listen = |kind| signal(kind).map_err(|source| OperatorError::Signals { source });
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        either(&mut terminate, &mut interrupt).await;
        tracing::info!("stopping: running looks finish, then the lease is given back");
        token.cancel();
        either(&mut terminate, &mut interrupt).await;
        tracing::warn!("stopping at once: a second signal came");
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

/// Runs work that ends by itself after `stop`, and waits at most `limit` for that. `None`: it was cut off.
pub async fn drain<T>(work: impl Future<Output = T>, stop: &CancellationToken, limit: Duration) -> Option<T> {
    let late = async {
        stop.cancelled().await;
        sleep(limit).await;
    };
    tokio::select! {
        biased;
        ended = work => Some(ended),
        () = late => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_that_ends_in_time_is_not_cut_off() {
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
    async fn without_a_stop_work_takes_as_long_as_it_takes() {
        let long = sleep(Duration::from_secs(3600));
        assert!(
            drain(long, &CancellationToken::new(), DRAIN_LIMIT)
                .await
                .is_some()
        );
    }
}
