//! What the MQTT 5 client library says in; why, as a [`Trouble`], out. Pure.

use rumqttc::mqttbytes::Error as MqttError;
use rumqttc::mqttbytes::v5::{ConnectReturnCode, DisconnectReasonCode, PubAckReason, SubscribeReasonCode};
use rumqttc::{ClientError, ConnectionError, StateError, TlsError};

use super::route::Outcome;
use crate::publish::cause::{Cause, Trouble};

/// As in a DISCONNECT (MQTT 5, 2.4).
const PACKET_TOO_LARGE: u8 = 0x95;

/// How an attempt ended that was not accepted.
pub fn outcome(error: &ConnectionError) -> Outcome {
    match error {
        ConnectionError::ConnectionRefused(ConnectReturnCode::UnsupportedProtocolVersion) => Outcome::NotSpoken,
        ConnectionError::ConnectionRefused(_) => Outcome::Refused,
        ConnectionError::MqttState(error) if is_hang_up(error) => Outcome::Mute,
        _ => Outcome::Gone,
    }
}

const fn is_hang_up(error: &StateError) -> bool {
    matches!(error, StateError::ConnectionAborted | StateError::Io(_) | StateError::Deserialization(MqttError::Io(_)))
}

pub fn puback(reason: PubAckReason) -> Result<(), Trouble> {
    let cause = match reason {
        PubAckReason::Success | PubAckReason::NoMatchingSubscribers => return Ok(()),
        PubAckReason::NotAuthorized => Cause::NotAuthorized,
        PubAckReason::QuotaExceeded => Cause::QuotaExceeded,
        PubAckReason::PayloadFormatInvalid => Cause::PayloadRefused,
        PubAckReason::TopicNameInvalid => Cause::TopicRefused,
        PubAckReason::PacketIdentifierInUse => Cause::ProtocolError,
        PubAckReason::UnspecifiedError | PubAckReason::ImplementationSpecificError => Cause::Refused,
    };
    Err(cause.into())
}

pub fn suback(reasons: &[SubscribeReasonCode]) -> Trouble {
    let cause = match reasons.first() {
        Some(SubscribeReasonCode::NotAuthorized) => Cause::NotAuthorized,
        Some(SubscribeReasonCode::QuotaExceeded) => Cause::QuotaExceeded,
        Some(SubscribeReasonCode::TopicFilterInvalid) => Cause::TopicRefused,
        _ => Cause::Refused,
    };
    Trouble::new(cause, "the subscription to acknowledgements")
}

pub fn client_error(error: &ClientError) -> Trouble {
    Trouble::new(Cause::Client, error)
}

pub fn connection_error(error: &ConnectionError) -> Trouble {
    match error {
        ConnectionError::ConnectionRefused(code)
        | ConnectionError::MqttState(StateError::ConnFail { reason: code }) => connack(*code),
        ConnectionError::MqttState(error) => state_error(error),
        ConnectionError::Timeout(_) => Cause::NoAnswer.into(),
        ConnectionError::Tls(TlsError::Io(error)) | ConnectionError::Io(error) => Trouble::of_io(error),
        ConnectionError::Tls(error) => Trouble::new(Cause::TlsHandshake, error),
        ConnectionError::NotConnAck(_) => Trouble::new(Cause::ProtocolError, "the first packet is no CONNACK"),
        other => Trouble::new(Cause::Client, other),
    }
}

fn connack(code: ConnectReturnCode) -> Trouble {
    use ConnectReturnCode as Code;
    let cause = match code {
        Code::BadUserNamePassword | Code::BadAuthenticationMethod => Cause::BadCredentials,
        Code::NotAuthorized => Cause::NotAuthorized,
        Code::Banned => Cause::Banned,
        Code::BadClientId | Code::ClientIdentifierNotValid => Cause::ClientIdRefused,
        Code::RefusedProtocolVersion | Code::UnsupportedProtocolVersion => Cause::ProtocolNotSupported,
        Code::ServiceUnavailable | Code::ServerUnavailable => Cause::ServerUnavailable,
        Code::ServerBusy => Cause::ServerBusy,
        Code::UseAnotherServer | Code::ServerMoved => Cause::ServerMoved,
        Code::ConnectionRateExceeded => Cause::ConnectionRateExceeded,
        Code::QuotaExceeded => Cause::QuotaExceeded,
        Code::PacketTooLarge => Cause::PacketTooLarge,
        Code::TopicNameInvalid => Cause::TopicRefused,
        Code::PayloadFormatInvalid => Cause::PayloadRefused,
        Code::RetainNotSupported => Cause::RetainNotSupported,
        Code::QoSNotSupported => Cause::QosNotSupported,
        Code::MalformedPacket | Code::ProtocolError => Cause::ProtocolError,
        Code::Success | Code::UnspecifiedError | Code::ImplementationSpecificError => Cause::Refused,
    };
    cause.into()
}

fn state_error(error: &StateError) -> Trouble {
    match error {
        StateError::ServerDisconnect { reason_code, reason_string } => {
            Trouble { cause: disconnect(*reason_code), detail: reason_string.clone().unwrap_or_default() }
        }
        StateError::Io(error) | StateError::Deserialization(MqttError::Io(error)) => Trouble::of_io(error),
        // mosquitto 2.0 says this in a PUBACK, where MQTT 5 has no such reason, and the library hangs up.
        StateError::Deserialization(MqttError::InvalidConnectReturnCode(PACKET_TOO_LARGE)) => {
            Cause::PacketTooLarge.into()
        }
        StateError::ConnectionAborted => Cause::ConnectionLost.into(),
        StateError::AwaitPingResp => Trouble::new(Cause::NoAnswer, "no answer to a ping"),
        StateError::OutgoingPacketTooLarge { pkt_size, max } => {
            Trouble::new(Cause::PacketTooLarge, format!("{pkt_size} bytes, the limit is {max}"))
        }
        StateError::RetainNotSupported => Cause::RetainNotSupported.into(),
        StateError::Unsolicited(_)
        | StateError::Deserialization(_)
        | StateError::ProtocolViolation(_)
        | StateError::IncomingPacketTooLarge { .. } => Trouble::new(Cause::ProtocolError, error),
        other => Trouble::new(Cause::Client, other),
    }
}

fn disconnect(code: DisconnectReasonCode) -> Cause {
    use DisconnectReasonCode as Code;
    match code {
        Code::NormalDisconnection | Code::DisconnectWithWillMessage | Code::MaximumConnectTime => Cause::ConnectionLost,
        Code::NotAuthorized => Cause::NotAuthorized,
        Code::ServerBusy => Cause::ServerBusy,
        Code::ServerShuttingDown => Cause::ServerShuttingDown,
        Code::KeepAliveTimeout => Cause::KeepAliveTimeout,
        Code::SessionTakenOver => Cause::SessionTakenOver,
        Code::TopicFilterInvalid | Code::TopicNameInvalid | Code::TopicAliasInvalid => Cause::TopicRefused,
        Code::PacketTooLarge => Cause::PacketTooLarge,
        Code::MessageRateTooHigh | Code::ReceiveMaximumExceeded => Cause::MessageRateTooHigh,
        Code::QuotaExceeded => Cause::QuotaExceeded,
        Code::AdministrativeAction => Cause::AdministrativeAction,
        Code::PayloadFormatInvalid => Cause::PayloadRefused,
        Code::RetainNotSupported => Cause::RetainNotSupported,
        Code::QoSNotSupported => Cause::QosNotSupported,
        Code::UseAnotherServer | Code::ServerMoved => Cause::ServerMoved,
        Code::ConnectionRateExceeded => Cause::ConnectionRateExceeded,
        Code::MalformedPacket | Code::ProtocolError => Cause::ProtocolError,
        _ => Cause::Refused,
    }
}
