//! Renders the Grafana dashboards from one table of panels. The suite `monitoring` proves that every query reads metrics
//! and labels that a running operator has, and that every metric is on a panel.
//! Input: the table below. Output: JSON. No I/O.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use super::generated::Generated;

const DIR: &str = "config/monitoring/dashboards";
/// Stands in queries for the labels of the dashboard's variables.
const SELECTED: &str = "SELECTED";
const SELECTOR: &str = "job=~\"$job\",instance=~\"$instance\"";
/// Panels in a row of 24 columns, and their height.
const COLUMNS: usize = 2;
const HEIGHT: usize = 8;

/// A panel: title, description, unit, legend and query.
type Panel = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

const FLEET: &[Panel] = &[
    (
        "Ready",
        "WorkloadIdentities by status of Ready.",
        "short",
        "{{status}}",
        "sum by (status) (lanyard_identities{SELECTED,condition=\"Ready\"})",
    ),
    (
        "Conditions",
        "WorkloadIdentities by condition that is True.",
        "short",
        "{{condition}}",
        "sum by (condition) (lanyard_identities{SELECTED,status=\"True\"})",
    ),
    (
        "Drift found",
        "Out-of-band changes found in an hour.",
        "short",
        "{{resource}}",
        "sum by (resource) (increase(lanyard_drift_found_total{SELECTED}[1h]))",
    ),
    (
        "Drift corrected",
        "Out-of-band changes corrected in an hour.",
        "short",
        "{{resource}}",
        "sum by (resource) (increase(lanyard_drift_corrected_total{SELECTED}[1h]))",
    ),
    (
        "Standing drift",
        "Fields with drift in statuses.",
        "short",
        "{{resource}}",
        "sum by (resource) (lanyard_drift_items{SELECTED})",
    ),
    (
        "Orphans",
        "AWS resources of this cluster without an object.",
        "short",
        "{{resource}}",
        "sum by (resource) (lanyard_orphans{SELECTED})",
    ),
    (
        "Drift scan objects",
        "Steady objects by result of the last drift scan.",
        "short",
        "{{state}}",
        "sum by (state) (lanyard_drift_scan_objects{SELECTED})",
    ),
    (
        "Age of the last drift scan",
        "Time since the end of the last drift scan without a failed read.",
        "s",
        "age",
        "time() - max(lanyard_drift_scan_last_timestamp_seconds{SELECTED})",
    ),
];

const OPERATOR: &[Panel] = &[
    (
        "Leader",
        "1 for the operator that holds the lease.",
        "short",
        "{{instance}}",
        "lanyard_leader{SELECTED}",
    ),
    (
        "Version",
        "Versions of the running operators.",
        "short",
        "{{version}}",
        "sum by (version) (lanyard_build_info{SELECTED})",
    ),
    (
        "Reconciles",
        "Reconciles per second by outcome.",
        "ops",
        "{{outcome}}",
        "sum by (outcome) (rate(lanyard_reconcile_total{SELECTED}[$__rate_interval]))",
    ),
    (
        "Duration of reconciles",
        "99th percentile.",
        "s",
        "p99",
        "histogram_quantile(0.99, sum by (le) (rate(lanyard_reconcile_duration_seconds_bucket{SELECTED}[$__rate_interval])))",
    ),
    (
        "Running reconciles",
        "Part of the workers that is busy; at 1, objects queue.",
        "percentunit",
        "{{instance}}",
        "lanyard_reconciles_running{SELECTED} / lanyard_workers{SELECTED}",
    ),
    (
        "Backoff",
        "Objects that failed and wait for a retry.",
        "short",
        "objects",
        "max(lanyard_objects_in_backoff{SELECTED})",
    ),
    (
        "Steps",
        "Steps per second by outcome.",
        "ops",
        "{{step}} {{outcome}}",
        "sum by (step, outcome) (rate(lanyard_steps_total{SELECTED}[$__rate_interval]))",
    ),
    (
        "Duration of steps",
        "99th percentile by step.",
        "s",
        "{{step}}",
        "histogram_quantile(0.99, sum by (step, le) (rate(lanyard_step_duration_seconds_bucket{SELECTED}[$__rate_interval])))",
    ),
    (
        "Requests to the API server",
        "Requests per second by verb and status.",
        "reqps",
        "{{verb}} {{code}}",
        "sum by (verb, code) (rate(lanyard_kube_requests_total{SELECTED}[$__rate_interval]))",
    ),
    (
        "Watch errors",
        "Failed watches and lists in an hour.",
        "short",
        "{{watch}}",
        "sum by (watch) (increase(lanyard_watch_errors_total{SELECTED}[1h]))",
    ),
    (
        "Age of the last watch event",
        "Time since a watch last delivered an object or a list.",
        "s",
        "{{watch}}",
        "time() - max by (watch) (lanyard_watch_last_event_timestamp_seconds{SELECTED})",
    ),
    (
        "Drift scans",
        "Drift scans in an hour by outcome.",
        "short",
        "{{outcome}}",
        "sum by (outcome) (increase(lanyard_drift_scans_total{SELECTED}[1h]))",
    ),
    (
        "Duration of drift scans",
        "99th percentile.",
        "s",
        "p99",
        "histogram_quantile(0.99, sum by (le) (rate(lanyard_drift_scan_duration_seconds_bucket{SELECTED}[1h])))",
    ),
];

const AWS: &[Panel] = &[
    (
        "Calls",
        "AWS calls per second by service and outcome.",
        "reqps",
        "{{service}} {{outcome}}",
        "sum by (service, outcome) (rate(lanyard_aws_calls_total{SELECTED}[$__rate_interval]))",
    ),
    (
        "Duration of calls",
        "99th percentile by service.",
        "s",
        "{{service}}",
        "histogram_quantile(0.99, sum by (service, le) (rate(lanyard_aws_call_duration_seconds_bucket{SELECTED}[$__rate_interval])))",
    ),
    (
        "Wait in the budget",
        "99th percentile of the wait of calls for their slot.",
        "s",
        "{{service}}",
        "histogram_quantile(0.99, sum by (service, le) (rate(lanyard_aws_call_wait_seconds_bucket{SELECTED}[$__rate_interval])))",
    ),
    (
        "Waiting calls",
        "Calls that wait for their slot.",
        "short",
        "{{service}} {{access}} {{lane}}",
        "max by (service, account, access, lane) (lanyard_aws_budget_waiting{SELECTED})",
    ),
    (
        "Learned rate",
        "Learned limit of calls per second.",
        "reqps",
        "{{service}} {{account}} {{access}}",
        "min by (service, account, access) (lanyard_aws_budget_rate{SELECTED})",
    ),
    (
        "Ceiling",
        "Configured limit of calls per second.",
        "reqps",
        "{{service}} {{account}}",
        "max by (service, account) (lanyard_aws_budget_ceiling{SELECTED})",
    ),
    (
        "Throttled calls",
        "Throttled calls per second.",
        "reqps",
        "{{service}} {{account}} {{access}}",
        "sum by (service, account, access) (rate(lanyard_aws_budget_throttled_total{SELECTED}[$__rate_interval]))",
    ),
    (
        "Pages of drift scans",
        "Pages read in an hour by list.",
        "short",
        "{{read}}",
        "sum by (read) (increase(lanyard_drift_scan_pages_total{SELECTED}[1h]))",
    ),
    (
        "Pending descriptions",
        "Associations to describe before the next drift scan.",
        "short",
        "associations",
        "max(lanyard_describes_pending{SELECTED})",
    ),
];

/// The dashboards by their paths.
pub(super) fn files() -> Result<Generated> {
    let mut files = Generated::new();
    for (name, title, panels) in [
        ("fleet", "Lanyard: fleet", FLEET),
        ("operator", "Lanyard: operator", OPERATOR),
        ("aws", "Lanyard: AWS", AWS),
    ] {
        let text = serde_json::to_string_pretty(&dashboard(name, title, panels))? + "\n";
        files.insert(Path::new(DIR).join(name).with_added_extension("json"), text);
    }
    Ok(files)
}

fn dashboard(name: &str, title: &str, panels: &[Panel]) -> Value {
    let panels: Vec<Value> = panels
        .iter()
        .enumerate()
        .map(|(at, one)| panel(at, one))
        .collect();
    json!({
        "uid": format!("lanyard-{name}"),
        "title": title,
        "tags": ["lanyard"],
        "schemaVersion": 39,
        "editable": false,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [
            {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"},
            variable("job", "label_values(lanyard_build_info, job)"),
            variable("instance", "label_values(lanyard_build_info{job=~\"$job\"}, instance)"),
        ]},
        "panels": panels,
    })
}

fn variable(name: &str, query: &str) -> Value {
    json!({
        "name": name, "label": name, "type": "query", "query": query, "datasource": datasource(),
        "includeAll": true, "multi": true, "refresh": 2, "current": {"text": "All", "value": "$__all"},
    })
}

fn datasource() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

fn panel(at: usize, &(title, about, unit, legend, query): &Panel) -> Value {
    let width = 24 / COLUMNS;
    json!({
        "id": at + 1,
        "type": "timeseries",
        "title": title,
        "description": about,
        "datasource": datasource(),
        "gridPos": {"h": HEIGHT, "w": width, "x": at % COLUMNS * width, "y": at / COLUMNS * HEIGHT},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [{
            "refId": "A", "datasource": datasource(), "legendFormat": legend,
            "expr": query.replace(SELECTED, SELECTOR),
        }],
    })
}
