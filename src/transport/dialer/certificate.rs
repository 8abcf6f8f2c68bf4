//! The few fields of an X.509 certificate that the verifier needs beyond what webpki tells.

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
}

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
        let (_, subject, _) = element(rest)?;
        let (first_tag, first, validity) = element(validity)?;
        let (second_tag, second, _) = element(validity)?;
        Some(Self {
            issuer,
            subject,
            not_before: time(first_tag, first)?,
            not_after: time(second_tag, second)?,
        })
    }

    /// Whether it names itself as its issuer.
    pub(super) fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }
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
    fn no_prefix_of_a_certificate_is_read_and_none_panics() {
        let made = made(2020..=2060);
        let der = made.cert.der();
        for end in 0..der.len() {
            assert_eq!(Certificate::parse(&der[..end]), None);
        }
    }
}
