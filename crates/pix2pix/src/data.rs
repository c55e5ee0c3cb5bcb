//! Pictures and pairs: find, read, check, augment and load them.
//!
//! Read in this order:
//!
//! 1. [`Picture`], with any number of channels and 8, 16 or 32 bits; [`Pair`], a source and its target.
//! 2. [`Dataset`], which opens a folder, a manifest or an archive, and [`Pairs`], one split of it.
//! 3. [`JitterConfig`], the random crop and mirroring, and [`Pairs::batch`], the tensors of a training step.
//! 4. [`survey::checked`], which checks a data set before training.
//!
//! [`earth`](earth::earth) has 62 pairs inside the library:
//!
//! ```
//! use pix2pix::data::earth::earth;
//! use pix2pix::device::Device;
//!
//! let data = earth();
//! assert_eq!(data.train.len(), 54);
//! let pair = data.train.read(0)?;
//! assert_eq!(pair.source.size(), [256, 256]);
//!
//! let [source, target] = data.train.batch(0, 1, &Device::flex())?;
//! assert_eq!(source.dims(), [1, 3, 256, 256]);
//! assert_eq!(target.dims(), source.dims());
//! # Ok::<(), pix2pix::Error>(())
//! ```

pub(crate) mod cache;
mod copying;
pub(crate) mod dataset;
#[cfg(feature = "download")]
pub(crate) mod download;
pub mod earth;
mod gzip;
pub(crate) mod jitter;
pub(crate) mod loader;
pub mod pair;
pub mod path_text;
pub mod picture;
pub(crate) mod prepare;
pub(crate) mod probes;
pub mod sha256;
pub mod shift;

pub use cache::CacheKind;
pub use dataset::aligned::Aligned;
pub use dataset::classes::{self, Classes};
pub use dataset::digest::Change;
pub use dataset::incomplete::Incomplete;
pub use dataset::layout::places_of_pairs;
pub use dataset::leakage::{Duplicate, duplicates, leaked};
pub use dataset::passed_over::{self, PassedOver};
pub use dataset::store::Store;
pub use dataset::survey;
pub use dataset::values::{self, Values};
pub use dataset::{Dataset, Options, Pairs};
#[cfg(feature = "download")]
pub use download::{ADDRESS, DATASETS, PublicDataset, fetch, is_download, remove, unpack};
pub use jitter::{Colors, JitterConfig, ResizePolicy};
pub use pair::{Direction, Narrow, Pair};
pub use picture::{Format, Header, Pages, Picture, Samples};
pub use pix2pix_runtime::picture::labels;
pub use pix2pix_runtime::picture::nodata;
pub use pix2pix_runtime::picture::{
    Depth, Domain, InvalidSize, Labels, Nodata, Ranges, Size, resize,
};
pub use prepare::{PREPARED, Shared, Task, side_by_side, sized};
pub use probes::probes;
pub use shift::Shift;
