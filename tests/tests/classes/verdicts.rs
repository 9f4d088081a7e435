//! Proves on one corpus that the admission policy denies nothing that core allows, and that it denies everything that core
//! forbids, except for rules that only core can evaluate. Does I/O.

use anyhow::{Context, Result, ensure};
use lanyard_api::WorkloadIdentitySpec;
use lanyard_core::class::guardrails::{Forbidden, forbidden};
use lanyard_core::class::selector::Labels;
use lanyard_core::class::{ClassEntry, ClassRequest, select};
use lanyard_core::model::fact::Fact;
use lanyard_core::model::spec::Method;
use lanyard_core::model::subject::Subject;
use serde_json::{Value, json};

use crate::corpus::specs;
use crate::fixture::{BANK, SHOP, classes, client, denial, denial_with, ensure_same};

/// The decision of core.
#[derive(Debug, PartialEq)]
enum Verdict {
    Allowed,
    /// Forbidden by rules that only core can evaluate.
    ForbiddenByCore(Vec<Forbidden>),
    /// Forbidden by rules that the admission policy must report.
    Forbidden(Vec<Forbidden>),
    /// No class applies. The flag says if admission can detect it.
    NoClass {
        told_early: bool,
    },
}

#[tokio::test]
async fn admission_and_core_agree_on_the_corpus() -> Result<()> {
    let client = client().await?;
    let listed: Fact<Vec<ClassEntry>> =
        Fact::Present(classes()?.iter().map(|class| class.listed()).collect());
    let (mut surprises, mut denied, mut passed) = (String::new(), 0, 0);
    for class in [None, Some("wide"), Some("tenants"), Some("bare"), Some("missing")] {
        for (namespace, tier) in [(SHOP, "tenant"), (BANK, "platform")] {
            for mut spec in specs() {
                if let (Some(class), Some(spec)) = (class, spec.as_object_mut()) {
                    spec.insert("className".to_owned(), json!(class));
                }
                let verdict = core(&spec, namespace, tier, &listed)?;
                let answer = denial(&client, namespace, &spec).await?;
                let expected = matches!(
                    verdict,
                    Verdict::Forbidden(_) | Verdict::NoClass { told_early: true }
                );
                if answer.is_some() != expected {
                    surprises.push_str(&format!(
                        "\n{namespace} {spec}\n  core:      {verdict:?}\n  admission: {answer:?}\n"
                    ));
                }
                *(if answer.is_some() {
                    &mut denied
                } else {
                    &mut passed
                }) += 1;
            }
        }
    }
    ensure!(surprises.is_empty(), "{surprises}");
    ensure!(denied > 100 && passed > 100, "{denied} denied, {passed} passed");
    Ok(())
}

fn core(spec: &Value, namespace: &str, tier: &str, classes: &Fact<Vec<ClassEntry>>) -> Result<Verdict> {
    let spec: WorkloadIdentitySpec = serde_json::from_value(spec.clone())?;
    let spec = spec.to_core();
    let subject: Subject = serde_json::from_value(json!({
        "cluster": "arn:aws:eks:eu-west-1:111122223333:cluster/prod",
        "namespace": namespace,
        "name": "asked",
    }))?;
    let labels = Fact::Present(Labels::from([("tier".to_owned(), tier.to_owned())]));
    let asked = ClassRequest {
        class_name: spec.class_name.as_deref(),
        pinned: None,
        labels: &labels,
        required: false,
    };
    let choice = select(&asked, classes);
    let Some(class) = choice.class() else {
        let told_early = choice.reason() == Some(lanyard_core::model::reason::Reason::NamespaceNotSelected);
        return Ok(Verdict::NoClass { told_early });
    };
    let method = spec
        .method
        .or(class.defaults.method)
        .unwrap_or(Method::PodIdentity);
    let found = forbidden(&spec, method, &subject, &class);
    let only_core = |it: &Forbidden| {
        let implied = it.field == "method" && spec.method.or(class.defaults.method).is_none();
        it.rule.starts_with("guardrails.inline ")
            || it.allowed.starts_with("does not allow a name that ends")
            || implied
    };
    Ok(match found.iter().all(only_core) {
        _ if found.is_empty() => Verdict::Allowed,
        true => Verdict::ForbiddenByCore(found),
        false => Verdict::Forbidden(found),
    })
}

/// Core allows the name of a role that may be adopted, so admission cannot decide by `roleNames` alone.
#[tokio::test]
async fn adopted_role_name_is_left_to_core() -> Result<()> {
    let client = client().await?;
    let named = json!({"className": "tenants", "role": {"managed": {"name": "bank-orders"}}});
    let adopt = [(
        lanyard_api::ANNOTATION_ADOPT,
        "arn:aws:iam::111122223333:role/bank-orders",
    )];
    ensure!(denial_with(&client, SHOP, &adopt, &named).await?.is_none());
    ensure!(denial(&client, SHOP, &named).await?.is_some());
    Ok(())
}

#[tokio::test]
async fn denial_names_field_value_and_rule() -> Result<()> {
    let client = client().await?;
    let denial_of = async |spec: Value| denial(&client, SHOP, &spec).await?.context("not denied");
    let managed = |role: Value| json!({"className": "tenants", "role": {"managed": role}});
    for (spec, expected) in [
        (
            managed(json!({"policyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]})),
            "spec.role.managed.policyArns: arn:aws:iam::aws:policy/AdministratorAccess is not allowed: guardrails.policyArns of class tenants allows [arn:aws:iam::aws:policy/AmazonS3Read*, arn:aws:iam::*:policy/shop/??]",
        ),
        (
            managed(json!({"name": "bank-orders"})),
            "spec.role.managed.name: bank-orders is not allowed: guardrails.roleNames of class tenants allows [shop-*]",
        ),
        (
            managed(json!({"maxSessionDuration": "12h"})),
            "spec.role.managed.maxSessionDuration: 12h is not allowed: guardrails.maxSessionDuration of class tenants allows 2h at most",
        ),
        (
            managed(json!({"tags": {"admin": "true"}})),
            "spec.role.managed.tags: admin is not allowed: guardrails.tagKeys of class tenants allows [team, x.shop, stage]",
        ),
        (
            managed(json!({"tags": {"stage": "prod"}})),
            "spec.role.managed.tags: stage is not allowed: guardrails.inline of class tenants reads it as a variable; only enforcedTags can set it",
        ),
        (
            managed(json!({"tags": {"cost-center": "1"}})),
            "spec.role.managed.tags: cost-center is not allowed: enforcedTags of class tenants sets it on every role; remove it",
        ),
        (
            managed(json!({"permissionsBoundaryArn": "arn:aws:iam::aws:policy/any"})),
            "spec.role.managed.permissionsBoundaryArn: arn:aws:iam::aws:policy/any is not allowed: guardrails.permissionsBoundaryArn of class tenants puts arn:aws:iam::111122223333:policy/tenant on every role",
        ),
        (
            json!({"className": "tenants", "role": {"existing": {"arn": "arn:aws:iam::111122223333:role/theirs"}}}),
            "spec.role.existing: arn:aws:iam::111122223333:role/theirs is not allowed: guardrails.existingRoles of class tenants allows [arn:aws:iam::*:role/shared-{namespace}.+ (Check), *:role/any/* (Check)]",
        ),
        (
            json!({"className": "bare", "role": {"managed": {}}, "method": "PodIdentity"}),
            "spec.method: PodIdentity is not allowed: guardrails.methods of class bare allows [IRSA]",
        ),
        (
            json!({"className": "bare", "role": {"managed": {}}, "irsa": {"audience": "vault"}}),
            "spec.irsa.audience: vault is not allowed: guardrails.audiences of class bare allows []",
        ),
        (
            json!({"className": "bare", "role": {"managed": {}}, "podIdentity": {"targetRoleArn": "arn:aws:iam::444455556666:role/a"}}),
            "spec.podIdentity.targetRoleArn: arn:aws:iam::444455556666:role/a is not allowed: guardrails.targetRoleArns of class bare allows []",
        ),
    ] {
        ensure_same(denial_of(spec).await?, expected)?;
    }
    let elsewhere = denial(&client, BANK, &managed(json!({})))
        .await?
        .context("not denied")?;
    ensure_same(
        elsewhere,
        "namespace: bank is not allowed: guardrails.namespaceSelector of class tenants does not select it",
    )
}
