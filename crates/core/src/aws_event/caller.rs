//! The caller of an AWS API call: a role regardless of the session, or another principal by ARN. Input: an ARN;
//! output: a comparable value. No I/O.

/// The caller of an AWS API call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Caller {
    /// A session of a role. Sessions of one role are equal, since they change with each pod and each token.
    Role {
        /// The account of the role.
        account: String,
        /// The name of the role in lower case: role names are unique ignoring case.
        name: String,
    },
    /// A user, the root user of an account, or another principal with an ARN.
    Other(String),
}

impl Caller {
    /// Parses the ARN of a role (`arn:aws:iam::<account>:role/<path>/<name>`), of a session of a role
    /// (`arn:aws:sts::<account>:assumed-role/<name>/<session>`), or of another principal.
    #[must_use]
    pub fn parse(arn: &str) -> Self {
        Self::role(arn).unwrap_or_else(|| Self::Other(arn.to_owned()))
    }

    fn role(arn: &str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':').skip(2);
        let (service, _region, account, resource) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let name = match service {
            "iam" => resource.strip_prefix("role/")?.rsplit('/').next()?,
            "sts" => resource.strip_prefix("assumed-role/")?.split('/').next()?,
            _ => return None,
        };
        Some(Self::Role {
            account: account.to_owned(),
            name: name.to_ascii_lowercase(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_session_equals_its_role() {
        let caller = Caller::parse("arn:aws:sts::111122223333:assumed-role/Lanyard/eks-prod-lanyard-0-8f1c");
        for same in [
            "arn:aws:iam::111122223333:role/lanyard",
            "arn:aws:iam::111122223333:role/platform/operators/lanyard",
            "arn:aws:sts::111122223333:assumed-role/lanyard/another:session",
        ] {
            assert_eq!(Caller::parse(same), caller, "{same}");
        }
        for other in [
            "arn:aws:iam::444455556666:role/lanyard",
            "arn:aws:iam::111122223333:user/lanyard",
            "arn:aws:iam::111122223333:role/lanyard-2",
            "lanyard",
            "",
        ] {
            assert_ne!(Caller::parse(other), caller, "{other}");
        }
    }

    #[test]
    fn root_is_identified_by_its_arn() {
        let root = "arn:aws:iam::111122223333:root";
        assert_eq!(Caller::parse(root), Caller::Other(root.to_owned()));
    }
}
