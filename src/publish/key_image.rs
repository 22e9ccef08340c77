//! The key image: the slice on which a suspicion rests, as a message of its own beside the verdict. Pure.
//!
//! A square grey PNG in the networks' window: the whole matrix, scaled to the side of the network's input. Nothing is drawn
//! on it; the box stands in the alert, in pixels of the matrix. Sent when the best slice of the first finding is another than
//! that of the revision before, after the verdict, and retained like it, so that a clinic that connects later sees it.

use super::cloud_event::{CloudEvent, EventKind};
use super::events::VerdictContext;
use super::{Limits, Topics, rfc3339};
use crate::store::{MessagePriority, NextRevision, OutboxMessage};
use crate::triage::{Assessment, Verdict};

/// CloudEvents extension attribute: `slice_key` of the finding that the picture belongs to.
pub const SLICE_KEY: &str = "slicekey";

/// A slice as a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyImage {
    /// Which slice.
    pub slice_key: String,
    /// Rows and columns.
    pub side: u32,
    /// Grey values, row by row.
    pub grey: Vec<u8>,
}

/// Event id of the key image that belongs to a verdict.
pub fn image_id(event_id: &str) -> String {
    format!("{event_id}-image")
}

/// The message, where this revision rests on another slice than the one before and its picture is at hand.
pub fn message(
    next: &NextRevision,
    now: &Assessment,
    topics: &Topics,
    limits: &Limits,
    context: &VerdictContext,
) -> Option<OutboxMessage> {
    let wanted = best_slice(now)?;
    let before = next.previous.as_ref().and_then(|told| best_slice(&told.assessment));
    let image = context.key_image.as_ref().filter(|image| image.slice_key == wanted && before != Some(wanted))?;
    let payload = png(image).map_err(|error| tracing::warn!("the key image cannot be written: {error}")).ok()?;
    let event = CloudEvent {
        id: image_id(&next.event_id),
        source: topics.source(),
        kind: EventKind::Image,
        time: context.clock_trusted.then(|| rfc3339(context.at)),
        subject: Some(next.study_key.clone()),
    };
    let mut properties = event.properties();
    properties.user.push((SLICE_KEY.to_owned(), wanted.to_owned()));
    Some(OutboxMessage {
        properties,
        event_id: event.id,
        topic: topics.image(&next.study_key),
        payload,
        retain: true,
        expiry_secs: Some(limits.expiry_secs),
        priority: MessagePriority::Other,
    })
}

fn best_slice(assessment: &Assessment) -> Option<&str> {
    let finding = assessment.findings.first().filter(|_| assessment.verdict == Verdict::Suspected)?;
    Some(&finding.best_slice.slice_key)
}

fn png(image: &KeyImage) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, image.side, image.side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    encoder.write_header()?.write_image_data(&image.grey)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::super::samples::{at, context, none_suspected, suspected, topics};
    use super::*;
    use crate::store::{SeriesAssessment, ToldVerdict};
    use crate::triage::Level;

    const SIDE: u32 = 256;

    fn of(now: &Assessment, previous: Option<&Assessment>, slice_key: &str) -> Option<OutboxMessage> {
        let told = previous.map(|assessment| ToldVerdict {
            study_key: "k".into(),
            revision: 1,
            event_id: "k-1".into(),
            supersedes: None,
            assessment: assessment.clone(),
            committed_at: at(),
            acknowledged: None,
        });
        let next = NextRevision {
            study_key: "k".into(),
            revision: 2,
            event_id: "k-2".into(),
            previous: told,
            series: vec![SeriesAssessment { series_key: "s".into(), assessment: now.clone() }],
            alert: None,
        };
        // as noisy as a picture can be
        let grey = (0..SIDE * SIDE).map(|i| u8::try_from(i.wrapping_mul(2_654_435_761) >> 24).unwrap()).collect();
        let key_image = Some(KeyImage { slice_key: slice_key.into(), side: SIDE, grey });
        message(&next, now, &topics(), &Limits::default(), &VerdictContext { key_image, ..context() })
    }

    fn best(assessment: &Assessment) -> &str {
        &assessment.findings[0].best_slice.slice_key
    }

    #[test]
    fn a_suspicion_is_shown_by_its_best_slice_in_a_message_of_its_own() {
        let now = suspected(&[Level::C2]);
        let message = of(&now, None, best(&now)).unwrap();
        assert_eq!(message.topic, "spinewatch/v1/north/ct-2/image/k");
        assert_eq!((message.event_id.as_str(), message.retain), ("k-2-image", true));
        assert_eq!(message.properties.content_type, "image/png");
        assert!(message.properties.user.contains(&(SLICE_KEY.into(), best(&now).into())));
        let mut reader = png::Decoder::new(std::io::Cursor::new(&message.payload)).read_info().unwrap();
        let mut grey = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut grey).unwrap();
        assert_eq!((frame.width, frame.height, frame.color_type), (SIDE, SIDE, png::ColorType::Grayscale));
        for protocol in [super::super::Protocol::V5, super::super::Protocol::V311] {
            assert!(super::super::client::packet_bytes(&message, protocol) <= Limits::default().max_packet_bytes);
        }
    }

    #[test]
    fn it_is_sent_once_for_a_slice_and_only_with_a_suspicion() {
        let now = suspected(&[Level::C2]);
        assert_eq!(of(&now, Some(&now), best(&now)), None, "the clinic has it");
        assert_eq!(of(&now, None, "another"), None, "never the picture of another slice");
        assert_eq!(of(&none_suspected(), Some(&now), best(&now)), None);
        let mut before = now.clone();
        before.findings[0].best_slice.slice_key = "earlier".into();
        assert!(of(&now, Some(&before), best(&now)).is_some());
    }
}
