//! A connection in MQTT 5.
//!
//! CloudEvents in binary mode: the properties of a message are MQTT 5 properties.

use std::time::Duration;

use bytes::Bytes;
use rumqttc::mqttbytes::v5::{ConnAck, LastWill, LastWillProperties, Packet, Publish, PublishProperties};
use rumqttc::{
    AsyncClient, Broker, ConnectionError, Event, EventLoop, Incoming, MqttOptions, PersistedAckMode, PersistedSession,
    PublishNoticeError, PublishOptions, PublishResult, QoS, SessionStore, SessionStoreError, SessionStoreKey,
    SubscribeNoticeError, TlsConfiguration, Transport,
};
use tokio::sync::mpsc;

use super::route::Outcome;
use super::v5_reasons::{client_error, connection_error, outcome, puback, suback};
use super::{Ending, LinkEvent, MAX_INCOMING_BYTES, Message, Outlet, Plan, REQUEST_CAPACITY};
use crate::publish::cause::{Cause, Trouble};
use crate::publish::cloud_event::EventKind;
use crate::store::{MessageProperties, OutboxMessage};

/// The library's handle.
#[derive(Clone, Debug)]
pub struct Client(AsyncClient);

/// Nothing is sent before [`poll`].
pub fn open(plan: &Plan<'_>) -> (Client, EventLoop) {
    let (client, event_loop) = AsyncClient::builder(options(plan)).capacity(REQUEST_CAPACITY).build();
    (Client(client), event_loop)
}

impl Client {
    pub fn publish(&self, message: &OutboxMessage, events: mpsc::Sender<LinkEvent>) -> Result<(), Trouble> {
        let options = PublishOptions::new(QoS::AtLeastOnce).retain(message.retain).properties(properties(message));
        let notice = self
            .0
            .try_publish_tracked(message.topic.as_str(), message.payload.clone(), options)
            .map_err(|error| client_error(&error))?;
        let id = message.event_id.clone();
        tokio::spawn(async move {
            let fate = match notice.wait_async().await {
                Ok(PublishResult::Qos1(ack)) => puback(ack.reason),
                // The link was lost: whoever owns it knows, and this message is sent again on the next.
                Err(PublishNoticeError::Recv | PublishNoticeError::SessionReset) => return,
                Ok(_) => Ok(()),
                Err(PublishNoticeError::RetainNotSupported) => Err(Cause::RetainNotSupported.into()),
                Err(error) => Err(Trouble::new(Cause::Client, error)),
            };
            let _ = events.send(LinkEvent::Published(id, fate)).await;
        });
        Ok(())
    }

    pub fn publish_once(&self, message: &OutboxMessage) -> Result<(), Trouble> {
        let options = PublishOptions::new(QoS::AtMostOnce).retain(message.retain).properties(properties(message));
        self.0
            .try_publish(message.topic.as_str(), message.payload.clone(), options)
            .map_err(|error| client_error(&error))
    }

    pub fn subscribe(&self, filter: &str, events: mpsc::Sender<LinkEvent>) -> Result<(), Trouble> {
        let notice = self.0.try_subscribe_tracked(filter, QoS::AtLeastOnce).map_err(|error| client_error(&error))?;
        tokio::spawn(async move {
            let event = match notice.wait_completion_async().await {
                Ok(()) => LinkEvent::Subscribed,
                Err(SubscribeNoticeError::V5SubAckFailure(reasons)) => LinkEvent::SubscriptionRefused(suback(&reasons)),
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
    let mut packet =
        Publish::new(message.topic.as_str(), QoS::AtLeastOnce, message.payload.clone(), Some(properties(message)));
    packet.pkid = 1;
    packet.size()
}

/// Polls until the first error; the owner decides when the next link is built.
pub async fn poll(mut event_loop: EventLoop, mut outlet: Outlet) {
    loop {
        let event = match event_loop.poll().await {
            Ok(Event::Incoming(packet)) => incoming(packet),
            Ok(_) => None,
            Err(ConnectionError::RequestsDone) => return outlet.end(None).await,
            Err(error) => {
                let outcome = outlet.outcome(outcome(&error));
                let mut trouble = outlet.of_tls(&error).unwrap_or_else(|| connection_error(&error));
                if outcome == Outcome::Mute && trouble.cause == Cause::ConnectionLost {
                    // As NATS does: its answer is one of MQTT 3.1.1, which is half an answer in MQTT 5.
                    trouble.detail = "perhaps it does not speak MQTT 5: mqtt.protocol".to_owned();
                }
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
        Packet::ConnAck(ConnAck { session_present, properties, .. }) => {
            let max_packet_size = properties.as_ref().and_then(|p| p.max_packet_size);
            Some(LinkEvent::Connected {
                session_present,
                max_packet_bytes: max_packet_size.and_then(|bytes| usize::try_from(bytes).ok()),
                receive_max: properties.as_ref().and_then(|p| p.receive_max),
            })
        }
        Packet::Publish(publish) => Some(LinkEvent::Message(message(publish))),
        _ => None,
    }
}

fn message(publish: Publish) -> Message {
    let given = publish.properties.unwrap_or_default();
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    Message {
        topic: text(&publish.topic),
        payload: publish.payload,
        properties: MessageProperties {
            user: given.user_properties,
            content_type: given.content_type.unwrap_or_default(),
            response_topic: given.response_topic,
            correlation_data: given.correlation_data.as_ref().map(text),
        },
        retained: publish.retain,
    }
}

fn properties(message: &OutboxMessage) -> PublishProperties {
    let given = &message.properties;
    PublishProperties {
        // 1 promises UTF-8 (MQTT 5, 3.3.2.3.2)
        payload_format_indicator: (given.content_type == EventKind::Triage.content_type()).then_some(1),
        message_expiry_interval: message.expiry_secs,
        response_topic: given.response_topic.clone(),
        correlation_data: given.correlation_data.clone().map(Bytes::from),
        user_properties: given.user.clone(),
        content_type: Some(given.content_type.clone()),
        ..PublishProperties::default()
    }
}

fn options(plan: &Plan<'_>) -> MqttOptions {
    let Plan { connection, url, attempt, will } = plan;
    let mut options = MqttOptions::new(connection.client_id.clone(), Broker::tcp(url.host.clone(), url.port));
    options
        .set_keep_alive(u16::try_from(connection.keep_alive.as_secs()).unwrap_or(u16::MAX).max(1))
        .set_clean_start(false)
        .set_session_expiry_interval(Some(seconds(connection.session_expiry)))
        .set_session_store(OutboxOwnsDelivery)
        .set_max_packet_size(Some(MAX_INCOMING_BYTES))
        .set_connect_timeout(Duration::from_secs(3600));
    if let Some(attempt) = attempt {
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(attempt.config.clone())));
    }
    if let Some(credentials) = &connection.credentials {
        options.set_credentials(credentials.username.clone(), credentials.password.clone());
    }
    if let Some((message, delay)) = will {
        options.set_last_will(last_will(message, *delay));
    }
    options
}

fn last_will(message: &OutboxMessage, delay: Duration) -> LastWill {
    let properties = LastWillProperties {
        delay_interval: Some(seconds(delay)),
        payload_format_indicator: Some(1),
        message_expiry_interval: None,
        content_type: Some(message.properties.content_type.clone()),
        response_topic: None,
        correlation_data: None,
        user_properties: message.properties.user.clone(),
    };
    LastWill::new(message.topic.as_str(), message.payload.clone(), QoS::AtLeastOnce, message.retain, Some(properties))
}

fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

/// The library would not publish on a session that the broker resumed and it does not know, because packets of that
/// session might still be unacknowledged. Ours are in the outbox and are sent again with new packet ids (MQTT 5
/// 4.4: for QoS 1 the receiver keeps nothing), so an empty session is the truth. What the broker's session is kept for
/// is the other direction: acknowledgements by clinics that came while the device was away.
#[derive(Debug)]
struct OutboxOwnsDelivery;

type Answer<'a, T> = std::pin::Pin<Box<dyn Future<Output = Result<T, SessionStoreError>> + Send + 'a>>;

impl SessionStore for OutboxOwnsDelivery {
    fn load<'a>(&'a self, key: &'a SessionStoreKey) -> Answer<'a, Option<PersistedSession>> {
        let session = PersistedSession {
            format_version: 1,
            client_id: key.client_id().to_owned(),
            clean_start: false,
            session_expiry_interval: None,
            outgoing_inflight_upper_limit: None,
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
