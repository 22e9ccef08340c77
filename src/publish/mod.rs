//! Topics, payload and the MQTT client.
