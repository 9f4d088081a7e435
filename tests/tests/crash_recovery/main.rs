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

mod arena;
mod beside;
mod fault;
mod run;
mod scenario;
mod world;

use anyhow::Result;
use lanyard_core::model::spec::Method;

use scenario::Stand::{Deleted, Nothing, Stands};
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
                arena::play(scenario!(name: $before => $after $(=> $then)?).by(Method::Irsa)).await
            }

            #[tokio::test]
            async fn by_pod_identity() -> Result<()> {
                let name = concat!(stringify!($name), "_by_pod_identity");
                arena::play(scenario!(name: $before => $after $(=> $then)?).by(Method::PodIdentity)).await
            }
        })*
    };
    (as it says: $($name:ident: $before:expr => $after:expr $(=> $then:expr)?,)*) => {
        $(#[tokio::test]
        async fn $name() -> Result<()> {
            let name = stringify!($name);
            arena::play(scenario!(name: $before => $after $(=> $then)?)).await
        })*
    };
}

scenarios! { by each method:
    create: Nothing => Stands(FULL),
    create_with_service_account: Nothing => Stands(Spec { create_account: true, ..PLAIN }),
    policies: Stands(FULL) => Stands(Spec { policies: &["AmazonSQSReadOnlyAccess"], inline: &[("queue", "sqs:*"), ("more", "sns:Publish")], ..FULL }),
    policies_left_off: Stands(FULL) => Stands(Spec { policies: &[], inline: &[], ..FULL }),
    tags: Stands(FULL) => Stands(Spec { tags: &[("team", "stock"), ("tier", "gold")], ..FULL }),
    description_and_session: Stands(FULL) => Stands(Spec { description: Some("counts stock"), session: "2h", ..FULL }),
    boundary: Stands(FULL) => Stands(Spec { boundary: Some("PowerUserAccess"), ..FULL }),
    boundary_left_off: Stands(FULL) => Stands(Spec { boundary: None, ..FULL }),
    deletion_policy: Stands(FULL) => Stands(Spec { retain: true, ..FULL }),
    everything: Stands(PLAIN) => Stands(FULL),
    delete: Stands(FULL) => Deleted,
    delete_with_service_account: Stands(Spec { create_account: true, ..PLAIN }) => Deleted,
    create_and_delete: Nothing => Stands(FULL) => Deleted,
    // Without tags: a tag that was set a moment before a stop is recorded nowhere, so Lanyard treats it as foreign and
    // keeps it.
    turned_back: Stands(PLAIN) => Stands(Spec { tags: &[], ..FULL }) => Stands(PLAIN),
    retain: Stands(Spec { retain: true, ..FULL }) => Deleted,
    // In a role of another owner: Lanyard changes only its trust policy.
    share: Nothing => Stands(SHARED),
    share_and_leave: Stands(SHARED) => Deleted,
}

// Changes of the binding without pods of other users. The test approves what the condition requests.
scenarios! { by each method:
    to_another_role: Stands(PLAIN) => Stands(Spec { name: Some("killed-orders-b"), ..PLAIN }),
}

scenarios! { as it says:
    to_pod_identity: Stands(FULL.by(Method::Irsa)) => Stands(FULL.by(Method::PodIdentity)),
    to_pod_identity_and_back: Stands(PLAIN.by(Method::Irsa)) => Stands(PLAIN.by(Method::PodIdentity)) => Stands(PLAIN.by(Method::Irsa)),
    deleted_on_the_way: Stands(PLAIN.by(Method::Irsa)) => Stands(PLAIN.by(Method::PodIdentity)) => Deleted,
    to_irsa: Stands(FULL.by(Method::PodIdentity)) => Stands(FULL.by(Method::Irsa)),
    to_irsa_by_another_role: Stands(PLAIN.by(Method::PodIdentity)) => Stands(Spec { name: Some("killed-orders-c"), ..PLAIN.by(Method::Irsa) }),
    to_sessions_without_tags: Stands(PLAIN.by(Method::PodIdentity)) => Stands(UNTAGGED),
    token_settings: Stands(PLAIN.by(Method::Irsa)) => Stands(Spec { token_expiration: Some("2h"), ..PLAIN.by(Method::Irsa) }),
    session_policy: Stands(UNTAGGED) => Stands(Spec { session_policy: Some("s3:Get*"), ..UNTAGGED }),
}

const SHARED: Spec = Spec {
    shares: true,
    ..PLAIN
};

const UNTAGGED: Spec = Spec {
    session_tags: false,
    ..PLAIN.by(Method::PodIdentity)
};
