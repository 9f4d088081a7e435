//! The model check of transitions: whatever happens in whatever order, no live pod loses what it holds, but by consent;
//! and when nothing disturbs any more, the binding asked for is there and nothing of any other.

mod acts;
mod cluster;

use lanyard_core::model::reason::Reason;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use acts::{Act, Ends, Play, act};

/// More than other properties: a run is a path through many states, and most paths meet nothing.
fn many() -> ProptestConfig {
    let cases = crate::cases();
    ProptestConfig {
        cases: cases.cases * 2,
        ..cases
    }
}

proptest! {
    #![proptest_config(many())]

    #[test]
    fn no_pod_loses_what_it_holds_but_by_consent(
        first in 0..6usize,
        skew in select(vec![-120i64, 0, 120]),
        acts in vec(act(), 1..100),
    ) {
        let mut play = Play::new(skew, first);
        // From a binding in effect: before one there is nothing to lose.
        for act in [Act::Decision(Ends::Well), Act::Tick(61), Act::Decision(Ends::Well), Act::Tick(61)] {
            play.act(&act).map_err(TestCaseError::fail)?;
        }
        for act in &acts {
            play.act(act).map_err(TestCaseError::fail)?;
        }
        play.comes_to_rest().map_err(TestCaseError::fail)?;
        play.only_what_is_wanted().map_err(TestCaseError::fail)?;
        play.cluster.backed().map_err(TestCaseError::fail)?;
    }
}

/// The shortest way to a binding that others still see: a change, and a pod that comes before it has reached everybody.
#[test]
fn a_pod_that_comes_late_still_finds_what_it_was_given() {
    let mut play = Play::new(0, 0);
    let decision = || Act::Decision(Ends::Well);
    let acts = [
        decision(),
        Act::Tick(61),
        decision(),
        Act::Tick(61),
        Act::Wants(1),
        decision(),
        decision(),
        Act::Tick(15),
        decision(),
        decision(),
        decision(),
        Act::PodComes(0, 0, 0),
        Act::Tick(40),
        decision(),
        Act::PodComes(0, 0, 0),
    ];
    for act in &acts {
        play.act(act).unwrap();
        println!(
            "{act:?} -> {:?}",
            play.cluster.status.transition.as_ref().map(|t| t.stage)
        );
    }
}

/// A mind changed twice and then held still: the binding that waits is the one that pods were given in between.
#[test]
fn what_pods_were_given_in_between_stays_while_a_change_is_paused() {
    let mut play = Play::new(0, 0);
    let decision = || Act::Decision(Ends::Well);
    let through = |wanted| {
        [
            Act::Wants(wanted),
            decision(),
            decision(),
            Act::Tick(15),
            decision(),
            decision(),
        ]
    };
    let mut acts = vec![decision(), Act::Tick(61), decision(), Act::Tick(61)];
    acts.extend(through(2));
    acts.extend([Act::Tick(61), decision(), Act::PodComes(255, 255, 0)]);
    acts.extend(through(0));
    acts.extend([
        Act::Wants(2),
        Act::Paused(true),
        decision(),
        Act::Tick(61),
        decision(),
    ]);
    for act in &acts {
        play.act(act).unwrap();
    }
    assert_eq!(
        play.cluster.status.transition.map(|record| record.stage),
        Some(Reason::Paused)
    );
}
