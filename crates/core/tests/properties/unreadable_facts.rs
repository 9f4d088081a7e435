//! Makes facts unreadable. Inputs are a kind of fact and the observed state; the output is the observed state without it.
//! No I/O.

use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::observed::{Observed, RoleFacts};
use proptest::prelude::*;
use proptest::sample::select;

/// A kind of fact that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnreadableFact {
    WholeRole,
    Trust,
    Description,
    MaxSession,
    Boundary,
    Tags,
    Attached,
    Effects,
    Inline,
    Provider,
    Association,
    ServiceAccount,
    Agent,
    Pods,
    Egress,
    TokenClients,
}

pub const UNREADABLE_FACTS: [UnreadableFact; 16] = [
    UnreadableFact::WholeRole,
    UnreadableFact::Trust,
    UnreadableFact::Description,
    UnreadableFact::MaxSession,
    UnreadableFact::Boundary,
    UnreadableFact::Tags,
    UnreadableFact::Attached,
    UnreadableFact::Effects,
    UnreadableFact::Inline,
    UnreadableFact::Provider,
    UnreadableFact::Association,
    UnreadableFact::ServiceAccount,
    UnreadableFact::Agent,
    UnreadableFact::Pods,
    UnreadableFact::Egress,
    UnreadableFact::TokenClients,
];

pub fn unreadable_facts() -> impl Strategy<Value = Vec<UnreadableFact>> {
    proptest::collection::vec(select(&UNREADABLE_FACTS[..]), 1..4)
}

fn hide<T>(fact: &mut Fact<T>) {
    *fact = Fact::Unreadable(ReadError::Throttled);
}

impl UnreadableFact {
    /// Makes the fact unreadable.
    pub fn hide_in(self, observed: &mut Observed) {
        for role in observed.roles.values_mut() {
            self.hide_in_role(role);
        }
        match self {
            Self::Provider => hide(&mut observed.provider),
            Self::Association => hide(&mut observed.association),
            Self::ServiceAccount => hide(&mut observed.service_account),
            Self::Agent => hide(&mut observed.agent),
            Self::Pods => hide(&mut observed.pods),
            Self::Egress => hide(&mut observed.egress),
            Self::TokenClients => hide(&mut observed.token_clients),
            _ => {}
        }
    }

    fn hide_in_role(self, role: &mut RoleFacts) {
        match self {
            Self::WholeRole => *role = RoleFacts::unreadable(&ReadError::Throttled),
            // A role that does not exist has no other facts.
            _ if role.id.is_absent() => {}
            Self::Trust => hide(&mut role.trust),
            Self::Description => hide(&mut role.description),
            Self::MaxSession => hide(&mut role.max_session),
            Self::Boundary => hide(&mut role.boundary),
            Self::Tags => hide(&mut role.tags),
            Self::Attached => hide(&mut role.attached),
            Self::Effects => role
                .attached
                .present_mut()
                .into_iter()
                .flat_map(|attached| attached.values_mut())
                .for_each(hide),
            Self::Inline => hide(&mut role.inline),
            _ => {}
        }
    }
}
