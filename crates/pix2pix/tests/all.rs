//! Most tests of this crate, as one program, which is linked once. The others run with other features too, count this process's
//! memory, or read its sources.

mod coarse_to_fine;
mod data;
mod examples;
mod gaps;
mod import;
mod networks;
mod onnx;
mod options;
mod pictures;
mod plan;
mod precision;
mod quality;
mod shifts;
mod tensors;
mod tiles;
mod volumes;
