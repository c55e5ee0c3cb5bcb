//! Draws results ([`contact_sheet`]) and networks ([`plot`]). Both need no other program: the typeface is inside the
//! library.
//!
//! ```
//! use pix2pix::data::{Domain, earth::earth};
//! use pix2pix::draw::{contact_sheet, plot};
//! use pix2pix::network::UnetConfig;
//!
//! let pair = earth().train.read(0)?;
//! let row = contact_sheet::Row::of(&pair, &pair.target, [Domain::RGB8; 2]);
//! let sheet = contact_sheet::draw("A perfect translation", &[row]);
//! assert!(sheet.width() > 3 * 256);
//!
//! let layers = UnetConfig::default().layers([3, 256, 256]);
//! assert!(plot::svg(&layers).contains("ConvTranspose2d"));
//! # Ok::<(), pix2pix::Error>(())
//! ```

#[cfg(feature = "report")]
pub(crate) mod chart;
pub mod contact_sheet;
mod layer_color;
pub mod plot;
mod plot_u;
pub(crate) mod raster;
mod shrunk;

pub use shrunk::shrunk;
