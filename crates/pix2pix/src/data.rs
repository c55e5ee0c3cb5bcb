//! Pictures and pairs: find, read, check, augment and load them.
//!
//! Read [`Picture`] and [`Dataset`] first. One call opens a data set, whether it is a folder, a manifest or an archive.
//! It loads [`Pair`]s:
//!
//! ```
//! use pix2pix::data::earth;
//!
//! let data = earth::earth();
//! let pair = data.train().load(0)?;
//! assert_eq!(pair.source.size(), [256, 256]);
//! # Ok::<(), pix2pix::Error>(())
//! ```

pub(crate) mod cache;
pub(crate) mod dataset;
pub(crate) mod depth;
pub(crate) mod domain;
#[cfg(feature = "download")]
pub(crate) mod download;
pub mod earth;
pub(crate) mod jitter;
pub(crate) mod loader;
pub(crate) mod pad;
pub mod pair;
pub mod picture;
pub(crate) mod prepare;
pub(crate) mod resize;

pub use cache::CacheKind;
pub use dataset::leakage::{Duplicate, duplicates};
pub use dataset::store::Store;
pub use dataset::survey;
pub use dataset::{Dataset, Options, Pairs};
pub use depth::Depth;
pub use domain::Domain;
#[cfg(feature = "download")]
pub use download::{ADDRESS, DATASETS, PublicDataset, fetch, sha256, unpack};
pub use jitter::{InvalidSize, JitterConfig, ResizePolicy, Size};
pub use pair::{Direction, Pair};
pub use picture::{Format, Header, Picture, Samples};
pub use prepare::{Task, side_by_side, sized};
pub use resize::resize;
