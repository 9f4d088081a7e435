//! Objects of a manifest, checked against the schema of the CRDs while they are parsed: only then are line and column known.
//! Input: a YAML document. Output: a JSON value, or an error at its place. No I/O. The rules of the schema, such as lengths
//! and CEL, are checked by core.

use std::fmt;
use std::sync::OnceLock;

use kube::Resource;
use lanyard_api::{WorkloadIdentity, WorkloadIdentityClass};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::error::nearest;

/// An object of any kind. Those of Lanyard have only known fields, with values of the right type.
pub(super) struct CheckedObject(pub Value);

impl<'de> Deserialize<'de> for CheckedObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ObjectVisitor).map(Self)
    }
}

/// Visits the fields of the object. The schema of the spec is known if `kind` stands before it, as it usually does.
struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
            let path = key.clone();
            let schema = (key == "spec").then(|| spec_schema(kind)).flatten();
            let value = map.next_value_seed(Checked { schema, path })?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

/// The schema of the spec of a kind. Returns `None` for kinds that are not Lanyard's.
fn spec_schema(kind: &str) -> Option<&'static Value> {
    static SCHEMAS: OnceLock<Vec<(String, Value)>> = OnceLock::new();
    let schemas = SCHEMAS.get_or_init(|| {
        let kinds = [WorkloadIdentity::kind(&()), WorkloadIdentityClass::kind(&())];
        let crds = lanyard_api::crds()
            .into_iter()
            .map(|crd| serde_json::to_value(crd).unwrap_or_default());
        let spec = |crd: Value| {
            let path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec";
            crd.pointer(path).cloned().unwrap_or_default()
        };
        kinds.map(String::from).into_iter().zip(crds.map(spec)).collect()
    });
    schemas
        .iter()
        .find(|(known, _)| known == kind)
        .map(|(_, schema)| schema)
}

/// A value at a path, checked against its schema if there is one.
struct Checked {
    schema: Option<&'static Value>,
    path: String,
}

impl Checked {
    fn part(&self, part: &str) -> Option<&'static Value> {
        self.schema?.get(part)
    }

    /// The schema of a field. Returns an error for a field that the schema does not have.
    fn field<E: Error>(&self, key: &str) -> Result<Option<&'static Value>, E> {
        let Some(properties) = self.part("properties").and_then(Value::as_object) else {
            return Ok(self
                .part("additionalProperties")
                .filter(|schema| schema.is_object()));
        };
        match properties.get(key) {
            Some(schema) => Ok(Some(schema)),
            None if self.part("x-kubernetes-preserve-unknown-fields").is_some() => Ok(None),
            None => {
                let near = nearest(key, properties.keys().map(String::as_str));
                Err(E::custom(format!("unknown field {key:?} in {}{near}", self.path)))
            }
        }
    }

    /// Checks the type of a value, and that it is one of the allowed ones.
    fn checked<E: Error>(&self, value: Value) -> Result<Value, E> {
        let Some(kind) = self.part("type").and_then(Value::as_str) else {
            return Ok(value);
        };
        let fits = match kind {
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            _ => true,
        };
        let absent = value.is_null();
        if !fits && !absent {
            let article = if matches!(kind, "integer" | "array" | "object") {
                "an"
            } else {
                "a"
            };
            return Err(E::custom(format!("{} must be {article} {kind}", self.path)));
        }
        let allowed = self.part("enum").and_then(Value::as_array);
        match allowed {
            Some(allowed) if !absent && !allowed.contains(&value) => {
                let names: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
                Err(E::custom(format!(
                    "{} must be one of {}",
                    self.path,
                    names.join(", ")
                )))
            }
            Some(_) | None => Ok(value),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Checked {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Checked {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value for {}", self.path)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        self.checked(Value::from(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        self.checked(Value::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        self.checked(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        self.checked(Value::from(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        self.checked(Value::from(value))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        loop {
            let path = format!("{}[{}]", self.path, items.len());
            let schema = self.part("items");
            match list.next_element_seed(Checked { schema, path })? {
                Some(item) => items.push(item),
                None => return self.checked(Value::Array(items)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let schema = match self.schema {
                Some(_) => self.field(&key)?,
                None => None,
            };
            let path = format!("{}.{key}", self.path);
            let value = map.next_value_seed(Checked { schema, path })?;
            object.insert(key, value);
        }
        self.checked(Value::Object(object))
    }
}
