//! The head of a device's audit trail, kept by the clinic: a trail that goes back was cut or written anew. Pure.
//!
//! Takes in `audit_head` of the health messages; hands on words for a person. What a broker has kept may be old and
//! accuses nobody.

use crate::store::Head;

/// See the module.
#[derive(Debug, Default)]
pub struct Anchor {
    newest: Option<Head>,
    words: Option<String>,
}

impl Anchor {
    /// A health message says that the trail ends with `head`; `retained` when the broker had kept that message.
    pub fn hear(&mut self, head: &str, retained: bool) {
        let Ok(head) = head.parse::<Head>() else { return };
        if let Some(before) = self.newest {
            let went_back = head.sequence < before.sequence;
            if retained && went_back {
                return;
            }
            if went_back {
                self.warn(&format!("its audit trail went back from entry {} to {}", before.sequence, head.sequence));
            } else if head.sequence == before.sequence && head.hash != before.hash {
                self.warn(&format!("entry {} of its audit trail was written anew", head.sequence));
            }
        }
        self.newest = Some(head);
    }

    /// What is wrong with the trail; it stays said.
    pub fn words(&self) -> Option<&str> {
        self.words.as_deref()
    }

    fn warn(&mut self, what: &str) {
        self.words = Some(format!("{what}: run `spinewatch audit verify` there"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(sequence: u64, digit: char) -> String {
        format!("{sequence}:{}", digit.to_string().repeat(64))
    }

    fn after(heads: &[(u64, char, bool)]) -> Option<String> {
        let mut anchor = Anchor::default();
        heads.iter().for_each(|(sequence, digit, retained)| anchor.hear(&head(*sequence, *digit), *retained));
        anchor.words().map(str::to_owned)
    }

    #[test]
    fn a_trail_that_grows_or_stands_is_right() {
        assert_eq!(after(&[(3, 'a', true), (3, 'a', false), (7, 'b', false), (7, 'b', false)]), None);
    }

    #[test]
    fn a_trail_that_goes_back_is_told_and_stays_told() {
        let words = after(&[(120, 'a', false), (3, 'b', false), (4, 'c', false)]);
        assert_eq!(
            words.as_deref(),
            Some("its audit trail went back from entry 120 to 3: run `spinewatch audit verify` there")
        );
    }

    #[test]
    fn a_last_entry_that_was_written_anew_is_told() {
        let words = after(&[(120, 'a', false), (120, 'b', false)]);
        assert!(words.is_some_and(|words| words.starts_with("entry 120 of its audit trail was written anew")));
    }

    #[test]
    fn what_another_broker_has_kept_from_before_accuses_nobody() {
        assert_eq!(after(&[(120, 'a', false), (90, 'b', true), (121, 'c', false)]), None);
    }

    #[test]
    fn what_is_no_head_is_passed_over() {
        let mut anchor = Anchor::default();
        ["", "x", "5:abc"].iter().for_each(|text| anchor.hear(text, false));
        assert_eq!(anchor.words(), None);
    }
}
