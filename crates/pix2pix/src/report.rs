//! Quality of models and runs: evaluation on a data set, reports that compare runs, and TensorBoard event files.

#[cfg(feature = "report")]
pub(crate) mod evaluate;
#[cfg(feature = "report")]
pub(crate) mod html;
#[cfg(feature = "tensorboard")]
pub(crate) mod tensorboard;

#[cfg(feature = "report")]
pub use evaluate::{Evaluated, Evaluation, Learned, PictureScores, evaluate};
#[cfg(feature = "report")]
pub use html::{write, write_csv};
#[cfg(feature = "tensorboard")]
pub use tensorboard::TensorBoard;
