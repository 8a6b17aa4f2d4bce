//! The certificate of a board that other machines reach. The board makes none: it takes the one of the organisation, and
//! answers under the names in it. Start with [`tls`].

use std::{
    io::{self, Read},
    net::IpAddr,
    path::Path,
    sync::Arc,
};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio_rustls::TlsAcceptor;
use x509_parser::{extensions::GeneralName, parse_x509_certificate};

use crate::files;

/// The size limit of the files.
const LARGEST: u64 = 1 << 20;

/// What a board needs to be reached by other machines.
#[derive(Clone)]
pub struct Tls {
    /// Accepts connections.
    pub acceptor: TlsAcceptor,
    /// The names in the certificate.
    pub names: Vec<String>,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    File {
        /// The file.
        path: String,
        /// The cause.
        source: io::Error,
    },
    /// The certificate or the key cannot be used.
    #[error("{path}: {problem}")]
    Unusable {
        /// The file.
        path: String,
        /// Why.
        problem: String,
    },
}

/// Reads a certificate with its chain, and its key, both in PEM.
///
/// # Errors
/// A file cannot be read, the key does not fit, or the certificate names no host.
pub fn tls(cert: &Path, key: &Path) -> Result<Tls, TlsError> {
    let unusable = |path: &Path, problem: String| TlsError::Unusable { path: path.display().to_string(), problem };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes(cert)?).collect();
    let chain: Vec<CertificateDer<'static>> =
        chain.map_err(|e| unusable(cert, format!("this is not a certificate in PEM ({e})")))?;
    let Some(first) = chain.first() else { return Err(unusable(cert, "it contains no certificate".into())) };
    let names = names(first).map_err(|problem| unusable(cert, problem))?;
    let secret = PrivateKeyDer::from_pem_slice(&bytes(key)?)
        .map_err(|e| unusable(key, format!("this is not a private key in PEM ({e})")))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_no_client_auth())
        .and_then(|builder| builder.with_single_cert(chain, secret));
    let mut config = config.map_err(|e| unusable(cert, format!("it cannot be used with this key ({e})")))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Tls { acceptor: TlsAcceptor::from(Arc::new(config)), names })
}

fn bytes(path: &Path) -> Result<Vec<u8>, TlsError> {
    let wrong = |source| TlsError::File { path: path.display().to_string(), source };
    let mut bytes = vec![];
    files::regular(path).map_err(wrong)?.take(LARGEST).read_to_end(&mut bytes).map_err(wrong)?;
    Ok(bytes)
}

/// The names that a certificate is for.
fn names(certificate: &CertificateDer<'_>) -> Result<Vec<String>, String> {
    let (_, parsed) = parse_x509_certificate(certificate).map_err(|e| format!("it cannot be read ({e})"))?;
    let found = parsed.subject_alternative_name().map_err(|e| format!("its names cannot be read ({e})"))?;
    let all = found.map(|names| names.value.general_names.iter().filter_map(name).collect::<Vec<_>>());
    all.filter(|names| !names.is_empty())
        .ok_or_else(|| "it names no host (subjectAltName), so no browser accepts it".to_owned())
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            match v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok()? {
                IpAddr::V4(ip) => Some(ip.to_string()),
                IpAddr::V6(ip) => Some(format!("[{ip}]")),
            }
        }
        _ => None,
    }
}
