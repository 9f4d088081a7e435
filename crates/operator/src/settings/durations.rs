//! Durations among the settings: the resync, and the hidden overrides with which tests shorten everything.
//! Text in, durations or a sentence out; no I/O.

use std::str::FromStr;
use std::time::Duration;

use lanyard_core::model::duration::parse_seconds;
use lanyard_core::model::timings::Timings;

/// More often than this an operator would mostly talk to AWS about what did not change.
const SHORTEST_RESYNC: Duration = Duration::from_secs(10);

/// Times that differ from the usual ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Overrides(Vec<(String, Duration)>);

impl Overrides {
    /// The times with these put in.
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
        return Err(format!("{name:?} is no time that can be set"));
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
        "by-itself" => Some(&mut timings.full_resync),
        "waiting" => Some(&mut timings.waiting),
        "cluster-facts" => Some(&mut timings.cluster_facts),
        "lease" => Some(&mut timings.lease),
        "renew-deadline" => Some(&mut timings.renew_deadline),
        "operation" => Some(&mut timings.operation),
        "throttled" => Some(&mut timings.throttled),
        _ => None,
    }
}

/// Reads the resync.
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

/// What is wrong with times that are each well-formed: the lease must outlast the last write begun under it.
pub(crate) fn contradiction(timings: &Timings) -> Option<String> {
    let Timings {
        lease,
        renew_deadline,
        operation,
        ..
    } = timings;
    if *lease < Duration::from_secs(1) {
        return Some(format!(
            "the lease is told in whole seconds and {lease:?} is less"
        ));
    }
    (*renew_deadline + *operation > *lease).then(|| {
        format!(
            "a write begun just before the renewal deadline ({renew_deadline:?}) may take {operation:?} and would end \
             after the lease ({lease:?})"
        )
    })
}
