//! The associations of the cluster and the roles of the fleet. Input: usages. Output: facts; a read that failed is named with its
//! consequence. Reads from AWS.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use lanyard_core::audit::{AssociationFacts, RoleUse, SubjectRef, Usage};
use lanyard_core::class;
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::name::AccountId;
use lanyard_engine::{AccountAccess, Engine};

use crate::envelope::Unread;

/// Associations whose role is read, unless the user asks for all.
const DESCRIBED: usize = 500;
/// Associations that are read at the same time. The budget of AWS limits their calls.
const CONCURRENT: usize = 8;

/// The reader of AWS.
pub(super) struct AccountReader<'a> {
    engine: &'a Engine,
    /// Everything that could not be read.
    pub unread: Vec<Unread>,
}

impl<'a> AccountReader<'a> {
    /// A reader that has read nothing.
    pub fn new(engine: &'a Engine) -> Self {
        let unread = Vec::new();
        Self { engine, unread }
    }

    /// All associations of the cluster, without their roles.
    pub async fn associations(&mut self) -> Fact<BTreeMap<SubjectRef, AssociationFacts>> {
        let mut associations = BTreeMap::new();
        let mut after = None;
        loop {
            let page = match self.engine.associations_in_cluster(after).await {
                Ok(page) => page,
                Err(error) => {
                    let consequence = "roles and owners of Pod Identity are not known";
                    self.lost("associations of the cluster".to_owned(), &error, consequence);
                    return Fact::Unreadable(error);
                }
            };
            for listed in page.items {
                let facts = AssociationFacts {
                    id: listed.id,
                    role: Fact::Unreadable(ReadError::NotRead),
                    add_on: listed.owner_arn,
                };
                associations.insert((listed.namespace, listed.service_account), facts);
            }
            match page.next {
                Some(token) => after = Some(token),
                None => return Fact::Present(associations),
            }
        }
    }

    /// Reads the roles of the associations that usages need, up to a limit.
    pub async fn describe(
        &mut self,
        associations: &mut Fact<BTreeMap<SubjectRef, AssociationFacts>>,
        usages: &BTreeMap<Usage, usize>,
        managed: &BTreeSet<SubjectRef>,
        all: bool,
    ) {
        let Some(associations) = associations.present_mut() else {
            return;
        };
        let subject = |usage: &Usage| (usage.namespace.clone(), usage.service_account.clone());
        let needed: BTreeSet<SubjectRef> = usages.keys().map(subject).collect();
        let is_needed = |subject: &SubjectRef| needed.contains(subject) && !managed.contains(subject);
        let limit = if all { usize::MAX } else { DESCRIBED };
        let wanted: Vec<(SubjectRef, String)> = associations
            .iter()
            .filter(|(subject, _)| is_needed(subject))
            .map(|(subject, association)| (subject.clone(), association.id.clone()))
            .collect();
        let more = wanted.len().saturating_sub(limit);
        let engine = self.engine;
        let read = wanted
            .into_iter()
            .take(limit)
            .map(|(subject, id)| async move { (subject, engine.association_by_id(&id).await) });
        let answers: Vec<_> = futures::stream::iter(read)
            .buffer_unordered(CONCURRENT)
            .collect()
            .await;
        for (subject, answer) in answers {
            if let Some(error) = answer.unreadable() {
                let resource = format!("association of {}/{}", subject.0, subject.1);
                self.lost(resource, error, "its role is not known");
            }
            if let Some(association) = associations.get_mut(&subject) {
                association.role = answer.map(|association| association.role_arn);
            }
        }
        if more > 0 {
            self.unread.push(Unread {
                resource: format!("{more} associations"),
                cause: format!("only {DESCRIBED} are read without --describe-all"),
                consequence: "their roles are not known".to_owned(),
            });
        }
    }

    /// Reads the roles, account by account.
    pub async fn roles(&mut self, wanted: Vec<RoleArn>) -> BTreeMap<RoleArn, Fact<RoleUse>> {
        let mut by_account: BTreeMap<AccountId, BTreeSet<RoleArn>> = BTreeMap::new();
        for role in wanted {
            by_account.entry(role.account.clone()).or_default().insert(role);
        }
        let mut roles = BTreeMap::new();
        for (account, wanted) in by_account {
            roles.extend(self.roles_in(account, wanted).await);
        }
        roles
    }

    async fn roles_in(
        &mut self,
        account: AccountId,
        wanted: BTreeSet<RoleArn>,
    ) -> BTreeMap<RoleArn, Fact<RoleUse>> {
        let all = |fact: Fact<RoleUse>| {
            wanted
                .iter()
                .map(move |role| (role.clone(), fact.clone()))
                .collect()
        };
        let consequence = "trust, policies, tags and last use of its roles are not known";
        let Some(access) = self.engine.access_to(&class::Aws::default(), &account) else {
            let error = ReadError::Denied(format!("your credentials are of another account than {account}"));
            self.lost(format!("roles in account {account}"), &error, consequence);
            return all(Fact::Unreadable(error));
        };
        match read_roles(self.engine, &access, &wanted).await {
            Ok(read) => {
                let mut roles: BTreeMap<RoleArn, Fact<RoleUse>> = all(Fact::Absent);
                roles.extend(read.into_iter().map(|(role, facts)| (role, Fact::Present(facts))));
                roles
            }
            Err(error) => {
                self.lost(format!("roles in account {account}"), &error, consequence);
                all(Fact::Unreadable(error))
            }
        }
    }

    fn lost(&mut self, resource: String, error: &ReadError, consequence: &str) {
        let cause = error
            .to_string()
            .replace("the credentials of the operator", "your credentials");
        self.unread.push(Unread {
            resource,
            cause,
            consequence: consequence.to_owned(),
        });
    }
}

/// The wanted roles of an account that exist. Other roles of a page are dropped.
async fn read_roles(
    engine: &Engine,
    access: &AccountAccess,
    wanted: &BTreeSet<RoleArn>,
) -> Result<BTreeMap<RoleArn, RoleUse>, ReadError> {
    let mut roles = BTreeMap::new();
    let mut after = None;
    loop {
        let page = engine.roles_in_account(access, after).await?;
        for listed in page.items {
            let Some(arn) = listed.arn.clone().filter(|arn| wanted.contains(arn)) else {
                continue;
            };
            let role = RoleUse {
                facts: listed.facts(),
                last_used: listed.last_used(),
                created: listed.created(),
            };
            roles.insert(arn, role);
        }
        match page.next {
            Some(marker) => after = Some(marker),
            None => return Ok(roles),
        }
    }
}
