//! Each alert with series on which it fires, and with series just below. Input: the rules. Output: verdicts. Reads files.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use lanyard_testkit::cache::Cache;
use lanyard_testkit::tools::Evaluator;
use serde_json::{Value, json};

use crate::{alerts, documents, read, results};

/// The length of all series, at one sample a minute.
const MINUTES: usize = 90;

/// An alert, a series on which it fires, and one just below its limit. `_` stands for the length of the series.
type Case = (&'static str, &'static str, &'static str, &'static str);

const CASES: [Case; 14] = [
    ("LanyardNoLeader", "lanyard_leader{instance=\"a\"}", "0x_", "1x_"),
    (
        "LanyardIdentityStalled",
        "lanyard_identities{condition=\"Stalled\",status=\"True\"}",
        "1x_",
        "0x_",
    ),
    (
        "LanyardIdentityNotReady",
        "lanyard_identities{condition=\"Ready\",status=\"Unknown\"}",
        "1x_",
        "0x_",
    ),
    (
        "LanyardDriftFound",
        "lanyard_drift_found_total{resource=\"Role\"}",
        "0+1x_",
        "7x_",
    ),
    (
        "LanyardDriftRepeats",
        "lanyard_drift_corrected_total{resource=\"Role\"}",
        "0+0.1x_",
        "0+0.08x_",
    ),
    (
        "LanyardDriftScanStale",
        "lanyard_drift_scan_last_timestamp_seconds",
        "1200x_",
        "0+60x_",
    ),
    (
        "LanyardOrphans",
        "lanyard_orphans{resource=\"Role\"}",
        "1x_",
        "0x_",
    ),
    (
        "LanyardAwsDenied",
        "lanyard_aws_calls_total{service=\"iam\",operation=\"GetRole\",outcome=\"denied\"}",
        "0+1x_",
        "3x_",
    ),
    (
        "LanyardAwsErrors",
        "lanyard_aws_calls_total{service=\"iam\",operation=\"GetRole\",outcome=\"server\"}",
        "0+1x_",
        "0+0.4x_",
    ),
    (
        "LanyardAwsThrottled",
        "lanyard_aws_budget_throttled_total{service=\"iam\",account=\"own\",access=\"read\"}",
        "0+7x_",
        "0+5x_",
    ),
    (
        "LanyardAwsBudgetFull",
        "lanyard_aws_budget_waiting{service=\"iam\",account=\"own\",access=\"read\",lane=\"foreground\"}",
        "1x_",
        "0x_",
    ),
    (
        "LanyardReconcilesQueue",
        "lanyard_reconciles_running{instance=\"a\"}",
        "16x_",
        "15x_",
    ),
    (
        "LanyardBackoff",
        "lanyard_objects_in_backoff{instance=\"a\"}",
        "1x_",
        "0x_",
    ),
    (
        "LanyardWatchFails",
        "lanyard_watch_errors_total{watch=\"pods\"}",
        "0+2x_",
        "0+0.9x_",
    ),
];

fn question(alert: &Value, series: &str, values: &str) -> Value {
    let values = values.replace('_', &MINUTES.to_string());
    json!({
        "expression": alert["expr"], "for": alert["for"], "interval": "1m", "minutes": MINUTES,
        "series": {series: values, "lanyard_workers{instance=\"a\"}": format!("16x{MINUTES}")},
    })
}

fn fires(result: &Value) -> bool {
    result.as_array().is_some_and(|firing| !firing.is_empty())
}

#[test]
fn every_alert_fires_and_is_silent_just_below() -> Result<()> {
    let alerts = alerts()?;
    let names: BTreeSet<&str> = alerts
        .iter()
        .filter_map(|alert| alert["alert"].as_str())
        .collect();
    ensure!(names == CASES.iter().map(|case| case.0).collect(), "{names:?}");
    let mut questions = Vec::new();
    for (name, series, above, below) in CASES {
        let alert = alerts.iter().find(|alert| alert["alert"] == name).context(name)?;
        questions.extend([question(alert, series, above), question(alert, series, below)]);
    }
    for (pair, case) in results(&questions)?.chunks(2).zip(CASES) {
        ensure!(fires(&pair[0]), "{} does not fire: {case:?}", case.0);
        ensure!(!fires(&pair[1]), "{} fires below: {:?}", case.0, pair[1]);
    }
    Ok(())
}

#[test]
fn alert_is_silent_before_its_time() -> Result<()> {
    let alerts = alerts()?;
    let mut questions = Vec::new();
    for alert in &alerts {
        let Some(minutes) = alert["for"]
            .as_str()
            .and_then(|text| text.strip_suffix('m')?.parse::<usize>().ok())
        else {
            continue;
        };
        let case = CASES
            .iter()
            .find(|case| alert["alert"] == case.0)
            .context("a case")?;
        // Alerts on gauges only: an increase begins before it crosses the limit.
        if minutes == 0 || case.2.contains('+') || case.3.contains('+') {
            continue;
        }
        let (above, below) = (case.2.trim_end_matches("x_"), case.3.trim_end_matches("x_"));
        let quiet = MINUTES - minutes;
        let values = format!("{below}x{quiet} {above}x{}", minutes - 1);
        questions.push(question(alert, case.1, &values));
    }
    ensure!(questions.len() > 5, "{}", questions.len());
    for (result, question) in results(&questions)?.iter().zip(&questions) {
        ensure!(!fires(result), "{question}");
    }
    Ok(())
}

#[test]
fn only_the_leader_alert_fires_without_an_operator() -> Result<()> {
    let alerts = alerts()?;
    let question = |alert: &Value| {
        json!({
            "expression": alert["expr"], "for": alert["for"], "interval": "1m", "minutes": MINUTES,
            "series": {"up": format!("1x{MINUTES}")},
        })
    };
    let questions: Vec<Value> = alerts.iter().map(question).collect();
    for (result, alert) in results(&questions)?.iter().zip(&alerts) {
        ensure!(
            fires(result) == (alert["alert"] == "LanyardNoLeader"),
            "{alert}: {result}"
        );
    }
    Ok(())
}

#[test]
fn rules_are_valid_and_have_a_runbook() -> Result<()> {
    results(&[json!({"rules": read("rules.yaml")?})])?;
    let page = read("../../docs/howto/monitoring.md")?;
    for alert in alerts()? {
        let name = alert["alert"].as_str().context("a name")?;
        ensure!(page.contains(&format!("\n### {name}\n")), "no runbook of {name}");
        let url = alert["annotations"]["runbook_url"].as_str().unwrap_or_default();
        ensure!(
            url.ends_with(&format!("/docs/howto/monitoring.md#{}", name.to_lowercase())),
            "{url}"
        );
        ensure!(alert["labels"]["severity"].is_string(), "{name}");
        let summary = alert["annotations"]["summary"].as_str().unwrap_or_default();
        ensure!(summary.len() > 40, "{name}: {summary}");
    }
    Ok(())
}

#[test]
fn monitors_have_only_fields_of_their_crds() -> Result<()> {
    let evaluator = Evaluator::gitops(&Cache::open()?)?;
    for file in ["prometheus-rule.yaml", "pod-monitor.yaml", "service-monitor.yaml"] {
        for document in documents(file)?
            .into_iter()
            .filter(|document| document["kind"] != "Service")
        {
            let answer = evaluator.ask(&[json!({"decode": true, "object": document})])?;
            ensure!(answer[0]["error"].is_null(), "{file}: {answer:?}");
        }
    }
    Ok(())
}

/// Every path of an object that kube-state-metrics reads is a field of the CRD.
#[test]
fn paths_of_kube_state_metrics_are_fields() -> Result<()> {
    let config = documents("kube-state-metrics.yaml")?.remove(0);
    let resources = config["spec"]["resources"].as_array().context("no resources")?;
    for resource in resources {
        let plural = match resource["groupVersionKind"]["kind"].as_str() {
            Some("WorkloadIdentity") => "workloadidentities",
            _ => "workloadidentityclasses",
        };
        let crd: Value = serde_saphyr::from_str(&read(&format!("../../crds/{plural}.yaml"))?)?;
        let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        for metric in resource["metrics"].as_array().context("no metrics")? {
            for kind in ["gauge", "info"] {
                let each = &metric["each"][kind];
                let from = field(schema, &each["path"]).with_context(|| metric.to_string())?;
                for label in each["labelsFromPath"]
                    .as_object()
                    .into_iter()
                    .flat_map(serde_json::Map::values)
                {
                    field(from, label).with_context(|| metric.to_string())?;
                }
                field(from, &each["valueFrom"]).with_context(|| metric.to_string())?;
            }
        }
    }
    Ok(())
}

/// The schema of a field, or of the items of a list. No path is the schema itself.
fn field<'a>(schema: &'a Value, path: &Value) -> Option<&'a Value> {
    let mut schema = schema;
    for name in path.as_array().into_iter().flatten() {
        schema = schema["properties"].get(name.as_str()?)?;
    }
    Some(schema.get("items").unwrap_or(schema))
}
