//! The edge between the product and whatever runs a network: tract on the processor, or an accelerator.

use crate::inference::Package;

/// Turns a verified package into something that runs.
pub trait Engine {
    /// One word for reports: `tract`.
    fn name(&self) -> &'static str;

    /// Prepares the network of a package. Golden cases are not run here; see `selftest`.
    ///
    /// # Errors
    /// When the network cannot be read, keeps values outside the package, or does not have the manifest's shapes.
    fn load(&self, package: &Package) -> Result<Box<dyn Model>, EngineError>;
}

/// A network with the working memory of one thread; the weights are shared between forks.
pub trait Model: Send {
    /// Runs one image. `image` is N x C x H x W as the manifest says, `metadata` is given exactly when the manifest
    /// has that input. The result is the manifest's outputs one after the other, row by row, every value finite.
    ///
    /// # Errors
    /// When the engine fails or an output is not finite.
    fn run(&mut self, image: &[f32], metadata: Option<&[f32]>) -> Result<Vec<f32>, EngineError>;

    /// The same network for another thread.
    fn fork(&self) -> Box<dyn Model>;

    /// Where the nodes of the network run, in a few words; `None` where that is not known or goes without saying.
    fn whereabouts(&self) -> Option<String> {
        None
    }
}

/// Why a network does not load or run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// Not ONNX, or broken.
    #[error("model is not readable as ONNX ({0}); export it again")]
    Unreadable(String),
    /// Weights in another file: they would not be covered by what was verified.
    #[error("model tensor {0:?} keeps its values in another file (external data); export the model as one file")]
    ExternalData(String),
    /// The network and its manifest disagree.
    #[error("{what} is {found} in the model but {wanted} in package.toml; correct the manifest or export again")]
    Shape {
        /// Which input or output.
        what: String,
        /// In the model.
        found: String,
        /// In the manifest.
        wanted: String,
    },
    /// An operator or a combination that this engine does not know.
    #[error("engine cannot prepare the model ({0})")]
    Unsupported(String),
    /// The engine failed on one image.
    #[error("engine failed on an image ({0})")]
    Run(String),
    /// The output is not what an output can be.
    #[error("model gave {0}")]
    Output(String),
}
