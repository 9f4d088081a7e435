//! `Reason`: one closed set of words, the same in conditions, events, metrics and `docs/conditions.md`.
//! Pure data; the documentation of each word stands beside it and the page is generated from here.

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $Name:ident,)+) => {
        /// Why a condition is as it is, or what an event tells.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum Reason { $($(#[doc = $doc])+ $Name,)+ }

        impl Reason {
            /// Every reason there is, in the order of the documentation.
            pub const ALL: &'static [Reason] = &[$(Reason::$Name),+];

            /// The word itself.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Reason::$Name => stringify!($Name)),+ }
            }

            /// What it means and what to do, for the generated page.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Reason::$Name => concat!($($doc, "\n"),+)),+ }
            }
        }
    };
}

reasons! {
    /// A pod created now gets the binding that the spec asks for. Nothing to do.
    Bound,
    /// Steps are under way or about to be taken; the message names the next one. Wait.
    Progressing,
    /// A read contradicts a recent write by Lanyard: AWS shows changes late. The message contains the longest wait. Wait.
    AwaitingConsistency,
    /// A new role, trust policy, OIDC provider or association has to become visible to AWS and to new pods. Also a stage of a transition: the trust policy for the new binding has to propagate through IAM. The message contains the longest wait. Wait.
    Propagating,
    /// A stage of a transition: the new binding is in place, and EKS and the pod identity webhook have to apply it to every new pod. The message contains the longest wait. Wait.
    Settling,
    /// The role is there and is as wanted.
    RoleInPlace,
    /// The role that Lanyard manages is not there yet. It is created next; if it stays so, look at `Stalled`.
    RoleMissing,
    /// A role of that name exists and is not Lanyard's for this ServiceAccount. The message says whose it is. Choose another `managed.name`, name the role under `role.existing`, or adopt it: annotate the object with `lanyard.dev/adopt` as the message shows, if its class lets it.
    RoleConflict,
    /// A statement of an existing role's trust policy carries the id of one of Lanyard's and was changed so that nobody can tell whom it lets in. Delete it, or put its list back; Lanyard leaves it alone until then.
    StatementConflict,
    /// `role.existing` or the annotation `lanyard.dev/adopt` names a role that is not there, or one that was adopted is gone. Create it or correct the ARN.
    RoleNotFound,
    /// The role exists but differs from the spec in something that keeps it from being used as asked.
    RoleDrifted,
    /// The role's trust policy lets the ServiceAccount in.
    TrustInPlace,
    /// The role's trust policy does not let the ServiceAccount in. The message holds the statement that is missing.
    TrustMissing,
    /// A statement of the role's trust policy denies the ServiceAccount. Remove or narrow that statement.
    TrustDenied,
    /// The trust policy uses a condition that Lanyard cannot judge from outside. Check it by hand.
    TrustNotVerifiable,
    /// The annotation or the association is in place.
    BindingInPlace,
    /// The annotation or the association is not in place yet.
    BindingMissing,
    /// The association or annotation in place differs from the one wanted.
    BindingDrifted,
    /// The ServiceAccount does not exist. Create it, or set `serviceAccount.create: true`.
    ServiceAccountMissing,
    /// An association for this ServiceAccount exists that Lanyard did not create; it decides what new pods get. The message says whose it is. Delete it, leave this ServiceAccount to its owner, or adopt it: annotate the object with `lanyard.dev/adopt` as the message shows, if its class lets it. What an EKS add-on owns is never adopted.
    AssociationConflict,
    /// An adopted role, or one that is to be adopted, lacks the permissions boundary that the spec or its class asks for. Lanyard narrows no role that others made: put the boundary on it by hand, and the rest goes on.
    BoundaryMissing,
    /// The ServiceAccount carries a role annotation that Lanyard never set and that says something else than the spec asks for. Remove it by hand, then Lanyard sets its own.
    AnnotationConflict,
    /// The IAM OIDC provider for the cluster's issuer is not there yet, or lacks the audience.
    ProviderMissing,
    /// The EKS Pod Identity Agent is not ready, so a pod would get no credentials. Install the add-on `eks-pod-identity-agent`.
    AgentNotReady,
    /// The cluster is not EKS's and AWS's pod identity webhook is not in it, so a pod would get neither role nor token. Install `amazon-eks-pod-identity-webhook`.
    WebhookMissing,
    /// Everything read from AWS and the cluster is as wanted.
    InSync,
    /// Something differs and stands: see `status.drift.items`.
    Drifted,
    /// Somebody changes the same thing again each time that Lanyard puts it back: another tool, which also takes it for its own. Lanyard goes on putting back what lets anybody in or out, and leaves a description, a longest session or a tag alone for a while. Find out who it is (CloudTrail, by the role's or association's name) and let one of the two decide, or set `driftPolicy: Report`.
    Contested,
    /// Something could not be read, so nobody knows whether it differs. The message says what and why.
    Unreadable,
    /// Every pod of the ServiceAccount carries the credentials that the spec asks for.
    PodsCurrent,
    /// Some pods were created before the binding and carry other credentials or none. Restart them when it suits.
    PodsStale,
    /// A change of the binding has begun: the role and its trust are made ready beside what is there. Wait.
    Preparing,
    /// The new annotation or association is put in place beside the old binding. Wait.
    Switching,
    /// The annotation is in place and new pods still get Pod Identity: the association goes now. Wait.
    Unbinding,
    /// The association is gone; EKS needs some seconds before every new pod gets IRSA. Wait, then restart what still carries Pod Identity.
    Unbound,
    /// New pods get the binding that the spec asks for; older ones still carry another, which is kept until they are gone. Restart them when it suits, or set `podRestart: Rollout`.
    Draining,
    /// All pods are current; the old binding is removed after a while without trouble. Wait.
    Soaking,
    /// A change of the binding is done: nothing of the old one is left.
    BindingChanged,
    /// `spec.transition.paused` is true: the change of the binding stays where it is. Set it to false to go on.
    Paused,
    /// A change of the binding waits until somebody agrees to what it costs. The message says what that is and how to agree.
    ApprovalRequired,
    /// Pods of the ServiceAccount run where there is no EKS Pod Identity Agent: on Fargate, on Windows, or on nodes without it. Keep them on IRSA, or move them.
    NodesUnsupported,
    /// An EKS add-on brings the ServiceAccount and binds it itself. Set the binding on the add-on.
    ManagedByAddOn,
    /// A workload that was restarted does not come up, so no other is restarted. Look at its pods; then put the spec back, or mend it and the change goes on.
    RestartStuck,
    /// A workload was restarted so that its pods get the binding that the spec asks for.
    Restarted,
    /// The class asks for another method, and its identities change a few at a time: this one waits for its turn, see the class's `spec.transition` and status.
    Queued,
    /// The class can be used as it is written.
    Accepted,
    /// The spec cannot be carried out as written. The message names the field and what to write instead.
    InvalidSpec,
    /// The annotation `lanyard.dev/adopt` cannot be followed: it holds something that is no ARN, or one that does not belong to this object. The message says which, and what to write instead.
    InvalidAdoption,
    /// The spec asks for something that the guardrails of its class do not allow. The message names the field, the value and the rule. What was applied before is kept true and nothing new is applied: change the spec, or ask the owner of the class.
    Forbidden,
    /// `spec.className` is not set, and none of the cluster's classes is marked as the default. Set it.
    NoDefaultClass,
    /// `spec.className` is not set, and several classes are marked as the default. Set it, or take the annotation `lanyard.dev/is-default-class` off all but one.
    SeveralDefaultClasses,
    /// The class that the object names or follows does not exist. What was applied before is kept true: create the class again, or correct `spec.className`.
    ClassMissing,
    /// The class cannot be carried out as it is written. The message quotes what is wrong; its owner has to correct it.
    ClassUnusable,
    /// The class is being deleted and takes no further object; those that follow it already go on. Name another class.
    ClassDeleting,
    /// The class does not fit what the object has: its default method cannot bind the role, or its tags are too many beside those of the spec. What was applied before is kept true: the owner of the class has to change it, or the spec has to say otherwise.
    ClassIncompatible,
    /// The class does not serve the object's namespace. Name another class, or ask its owner to select the namespace.
    NamespaceNotSelected,
    /// `spec.className` names another class than the one that the object follows, which cannot change. Put it back, or make another object.
    ClassChanged,
    /// The spec asks for Pod Identity on a cluster that is not EKS's, which alone has it. What is in place stays. Use `method: IRSA`.
    PodIdentityUnavailable,
    /// AWS cannot reach the issuer of the cluster's tokens, such as `https://kubernetes.default.svc`, so it can never verify one. Give the API server a public `--service-account-issuer`.
    IssuerUnreachable,
    /// The role would live in another account than the one that the binding can use. The message names both, and the way that leads there.
    AccountMismatch,
    /// The object could not be read at all; it does not fit the CRD that this operator knows. Compare the versions of CRD and operator.
    Undecodable,
    /// AWS or the API server refuses a call. The message names the permission that is missing.
    AccessDenied,
    /// A quota of AWS is used up. The message names it; raise it or use less.
    QuotaExceeded,
    /// AWS calls a document malformed that Lanyard took for well-formed. The message quotes AWS.
    MalformedDocument,
    /// AWS refuses a call for good. The message quotes AWS.
    Refused,
    /// AWS has asked for fewer calls for twenty seconds of tries. Lanyard goes on trying, ever more rarely. Look which other tool uses up the account's rate.
    Throttled,
    /// AWS or the API server does not answer as it should; Lanyard tries again.
    Unavailable,
    /// `spec.suspend` is true: Lanyard looks and reports, and changes nothing until it is false.
    Suspended,
    /// The operator runs with `--read-only`: it reports and changes nothing.
    ReadOnly,
    /// The object is being deleted; the message says what is removed or what is in the way.
    Deleting,
    /// The object is being deleted with `DeleteWhenUnused`, and pods still use the ServiceAccount; the message counts them. Delete or scale them down, or set `deletionPolicy: Delete` to remove everything at once.
    InUse,
    /// The EKS add-on `eks-pod-identity-agent` was installed, as `--pod-identity-agent Ensure` allows.
    AgentInstalled,
    /// A role or an association that somebody else made was adopted, as the annotation `lanyard.dev/adopt` asks. What was on it stays, and it stays when the object is deleted.
    Adopted,
    /// A role was created.
    RoleCreated,
    /// The role was deleted by somebody and created again: same name, same ARN, another unique id. AWS stores a role that a policy names as principal by that id, so every policy elsewhere that names it (of buckets, keys, queues, other roles) is dead until it is saved again. The condition says so until the spec next changes.
    RoleRecreated,
    /// A role, its policies or its tags were brought to what the spec asks for.
    RoleUpdated,
    /// The annotation or the association was put in place or changed.
    BindingUpdated,
    /// Drift was found: the field, what was wanted and what was found.
    DriftFound,
    /// Drift was found and repaired: the field, what was wanted and what was found.
    DriftCorrected,
    /// Everything that Lanyard owned for the object is removed from AWS.
    Removed,
    /// Everything stays in AWS and is no longer Lanyard's.
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
    fn every_reason_fits_the_api_and_says_what_it_means() {
        for reason in Reason::ALL {
            assert!(
                reason.as_str().len() <= 128 && reason.as_str().chars().all(|c| c.is_ascii_alphanumeric())
            );
            assert!(reason.meaning().trim().ends_with('.'), "{reason}");
        }
    }
}
