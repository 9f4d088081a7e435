//! Queries of alerts and dashboards on the scrape of a running operator: every metric and label that they read exists,
//! every query of a dashboard yields data, and every metric is on a panel. Needs the test bed; does I/O.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use lanyard_tests::{TestEnv, TestEnvOptions};
use serde_json::{Value, json};

use crate::{alerts, read, results};

const BINARY: &str = env!("CARGO_BIN_EXE_lanyard-under-test");
const DASHBOARDS: [&str; 3] = ["fleet", "operator", "aws"];
/// Metrics without a panel: those of the optional events queue.
const NO_PANEL: [&str; 3] = [
    "lanyard_event_messages_total",
    "lanyard_event_reconciles_total",
    "lanyard_event_age_seconds_bucket",
];
/// Labels that Prometheus or a histogram adds.
const ADDED: [&str; 3] = ["job", "instance", "le"];

/// The labels of each metric.
type Metrics = BTreeMap<String, BTreeSet<String>>;

#[tokio::test]
async fn queries_and_metrics_of_a_running_operator_match() -> Result<()> {
    let stage = TestEnv::set(BINARY, TestEnvOptions::default()).await?;
    let scene = stage.scene("shop").await?;
    scene
        .apply(
            "orders",
            json!({"method": "PodIdentity", "role": {"managed": {}}}),
        )
        .await?;
    scene.until_ready("orders").await?;
    stage
        .until_answers(0, "/metrics", |_, body| {
            body.contains("lanyard_orphans{") && body.contains("lanyard_step_duration_seconds_bucket")
        })
        .await?;
    let (_, scrape) = stage.asks(0, "/metrics").await?;
    every_selector_exists(&metrics(&scrape))?;
    every_panel_has_data(&scrape)?;
    stage.bed.stop().await
}

fn samples(scrape: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = scrape.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.rsplit_once(' '))
}

fn metrics(scrape: &str) -> Metrics {
    let mut metrics = Metrics::new();
    for (series, _) in samples(scrape) {
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let labels = labels.trim_end_matches('}').split("\",");
        let known = metrics.entry(name.to_owned()).or_default();
        known.extend(labels.filter_map(|label| Some(label.split_once('=')?.0.to_owned())));
    }
    metrics
}

/// The queries of all panels, with Grafana's variable replaced.
fn panels() -> Result<Vec<String>> {
    let mut queries = Vec::new();
    for name in DASHBOARDS {
        let dashboard: Value = serde_json::from_str(&read(&format!("dashboards/{name}.json"))?)?;
        for panel in dashboard["panels"].as_array().context("no panels")? {
            let query = panel["targets"][0]["expr"].as_str().context("no query")?;
            queries.push(query.replace("$__rate_interval", "5m"));
        }
    }
    Ok(queries)
}

fn every_selector_exists(metrics: &Metrics) -> Result<()> {
    let panels = panels()?;
    let rules = alerts()?;
    let alerts = rules
        .iter()
        .filter_map(|alert| alert["expr"].as_str().map(str::to_owned));
    let queries: Vec<String> = panels.iter().cloned().chain(alerts).collect();
    let questions: Vec<Value> = queries.iter().map(|query| json!({"expression": query})).collect();
    let mut on_panels: BTreeSet<String> = NO_PANEL.map(str::to_owned).into();
    for (at, (selectors, query)) in results(&questions)?.iter().zip(&queries).enumerate() {
        let selectors = selectors.as_array().context("no selectors")?;
        let mut known: BTreeSet<&str> = ADDED.into();
        for metric in selectors
            .iter()
            .filter_map(|selector| selector["metric"].as_str())
        {
            if !metric.is_empty() {
                let labels = metrics
                    .get(metric)
                    .with_context(|| format!("no metric {metric}: {query}"))?;
                known.extend(labels.iter().map(String::as_str));
                on_panels.extend((at < panels.len()).then(|| metric.to_owned()));
            }
        }
        let labels = selectors
            .iter()
            .filter_map(|selector| selector["labels"].as_array());
        for label in labels.flatten().filter_map(Value::as_str) {
            ensure!(known.contains(label), "no label {label}: {query}");
        }
    }
    let is_shown = |name: &&String| {
        let is_part = name.ends_with("_sum") || name.ends_with("_count");
        is_part || on_panels.contains(*name)
    };
    let missing: Vec<&String> = metrics.keys().filter(|name| !is_shown(name)).collect();
    ensure!(missing.is_empty(), "not on any panel: {missing:?}");
    Ok(())
}

fn every_panel_has_data(scrape: &str) -> Result<()> {
    let value = |value: &str| json!(format!("{value}x20"));
    let series: serde_json::Map<String, Value> = samples(scrape)
        .map(|(series, sample)| (series.to_owned(), value(sample)))
        .collect();
    let panels = panels()?;
    let question = |query: &String| {
        // Without a job and an instance, a matcher of any value matches.
        let query = query
            .replace("\"$job\"", "\".*\"")
            .replace("\"$instance\"", "\".*\"");
        json!({"expression": query, "for": "0m", "interval": "1m", "minutes": 20, "series": series})
    };
    let questions: Vec<Value> = panels.iter().map(question).collect();
    for (result, query) in results(&questions)?.iter().zip(&panels) {
        let has_data = result.as_array().is_some_and(|found| !found.is_empty());
        ensure!(has_data, "no data: {query}");
    }
    Ok(())
}
