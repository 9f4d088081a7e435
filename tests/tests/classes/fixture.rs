//! The fixture of this suite: one test bed with classes, two namespaces and active admission policies. Output: clients and
//! answers. Does I/O.

use std::fmt::Display;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::core::ApiResource;
use kube::{Api, Client};
use lanyard_api::{WorkloadIdentity, WorkloadIdentityClass};
use lanyard_testkit::{TestBed, TestBedOptions};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

const ADMISSION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/admission");
/// Timeout until the API server applies a policy or a class.
const LIMIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);

/// A namespace that `tenants` selects, and one that it does not select.
pub const SHOP: &str = "shop";
pub const BANK: &str = "bank";

/// The only test bed of this binary; it ends with the process.
pub async fn bed() -> Result<&'static TestBed> {
    static BED: OnceCell<TestBed> = OnceCell::const_new();
    BED.get_or_try_init(start).await
}

async fn start() -> Result<TestBed> {
    let options = TestBedOptions {
        nodes: 0,
        ..TestBedOptions::default()
    };
    let bed = TestBed::start(options).await?;
    bed.apply_crds().await?;
    let client = bed.client().await?;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    for (name, tier) in [(SHOP, "tenant"), (BANK, "platform")] {
        let namespace = json!({"metadata": {"name": name, "labels": {"tier": tier}}});
        let namespace = serde_json::from_value(namespace)?;
        namespaces.create(&PostParams::default(), &namespace).await?;
    }
    for class in classes()? {
        put_class(&client, &class).await?;
    }
    kubectl(bed.kubectl().args(["apply", "-k", ADMISSION]))?;
    until_in_effect(&client).await?;
    Ok(bed)
}

pub async fn client() -> Result<Client> {
    bed().await?.client().await
}

/// The classes of every test: a wide default, a narrow class for tenants, and one with nothing but a method.
pub fn classes() -> Result<Vec<WorkloadIdentityClass>> {
    let all = json!(["*"]);
    let wide = json!({"guardrails": {
        "namespaceSelector": {}, "methods": ["IRSA", "PodIdentity"], "policyArns": all, "roleNames": all,
        "inline": [{"actions": all, "resources": all}], "existingRoles": [{"arn": "*"}], "targetRoleArns": all,
        "tagKeys": all, "audiences": all, "maxSessionDuration": "12h",
    }});
    let tenants = json!({
        "defaults": {"maxSessionDuration": "2h"},
        "enforcedTags": {"cost-center": "42"},
        "guardrails": {
            "namespaceSelector": {"matchLabels": {"tier": "tenant"}, "matchExpressions": [
                {"key": "tier", "operator": "In", "values": ["tenant", "guest"]},
                {"key": "frozen", "operator": "DoesNotExist"},
            ]},
            "methods": ["IRSA", "PodIdentity"],
            "policyArns": ["arn:aws:iam::aws:policy/AmazonS3Read*", "arn:aws:iam::*:policy/{namespace}/??"],
            "inline": [{"actions": ["s3:Get*"], "resources": ["arn:aws:s3:::{namespace}-*", "arn:aws:s3:::${aws:PrincipalTag/stage}/*"]}],
            "roleNames": ["{namespace}-*"],
            "existingRoles": [{"arn": "arn:aws:iam::*:role/shared-{namespace}.+", "trust": "Check"}, {"arn": "*:role/any/*"}],
            "targetRoleArns": ["arn:aws:iam::444455556666:role/*"],
            "tagKeys": ["team", "x.{namespace}", "stage"],
            "audiences": ["vault.{namespace}"],
            "permissionsBoundaryArn": "arn:aws:iam::111122223333:policy/tenant",
        },
    });
    let bare =
        json!({"defaults": {"method": "IRSA"}, "guardrails": {"namespaceSelector": {}, "methods": ["IRSA"]}});
    let mut classes = vec![
        class("wide", wide)?,
        class("tenants", tenants)?,
        class("bare", bare)?,
    ];
    if let Some(wide) = classes.first_mut() {
        let mark = (
            lanyard_api::class::ANNOTATION_DEFAULT_CLASS.to_owned(),
            "true".to_owned(),
        );
        wide.metadata.annotations = Some([mark].into());
    }
    Ok(classes)
}

pub fn class(name: &str, spec: Value) -> Result<WorkloadIdentityClass> {
    Ok(WorkloadIdentityClass::new(name, serde_json::from_value(spec)?))
}

/// Creates or replaces a class.
pub async fn put_class(client: &Client, class: &WorkloadIdentityClass) -> Result<()> {
    let name = class.metadata.name.as_deref().context("a class has a name")?;
    let api: Api<WorkloadIdentityClass> = Api::all(client.clone());
    let params = PatchParams::apply("platform").force();
    api.patch(name, &params, &Patch::Apply(class)).await?;
    Ok(())
}

/// Waits until both policies evaluate every class.
async fn until_in_effect(client: &Client) -> Result<()> {
    let too_long = json!({"role": {"managed": {"maxSessionDuration": "12h"}}});
    for class in ["tenants", "bare"] {
        let mut spec = too_long.clone();
        if let Some(spec) = spec.as_object_mut() {
            spec.insert("className".to_owned(), json!(class));
        }
        until_denied(client, &spec).await?;
    }
    Ok(())
}

/// Waits until the namespace [`SHOP`] denies this spec.
pub async fn until_denied(client: &Client, spec: &Value) -> Result<()> {
    let denied = async || Ok(denial(client, SHOP, spec).await?.is_some());
    eventually(denied)
        .await
        .with_context(|| format!("not denied before the timeout: {spec}"))
}

/// Waits until a condition holds: the API server receives policies and their parameters by watches of its own.
pub async fn eventually(holds: impl AsyncFn() -> Result<bool>) -> Result<()> {
    let held = async {
        while !holds().await? {
            tokio::time::sleep(POLL).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(LIMIT, held).await.context("timeout")?
}

/// WorkloadIdentities as untyped JSON.
pub fn identities(client: &Client, namespace: &str) -> Api<DynamicObject> {
    let resource = ApiResource::erase::<WorkloadIdentity>(&());
    Api::namespaced_with(client.clone(), namespace, &resource)
}

pub fn identity(name: &str, spec: &Value) -> DynamicObject {
    let mut object = DynamicObject::new(name, &ApiResource::erase::<WorkloadIdentity>(&()));
    object.data = json!({"spec": spec});
    object
}

/// The admission policy's denial of a spec, by dry run. Returns `None` if the policy allows it.
pub async fn denial(client: &Client, namespace: &str, spec: &Value) -> Result<Option<String>> {
    denial_with(client, namespace, &[], spec).await
}

/// The admission policy's denial of an object with annotations. Returns `None` if the policy allows it.
pub async fn denial_with(
    client: &Client,
    namespace: &str,
    annotations: &[(&str, &str)],
    spec: &Value,
) -> Result<Option<String>> {
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let mut asked = identity("asked", spec);
    let text = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    asked.metadata.annotations = Some(annotations.iter().map(text).collect());
    denial_of(identities(client, namespace).create(&dry_run, &asked).await)
}

/// The denial of a policy. Returns `None` if the request was accepted, and an error if it was refused for another reason.
pub fn denial_of<T>(answer: Result<T, kube::Error>) -> Result<Option<String>> {
    match answer {
        Ok(_) => Ok(None),
        Err(kube::Error::Api(status)) => match status.message.split_once("' denied request: ") {
            Some((head, message)) if head.contains("ValidatingAdmissionPolicy") => {
                Ok(Some(message.to_owned()))
            }
            _ => bail!("refused by something else: {}", status.message),
        },
        Err(error) => Err(error.into()),
    }
}

/// Fails with both texts unless they are equal.
pub fn ensure_same<A: PartialEq<B> + Display, B: Display>(found: A, expected: B) -> Result<()> {
    ensure!(found == expected, "\n  expected: {expected}\n  found:    {found}");
    Ok(())
}

/// Runs kubectl. Returns its standard output, or an error with its standard error.
pub fn kubectl(command: &mut Command) -> Result<String> {
    let output = command.output().context("running kubectl")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "kubectl: {said}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
