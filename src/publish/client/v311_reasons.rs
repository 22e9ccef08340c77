//! What the MQTT 3.1.1 client library says in; why, as a [`Trouble`], out. Pure. This version gives a reason for a refused
//! connection only: whatever else a broker does not like, it hangs up.

use rumqttc_v4::mqttbytes::Error as MqttError;
use rumqttc_v4::mqttbytes::v4::ConnectReturnCode;
use rumqttc_v4::{ClientError, ConnectionError, StateError, TlsError};

use super::route::Outcome;
use crate::publish::cause::{Cause, Trouble};

/// How an attempt ended that was not accepted.
pub fn outcome(error: &ConnectionError) -> Outcome {
    match error {
        ConnectionError::ConnectionRefused(ConnectReturnCode::RefusedProtocolVersion) => Outcome::NotSpoken,
        ConnectionError::ConnectionRefused(_) => Outcome::Refused,
        ConnectionError::MqttState(error) if is_hang_up(error) => Outcome::Mute,
        _ => Outcome::Gone,
    }
}

const fn is_hang_up(error: &StateError) -> bool {
    matches!(error, StateError::ConnectionAborted | StateError::Io(_) | StateError::Deserialization(MqttError::Io(_)))
}

pub fn client_error(error: &ClientError) -> Trouble {
    Trouble::new(Cause::Client, error)
}

/// `dots`: a topic of this device has a `.` in it. NATS hangs up on those, and cannot say so.
pub fn connection_error(error: &ConnectionError, dots: bool) -> Trouble {
    let trouble = match error {
        ConnectionError::ConnectionRefused(code) => connack(*code),
        ConnectionError::MqttState(StateError::Io(error) | StateError::Deserialization(MqttError::Io(error))) => {
            Trouble::of_io(error)
        }
        ConnectionError::MqttState(StateError::ConnectionAborted) => Cause::ConnectionLost.into(),
        ConnectionError::MqttState(StateError::AwaitPingResp) => Trouble::new(Cause::NoAnswer, "no answer to a ping"),
        ConnectionError::MqttState(error @ (StateError::Unsolicited(_) | StateError::Deserialization(_))) => {
            Trouble::new(Cause::ProtocolError, error)
        }
        ConnectionError::NetworkTimeout | ConnectionError::FlushTimeout => Cause::NoAnswer.into(),
        ConnectionError::Tls(TlsError::Io(error)) | ConnectionError::Io(error) => Trouble::of_io(error),
        ConnectionError::Tls(error) => Trouble::new(Cause::TlsHandshake, error),
        ConnectionError::NotConnAck(_) => Trouble::new(Cause::ProtocolError, "the first packet is no CONNACK"),
        other => Trouble::new(Cause::Client, other),
    };
    if dots && trouble.cause == Cause::ConnectionLost {
        Trouble::new(Cause::ConnectionLost, "NATS takes no `.` in a topic: see device.site and device.name")
    } else {
        trouble
    }
}

fn connack(code: ConnectReturnCode) -> Trouble {
    let cause = match code {
        ConnectReturnCode::BadUserNamePassword => Cause::BadCredentials,
        ConnectReturnCode::NotAuthorized => Cause::NotAuthorized,
        ConnectReturnCode::RefusedProtocolVersion => Cause::ProtocolNotSupported,
        ConnectReturnCode::BadClientId => Cause::ClientIdRefused,
        ConnectReturnCode::ServiceUnavailable => Cause::ServerUnavailable,
        ConnectReturnCode::Success => Cause::Refused,
    };
    cause.into()
}
