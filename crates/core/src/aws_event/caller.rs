//! Who makes a call: a role, whatever its session is called, or anybody else by ARN. Text in, a value that compares out;
//! no I/O. Used for who Lanyard is and for who an event says that somebody was.

/// Who makes a call of AWS.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Caller {
    /// A session of a role. Sessions change with each pod and each token, so they are not told apart.
    Role {
        /// The role's account.
        account: String,
        /// The role's name in lower case: IAM's names are unique ignoring case.
        name: String,
    },
    /// A user, an account's root, or whatever else has an ARN.
    Other(String),
}

impl Caller {
    /// Reads the ARN of a role (`arn:aws:iam::<account>:role/<path>/<name>`), of a session of one
    /// (`arn:aws:sts::<account>:assumed-role/<name>/<session>`), or of anything else.
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
    fn a_session_and_its_role_are_one_caller_whatever_path_partition_or_session_they_have() {
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
    fn root_and_users_are_known_by_their_arns() {
        let root = "arn:aws:iam::111122223333:root";
        assert_eq!(Caller::parse(root), Caller::Other(root.to_owned()));
    }
}
