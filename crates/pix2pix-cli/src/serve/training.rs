//! The web page of a training (`pix2pix train --serve`), which always uses the newest checkpoint.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use pix2pix::{Error, RunConfig};
use pix2pix_server::settings::Words;
use pix2pix_server::{Models, Settings, Training};

use crate::failure::Failure;

/// A server that runs as long as the training does.
pub struct Live {
    models: Arc<Models>,
}

impl Live {
    /// Starts the server, without a model yet, and returns it with the page's address.
    pub fn start(
        listen: SocketAddr,
        run: &Path,
        config: &RunConfig,
        training: Arc<Training>,
    ) -> Result<(Self, String), Failure> {
        let paths = [run.to_path_buf()];
        let models = Arc::new(Models::new(&paths, config.device, config.precision));
        let settings = Settings {
            listen,
            words: Words {
                title: format!("pix2pix: {}", training.run()),
                ..Words::default()
            },
            ..Settings::default()
        };
        let server = super::bind(settings, models.clone(), Some(training))?;
        let page = super::page(&server)?;
        let runtime = super::runtime()?;
        std::thread::Builder::new()
            .name("serve".to_string())
            .spawn(move || runtime.block_on(server.run()))
            .map_err(|e| Failure::Runtime(format!("cannot start the server's thread: {e}")))?;
        Ok((Self { models }, page))
    }

    /// Loads the newest checkpoint of the run.
    pub fn saved(&self) -> Result<(), Error> {
        self.models.reload()
    }
}
