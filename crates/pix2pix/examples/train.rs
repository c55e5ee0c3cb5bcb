//! Trains on a folder of pairs and prints the losses: `cargo run --release --example train -- DATA RUN STEPS`.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use pix2pix::RunConfig;
use pix2pix::data::survey::OnError;
use pix2pix::run::{self, Event, RunFolder, Training};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [data, folder, steps] = words.as_slice() else {
        return Err("usage: train DATA RUN STEPS".into());
    };
    let config = RunConfig {
        data: data.clone(),
        steps: steps.parse()?,
        ..RunConfig::default()
    };
    let (pairs, _) = config.open(Path::new(data), OnError::Stop)?;
    let folder = RunFolder::lock(Path::new(folder))?;
    // setting this from another thread stops the training after the current step; everything is saved
    let stop = AtomicBool::new(false);
    let training = Training {
        config: &config,
        data: &pairs,
        device: config.device.open(config.precision)?,
        folder,
        group: None,
    };
    let outcome = run::train(training, &stop, &mut |event| {
        if let Event::Logged(metrics) = event {
            println!(
                "step {}: L1 {:.3} in units of [-1, 1]",
                metrics.step, metrics.losses.g_l1
            );
        }
    })?;
    println!("model: {}", outcome.checkpoint.display());
    Ok(())
}
