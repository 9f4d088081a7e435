//! `Reason`: the closed set of reasons that conditions, events, metrics and `docs/conditions.md` share. Pure data;
//! the doc comment of each reason is its user documentation, from which the page is generated.

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $Name:ident,)+) => {
        /// The reason of a condition or an event.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum Reason { $($(#[doc = $doc])+ $Name,)+ }

        impl Reason {
            /// All reasons, in the order of the documentation.
            pub const ALL: &'static [Reason] = &[$(Reason::$Name),+];

            /// The name of the reason.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Reason::$Name => stringify!($Name)),+ }
            }

            /// The meaning and the next action, for the generated page.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Reason::$Name => concat!($($doc, "\n"),+)),+ }
            }
        }
    };
}

reasons! {
    /// A pod created now gets the binding of the spec. No action is needed.
    Bound,
    /// Steps are in progress or pending. The message names the next step. Wait.
    Progressing,
    /// A read contradicts a recent write by Lanyard: AWS shows changes late. The message contains the longest wait. Wait.
    AwaitingConsistency,
    /// A new role, trust policy, OIDC provider or association has to become visible to AWS and to new pods. Also a stage of a transition: the trust policy for the new binding has to propagate through IAM. The message contains the longest wait. Wait.
    Propagating,
    /// A stage of a transition: the new binding is in place, and EKS and the pod identity webhook have to apply it to every new pod. The message contains the longest wait. Wait.
    Settling,
    /// The role exists and matches the spec. No action is needed.
    RoleInPlace,
    /// The managed role does not exist. Lanyard creates it next, also after an out-of-band deletion unless `driftPolicy` is `Report`. If the reason persists, `Stalled` or `Reconciling` names the cause.
    RoleMissing,
    /// A role of that name exists and does not belong to this ServiceAccount. The message names the owner. Choose another `managed.name`, set `role.existing`, or adopt the role: set the annotation `lanyard.dev/adopt` as the message shows, if the class allows it.
    RoleConflict,
    /// A statement with a `Sid` of Lanyard was edited so that the subjects it admits cannot be determined. Lanyard does not change it. Delete the statement or restore its list.
    StatementConflict,
    /// The role in `role.existing` or `lanyard.dev/adopt`, or an adopted role, does not exist. Create the role or correct the ARN.
    RoleNotFound,
    /// The role exists, but a difference from the spec prevents its use. Read the message and `status.drift.items`.
    RoleDrifted,
    /// The trust policy of the role admits the ServiceAccount. No action is needed.
    TrustInPlace,
    /// The trust policy of the role does not admit the ServiceAccount. The message contains the missing statement. Add it to the trust policy.
    TrustMissing,
    /// A statement of the role's trust policy denies the ServiceAccount. Remove or narrow the statement.
    TrustDenied,
    /// The trust policy contains a condition that Lanyard cannot evaluate. A first binding is set anyway, and a change of the binding waits. Check the policy, then annotate the object as the message says, or replace the condition.
    TrustNotVerifiable,
    /// The trust policy contains a condition that Lanyard cannot evaluate, and the annotation `lanyard.dev/verified-trust` states that this policy admits the ServiceAccount. The annotation holds until the policy changes. No action is needed.
    TrustVerified,
    /// The annotation or the association is in place. No action is needed.
    BindingInPlace,
    /// The annotation or the association is not in place yet. Wait. If the reason persists, read the message of `Stalled`.
    BindingMissing,
    /// The annotation or association differs from the spec. Read `status.drift.items`.
    BindingDrifted,
    /// The ServiceAccount does not exist. After two minutes the object is `Stalled`. Create it, or set `serviceAccount.create: true`.
    ServiceAccountMissing,
    /// An association for this ServiceAccount exists that Lanyard did not create, and it determines the role of new pods. The message names the owner. Delete the association, keep this ServiceAccount with its owner, or adopt it: set the annotation `lanyard.dev/adopt` as the message shows, if the class allows it. Lanyard never adopts an association of an EKS add-on.
    AssociationConflict,
    /// An adopted role, or a role to be adopted, lacks the permissions boundary of the spec or the class. Lanyard does not restrict roles that it did not create. Attach the boundary to continue.
    BoundaryMissing,
    /// The ServiceAccount has a role annotation that Lanyard did not set and that differs from the spec. Remove the annotation; Lanyard then sets its own.
    AnnotationConflict,
    /// The IAM OIDC provider of the cluster's issuer does not exist, or lacks the audience. Wait, or create the provider if the class sets `provider: Require`; after two minutes the object is `Stalled` then.
    ProviderMissing,
    /// The EKS Pod Identity Agent is not ready, so pods would get no credentials. After two minutes the object is `Stalled`, unless Lanyard installs the agent. Install the add-on `eks-pod-identity-agent`.
    AgentNotReady,
    /// The pod identity webhook is not installed in this non-EKS cluster, so pods would get neither role nor token. Install `amazon-eks-pod-identity-webhook`.
    WebhookMissing,
    /// No drift was detected in AWS or in the cluster. No action is needed.
    InSync,
    /// Drift was detected and not corrected. Read `status.drift.items`.
    Drifted,
    /// Another tool changes the same field again after each correction. Lanyard continues to correct fields that affect access, and stops correcting a description, a session duration or a tag for a while. Find the tool in CloudTrail by the name of the role or association, and let only one of the two manage the field, or set `driftPolicy: Report`.
    Contested,
    /// A resource could not be read, so drift is unknown. The message names the resource and the cause. Fix the cause, or wait if AWS is unavailable.
    Unreadable,
    /// Every pod of the ServiceAccount uses the credentials of the spec. No action is needed.
    PodsCurrent,
    /// Some pods use other credentials than those of the binding, or none. The message counts them by cause: created before the binding or missed by the webhook (restart them), skipped by a label or an annotation (remove it), or an environment variable of the pod template that SDKs prefer (remove it from the template).
    PodsStale,
    /// A change of the binding has started: the role and its trust policy are prepared while the old binding stays. Wait.
    Preparing,
    /// The new annotation or association is set while the old binding stays. Wait.
    Switching,
    /// The annotation is in place, and Lanyard deletes the association that still determines the role of new pods. Wait.
    Unbinding,
    /// The association is deleted, and EKS needs some seconds before every new pod gets IRSA. Wait, then restart pods that still use Pod Identity.
    Unbound,
    /// New pods get the binding of the spec, and the old binding stays until no pod uses it. Restart the old pods at a convenient time, or set `podRestart: Rollout`.
    Draining,
    /// All pods are current, and the old binding is removed after the soak time. Wait.
    Soaking,
    /// A change of the binding is complete and the old binding is removed. No action is needed.
    BindingChanged,
    /// `spec.transition.paused` is true, so the change of the binding does not continue. Set it to false to continue.
    Paused,
    /// A change of the binding requires approval. The message names the impact and the annotation that approves the change.
    ApprovalRequired,
    /// Pods of the ServiceAccount run on nodes without the EKS Pod Identity Agent: Fargate, Windows, or nodes without an agent pod. They get no credentials by Pod Identity. Keep or set IRSA, move the pods, or run the agent there.
    NodesUnsupported,
    /// An EKS add-on manages the ServiceAccount and its binding. Set the binding on the add-on.
    ManagedByAddOn,
    /// A restarted workload does not become available, so no other workload is restarted; or a disruption budget blocks the restart of pods that lose access. Inspect its pods or the budget; then revert the spec, or fix the workload to continue.
    RestartStuck,
    /// Lanyard restarted a workload, and its new pods do not carry the binding of the spec. No other workload is restarted. Check whether the pod webhook works and whether the pod template sets credentials or skips the webhook; then restart the workload, or revert the spec.
    RestartIneffective,
    /// A workload was restarted so that its pods get the binding of the spec. No action is needed.
    Restarted,
    /// The class sets another method and changes a limited number of identities at a time; this identity waits for a rollout slot. See `spec.transition` and the status of the class.
    Queued,
    /// The class is valid. No action is needed.
    Accepted,
    /// The spec is invalid. The message names the field and the expected value. Correct the field.
    InvalidSpec,
    /// The annotation `lanyard.dev/adopt` contains a value that is not an ARN or does not belong to this object. The message names the value and the expected value. Correct the annotation.
    InvalidAdoption,
    /// The guardrails of the class do not allow the spec. The message names the field, the value and the rule. The last applied spec is kept in sync. Change the spec, or ask the owner of the class to allow it.
    Forbidden,
    /// `spec.className` is not set, and no class of the cluster is marked as the default. Set `spec.className`.
    NoDefaultClass,
    /// `spec.className` is not set, and several classes are marked as the default. Set `spec.className`, or remove the annotation `lanyard.dev/is-default-class` from all but one class.
    SeveralDefaultClasses,
    /// The class of the object does not exist. A new object waits five minutes for it before it is Stalled. The last applied spec of another one is kept in sync. Create the class, or correct `spec.className`.
    ClassMissing,
    /// The class is invalid. The message quotes the error. The owner of the class must correct it.
    ClassUnusable,
    /// The class is being deleted and accepts no new object; objects that already follow it are not affected. Set another class.
    ClassDeleting,
    /// The class does not fit the object: its default method cannot bind the role, or its tags and those of the spec exceed the limit. The last applied spec is kept in sync. Ask the owner of the class to change it, or change the spec.
    ClassIncompatible,
    /// The class does not select the namespace of the object. Set another class, or ask the owner of the class to select the namespace.
    NamespaceNotSelected,
    /// `spec.className` differs from the class that the object follows, which is immutable. Revert it, or create another object.
    ClassChanged,
    /// The spec sets Pod Identity on a non-EKS cluster, which does not support it. Existing resources are kept. Set `method: IRSA`.
    PodIdentityUnavailable,
    /// AWS cannot reach the issuer of the cluster's tokens, such as `https://kubernetes.default.svc`, and cannot verify tokens. Set a public `--service-account-issuer` on the API server.
    IssuerUnreachable,
    /// The role is in another account than the binding can use. The message names both accounts and the setting to change.
    AccountMismatch,
    /// The object could not be decoded, since it does not match the CRD version of this operator. Compare the versions of CRD and operator.
    Undecodable,
    /// AWS or the API server denied a call. The message names the missing permission. Grant it.
    AccessDenied,
    /// An AWS quota is exhausted. The message names the quota. Raise it or reduce the usage.
    QuotaExceeded,
    /// AWS rejected a policy document as malformed. The message quotes AWS. Correct the document.
    MalformedDocument,
    /// A policy to attach does not exist, or AWS does not allow its attachment. Lanyard looks for it every minute, and reports `Stalled` after two minutes. Create the policy, or correct `policyArns`.
    PolicyNotFound,
    /// The permissions boundary does not exist. Lanyard looks for it every minute, and reports `Stalled` after two minutes. Create the policy, or correct `permissionsBoundaryArn` in the spec or the class.
    BoundaryNotFound,
    /// An Allow of another owner in the trust policy names a deleted user or role by its unique ID, and IAM accepts no change of the policy. The message names the statement and the ID. Remove the ID from the statement.
    PrincipalNotFound,
    /// AWS rejected a call permanently. The message quotes AWS. Fix the cause that it names.
    Refused,
    /// AWS throttled a call for longer than the retry time. Lanyard retries with backoff. Find the tool that uses up the request rate of the account.
    Throttled,
    /// AWS or the API server returned an error or did not respond. Lanyard retries. Wait.
    Unavailable,
    /// `spec.suspend` is true and steps are pending: Lanyard reads and reports, and changes nothing. Set it to false to continue.
    Suspended,
    /// The operator runs with `--read-only`: it reads and reports, and changes nothing. Remove the flag to allow changes.
    ReadOnly,
    /// The object is being deleted. The message names the resources being removed, or the problem that blocks the deletion.
    Deleting,
    /// The object is being deleted with `DeleteWhenUnused`, and pods still use the ServiceAccount. The message contains their number. Delete or scale down the pods, or set `deletionPolicy: Delete`.
    InUse,
    /// The EKS add-on `eks-pod-identity-agent` was installed, as allowed by `--pod-identity-agent Ensure`. No action is needed.
    AgentInstalled,
    /// An existing role or association was adopted, as the annotation `lanyard.dev/adopt` requests. Its settings stay, and it stays when the object is deleted.
    Adopted,
    /// A role was created. No action is needed.
    RoleCreated,
    /// The role was deleted out of band and created again: same name and ARN, but another unique ID. AWS stores a role principal by its unique ID, so every policy that names the role as principal (buckets, keys, queues, other roles) has no effect until it is saved again. The condition stays until the spec changes. Save these policies again.
    RoleRecreated,
    /// A role, its policies or its tags were updated to match the spec. No action is needed.
    RoleUpdated,
    /// A policy of the spec names an action, a resource or a condition key that AWS does not have or never combines, by the copy of AWS's service reference in this version. The policy is in effect as written. Check the spelling; ignore the event if the service is newer than this version.
    PolicyMistake,
    /// The annotation or the association was created or changed. No action is needed.
    BindingUpdated,
    /// Drift was detected. The message contains the field, the desired and the observed value.
    DriftFound,
    /// Drift was detected and corrected. The message contains the field, the desired and the observed value.
    DriftCorrected,
    /// All AWS resources that Lanyard owned for the object were deleted. No action is needed.
    Removed,
    /// All AWS resources stay and Lanyard no longer manages them. No action is needed.
    Released,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Reason;

    #[test]
    fn reason_is_valid_and_documented() {
        for reason in Reason::ALL {
            assert!(
                reason.as_str().len() <= 128 && reason.as_str().chars().all(|c| c.is_ascii_alphanumeric())
            );
            assert!(reason.meaning().trim().ends_with('.'), "{reason}");
        }
    }
}
