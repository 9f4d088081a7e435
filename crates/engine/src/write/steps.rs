//! The calls of each kind of step, and the record of their results for the detection of stale reads. Input: a
//! step. Output: the values of its answer. Does I/O: writes to AWS and the API server.

use lanyard_aws::Class;
use lanyard_core::model::name::ClusterName;
use lanyard_core::model::observed::{Association, Observed};
use lanyard_core::model::subject::{TAG_ADOPTED, TAG_CLUSTER, TAG_NAME, TAG_NAMESPACE, TAG_RETAINED};
use lanyard_core::reconcile::outcome::Answer;
use lanyard_core::reconcile::step::Step;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::recent_writes::TrustEdit;
use crate::target::Target;

impl Engine {
    pub(crate) async fn perform(
        &self,
        target: &Target,
        step: &Step,
        observed: &Observed,
    ) -> Result<Answer, EngineError> {
        match step {
            Step::RecordInventory { inventory } => self.take_custody(target, inventory).await?,
            Step::ReleaseObject { .. } => self.release_object(target).await?,
            Step::Annotate {
                set, remove, create, ..
            } => self.annotate(&target.subject, set, remove, *create).await?,
            Step::DeleteServiceAccount {} => self.delete_service_account(&target.subject).await?,
            Step::RestartWorkload { owner, mark } => {
                self.restart_workload(&target.subject, owner, mark).await?
            }
            Step::InstallAgent {} => self.aws().install_agent(self.eks_cluster()?).await?,
            Step::AdoptAssociation { .. }
            | Step::CreateAssociation { .. }
            | Step::UpdateAssociation { .. }
            | Step::TagAssociation { .. }
            | Step::UntagAssociation { .. }
            | Step::DeleteAssociation { .. }
            | Step::ReleaseAssociation {} => {
                return self.perform_on_association(target, step, observed).await;
            }
            Step::PutSubject {
                role,
                membership,
                alone,
            } => {
                let edit = TrustEdit::put(&target.subject, membership, alone);
                let aws = self.aws_in(target, &role.account).await?;
                return self.edit_trust(&aws, role, edit).await.map(Answer::Trust);
            }
            Step::RemoveSubject { role, membership } => {
                let edit = TrustEdit::remove(&target.subject, membership);
                let aws = self.aws_in(target, &role.account).await?;
                return self.edit_trust(&aws, role, edit).await.map(Answer::Trust);
            }
            Step::CreateProvider {
                arn,
                issuer,
                client_id,
            } => self.ensure_provider(target, arn, Some(issuer), client_id).await?,
            Step::AddClientId { arn, client_id } => {
                self.ensure_provider(target, arn, None, client_id).await?
            }
            _ => return self.perform_on_iam(target, step).await,
        }
        Ok(Answer::Nothing)
    }

    /// Performs a step in the account of its role.
    async fn perform_on_iam(&self, target: &Target, step: &Step) -> Result<Answer, EngineError> {
        let aws = match step.role() {
            Some(role) => self.aws_in(target, &role.account).await?,
            None => self.aws().clone(),
        };
        match step {
            Step::CreateRole { role, desired, trust } => {
                return Ok(Answer::RoleId(aws.create_role(role, desired, trust).await?));
            }
            Step::AdoptRole { role, tags, replaced } => {
                // Removes the old tags first, so that an interruption leaves a role without an owner.
                if !replaced.is_empty() {
                    aws.untag_role(role, replaced).await?;
                }
                aws.tag_role(role, tags).await?;
            }
            Step::SetBoundary { role, boundary } => aws.set_boundary(role, boundary).await?,
            Step::RemoveBoundary { role } => aws.remove_boundary(role).await?,
            Step::UpdateRole {
                role,
                description,
                max_session,
            } => {
                aws.update_role(role, description.as_deref(), *max_session)
                    .await?;
            }
            Step::TagRole { role, tags } => aws.tag_role(role, tags).await?,
            Step::UntagRole { role, keys } => aws.untag_role(role, keys).await?,
            Step::AttachPolicy { role, policy } => aws.attach_policy(role, policy).await?,
            Step::DetachPolicy { role, policy, .. } => aws.detach_policy(role, policy).await?,
            Step::PutInlinePolicy {
                role, name, document, ..
            } => aws.put_inline_policy(role, name, document).await?,
            Step::DeleteInlinePolicy { role, name, .. } => aws.delete_inline_policy(role, name).await?,
            Step::SetTrust { role, document, .. } => aws.set_trust(role, document).await?,
            Step::LeaveInstanceProfiles { role } => aws.leave_instance_profiles(role).await?,
            Step::DeleteRole { role } => aws.delete_role(role).await?,
            Step::ReleaseRole { role } => {
                // Sets the new tag first, so that an interruption leaves a role with its owner. A role with 50
                // tags has room for it only after the removal.
                match aws.tag_role(role, &retained_tag()).await {
                    Err(error) if error.class() == Class::Quota => {
                        aws.untag_role(role, &ownership_keys()).await?;
                        aws.tag_role(role, &retained_tag()).await?;
                    }
                    Err(error) => return Err(error.into()),
                    Ok(()) => aws.untag_role(role, &ownership_keys()).await?,
                }
            }
            _ => {}
        }
        Ok(Answer::Nothing)
    }

    async fn perform_on_association(
        &self,
        target: &Target,
        step: &Step,
        observed: &Observed,
    ) -> Result<Answer, EngineError> {
        let aws = self.aws();
        let cluster = self.eks_cluster()?;
        let subject = &target.subject;
        if let Step::CreateAssociation { desired, .. } = step {
            let created = aws
                .create_association(cluster, &subject.namespace, &subject.name, desired)
                .await?;
            return Ok(Answer::Association(Box::new(created)));
        }
        let missing = Err(EngineError::Gone {
            what: "the association",
        });
        let Some(association) = observed.association.present() else {
            return if matches!(step, Step::DeleteAssociation { .. }) {
                Ok(Answer::Nothing)
            } else {
                missing
            };
        };
        match step {
            Step::UpdateAssociation {
                desired,
                clear_policy,
                ..
            } => {
                let updated = aws
                    .update_association(cluster, association, desired, *clear_policy)
                    .await?;
                return Ok(Answer::Association(Box::new(with_tags(updated, association))));
            }
            Step::AdoptAssociation { arn, tags, replaced } => {
                if association.arn != *arn {
                    return missing;
                }
                if !replaced.is_empty() {
                    aws.untag_association(arn, replaced).await?;
                }
                aws.tag_association(arn, tags).await?;
            }
            Step::TagAssociation { tags } => aws.tag_association(&association.arn, tags).await?,
            Step::UntagAssociation { keys } => aws.untag_association(&association.arn, keys).await?,
            Step::DeleteAssociation { .. } => aws.delete_association(cluster, &association.id).await?,
            Step::ReleaseAssociation {} => {
                aws.tag_association(&association.arn, &retained_tag()).await?;
                aws.untag_association(&association.arn, &ownership_keys()).await?;
            }
            _ => {}
        }
        Ok(Answer::Nothing)
    }

    fn eks_cluster(&self) -> Result<&ClusterName, EngineError> {
        self.cluster().eks_name().ok_or(EngineError::NotEks)
    }

    /// Records the result of a done step, so that a later stale read is recognised.
    pub(crate) async fn remember(&self, target: &Target, step: &Step, observed: &Observed) {
        use lanyard_core::model::field::Resource;
        if let Some(role) = step.role().filter(|_| step.has_to_propagate()) {
            let now = jiff::Timestamp::now();
            self.recent_writes().admitted(&target.subject, role, now);
        }
        let written = std::time::Instant::now();
        self.recent_writes()
            .propagating()
            .wrote(&target.subject, step, written);
        if matches!(step, Step::PutSubject { .. } | Step::RemoveSubject { .. }) {
            // A shared trust policy can change with each read. `TrustEdits` records Lanyard's part of it.
            return;
        }
        match step.resource() {
            Some(Resource::Role) => {
                let entry = step.role().and_then(|arn| observed.roles.get_key_value(arn));
                if let Some((arn, facts)) = entry {
                    self.recent_writes().wrote_role(arn, facts.clone());
                }
            }
            Some(Resource::Association) => {
                self.recent_writes()
                    .wrote_association(&target.subject, observed.association.clone());
            }
            // `ensure_provider` records the provider under its lock, and reads of the API server are consistent.
            Some(Resource::Provider | Resource::ServiceAccount | Resource::Pods) | None => {}
        }
    }
}

/// Adds the tags to the answer of an update, which may omit them and does not change them.
fn with_tags(mut updated: Association, before: &Association) -> Association {
    if updated.tags.is_empty() {
        updated.tags.clone_from(&before.tags);
    }
    updated
}

fn retained_tag() -> std::collections::BTreeMap<String, String> {
    [(TAG_RETAINED.to_owned(), "true".to_owned())].into()
}

fn ownership_keys() -> std::collections::BTreeSet<String> {
    [TAG_CLUSTER, TAG_NAMESPACE, TAG_NAME, TAG_ADOPTED]
        .map(str::to_owned)
        .into()
}
