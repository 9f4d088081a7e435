//! The tasks that run beside the controller for as long as it does.
//! Named futures in; the error of the first one that ends or panics out. No I/O of its own.

use std::collections::HashMap;
use std::future::Future;

use tokio::task::{Id, JoinSet};

use crate::error::OperatorError;

/// The running tasks. They are aborted when this is dropped.
#[derive(Debug, Default)]
pub(crate) struct BackgroundTasks {
    tasks: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

impl BackgroundTasks {
    /// Starts a task that runs until it is aborted. `name` is part of the error if it ends.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let id = self.tasks.spawn(task).id();
        self.names.insert(id, name);
    }

    /// Waits until a task ends or panics. Without it, its part of the work would be missing until the next restart.
    pub async fn ended(&mut self) -> OperatorError {
        let Some(ended) = self.tasks.join_next_with_id().await else {
            return std::future::pending().await;
        };
        let (id, cause) = match ended {
            Ok((id, ())) => (id, "it ended"),
            Err(error) if error.is_panic() => (error.id(), "it panicked"),
            Err(error) => (error.id(), "it was aborted"),
        };
        let task = self.names.get(&id).copied().unwrap_or("unknown");
        OperatorError::TaskEnded { task, cause }
    }

    /// Aborts all tasks and waits for their end, so that no write of them starts after this.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    async fn first_end(task: impl Future<Output = ()> + Send + 'static) -> String {
        let mut tasks = BackgroundTasks::default();
        tasks.spawn("watch on pods", pending());
        tasks.spawn("drift scan", task);
        let error = tasks.ended().await.to_string();
        tasks.stop().await;
        error
    }

    #[tokio::test]
    async fn ended_or_panicked_task_is_an_error_with_its_name() {
        let ended = first_end(async {}).await;
        assert!(
            ended.contains("drift scan") && ended.contains("it ended"),
            "{ended}"
        );
        let panicked = first_end(async { panic!("for a test") }).await;
        assert!(
            panicked.contains("drift scan") && panicked.contains("it panicked"),
            "{panicked}"
        );
    }

    #[tokio::test]
    async fn stopped_tasks_hold_nothing() {
        let held = std::sync::Arc::new(());
        let mut tasks = BackgroundTasks::default();
        let of_task = std::sync::Arc::clone(&held);
        tasks.spawn("drift scan", async move {
            let _held = of_task;
            pending().await
        });
        tasks.stop().await;
        assert_eq!(std::sync::Arc::strong_count(&held), 1);
    }
}
