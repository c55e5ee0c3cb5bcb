//! Pictures of results and of networks: contact sheets and plots.

pub mod contact_sheet;
pub mod plot;
pub(crate) mod raster;
