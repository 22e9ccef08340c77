//! A connection in MQTT 3.1.1, for brokers that speak nothing newer, NATS among them.
//!
//! CloudEvents in structured mode: a message goes in an envelope of JSON. What this version has no words for is lost:
//! expiry, the delay of the last will, the reason of a refusal, the broker's limits.

use rumqttc_v4::mqttbytes::v4::{ConnAck, LastWill, Packet, Publish};
use rumqttc_v4::{
    AsyncClient, Broker, ConnectionError, Event, EventLoop, Incoming, MqttOptions, NetworkOptions, PersistedAckMode,
    PersistedSession, PublishNoticeError, PublishOptions, QoS, SessionStore, SessionStoreError, SessionStoreKey,
    SubscribeNoticeError, TlsConfiguration, Transport,
};
use tokio::sync::mpsc;

use super::v311_reasons::{client_error, connection_error, outcome};
use super::{Ending, LinkEvent, MAX_INCOMING_BYTES, Message, Outlet, Plan, REQUEST_CAPACITY};
use crate::publish::cause::{Cause, Trouble};
use crate::publish::structured;
use crate::store::{MessageProperties, OutboxMessage};

/// Messages that the library may have in flight; far more than the outbox allows.
const IN_FLIGHT: u16 = 100;

/// The owner of the link gives up earlier.
const CONNECT_TIMEOUT_SECS: u64 = 3600;

/// The library's handle.
#[derive(Clone, Debug)]
pub struct Client(AsyncClient);

/// Nothing is sent before [`poll`].
pub fn open(plan: &Plan<'_>) -> (Client, EventLoop) {
    let (client, mut event_loop) = AsyncClient::builder(options(plan)).capacity(REQUEST_CAPACITY).build();
    let mut network = NetworkOptions::new();
    network.set_connection_timeout(CONNECT_TIMEOUT_SECS);
    event_loop.set_network_options(network);
    (Client(client), event_loop)
}

impl Client {
    pub fn publish(&self, message: &OutboxMessage, events: mpsc::Sender<LinkEvent>) -> Result<(), Trouble> {
        let options = PublishOptions::new(QoS::AtLeastOnce).retain(message.retain);
        let notice = self
            .0
            .try_publish_tracked(message.topic.as_str(), structured::payload(message), options)
            .map_err(|error| client_error(&error))?;
        let id = message.event_id.clone();
        tokio::spawn(async move {
            let fate = match notice.wait_async().await {
                Ok(_) => Ok(()),
                // The link was lost: whoever owns it knows, and this message is sent again on the next.
                Err(PublishNoticeError::Recv | PublishNoticeError::SessionReset) => return,
                Err(error) => Err(Trouble::new(Cause::Client, error)),
            };
            let _ = events.send(LinkEvent::Published(id, fate)).await;
        });
        Ok(())
    }

    pub fn publish_once(&self, message: &OutboxMessage) -> Result<(), Trouble> {
        let options = PublishOptions::new(QoS::AtMostOnce).retain(message.retain);
        self.0
            .try_publish(message.topic.as_str(), structured::payload(message), options)
            .map_err(|error| client_error(&error))
    }

    pub fn subscribe(&self, filter: &str, events: mpsc::Sender<LinkEvent>) -> Result<(), Trouble> {
        let notice = self.0.try_subscribe_tracked(filter, QoS::AtLeastOnce).map_err(|error| client_error(&error))?;
        tokio::spawn(async move {
            let event = match notice.wait_completion_async().await {
                Ok(()) => LinkEvent::Subscribed,
                Err(SubscribeNoticeError::V4SubAckFailure(_)) => {
                    LinkEvent::SubscriptionRefused(Trouble::new(Cause::Refused, "the subscription to acknowledgements"))
                }
                Err(_) => return,
            };
            let _ = events.send(event).await;
        });
        Ok(())
    }

    /// True when the farewell is under way.
    pub fn disconnect(&self) -> bool {
        self.0.try_disconnect_now().is_ok()
    }
}

/// Bytes of the packet that carries `message` with QoS 1.
pub fn packet_bytes(message: &OutboxMessage) -> usize {
    let mut packet = Publish::new(message.topic.as_str(), QoS::AtLeastOnce, structured::payload(message));
    packet.pkid = 1;
    packet.size()
}

/// Polls until the first error; the owner decides when the next link is built.
pub async fn poll(mut event_loop: EventLoop, mut outlet: Outlet) {
    let dots = event_loop.mqtt_options.last_will().is_some_and(|will| will.topic.contains('.'));
    loop {
        let event = match event_loop.poll().await {
            Ok(Event::Incoming(packet)) => incoming(packet),
            Ok(_) => None,
            Err(ConnectionError::RequestsDone) => return outlet.end(None).await,
            Err(error) => {
                let outcome = outlet.outcome(outcome(&error));
                let trouble = outlet.of_tls(&error).unwrap_or_else(|| connection_error(&error, dots));
                return outlet.end(Some(Ending { outcome, trouble })).await;
            }
        };
        if let Some(event) = event
            && !outlet.put(event).await
        {
            return;
        }
    }
}

fn incoming(packet: Incoming) -> Option<LinkEvent> {
    match packet {
        Packet::ConnAck(ConnAck { session_present, .. }) => {
            Some(LinkEvent::Connected { session_present, max_packet_bytes: None, receive_max: None })
        }
        Packet::Publish(publish) => Some(LinkEvent::Message(Message {
            topic: String::from_utf8_lossy(&publish.topic).into_owned(),
            payload: publish.payload,
            properties: MessageProperties::default(),
            retained: publish.retain,
        })),
        _ => None,
    }
}

fn options(plan: &Plan<'_>) -> MqttOptions {
    let Plan { connection, url, attempt, will } = plan;
    let mut options = MqttOptions::new(connection.client_id.clone(), Broker::tcp(url.host.clone(), url.port));
    let most = MAX_INCOMING_BYTES as usize;
    options
        .set_keep_alive(u16::try_from(connection.keep_alive.as_secs()).unwrap_or(u16::MAX).max(1))
        .set_clean_session(false)
        .set_session_store(OutboxOwnsDelivery)
        .set_inflight(IN_FLIGHT)
        .set_max_packet_size(most, most);
    if let Some(attempt) = attempt {
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(attempt.config.clone())));
    }
    if let Some(credentials) = &connection.credentials {
        options.set_credentials(credentials.username.clone(), credentials.password.clone());
    }
    if let Some((message, _)) = will {
        let payload = structured::payload(message);
        options.set_last_will(LastWill::new(message.topic.as_str(), payload, QoS::AtLeastOnce, message.retain));
    }
    options
}

/// The library keeps a session of its own, and would send again what it holds when the broker resumes the other half.
/// What is unacknowledged is in the outbox and is sent again with new packet ids (MQTT 3.1.1, 4.4: for QoS 1 the
/// receiver keeps nothing), so an empty session is the truth. What the broker's session is kept for is the other
/// direction: acknowledgements by clinics that came while the device was away.
#[derive(Debug)]
struct OutboxOwnsDelivery;

type Answer<'a, T> = std::pin::Pin<Box<dyn Future<Output = Result<T, SessionStoreError>> + Send + 'a>>;

impl SessionStore for OutboxOwnsDelivery {
    fn load<'a>(&'a self, key: &'a SessionStoreKey) -> Answer<'a, Option<PersistedSession>> {
        let session = PersistedSession {
            format_version: 1,
            client_id: key.client_id().to_owned(),
            clean_session: false,
            max_inflight: IN_FLIGHT,
            ack_mode: PersistedAckMode::Automatic,
            last_pkid: 0,
            last_puback: 0,
            replay: Vec::new(),
            incoming_qos2: Vec::new(),
        };
        Box::pin(std::future::ready(Ok(Some(session))))
    }

    fn save<'a>(&'a self, _: &'a SessionStoreKey, _: &'a PersistedSession) -> Answer<'a, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn clear<'a>(&'a self, _: &'a SessionStoreKey) -> Answer<'a, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}
