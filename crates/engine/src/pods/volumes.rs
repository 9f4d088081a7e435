//! The volumes of a pod whose CSI driver creates tokens of the ServiceAccount itself. Input: a pod spec. Output: the
//! SecretProviderClass of such a volume. No I/O.

use k8s_openapi::api::core::v1::PodSpec;

/// The name of the Secrets Store CSI driver.
const SECRETS_STORE: &str = "secrets-store.csi.k8s.io";

/// The SecretProviderClass of the first volume of the Secrets Store CSI driver. Its AWS provider creates a token of the
/// ServiceAccount and reads the role annotation (`aws/secrets-store-csi-driver-provider-aws#276`).
pub(super) fn token_volume(spec: &PodSpec) -> Option<&str> {
    let volumes = spec.volumes.iter().flatten();
    let mut sources = volumes.filter_map(|volume| volume.csi.as_ref());
    let source = sources.find(|source| source.driver == SECRETS_STORE)?;
    let attributes = source.volume_attributes.as_ref();
    let class = attributes.and_then(|attributes| attributes.get("secretProviderClass"));
    Some(class.map_or("", String::as_str))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn volume_of_secrets_store_driver_is_found() {
        let spec = |driver: &str| -> PodSpec {
            let source = json!({"driver": driver, "volumeAttributes": {"secretProviderClass": "orders-db"}});
            let volumes = json!([{"name": "tmp", "emptyDir": {}}, {"name": "s", "csi": source}]);
            serde_json::from_value(json!({"containers": [], "volumes": volumes})).unwrap()
        };
        assert_eq!(token_volume(&spec(SECRETS_STORE)), Some("orders-db"));
        assert_eq!(token_volume(&spec("ebs.csi.aws.com")), None);
    }
}
