//! The few fields of an X.509 certificate that the verifier needs beyond what webpki tells, and
//! those that a person wants to see.

use std::net::IpAddr;

use rustls::{ClientConnection, ProtocolVersion};

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
        let fields = Certificate::parse(der)?;
        // rustls speaks these two.
        let protocol = if connection.protocol_version()? == ProtocolVersion::TLSv1_3 {
            "TLS 1.3"
        } else {
            "TLS 1.2"
        };
        Some(Self {
            protocol,
            subject: name(fields.subject).unwrap_or_default(),
            issuer: name(fields.issuer).unwrap_or_default(),
            names: fields.alternative_names.map(names).unwrap_or_default(),
            not_before: fields.not_before,
            not_after: fields.not_after,
            chain_length: chain.len(),
        })
    }
}

/// The common name in the DER of a name, or else its organisation.
fn name(der: &[u8]) -> Option<String> {
    attribute(der, COMMON_NAME).or_else(|| attribute(der, ORGANISATION))
}

fn attribute(name: &[u8], wanted: &[u8]) -> Option<String> {
    let mut rest = name;
    while let Some((SET, set, after)) = element(rest) {
        rest = after;
        let Some((SEQUENCE, pair, _)) = element(set) else {
            continue;
        };
        let (OBJECT_ID, id, value) = element(pair)? else {
            continue;
        };
        if id == wanted {
            let (_, text, _) = element(value)?;
            return Some(String::from_utf8_lossy(text).into_owned());
        }
    }
    None
}

/// The DNS names and addresses in the DER of a list of general names (RFC 5280 §4.2.1.6).
fn names(der: &[u8]) -> Vec<String> {
    const DNS_NAME: u8 = 0x82;
    const IP_ADDRESS: u8 = 0x87;
    let mut names = Vec::new();
    let mut rest = der;
    while let Some((tag, content, after)) = element(rest) {
        rest = after;
        match tag {
            DNS_NAME => names.push(String::from_utf8_lossy(content).into_owned()),
            IP_ADDRESS => names.extend(address(content).map(|ip| ip.to_string())),
            _ => {}
        }
    }
    names
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(v4.into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}

/// Parts of a certificate (RFC 5280 §4.1).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Certificate<'a> {
    /// DER of the issuer's name.
    issuer: &'a [u8],
    /// DER of the subject's name.
    subject: &'a [u8],
    /// In seconds since 1970.
    pub(super) not_before: u64,
    /// In seconds since 1970.
    pub(super) not_after: u64,
    /// DER of the subject's alternative names, without their outer tag.
    alternative_names: Option<&'a [u8]>,
}

const SET: u8 = 0x31;
const OBJECT_ID: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
const EXTENSIONS: u8 = 0xa3;
/// 2.5.4.3
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// 2.5.4.10
const ORGANISATION: &[u8] = &[0x55, 0x04, 0x0a];
/// 2.5.29.17
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;

impl<'a> Certificate<'a> {
    /// Nothing if the DER cannot be read.
    pub(super) fn parse(der: &'a [u8]) -> Option<Self> {
        let (SEQUENCE, certificate, _) = element(der)? else {
            return None;
        };
        let (SEQUENCE, body, _) = element(certificate)? else {
            return None;
        };
        let rest = match element(body)? {
            (VERSION, _, rest) => rest,
            _version_1 => body,
        };
        let (_, _, rest) = element(rest)?; // serial number
        let (_, _, rest) = element(rest)?; // signature algorithm
        let (_, issuer, rest) = element(rest)?;
        let (SEQUENCE, validity, rest) = element(rest)? else {
            return None;
        };
        let (_, subject, rest) = element(rest)?;
        let (first_tag, first, validity) = element(validity)?;
        let (second_tag, second, _) = element(validity)?;
        Some(Self {
            issuer,
            subject,
            not_before: time(first_tag, first)?,
            not_after: time(second_tag, second)?,
            alternative_names: alternative_names(rest),
        })
    }

    /// Whether it names itself as its issuer.
    pub(super) fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }
}

/// The alternative names among what follows the subject.
fn alternative_names(mut rest: &[u8]) -> Option<&[u8]> {
    let extensions = loop {
        match element(rest)? {
            (EXTENSIONS, content, _) => break content,
            (_, _, after) => rest = after,
        }
    };
    let (SEQUENCE, mut list, _) = element(extensions)? else {
        return None;
    };
    while let Some((SEQUENCE, extension, after)) = element(list) {
        list = after;
        let (OBJECT_ID, id, mut value) = element(extension)? else {
            continue;
        };
        if id != SUBJECT_ALT_NAME {
            continue;
        }
        // A flag may stand between the id and the value.
        while let Some((tag, content, after)) = element(value) {
            if tag == OCTET_STRING {
                return element(content).map(|(_, names, _)| names);
            }
            value = after;
        }
    }
    None
}

/// Tag, content and what follows of the first DER element.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if digits.len() > 4 {
            return None;
        }
        let length = digits
            .iter()
            .fold(0_usize, |length, &digit| length << 8 | usize::from(digit));
        (length, rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// Seconds since 1970 of `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ`, the only forms of RFC 5280.
fn time(tag: u8, text: &[u8]) -> Option<u64> {
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = number(text, 2)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => number(text, 4)?,
        _ => return None,
    };
    let (month, rest) = number(rest, 2)?;
    let (day, rest) = number(rest, 2)?;
    let (hour, rest) = number(rest, 2)?;
    let (minute, rest) = number(rest, 2)?;
    let (second, rest) = number(rest, 2)?;
    if rest != b"Z" {
        return None;
    }
    let signed = |value: u64| i16::try_from(value).ok();
    let small = |value: u64| i8::try_from(value).ok();
    let at = jiff::civil::DateTime::new(
        signed(year)?,
        small(month)?,
        small(day)?,
        small(hour)?,
        small(minute)?,
        small(second)?,
        0,
    )
    .ok()?;
    let utc = at.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    // Before 1970 counts as 1970: every time since lies after it.
    Some(u64::try_from(utc.timestamp().as_second()).unwrap_or(0))
}

fn number(text: &[u8], digits: usize) -> Option<(u64, &[u8])> {
    let (digits, rest) = text.split_at_checked(digits)?;
    let mut value = 0;
    for digit in digits {
        value = value * 10 + u64::from(char::from(*digit).to_digit(10)?);
    }
    Some((value, rest))
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
        let fields = Certificate::parse(made.cert.der()).unwrap();
        assert_eq!(fields.not_before, 1_580_688_000);
        assert_eq!(fields.not_after, 2_842_992_000);
        assert!(fields.is_self_issued());
    }

    #[test]
    fn the_names_that_people_know_are_read() {
        let params =
            rcgen::CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]);
        let key = rcgen::KeyPair::generate().unwrap();
        let cert = params.unwrap().self_signed(&key).unwrap();
        let fields = Certificate::parse(cert.der()).unwrap();
        assert_eq!(name(fields.subject).unwrap(), "rcgen self signed cert");
        let alternative = fields.alternative_names.map(names).unwrap();
        assert_eq!(alternative, ["localhost", "127.0.0.1"]);
    }

    #[test]
    fn no_prefix_of_a_certificate_is_read_and_none_panics() {
        let made = made(2020..=2060);
        let der = made.cert.der();
        for end in 0..der.len() {
            assert_eq!(Certificate::parse(&der[..end]), None);
        }
    }
}
