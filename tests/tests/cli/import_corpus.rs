//! The corpus of `import`: identities as each tool leaves them, by its own tags, field managers and state. Input: a namespace.
//! Output: what was made. Calls AWS as the root user of the account, and the API server.

use anyhow::{Context, Result};
use aws_sdk_iam::types::Tag;
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{ObjectMeta, PostParams};
use lanyard_tests::TestNamespace;
use serde_json::{Value, json};

const ANNOTATION: &str = "eks.amazonaws.com/role-arn";
/// The suffix of a name that Terraform generates.
const GENERATED: &str = "20240311094512345600000001";

/// A way in which an identity came into being.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Hand,
    Helm,
    EksctlIrsa,
    EksctlPodIdentity,
    Terraform,
    TerraformGuess,
    Ack,
    Crossplane,
    ClusterApi,
    Kops,
    Association,
    AddOn,
    NoRole,
    NotAdmitted,
}

pub const KINDS: [Kind; 14] = [
    Kind::Hand,
    Kind::Helm,
    Kind::EksctlIrsa,
    Kind::EksctlPodIdentity,
    Kind::Terraform,
    Kind::TerraformGuess,
    Kind::Ack,
    Kind::Crossplane,
    Kind::ClusterApi,
    Kind::Kops,
    Kind::Association,
    Kind::AddOn,
    Kind::NoRole,
    Kind::NotAdmitted,
];

impl Kind {
    /// Its word in names.
    fn word(self) -> &'static str {
        match self {
            Self::Hand => "hand",
            Self::Helm => "helm",
            Self::EksctlIrsa => "eksctl-irsa",
            Self::EksctlPodIdentity => "eksctl-pi",
            Self::Terraform => "terraform",
            Self::TerraformGuess => "guess",
            Self::Ack => "ack",
            Self::Crossplane => "crossplane",
            Self::ClusterApi => "capa",
            Self::Kops => "kops",
            Self::Association => "association",
            Self::AddOn => "addon",
            Self::NoRole => "norole",
            Self::NotAdmitted => "notadmitted",
        }
    }

    /// The state in which `import` shows it.
    pub fn state(self) -> &'static str {
        match self {
            Self::AddOn | Self::NoRole => "left",
            Self::NotAdmitted => "held",
            _ => "ready",
        }
    }

    fn is_irsa(self) -> bool {
        matches!(
            self,
            Self::Hand
                | Self::Helm
                | Self::EksctlIrsa
                | Self::TerraformGuess
                | Self::Kops
                | Self::NoRole
                | Self::NotAdmitted
        )
    }

    fn manager(self) -> &'static str {
        match self {
            Self::Helm => "helm",
            Self::EksctlIrsa => "eksctl",
            Self::TerraformGuess => "HashiCorp",
            _ => "kubectl-annotate",
        }
    }

    fn tags(self, subject: &str) -> Vec<(String, String)> {
        let tags: Vec<(&str, &str)> = match self {
            Self::EksctlIrsa => vec![
                ("alpha.eksctl.io/cluster-name", "lanyard"),
                ("alpha.eksctl.io/iamserviceaccount-name", subject),
            ],
            Self::EksctlPodIdentity => vec![
                ("alpha.eksctl.io/cluster-name", "lanyard"),
                ("alpha.eksctl.io/podidentityassociation-name", subject),
            ],
            Self::AddOn => vec![("alpha.eksctl.io/addon-name", "aws-ebs-csi-driver")],
            Self::Ack => vec![
                ("services.k8s.aws/controller-version", "iam-v1.3.0"),
                ("services.k8s.aws/namespace", "ack"),
            ],
            Self::Crossplane => vec![
                ("crossplane-kind", "role.iam.aws.upbound.io"),
                ("crossplane-name", "orders"),
            ],
            Self::ClusterApi => vec![("sigs.k8s.io/cluster-api-provider-aws/cluster/lanyard", "owned")],
            Self::Kops => vec![
                ("service-account.kops.k8s.io/name", "orders"),
                ("service-account.kops.k8s.io/namespace", "shop"),
            ],
            _ => vec![("team", "shop")],
        };
        tags.into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    /// The maker that `import` has to name.
    pub fn maker(self, made: &Made) -> Option<String> {
        Some(match self {
            Self::Hand | Self::NotAdmitted => "by hand".to_owned(),
            Self::Helm => "Helm release shop".to_owned(),
            Self::EksctlIrsa | Self::EksctlPodIdentity => "eksctl".to_owned(),
            Self::Terraform => format!("Terraform aws_iam_role.{}", made.name),
            Self::TerraformGuess => "Terraform, perhaps".to_owned(),
            Self::Ack => "ACK in namespace ack".to_owned(),
            Self::Crossplane => "Crossplane role.iam.aws.upbound.io/orders".to_owned(),
            Self::ClusterApi => "Cluster API cluster lanyard".to_owned(),
            Self::Kops => "kOps shop/orders".to_owned(),
            Self::Association | Self::AddOn | Self::NoRole => return None,
        })
    }
}

/// One identity of the corpus.
#[derive(Debug)]
pub struct Made {
    pub kind: Kind,
    pub name: String,
    pub role: String,
    pub arn: String,
    pub association: Option<String>,
}

/// The place of a corpus.
pub struct Corpus<'a> {
    scene: &'a TestNamespace<'a>,
    prefix: &'static str,
    issuer: String,
    account: String,
}

impl<'a> Corpus<'a> {
    /// Creates the OIDC provider, which a cluster with IRSA has.
    pub async fn new(scene: &'a TestNamespace<'a>, prefix: &'static str) -> Result<Self> {
        let cluster = scene.aws.eks.describe_cluster().name("lanyard").send().await?;
        let cluster = cluster.cluster.context("a cluster")?;
        let oidc = cluster.identity.and_then(|identity| identity.oidc);
        let issuer = oidc.and_then(|oidc| oidc.issuer).context("an issuer")?;
        let arn = cluster.arn.context("an ARN")?;
        let account = arn.split(':').nth(4).context("an account")?.to_owned();
        let create = scene.aws.iam.create_open_id_connect_provider().url(&issuer);
        if let Err(error) = create.client_id_list("sts.amazonaws.com").send().await {
            let exists = error
                .as_service_error()
                .is_some_and(|error| error.is_entity_already_exists_exception());
            anyhow::ensure!(exists, "{error:?}");
        }
        Ok(Self {
            scene,
            prefix,
            issuer: issuer.trim_start_matches("https://").to_owned(),
            account,
        })
    }

    /// Makes identities of every kind.
    pub async fn make(&self, rounds: usize) -> Result<Vec<Made>> {
        self.make_kinds(&KINDS, rounds).await
    }

    /// Makes identities of these kinds.
    pub async fn make_kinds(&self, kinds: &[Kind], rounds: usize) -> Result<Vec<Made>> {
        let each = kinds
            .iter()
            .flat_map(|kind| (0..rounds).map(move |round| (*kind, round)));
        let made = each.map(|(kind, round)| self.one(kind, round));
        futures::stream::iter(made).buffered(8).try_collect().await
    }

    async fn one(&self, kind: Kind, round: usize) -> Result<Made> {
        let name = format!("{}-{}-{round}", self.prefix, kind.word());
        let role = match kind {
            Kind::TerraformGuess => format!("{}-{round}-{GENERATED}", self.prefix),
            _ => name.clone(),
        };
        let subject = format!("{}/{name}", self.scene.namespace);
        let path = "/team/";
        let arn = format!("arn:aws:iam::{}:role{path}{role}", self.account);
        if kind != Kind::NoRole {
            let tag = |(key, value): (String, String)| Tag::builder().key(key).value(value).build();
            let tags = kind
                .tags(&subject)
                .into_iter()
                .map(tag)
                .collect::<Result<Vec<_>, _>>()?;
            let create = self.scene.aws.iam.create_role().role_name(&role).path(path);
            let create = create.assume_role_policy_document(self.trust(kind, &name).to_string());
            create.set_tags(Some(tags)).send().await?;
        }
        self.account(kind, &name, &arn).await?;
        let association = match kind.is_irsa() {
            true => None,
            false => Some(self.associate(kind, &name, &arn).await?),
        };
        Ok(Made {
            kind,
            name,
            role,
            arn,
            association,
        })
    }

    fn trust(&self, kind: Kind, name: &str) -> Value {
        let other = if kind == Kind::NotAdmitted { "other" } else { name };
        let statement = match kind.is_irsa() {
            true => json!({
                "Effect": "Allow",
                "Principal": {"Federated": format!("arn:aws:iam::{}:oidc-provider/{}", self.account, self.issuer)},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {"StringEquals": {
                    format!("{}:sub", self.issuer): format!("system:serviceaccount:{}:{other}", self.scene.namespace),
                    format!("{}:aud", self.issuer): "sts.amazonaws.com",
                }},
            }),
            false => json!({
                "Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"},
                "Action": ["sts:AssumeRole", "sts:TagSession"],
            }),
        };
        json!({"Version": "2012-10-17", "Statement": [statement]})
    }

    async fn account(&self, kind: Kind, name: &str, arn: &str) -> Result<()> {
        let mut annotations: Vec<(&str, &str)> = Vec::new();
        if kind.is_irsa() {
            annotations.push((ANNOTATION, arn));
        }
        if kind == Kind::Helm {
            annotations.push(("meta.helm.sh/release-name", "shop"));
        }
        let text = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let metadata = ObjectMeta {
            name: Some(name.to_owned()),
            annotations: Some(annotations.into_iter().map(text).collect()),
            ..ObjectMeta::default()
        };
        let account = ServiceAccount {
            metadata,
            ..ServiceAccount::default()
        };
        let params = PostParams {
            field_manager: Some(kind.manager().to_owned()),
            ..PostParams::default()
        };
        self.scene.accounts().create(&params, &account).await?;
        Ok(())
    }

    async fn associate(&self, kind: Kind, name: &str, arn: &str) -> Result<String> {
        let tags = kind.tags(&format!("{}/{name}", self.scene.namespace));
        let create = self
            .scene
            .aws
            .eks
            .create_pod_identity_association()
            .cluster_name("lanyard");
        let create = create
            .namespace(&self.scene.namespace)
            .service_account(name)
            .role_arn(arn);
        let answer = create.set_tags(Some(tags.into_iter().collect())).send().await?;
        let association = answer.association.context("an association")?;
        association.association_arn.context("an ARN")
    }

    /// The state of Terraform, as `terraform show -json` prints it.
    pub fn terraform(&self, made: &[Made]) -> String {
        let own = made.iter().filter(|made| made.kind == Kind::Terraform);
        let resource = |kind: &str, name: &str, values: Value| json!({"address": format!("{kind}.{name}"), "mode": "managed", "type": kind, "name": name, "values": values});
        let resources = own.flat_map(|made| {
            let role = resource(
                "aws_iam_role",
                &made.name,
                json!({"arn": made.arn, "name": made.role}),
            );
            let association = json!({"association_arn": made.association});
            [
                role,
                resource("aws_eks_pod_identity_association", &made.name, association),
            ]
        });
        let resources: Vec<Value> = resources.collect();
        json!({"format_version": "1.0", "terraform_version": "1.9.0", "values": {"root_module": {"resources": resources}}})
            .to_string()
    }
}
