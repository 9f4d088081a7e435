//! Diff of the IAM OIDC provider: the audience that IRSA needs. Facts in, differences out; no I/O.

use super::differ::Differ;
use crate::model::fact::Fact;
use crate::model::field::{Field, Resource, Value};
use crate::model::observed::Observed;
use crate::reconcile::desired::DesiredState;

impl Differ<'_> {
    pub(super) fn provider(&mut self, desired: &DesiredState, observed: &Observed) {
        let Some(provider) = &desired.provider else {
            // The provider is shared and is not removed, so its last applied value becomes meaningless.
            self.drift.judged.insert(Resource::Provider);
            return;
        };
        if observed.provider.unreadable().is_none() {
            self.drift.judged.insert(Resource::Provider);
        }
        let client = provider.client_id.as_str();
        let audience = Value::text(client);
        let (value, other_ids) = match &observed.provider {
            Fact::Present(observed) if observed.client_ids.contains(client) => {
                (Fact::Present(audience.clone()), None)
            }
            // Other audiences of the provider do not matter: only Lanyard's is missing.
            Fact::Present(observed) => (Fact::Absent, Some(&observed.client_ids)),
            Fact::Absent => (Fact::Absent, None),
            Fact::Unreadable(error) => (Fact::Unreadable(error.clone()), None),
        };
        let parts = other_ids.filter(|ids| !ids.is_empty()).map(|ids| {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            (
                Field::Provider.to_string(),
                Some(audience.text.clone()),
                Some(ids.join(", ")),
            )
        });
        self.field_with_parts(
            Field::Provider,
            Some(audience),
            value,
            parts.into_iter().collect(),
        );
    }
}
