//! The queue that events come from. Messages out, receipts of those that are done with in; two calls of SQS.
//! Called by the operator, when it leads. A deletion is a write like any other: whoever leads no more leaves messages to
//! the next.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;
use lanyard_core::aws_event::QueueUrl;

use crate::call::{Call, LONG_POLL, Service};
use crate::client::Aws;
use crate::error::AwsError;

/// The most messages that one call gives or takes.
const BATCH: usize = 10;

/// A queue. A clone shares the client.
#[derive(Clone, Debug)]
pub struct Queue {
    aws: Aws,
    client: aws_sdk_sqs::Client,
    url: QueueUrl,
}

/// A message.
#[derive(Debug, Clone)]
pub struct Message {
    /// What it says; by whom it was sent nobody knows.
    pub body: String,
    /// What to delete it by.
    pub receipt: Receipt,
}

/// What a message that was received is deleted by.
#[derive(Debug, Clone)]
pub struct Receipt(String);

impl Aws {
    /// A queue, read with the same credentials. It is asked in the Region that its URL names, else in that of the settings.
    #[must_use]
    pub fn queue(&self, url: QueueUrl) -> Queue {
        let mut config =
            aws_sdk_sqs::config::Builder::from(self.config()).retry_config(RetryConfig::disabled());
        if let Some(region) = url.region() {
            config = config.region(aws_config::Region::new(region.to_string()));
        }
        Queue {
            aws: self.clone(),
            client: aws_sdk_sqs::Client::from_conf(config.build()),
            url,
        }
    }
}

impl Queue {
    /// Waits up to this long, and no longer than [`LONG_POLL`], for messages: ten at most, none when the time is up. What
    /// is not deleted comes again.
    ///
    /// # Errors
    /// When SQS does not answer, or refuses.
    pub async fn receive(&self, wait: Duration) -> Result<Vec<Message>, AwsError> {
        let seconds = i32::try_from(wait.min(LONG_POLL).as_secs()).unwrap_or_default();
        let call = Call::read(Service::Sqs, "ReceiveMessage", &self.url);
        let request = self.client.receive_message().queue_url(self.url.as_str());
        let request = request
            .max_number_of_messages(i32::try_from(BATCH).unwrap_or(1))
            .wait_time_seconds(seconds);
        let answer = self.aws.call(call, || request.clone().send()).await?;
        let messages = answer.messages.unwrap_or_default().into_iter();
        Ok(messages
            .filter_map(|message| {
                Some(Message {
                    body: message.body.unwrap_or_default(),
                    receipt: Receipt(message.receipt_handle?),
                })
            })
            .collect())
    }

    /// Deletes messages that are done with. One that SQS does not delete comes again, which does no harm.
    ///
    /// # Errors
    /// When SQS does not answer, or refuses: then all that are left come again.
    pub async fn delete(&self, receipts: &[Receipt]) -> Result<(), AwsError> {
        for some in receipts.chunks(BATCH) {
            let call = Call::write(Service::Sqs, "DeleteMessageBatch", &self.url);
            let entries = some
                .iter()
                .enumerate()
                .map(|(number, Receipt(handle))| {
                    let entry = DeleteMessageBatchRequestEntry::builder().id(number.to_string());
                    entry.receipt_handle(handle).build()
                })
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| AwsError::unclear(&call, error))?;
            let request = self.client.delete_message_batch().queue_url(self.url.as_str());
            let request = request.set_entries(Some(entries));
            let answer = self.aws.call(call, || request.clone().send()).await?;
            for failed in answer.failed() {
                tracing::debug!(code = failed.code(), "a message was not deleted and comes again");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use aws_config::{BehaviorVersion, Region, SdkConfig};

    use super::*;
    use crate::client::AwsSettings;

    #[test]
    fn a_queue_is_asked_in_the_region_of_its_url_else_in_that_of_the_settings() {
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .build();
        let aws = Aws::with_config(&config, AwsSettings::default());
        for (url, wanted) in [
            (
                "https://sqs.eu-central-1.amazonaws.com/111122223333/e",
                "eu-central-1",
            ),
            ("http://127.0.0.1:4566/000000000000/e", "eu-west-1"),
        ] {
            let queue = aws.queue(QueueUrl::parse(url).unwrap());
            let region = queue.client.config().region().map(ToString::to_string);
            assert_eq!(region.as_deref(), Some(wanted), "{url}");
        }
    }

    #[test]
    fn only_the_call_that_waits_for_messages_may_take_longer_than_others() {
        let usual = Duration::from_secs(4);
        let limit = |operation| Call::read(Service::Sqs, operation, "a queue").limit(usual);
        assert_eq!(limit("ReceiveMessage"), usual + LONG_POLL);
        assert_eq!(limit("DeleteMessageBatch"), usual);
    }
}
