//! The table of the rights of each command: what it reads, and what is lost without it. Plain values; no I/O.

use serde_json::{Value, json};

use super::actions::{ACCOUNT, Action, BINDINGS, CLUSTER, ROLES};

/// A right in the cluster.
#[derive(Debug)]
pub(super) struct Right {
    verbs: &'static [&'static str],
    group: &'static str,
    /// Resources, or one path that begins with `/`.
    resources: &'static [&'static str],
    names: &'static [&'static str],
    /// False if the command works without it.
    pub required: bool,
    /// The loss without it.
    pub lost: &'static str,
}

/// The rights of one command.
#[derive(Debug)]
pub(super) struct Rights {
    /// The name of the command.
    pub command: &'static str,
    rules: &'static [&'static [Right]],
    actions: &'static [&'static [Action]],
}

impl Rights {
    /// The rights in the cluster.
    pub fn rules(&self) -> impl Iterator<Item = &'static Right> {
        self.rules.iter().copied().flatten()
    }

    /// The actions in AWS.
    pub fn actions(&self) -> impl Iterator<Item = &'static Action> {
        self.actions.iter().copied().flatten()
    }
}

impl Right {
    /// The rule of RBAC.
    pub fn rule(&self) -> Value {
        if self.resources.iter().any(|resource| resource.starts_with('/')) {
            return json!({"nonResourceURLs": self.resources, "verbs": self.verbs});
        }
        let mut rule = json!({"apiGroups": [self.group], "resources": self.resources, "verbs": self.verbs});
        if let (false, Some(rule)) = (self.names.is_empty(), rule.as_object_mut()) {
            rule.insert("resourceNames".to_owned(), json!(self.names));
        }
        rule
    }
}

const fn required(
    verbs: &'static [&'static str],
    group: &'static str,
    resources: &'static [&'static str],
    lost: &'static str,
) -> Right {
    Right {
        verbs,
        group,
        resources,
        names: &[],
        required: true,
        lost,
    }
}

const fn optional(
    verbs: &'static [&'static str],
    group: &'static str,
    resources: &'static [&'static str],
    lost: &'static str,
) -> Right {
    let right = required(verbs, group, resources, lost);
    Right {
        required: false,
        ..right
    }
}

/// The object, its class and the cluster. Every command that takes a name reads them.
const OBJECT: &[Right] = &[
    required(
        &["get", "list"],
        "lanyard.dev",
        &["workloadidentities"],
        "everything",
    ),
    optional(
        &["list"],
        "lanyard.dev",
        &["workloadidentityclasses"],
        "the guardrails of the class",
    ),
    optional(
        &["get"],
        "",
        &["namespaces"],
        "the class that the namespace selects",
    ),
    optional(
        &["get"],
        "",
        &["/.well-known/openid-configuration"],
        "the check that AWS and the API server are one cluster",
    ),
    Right {
        verbs: &["get"],
        group: "",
        resources: &["configmaps"],
        names: &["lanyard-info"],
        required: false,
        lost: "the cluster has to be named by flags or the kubeconfig",
    },
    optional(
        &["get"],
        "apps",
        &["deployments", "statefulsets", "daemonsets"],
        "names such as deploy/orders, and an agent that is no add-on",
    ),
];

/// The pods and the ServiceAccount.
const PODS: &[Right] = &[
    optional(
        &["get"],
        "",
        &["serviceaccounts"],
        "the annotations of the ServiceAccount",
    ),
    optional(
        &["get", "list"],
        "",
        &["pods"],
        "pods with the previous binding, and the pods of the agent",
    ),
];

/// The workloads of a rollout.
const WORKLOADS: &[Right] = &[
    optional(
        &["list"],
        "apps",
        &["deployments", "statefulsets", "daemonsets"],
        "the restarts of a transition, with podRestart: Rollout",
    ),
    optional(
        &["list"],
        "policy",
        &["poddisruptionbudgets"],
        "disruption budgets, with podRestart: Rollout",
    ),
];

/// The objects around pods, for the rules of the diagnosis.
const SURROUNDINGS: &[Right] = &[
    optional(
        &["list"],
        "coordination.k8s.io",
        &["leases"],
        "whether the operator leads",
    ),
    optional(
        &["list"],
        "networking.k8s.io",
        &["networkpolicies"],
        "whether pods may reach the agent",
    ),
    optional(
        &["list"],
        "external-secrets.io",
        &["secretstores", "clustersecretstores"],
        "stores that create tokens of the ServiceAccount",
    ),
];

/// The two ways of a proof.
const PROOF: &[Right] = &[
    required(
        &["create"],
        "",
        &["serviceaccounts/token"],
        "the proof by token. The right to create tokens of a ServiceAccount is its identity",
    ),
    required(
        &["create", "delete"],
        "batch",
        &["jobs"],
        "the proof by probe. The right to create Jobs is every identity of the namespace",
    ),
];

/// The fleet of an audit. Secrets are not part of it: `--read-secrets` needs `get` of them in addition.
const FLEET: &[Right] = &[
    optional(
        &["list"],
        "",
        &["pods"],
        "the forms that running pods carry: only templates count",
    ),
    optional(
        &["list"],
        "apps",
        &["deployments", "statefulsets", "daemonsets"],
        "workloads without pods",
    ),
    optional(
        &["list"],
        "batch",
        &["cronjobs", "jobs"],
        "the CronJobs of pods, and workloads without pods",
    ),
    optional(
        &["list"],
        "",
        &["serviceaccounts"],
        "annotations and their managers",
    ),
    optional(
        &["list"],
        "lanyard.dev",
        &["workloadidentities"],
        "which credentials Lanyard manages",
    ),
    optional(&["get"], "", &["configmaps"], "access keys by envFrom"),
    optional(
        &["get"],
        "",
        &["/.well-known/openid-configuration"],
        "the check that AWS and the API server are one cluster",
    ),
];

/// Identities of other tools. Objects of ACK and Crossplane are read too, where these tools are installed.
const FOREIGN: &[Right] = &[
    required(
        &["list"],
        "",
        &["serviceaccounts"],
        "the annotations of ServiceAccounts",
    ),
    optional(
        &["list"],
        "lanyard.dev",
        &["workloadidentities", "workloadidentityclasses"],
        "which ServiceAccounts Lanyard serves already, and the guardrails of the class",
    ),
    optional(
        &["get"],
        "",
        &["/.well-known/openid-configuration"],
        "the check that AWS and the API server are one cluster",
    ),
    optional(
        &["list"],
        "iam.services.k8s.aws",
        &["roles"],
        "roles that ACK made",
    ),
    optional(
        &["list"],
        "eks.services.k8s.aws",
        &["podidentityassociations"],
        "associations that ACK made",
    ),
    optional(
        &["list"],
        "iam.aws.upbound.io",
        &["roles"],
        "roles that Crossplane made",
    ),
    optional(
        &["list"],
        "iam.aws.m.upbound.io",
        &["roles"],
        "roles that Crossplane made",
    ),
    optional(
        &["list"],
        "eks.aws.upbound.io",
        &["podidentityassociations"],
        "associations that Crossplane made",
    ),
    optional(
        &["list"],
        "eks.aws.m.upbound.io",
        &["podidentityassociations"],
        "associations that Crossplane made",
    ),
];

static TABLE: [Rights; 6] = [
    Rights {
        command: "plan",
        rules: &[OBJECT, PODS, WORKLOADS],
        actions: &[CLUSTER, ROLES, BINDINGS],
    },
    Rights {
        command: "doctor",
        rules: &[OBJECT, PODS, SURROUNDINGS],
        actions: &[CLUSTER, ROLES, BINDINGS],
    },
    Rights {
        command: "trust",
        rules: &[OBJECT],
        actions: &[CLUSTER],
    },
    Rights {
        command: "verify",
        rules: &[OBJECT, PODS, PROOF],
        actions: &[CLUSTER, ROLES, BINDINGS],
    },
    Rights {
        command: "audit",
        rules: &[FLEET],
        actions: &[CLUSTER, ACCOUNT],
    },
    Rights {
        command: "import",
        rules: &[FOREIGN],
        actions: &[CLUSTER, ACCOUNT, ROLES],
    },
];

/// The rights of a command. Returns `None` if it reads neither the cluster nor AWS.
pub(super) fn of_command(name: &str) -> Option<&'static Rights> {
    TABLE.iter().find(|rights| rights.command == name)
}
