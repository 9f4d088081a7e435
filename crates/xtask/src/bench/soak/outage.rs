//! Outages of the soak: the API server, AWS, its rate limits and silent watches. Input: a test bed. Output: faults of the
//! gateway that are in effect or removed. No I/O of its own.

use std::time::Duration;

use lanyard_testkit::TestBed;
use lanyard_testkit::gateway::{Fault, Service, Throttle};

/// Longer than any soak: the operator has to notice the silence.
const SILENT: Duration = Duration::from_secs(24 * 3600);
/// The shortest and the longest outage, in seconds.
const LASTING: std::ops::Range<u64> = 3..40;
/// Calls of AWS a second under throttling.
const THROTTLED: f64 = 10.0;

/// An outage. One is in effect at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// Connections to the API server are reset.
    Kubernetes,
    /// The watches of identities are cut, and their successors stay silent.
    SilentWatches,
    /// AWS answers each call with an internal error.
    Aws,
    /// AWS resets each connection.
    AwsConnections,
    /// AWS carries out each call, and its answer is lost.
    LostAnswers,
    /// AWS allows few calls.
    Throttled,
}

const ALL: [Outage; 6] = [
    Outage::Kubernetes,
    Outage::SilentWatches,
    Outage::Aws,
    Outage::AwsConnections,
    Outage::LostAnswers,
    Outage::Throttled,
];

impl Outage {
    /// An outage and how long it lasts.
    pub fn choose(rng: &mut fastrand::Rng) -> (Self, Duration) {
        let kind = rng.choice(ALL).unwrap_or(Self::Kubernetes);
        (kind, Duration::from_secs(rng.u64(LASTING)))
    }

    /// Returns true if calls of AWS by others than the operator fail as well.
    pub fn hits_aws(self) -> bool {
        match self {
            Self::Aws | Self::AwsConnections | Self::LostAnswers | Self::Throttled => true,
            Self::Kubernetes | Self::SilentWatches => false,
        }
    }

    pub fn begin(self, bed: &TestBed) {
        let faults = bed.gateway.faults();
        match self {
            Self::Kubernetes => drop(faults.add(Fault::on_any().to(Service::Kubernetes).resets())),
            Self::SilentWatches => {
                faults.add(Fault::on("watch workloadidentities").delays(SILENT));
                bed.front.hang_up();
            }
            Self::Aws => drop(faults.add(Fault::on_any().to_aws().fails(500, "InternalFailure", "soak"))),
            Self::AwsConnections => drop(faults.add(Fault::on_any().to_aws().resets())),
            Self::LostAnswers => drop(faults.add(Fault::on_writes().to_aws().swallows_answer())),
            Self::Throttled => bed.gateway.set_throttles(vec![Throttle::calls(THROTTLED)]),
        }
    }

    /// Ends whatever outage is in effect.
    pub fn end(bed: &TestBed) {
        bed.gateway.faults().clear();
        bed.gateway.set_throttles(Vec::new());
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Kubernetes => "the API server is unreachable",
            Self::SilentWatches => "watches are silent",
            Self::Aws => "AWS fails",
            Self::AwsConnections => "AWS is unreachable",
            Self::LostAnswers => "answers of AWS are lost",
            Self::Throttled => "AWS throttles",
        }
    }
}
