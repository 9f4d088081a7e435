//! Tests of the punctuation of failures: a message contains one colon for each sentence at most, apart from what AWS said,
//! which is quoted. No I/O.

use super::failure::{AwsError, ErrorAnswer};
use crate::call::{Call, Service};

const CODES: [(u16, &str); 11] = [
    (400, "Throttling"),
    (500, "ServiceFailure"),
    (409, "EntityAlreadyExists"),
    (409, "ConcurrentModification"),
    (409, "DeleteConflict"),
    (404, "NoSuchEntity"),
    (403, "AccessDenied"),
    (409, "LimitExceeded"),
    (400, "MalformedPolicyDocument"),
    (400, "InvalidInput"),
    (400, "OpenIdIdpCommunicationError"),
];

fn failures() -> Vec<AwsError> {
    let call = || Call::write(Service::Iam, "TagRole", "role orders");
    let said = "1 validation error detected: Value at 'tags' failed: must satisfy constraint: x";
    let answered = CODES.map(|(status, code)| AwsError::Answered {
        call: call(),
        answer: Box::new(ErrorAnswer::new(status, code, said)),
    });
    let (cause, what) = ("connection refused".to_owned(), "no role".to_owned());
    let mut failures = Vec::from(answered);
    failures.extend([
        AwsError::TimedOut {
            call: call(),
            limit: std::time::Duration::from_secs(4),
        },
        AwsError::Undelivered {
            call: call(),
            cause: cause.clone(),
        },
        AwsError::NoCredentials {
            call: call(),
            cause: cause.clone(),
        },
        AwsError::Unsendable { call: call(), cause },
        AwsError::Unclear { call: call(), what },
        AwsError::GateClosed { call: call() },
    ]);
    failures
}

#[test]
fn failure_has_one_colon_in_each_sentence_at_most() {
    for error in failures() {
        for young in [false, true] {
            let message = error.step_failure(young).message;
            // AWS's own words are between quotation marks.
            let own: Vec<&str> = message.split('"').step_by(2).collect();
            let own = own.join("");
            let sentences = || own.split_inclusive(". ");
            assert!(sentences().count() <= 2, "{message}");
            for sentence in sentences() {
                assert!(sentence.matches(": ").count() <= 1, "{message}");
            }
            assert!(message.ends_with('.') && !message.contains(".."), "{message}");
        }
    }
}
