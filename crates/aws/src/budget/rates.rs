//! The ceilings: how many calls a second Lanyard makes at most, for each service.
//! Text such as `iam=50,eks=20` in, numbers out; no I/O. Set by a flag of the operator, used by `client`.

use std::fmt;
use std::str::FromStr;

use crate::call::Service;

/// The highest that can be set: more than AWS gives to anybody.
const HIGHEST: u32 = 10_000;

/// Calls a second to each service, in each account; reads and writes together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    iam: u32,
    eks: u32,
    sts: u32,
    sqs: u32,
}

impl Default for Rates {
    /// What brings 200 new identities through in well under ten seconds: four calls of IAM and two of EKS each. AWS
    /// publishes no rates of these APIs (docs/dev/aws-behaviour.md#association-quotas, docs/dev/aws-behaviour.md#iam-consistency); where an account allows less, throttling finds that out.
    fn default() -> Self {
        Self {
            iam: 150,
            eks: 75,
            sts: 10,
            sqs: 100,
        }
    }
}

impl Rates {
    /// The ceiling of a service.
    #[must_use]
    pub const fn of(&self, service: Service) -> u32 {
        match service {
            Service::Iam => self.iam,
            Service::Eks => self.eks,
            Service::Sts => self.sts,
            Service::Sqs => self.sqs,
        }
    }

    fn set(&mut self, entry: &str) -> Result<(), String> {
        let (name, value) = entry
            .split_once('=')
            .ok_or_else(|| format!("{entry:?} is not SERVICE=NUMBER"))?;
        let slot = match name {
            "iam" => &mut self.iam,
            "eks" => &mut self.eks,
            "sts" => &mut self.sts,
            "sqs" => &mut self.sqs,
            _ => return Err(format!("{name:?} is none of iam, eks, sts and sqs")),
        };
        *slot = value
            .parse()
            .ok()
            .filter(|rate| (1..=HIGHEST).contains(rate))
            .ok_or_else(|| format!("{value:?} is not a whole number of calls a second, 1 to {HIGHEST}"))?;
        Ok(())
    }
}

impl FromStr for Rates {
    type Err = String;

    /// Services that are not named keep their default.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut rates = Self::default();
        for entry in text.split(',').filter(|entry| !entry.is_empty()) {
            rates.set(entry.trim())?;
        }
        Ok(rates)
    }
}

impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "iam={},eks={},sts={},sqs={}",
            self.iam, self.eks, self.sts, self.sqs
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_keeps_its_default() {
        let rates: Rates = "eks=20".parse().unwrap();
        assert_eq!(rates.of(Service::Eks), 20);
        assert_eq!(rates.of(Service::Iam), Rates::default().of(Service::Iam));
        assert_eq!("".parse(), Ok(Rates::default()));
        assert_eq!(rates.to_string().parse(), Ok(rates));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, wanted) in [
            ("iam", "\"iam\" is not SERVICE=NUMBER"),
            ("ec2=5", "\"ec2\" is none of iam, eks, sts and sqs"),
            (
                "iam=0",
                "\"0\" is not a whole number of calls a second, 1 to 10000",
            ),
            (
                "iam=1.5",
                "\"1.5\" is not a whole number of calls a second, 1 to 10000",
            ),
        ] {
            assert_eq!(text.parse::<Rates>(), Err(wanted.to_owned()));
        }
    }
}
