//! The fields of an X.509 certificate that the verifier needs beyond what webpki reports, and those
//! that a person wants to see.

use std::net::IpAddr;

use rustls::{ClientConnection, ProtocolVersion};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate, X509Name};

/// What a server showed in its TLS handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// `TLS 1.3` or `TLS 1.2`.
    pub protocol: &'static str,
    /// The common name of the subject; empty if there is none.
    pub subject: String,
    /// The common name of the issuer, or else its organisation.
    pub issuer: String,
    /// The names that it is for: DNS names and addresses.
    pub names: Vec<String>,
    /// In seconds since 1970.
    pub not_before: u64,
    /// In seconds since 1970.
    pub not_after: u64,
    /// How many certificates came, the server's own included.
    pub chain_length: usize,
}

impl CertificateFacts {
    /// Nothing before the handshake is done, or if the certificate cannot be read.
    pub(in crate::transport) fn of(connection: &ClientConnection) -> Option<Self> {
        let chain = connection.peer_certificates()?;
        let der = chain.first()?;
        let certificate = parse(der)?;
        // rustls speaks these two.
        let protocol = if connection.protocol_version()? == ProtocolVersion::TLSv1_3 {
            "TLS 1.3"
        } else {
            "TLS 1.2"
        };
        Some(Self {
            protocol,
            subject: name(certificate.subject()).unwrap_or_default(),
            issuer: name(certificate.issuer()).unwrap_or_default(),
            names: names(&certificate),
            not_before: not_before(&certificate),
            not_after: not_after(&certificate),
            chain_length: chain.len(),
        })
    }
}

/// Reads the DER of a certificate, and nothing else behind it.
pub(super) fn parse(der: &[u8]) -> Option<X509Certificate<'_>> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Some(certificate),
        Ok(_) | Err(_) => None,
    }
}

/// Whether a certificate names itself as its issuer.
pub(super) fn is_self_issued(certificate: &X509Certificate<'_>) -> bool {
    certificate.issuer().as_raw() == certificate.subject().as_raw()
}

/// The first second of a certificate's validity, counted from 1970; earlier ones count as 1970.
pub(super) fn not_before(certificate: &X509Certificate<'_>) -> u64 {
    u64::try_from(certificate.validity().not_before.timestamp()).unwrap_or(0)
}

/// The last second of a certificate's validity, counted from 1970; earlier ones count as 1970.
pub(super) fn not_after(certificate: &X509Certificate<'_>) -> u64 {
    u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or(0)
}

/// The common name, or else the organisation.
fn name(name: &X509Name<'_>) -> Option<String> {
    let mut attributes = name.iter_common_name().chain(name.iter_organization());
    let value = attributes.next()?.attr_value();
    Some(String::from_utf8_lossy(value.data).into_owned())
}

/// The DNS names and addresses among the alternative names (RFC 5280 §4.2.1.6).
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let names = &extension.value.general_names;
    names.iter().filter_map(host_name).collect()
}

fn host_name(name: &GeneralName<'_>) -> Option<String> {
    if let GeneralName::DNSName(name) = name {
        return Some((*name).to_owned());
    }
    if let GeneralName::IPAddress(bytes) = name {
        return address(bytes).map(|ip| ip.to_string());
    }
    None
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(v4.into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(years: std::ops::RangeInclusive<i32>) -> rcgen::CertifiedKey<rcgen::KeyPair> {
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(*years.start(), 2, 3);
        params.not_after = rcgen::date_time_ymd(*years.end(), 2, 3);
        let signing_key = rcgen::KeyPair::generate().unwrap();
        let cert = params.self_signed(&signing_key).unwrap();
        rcgen::CertifiedKey { cert, signing_key }
    }

    #[test]
    fn dates_are_read_in_both_forms() {
        let made = made(2020..=2060);
        let certificate = parse(made.cert.der()).unwrap();
        assert_eq!(not_before(&certificate), 1_580_688_000);
        assert_eq!(not_after(&certificate), 2_842_992_000);
        assert!(is_self_issued(&certificate));
    }

    #[test]
    fn the_names_that_people_know_are_read() {
        let params =
            rcgen::CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]);
        let key = rcgen::KeyPair::generate().unwrap();
        let cert = params.unwrap().self_signed(&key).unwrap();
        let certificate = parse(cert.der()).unwrap();
        assert_eq!(
            name(certificate.subject()).unwrap(),
            "rcgen self signed cert"
        );
        assert_eq!(names(&certificate), ["localhost", "127.0.0.1"]);
    }

    #[test]
    fn no_prefix_of_a_certificate_is_read_and_none_panics() {
        let made = made(2020..=2060);
        let der = made.cert.der();
        for end in 0..der.len() {
            assert!(parse(&der[..end]).is_none());
        }
    }
}
