//! Quality of models and runs: evaluation on a data set, reports that compare runs, and TensorBoard event files.

pub(crate) mod evaluate;
pub(crate) mod html;
pub(crate) mod tensorboard;

pub use evaluate::{Evaluated, Evaluation, Learned, PictureScores, evaluate};
pub use html::{write, write_csv};
pub use tensorboard::TensorBoard;
