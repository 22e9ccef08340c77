//! A broker that does what a test tells it, packet by packet: the only way to have one that misbehaves.

use bytes::BytesMut;
use rumqttc::mqttbytes::Error;
use rumqttc::mqttbytes::v5::{
    ConnAck, ConnAckProperties, Connect, ConnectReturnCode, LastWill, Packet, PubAck, PubAckReason, Publish, SubAck,
    SubscribeReasonCode,
};
use spinewatch::publish::BrokerUrl;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::device::patiently;

pub struct ScriptedBroker {
    listener: TcpListener,
}

/// One connection of the device.
pub struct Visit {
    stream: TcpStream,
    incoming: BytesMut,
    pub connect: Connect,
    pub will: Option<LastWill>,
}

impl ScriptedBroker {
    pub async fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub fn url(&self) -> BrokerUrl {
        format!("mqtt://{}", self.listener.local_addr().unwrap()).parse().unwrap()
    }

    /// Takes a connection and reads its CONNECT; the answer is up to the test.
    pub async fn visit(&self) -> Visit {
        let (stream, _) = patiently("a connection", self.listener.accept()).await.unwrap();
        let connect = Connect { keep_alive: 0, client_id: String::new(), clean_start: true, properties: None };
        let mut visit = Visit { stream, incoming: BytesMut::new(), connect, will: None };
        let Some(Packet::Connect(connect, will, _)) = visit.read().await else { panic!("no CONNECT") };
        (visit.connect, visit.will) = (connect, will);
        visit
    }

    /// Takes a connection, accepts it, and acknowledges the birth.
    pub async fn welcome(&self) -> Visit {
        let mut visit = self.visit().await;
        visit.accept(false, None).await;
        let birth = visit.publish().await;
        assert!(topic(&birth).ends_with("/status"), "the birth comes first: {}", topic(&birth));
        visit.acknowledge(&birth, PubAckReason::Success).await;
        visit
    }
}

impl Visit {
    pub async fn accept(&mut self, session_present: bool, properties: Option<ConnAckProperties>) {
        self.write(Packet::ConnAck(ConnAck { session_present, code: ConnectReturnCode::Success, properties })).await;
    }

    pub async fn refuse(&mut self, code: ConnectReturnCode) {
        self.write(Packet::ConnAck(ConnAck { session_present: false, code, properties: None })).await;
    }

    /// The next PUBLISH; pings and subscriptions are answered on the way.
    pub async fn publish(&mut self) -> Publish {
        self.next_publish().await.expect("the connection ended before a PUBLISH came")
    }

    /// The next PUBLISH, or `None` when the device has closed the connection.
    pub async fn next_publish(&mut self) -> Option<Publish> {
        loop {
            match self.read().await? {
                Packet::Publish(publish) => return Some(publish),
                Packet::PingReq => self.write(Packet::PingResp).await,
                Packet::Subscribe(subscribe) => {
                    let return_codes = subscribe.filters.iter().map(|f| SubscribeReasonCode::Success(f.qos)).collect();
                    self.write(Packet::SubAck(SubAck { pkid: subscribe.pkid, return_codes, properties: None })).await;
                }
                Packet::Disconnect(_) => return None,
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    pub async fn acknowledge(&mut self, publish: &Publish, reason: PubAckReason) {
        self.write(Packet::PubAck(PubAck { reason, ..PubAck::new(publish.pkid, None) })).await;
    }

    pub async fn write(&mut self, packet: Packet) {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, None).unwrap();
        self.write_bytes(&bytes).await;
    }

    pub async fn write_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// `None`: the device has closed or dropped the connection.
    async fn read(&mut self) -> Option<Packet> {
        loop {
            match Packet::read(&mut self.incoming, None) {
                Ok(packet) => return Some(packet),
                Err(Error::InsufficientBytes(_)) => {}
                Err(error) => panic!("the device sent garbage: {error}"),
            }
            match patiently("a packet", self.stream.read_buf(&mut self.incoming)).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}

pub fn topic(publish: &Publish) -> String {
    String::from_utf8(publish.topic.to_vec()).unwrap()
}

/// CloudEvents id.
pub fn event_id(publish: &Publish) -> String {
    let user = &publish.properties.as_ref().unwrap().user_properties;
    user.iter().find(|(key, _)| key == "id").unwrap().1.clone()
}

/// CONNACK properties with a Maximum Packet Size.
pub fn max_packet_size(bytes: u32) -> ConnAckProperties {
    ConnAckProperties {
        session_expiry_interval: None,
        receive_max: None,
        max_qos: None,
        retain_available: None,
        max_packet_size: Some(bytes),
        assigned_client_identifier: None,
        topic_alias_max: None,
        reason_string: None,
        user_properties: Vec::new(),
        wildcard_subscription_available: None,
        subscription_identifiers_available: None,
        shared_subscription_available: None,
        server_keep_alive: None,
        response_information: None,
        server_reference: None,
        authentication_method: None,
        authentication_data: None,
    }
}
