//! The ceilings: maximum calls per second for each service. Input: a text such as `iam=50,eks=20`. Output:
//! numbers. No I/O.

use std::fmt;
use std::str::FromStr;

use crate::call::Service;

/// Highest ceiling: more than AWS allows to any account.
const HIGHEST: u32 = 10_000;

/// Maximum calls per second for each service, in each account, for reads and writes together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    iam: u32,
    eks: u32,
    sts: u32,
    sqs: u32,
}

impl Default for Rates {
    /// Creates 200 identities in well under ten seconds, with four IAM calls and two EKS calls each. AWS
    /// publishes no rates of these APIs (docs/dev/aws-behaviour.md#association-quotas,
    /// docs/dev/aws-behaviour.md#iam-consistency). If an account allows less, throttling reduces the rate.
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
            .ok_or_else(|| format!("{entry:?} is not of the form SERVICE=NUMBER"))?;
        let slot = match name {
            "iam" => &mut self.iam,
            "eks" => &mut self.eks,
            "sts" => &mut self.sts,
            "sqs" => &mut self.sqs,
            _ => return Err(format!("{name:?} is not one of iam, eks, sts and sqs")),
        };
        *slot = value
            .parse()
            .ok()
            .filter(|rate| (1..=HIGHEST).contains(rate))
            .ok_or_else(|| {
                format!("{value:?} is not a whole number of calls per second from 1 to {HIGHEST}")
            })?;
        Ok(())
    }
}

impl FromStr for Rates {
    type Err = String;

    /// Parses the text. Services that are not named keep their default.
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
    fn services_not_named_keep_their_default() {
        let rates: Rates = "eks=20".parse().unwrap();
        assert_eq!(rates.of(Service::Eks), 20);
        assert_eq!(rates.of(Service::Iam), Rates::default().of(Service::Iam));
        assert_eq!("".parse(), Ok(Rates::default()));
        assert_eq!(rates.to_string().parse(), Ok(rates));
    }

    #[test]
    fn invalid_text_is_rejected_with_the_reason() {
        for (text, desired) in [
            ("iam", "\"iam\" is not of the form SERVICE=NUMBER"),
            ("ec2=5", "\"ec2\" is not one of iam, eks, sts and sqs"),
            (
                "iam=0",
                "\"0\" is not a whole number of calls per second from 1 to 10000",
            ),
            (
                "iam=1.5",
                "\"1.5\" is not a whole number of calls per second from 1 to 10000",
            ),
        ] {
            assert_eq!(text.parse::<Rates>(), Err(desired.to_owned()));
        }
    }
}
