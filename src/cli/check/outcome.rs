//! What a look at a part of the device gives: that it is good, or what is wrong and what to do, in one line.

use std::fmt;

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

/// Something that is not as it should be. There is none without a cure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ill {
    /// What is wrong, on which thing.
    pub what: String,
    /// What to do.
    pub cure: String,
}

impl Ill {
    /// Both in words.
    pub fn new(what: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { what: what.into(), cure: cure.into() }
    }
}

impl fmt::Display for Ill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.cure)
    }
}

/// Good, and how; or what to do.
pub type Outcome = Result<String, Ill>;

/// A part of the device and how it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name, one word.
    pub name: &'static str,
    /// How it is.
    pub outcome: Outcome,
}

impl Part {
    /// A part that was looked at.
    pub const fn new(name: &'static str, outcome: Outcome) -> Self {
        Self { name, outcome }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Ok(words) => write!(f, "  good  {:<11} {words}", self.name),
            Err(ill) => write!(f, "  BAD   {:<11} {ill}", self.name),
        }
    }
}

/// As `{ "part", "good", "words" }` or `{ "part", "good", "what", "cure" }`.
impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut words = serializer.serialize_struct("Part", 4)?;
        words.serialize_field("part", self.name)?;
        words.serialize_field("good", &self.outcome.is_ok())?;
        match &self.outcome {
            Ok(good) => words.serialize_field("words", good)?,
            Err(ill) => {
                words.serialize_field("what", &ill.what)?;
                words.serialize_field("cure", &ill.cure)?;
            }
        }
        words.end()
    }
}

/// The last line: all is well, or which parts are not.
pub fn summary(parts: &[Part]) -> String {
    let mut ill: Vec<&str> = parts.iter().filter(|part| part.outcome.is_err()).map(|part| part.name).collect();
    ill.dedup();
    match ill.len() {
        0 => format!("all {} parts are good", parts.len()),
        count => format!("{count} of {} parts need attention: {}", parts.len(), ill.join(", ")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;

    #[test]
    fn an_ill_part_is_one_line_with_its_cure() {
        let part = Part::new("slot", Err(Ill::new("slot B runs", "install again")));
        assert_eq!(part.to_string(), "  BAD   slot        slot B runs; install again");
        let json = serde_json::to_string(&part).unwrap();
        assert_eq!(json, r#"{"part":"slot","good":false,"what":"slot B runs","cure":"install again"}"#);
        let good = Part::new("clock", Ok("set".into()));
        assert_eq!(serde_json::to_string(&good).unwrap(), r#"{"part":"clock","good":true,"words":"set"}"#);
        assert_eq!(summary(&[part, good.clone()]), "1 of 2 parts need attention: slot");
        assert_eq!(summary(&[good]), "all 1 parts are good");
    }
}
