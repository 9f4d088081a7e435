//! The test bed of each scenario: one node, no authorization and no webhook, which are not measured. No I/O.

use lanyard_testkit::TestBedOptions;

/// The options.
pub fn options() -> TestBedOptions {
    TestBedOptions {
        nodes: 1,
        authorize: false,
        webhook: false,
        ..TestBedOptions::default()
    }
}
