//! Gaps of ministack in Pod Identity associations: no tags after creation, `targetRoleArn` and `policy` cannot be cleared,
//! no owner instead of an empty one, an invented external id, its own words for a double one; and times that tests shift.
//! It also knows when each was made or deleted, for the webhook's lag.
//! Input: requests and the emulator's answers. Output: answers as EKS would give them. Asks the emulator of EKS.

use parking_lot::Mutex;
use std::collections::HashMap;

use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::super::call::tagged_arn;
use super::super::emulator::{Emulators, Origin};
use super::super::error::{code, error};
use super::super::message::{Answer, Request};
use super::super::service::Service;

/// Data of associations that the emulator does not keep, by association id.
#[derive(Debug, Default)]
pub(crate) struct Associations {
    known: Mutex<HashMap<String, Record>>,
    shift: Mutex<Duration>,
    /// When subjects got or lost their association.
    turns: Mutex<Vec<Turn>>,
    /// Held while tags are read and written.
    tagging: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug, Default)]
struct Record {
    /// `namespace/serviceAccount`.
    subject: Option<String>,
    tags: Option<Map<String, Value>>,
    owner: Option<String>,
    /// Fields that were cleared by an empty string and still stand in the emulator.
    cleared: Vec<&'static str>,
}

/// A subject got its association or lost it.
#[derive(Debug)]
struct Turn {
    at: Instant,
    subject: String,
    made: bool,
}

/// Fields that an empty string clears (docs/dev/aws-behaviour.md#association-api).
const CLEARABLE: [&str; 2] = ["targetRoleArn", "policy"];

impl Associations {
    /// Makes all associations look this much older. Replaces the shift before.
    pub fn shift_times(&self, older: Duration) {
        *self.shift.lock() = older;
    }

    /// Makes an association look owned by an add-on, as EKS shows those that an add-on made.
    pub fn set_owner(&self, id: &str, owner_arn: &str) {
        self.known.lock().entry(id.to_owned()).or_default().owner = Some(owner_arn.to_owned());
    }

    /// `namespace/serviceAccount` of an association that some answer has shown.
    pub fn subject(&self, id: &str) -> Option<String> {
        self.known.lock().get(id)?.subject.clone()
    }

    /// Notes what a call that succeeded made or deleted. An update keeps the subject associated and is no turn.
    pub fn note(&self, operation: &str, answer: &Answer) {
        let made = operation == "CreatePodIdentityAssociation";
        if !made && operation != "DeletePodIdentityAssociation" {
            return;
        }
        let body = answer.parse_json().unwrap_or_default();
        let text = |name: &str| {
            body.pointer(&format!("/association/{name}"))
                .and_then(Value::as_str)
        };
        if let (Some(namespace), Some(account)) = (text("namespace"), text("serviceAccount")) {
            self.turns.lock().push(Turn {
                at: Instant::now(),
                subject: format!("{namespace}/{account}"),
                made,
            });
        }
    }

    /// Returns the state of `namespace/serviceAccount` at that time, or `None` if it has not changed since.
    pub fn before(&self, subject: &str, ago: Duration) -> Option<bool> {
        let turns = self.turns.lock();
        let first = turns
            .iter()
            .find(|turn| turn.subject == subject && turn.at.elapsed() < ago)?;
        Some(!first.made)
    }

    /// The answer with each association in it as EKS would show it.
    pub fn correct(&self, answer: Answer) -> Answer {
        let Some(mut body) = answer.parse_json() else {
            return answer;
        };
        if let Some(association) = body.get_mut("association") {
            self.dress(association);
        }
        for association in body
            .get_mut("associations")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            self.dress(association);
        }
        answer.with_body(body.to_string())
    }

    /// One association, or its summary in a list, as EKS would show it.
    pub fn dress(&self, association: &mut Value) {
        let Some(fields) = association.as_object_mut() else {
            return;
        };
        let record = self.learn(fields);
        fields.retain(|name, value| name != "ownerArn" || *value != json!(""));
        if let Some(owner) = record.owner {
            fields.insert("ownerArn".to_owned(), json!(owner));
        }
        if let (true, Some(tags)) = (fields.contains_key("tags"), record.tags) {
            fields.insert("tags".to_owned(), Value::Object(tags));
        }
        for name in record.cleared {
            fields.remove(name);
        }
        set_external_id(fields);
        let shift = self.shift.lock().as_secs();
        for name in ["createdAt", "modifiedAt"] {
            if let Some(time) = fields.get(name).and_then(Value::as_u64) {
                fields.insert(name.to_owned(), json!(time.saturating_sub(shift)));
            }
        }
    }

    fn learn(&self, fields: &Map<String, Value>) -> Record {
        let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
        let mut known = self.known.lock();
        let record = known.entry(text("associationId").to_owned()).or_default();
        record.subject = Some(format!("{}/{}", text("namespace"), text("serviceAccount")));
        record.clone()
    }

    /// UpdatePodIdentityAssociation; an empty string that the emulator passed over is remembered as clearing the field.
    pub async fn update(&self, emulators: &Emulators, request: &Request) -> Answer {
        let answer = emulators.forward(Service::Eks, request).await;
        let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let id = request.uri.path().rsplit('/').next().unwrap_or_default();
        if answer.status.is_success() {
            let mut known = self.known.lock();
            let record = known.entry(id.to_owned()).or_default();
            for name in CLEARABLE {
                record.take_over(name, asked.get(name).and_then(Value::as_str));
            }
        }
        answer
    }

    /// CreatePodIdentityAssociation; the error for a duplicate names the id of the first (docs/dev/aws-behaviour.md#association-errors).
    pub async fn create(&self, emulators: &Emulators, request: &Request) -> Answer {
        let answer = emulators.forward(Service::Eks, request).await;
        if code(&answer).as_deref() != Some("ResourceInUseException") {
            return answer;
        }
        let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let text = |name: &str| asked.get(name).and_then(Value::as_str).unwrap_or_default();
        let query = format!(
            "{}?namespace={}&serviceAccount={}",
            request.uri.path(),
            text("namespace"),
            text("serviceAccount")
        );
        let found = emulators
            .ask_eks(&Origin::of(request), Method::GET, &query, None)
            .await
            .parse_json()
            .unwrap_or_default();
        let id = found
            .pointer("/associations/0/associationId")
            .and_then(Value::as_str)
            .unwrap_or_default();
        error(
            Service::Eks,
            409,
            "ResourceInUseException",
            &format!("Association already exists: {id}"),
        )
    }

    /// TagResource, UntagResource and ListTagsForResource. The emulator answers first: it knows clusters and add-ons, and
    /// refuses callers that may not. What it does not know is an association, whose tags are then kept here.
    pub async fn tag(&self, emulators: &Emulators, request: &Request) -> Answer {
        let answer = emulators.forward(Service::Eks, request).await;
        let arn = tagged_arn(request);
        let Some((cluster, id)) = association_of(&arn) else {
            return answer;
        };
        if code(&answer).as_deref() != Some("InvalidParameterException") {
            return answer;
        }
        let _turn = self.tagging.lock().await;
        let path = format!("/clusters/{cluster}/pod-identity-associations/{id}");
        let described = self.correct(
            emulators
                .ask_eks(&Origin::of(request), Method::GET, &path, None)
                .await,
        );
        let Some(association) = described.parse_json().filter(|_| described.status.is_success()) else {
            return error(
                Service::Eks,
                404,
                "NotFoundException",
                &format!("No resource found for ARN: {arn}"),
            );
        };
        let tags = association
            .pointer("/association/tags")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        self.retag(request, id, tags)
    }

    fn retag(&self, request: &Request, id: &str, mut tags: Map<String, Value>) -> Answer {
        if request.method == Method::GET {
            return Answer::json(StatusCode::OK, &json!({ "tags": tags }));
        }
        if request.method == Method::POST {
            let mut asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
            tags.extend(
                asked
                    .get_mut("tags")
                    .and_then(Value::as_object_mut)
                    .map(std::mem::take)
                    .unwrap_or_default(),
            );
        } else {
            let query = request.query();
            let gone = query.all("tagKeys");
            tags.retain(|key, _| !gone.contains(&key.as_str()));
        }
        self.known.lock().entry(id.to_owned()).or_default().tags = Some(tags);
        Answer::json(StatusCode::OK, &json!({}))
    }
}

impl Record {
    /// An update's word on one clearable field: empty clears it, a value sets it, nothing leaves it.
    fn take_over(&mut self, name: &'static str, asked: Option<&str>) {
        let Some(value) = asked else {
            return;
        };
        self.cleared.retain(|cleared| *cleared != name);
        if value.is_empty() {
            self.cleared.push(name);
        }
    }
}

/// The external id in the form that EKS documents (docs/dev/aws-behaviour.md#target-role), and none without a target role.
fn set_external_id(fields: &mut Map<String, Value>) {
    fields.remove("externalId");
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let mut arn = text("associationArn").unwrap_or_default().split(':').skip(3);
    let (region, account) = (arn.next().unwrap_or_default(), arn.next().unwrap_or_default());
    let parts = ["clusterName", "namespace", "serviceAccount"].map(|name| text(name).unwrap_or_default());
    if text("targetRoleArn").is_some() {
        let id = format!("{region}/{account}/{}", parts.join("/"));
        fields.insert("externalId".to_owned(), json!(id));
    }
}

/// Cluster and id of an association's ARN: `arn:aws:eks:<region>:<account>:podidentityassociation/<cluster>/<id>`.
fn association_of(arn: &str) -> Option<(&str, &str)> {
    arn.split_once(":podidentityassociation/")?.1.split_once('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn association() -> Value {
        json!({
            "associationId": "a-1", "associationArn": "arn:aws:eks:eu-west-1:000000000000:podidentityassociation/c/a-1",
            "clusterName": "c", "namespace": "shop", "serviceAccount": "orders", "ownerArn": "", "tags": {"a": "1"},
            "targetRoleArn": "arn:aws:iam::1:role/t", "externalId": "uuid", "createdAt": 1000, "modifiedAt": 1010,
        })
    }

    #[test]
    fn association_has_the_fields_of_eks() {
        let associations = Associations::default();
        let mut shown = association();
        associations.dress(&mut shown);
        assert_eq!(shown.get("ownerArn"), None);
        assert_eq!(shown["externalId"], "eu-west-1/000000000000/c/shop/orders");
        assert_eq!(associations.subject("a-1").as_deref(), Some("shop/orders"));
    }

    #[test]
    fn previous_version_is_kept_while_lag_is_set() {
        let associations = Associations::default();
        let note = |operation: &str| {
            let body = json!({"association": association()});
            associations.note(operation, &Answer::json(StatusCode::OK, &body));
        };
        let hour = Duration::from_secs(3600);
        assert_eq!(associations.before("shop/orders", hour), None);
        note("UpdatePodIdentityAssociation");
        assert_eq!(associations.before("shop/orders", hour), None);
        note("DeletePodIdentityAssociation");
        note("CreatePodIdentityAssociation");
        assert_eq!(associations.before("shop/orders", hour), Some(true));
        assert_eq!(associations.before("shop/orders", Duration::ZERO), None);
        assert_eq!(associations.before("shop/other", hour), None);
    }

    #[test]
    fn cleared_field_is_absent_until_set_again() {
        let associations = Associations::default();
        let update = |value: &str| {
            associations
                .known
                .lock()
                .entry("a-1".into())
                .or_default()
                .take_over("targetRoleArn", Some(value))
        };
        update("");
        let mut shown = association();
        associations.dress(&mut shown);
        assert_eq!(
            (shown.get("targetRoleArn"), shown.get("externalId")),
            (None, None)
        );
        update("arn:aws:iam::1:role/t");
        let mut shown = association();
        associations.dress(&mut shown);
        assert!(shown.get("targetRoleArn").is_some());
    }

    #[test]
    fn times_are_shifted_and_owner_is_shown() {
        let associations = Associations::default();
        associations.shift_times(Duration::from_secs(60));
        associations.set_owner("a-1", "arn:addon");
        let mut shown = association();
        associations.dress(&mut shown);
        assert_eq!(
            (&shown["createdAt"], &shown["modifiedAt"], &shown["ownerArn"]),
            (&json!(940), &json!(950), &json!("arn:addon"))
        );
    }
}
