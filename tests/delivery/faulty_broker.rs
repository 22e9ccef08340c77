//! A broker with faults that can be switched on and off while a device is connected. What it takes, it hands to the
//! embedded broker behind it, where a real subscriber listens: so a fault is seen as a clinic sees it.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rumqttc::mqttbytes::v5::{
    ConnAck, Connect, ConnectAuth, ConnectReturnCode, Disconnect, DisconnectReasonCode, Packet, PubAck, PubAckReason,
    Publish, SubAck, SubscribeReasonCode,
};
use rumqttc::mqttbytes::{Error, QoS};
use spinewatch::publish::BrokerUrl;
use spinewatch::publish::embedded_broker::EmbeddedBroker;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use super::scripted_broker::max_packet_size;

/// What is wrong with the broker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    Well,
    /// Nothing listens; connections are cut.
    Down,
    /// Connections are cut, and made again without the session.
    SessionLost,
    /// Takes connections, answers nothing.
    Silent,
    /// Takes messages and hands them on, acknowledges none.
    Mute,
    /// Acknowledges late.
    Slow(Duration),
    /// Takes a message, hands it on, and hangs up instead of acknowledging.
    Cuts,
    RefusesConnect(ConnectReturnCode),
    /// Refuses alerts and verdicts; the device's status passes, as with an access list.
    RefusesPublish(PubAckReason),
    /// Refuses every subscription.
    RefusesSubscribe(SubscribeReasonCode),
    /// Says in its CONNACK how large a packet may be.
    Announces(u32),
    /// Hangs up on packets that are larger, without having said so.
    HangsUpOver(usize),
    /// Hangs up with a reason.
    Disconnects(DisconnectReasonCode),
}

/// The broker; ends when dropped.
pub struct FaultyBroker {
    behind: EmbeddedBroker,
    port: u16,
    mode: Arc<watch::Sender<Mode>>,
    task: tokio::task::JoinHandle<()>,
}

impl FaultyBroker {
    pub async fn start() -> Self {
        let behind = EmbeddedBroker::start().await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mode = Arc::new(watch::Sender::new(Mode::Well));
        let onward = onward(TcpStream::connect(behind.address()).await.unwrap());
        let task = tokio::spawn(serve(listener, Arc::clone(&mode), onward));
        Self { behind, port, mode, task }
    }

    pub fn url(&self) -> BrokerUrl {
        BrokerUrl { host: "127.0.0.1".into(), port: self.port, tls: false }
    }

    /// Where the clinic listens.
    pub fn behind(&self) -> BrokerUrl {
        self.behind.url()
    }

    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

impl Drop for FaultyBroker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Takes connections, except while it is down: then its port is closed.
async fn serve(listener: TcpListener, mode: Arc<watch::Sender<Mode>>, onward: mpsc::Sender<Publish>) {
    let address = listener.local_addr().unwrap();
    let mut listener = Some(listener);
    let mut changes = mode.subscribe();
    loop {
        let down = *changes.borrow_and_update() == Mode::Down;
        if down {
            listener = None;
        }
        match &listener {
            None if down => changes.changed().await.unwrap(),
            // Others on this machine may hold the port for a moment.
            None => match TcpListener::bind(address).await {
                Ok(bound) => listener = Some(bound),
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            },
            Some(open) => tokio::select! {
                Ok((stream, _)) = open.accept() => {
                    let connection = Connection { stream, incoming: BytesMut::new(), changes: mode.subscribe(), onward: onward.clone() };
                    tokio::spawn(connection.serve());
                }
                _ = changes.changed() => {}
            },
        }
    }
}

struct Connection {
    stream: TcpStream,
    incoming: BytesMut,
    changes: watch::Receiver<Mode>,
    onward: mpsc::Sender<Publish>,
}

impl Connection {
    /// Until either side hangs up.
    async fn serve(mut self) {
        let _ = self.stream.set_nodelay(true);
        while let Some(packet) = self.next().await {
            if self.answer(packet).await.is_none() {
                return;
            }
        }
    }

    fn mode(&self) -> Mode {
        *self.changes.borrow()
    }

    /// The next packet; `None` when the connection is over, by the device or by the fault.
    async fn next(&mut self) -> Option<Packet> {
        loop {
            match Packet::read(&mut self.incoming, None) {
                Ok(packet) => return Some(packet),
                Err(Error::InsufficientBytes(_)) => {}
                Err(_) => return None,
            }
            tokio::select! {
                read = self.stream.read_buf(&mut self.incoming) => {
                    read.ok().filter(|bytes| *bytes > 0)?;
                }
                _ = self.changes.changed() => self.fault_begins().await?,
            }
        }
    }

    /// What a fault does to a connection that stands.
    async fn fault_begins(&mut self) -> Option<()> {
        match self.mode() {
            Mode::Down | Mode::SessionLost | Mode::RefusesConnect(_) | Mode::Announces(_) => None,
            Mode::Disconnects(reason) => {
                self.write(Packet::Disconnect(Disconnect::new(reason))).await;
                None
            }
            _ => Some(()),
        }
    }

    async fn answer(&mut self, packet: Packet) -> Option<()> {
        if self.mode() == Mode::Silent {
            return Some(());
        }
        match packet {
            Packet::Connect(connect, ..) => self.connect(&connect).await,
            Packet::Publish(publish) => self.publish(publish).await,
            Packet::Subscribe(subscribe) => {
                let code = |qos| match self.mode() {
                    Mode::RefusesSubscribe(code) => code,
                    _ => SubscribeReasonCode::Success(qos),
                };
                let return_codes = subscribe.filters.iter().map(|filter| code(filter.qos)).collect();
                self.write(Packet::SubAck(SubAck { pkid: subscribe.pkid, return_codes, properties: None })).await;
                Some(())
            }
            Packet::PingReq => {
                self.write(Packet::PingResp).await;
                Some(())
            }
            _ => None,
        }
    }

    async fn connect(&mut self, connect: &Connect) -> Option<()> {
        let (code, properties) = match self.mode() {
            Mode::RefusesConnect(code) => (code, None),
            Mode::Announces(bytes) => (ConnectReturnCode::Success, Some(max_packet_size(bytes))),
            _ => (ConnectReturnCode::Success, None),
        };
        let accepted = code == ConnectReturnCode::Success;
        let session_present = accepted && !connect.clean_start && self.mode() != Mode::SessionLost;
        self.write(Packet::ConnAck(ConnAck { session_present, code, properties })).await;
        accepted.then_some(())
    }

    async fn publish(&mut self, publish: Publish) -> Option<()> {
        let topic = String::from_utf8_lossy(&publish.topic).into_owned();
        let of_a_study = topic.contains("/alert/") || topic.contains("/triage/");
        let pkid = publish.pkid;
        match self.mode() {
            Mode::RefusesPublish(reason) if of_a_study => return self.acknowledge(pkid, reason).await,
            Mode::HangsUpOver(bytes) if publish.payload.len() > bytes => {
                self.write(Packet::Disconnect(Disconnect::new(DisconnectReasonCode::PacketTooLarge))).await;
                return None;
            }
            Mode::Disconnects(reason) => {
                self.write(Packet::Disconnect(Disconnect::new(reason))).await;
                return None;
            }
            Mode::Slow(pause) => tokio::time::sleep(pause).await,
            _ => {}
        }
        self.onward.send(publish).await.ok()?;
        match self.mode() {
            Mode::Mute => Some(()),
            Mode::Cuts if of_a_study => None,
            _ if pkid == 0 => Some(()),
            _ => self.acknowledge(pkid, PubAckReason::Success).await,
        }
    }

    async fn acknowledge(&mut self, pkid: u16, reason: PubAckReason) -> Option<()> {
        self.write(Packet::PubAck(PubAck { reason, ..PubAck::new(pkid, None) })).await;
        Some(())
    }

    async fn write(&mut self, packet: Packet) {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, None).unwrap();
        let _ = self.stream.write_all(&bytes).await;
    }
}

/// Hands messages on to the broker behind, in order and with all their properties.
fn onward(stream: TcpStream) -> mpsc::Sender<Publish> {
    let (sender, mut messages) = mpsc::channel::<Publish>(1024);
    let (mut reader, mut writer) = stream.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut reader, &mut tokio::io::sink()).await });
    tokio::spawn(async move {
        let connect = Connect { keep_alive: 0, client_id: "onward".into(), clean_start: true, properties: None };
        let mut packet = Packet::Connect(connect, None, ConnectAuth::None);
        for pkid in (1..=u16::MAX).cycle() {
            let mut bytes = BytesMut::new();
            packet.write(&mut bytes, None).unwrap();
            if writer.write_all(&bytes).await.is_err() {
                return;
            }
            let Some(mut publish) = messages.recv().await else { return };
            (publish.pkid, publish.qos, publish.dup) = (pkid, QoS::AtLeastOnce, false);
            packet = Packet::Publish(publish);
        }
    });
    sender
}
