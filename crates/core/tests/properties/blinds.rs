//! Facts that cannot be read. A blind and an observation in, the observation without that fact out.

use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::observed::{Observed, RoleFacts};
use proptest::prelude::*;
use proptest::sample::select;

/// One kind of fact that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blind {
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
}

pub const BLINDS: [Blind; 14] = [
    Blind::WholeRole,
    Blind::Trust,
    Blind::Description,
    Blind::MaxSession,
    Blind::Boundary,
    Blind::Tags,
    Blind::Attached,
    Blind::Effects,
    Blind::Inline,
    Blind::Provider,
    Blind::Association,
    Blind::ServiceAccount,
    Blind::Agent,
    Blind::Pods,
];

pub fn blinds() -> impl Strategy<Value = Vec<Blind>> {
    proptest::collection::vec(select(&BLINDS[..]), 1..4)
}

fn hide<T>(fact: &mut Fact<T>) {
    *fact = Fact::Unreadable(ReadError::Throttled);
}

impl Blind {
    pub fn put_on(self, observed: &mut Observed) {
        for role in observed.roles.values_mut() {
            self.put_on_role(role);
        }
        match self {
            Self::Provider => hide(&mut observed.provider),
            Self::Association => hide(&mut observed.association),
            Self::ServiceAccount => hide(&mut observed.service_account),
            Self::Agent => hide(&mut observed.agent),
            Self::Pods => hide(&mut observed.pods),
            _ => {}
        }
    }

    fn put_on_role(self, role: &mut RoleFacts) {
        match self {
            Self::WholeRole => *role = RoleFacts::unreadable(&ReadError::Throttled),
            // Of a role that is not there, there is nothing else to read.
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
