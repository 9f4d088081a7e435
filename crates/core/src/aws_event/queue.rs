//! The URL of the SQS queue that delivers events, and the Region in it. Input: text; output: a validated URL. No I/O.

use std::fmt;

use crate::model::name::{AccountId, NameError, Region};

/// The expected form of a queue URL, for messages.
const EXPECTED: &str =
    "the URL of an SQS queue such as https://sqs.eu-west-1.amazonaws.com/111122223333/lanyard-events";

/// The maximum length of a queue name (SQS `CreateQueue`).
const NAME_LIMIT: usize = 80;

/// The URL of an SQS queue: `https://<host>/<account>/<name>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueUrl {
    text: String,
    region: Option<Region>,
}

impl QueueUrl {
    /// Checks and takes the text. `http` is for emulators.
    ///
    /// # Errors
    /// Returns an error if the text is not the URL of a queue.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let invalid = || NameError::new(text, EXPECTED);
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
            .ok_or_else(invalid)?;
        let (host, path) = rest.split_once('/').ok_or_else(invalid)?;
        let (account, name) = path.split_once('/').ok_or_else(invalid)?;
        let is_host = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
        let stem = name.strip_suffix(".fifo").unwrap_or(name);
        let is_name = !stem.is_empty()
            && name.len() <= NAME_LIMIT
            && stem
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if host.is_empty() || !host.chars().all(is_host) || AccountId::parse(account).is_err() || !is_name {
            return Err(invalid());
        }
        Ok(Self {
            text: text.to_owned(),
            region: named_region(host),
        })
    }

    /// The URL as plain text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The Region in the host name of AWS. Returns `None` for an emulator or a custom host.
    #[must_use]
    pub fn region(&self) -> Option<&Region> {
        self.region.as_ref()
    }
}

impl fmt::Display for QueueUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The Region in `sqs.<region>.amazonaws.com`, including VPC endpoints and other partitions, or in the legacy form
/// `<region>.queue.amazonaws.com`.
fn named_region(host: &str) -> Option<Region> {
    let labels: Vec<&str> = host.split('.').collect();
    let at = |label: &str| labels.iter().position(|known| *known == label);
    let region = match (at("sqs").or_else(|| at("sqs-fips")), at("queue")) {
        (Some(sqs), _) => labels.get(sqs.checked_add(1)?),
        (None, Some(queue)) => labels.get(queue.checked_sub(1)?),
        (None, None) => None,
    };
    Region::parse(*region?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_url_of_aws_contains_its_region() {
        for (url, region) in [
            (
                "https://sqs.eu-west-1.amazonaws.com/111122223333/lanyard-events",
                Some("eu-west-1"),
            ),
            (
                "https://sqs.cn-north-1.amazonaws.com.cn/111122223333/lanyard-events",
                Some("cn-north-1"),
            ),
            (
                "https://sqs-fips.us-gov-west-1.amazonaws.com/111122223333/e",
                Some("us-gov-west-1"),
            ),
            (
                "https://vpce-1a2b.sqs.eu-west-1.vpce.amazonaws.com/111122223333/e",
                Some("eu-west-1"),
            ),
            (
                "https://eu-west-1.queue.amazonaws.com/111122223333/e",
                Some("eu-west-1"),
            ),
            ("http://127.0.0.1:4566/000000000000/events.fifo", None),
        ] {
            let parsed = QueueUrl::parse(url).unwrap();
            assert_eq!(parsed.region().map(Region::as_str), region, "{url}");
            assert_eq!(parsed.to_string(), url);
        }
    }

    #[test]
    fn queue_url_of_another_form_is_rejected() {
        for text in [
            "lanyard-events",
            "arn:aws:sqs:eu-west-1:111122223333:lanyard-events",
            "https://sqs.eu-west-1.amazonaws.com/lanyard-events",
            "https://sqs.eu-west-1.amazonaws.com/111122223333/",
            "https://sqs.eu-west-1.amazonaws.com/111122223333/a/b",
            "https:///111122223333/a",
            "",
        ] {
            assert!(QueueUrl::parse(text).is_err(), "{text}");
        }
    }
}
