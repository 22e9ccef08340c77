//! Where the nodes of a network ran, from the profile that ONNX Runtime writes.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

/// Nodes of one run by execution provider. What a provider fuses counts as one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Placement(BTreeMap<String, usize>);

#[derive(Deserialize)]
struct Event {
    cat: String,
    name: String,
    #[serde(default)]
    args: Args,
}

#[derive(Default, Deserialize)]
struct Args {
    provider: Option<String>,
}

impl Placement {
    /// Reads the profile of exactly one run; `None` when there is no node in it.
    pub fn read(profile: &str) -> Option<Self> {
        let events: Vec<Event> = serde_json::from_str(profile).ok()?;
        let kernels = events.into_iter().filter(|event| event.cat == "Node" && event.name.ends_with("_kernel_time"));
        let mut nodes = BTreeMap::new();
        for provider in kernels.filter_map(|event| event.args.provider) {
            *nodes.entry(provider).or_default() += 1;
        }
        (!nodes.is_empty()).then_some(Self(nodes))
    }

    /// Whether the provider ran any node.
    pub fn uses(&self, provider: &str) -> bool {
        self.0.contains_key(provider)
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (provider, nodes)) in self.0.iter().enumerate() {
            let comma = if number == 0 { "" } else { ", " };
            let plural = if *nodes == 1 { "" } else { "s" };
            write!(f, "{comma}{nodes} node{plural} on {provider}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_counted_once_by_provider() {
        let profile = r#"[
            {"cat":"Session","name":"model_run","args":{}},
            {"cat":"Node","name":"a_fence_before","args":{"op_name":"Conv"}},
            {"cat":"Node","name":"a_kernel_time","args":{"op_name":"Conv","provider":"XnnpackExecutionProvider"}},
            {"cat":"Node","name":"b_kernel_time","args":{"op_name":"Conv","provider":"XnnpackExecutionProvider"}},
            {"cat":"Node","name":"c_kernel_time","args":{"op_name":"Gemm","provider":"CPUExecutionProvider"}}
        ]"#;
        let placement = Placement::read(profile).unwrap_or_default();
        assert_eq!(placement.to_string(), "1 node on CPUExecutionProvider, 2 nodes on XnnpackExecutionProvider");
        assert!(placement.uses("XnnpackExecutionProvider") && !placement.uses("QNNExecutionProvider"));
    }

    #[test]
    fn a_profile_that_says_nothing_is_not_taken_for_no_nodes() {
        for profile in ["", "[", "[]", "{}", r#"[{"cat":"Session","name":"model_run"}]"#] {
            assert_eq!(Placement::read(profile), None, "{profile}");
        }
    }
}
