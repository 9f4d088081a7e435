//! The table of rules: their codes, what they check, the facts that they need, and what the application sees. Codes are
//! stable: scripts and pages refer to them. Plain values; no I/O.

use super::need::Need;

/// Declares the codes with their rows, in the order of the codes.
macro_rules! codes {
    ($(
        $Code:ident $text:literal checks $checks:literal sees $symptom:literal fault $fault:literal next $next:literal
        needs [$($Need:ident)*]
    )+) => {
        /// The code of a rule.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $checks] $Code,)+
        }

        impl Code {
            /// All codes, in their order.
            pub const ALL: &[Self] = &[$(Self::$Code),+];

            /// The code as users see it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$Code => $text,)+ }
            }

            /// The condition that the rule checks, as a noun with a verb.
            #[must_use]
            pub const fn checks(self) -> &'static str {
                match self { $(Self::$Code => $checks,)+ }
            }

            /// The symptom in the application (docs/dev/aws-behaviour.md#web-identity-errors).
            #[must_use]
            pub const fn symptom(self) -> &'static str {
                match self { $(Self::$Code => $symptom,)+ }
            }

            /// The fault that the rule reports, for the reference.
            #[must_use]
            pub const fn fault(self) -> &'static str {
                match self { $(Self::$Code => $fault,)+ }
            }

            /// The next command, for the reference.
            #[must_use]
            pub const fn next(self) -> &'static str {
                match self { $(Self::$Code => $next,)+ }
            }

            /// The facts that the rule reads. Without one of them it has no result.
            #[must_use]
            pub const fn needs(self) -> &'static [Need] {
                match self { $(Self::$Code => &[$(Need::$Need),*],)+ }
            }
        }
    };
}

codes! {
    Ly101 "LY101"
        checks "the ServiceAccount exists"
        sees "no pod of the ServiceAccount is created"
        fault "The ServiceAccount does not exist, so no pod of it can be created."
        next "`kubectl create serviceaccount`"
        needs [ServiceAccount]
    Ly102 "LY102"
        checks "the annotation of the ServiceAccount names the role"
        sees "the SDK finds no web identity, or uses another role"
        fault "IRSA: the annotation is absent, names another role, or has a space."
        next "`kubectl annotate serviceaccount` with the ARN of the role"
        needs [ServiceAccount]
    Ly103 "LY103"
        checks "pods have the credentials of the binding"
        sees "the pods use their previous credentials, or those of the node"
        fault "Pods were created before the binding and keep their previous credentials: a fault if no pod uses the binding, otherwise a warning. Pod Identity: a warning if the association changed less than 6 hours ago (59 minutes with a target role), because the agent keeps its credentials for that time."
        next "`kubectl rollout restart`"
        needs [Pods Association ServiceAccount]
    Ly104 "LY104"
        checks "the pod identity webhook changed every pod that was created after the binding"
        sees "the SDK finds no credentials, or uses those of the node"
        fault "Pods were created after the binding and have no credentials. Their template has the label or the annotation that makes the webhook skip them, or the webhook failed or did not know the binding yet, which takes EKS up to a minute."
        next "`kubectl patch` that removes the label or the annotation, or `kubectl rollout restart`"
        needs [Pods Association ServiceAccount]
    Ly105 "LY105"
        checks "no pod template sets the variables of a web identity"
        sees "the SDK uses the role and the token of the pod template"
        fault "A pod template sets `AWS_ROLE_ARN` and `AWS_WEB_IDENTITY_TOKEN_FILE`. SDKs prefer a web identity to Pod Identity, and the webhook does not replace variables."
        next "`kubectl set env` that removes the variables"
        needs [Pods Association ServiceAccount]
    Ly106 "LY106"
        checks "no container has credentials that SDKs prefer"
        sees "the SDK uses a static key or a profile, and not the role"
        fault "A container has a static key, a profile or a mounted `.aws` directory, which SDKs prefer to both methods. Only names of variables are read, and no values; variables from ConfigMaps and Secrets are not known."
        next "`kubectl set env` that removes the variables"
        needs [Pods]
    Ly107 "LY107"
        checks "every container of a pod has credentials"
        sees "one container works, and another one finds no credentials"
        fault "A warning: one container has credentials and another one of the same pod does not. The annotation `eks.amazonaws.com/skip-containers` can be the cause."
        next "`kubectl get` of the pod template"
        needs [Pods]
    Ly110 "LY110"
        checks "annotation and association do not contradict each other"
        sees "new pods get the role of the association, and not that of the annotation"
        fault "IRSA with an association: new pods get the association. A warning for Pod Identity with an annotation of another role, which takes effect if the association is deleted."
        next "`aws eks delete-pod-identity-association`, or `kubectl annotate` that removes the annotation"
        needs [Association ServiceAccount]
    Ly111 "LY111"
        checks "no pod asks kiam or kube2iam for a role"
        sees "the calls of the application end at a proxy of the node, with another role"
        fault "A warning: a pod has the annotation `iam.amazonaws.com/role`. Remove it after the pods use the binding, and then kiam or kube2iam."
        next "`kubectl patch` that removes the annotation"
        needs [Pods]
    Ly112 "LY112"
        checks "the pod identity webhook is installed"
        sees "new pods have neither a role nor a token"
        fault "Outside EKS: no webhook changes the pods of annotated ServiceAccounts. Install `amazon-eks-pod-identity-webhook`."
        next "`kubectl get mutatingwebhookconfigurations`"
        needs [Webhook]
    Ly201 "LY201"
        checks "the OIDC provider exists in the account of the role"
        sees "InvalidIdentityToken: No OpenIDConnect provider found in your account"
        fault "IRSA: the account of the role has no OIDC provider for the issuer of the cluster."
        next "`aws iam create-open-id-connect-provider`"
        needs [Provider]
    Ly202 "LY202"
        checks "the OIDC provider accepts the audience"
        sees "InvalidIdentityToken: Incorrect token audience"
        fault "IRSA: the provider does not accept the audience of the token."
        next "`aws iam add-client-id-to-open-id-connect-provider`"
        needs [Provider]
    Ly203 "LY203"
        checks "a statement of the trust policy names the OIDC provider of the cluster"
        sees "AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity"
        fault "IRSA: no statement names the provider of this cluster, or none allows `sts:AssumeRoleWithWebIdentity`. A role of a cluster that was created again names its former provider."
        next "`kubectl lanyard trust`"
        needs [Trust]
    Ly204 "LY204"
        checks "the trust policy admits the namespace and the name of the ServiceAccount"
        sees "AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity"
        fault "IRSA: the condition on `sub` does not hold: another namespace or name, another case, or `*` under `StringEquals`."
        next "`kubectl lanyard trust`"
        needs [Trust]
    Ly205 "LY205"
        checks "the trust policy admits the audience of the token"
        sees "AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity"
        fault "IRSA: the condition on `aud` does not hold. The value of `sub` under the key of `aud` is a frequent cause."
        next "`kubectl lanyard trust`"
        needs [Trust]
    Ly206 "LY206"
        checks "no statement or condition of the trust policy excludes the pods"
        sees "AccessDenied when the role is assumed, for every pod or for some"
        fault "A statement denies the pods, or a condition on another key does not hold. A warning if only AWS can decide the condition."
        next "`kubectl lanyard trust`, or `kubectl lanyard verify` if only AWS can decide"
        needs [Trust]
    Ly207 "LY207"
        checks "the lifetime of the token is allowed"
        sees "the webhook uses another lifetime than the annotation says"
        fault "A warning: the annotation `eks.amazonaws.com/token-expiration` is not a number from 600 to 86400."
        next "`kubectl annotate serviceaccount`"
        needs [ServiceAccount]
    Ly208 "LY208"
        checks "every container can read its token file"
        sees "permission denied: the token file cannot be read"
        fault "A warning: the containers of a pod run as different users, and the pod sets no `fsGroup`, so kubelet gives the file to root only."
        next "`kubectl patch` that sets `fsGroup`"
        needs [Pods]
    Ly209 "LY209"
        checks "the API server belongs to the cluster in AWS"
        sees "nothing: the findings would be about another cluster"
        fault "AWS and the API server describe different clusters. The command then ends before it shows findings. Not known if the issuer cannot be read."
        next "`kubectl config get-contexts`"
        needs [Issuer]
    Ly301 "LY301"
        checks "the association names the role"
        sees "the SDK finds no container credentials, or gets another role"
        fault "Pod Identity: no association, or one with another role. One of an EKS add-on belongs to the add-on."
        next "`aws eks create-pod-identity-association` or `update-pod-identity-association`"
        needs [Association]
    Ly302 "LY302"
        checks "the Pod Identity Agent serves the node of each pod"
        sees "the SDK cannot connect to 169.254.170.23, or the request times out"
        fault "Pod Identity: the agent is not installed or not ready, or a pod is on a node without it: Fargate, Windows, a hybrid node without its DaemonSet, or a node with a taint that the DaemonSet does not tolerate."
        next "`aws eks create-addon`, `kubectl describe daemonset`, or `method: IRSA`"
        needs [Agent Pods]
    Ly303 "LY303"
        checks "a statement of the trust policy admits Pod Identity"
        sees "AccessDeniedException: EKS does not have permissions to assume the associated role"
        fault "Pod Identity: no statement allows both `sts:AssumeRole` and `sts:TagSession` to `pods.eks.amazonaws.com`."
        next "`kubectl lanyard trust`"
        needs [Trust]
    Ly304 "LY304"
        checks "the conditions of the trust policy hold for the values that EKS sends"
        sees "AccessDeniedException: EKS does not have permissions to assume the associated role"
        fault "Pod Identity: a condition does not hold for the values that EKS sends. `aws:SourceArn` is the ARN of the cluster and not of the association, and `aws:RequestTag` keys are absent if session tags are off."
        next "`kubectl lanyard trust`"
        needs [Trust]
    Ly305 "LY305"
        checks "the role is in the account of the cluster"
        sees "the association cannot be created"
        fault "Pod Identity: the role of an association has to be in the account of the cluster. A role of another account is a target role."
        next "`kubectl explain workloadidentity.spec.podIdentity.targetRoleArn`"
        needs []
    Ly306 "LY306"
        checks "the role may assume the target role, and the target role admits it"
        sees "not authorized to perform sts:AssumeRole or sts:TagSession on the target role"
        fault "Pod Identity with a target role: the first role may not assume it, the target does not admit the first role, or its external id is another one. EKS sends an external id only without session tags."
        next "`kubectl lanyard trust`, which prints the statements of both roles"
        needs [Policies Trust Association]
    Ly307 "LY307"
        checks "the role of the node may call eks-auth:AssumeRoleForPodIdentity"
        sees "AccessDeniedException of the agent, with the role of the node as the caller"
        fault "Pod Identity: the agent calls EKS with the role of the node."
        next "`aws iam attach-role-policy`"
        needs [Nodes]
    Ly308 "LY308"
        checks "requests to the agent do not use an HTTP proxy"
        sees "the proxy answers instead of the agent: 403, 502 or a time-out"
        fault "Pod Identity: a container has `HTTP_PROXY` or `ALL_PROXY`, and `NO_PROXY` does not contain the address of the agent."
        next "`kubectl set env` with `NO_PROXY`"
        needs [Pods]
    Ly309 "LY309"
        checks "network policies let the pods connect to the agent"
        sees "the request to 169.254.170.23 times out"
        fault "Pod Identity, a warning: a network policy restricts the egress of a pod, and none allows port 80 of 169.254.170.23. Whether it is enforced for this address depends on the network plugin."
        next "`kubectl patch networkpolicy`"
        needs [NetworkPolicies]
    Ly310 "LY310"
        checks "session tags leave room for the session policies of the application"
        sees "PackedPolicyTooLarge"
        fault "With `--error`: the tags of the session and the policies that the application passes exceed their limit together. Without session tags, trust policies cannot test `aws:RequestTag` keys."
        next "`kubectl patch workloadidentity` with `sessionTags: Disabled`"
        needs [Error]
    Ly311 "LY311"
        checks "the SDK of the application supports the method"
        sees "only loopback hosts are allowed, or: no EC2 IMDS role found"
        fault "With `--error`: the SDK does not support Pod Identity. Update it to [a version that does](../../dev/aws-behaviour.md#minimum-sdk-versions), or use IRSA."
        next "`kubectl patch workloadidentity` with `method: IRSA`"
        needs [Error]
    Ly312 "LY312"
        checks "the error is one of credentials, and not of instance metadata"
        sees "failed to introspect region or vpcID: 401 of the instance metadata service"
        fault "With `--error`: the application asks the instance metadata service for its Region or VPC. Set both in its configuration."
        next "`kubectl get deployments`"
        needs [Error]
    Ly401 "LY401"
        checks "the role exists, and is the one that Lanyard recorded"
        sees "AccessDenied when the SDK assumes the role, or calls a resource whose policy names the role"
        fault "The role does not exist or has another path. A warning if its unique ID is not the recorded one: IAM policies of other resources that name the role then name a deleted one."
        next "`kubectl lanyard plan`, `aws iam get-role`"
        needs [Role]
    Ly402 "LY402"
        checks "policies, boundary and service control policies allow the action"
        sees "AccessDenied for a call with the credentials of the role"
        fault "IAM denies an action by simulation. Resource policies and resource control policies are not part of it."
        next "`aws iam simulate-principal-policy`"
        needs [Simulation]
    Ly403 "LY403"
        checks "the role has permissions"
        sees "AccessDenied for every call with the credentials of the role"
        fault "A warning: the role has no policy, or only empty ones."
        next "`kubectl edit workloadidentity`"
        needs [Policies]
    Ly404 "LY404"
        checks "pods without credentials cannot use those of the node"
        sees "calls succeed or fail with the role of the node"
        fault "A warning: a pod without credentials reaches the instance metadata service, and uses the role of the node."
        next "`aws ec2 modify-instance-metadata-options`"
        needs [Nodes Pods]
    Ly501 "LY501"
        checks "the operator runs and has reconciled the object"
        sees "changes of the WorkloadIdentity have no effect"
        fault "No operator renews its lease. A warning if the operator runs and has not reconciled the current spec."
        next "`kubectl get deployments`, `kubectl logs`"
        needs [Object Operator]
    Ly502 "LY502"
        checks "the object is not stalled, and waits for no approval"
        sees "changes of the WorkloadIdentity have no effect until a user acts"
        fault "The object is `Stalled`, or a change of the binding waits for approval; the message of the condition is the evidence. A warning if the object is suspended."
        next "the approval, `kubectl patch` that ends the suspension, or `kubectl describe`"
        needs [Object]
    Ly503 "LY503"
        checks "the clocks agree"
        sees "ExpiredToken, SignatureDoesNotMatch, or a token that is not valid yet"
        fault "A warning: the clock of the API server differs from that of this computer by more than 60 seconds."
        next "`timedatectl timesync-status`"
        needs [Clocks]
    Ly601 "LY601"
        checks "nothing creates tokens of the ServiceAccount by its annotation"
        sees "An IAM role must be associated with service account"
        fault "Pod Identity: a SecretStore of External Secrets or a volume of the Secrets Store CSI driver creates tokens of the ServiceAccount. It needs the role annotation, which only IRSA sets."
        next "`kubectl patch workloadidentity` with `method: IRSA`"
        needs [Pods TokenReaders]
}
