//! The cluster's certificates and the key that signs ServiceAccount tokens, created for each test bed.
//! Input: a directory. Output: PEM files there, and client certificates on demand. Writes files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_RSA_SHA256,
};

/// Every name that a server of the control plane is reached by.
const SERVER_NAMES: [&str; 3] = ["127.0.0.1", "localhost", "kubernetes.default.svc"];

/// A certificate authority with one server certificate and the token signing key.
#[derive(Debug)]
pub(super) struct Pki {
    dir: PathBuf,
    authority: Issuer<'static, KeyPair>,
    ca_pem: String,
}

/// A certificate with its key, both PEM.
pub(super) struct ClientCertificate {
    pub certificate: String,
    pub key: String,
}

impl Pki {
    pub(super) fn new(dir: PathBuf) -> Result<Self> {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "lanyard test bed");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().context("making the cluster's key")?;
        let ca_pem = params.self_signed(&key).context("making the cluster's CA")?.pem();
        let pki = Self {
            dir,
            authority: Issuer::new(params, key),
            ca_pem,
        };
        pki.write_files()?;
        Ok(pki)
    }

    /// A certificate for the user `name` in `group`.
    pub(super) fn client(&self, name: &str, group: &str) -> Result<ClientCertificate> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.distinguished_name.push(DnType::OrganizationName, group);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate()?;
        let certificate = params
            .signed_by(&key, &self.authority)
            .with_context(|| format!("a certificate for {name}"))?;
        Ok(ClientCertificate {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }

    /// The authority's certificate, PEM.
    pub(super) fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    pub(super) fn ca_file(&self) -> PathBuf {
        self.dir.join("ca.crt")
    }

    pub(super) fn server_certificate(&self) -> PathBuf {
        self.dir.join("server.crt")
    }

    pub(super) fn server_key(&self) -> PathBuf {
        self.dir.join("server.key")
    }

    /// The private key that signs ServiceAccount tokens: RSA, as on EKS, so that tokens are RS256.
    pub(super) fn token_key(&self) -> PathBuf {
        self.dir.join("token.key")
    }

    fn write_files(&self) -> Result<()> {
        let mut params = CertificateParams::new(SERVER_NAMES.map(str::to_owned))?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let server = params
            .signed_by(&key, &self.authority)
            .context("making the server certificate")?;
        let token_key = KeyPair::generate_for(&PKCS_RSA_SHA256).context("making the token signing key")?;
        write(&self.ca_file(), &self.ca_pem)?;
        write(&self.server_certificate(), &server.pem())?;
        write(&self.server_key(), &key.serialize_pem())?;
        write(&self.token_key(), &token_key.serialize_pem())
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}
