//! The floor: the time of the emulator for the calls of a creation, without an operator.
//! Input: a size. Output: seconds for the same calls, and for the fewest that AWS's API allows. Does I/O on its own test
//! bed, through the same gateway, with as many concurrent calls as the operator has workers.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt};
use lanyard_testkit::TestBed;
use lanyard_tests::Clients;
use serde_json::json;

use super::bed;
use super::fleet::{Member, READ_ONLY, bar, inline};

/// The operator's default of `--workers`.
const AT_ONCE: usize = 16;
/// A larger fleet is extrapolated from this many.
const SAMPLE: usize = 1000;

/// Seconds of the emulator.
#[derive(Debug, Clone, Copy)]
pub struct Floor {
    /// For the calls that the operator makes: two reads, and the writes.
    pub same_calls: f64,
    /// For the writes alone, the minimum that AWS's API allows.
    pub fewest_calls: f64,
}

/// Measures the floor for the creation of `size` identities.
pub async fn measure(size: usize, latency: Duration) -> Result<Floor> {
    let bed = TestBed::start(bed::options()).await?;
    bed.gateway.set_latency(latency);
    let (aws, sample) = (Clients::new(&bed).await, size.min(SAMPLE));
    let times = async {
        let fewest = replay(&aws, sample, "fewest", false).await?;
        let same = replay(&aws, sample, "same", true).await?;
        anyhow::Ok((fewest, same))
    };
    let times = times.await;
    bed.stop().await?;
    let (fewest, same) = times?;
    let whole = size as f64 / sample as f64;
    Ok(Floor {
        same_calls: same.as_secs_f64() * whole,
        fewest_calls: fewest.as_secs_f64() * whole,
    })
}

async fn replay(aws: &Clients, size: usize, prefix: &str, reads: bool) -> Result<Duration> {
    let bar = &bar(size, &format!("the emulator: {prefix} calls"));
    let began = Instant::now();
    futures::stream::iter((0..size).map(Member::new))
        .map(|member| async move {
            if reads {
                read(aws, &member, prefix).await?;
            }
            write(aws, &member, prefix).await?;
            bar.inc(1);
            anyhow::Ok(())
        })
        .buffer_unordered(AT_ONCE)
        .try_for_each(|()| futures::future::ready(Ok(())))
        .await?;
    bar.finish_and_clear();
    Ok(began.elapsed())
}

/// Reads that neither the role nor the association exists.
async fn read(aws: &Clients, member: &Member, prefix: &str) -> Result<()> {
    let role = role(member, prefix);
    // A missing role is an error of the call, and expected.
    drop(aws.iam.get_role().role_name(&role).send().await);
    let list = aws.eks.list_pod_identity_associations().cluster_name("lanyard");
    let list = list
        .namespace(format!("{prefix}-{}", member.namespace))
        .service_account(&member.name);
    list.send().await.context("ListPodIdentityAssociations").map(drop)
}

async fn write(aws: &Clients, member: &Member, prefix: &str) -> Result<()> {
    let role = role(member, prefix);
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": ["sts:AssumeRole", "sts:TagSession"]}]});
    let create = aws.iam.create_role().role_name(&role).path("/lanyard/bench/");
    let created = create.assume_role_policy_document(trust.to_string()).send().await;
    let created = created
        .context("CreateRole")?
        .role
        .context("CreateRole answers no role")?;
    let attach = aws
        .iam
        .attach_role_policy()
        .role_name(&role)
        .policy_arn(READ_ONLY);
    attach.send().await.context("AttachRolePolicy")?;
    let put = aws.iam.put_role_policy().role_name(&role).policy_name("queue");
    let put = put.policy_document(inline().to_string()).send().await;
    put.context("PutRolePolicy")?;
    if member.by_pods() {
        let associate = aws.eks.create_pod_identity_association().cluster_name("lanyard");
        let associate = associate
            .namespace(format!("{prefix}-{}", member.namespace))
            .service_account(&member.name)
            .role_arn(created.arn);
        associate.send().await.context("CreatePodIdentityAssociation")?;
    }
    Ok(())
}

fn role(member: &Member, prefix: &str) -> String {
    format!("{prefix}-{}", member.name)
}
