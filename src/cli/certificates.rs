//! What `spinewatch check` says of the certificates: who they are for and how long they hold; and whether the broker's
//! holds, by a handshake. Publishes nothing.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::Duration;

use jiff::Timestamp;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, ProtocolVersion, StreamOwned};

use crate::publish::tls::{Role, Validity};
use crate::publish::{BrokerUrl, Tls};

/// With TLS 1.3 the broker's refusal of a certificate comes after the handshake, or not at all.
const REFUSAL_PATIENCE: Duration = Duration::from_millis(500);

/// One line for each certificate and list; `now` is absent while the clock is not trusted.
pub fn validities(tls: &Tls, now: Option<Timestamp>) -> Vec<Result<String, String>> {
    tls.validities().iter().map(|validity| said(validity, now)).collect()
}

fn said(validity: &Validity, now: Option<Timestamp>) -> Result<String, String> {
    let names = validity.names.join(", ");
    let serial = if validity.serial.is_empty() { String::new() } else { format!(", serial {}", validity.serial) };
    let matches = if validity.role == Role::Client { ", matches its key" } else { "" };
    let (from, to) = (day(validity.not_before), day(validity.not_after));
    let known = format!("{}: {names}{serial}{matches}, valid from {from} to {to}", validity.role.words());
    let Some(now) = now else { return Ok(format!("{known}; the clock is not set, so nothing can be said of today")) };
    if now < validity.not_before {
        return Err(format!("{known}: not yet valid"));
    }
    match validity.expiry(now) {
        Some(expiry) if expiry.days < 0 => Err(format!("{known}: expired; put a renewed file in its place")),
        Some(expiry) => Ok(format!("{known}: {} days are left; renew it", expiry.days)),
        None => Ok(known),
    }
}

fn day(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}

/// A handshake, and a moment for the broker to refuse what it was shown.
///
/// # Errors
/// Why there is no TLS, in the words of the screen.
pub fn handshake(tls: &Tls, url: &BrokerUrl, tcp: TcpStream) -> Result<String, String> {
    let words =
        |error: std::io::Error| tls.trouble(&error).map_or_else(|| error.to_string(), |trouble| trouble.to_string());
    let host = ServerName::try_from(url.host.clone()).map_err(|error| error.to_string())?;
    let connection = ClientConnection::new(tls.attempt().config, host).map_err(|error| error.to_string())?;
    tcp.set_read_timeout(Some(Duration::from_secs(3))).map_err(words)?;
    let mut stream = StreamOwned::new(connection, tcp);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).map_err(words)?;
    }
    stream.sock.set_read_timeout(Some(REFUSAL_PATIENCE)).map_err(words)?;
    match stream.read(&mut [0]) {
        Err(error) if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return Err(words(error)),
        _ => {}
    }
    let version = match stream.conn.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "TLS 1.3",
    };
    Ok(format!("{version}, the broker's certificate holds"))
}
