//! Certificates and revocation lists in; who they are for and until when they hold out. Pure.

use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};
use x509_parser::time::ASN1Time;

/// From how many days before its end on an expiry is told.
const WARNED_DAYS: i64 = 30;
const DAY_SECS: i64 = 86_400;

/// What a certificate or a list is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Shows the broker who this client is.
    Client,
    /// The authority of the broker's certificate.
    Authority,
    /// Which of the authority's certificates are revoked.
    RevocationList,
}

impl Role {
    /// In the middle of a sentence.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Client => "this device's certificate",
            Self::Authority => "the broker's authority",
            Self::RevocationList => "the revocation list",
        }
    }
}

/// Until when something holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validity {
    /// What.
    pub role: Role,
    /// Its name in the file: common name and alternative names; of a list, its issuer.
    pub names: Vec<String>,
    /// Serial number, hex; of a list, empty.
    pub serial: String,
    /// From when on.
    pub not_before: Timestamp,
    /// Until when.
    pub not_after: Timestamp,
}

/// Something that ends soon, or has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// What.
    pub role: Role,
    /// Whole days that are left; negative when it has ended.
    pub days: i64,
}

impl Validity {
    /// Of a client's certificate; it ends when the first of its chain ends.
    pub(super) fn of_chain(role: Role, chain: &[CertificateDer<'_>]) -> Result<Self, String> {
        let each = chain.iter().map(|der| Self::of(role, der)).collect::<Result<Vec<_>, _>>()?;
        let ends = each.iter().map(|validity| validity.not_after).min();
        let first = each.into_iter().next().ok_or("no certificate")?;
        Ok(Self { not_after: ends.unwrap_or(first.not_after), ..first })
    }

    /// Of the authorities of a file; trust ends when the last of them ends, as there are two while one is replaced.
    pub(super) fn of_authorities(authorities: &[CertificateDer<'_>]) -> Result<Self, String> {
        let each = authorities.iter().map(|der| Self::of(Role::Authority, der)).collect::<Result<Vec<_>, _>>()?;
        each.into_iter().max_by_key(|validity| validity.not_after).ok_or_else(|| "no certificate".into())
    }

    /// Of the lists of a file that say when they are replaced; the first to end.
    pub(super) fn of_lists(lists: &[CertificateRevocationListDer<'_>]) -> Result<Option<Self>, String> {
        let mut first: Option<Self> = None;
        for der in lists {
            let (_, list) = CertificateRevocationList::from_der(der).map_err(|error| error.to_string())?;
            let Some(next) = list.next_update() else { continue };
            let validity = Self {
                role: Role::RevocationList,
                names: vec![list.issuer().to_string()],
                serial: String::new(),
                not_before: timestamp(list.last_update())?,
                not_after: timestamp(next)?,
            };
            if first.as_ref().is_none_or(|first| validity.not_after < first.not_after) {
                first = Some(validity);
            }
        }
        Ok(first)
    }

    fn of(role: Role, der: &CertificateDer<'_>) -> Result<Self, String> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|error| error.to_string())?;
        Ok(Self {
            role,
            names: names(&certificate),
            serial: certificate.serial.to_str_radix(16),
            not_before: timestamp(certificate.validity.not_before)?,
            not_after: timestamp(certificate.validity.not_after)?,
        })
    }

    /// Within [`WARNED_DAYS`] of its end or after it. A list is replaced every few days: only its end is told.
    pub fn expiry(&self, now: Timestamp) -> Option<Expiry> {
        let days = (self.not_after.as_second() - now.as_second()).div_euclid(DAY_SECS);
        let warned = if self.role == Role::RevocationList { -1 } else { WARNED_DAYS };
        (days <= warned).then_some(Expiry { role: self.role, days })
    }
}

fn timestamp(time: ASN1Time) -> Result<Timestamp, String> {
    Timestamp::from_second(time.timestamp()).map_err(|error| error.to_string())
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok()).map(str::to_owned);
    let mut names: Vec<String> = common.collect();
    if let Ok(Some(extension)) = certificate.subject_alternative_name() {
        names.extend(extension.value.general_names.iter().filter_map(alternative));
    }
    names.dedup();
    names
}

fn alternative(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(|octets| std::net::IpAddr::from(octets).to_string());
            let v6 = <[u8; 16]>::try_from(*bytes).map(|octets| std::net::IpAddr::from(octets).to_string());
            v4.or(v6).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn ends(role: Role, not_after: &str) -> Validity {
        Validity {
            role,
            names: vec![],
            serial: String::new(),
            not_before: Timestamp::UNIX_EPOCH,
            not_after: not_after.parse().unwrap(),
        }
    }

    #[test]
    fn an_expiry_is_told_thirty_days_before_and_not_a_day_earlier() {
        let certificate = ends(Role::Client, "2027-03-31T00:00:00Z");
        let days = |now: &str| certificate.expiry(now.parse().unwrap()).map(|expiry| expiry.days);
        assert_eq!(days("2027-02-27T23:59:59Z"), None);
        assert_eq!(days("2027-03-01T00:00:00Z"), Some(30));
        assert_eq!(days("2027-03-30T12:00:00Z"), Some(0));
        assert_eq!(days("2027-03-31T00:00:01Z"), Some(-1));
    }

    #[test]
    fn a_revocation_list_is_told_only_when_it_has_ended() {
        let list = ends(Role::RevocationList, "2027-03-31T00:00:00Z");
        assert_eq!(list.expiry("2027-03-30T23:00:00Z".parse().unwrap()), None);
        let after = list.expiry("2027-04-02T00:00:00Z".parse().unwrap());
        assert_eq!(after, Some(Expiry { role: Role::RevocationList, days: -2 }));
    }
}
