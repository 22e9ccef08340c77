//! A TLS front before the embedded broker: it does what mosquitto cannot be made to do, and tells whom it has seen.

use std::path::Path;
use std::sync::{Arc, Mutex};

use rumqttc::tokio_rustls::TlsAcceptor;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use spinewatch::publish::BrokerUrl;
use spinewatch::publish::embedded_broker::EmbeddedBroker;
use tokio::net::{TcpListener, TcpStream};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::authority::Authority;

pub struct Front {
    pub port: u16,
    pub broker: EmbeddedBroker,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Front {
    /// With the certificate in BROKER.pem of the authority, whose clients come in unless they are on its list.
    pub async fn start(authority: &Authority, broker: &str, version: &'static SupportedProtocolVersion) -> Self {
        Self::start_in(&authority.folder, authority.name, broker, version).await
    }

    /// With the files of an authority that was here before.
    pub async fn start_in(
        folder: &Path,
        authority: &str,
        broker: &str,
        version: &'static SupportedProtocolVersion,
    ) -> Self {
        let embedded = EmbeddedBroker::start().await.unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = TlsAcceptor::from(Arc::new(config(folder, authority, broker, version)));
        let seen = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(accept(listener, acceptor, embedded.url(), Arc::clone(&seen)));
        Self { port, broker: embedded, seen }
    }

    /// Serial numbers of the clients' certificates, in the order of their connections.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    pub fn url(&self) -> BrokerUrl {
        BrokerUrl { host: "127.0.0.1".into(), port: self.port, tls: true }
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, broker: BrokerUrl, seen: Arc<Mutex<Vec<String>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, broker, seen) = (acceptor.clone(), broker.clone(), Arc::clone(&seen));
        tokio::spawn(async move {
            let Ok(mut secured) = acceptor.accept(stream).await else { return };
            if let Some([first, ..]) = secured.get_ref().1.peer_certificates() {
                let (_, certificate) = X509Certificate::from_der(first).unwrap();
                seen.lock().unwrap().push(certificate.serial.to_str_radix(16));
            }
            let mut plain = TcpStream::connect((broker.host, broker.port)).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut secured, &mut plain).await;
        });
    }
}

fn config(folder: &Path, authority: &str, broker: &str, version: &'static SupportedProtocolVersion) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.join(format!("{authority}.pem"))).unwrap()).unwrap();
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .with_crls([CertificateRevocationListDer::from_pem_file(folder.join(format!("{authority}.crl"))).unwrap()])
        .build()
        .unwrap();
    let file = |extension: &str| folder.join(format!("{broker}.{extension}"));
    ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(chain(&file("pem")), PrivateKeyDer::from_pem_file(file("key")).unwrap())
        .unwrap()
}

fn chain(file: &Path) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(file).unwrap().map(Result::unwrap).collect()
}
