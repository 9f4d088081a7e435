//! Proves crash recovery: at the n-th write of each scenario, for every n, the operator is killed, its answer is lost, or
//! its next reads are stale. The final state must equal that of an undisturbed run. Needs the test bed; does I/O.
//!
//! A scenario is one line of data below: initial state => desired state [=> desired state from the moment of the fault].
//! All scenarios use one environment and run one after the other, because each of them kills the only operator. By default
//! a sample of n is tested; `cargo xtask test --all` tests every n.
//!
//! ```text
//!   scenario -> arena: once without a fault, then with faults -> run -> fault (kind and n)
//!                                                                +---> world (final state), compared
//! ```

mod fault;
mod foreign;
mod harness;
mod run;
mod scenario;
mod snapshot;

use anyhow::Result;
use lanyard_core::model::spec::Method;

use scenario::State::{Absent, Deleted, Present};
use scenario::{FULL, PLAIN, Scenario, Spec};

/// A scenario: the initial state, the desired state, and optionally the desired state as soon as the fault has occurred.
macro_rules! scenario {
    ($name:ident: $before:expr => $after:expr) => {
        Scenario {
            name: $name,
            before: $before,
            after: $after,
            then: None,
        }
    };
    ($name:ident: $before:expr => $after:expr => $then:expr) => {
        Scenario {
            name: $name,
            before: $before,
            after: $after,
            then: Some($then),
        }
    };
}

/// Creates a test for each line; `by each method` creates two.
macro_rules! scenarios {
    (by each method: $($name:ident: $before:expr => $after:expr $(=> $then:expr)?,)*) => {
        $(mod $name {
            use super::*;

            #[tokio::test]
            async fn by_irsa() -> Result<()> {
                let name = concat!(stringify!($name), "_by_irsa");
                harness::play(scenario!(name: $before => $after $(=> $then)?).by(Method::Irsa)).await
            }

            #[tokio::test]
            async fn by_pod_identity() -> Result<()> {
                let name = concat!(stringify!($name), "_by_pod_identity");
                harness::play(scenario!(name: $before => $after $(=> $then)?).by(Method::PodIdentity)).await
            }
        })*
    };
    (as it says: $($name:ident: $before:expr => $after:expr $(=> $then:expr)?,)*) => {
        $(#[tokio::test]
        async fn $name() -> Result<()> {
            let name = stringify!($name);
            harness::play(scenario!(name: $before => $after $(=> $then)?)).await
        })*
    };
}

scenarios! { by each method:
    create: Absent => Present(FULL),
    create_with_service_account: Absent => Present(Spec { create_account: true, ..PLAIN }),
    policies: Present(FULL) => Present(Spec { policies: &["AmazonSQSReadOnlyAccess"], inline: &[("queue", "sqs:*"), ("more", "sns:Publish")], ..FULL }),
    policies_left_off: Present(FULL) => Present(Spec { policies: &[], inline: &[], ..FULL }),
    tags: Present(FULL) => Present(Spec { tags: &[("team", "stock"), ("tier", "gold")], ..FULL }),
    description_and_session: Present(FULL) => Present(Spec { description: Some("counts stock"), session: "2h", ..FULL }),
    boundary: Present(FULL) => Present(Spec { boundary: Some("PowerUserAccess"), ..FULL }),
    boundary_left_off: Present(FULL) => Present(Spec { boundary: None, ..FULL }),
    deletion_policy: Present(FULL) => Present(Spec { retain: true, ..FULL }),
    everything: Present(PLAIN) => Present(FULL),
    delete: Present(FULL) => Deleted,
    delete_with_service_account: Present(Spec { create_account: true, ..PLAIN }) => Deleted,
    create_and_delete: Absent => Present(FULL) => Deleted,
    // Without tags: a tag that was set a moment before a stop is recorded nowhere, so Lanyard treats it as foreign and
    // keeps it.
    turned_back: Present(PLAIN) => Present(Spec { tags: &[], ..FULL }) => Present(PLAIN),
    retain: Present(Spec { retain: true, ..FULL }) => Deleted,
    // In a role of another owner: Lanyard changes only its trust policy.
    share: Absent => Present(SHARED),
    share_and_leave: Present(SHARED) => Deleted,
}

// Changes of the binding without pods of other users. The test approves what the condition requests.
scenarios! { by each method:
    to_another_role: Present(PLAIN) => Present(Spec { name: Some("killed-orders-b"), ..PLAIN }),
}

scenarios! { as it says:
    to_pod_identity: Present(FULL.by(Method::Irsa)) => Present(FULL.by(Method::PodIdentity)),
    to_pod_identity_and_back: Present(PLAIN.by(Method::Irsa)) => Present(PLAIN.by(Method::PodIdentity)) => Present(PLAIN.by(Method::Irsa)),
    deleted_on_the_way: Present(PLAIN.by(Method::Irsa)) => Present(PLAIN.by(Method::PodIdentity)) => Deleted,
    to_irsa: Present(FULL.by(Method::PodIdentity)) => Present(FULL.by(Method::Irsa)),
    to_irsa_by_another_role: Present(PLAIN.by(Method::PodIdentity)) => Present(Spec { name: Some("killed-orders-c"), ..PLAIN.by(Method::Irsa) }),
    to_sessions_without_tags: Present(PLAIN.by(Method::PodIdentity)) => Present(UNTAGGED),
    token_settings: Present(PLAIN.by(Method::Irsa)) => Present(Spec { token_expiration: Some("2h"), ..PLAIN.by(Method::Irsa) }),
    session_policy: Present(UNTAGGED) => Present(Spec { session_policy: Some("s3:Get*"), ..UNTAGGED }),
}

const SHARED: Spec = Spec {
    shared_trust: true,
    ..PLAIN
};

const UNTAGGED: Spec = Spec {
    session_tags: false,
    ..PLAIN.by(Method::PodIdentity)
};
