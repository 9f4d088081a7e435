//! The SQS queue of AWS events. Output: messages. Input: receipts of handled messages. Does I/O: two kinds of
//! SQS calls.
//!
//! Deletion is a write and checks the write gate, so that a former leader leaves the messages to its successor.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;
use lanyard_core::aws_event::QueueUrl;

use crate::call::{Call, LONG_POLL, Service};
use crate::client::Aws;
use crate::error::AwsError;

/// Maximum number of messages per call.
const BATCH: usize = 10;

/// An SQS queue. Clones share the client.
#[derive(Clone, Debug)]
pub struct Queue {
    aws: Aws,
    client: aws_sdk_sqs::Client,
    url: QueueUrl,
}

/// A received message.
#[derive(Debug, Clone)]
pub struct Message {
    /// The text of the message. Its sender is not authenticated.
    pub body: String,
    /// The handle for deleting the message.
    pub receipt: Receipt,
}

/// The handle for deleting a received message.
#[derive(Debug, Clone)]
pub struct Receipt(String);

impl Aws {
    /// Returns a queue that is read with the same credentials, in the Region of its URL or, if the URL names
    /// none, in the Region of the settings.
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
    /// Waits for messages, at most `wait` and at most [`LONG_POLL`]. Returns up to ten messages, or none at the
    /// end of the wait. SQS delivers messages again that are not deleted.
    ///
    /// # Errors
    ///
    /// Returns an error if the call fails.
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

    /// Deletes handled messages. SQS delivers a message again if its deletion fails, which is harmless.
    ///
    /// # Errors
    ///
    /// Returns an error if a call fails. SQS then delivers the remaining messages again.
    pub async fn delete(&self, receipts: &[Receipt]) -> Result<(), AwsError> {
        for batch in receipts.chunks(BATCH) {
            let call = Call::write(Service::Sqs, "DeleteMessageBatch", &self.url);
            let entries = batch
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
                tracing::debug!(
                    code = failed.code(),
                    "a message was not deleted and will be delivered again"
                );
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
    fn queue_region_is_from_url_or_settings() {
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .build();
        let aws = Aws::with_config(&config, AwsSettings::default());
        for (url, desired) in [
            (
                "https://sqs.eu-central-1.amazonaws.com/111122223333/e",
                "eu-central-1",
            ),
            ("http://127.0.0.1:4566/000000000000/e", "eu-west-1"),
        ] {
            let queue = aws.queue(QueueUrl::parse(url).unwrap());
            let region = queue.client.config().region().map(ToString::to_string);
            assert_eq!(region.as_deref(), Some(desired), "{url}");
        }
    }

    #[test]
    fn only_receive_message_has_a_longer_limit() {
        let usual = Duration::from_secs(4);
        let limit = |operation| Call::read(Service::Sqs, operation, "a queue").limit(usual);
        assert_eq!(limit("ReceiveMessage"), usual + LONG_POLL);
        assert_eq!(limit("DeleteMessageBatch"), usual);
    }
}
