//! An HTTP server for trained pix2pix generators: a web page to draw on, and an API.
//!
//! [`models`] loads the models, [`queue`] holds the pictures that wait for the single translation thread, [`api`] has
//! the routes of the API, [`page`] the files of the web page, and [`server`] listens for connections. The limits are in
//! [`connections`], [`uploads`] and [`memory`].

pub mod api;
mod client;
pub mod connections;
mod encoding;
pub mod memory;
pub mod metrics;
pub mod models;
pub mod page;
mod palette;
pub mod problem;
pub mod queue;
pub mod server;
pub mod settings;
pub mod uploads;

pub use models::Models;
pub use server::{BindError, Server};
pub use settings::Settings;
