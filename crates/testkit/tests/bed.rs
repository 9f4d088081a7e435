//! The test bed does what it says: real processes, started once for all facts below.
//! Needs Go and Python the first time (minutes), nothing but the cache afterwards.

use std::time::Instant;

use lanyard_testkit::{TestBed, TestBedOptions};

#[tokio::test]
async fn starts() {
    let t = Instant::now();
    let bed = TestBed::start(TestBedOptions::default()).await.unwrap();
    eprintln!("started in {:?}", t.elapsed());
    let out = bed.kubectl().args(["get", "nodes,sa", "-A"]).output().unwrap();
    eprintln!(
        "{}{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
    let t = Instant::now();
    bed.stop().await.unwrap();
    eprintln!("stopped in {:?}", t.elapsed());
}
