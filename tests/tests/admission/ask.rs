//! Access of the admission suite to the API server: one test bed for the whole binary, dry runs, and the comparison of
//! answers with expectations. Input: specs. Output: answers. Does I/O.

use anyhow::{Result, bail, ensure};
use kube::Api;
use kube::api::{DynamicObject, PostParams};
use kube::core::ApiResource;
use lanyard_api::WorkloadIdentity;
use lanyard_testkit::{TestBed, TestBedOptions};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// The only test bed of this binary; it ends with the process.
pub async fn bed() -> Result<&'static TestBed> {
    static BED: OnceCell<TestBed> = OnceCell::const_new();
    let start = async || -> Result<TestBed> {
        let bed = TestBed::start(TestBedOptions {
            nodes: 1,
            ..TestBedOptions::default()
        })
        .await?;
        bed.apply_crds().await?;
        Ok(bed)
    };
    BED.get_or_try_init(start).await
}

/// WorkloadIdentities as untyped JSON: tests send values that the Rust types cannot express.
pub async fn api() -> Result<Api<DynamicObject>> {
    let resource = ApiResource::erase::<WorkloadIdentity>(&());
    Ok(Api::default_namespaced_with(
        bed().await?.client().await?,
        &resource,
    ))
}

/// Creates an object by dry run. Returns the object that the API server would store.
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

/// The API server's refusal of a spec, without the words before the first field.
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

/// Sends each spec and compares the refusal with the expected one. Reports all differences at once.
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

/// Sends each spec and fails if one is refused.
pub async fn accepted(specs: &[Value]) -> Result<()> {
    let api = api().await?;
    for spec in specs {
        dry_run(&api, "orders", spec)
            .await
            .map_err(|error| anyhow::anyhow!("{spec}: {error}"))?;
    }
    Ok(())
}

/// A valid spec whose managed role has these fields.
pub fn managed(role: Value) -> Value {
    json!({"role": {"managed": role}})
}

/// A valid spec with one additional field.
pub fn with(field: &str, value: Value) -> Value {
    json!({"role": {"managed": {}}, field: value})
}

/// The suffix of a refusal after an error of type, length or number: the API server then skips the other rules.
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
