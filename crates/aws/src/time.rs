//! Times of AWS as times of core. Input: a time of the SDK; output: a timestamp. No I/O.

use aws_smithy_types::DateTime;
use jiff::Timestamp;

/// Converts a time. Returns `None` if it is out of range.
pub(crate) fn timestamp(time: &DateTime) -> Option<Timestamp> {
    let nanoseconds = i32::try_from(time.subsec_nanos()).ok()?;
    Timestamp::new(time.secs(), nanoseconds).ok()
}
