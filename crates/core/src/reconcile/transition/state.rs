//! The state of a transition: the effective binding, the desired binding, the phase between them, and what the phase
//! permits. Plain values; no I/O.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::approval::ApprovalRequest;
use super::refusal::Refusal;
use super::restart::Restarts;
use crate::model::binding::Binding;
use crate::model::fact::ReadError;
use crate::model::field::Field;
use crate::model::reason::Reason;
use crate::model::subject::Subject;
use crate::model::workload::WorkloadRef;

/// The position of a subject between its effective binding and its desired binding.
#[derive(Debug, Clone, PartialEq)]
pub enum TransitionState {
    /// The desired binding is effective and no pod depends on another one, or no binding is effective yet.
    Settled,
    /// Another binding is effective, or pods may still depend on one.
    Moving(Box<Transition>),
    /// The effective binding, or the pods that depend on it, could not be read. Nothing may change, or pods could lose
    /// access.
    Unknown(Field, ReadError),
}

/// A running change of the binding.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// The subject whose binding changes.
    pub subject: Subject,
    /// The binding that new pods got before the transition.
    pub from: Binding,
    /// The binding that the spec asks for.
    pub desired: Binding,
    /// The binding that new pods get now. `None` if that is the desired binding.
    pub effective: Option<Binding>,
    /// Every binding that a pod may depend on, besides the one that the operator applies now. Its role stays. Its
    /// trust stays as far as [`needs_trust`](Self::needs_trust) says.
    pub in_use: Vec<Binding>,
    /// The phase.
    pub phase: Phase,
    /// True if the operator may apply the desired binding and correct its drift.
    pub applies_desired: bool,
    /// True if the desired binding is in place in the cluster.
    pub bound: bool,
    /// True if new pods get the desired binding.
    pub in_effect: bool,
    /// Pods created before this time may depend on an earlier form of the desired binding, which their spec does not show.
    pub stale_before: Option<Timestamp>,
    /// The time at which the operator first observed this transition.
    pub start_time: Timestamp,
    /// A short hash of the desired binding. It tells the record of this transition from the record of another one.
    pub target_hash: String,
}

/// The phase of a transition.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// A precondition is not met, and nothing was changed.
    Refused(Refusal),
    /// `spec.transition.paused`, or the class, stops the transition in its current phase.
    Paused,
    /// A user has to approve the transition first.
    AwaitingApproval(ApprovalRequest),
    /// The operator creates the role and its trust beside the old binding.
    Preparing,
    /// The trust is in place and has to propagate through IAM and STS.
    Propagating(Duration),
    /// The operator writes the annotation or the association beside the old binding.
    Switching,
    /// The binding is in place and has to propagate to the webhook and to EKS.
    Settling(Duration),
    /// The operator deletes the association, so that new pods get IRSA.
    Unbinding,
    /// The association is deleted, and the deletion has to propagate.
    Unbound(Duration),
    /// Pods created under another binding still exist.
    Draining {
        /// The number of these pods.
        pods: usize,
        /// The owners of these pods; `None` stands for bare pods.
        owners: BTreeSet<Option<WorkloadRef>>,
        /// The workloads that the operator restarts, and those that it cannot restart.
        restarts: Box<Restarts>,
    },
    /// All pods are current and stay so for a while before the operator removes the old binding.
    Soaking(Duration),
}

impl Transition {
    /// The effective binding that the operator keeps unchanged while it may not apply the desired one.
    #[must_use]
    pub fn held_binding(&self) -> Option<&Binding> {
        self.effective.as_ref().filter(|_| !self.applies_desired)
    }

    /// Returns true if the trust policy has to admit a binding in use. Sessions of an association outlast it, and EKS issues
    /// further ones by the association in place only, so an earlier one needs no trust once the new binding is in effect.
    #[must_use]
    pub fn needs_trust(&self, in_use: &Binding) -> bool {
        !self.in_effect || in_use.is_irsa() || *in_use == self.desired
    }

    /// Returns true if the operator removes an association that overrides IRSA.
    #[must_use]
    pub fn removes_association(&self) -> bool {
        self.phase == Phase::Unbinding
    }

    /// Returns true if the transition proceeds, or if only the missing agent blocks it.
    #[must_use]
    pub fn allows_agent_installation(&self) -> bool {
        match &self.phase {
            Phase::Refused(refusal) => matches!(refusal, Refusal::AgentNotReady(_)),
            Phase::Paused | Phase::AwaitingApproval(_) => false,
            _ => true,
        }
    }

    /// Returns true if the operator may write the annotation and the association, or keep them in place.
    #[must_use]
    pub fn writes_binding(&self) -> bool {
        !matches!(self.phase, Phase::Preparing | Phase::Propagating(_))
    }

    /// Returns true if the operator may not apply the desired binding and no other one is effective. Everything then
    /// stays as observed.
    #[must_use]
    pub fn changes_nothing(&self) -> bool {
        !self.applies_desired && self.effective.is_none()
    }
}

impl Phase {
    /// The reason of `Transitioning` and the value of `status.transition.stage`.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Refused(refusal) => refusal.reason(),
            Self::Paused => Reason::Paused,
            Self::AwaitingApproval(_) => Reason::ApprovalRequired,
            Self::Preparing => Reason::Preparing,
            Self::Propagating(_) => Reason::Propagating,
            Self::Switching => Reason::Switching,
            Self::Settling(_) => Reason::Settling,
            Self::Unbinding => Reason::Unbinding,
            Self::Unbound(_) => Reason::Unbound,
            Self::Draining { .. } => Reason::Draining,
            Self::Soaking(_) => Reason::Soaking,
        }
    }

    /// The restarts of this phase. Empty unless it drains.
    #[must_use]
    pub fn restarts(&self) -> Restarts {
        match self {
            Self::Draining { restarts, .. } => (**restarts).clone(),
            _ => Restarts::default(),
        }
    }

    /// The time after which the next phase begins. Returns `None` if the phase does not end by time alone.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        match self {
            Self::Propagating(remaining)
            | Self::Settling(remaining)
            | Self::Unbound(remaining)
            | Self::Soaking(remaining) => Some(*remaining),
            Self::Refused(_)
            | Self::Paused
            | Self::AwaitingApproval(_)
            | Self::Preparing
            | Self::Switching
            | Self::Unbinding
            | Self::Draining { .. } => None,
        }
    }
}
