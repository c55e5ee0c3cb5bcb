//! The web page of a training (`pix2pix train --serve`), which always uses the newest checkpoint. What goes wrong with the page
//! never ends the training.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use pix2pix::{Error, RunConfig};
use pix2pix_server::settings::Words;
use pix2pix_server::{LiveTraining, Models, Settings};

use crate::failure::Failure;
use crate::flags;
use crate::output::tell;

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
        training: Arc<LiveTraining>,
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
            .spawn(move || {
                if let Err(e) = runtime.block_on(server.run()) {
                    tell(&format!("warning: the web page has ended: {e}"));
                }
            })
            .map_err(|e| super::no_threads(&e))?;
        Ok((Self { models }, page))
    }

    /// Loads the newest checkpoint of a run that is resumed, or returns a line that says why the page has none.
    pub fn resumed(&self) -> Option<String> {
        kept(self.models.reload())
    }

    /// Loads a checkpoint that the run has saved, or returns a line that says why the page keeps the one before.
    pub fn saved(&self, checkpoint: &Path) -> Option<String> {
        kept(self.models.replace_first(checkpoint))
    }
}

/// The line on a checkpoint that could not be loaded.
fn kept(loaded: Result<(), Error>) -> Option<String> {
    let reason = flags::named(&loaded.err()?.to_string());
    Some(format!(
        "warning: the web page cannot load the checkpoint, and keeps what it has: {reason}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_that_cannot_be_loaded_is_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("step_2.safetensors");
        std::fs::write(&file, "damaged").unwrap();
        let config = RunConfig::default();
        let paths = [folder.path().to_path_buf()];
        let live = Live {
            models: Arc::new(Models::new(&paths, config.device, config.precision)),
        };
        for warning in [live.saved(&file), live.resumed()] {
            let warning = warning.unwrap();
            assert!(
                warning.starts_with("warning: the web page cannot load the checkpoint"),
                "{warning}"
            );
        }
        // the model inside the program has a name here, too
        assert_eq!(live.saved(Path::new(pix2pix::model::built_in::NAME)), None);
        assert!(live.saved(&file).is_some());
        assert_eq!(live.models.all().len(), 1);
    }
}
