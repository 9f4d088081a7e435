//! The EKS cluster as far as a kubeconfig names it: by the arguments with which a user gets tokens, or by the ARN that names a
//! cluster or a context. Input: a kubeconfig. Output: a hint. No I/O.

use kube::config::Kubeconfig;

/// The beginning of the name that `aws eks update-kubeconfig` gives to clusters and contexts.
const ARN: &str = "arn:";

/// The cluster as far as a kubeconfig names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hint {
    /// The name in EKS.
    pub name: Option<String>,
    /// The Region.
    pub region: Option<String>,
    /// The ARN.
    pub arn: Option<String>,
}

impl Hint {
    /// The hints of a context: the arguments with which its user gets tokens, and the names of its cluster.
    pub fn of(kubeconfig: &Kubeconfig, context: Option<&str>, user: Option<&str>) -> Self {
        let name = context.or(kubeconfig.current_context.as_deref());
        let entry = kubeconfig
            .contexts
            .iter()
            .find(|entry| Some(entry.name.as_str()) == name);
        let context = entry.and_then(|entry| entry.context.as_ref());
        let user = user.or(context.and_then(|context| context.user.as_deref()));
        let users = kubeconfig.auth_infos.iter();
        let exec = users
            .filter(|known| Some(known.name.as_str()) == user)
            .find_map(|known| known.auth_info.as_ref()?.exec.as_ref());
        let arguments = exec.and_then(|exec| exec.args.clone()).unwrap_or_default();
        let names = [context.map(|context| context.cluster.as_str()), name];
        let arn = names.into_iter().flatten().find(|name| name.starts_with(ARN));
        Self {
            name: argument(&arguments, &["--cluster-name", "--cluster-id", "-i"]),
            region: argument(&arguments, &["--region"]),
            arn: arn.map(str::to_owned),
        }
    }

    /// A part of the ARN: 3 is the Region, and 5 the name.
    pub fn arn_part(&self, at: usize) -> Option<String> {
        let part = self.arn.as_deref()?.split(':').nth(at)?;
        Some(part.trim_start_matches("cluster/").to_owned())
    }
}

/// The value of the first of these flags.
fn argument(arguments: &[String], flags: &[&str]) -> Option<String> {
    let mut rest = arguments.iter();
    while let Some(word) = rest.next() {
        if flags.contains(&word.as_str()) {
            return rest.next().cloned();
        }
        if let Some((flag, value)) = word.split_once('=')
            && flags.contains(&flag)
        {
            return Some(value.to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(cluster: &str, arguments: &str) -> Hint {
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: prod\n\
             contexts: [{{name: prod, context: {{cluster: '{cluster}', user: me}}}}]\n\
             users: [{{name: me, user: {{exec: {{command: aws, args: {arguments}}}}}}}]\n"
        );
        Hint::of(&Kubeconfig::from_yaml(&text).unwrap(), None, None)
    }

    #[test]
    fn cluster_is_named_by_the_token_command() {
        let found = hint("x", "[--region, eu-west-1, eks, get-token, --cluster-name, prod]");
        assert_eq!(
            (found.name.as_deref(), found.region.as_deref()),
            (Some("prod"), Some("eu-west-1"))
        );
        let found = hint("x", "[token, --cluster-id=prod]");
        assert_eq!(found.name.as_deref(), Some("prod"));
    }

    #[test]
    fn cluster_is_named_by_the_arn_of_its_entry() {
        let found = hint("arn:aws:eks:eu-west-1:111122223333:cluster/prod", "[]");
        assert_eq!(
            (found.arn_part(3).as_deref(), found.arn_part(5).as_deref()),
            (Some("eu-west-1"), Some("prod"))
        );
        assert_eq!(hint("minikube", "[]"), Hint::default());
    }
}
