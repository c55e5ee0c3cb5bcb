//! Draws results (contact sheets) and networks (plots).

pub mod contact_sheet;
pub mod plot;
pub(crate) mod raster;
