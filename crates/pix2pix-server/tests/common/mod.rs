//! Starts a server with small models in this process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use pix2pix::RunConfig;
use pix2pix::data::labels::{Class, Labels, Stored};
use pix2pix::data::picture::Depth;
use pix2pix::data::{Domain, JitterConfig, Size, earth};
use pix2pix::device::{DeviceName, Precision};
use pix2pix::model::{Checkpoint, TrainingScale};
use pix2pix::network::{GeneratorConfig, Init, PatchGanConfig, UnetConfig, WeightInit};
use pix2pix_server::server::Stop;
use pix2pix_server::{LiveTraining, Models, Server, Settings};
use tempfile::TempDir;

/// A running server; dropping it stops the server.
pub struct Served {
    pub url: String,
    pub stop: Stop,
    pub models: Arc<Models>,
    pub folder: TempDir,
    thread: Option<JoinHandle<()>>,
}

/// Gray pictures of a camera of 12 bits.
pub fn twelve_bits() -> Domain {
    Domain {
        channels: 1,
        depth: Depth::U16,
        range: [0.0, 4095.0].into(),
        ..Domain::RGB8
    }
}

/// Label maps of three classes: black water, gray without a name, white snow.
pub fn label_maps(stored: Stored) -> Domain {
    let class = |name: &str, level| Class {
        name: name.to_string(),
        color: [level; 3],
    };
    Domain::of_labels(Labels {
        stored,
        classes: vec![class("water", 0), class("", 128), class("snow", 255)],
    })
}

/// Writes an untrained model for pictures of `side` pixels, marked as step `step`, which also seeds its weights.
pub fn save_model(path: &Path, side: usize, step: u64, domains: [Domain; 2]) {
    save_model_of_slices(path, side, step, domains, 0);
}

/// As [`save_model`], whose source channels are slices with so many neighbors.
pub fn save_model_of_slices(
    path: &Path,
    side: usize,
    step: u64,
    [source, target]: [Domain; 2],
    neighbors: usize,
) {
    let size = Size::square(side as u32);
    let config = RunConfig {
        data: earth::NAME.to_string(),
        neighbors,
        scale: Some(TrainingScale {
            from: size,
            to: size,
        }),
        source: source.clone(),
        target: target.clone(),
        generator: GeneratorConfig::Unet(UnetConfig {
            in_channels: source.planes(),
            out_channels: target.planes(),
            filters: 4,
            depth: side.trailing_zeros() as usize,
            ..UnetConfig::default()
        }),
        discriminator: PatchGanConfig {
            source_channels: source.planes(),
            target_channels: target.planes(),
            filters: 1,
            ..PatchGanConfig::default()
        },
        jitter: JitterConfig {
            load_size: size,
            crop_size: size,
            ..JitterConfig::default()
        },
        ..RunConfig::default()
    };
    let device = DeviceName::Cpu.open(Precision::F32).unwrap();
    let generator = config
        .generator
        .init_with(&mut WeightInit::generator(step), &device)
        .unwrap();
    let discriminator = config
        .discriminator
        .init_with(&mut WeightInit::discriminator(step), &device)
        .unwrap();
    Checkpoint::new(config, step, &generator, &discriminator)
        .save(path)
        .unwrap();
}

impl Served {
    /// Starts a server with two models, `one` and `two`, for pictures of 64 and 128 pixels.
    pub fn new(settings: Settings) -> Self {
        let domains = [Domain::RGB8; 2];
        Self::of(
            settings,
            &[("one", 64, domains.clone()), ("two", 128, domains)],
        )
    }

    /// Starts a server with models for pictures of so many pixels and of these domains.
    pub fn of(settings: Settings, models: &[(&str, usize, [Domain; 2])]) -> Self {
        Self::start(settings, models, None)
    }

    /// Starts the server of a training, with a model for pictures of 64 pixels.
    pub fn of_training(training: Arc<LiveTraining>) -> Self {
        let models = [("one", 64, [Domain::RGB8; 2])];
        Self::start(Settings::default(), &models, Some(training))
    }

    /// Starts the server of [`new`](Self::new) on an address.
    pub fn at(listen: SocketAddr, settings: Settings) -> Self {
        let settings = Settings { listen, ..settings };
        let domains = [Domain::RGB8; 2];
        Self::listening(settings, &[("one", 64, domains)], None)
    }

    fn start(
        settings: Settings,
        models: &[(&str, usize, [Domain; 2])],
        training: Option<Arc<LiveTraining>>,
    ) -> Self {
        let listen = "127.0.0.1:0".parse().unwrap();
        Self::listening(Settings { listen, ..settings }, models, training)
    }

    fn listening(
        settings: Settings,
        models: &[(&str, usize, [Domain; 2])],
        training: Option<Arc<LiveTraining>>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = models
            .iter()
            .map(|(name, side, domains)| {
                let path = folder.path().join(format!("{name}.safetensors"));
                save_model(&path, *side, 7, domains.clone());
                path
            })
            .collect();
        let models = Arc::new(Models::new(&paths, DeviceName::Cpu, Precision::F32));
        models.reload().unwrap();
        let server = Server::bind(settings, models.clone(), training).unwrap();
        let url = format!("http://{}", server.address().unwrap());
        let stop = server.stop();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(server.run()).unwrap();
        });
        Self {
            url,
            stop,
            models,
            folder,
            thread: Some(thread),
        }
    }

    /// Waits until the server has stopped.
    pub fn ended(mut self) {
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.gracefully();
    }
}
