//! Commands that work with a test bed: kubectl, Helm and the programs under test.
//! Input: a test bed. Output: commands with its cluster and AWS in their environment. Starts processes.

use std::env;
use std::process::Command;

use anyhow::Result;

use super::TestBed;
use crate::cache::Cache;
use crate::emulator::REGION;
use crate::gateway::Front;
use crate::process::Process;
use crate::tools::Tools;

impl TestBed {
    /// The environment that points an AWS SDK at the gateway, as the account's root.
    pub fn aws_env(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.gateway.url()),
            ("AWS_REGION", REGION.to_owned()),
            // The AWS command line and boto3 know only this one.
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
    }

    /// Points a command at this test bed's cluster and AWS, and removes the caller's variables for them. Variables that
    /// were set before stay.
    pub fn equip(&self, command: &mut Command) {
        let own: Vec<_> = command.get_envs().map(|(name, _)| name.to_owned()).collect();
        let given = |name: &str| own.iter().any(|own| own == name);
        env::vars_os()
            .filter(|(name, _)| name.to_str().is_some_and(|name| leads_away(name) && !given(name)))
            .for_each(|(name, _)| {
                command.env_remove(name);
            });
        let aws = self.aws_env().into_iter().filter(|(name, _)| !given(name));
        command.env("KUBECONFIG", self.kubeconfig()).envs(aws);
    }

    /// `kubectl`, as the administrator.
    pub fn kubectl(&self) -> Command {
        let mut command = Command::new(&self.site.tools.kubectl);
        self.equip(&mut command);
        command
    }

    /// `helm`, as the administrator, with a configuration of its own. Builds it if it is missing; blocks.
    pub fn helm(&self) -> Result<Command> {
        let mut command = Command::new(Tools::install_helm(&Cache::open()?)?);
        self.equip(&mut command);
        let home = self.site.dir("helm")?;
        for name in ["HELM_CONFIG_HOME", "HELM_CACHE_HOME", "HELM_DATA_HOME"] {
            command.env(name, &home);
        }
        Ok(command)
    }

    /// Starts a program under test beside the test bed's own: it logs to `<logs>/<name>.log` and ends with the test bed.
    pub fn spawn(&self, name: &str, mut command: Command) -> Result<Process> {
        self.equip(&mut command);
        // The gateway's ledger identifies the caller by it.
        command.env("AWS_SDK_UA_APP_ID", name);
        self.site.spawn(name, command)
    }

    /// As [`TestBed::spawn`], and what the program asks of the API server goes through the gateway as well.
    pub fn spawn_through(&self, front: &Front, name: &str, mut command: Command) -> Result<Process> {
        let kubeconfig = self.control_plane.kubeconfig_through(&front.url(), name)?;
        self.equip(&mut command);
        command
            .env("KUBECONFIG", kubeconfig)
            .env("AWS_SDK_UA_APP_ID", name);
        self.site.spawn(name, command)
    }
}

/// Returns true if a variable would send an SDK or a client to another account, endpoint, certificate or proxy.
fn leads_away(name: &str) -> bool {
    name.starts_with("AWS_") || name.to_ascii_lowercase().ends_with("_proxy")
}

#[cfg(test)]
mod tests {
    use super::leads_away;

    #[test]
    fn foreign_aws_settings_are_detected() {
        for name in [
            "AWS_CA_BUNDLE",
            "AWS_PROFILE",
            "AWS_ENDPOINT_URL_IAM",
            "HTTPS_PROXY",
            "no_proxy",
        ] {
            assert!(leads_away(name), "{name}");
        }
        for name in ["PATH", "KUBECONFIG", "HOME"] {
            assert!(!leads_away(name), "{name}");
        }
    }
}
