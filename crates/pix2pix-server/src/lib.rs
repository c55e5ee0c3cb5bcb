//! A page to draw on and an API to build on, for trained pix2pix generators.
//!
//! [`models`] are what is served, [`queue`] is where pictures wait for the one thread that translates, [`api`] is what
//! programs call, [`page`] what people see, and [`server`] listens.

pub mod api;
mod encoding;
pub mod metrics;
pub mod models;
pub mod page;
mod palette;
pub mod problem;
pub mod queue;
pub mod server;
pub mod settings;

pub use models::Models;
pub use server::Server;
pub use settings::Settings;
