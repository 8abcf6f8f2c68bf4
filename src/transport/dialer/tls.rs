use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

use super::TransportError;
use super::certificate;
use crate::scenario::plan::Tls;
use crate::transport::failure::self_signed;

/// The server's certificate is signed by itself and not trusted.
#[derive(Debug, thiserror::Error)]
#[error("the certificate is signed by itself")]
pub(in crate::transport) struct SelfSigned;

/// The configuration that all connections of a population share.
///
/// Sessions are not resumed: each connection of the JS client on Node makes a full handshake, and
/// a cache shared by clients would let them resume each other's.
pub(super) fn client_config(tls: &Tls) -> Result<Arc<ClientConfig>, TransportError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(Verifier::new(tls, Arc::clone(&provider))?);
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match (&tls.cert, &tls.key) {
        (Some(cert), Some(key)) => {
            builder.with_client_auth_cert(read_certificates(cert)?, read_key(key)?)?
        }
        (None, None) => builder.with_no_client_auth(),
        (Some(_), None) | (None, Some(_)) => return Err(TransportError::HalfIdentity),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TransportError> {
    let unusable = |source| TransportError::Pem {
        path: path.to_owned(),
        source,
    };
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(unusable)?;
    if certificates.is_empty() {
        return Err(TransportError::NoCertificate {
            path: path.to_owned(),
        });
    }
    Ok(certificates)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TransportError> {
    PrivateKeyDer::from_pem_file(path).map_err(|source| TransportError::Pem {
        path: path.to_owned(),
        source,
    })
}

/// The system's authorities, read on first use: that takes tens of milliseconds.
fn system_roots() -> Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let load = || {
        let mut roots = RootCertStore::empty();
        // Systems carry a few certificates that webpki cannot read; the others still count.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(roots)
    };
    Arc::clone(ROOTS.get_or_init(load))
}

/// Whom to trust.
#[derive(Debug)]
enum Trust {
    /// Anyone.
    All,
    /// Nobody: the system has no authorities.
    Nobody,
    /// Chains to the given authorities, and certificates that were given themselves.
    Authorities {
        chains: Arc<WebPkiServerVerifier>,
        given: Vec<CertificateDer<'static>>,
    },
}

/// Verifies as webpki does, but says more about untrusted certificates, and takes a certificate
/// that `ca` names itself: webpki refuses an authority as a server's own certificate, which is
/// what `openssl req -x509` makes and Node accepts.
#[derive(Debug)]
struct Verifier {
    trust: Trust,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn new(tls: &Tls, provider: Arc<CryptoProvider>) -> Result<Self, TransportError> {
        let trust = if tls.insecure {
            Trust::All
        } else {
            let given = tls.ca.as_deref().map(read_certificates).transpose()?;
            Trust::authorities(given, &provider)?
        };
        Ok(Self { trust, provider })
    }
}

impl Trust {
    fn authorities(
        given: Option<Vec<CertificateDer<'static>>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, TransportError> {
        let roots = match &given {
            Some(given) => {
                let mut roots = RootCertStore::empty();
                for certificate in given {
                    roots.add(certificate.clone())?;
                }
                Arc::new(roots)
            }
            None => system_roots(),
        };
        if roots.is_empty() {
            return Ok(Self::Nobody);
        }
        Ok(Self::Authorities {
            chains: WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider))
                .build()?,
            given: given.unwrap_or_default(),
        })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let (chains, given) = match &self.trust {
            Trust::All => return Ok(ServerCertVerified::assertion()),
            Trust::Nobody => {
                return Err(untrusted(
                    end_entity,
                    CertificateError::UnknownIssuer.into(),
                ));
            }
            Trust::Authorities { chains, given } => (chains, given),
        };
        if given.iter().any(|known| known == end_entity) {
            return verify_given(end_entity, server_name, now);
        }
        chains
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .map_err(|error| untrusted(end_entity, error))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

/// A certificate that is trusted by itself must still be for this host and this time.
fn verify_given(
    given: &CertificateDer<'_>,
    server_name: &ServerName<'_>,
    now: UnixTime,
) -> Result<ServerCertVerified, Error> {
    let fields = certificate::parse(given).ok_or(CertificateError::BadEncoding)?;
    if now.as_secs() < certificate::not_before(&fields) {
        return Err(CertificateError::NotValidYet.into());
    }
    if now.as_secs() > certificate::not_after(&fields) {
        return Err(CertificateError::Expired.into());
    }
    verify_server_name(&ParsedCertificate::try_from(given)?, server_name)?;
    Ok(ServerCertVerified::assertion())
}

/// What webpki found, unless the certificate's own signature is all that vouches for it. The
/// order is OpenSSL's: trust comes before dates.
fn untrusted(end_entity: &CertificateDer<'_>, found: Error) -> Error {
    if certificate::parse(end_entity).is_some_and(|fields| certificate::is_self_issued(&fields)) {
        self_signed()
    } else if found == CertificateError::BadSignature.into() {
        // An authority of the right name with another key: not the one trusted here.
        CertificateError::UnknownIssuer.into()
    } else {
        found
    }
}
