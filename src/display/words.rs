//! Takes in any text, hands on one line that is safe to draw: bounded, without control characters.
//!
//! Never drops text silently: what was cut ends in an ellipsis.

use std::sync::Arc;

/// One line of text for a screen, at most [`Words::LIMIT`] characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Words(Arc<str>);

impl Words {
    /// The longest line that every layout still shows legibly.
    pub const LIMIT: usize = 140;

    /// Control characters become spaces, runs of blanks one space; longer text is cut at a word and ends in `…`.
    pub fn new(text: &str) -> Self {
        Self::within(text, Self::LIMIT)
    }

    /// As [`Self::new`], with at most `limit` characters: for names.
    pub fn within(text: &str, limit: usize) -> Self {
        let clean: Vec<&str> =
            text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
        let clean = clean.join(" ");
        if clean.chars().count() <= limit {
            return Self(clean.into());
        }
        let head: String = clean.chars().take(limit.saturating_sub(1)).collect();
        let cut = head.rfind(' ').filter(|at| *at > head.len() / 2).unwrap_or(head.len());
        Self(format!("{}…", &head[..cut]).into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Words {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Words {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_line_says_that_it_was_cut() {
        let words = Words::new(&"word ".repeat(80));
        assert!(words.as_str().ends_with('…'));
        assert!(words.as_str().chars().count() <= Words::LIMIT);
    }

    #[test]
    fn control_characters_never_reach_a_screen() {
        assert_eq!(Words::new("share\r\n\x1b[31mlost\t now").as_str(), "share [31mlost now");
    }

    #[test]
    fn a_long_text_without_blanks_is_cut_between_characters() {
        assert_eq!(Words::new(&"é".repeat(500)).as_str().chars().count(), Words::LIMIT);
    }
}
