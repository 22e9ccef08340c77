//! A small MQTT 5 broker on loopback, for the demo and the tests: `cargo run -- demo` needs no other program.
//!
//! Takes connections on 127.0.0.1, hands messages on with all their properties. QoS 0 and 1, retained messages,
//! expiry, last wills with their delay, sessions that outlive a connection. Never listens beyond loopback, keeps
//! nothing on disk, knows no users: not a broker for a hospital.

mod hub;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use hub::{Hub, Outlet};
use rumqttc::mqttbytes::v5::{
    ConnAck, ConnAckProperties, Connect, ConnectReturnCode, Disconnect, DisconnectReasonCode, LastWill, Packet, PubAck,
    SubAck, UnsubAck, UnsubAckReason,
};
use rumqttc::mqttbytes::{Error, QoS};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use super::BrokerUrl;

const MAX_PACKET_BYTES: u32 = 256 * 1024;

/// Packets that may wait for a connection's writer.
const OUTLET_CAPACITY: usize = 1024;

/// How often wills and sessions are looked after.
const TICK: Duration = Duration::from_millis(200);

/// The running broker; ends when dropped, with all its connections.
#[derive(Debug)]
pub struct EmbeddedBroker {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl EmbeddedBroker {
    /// Starts on a free port of 127.0.0.1 (inside a tokio runtime).
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::start_on(0).await
    }

    /// Starts on the given port of 127.0.0.1; 0 takes a free one.
    ///
    /// # Errors
    /// When the port cannot be bound.
    pub async fn start_on(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        Ok(Self { address, task: tokio::spawn(serve(listener)) })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL.
    pub fn url(&self) -> BrokerUrl {
        BrokerUrl { host: self.address.ip().to_string(), port: self.address.port(), tls: false }
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The hub and the broker's clock.
struct Shared {
    hub: Mutex<Hub>,
    started: Instant,
}

impl Shared {
    fn hub(&self) -> MutexGuard<'_, Hub> {
        self.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }
}

async fn serve(listener: TcpListener) {
    let shared = Arc::new(Shared { hub: Mutex::default(), started: Instant::now() });
    let mut connections = JoinSet::new();
    let mut ticks = tokio::time::interval(TICK);
    let mut count = 0;
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                count += 1;
                let shared = Arc::clone(&shared);
                connections.spawn(async move {
                    if let Err(error) = converse(stream, count, &shared).await {
                        tracing::debug!(%error, connection = count, "connection ended");
                    }
                });
            }
            _ = ticks.tick() => shared.hub().tick(shared.now()),
            Some(_) = connections.join_next() => {}
        }
    }
}

/// One side of a conversation: reads and writes whole packets.
struct Wire {
    stream: TcpStream,
    incoming: BytesMut,
}

impl Wire {
    /// `None`: the other side has closed.
    async fn read(&mut self) -> io::Result<Option<Packet>> {
        loop {
            match Packet::read(&mut self.incoming, Some(MAX_PACKET_BYTES)) {
                Ok(packet) => return Ok(Some(packet)),
                Err(Error::InsufficientBytes(_)) => {}
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
            }
            if self.stream.read_buf(&mut self.incoming).await? == 0 {
                return Ok(None);
            }
        }
    }

    async fn write(&mut self, packet: &Packet) -> io::Result<()> {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, None).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.stream.write_all(&bytes).await
    }
}

/// From CONNECT to the end. The last will stays unless the client says farewell.
async fn converse(stream: TcpStream, number: u64, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut wire = Wire { stream, incoming: BytesMut::new() };
    let Some(Packet::Connect(connect, will, _)) = wire.read().await? else { return Ok(()) };
    let (outlet, mut packets) = mpsc::channel(OUTLET_CAPACITY);
    let client_id = connect.client_id.clone();
    let session_present = open_session(&connect, will, Outlet { number, packets: outlet }, shared);
    wire.write(&Packet::ConnAck(ConnAck {
        session_present,
        code: ConnectReturnCode::Success,
        properties: Some(connack_properties()),
    }))
    .await?;
    shared.hub().pump(&client_id, shared.now());
    let keep_alive = Duration::from_secs(connect.keep_alive.into()).mul_f32(1.5);
    let (mut farewell, mut heard) = (false, tokio::time::Instant::now());
    let ended = loop {
        let answer = tokio::select! {
            packet = packets.recv() => match packet {
                Some(packet) => Some(packet),
                // The hub has dropped this outlet: the same client has connected again.
                None => {
                    let taken_over = Disconnect { reason_code: DisconnectReasonCode::SessionTakenOver, properties: None };
                    let _ = wire.write(&Packet::Disconnect(taken_over)).await;
                    break Ok(());
                }
            },
            packet = wire.read() => match packet {
                Ok(Some(Packet::Disconnect(disconnect))) => {
                    farewell = disconnect.reason_code == DisconnectReasonCode::NormalDisconnection;
                    break Ok(());
                }
                Ok(Some(packet)) => {
                    heard = tokio::time::Instant::now();
                    answer(packet, &client_id, shared)
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            },
            () = tokio::time::sleep_until(heard + keep_alive), if !keep_alive.is_zero() => break Err(io::ErrorKind::TimedOut.into()),
        };
        if let Some(packet) = answer
            && let Err(error) = wire.write(&packet).await
        {
            break Err(error);
        }
    };
    shared.hub().close(&client_id, number, farewell, shared.now());
    ended
}

fn open_session(connect: &Connect, will: Option<LastWill>, outlet: Outlet, shared: &Shared) -> bool {
    let properties = connect.properties.as_ref();
    let expiry = properties.and_then(|p| p.session_expiry_interval).unwrap_or(0);
    let receive_max = properties.and_then(|p| p.receive_maximum).unwrap_or(u16::MAX);
    let clean = connect.clean_start;
    let expiry = Duration::from_secs(expiry.into());
    shared.hub().open(&connect.client_id, hub::Opening { clean, expiry, receive_max, will, outlet }, shared.now())
}

/// The answer to a packet of a client, if it has one.
fn answer(packet: Packet, client_id: &str, shared: &Shared) -> Option<Packet> {
    let now = shared.now();
    match packet {
        Packet::PingReq => Some(Packet::PingResp),
        Packet::Publish(publish) => {
            let answer = (publish.qos == QoS::AtLeastOnce).then(|| Packet::PubAck(PubAck::new(publish.pkid, None)));
            shared.hub().publish(publish, now);
            answer
        }
        Packet::PubAck(ack) => {
            shared.hub().acknowledged(client_id, ack.pkid, now);
            None
        }
        Packet::Subscribe(subscribe) => {
            let return_codes = shared.hub().subscribe(client_id, subscribe.filters, now);
            Some(Packet::SubAck(SubAck { pkid: subscribe.pkid, return_codes, properties: None }))
        }
        Packet::Unsubscribe(unsubscribe) => {
            let reasons = vec![UnsubAckReason::Success; unsubscribe.filters.len()];
            shared.hub().unsubscribe(client_id, &unsubscribe.filters);
            Some(Packet::UnsubAck(UnsubAck { pkid: unsubscribe.pkid, reasons, properties: None }))
        }
        _ => None,
    }
}

const fn connack_properties() -> ConnAckProperties {
    ConnAckProperties {
        session_expiry_interval: None,
        receive_max: None,
        max_qos: Some(1),
        retain_available: None,
        max_packet_size: Some(MAX_PACKET_BYTES),
        assigned_client_identifier: None,
        topic_alias_max: None,
        reason_string: None,
        user_properties: Vec::new(),
        wildcard_subscription_available: None,
        subscription_identifiers_available: Some(0),
        shared_subscription_available: Some(0),
        server_keep_alive: None,
        response_information: None,
        server_reference: None,
        authentication_method: None,
        authentication_data: None,
    }
}
