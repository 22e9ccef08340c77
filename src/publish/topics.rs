//! The topics: `spinewatch/v1/<site>/<device>/...`. Site and device in, topic names out.

/// Version of the topic tree and the payloads.
const ROOT: &str = "spinewatch/v1";

/// Longest site or device name.
const MAX_NAME: usize = 32;

/// Topic names of one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    site: String,
    device: String,
}

/// A name that cannot stand in a topic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot be part of a topic: 1 to 32 of the characters a-z, A-Z, 0-9, `-`, `_`, `.`")]
pub struct InvalidName(pub String);

impl Topics {
    /// Checks both names: they stand in topics, in event sources and in every payload, so they are short and plain.
    ///
    /// # Errors
    /// [`InvalidName`] with the name that does not fit.
    pub fn new(site: &str, device: &str) -> Result<Self, InvalidName> {
        let fits = |name: &str| {
            (1..=MAX_NAME).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        };
        match [site, device].into_iter().find(|name| !fits(name)) {
            Some(name) => Err(InvalidName(name.to_owned())),
            None => Ok(Self { site: site.to_owned(), device: device.to_owned() }),
        }
    }

    /// Second part of every topic.
    pub fn site(&self) -> &str {
        &self.site
    }

    /// Third part of every topic.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// CloudEvents `source` of everything that this device publishes.
    pub fn source(&self) -> String {
        format!("/{}", self.base())
    }

    /// Birth, online, degraded, offline; retained, and the last will.
    pub fn status(&self) -> String {
        self.under("status")
    }

    /// Health, every 30 s; retained.
    pub fn health(&self) -> String {
        self.under("health")
    }

    /// The current verdict of a study; retained.
    pub fn triage(&self, study_key: &str) -> String {
        self.under(&format!("triage/{study_key}"))
    }

    /// Suspected findings of a study; not retained.
    pub fn alert(&self, study_key: &str) -> String {
        self.under(&format!("alert/{study_key}"))
    }

    /// The slice on which a suspicion rests, as a picture; retained.
    pub fn image(&self, study_key: &str) -> String {
        self.under(&format!("image/{study_key}"))
    }

    /// Where a clinic acknowledges.
    pub fn ack(&self, study_key: &str) -> String {
        self.under(&format!("ack/{study_key}"))
    }

    /// That an acknowledgement was recorded; retained.
    pub fn acknowledged(&self, study_key: &str) -> String {
        self.under(&format!("acknowledged/{study_key}"))
    }

    /// Filter for the acknowledgements of all studies of this device.
    pub fn all_acks(&self) -> String {
        self.under("ack/+")
    }

    /// The study of an acknowledgement's topic, if it is one of this device.
    pub fn study_of_ack<'a>(&self, topic: &'a str) -> Option<&'a str> {
        let study_key = topic.strip_prefix(&self.under("ack/"))?;
        (!study_key.is_empty() && !study_key.contains('/')).then_some(study_key)
    }

    /// Filter for everything of every device.
    pub fn everything() -> String {
        format!("{ROOT}/#")
    }

    /// Filter for everything of the devices of one site, of one device, or of all.
    ///
    /// # Errors
    /// [`InvalidName`] with the name that does not fit.
    pub fn everything_of(site: Option<&str>, device: Option<&str>) -> Result<String, InvalidName> {
        Self::new(site.unwrap_or("any"), device.unwrap_or("any"))?;
        Ok(match (site, device) {
            (None, None) => Self::everything(),
            (site, device) => format!("{ROOT}/{}/{}/#", site.unwrap_or("+"), device.unwrap_or("+")),
        })
    }

    fn base(&self) -> String {
        format!("{ROOT}/{}/{}", self.site, self.device)
    }

    fn under(&self, rest: &str) -> String {
        format!("{}/{rest}", self.base())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn topics_are_those_of_the_table() {
        let topics = Topics::new("north", "ct-2").unwrap();
        assert_eq!(topics.status(), "spinewatch/v1/north/ct-2/status");
        assert_eq!(topics.alert("ab12"), "spinewatch/v1/north/ct-2/alert/ab12");
        assert_eq!(topics.study_of_ack("spinewatch/v1/north/ct-2/ack/ab12"), Some("ab12"));
        for other in
            ["spinewatch/v1/north/ct-1/ack/ab12", "spinewatch/v1/north/ct-2/ack/", "spinewatch/v1/north/ct-2/ack/a/b"]
        {
            assert_eq!(topics.study_of_ack(other), None, "{other}");
        }
    }

    #[test]
    fn a_clinic_may_listen_to_one_site_or_one_device() {
        let filter = |site, device| Topics::everything_of(site, device).unwrap();
        assert_eq!(filter(None, None), "spinewatch/v1/#");
        assert_eq!(filter(Some("north"), None), "spinewatch/v1/north/+/#");
        assert_eq!(filter(None, Some("ct-2")), "spinewatch/v1/+/ct-2/#");
        assert_eq!(Topics::everything_of(Some("#"), None), Err(InvalidName("#".into())));
    }

    #[test]
    fn a_name_with_a_wildcard_a_slash_or_a_space_is_refused() {
        for bad in ["", "a/b", "+", "#", "a b", "é", &"x".repeat(33)] {
            assert_eq!(Topics::new("north", bad), Err(InvalidName(bad.to_owned())));
            assert_eq!(Topics::new(bad, "ct"), Err(InvalidName(bad.to_owned())));
        }
    }
}
