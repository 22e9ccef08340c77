//! The server behind TLS: its certificate is verified, the device's is shown.

use std::path::Path;
use std::sync::Arc;

use rumqttc::tokio_rustls::TlsAcceptor;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use spinewatch::publish::Tls;
use spinewatch::update::hawkbit::{Poller, Settings};

use crate::authority::{Authority, VALID};
use crate::board::{Board, OnBoard};
use crate::life::bundle;
use crate::server::{Action, Hawkbit};

/// A TLS front before `hawkbit`, whose links lead through it. It wants a certificate of the authority.
fn front(hawkbit: &Hawkbit, authority: &Authority, host: &str) {
    authority.broker("hawkbit", host, VALID);
    let acceptor = TlsAcceptor::from(Arc::new(config(&authority.folder, authority.name)));
    let behind = hawkbit.url().strip_prefix("http://").unwrap().to_owned();
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    hawkbit.world().url = format!("https://127.0.0.1:{}", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, behind) = (acceptor.clone(), behind.clone());
                tokio::spawn(async move {
                    let Ok(mut secured) = acceptor.accept(stream).await else { return };
                    let mut plain = tokio::net::TcpStream::connect(behind).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut secured, &mut plain).await;
                });
            }
        });
    });
}

fn config(folder: &Path, authority: &str) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.join(format!("{authority}.pem"))).unwrap()).unwrap();
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let chain = vec![CertificateDer::from_pem_file(folder.join("hawkbit.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(folder.join("hawkbit.key")).unwrap();
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)
        .unwrap()
}

fn poller(board: &Board, tls: Tls) -> Poller<OnBoard> {
    let mut settings: Settings = board.settings();
    settings.access.tls = Some(tls);
    settings.access.credential = None;
    board.poller_with(settings)
}

#[test]
fn the_device_s_certificate_opens_the_server_and_the_bundle_comes_over_https() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "ca");
    authority.client("device", "ct-1", VALID);
    let hawkbit = Hawkbit::start();
    hawkbit.offer(8, Action::new(bundle()));
    hawkbit.world().cuts.push_back(200_000);
    front(&hawkbit, &authority, "127.0.0.1");
    let board = Board::new(&hawkbit);
    let mut poller = poller(&board, authority.tls(Some("device")));
    poller.round().unwrap_err();
    poller.round().unwrap();
    assert_eq!((board.state().written.len(), hawkbit.world().ranges.len()), (1, 1));
}

#[test]
fn what_is_wrong_with_a_certificate_is_said_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "ca");
    let other = Authority::new(elsewhere.path(), "other");
    let wrong_host = tempfile::tempdir().unwrap();
    let third = Authority::new(wrong_host.path(), "third");
    let hawkbit = Hawkbit::start();
    front(&hawkbit, &authority, "127.0.0.1");
    let named = Hawkbit::start();
    front(&named, &third, "hawkbit.example");
    let said = |hawkbit: &Hawkbit, tls: Tls| {
        let board = Board::new(hawkbit);
        poller(&board, tls).round().unwrap_err().to_string()
    };
    let unknown = said(&hawkbit, other.tls(None));
    assert!(unknown.contains("update.hawkbit_ca_file"), "{unknown}");
    let bare = said(&hawkbit, authority.tls(None));
    assert!(bare.contains("it wants a client certificate"), "{bare}");
    let host = said(&named, third.tls(None));
    assert!(host.contains("for another host") && host.contains("hawkbit.example"), "{host}");
    assert!(hawkbit.world().requests.is_empty() && named.world().requests.is_empty());
}
