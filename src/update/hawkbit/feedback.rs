//! What the device tells about an action, as the DDI API reads it. Pure.

use serde::Serialize;

/// Longest message that hawkBit keeps, characters.
const LONGEST_DETAIL: usize = 500;

/// `status.execution`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Execution {
    /// The action has ended.
    Closed,
    /// It goes on.
    Proceeding,
    /// A cancellation was not accepted.
    Rejected,
    /// The download begins.
    Download,
    /// The download is whole.
    Downloaded,
}

/// `status.result.finished`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Finished {
    /// Not ended.
    None,
    /// Ended well.
    Success,
    /// Ended badly.
    Failure,
}

/// What the device tells about an action. It names no time: the server's own is nearer to the truth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// Where it stands.
    pub execution: Execution,
    /// How it ended.
    pub finished: Finished,
    /// In words, a line each.
    pub details: Vec<String>,
}

impl Feedback {
    /// On the way.
    pub fn on_the_way(execution: Execution, detail: impl Into<String>) -> Self {
        Self { execution, finished: Finished::None, details: vec![detail.into()] }
    }

    /// The end.
    pub fn closed(success: bool, details: &[String]) -> Self {
        let finished = if success { Finished::Success } else { Finished::Failure };
        Self { execution: Execution::Closed, finished, details: details.to_vec() }
    }

    /// As the server reads it, of any of its versions: older ones want the number in it.
    pub fn json(&self, action: &str) -> serde_json::Value {
        let details: Vec<String> =
            self.details.iter().map(|line| line.chars().take(LONGEST_DETAIL).collect()).collect();
        serde_json::json!({
            "id": action,
            "status": { "execution": self.execution, "result": { "finished": self.finished }, "details": details },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feedback_has_the_form_of_the_api_and_no_line_that_the_server_would_cut() {
        let feedback = Feedback::closed(false, &["x".repeat(900)]);
        let json = feedback.json("8");
        assert_eq!(json["status"]["execution"], "closed");
        assert_eq!(json["status"]["result"]["finished"], "failure");
        assert_eq!(json["status"]["details"][0].as_str().map(str::len), Some(LONGEST_DETAIL));
        let begun = Feedback::on_the_way(Execution::Download, "0.2.0").json("8");
        assert_eq!((&begun["id"], &begun["status"]["result"]["finished"]), (&"8".into(), &"none".into()));
    }
}
