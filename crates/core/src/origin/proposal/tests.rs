//! Tests of the proposal for bindings of other tools.

use serde_json::json;

use super::*;
use crate::model::annotation::ANNOTATION_ROLE_ARN;
use crate::model::arn::PolicyArn;
use crate::model::name::PolicyName;
use crate::model::observed::{Annotation, ServiceAccount};
use lanyard_iam_policy::Document;

const ROLE: &str = "arn:aws:iam::111122223333:role/team/legacy-orders";
const ASSOCIATION: &str = "arn:aws:eks:eu-west-1:111122223333:podidentityassociation/prod/a-1";

fn account(annotations: &[(&str, &str)]) -> Account {
    let annotation = |(key, value): &(&str, &str)| {
        let value = Annotation {
            value: (*value).to_owned(),
            ours: false,
            manager: Some("kubectl".to_owned()),
        };
        ((*key).to_owned(), value)
    };
    Account {
        facts: ServiceAccount {
            annotations: annotations.iter().map(annotation).collect(),
            ..ServiceAccount::default()
        },
        ..Account::default()
    }
}

fn association() -> Association {
    Association {
        id: "a-1".to_owned(),
        arn: ASSOCIATION.to_owned(),
        role_arn: RoleArn::parse(ROLE).unwrap(),
        target_role_arn: None,
        session_tags: true,
        policy: None,
        tags: BTreeMap::new(),
        owner_arn: None,
        external_id: None,
        modified_at: None,
    }
}

fn role(tags: &[(&str, &str)]) -> RoleFacts {
    let tags = tags
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    RoleFacts {
        id: Fact::Present("AROAEXAMPLE".to_owned()),
        tags: Fact::Present(tags.collect()),
        max_session: Fact::Present(DEFAULT_MAX_SESSION),
        ..RoleFacts::absent()
    }
}

fn proposed(found: Found<'_>, role: &RoleFacts, takeover: Takeover) -> Result<Proposal, Left> {
    propose(found, &bound(found)?, role, takeover, None)
}

#[test]
fn annotated_account_keeps_its_role_and_settings() {
    let account = account(&[
        (ANNOTATION_ROLE_ARN, ROLE),
        (ANNOTATION_AUDIENCE, "example.com"),
        (ANNOTATION_TOKEN_EXPIRATION, "5400"),
        (ANNOTATION_STS_REGIONAL, "false"),
    ]);
    let found = Found {
        account: Some(&account),
        association: None,
    };
    let proposal = proposed(found, &role(&[]), Takeover::Existing).unwrap();
    let irsa = json!({"audience": "example.com", "tokenExpiration": "1h30m", "stsRegionalEndpoints": false});
    let spec = json!({"method": "IRSA", "role": {"existing": {"arn": ROLE}}, "irsa": irsa});
    assert_eq!((proposal.spec, proposal.adopt), (spec, Vec::new()));
}

#[test]
fn association_is_adopted_and_its_role_stays() {
    let mut association = association();
    association.session_tags = false;
    association.target_role_arn = Some(RoleArn::parse("arn:aws:iam::444455556666:role/target").unwrap());
    let found = Found {
        account: None,
        association: Some(&association),
    };
    let proposal = proposed(found, &role(&[]), Takeover::Existing).unwrap();
    assert_eq!(proposal.adopt, [ASSOCIATION]);
    let settings =
        json!({"targetRoleArn": "arn:aws:iam::444455556666:role/target", "disableSessionTags": true});
    let spec = json!({"method": "PodIdentity", "role": {"existing": {"arn": ROLE}}, "podIdentity": settings});
    assert_eq!(proposal.spec, spec);
}

#[test]
fn adoption_copies_the_content_without_tags_of_tools() {
    let policy = PolicyArn::parse("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess").unwrap();
    let document = Document::parse(r#"{"Version":"2012-10-17","Statement":[]}"#).unwrap();
    let facts = RoleFacts {
        description: Fact::Present("takes orders".to_owned()),
        max_session: Fact::Present(7200),
        attached: Fact::Present([(policy.clone(), Fact::Unreadable(ReadError::NotRead))].into()),
        inline: Fact::Present([(PolicyName::parse("queue").unwrap(), document)].into()),
        ..role(&[
            ("team", "shop"),
            ("aws:cloudformation:stack-name", "x"),
            ("lanyard.dev/name", "x"),
        ])
    };
    let association = association();
    let found = Found {
        account: None,
        association: Some(&association),
    };
    let proposal = proposed(found, &facts, Takeover::Adopt).unwrap();
    assert_eq!(proposal.adopt, [ASSOCIATION, ROLE]);
    let managed = json!({
        "name": "legacy-orders", "description": "takes orders", "maxSessionDuration": "2h",
        "policyArns": [policy.to_string()], "tags": {"team": "shop"},
        "inlinePolicies": [{"name": "queue", "document": {"Version": "2012-10-17", "Statement": []}}],
    });
    assert_eq!(proposal.spec["role"]["managed"], managed);
    assert!(
        proposal.notes[0].contains("aws:cloudformation:stack-name"),
        "{:?}",
        proposal.notes
    );
}

#[test]
fn unreadable_part_of_an_adopted_role_is_never_left_out() {
    let facts = RoleFacts {
        inline: Fact::Unreadable(ReadError::Denied("iam:ListRolePolicies".to_owned())),
        ..role(&[])
    };
    let account = account(&[(ANNOTATION_ROLE_ARN, ROLE)]);
    let found = Found {
        account: Some(&account),
        association: None,
    };
    assert!(matches!(
        proposed(found, &facts, Takeover::Adopt),
        Err(Left::Unread(..))
    ));
    assert!(
        proposed(found, &facts, Takeover::Existing).is_ok(),
        "existing does not need it"
    );
}

#[test]
fn identities_of_aws_and_broken_ones_are_left() {
    let left = |account: &Account, association: Option<&Association>, facts: &RoleFacts| {
        let found = Found {
            account: Some(account),
            association,
        };
        proposed(found, facts, Takeover::Existing).unwrap_err()
    };
    let annotated = |arn: &str| account(&[(ANNOTATION_ROLE_ARN, arn)]);
    assert_eq!(left(&account(&[]), None, &role(&[])), Left::Nothing);
    assert!(matches!(
        left(&annotated(" arn:x"), None, &role(&[])),
        Left::NotARole(_)
    ));
    let linked =
        "arn:aws:iam::111122223333:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS";
    assert!(matches!(
        left(&annotated(linked), None, &role(&[])),
        Left::Reserved(_)
    ));
    assert!(matches!(
        left(&annotated(ROLE), None, &RoleFacts::absent()),
        Left::NoRole(_)
    ));
    let elsewhere = RoleFacts {
        elsewhere: Some(RoleArn::parse("arn:aws:iam::111122223333:role/legacy-orders").unwrap()),
        ..role(&[])
    };
    assert!(matches!(
        left(&annotated(ROLE), None, &elsewhere),
        Left::OtherPath(..)
    ));
    let mut owned = association();
    owned.owner_arn = Some("arn:aws:eks:eu-west-1:111122223333:addon/prod/ebs/1".to_owned());
    assert!(matches!(
        left(&annotated(ROLE), Some(&owned), &role(&[])),
        Left::AddOn(_)
    ));
    let tagged = role(&[("alpha.eksctl.io/addon-name", "aws-ebs-csi-driver")]);
    assert!(matches!(left(&annotated(ROLE), None, &tagged), Left::AddOn(_)));
    let mut of_eks = annotated(ROLE);
    of_eks.facts.of_add_on = true;
    assert!(matches!(left(&of_eks, None, &role(&[])), Left::AddOn(_)));
}

#[test]
fn association_takes_precedence_over_annotation_and_says_so() {
    let (account, association) = (
        account(&[(ANNOTATION_ROLE_ARN, "arn:aws:iam::111122223333:role/old")]),
        association(),
    );
    let found = Found {
        account: Some(&account),
        association: Some(&association),
    };
    let bound = bound(found).unwrap();
    assert_eq!(
        (bound.method, bound.role.to_string().as_str()),
        (Method::PodIdentity, ROLE)
    );
    assert!(bound.notes[0].contains("another role"), "{:?}", bound.notes);
}
