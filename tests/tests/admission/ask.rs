//! Asking the API server: one test bed for the whole binary, dry runs, and the comparison of what is answered with what is
//! expected. Specs in, answers out; does I/O. Used by every other module of this suite.

use anyhow::{Result, bail, ensure};
use kube::Api;
use kube::api::{DynamicObject, PostParams};
use kube::core::ApiResource;
use lanyard_api::WorkloadIdentity;
use lanyard_testkit::{TestBed, TestBedOptions};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// The one test bed of this binary; it ends with the process.
pub async fn bed() -> Result<&'static TestBed> {
    static BED: OnceCell<TestBed> = OnceCell::const_new();
    let start = async || -> Result<TestBed> {
        let bed = TestBed::start(TestBedOptions {
            nodes: 0,
            ..TestBedOptions::default()
        })
        .await?;
        bed.apply_crds().await?;
        Ok(bed)
    };
    BED.get_or_try_init(start).await
}

/// WorkloadIdentities as bare JSON: tests send what no Rust type would let through.
pub async fn api() -> Result<Api<DynamicObject>> {
    let resource = ApiResource::erase::<WorkloadIdentity>(&());
    Ok(Api::default_namespaced_with(
        bed().await?.client().await?,
        &resource,
    ))
}

/// Creates an object without storing it; what comes back is what would be stored.
pub async fn dry_run(
    api: &Api<DynamicObject>,
    name: &str,
    spec: &Value,
) -> Result<DynamicObject, kube::Error> {
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let mut object = DynamicObject::new(name, &ApiResource::erase::<WorkloadIdentity>(&()));
    object.data = json!({"spec": spec});
    api.create(&dry_run, &object).await
}

/// What the API server answers to a spec that it refuses, without the words before the first field.
pub async fn refusal(api: &Api<DynamicObject>, name: &str, spec: &Value) -> Result<String> {
    match dry_run(api, name, spec).await {
        Ok(_) => bail!("accepted: {spec}"),
        Err(kube::Error::Api(status)) => {
            let head = format!("WorkloadIdentity.lanyard.dev \"{name}\" is invalid: ");
            Ok(status
                .message
                .strip_prefix(&head)
                .unwrap_or(&status.message)
                .to_owned())
        }
        Err(error) => Err(error.into()),
    }
}

/// Sends each spec and compares what is answered with what is expected; tells of all differences at once.
pub async fn refused(cases: &[(Value, &str)]) -> Result<()> {
    let api = api().await?;
    let mut surprises = String::new();
    for (spec, expected) in cases {
        let found = refusal(&api, "orders", spec).await?;
        if found != *expected {
            surprises.push_str(&format!(
                "\n{spec}\n  expected: {expected}\n  found:    {found}\n"
            ));
        }
    }
    ensure!(surprises.is_empty(), "{surprises}");
    Ok(())
}

/// Sends each spec and wants none refused.
pub async fn accepted(specs: &[Value]) -> Result<()> {
    let api = api().await?;
    for spec in specs {
        dry_run(&api, "orders", spec)
            .await
            .map_err(|error| anyhow::anyhow!("{spec}: {error}"))?;
    }
    Ok(())
}

/// A good spec whose managed role has these fields.
pub fn managed(role: Value) -> Value {
    json!({"role": {"managed": role}})
}

/// A good spec with one more field.
pub fn with(field: &str, value: Value) -> Value {
    json!({"role": {"managed": {}}, field: value})
}

/// What follows a fault of type, length or number: the API server then leaves the other rules for later.
macro_rules! and_the_rest_later {
    ($first:literal) => {
        concat!(
            "[",
            $first,
            ", <nil>: Invalid value: null: some validation rules were not checked because the object was invalid; \
             correct the existing errors to complete validation]"
        )
    };
}

pub(crate) use and_the_rest_later;
