//! Proves that the values of the chart cover every flag of the operator, and that wrong values are refused. Does I/O.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{BINARY, chart, stage};

#[tokio::test]
async fn every_flag_of_the_operator_has_a_value() -> Result<()> {
    let bed = &stage().await?.bed;
    let help = Command::new(BINARY).arg("--help").output()?;
    let help = String::from_utf8(help.stdout)?;
    let flags: BTreeSet<&str> = help
        .split("[env: ")
        .skip(1)
        .filter_map(|rest| rest.split(['=', ']']).next())
        .collect();
    ensure!(flags.len() > 10, "{help}");
    let mut set = BTreeSet::new();
    for file in chart::ci_values()? {
        let file = file.to_str().context("a path")?;
        let documents = chart::template(
            bed,
            &["--values", file, "--show-only", "templates/configmap.yaml"],
        )
        .await?;
        for object in chart::objects(&documents)? {
            let data = object["data"].as_object().into_iter().flatten();
            set.extend(data.map(|(key, _)| key.clone()));
        }
    }
    let set: BTreeSet<&str> = set.iter().map(String::as_str).collect();
    assert_eq!(set, flags);
    Ok(())
}

#[tokio::test]
async fn wrong_values_are_refused_in_words() -> Result<()> {
    let bed = &stage().await?.bed;
    for (values, expected) in [
        ("region=eu-west-1", "clusterName is required"),
        ("clusterName=a,clusterId=b", "set only one of them"),
        (
            "clusterName=a,issuer=https://oidc.example.com",
            "issuer requires clusterId",
        ),
        ("clusterName=a,settings.resyncs=5m", "'resyncs' not allowed"),
        ("clusterName=a,settings.resync=soon", "/settings/resync"),
        ("clusterName=a,settings.workers=0", "/settings/workers"),
        (
            "clusterName=a,settings.podIdentityAgent=ensure",
            "/settings/podIdentityAgent",
        ),
        (
            "clusterName=a,serviceAccount.create=false",
            "serviceAccount.name is required",
        ),
    ] {
        let chart = chart::path("lanyard")?;
        let chart = chart.to_str().context("a path")?;
        let output = chart::helm(bed, &["template", "lanyard", chart, "--set", values]).await?;
        let message = String::from_utf8_lossy(&output.stderr);
        ensure!(
            !output.status.success() && message.contains(expected),
            "{values}: {message}"
        );
    }
    Ok(())
}
