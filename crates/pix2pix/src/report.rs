//! Quality of models and runs: evaluation on a data set, reports that compare runs, and TensorBoard event files.
//!
//! Read [`evaluate()`] first. [`write`](fn@write) compares run folders in one HTML file, [`write_csv`] in a table. A
//! [`Gallery`] shows pictures with their scores, in a report or on a page of its own.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use pix2pix::data::earth::earth;
//! use pix2pix::report::{self, Measures, Reported};
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
//!     &mut |pair| {
//!         eprintln!("{}: PSNR {:?}", pair.scores.name, pair.scores.scores.map(|scores| scores.psnr));
//!         Ok::<(), pix2pix::Error>(())
//!     },
//! )?;
//! println!("L1 {:.2} of 255", found.evaluation.means["l1"].mean);
//!
//! let run = Reported::with_gallery(Path::new("runs/earth"), 1, &mut |_| {})?;
//! report::write(&[run], Path::new("report.html"))?;
//! # Ok::<(), pix2pix::Error>(())
//! ```

#[cfg(feature = "report")]
pub(crate) mod by_channel;
#[cfg(feature = "report")]
pub mod charts;
#[cfg(feature = "report")]
pub(crate) mod evaluate;
#[cfg(feature = "report")]
mod evaluation;
#[cfg(feature = "report")]
pub mod gallery;
#[cfg(feature = "report")]
pub(crate) mod html;
#[cfg(feature = "report")]
mod names;
#[cfg(feature = "report")]
mod outside;
#[cfg(feature = "report")]
mod page;
#[cfg(feature = "report")]
mod reading;
#[cfg(feature = "report")]
mod reported;
#[cfg(feature = "report")]
mod scores;
#[cfg(feature = "report")]
mod tally;
#[cfg(feature = "tensorboard")]
pub(crate) mod tensorboard;

#[cfg(feature = "report")]
pub use by_channel::ChannelScores;
#[cfg(feature = "report")]
pub use evaluate::{Measured, evaluate};
#[cfg(feature = "report")]
pub use evaluation::{Evaluated, Evaluation};
#[cfg(feature = "report")]
pub use gallery::Gallery;
#[cfg(feature = "report")]
pub use html::{NAME, is_of_one_run, is_report, write, write_csv};
#[cfg(feature = "report")]
pub use reported::Reported;
#[cfg(feature = "report")]
pub use scores::PictureScores;
#[cfg(feature = "report")]
pub use tally::Measures;
#[cfg(feature = "tensorboard")]
pub use tensorboard::TensorBoard;
