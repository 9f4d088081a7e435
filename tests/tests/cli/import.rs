//! Proves `import`: a corpus of mixed origin is imported in one command, applied, and at rest with no write to AWS but the
//! ownership tags of adopted associations. Does I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use lanyard_testkit::gateway::Mark;
use lanyard_tests::{TestNamespace, holds};
use serde_json::{Value, json};

use crate::import_corpus::{Corpus, Kind, Made};
use crate::run::{CALLER, run};
use crate::stage;

/// Identities of each kind.
const ROUNDS: usize = 5;

fn by_name(report: &Value) -> Result<BTreeMap<String, Value>> {
    let items = report["items"].as_array().context("items")?;
    let named = items.iter().map(|item| {
        let name = item["name"].as_str().context("a name")?;
        Ok((name.to_owned(), item.clone()))
    });
    named.collect()
}

/// Applies manifests as a user does. Returns the number of objects.
async fn kubectl_apply(scene: &TestNamespace<'_>, manifests: &str) -> Result<usize> {
    let mut command = scene.stage.bed.kubectl();
    command.args(["apply", "-f", "-", "-o", "name"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let mut input = child.stdin.take().context("stdin")?;
    let text = manifests.to_owned();
    let output = tokio::task::spawn_blocking(move || {
        input.write_all(text.as_bytes())?;
        drop(input);
        child.wait_with_output()
    });
    let output = output.await??;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?.lines().count())
}

/// The writes to AWS about the corpus since a mark, as operation and number. The calls of the test itself precede the mark.
fn writes(scene: &TestNamespace<'_>, made: &[Made], mark: Mark) -> BTreeMap<String, usize> {
    let calls = scene.stage.bed.gateway.ledger().since(mark).to_aws().writes();
    let is_ours = |entry: &&lanyard_testkit::gateway::Entry| {
        made.iter().any(|made| {
            let association = made.association.as_deref();
            let subject = format!("{}/{}", scene.namespace, made.name);
            let about = [Some(made.role.as_str()), association, Some(subject.as_str())];
            about
                .into_iter()
                .flatten()
                .any(|subject| entry.call.is_about(subject))
        })
    };
    let mut counts = BTreeMap::new();
    for entry in calls.entries().iter().filter(is_ours) {
        *counts.entry(entry.call.operation.clone()).or_default() += 1;
    }
    counts
}

fn check_origins(items: &BTreeMap<String, Value>, made: &[Made]) -> Result<()> {
    for one in made {
        let item = items
            .get(&one.name)
            .with_context(|| format!("no item of {}", one.name))?;
        assert_eq!(item["state"], one.kind.state(), "{}: {item:#}", one.name);
        let makers = item["origins"].as_array().context("origins")?;
        let shown: BTreeSet<&str> = makers.iter().filter_map(|line| line["maker"].as_str()).collect();
        let expected = one.kind.maker(one);
        ensure!(
            expected
                .as_deref()
                .is_none_or(|expected| shown.contains(expected)),
            "{}: {shown:?} lacks {expected:?}",
            one.name
        );
    }
    Ok(())
}

#[tokio::test]
async fn corpus_of_mixed_origin_is_imported_with_marks_alone() -> Result<()> {
    let scene = stage().await?.scene("cli-import").await?;
    let bed = &scene.stage.bed;
    let corpus = Corpus::new(&scene, "imp").await?;
    let made = corpus.make(ROUNDS).await?;
    let state = corpus.terraform(&made);
    let import = ["import", "-n", "cli-import", "--terraform-state", "-"];
    let report = run(bed, &[&import[..], &["-o", "json"]].concat(), &state)
        .await?
        .ended(0)?
        .json()?;
    check_origins(&by_name(&report)?, &made)?;

    let manifests = run(bed, &[&import[..], &["-o", "yaml"]].concat(), &state)
        .await?
        .ended(0)?;
    let ready: Vec<&Made> = made.iter().filter(|made| made.kind.state() == "ready").collect();
    let associations = ready.iter().filter(|made| made.association.is_some()).count();
    let mark = bed.gateway.ledger().mark();
    assert_eq!(kubectl_apply(&scene, &manifests.stdout).await?, ready.len());
    for one in &ready {
        scene.until_ready(&one.name).await?;
    }
    let marks = BTreeMap::from([("TagResource".to_owned(), associations)]);
    assert_eq!(writes(&scene, &made, mark), marks, "only associations get tags");

    let rest = bed.gateway.ledger().mark();
    for one in &ready {
        scene.reconciled(&one.name).await?;
    }
    assert_eq!(
        writes(&scene, &made, rest),
        BTreeMap::new(),
        "the operator is at rest"
    );
    let plan = run(bed, &["plan", "-n", "cli-import"], "").await?.ended(0)?;
    holds(
        &plan.stdout,
        &[&format!("0 of {} objects would change", ready.len())],
    )?;

    // A second import leaves everything that has a WorkloadIdentity.
    let again = run(bed, &[&import[..], &["-o", "name"]].concat(), &state)
        .await?
        .ended(0)?;
    assert_eq!(again.stdout, "");
    let own = bed.gateway.ledger().since(Mark::default()).by(CALLER).writes();
    ensure!(own.is_empty(), "the command line writes: {own}");
    Ok(())
}

#[tokio::test]
async fn adopted_corpus_gets_one_statement_and_tools_let_go() -> Result<()> {
    let scene = stage().await?.scene("cli-adopt").await?;
    let bed = &scene.stage.bed;
    let corpus = Corpus::new(&scene, "ado").await?;
    let kinds = [Kind::Terraform, Kind::EksctlPodIdentity, Kind::Crossplane];
    let made = corpus.make_kinds(&kinds, 1).await?;
    let state = corpus.terraform(&made);
    let import = [
        "import",
        "-n",
        "cli-adopt",
        "--mode",
        "adopt",
        "--exit-plan",
        "--terraform-state",
        "-",
    ];
    let text = run(bed, &import, &state).await?.ended(0)?.stdout;
    holds(
        &text,
        &[
            "marks, one trust statement",
            "from = aws_iam_role.ado-terraform-0",
            "destroy = false",
            "terraform plan",
            "3 ready",
        ],
    )?;
    let manifests = run(bed, &[&import[..], &["-o", "yaml"]].concat(), &state)
        .await?
        .ended(0)?;
    let mark = bed.gateway.ledger().mark();
    assert_eq!(kubectl_apply(&scene, &manifests.stdout).await?, made.len());
    for one in &made {
        scene.until_ready(&one.name).await?;
    }
    let counts = writes(&scene, &made, mark);
    let associations = made.iter().filter(|made| made.association.is_some()).count();
    let expected = [
        ("TagResource", associations),
        ("TagRole", made.len()),
        ("UpdateAssumeRolePolicy", made.len()),
    ];
    let expected = expected.map(|(operation, count)| (operation.to_owned(), count));
    assert_eq!(counts, BTreeMap::from(expected));
    Ok(())
}

#[tokio::test]
async fn import_names_bad_input_and_unknown_names() -> Result<()> {
    let scene = stage().await?.scene("cli-import-bad").await?;
    let bed = &scene.stage.bed;
    scene.account("orders").await?;
    let of = async |arguments: &[&str], stdin: &str| {
        let all = [&["import", "-n", "cli-import-bad"], arguments].concat();
        run(bed, &all, stdin).await?.ended(1)
    };
    let ran = of(&["ordrs"], "").await?;
    holds(
        &ran.stderr,
        &["serviceaccount ordrs does not exist", "nearest: orders"],
    )?;
    let file = json!({"version": 4, "lineage": "x", "resources": []}).to_string();
    let ran = of(&["--terraform-state", "-"], &file).await?;
    holds(&ran.stderr, &["it is a state file", "terraform show -json"])?;
    let ran = run(bed, &["import", "-n", "cli-nowhere"], "").await?.ended(1)?;
    holds(&ran.stderr, &["namespace cli-nowhere does not exist"])?;
    let ran = run(bed, &["import", "orders", "-n", "cli-import-bad"], "")
        .await?
        .ended(0)?;
    holds(
        &ran.stdout,
        &["neither an association nor an annotation", "1 not imported"],
    )
}

#[tokio::test]
async fn missing_rights_are_named_and_exit_3() -> Result<()> {
    let scene = stage().await?.scene("cli-import-rights").await?;
    let bed = &scene.stage.bed;
    let ran = run(
        bed,
        &["import", "-n", "cli-import-rights", "--as", "cli-import-stranger"],
        "",
    )
    .await?
    .ended(3)?;
    holds(
        &ran.stdout,
        &[
            "NOT READ",
            "you may not list serviceaccounts",
            "you may not list workloadidentities",
        ],
    )
}
