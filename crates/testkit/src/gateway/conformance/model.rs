//! AWS's published service models, as botocore holds them: operations, shapes and their constraints.
//! Input: the JSON of one service, written by `tools/models/export.py`. Output: a model. Reads a file in `load` only.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// The model of one service.
#[derive(Debug, Deserialize)]
pub(super) struct Model {
    pub metadata: Metadata,
    pub operations: HashMap<String, Operation>,
    pub shapes: HashMap<String, Shape>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    pub api_version: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Operation {
    pub http: Http,
    pub input: Option<Reference>,
    pub output: Option<Reference>,
    #[serde(default)]
    pub errors: Vec<Reference>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Http {
    pub method: String,
    /// The path with its labels in braces: `/clusters/{name}/addons`.
    pub request_uri: String,
}

/// A use of a shape, as the member of another or as the input or output of an operation.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reference {
    pub shape: String,
    /// The part of an HTTP message in which the member is sent. `None` for the body.
    pub location: Option<Location>,
    pub location_name: Option<String>,
    /// The element around the output of the query protocol: `CreateRoleResult`.
    pub result_wrapper: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Location {
    Uri,
    Querystring,
    Header,
    Headers,
    StatusCode,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Structure,
    List,
    Map,
    String,
    Blob,
    Boolean,
    Integer,
    Long,
    Float,
    Double,
    Timestamp,
}

/// One shape. Lengths are in characters, or in entries for lists and maps; for numbers they are the range.
#[derive(Debug, Deserialize)]
pub(super) struct Shape {
    #[serde(rename = "type")]
    pub kind: Kind,
    #[serde(default)]
    pub required: Vec<String>,
    #[serde(default)]
    pub members: BTreeMap<String, Reference>,
    pub member: Option<Reference>,
    pub key: Option<Reference>,
    pub value: Option<Reference>,
    pub min: Option<i64>,
    pub max: Option<i64>,
    pub pattern: Option<String>,
    #[serde(rename = "enum")]
    pub values: Option<Vec<String>>,
    #[serde(default)]
    pub sensitive: bool,
    /// Exactly one member is set.
    #[serde(default)]
    pub union: bool,
    pub error: Option<ErrorTrait>,
}

/// Wire code and HTTP status of an error.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ErrorTrait {
    pub code: Option<String>,
    pub http_status_code: Option<u16>,
}

impl Model {
    /// Reads the model of `service` from the directory of the models.
    pub fn load(models: &Path, service: &str) -> Result<Self> {
        let path = models.join(format!("{service}.json"));
        let text = fs::read_to_string(&path)
            .with_context(|| format!("no service model of AWS in {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no service model", path.display()))
    }

    /// The shape that a reference names. Every reference of a model resolves.
    pub fn shape(&self, reference: &Reference) -> Option<&Shape> {
        self.shapes.get(&reference.shape)
    }
}
