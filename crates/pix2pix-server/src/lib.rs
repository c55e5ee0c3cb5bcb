//! An HTTP server for trained pix2pix generators: a web page to draw on, and an API.
//!
//! [`models`] loads the models, [`queue`] holds the pictures that wait for the single translation thread, [`api`] has
//! the routes of the API, [`page`] the files of the web page, [`training`] what it tells of a training, and [`server`]
//! listens for connections. [`site`] writes the page for hosts of static files. The limits are in [`connections`],
//! [`uploads`], [`rate`] and [`memory`].

pub mod api;
mod app;
pub mod client;
pub mod connections;
mod encoding;
mod fingerprint;
mod log;
pub mod memory;
pub mod metrics;
pub mod models;
pub mod origin;
pub mod page;
mod palette;
pub mod problem;
pub mod queue;
pub mod rate;
pub mod server;
pub mod settings;
pub mod site;
mod tagged;
pub mod training;
mod unread;
pub mod uploads;

pub use models::Models;
pub use server::{Server, StartError};
pub use settings::Settings;
pub use training::LiveTraining;
