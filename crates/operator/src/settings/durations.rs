//! The durations among the settings: the resync interval, and the hidden overrides that tests use.
//! Input: text. Output: durations, or a message. No I/O.

use std::str::FromStr;
use std::time::Duration;

use lanyard_core::model::duration::parse_seconds;
use lanyard_core::model::timings::Timings;

/// A shorter interval would mostly read unchanged objects from AWS.
const SHORTEST_RESYNC: Duration = Duration::from_secs(10);

/// Timings that override the defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Overrides(Vec<(String, Duration)>);

impl Overrides {
    /// Applies the overrides to timings.
    pub(super) fn applied_to(&self, mut timings: Timings) -> Timings {
        for (name, duration) in &self.0 {
            if let Some(slot) = slot(&mut timings, name) {
                *slot = *duration;
            }
        }
        timings
    }
}

impl FromStr for Overrides {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let entries = text.split(',').filter(|entry| !entry.is_empty()).map(entry);
        entries.collect::<Result<_, _>>().map(Self)
    }
}

fn entry(text: &str) -> Result<(String, Duration), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("{text:?} is not NAME=DURATION"))?;
    if slot(&mut Timings::default(), name).is_none() {
        return Err(format!("{name:?} is not a timing"));
    }
    Ok((name.to_owned(), duration(value)?))
}

fn slot<'a>(timings: &'a mut Timings, name: &str) -> Option<&'a mut Duration> {
    match name {
        "read-consistency" => Some(&mut timings.read_consistency),
        "propagation" => Some(&mut timings.propagation),
        "binding-propagation" => Some(&mut timings.binding_propagation),
        "read-back" => Some(&mut timings.read_back),
        "step" => Some(&mut timings.step),
        "cached" => Some(&mut timings.cached),
        "margin" => Some(&mut timings.margin),
        "soak" => Some(&mut timings.soak),
        "fail-after" => Some(&mut timings.fail_after),
        "resync" => Some(&mut timings.resync),
        "full-resync" => Some(&mut timings.full_resync),
        "annotation-interval" => Some(&mut timings.annotation_interval),
        "waiting" => Some(&mut timings.waiting),
        "stall-after" => Some(&mut timings.stall_after),
        "cluster-facts" => Some(&mut timings.cluster_facts),
        "lease" => Some(&mut timings.lease),
        "renew-deadline" => Some(&mut timings.renew_deadline),
        "operation" => Some(&mut timings.operation),
        "throttled" => Some(&mut timings.throttled),
        _ => None,
    }
}

/// Parses the resync interval.
pub(super) fn resync(text: &str) -> Result<Duration, String> {
    let seconds =
        parse_seconds(text).ok_or_else(|| format!("{text:?} is not a duration such as 90s, 10m or 1h30m"))?;
    let duration = Duration::from_secs(u64::from(seconds));
    if duration < SHORTEST_RESYNC {
        return Err(format!("{text} is too short: at least {SHORTEST_RESYNC:?}"));
    }
    Ok(duration)
}

fn duration(text: &str) -> Result<Duration, String> {
    let millis = text.strip_suffix("ms").and_then(|number| number.parse().ok());
    let duration = millis
        .map(Duration::from_millis)
        .or_else(|| parse_seconds(text).map(|seconds| Duration::from_secs(u64::from(seconds))));
    duration.ok_or_else(|| format!("{text:?} is not a duration such as 500ms, 90s or 10m"))
}

/// Returns the message for valid timings that exclude each other: the lease must outlast the last write started under
/// it.
pub(crate) fn conflict(timings: &Timings) -> Option<String> {
    let Timings {
        lease,
        renew_deadline,
        operation,
        ..
    } = timings;
    if *lease < Duration::from_secs(1) {
        return Some(format!("the lease duration is {lease:?}; the minimum is 1s"));
    }
    (*renew_deadline + *operation > *lease).then(|| {
        format!(
            "a write that starts just before the renewal deadline ({renew_deadline:?}) can take {operation:?} and would \
             end after the lease ({lease:?})"
        )
    })
}
