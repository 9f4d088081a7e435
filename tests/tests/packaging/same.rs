//! Proves that the chart and the kustomization install the same objects. Does I/O.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use lanyard_tests::manifests;
use serde_json::{Value, json};

use crate::chart;
use crate::stage;

/// A chart with all that the components add. Its release name gives the objects the same names.
const VALUES: &[&str] = &[
    "--set",
    "clusterName=my-cluster,region=eu-west-1,image.tag=dev,replicas=2",
    "--set",
    "rbac.restart=true,rbac.tenants=true,networkPolicy.enabled=true,flowSchema.enabled=true",
];
const COMPONENTS: &[&str] = &[
    "ha",
    "restart",
    "token-clients",
    "tenants",
    "network-policy",
    "flow-schema",
    "admission",
    "self-restraint",
];

#[tokio::test]
async fn chart_and_kustomization_render_the_same_objects() -> Result<()> {
    let bed = &stage().await?.bed;
    let chart = by_name(&chart::template(bed, VALUES).await?)?;
    let mut kustomization = by_name(&manifests::rendered(bed, COMPONENTS)?)?;
    // `helm install --create-namespace` makes it.
    kustomization.remove("Namespace lanyard-system");
    let names = |objects: &BTreeMap<String, Value>| objects.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&chart), names(&kustomization));
    for (name, expected) in &kustomization {
        let rendered = chart.get(name).context("compared above")?;
        assert_eq!(rendered, expected, "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn chart_and_kustomization_render_the_same_monitoring() -> Result<()> {
    let bed = &stage().await?.bed;
    let values = [
        "--set",
        "clusterName=prod,metrics.podMonitor=true,metrics.rules=true",
        "--show-only",
        "templates/monitoring.yaml",
    ];
    let chart = by_name(&chart::template(bed, &values).await?)?;
    let monitoring = manifests::config()?.join("monitoring");
    let output = bed.kubectl().arg("kustomize").arg(monitoring).output()?;
    assert_eq!(chart, by_name(&manifests::documents(output)?)?);
    Ok(())
}

fn by_name(documents: &[String]) -> Result<BTreeMap<String, Value>> {
    chart::objects(documents)?
        .into_iter()
        .map(|object| {
            let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
            let kind = text("/kind").context("a kind")?;
            let name = text("/metadata/name").context("a name")?;
            // kustomize adds a hash of the content, where the chart annotates the pods with one.
            let name = if kind == "ConfigMap" { "lanyard" } else { &name };
            Ok((format!("{kind} {name}"), comparable(object)?))
        })
        .collect()
}

/// Replaces all white space in strings by single spaces, which CEL treats alike outside of its own strings.
fn collapse_spaces(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.split_whitespace().collect::<Vec<_>>().join(" "),
        Value::Array(items) => items.iter_mut().for_each(collapse_spaces),
        Value::Object(fields) => fields.values_mut().for_each(collapse_spaces),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Fields that differ on purpose: the labels, and the hash of the settings, which kustomize puts into the name of the
/// ConfigMap and the chart into an annotation of the pods. The chart states a default of the API server.
const DIFFERENT: [&str; 6] = [
    "/spec/selector/matchLabels",
    "/spec/podSelector/matchLabels",
    "/spec/template/metadata",
    "/spec/template/spec/containers/0/envFrom/0/configMapRef/name",
    "/spec/template/spec/topologySpreadConstraints/0/labelSelector",
    "/spec/revisionHistoryLimit",
];

/// The object without what differs on purpose. Of its labels only those remain that aggregate roles.
fn comparable(mut object: Value) -> Result<Value> {
    let kind = object.pointer("/kind").cloned();
    let metadata = object.pointer_mut("/metadata").and_then(Value::as_object_mut);
    let metadata = metadata.context("metadata")?;
    let mut labels = metadata.remove("labels").unwrap_or_else(|| json!({}));
    if let Some(labels) = labels.as_object_mut() {
        labels.retain(|label, _| label.contains("/aggregate-to-"));
    }
    metadata.insert("labels".to_owned(), labels);
    if kind == Some(json!("ConfigMap")) {
        metadata.remove("name");
    }
    if kind == Some(json!("ValidatingAdmissionPolicy")) {
        // kustomize folds lines of expressions in its own way.
        collapse_spaces(&mut object);
    }
    if let Some(spec) = object.pointer_mut("/spec").and_then(Value::as_object_mut) {
        spec.entry("revisionHistoryLimit").or_insert(Value::Null);
    }
    for field in DIFFERENT {
        if let Some(value) = object.pointer_mut(field) {
            *value = Value::Null;
        }
    }
    Ok(object)
}
