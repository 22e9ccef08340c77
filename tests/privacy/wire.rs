//! A proxy on loopback that keeps every byte that goes through it, each way.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What went through.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// From the device to the broker.
    pub sent: Arc<Mutex<Vec<u8>>>,
    /// From the broker to the device.
    pub received: Arc<Mutex<Vec<u8>>>,
}

/// Listens on a free port, and hands every connection on to `broker`. Ends with the process.
pub fn record(broker: SocketAddr) -> (SocketAddr, Recorded) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    let recorded = Recorded::default();
    let kept = recorded.clone();
    std::thread::spawn(move || {
        for device in listener.incoming().flatten() {
            let Ok(broker) = TcpStream::connect(broker) else { continue };
            let (Ok(from_device), Ok(from_broker)) = (device.try_clone(), broker.try_clone()) else { continue };
            let (sent, received) = (Arc::clone(&kept.sent), Arc::clone(&kept.received));
            std::thread::spawn(move || pass(from_device, broker, &sent));
            std::thread::spawn(move || pass(from_broker, device, &received));
        }
    });
    (address, recorded)
}

fn pass(mut from: TcpStream, mut to: TcpStream, kept: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 16_384];
    while let Ok(count) = from.read(&mut buffer) {
        if count == 0 {
            break;
        }
        kept.lock().expect("no panic beside").extend(&buffer[..count]);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
