//! Quality of models and runs: evaluation on a data set, reports that compare runs, and TensorBoard event files.
//!
//! Read [`evaluate()`] first. [`write`](fn@write) compares run folders in one HTML file, [`write_csv`] in a table.
//!
//! ```no_run
//! use std::path::{Path, PathBuf};
//!
//! use pix2pix::data::earth::earth;
//! use pix2pix::report::{self, Measures};
//! use pix2pix::Translator;
//! use pix2pix::model::TranslateOptions;
//!
//! let translator = Translator::load("runs/earth")?;
//! let held_out = earth().val.expect("eight pairs");
//! let found = report::evaluate(
//!     "runs/earth".to_string(),
//!     &translator,
//!     ("val", &held_out),
//!     &Measures::default(),
//!     &TranslateOptions::default(),
//!     &mut |done| eprintln!("{done} of {}", held_out.len()),
//! )?;
//! println!("L1 {:.2} of 255", found.evaluation.means["l1"].mean);
//!
//! report::write(&[PathBuf::from("runs/earth")], Path::new("report.html"))?;
//! # Ok::<(), pix2pix::Error>(())
//! ```

#[cfg(feature = "report")]
pub mod charts;
#[cfg(feature = "report")]
pub(crate) mod evaluate;
#[cfg(feature = "report")]
pub(crate) mod html;
#[cfg(feature = "tensorboard")]
pub(crate) mod tensorboard;

#[cfg(feature = "report")]
pub use evaluate::{Evaluated, Evaluation, Measures, PictureScores, evaluate};
#[cfg(feature = "report")]
pub use html::{write, write_csv};
#[cfg(feature = "tensorboard")]
pub use tensorboard::TensorBoard;
