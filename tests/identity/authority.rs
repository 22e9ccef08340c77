//! An authority in a folder: certificates, keys and revocation lists as files, as `board/certificates.md` makes them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use spinewatch::publish::Tls;
use spinewatch::publish::tls::{ClientFiles, ClientKey, TlsFiles};

/// A day, counted from today, in the type of a crate that only the library knows.
macro_rules! day {
    ($days:expr) => {{
        let (year, month, day) = civil($days);
        date_time_ymd(year, month, day)
    }};
}

static SERIAL: AtomicU64 = AtomicU64::new(0x1000);

/// Files of one authority, named after it.
pub struct Authority {
    pub folder: PathBuf,
    pub name: &'static str,
    issuer: Issuer<'static, KeyPair>,
}

/// From when to when, in days from today.
pub type Days = (i64, i64);

pub const VALID: Days = (-1, 365);

impl Authority {
    pub fn new(folder: &Path, name: &'static str) -> Self {
        Self::lasting(folder, name, (-10, 3650))
    }

    pub fn lasting(folder: &Path, name: &'static str, days: Days) -> Self {
        let mut params = params(name, &[], days);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        std::fs::write(folder.join(format!("{name}.pem")), params.self_signed(&key).unwrap().pem()).unwrap();
        let authority = Self { folder: folder.to_owned(), name, issuer: Issuer::new(params, key) };
        authority.revoke(&[], (-1, 30));
        authority
    }

    pub fn pem(&self) -> PathBuf {
        self.folder.join(format!("{}.pem", self.name))
    }

    pub fn crl(&self) -> PathBuf {
        self.folder.join(format!("{}.crl", self.name))
    }

    /// A broker's certificate for `host`, in FILE.pem and FILE.key.
    pub fn broker(&self, file: &str, host: &str, days: Days) -> u64 {
        self.issue(file, "broker", &[host], days, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A client's certificate with this common name, in FILE.pem and FILE.key; its serial number.
    pub fn client(&self, file: &str, common_name: &str, days: Days) -> u64 {
        self.issue(file, common_name, &[], days, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn issue(&self, file: &str, name: &str, hosts: &[&str], days: Days, usage: ExtendedKeyUsagePurpose) -> u64 {
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let key = KeyPair::generate().unwrap();
        let pem = self.sign(serial, &params(name, hosts, days), usage, &key);
        self.write(file, "key", &key.serialize_pem());
        self.write(file, "pem", &pem);
        serial
    }

    /// A client's certificate for a key that is elsewhere.
    #[cfg(feature = "pkcs11")]
    pub fn client_for(&self, file: &str, common_name: &str, key: &impl rcgen::PublicKeyData) {
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let pem = self.sign(serial, &params(common_name, &[], VALID), ExtendedKeyUsagePurpose::ClientAuth, key);
        self.write(file, "pem", &pem);
    }

    fn sign(
        &self,
        serial: u64,
        params: &CertificateParams,
        usage: ExtendedKeyUsagePurpose,
        key: &impl rcgen::PublicKeyData,
    ) -> String {
        let mut params = params.clone();
        params.serial_number = Some(SerialNumber::from(serial));
        params.extended_key_usages = vec![usage];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        params.signed_by(key, &self.issuer).unwrap().pem()
    }

    /// Writes the authority's revocation list anew.
    pub fn revoke(&self, serials: &[u64], days: Days) {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: day!(-1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: day!(days.0),
            next_update: day!(days.1),
            crl_number: SerialNumber::from(SERIAL.fetch_add(1, Ordering::Relaxed)),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let pem = list.signed_by(&self.issuer).unwrap().pem().unwrap();
        std::fs::write(self.crl(), pem).unwrap();
    }

    fn write(&self, file: &str, extension: &str, text: &str) {
        std::fs::write(self.folder.join(format!("{file}.{extension}")), text).unwrap();
    }

    /// TLS that trusts this authority, with the certificate in FILE.pem and FILE.key, if any.
    pub fn tls(&self, client: Option<&str>) -> Tls {
        Tls::open(self.files(client)).unwrap()
    }

    pub fn files(&self, client: Option<&str>) -> TlsFiles {
        let client = client.map(|file| ClientFiles {
            certificate: self.folder.join(format!("{file}.pem")),
            key: ClientKey::File(self.folder.join(format!("{file}.key"))),
        });
        TlsFiles { ca: self.pem(), crl: None, client }
    }
}

/// A client's certificate that nobody has signed.
pub fn self_signed(folder: &Path, file: &str, common_name: &str) {
    let key = KeyPair::generate().unwrap();
    let mut params = params(common_name, &[], VALID);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    std::fs::write(folder.join(format!("{file}.pem")), params.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(folder.join(format!("{file}.key")), key.serialize_pem()).unwrap();
}

fn params(common_name: &str, hosts: &[&str], days: Days) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    (params.not_before, params.not_after) = (day!(days.0), day!(days.1));
    params
}

/// Year, month and day.
fn civil(days: i64) -> (i32, u8, u8) {
    let date = Timestamp::now().to_zoned(TimeZone::UTC).date().checked_add(days.days()).unwrap();
    (date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
}
