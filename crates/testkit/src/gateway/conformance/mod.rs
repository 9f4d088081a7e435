//! Conformance with AWS: compares each request to IAM, STS and EKS, and each answer of the gateway, with the service models
//! that AWS publishes. Input: the directory of the models, and the calls. Output: the violations of each call, for the
//! ledger. Reads the models once per gateway; no other I/O.
//! ```text
//!   request --- query, rest ---+
//!                              +--> one value ---> check (model, pattern) ---> violations
//!   answer ---- query ---------+
//! ```

mod check;
mod errors;
mod model;
mod pattern;
mod query;
mod rest;
#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use super::call::Call;
use super::form::Form;
use super::message::{Answer, Request};
use super::service::Service;
use super::xml;

use self::check::{Check, Encoding, Sender};
use self::model::{Model, Operation, Reference};
use self::pattern::Patterns;

/// The models of the services, and the patterns in use. Without models every call conforms.
#[derive(Debug, Default)]
pub(crate) struct Conformance {
    models: Option<Models>,
    patterns: Patterns,
}

#[derive(Debug)]
struct Models {
    iam: Model,
    sts: Model,
    eks: Model,
}

impl Conformance {
    /// Reads the models from their directory.
    pub fn load(models: &Path) -> Result<Self> {
        let models = Models {
            iam: Model::load(models, "iam")?,
            sts: Model::load(models, "sts")?,
            eks: Model::load(models, "eks")?,
        };
        Ok(Self {
            models: Some(models),
            patterns: Patterns::default(),
        })
    }

    /// The ways in which a call differs from its model. An answer that a test wrote byte by byte is not compared.
    pub fn violations(&self, call: &Call, request: &Request, answer: Option<&Answer>) -> Vec<String> {
        let Some(model) = self.models.as_ref().and_then(|models| models.of(call.service)) else {
            return Vec::new();
        };
        let Some((name, operation)) = resolve(model, call, request) else {
            return vec![format!(
                "request: {} is no operation of {}",
                call.operation, call.service
            )];
        };
        let mut found = labelled("request", self.request(model, call.service, operation, request));
        if name != call.operation {
            found.push(format!("request: the model names it {name}"));
        }
        if let Some(answer) = answer {
            found.extend(labelled(
                "answer",
                self.answer(model, call.service, (name, operation), answer),
            ));
        }
        found
    }

    fn request(
        &self,
        model: &Model,
        service: Service,
        operation: &Operation,
        request: &Request,
    ) -> Vec<String> {
        if service == Service::Eks {
            return match &operation.input {
                Some(input) => {
                    let value = rest::input(model, operation, input, request);
                    self.compare(model, input, Sender::Caller, Encoding::Typed, &value)
                }
                None => Vec::new(),
            };
        }
        let form = request.form();
        let mut found = Vec::new();
        if form.get("Version") != Some(model.metadata.api_version.as_str()) {
            found.push(format!("Version is not {}", model.metadata.api_version));
        }
        match &operation.input {
            Some(input) => {
                let value = query::from_form(model, input, parameters(&form));
                found.extend(self.compare(model, input, Sender::Caller, Encoding::Text, &value));
            }
            None => {
                found.extend(parameters(&form).map(|(name, _)| format!("{name} is unknown to the model")))
            }
        }
        found
    }

    fn answer(
        &self,
        model: &Model,
        service: Service,
        (name, operation): (&str, &Operation),
        answer: &Answer,
    ) -> Vec<String> {
        if !answer.status.is_success() {
            return errors::violation(model, service, (name, operation), answer)
                .into_iter()
                .collect();
        }
        let Some(output) = &operation.output else {
            return Vec::new();
        };
        if service == Service::Eks {
            return match answer.parse_json() {
                Some(body) => self.compare(model, output, Sender::Aws, Encoding::Typed, &body),
                None => vec!["the body is no JSON".to_owned()],
            };
        }
        let text = answer.text();
        let wrapper = output.result_wrapper.as_deref().unwrap_or(&output.shape);
        match xml::inner(&text, wrapper) {
            Some(inner) => {
                let value = query::from_xml(model, output, inner);
                self.compare(model, output, Sender::Aws, Encoding::Text, &value)
            }
            None => vec![format!("the element {wrapper} is missing")],
        }
    }

    fn compare(
        &self,
        model: &Model,
        shape: &Reference,
        sender: Sender,
        encoding: Encoding,
        value: &Value,
    ) -> Vec<String> {
        let mut check = Check {
            model,
            patterns: &self.patterns,
            sender,
            encoding,
            violations: Vec::new(),
        };
        check.value(shape, "", value);
        check.violations
    }
}

impl Models {
    fn of(&self, service: Service) -> Option<&Model> {
        match service {
            Service::Iam => Some(&self.iam),
            Service::Sts => Some(&self.sts),
            Service::Eks => Some(&self.eks),
            Service::Sqs | Service::Kubernetes => None,
        }
    }
}

fn resolve<'a>(model: &'a Model, call: &Call, request: &Request) -> Option<(&'a str, &'a Operation)> {
    if call.service == Service::Eks {
        return rest::operation(model, request);
    }
    let (name, operation) = model.operations.get_key_value(&call.operation)?;
    Some((name, operation))
}

/// The parameters of an operation: without those that select it.
fn parameters(form: &Form) -> impl Iterator<Item = (&str, &str)> {
    form.pairs()
        .filter(|(name, _)| !["Action", "Version"].contains(name))
}

fn labelled(part: &'static str, violations: Vec<String>) -> Vec<String> {
    violations
        .into_iter()
        .map(|violation| format!("{part}: {violation}"))
        .collect()
}

/// The patterns of a service's models that cannot be expressed and are not checked, sorted.
///
/// # Errors
/// Returns an error if the models cannot be read.
pub fn unchecked_patterns(models: &Path) -> Result<Vec<String>> {
    let mut unchecked = Vec::new();
    for service in ["iam", "sts", "eks"] {
        let model = Model::load(models, service)?;
        let patterns = model.shapes.into_values().filter_map(|shape| shape.pattern);
        unchecked.extend(patterns.filter(|pattern| pattern::compile(pattern).is_none()));
    }
    unchecked.sort();
    unchecked.dedup();
    Ok(unchecked)
}
