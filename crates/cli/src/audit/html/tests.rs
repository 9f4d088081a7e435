//! The page: its size, its policy, and hostile text. No I/O.

use lanyard_core::audit::{AuditCode, Form};

use super::super::item::testing::item;
use super::*;
use crate::envelope::ClusterRef;

/// The limit of a page with 2,000 rows.
const LIMIT: usize = 1_500_000;
const HOSTILE: &str = "</script><img src=x onerror=alert(1)>\"'&\u{1b}[2J\u{202e}{{ 7*7 }}";

fn now() -> Timestamp {
    "2026-06-01T00:00:00Z".parse().unwrap()
}

fn page(items: Vec<AuditItem>, unread: Vec<Unread>) -> String {
    let cluster = ClusterRef {
        identity: "arn:aws:eks:eu-west-1:111122223333:cluster/prod".to_owned(),
        issuer: "https://oidc.eks.eu-west-1.amazonaws.com/id/A1".to_owned(),
    };
    let envelope = Envelope::new("Audit", Some(cluster), now(), unread, items);
    text(&envelope, None, now()).unwrap()
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(begin).unwrap();
    rest.split_once(end).unwrap().0
}

#[test]
fn policy_admits_exactly_the_style_and_the_script() {
    let page = page(vec![item(&[])], Vec::new());
    let hash = |text: &str| format!("sha256-{}", STANDARD.encode(Sha256::digest(text)));
    let policy = between(&page, "Content-Security-Policy\" content=\"", "\"");
    let style = hash(between(&page, "<style>", "</style>"));
    let script = hash(between(&page, "<script>", "</script>"));
    let expected = format!(
        "default-src 'none'; style-src '{style}'; script-src '{script}'; base-uri 'none'; form-action 'none'"
    );
    let shown = policy
        .replace("&#39;", "'")
        .replace("&#x27;", "'")
        .replace("&#43;", "+");
    assert_eq!(shown, expected);
    // The policy forbids these, so the page would not be complete with them.
    for word in [" style=", "javascript:", "http:", " src=", "url("] {
        assert!(!page.contains(word), "{word}");
    }
}

#[test]
fn hostile_text_is_inert_in_every_field() {
    let mut hostile = item(&[AuditCode::Ly701]);
    let text = || HOSTILE.to_owned();
    (hostile.namespace, hostile.kind, hostile.name) = (text(), text(), text());
    (hostile.container, hostile.service_account) = (text(), text());
    (hostile.evidence, hostile.managed_by) = (vec![text()], Some(text()));
    hostile.advice.why = text();
    hostile.findings[0].message = text();
    let role = hostile.role.as_mut().unwrap();
    (role.name, role.account, role.arn) = (text(), text(), text());
    let unread = Unread {
        resource: text(),
        cause: text(),
        consequence: text(),
    };
    let page = page(vec![hostile], vec![unread]);
    assert!(!page.contains("<img") && !page.contains('\u{1b}') && !page.contains('\u{202e}'));
    assert_eq!(page.matches("</script>").count(), 1);
    assert!(page.contains("7*7"), "shown, and not run as a template");
}

#[test]
fn two_thousand_rows_are_below_the_limit() {
    let row = |at: usize| {
        let mut item = item(&[AuditCode::Ly709]);
        item.namespace = format!("team-{:02}-production", at % 40);
        item.name = format!("orders-processing-service-{at}");
        item.service_account = item.name.clone();
        item.effective = Form::ALL[at % Form::ALL.len()].as_str();
        item.findings[0].message =
            "2 ServiceAccounts use arn:aws:iam::111122223333:role/lanyard/eu-west-1/prod/orders-processing. Give each its own role."
                .to_owned();
        item
    };
    let page = page((0..2000).map(row).collect(), Vec::new());
    assert!(page.len() < LIMIT, "{} bytes", page.len());
    assert!(page.contains("orders-processing-service-1999"));
}

#[test]
fn pictures_have_titles_and_tables_have_headers() {
    let mut later = item(&[AuditCode::Ly701]);
    later.effective = Form::StaticKey.as_str();
    let page = page(vec![item(&[]), later], Vec::new());
    assert_eq!(
        page.matches("<svg ").count(),
        page.matches(" role=\"img\" aria-labelledby=\"t").count()
    );
    assert_eq!(page.matches("<table").count(), page.matches("<caption>").count());
    for words in [
        "2 containers: 1 static key, 1 IRSA",
        "LY701 static access keys",
        "shop/deploy/api",
    ] {
        assert!(page.contains(words), "{words}");
    }
}

#[test]
fn change_since_an_earlier_audit_is_in_words() {
    let earlier = Earlier {
        taken_at: "2026-05-01T00:00:00Z".to_owned(),
        forms: [("IRSA".to_owned(), 3), ("StaticKey".to_owned(), 1)].into(),
        ..Earlier::default()
    };
    let envelope = Envelope::new("Audit", None, now(), Vec::new(), vec![item(&[])]);
    let page = text(&envelope, Some(&earlier), now()).unwrap();
    for words in [
        "3 \u{2192} 1 (\u{2212}2)",
        "1 \u{2192} 0 (\u{2212}1)",
        "compared with 2026-05-01",
    ] {
        assert!(page.contains(words), "{words}");
    }
}

#[test]
fn empty_fleet_has_a_page() {
    let page = page(Vec::new(), Vec::new());
    assert!(page.contains("Nothing was found."));
}
