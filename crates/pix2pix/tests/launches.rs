//! How many launches a training step is on a card, and of how many kernels. Nothing else may run in this process: its
//! launches are compiled, but not run.
#![cfg(feature = "_card")]

mod common;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use burn::cubecl::dry_run::DryRun;
use burn::cubecl::launched::LaunchedKernels;
use burn::cubecl::logging::{LaunchObservation, LaunchObserver};
use burn::tensor::Device;
use common::devices;
use pix2pix::data::earth::earth;
use pix2pix::device::for_training;
use pix2pix::network::{GeneratorConfig, Init, PatchGanConfig, WeightInit};
use pix2pix::train::{Trainer, TrainerConfig};

#[derive(Default)]
struct Count(Mutex<BTreeMap<String, usize>>);

impl LaunchObserver for Count {
    fn launched(&self, kernel: &'static str) {
        let name = kernel.split('<').next().unwrap_or(kernel);
        *self.0.lock().unwrap().entry(name.to_string()).or_default() += 1;
    }
}

/// The paper's networks, with one pair.
#[test]
fn a_step_is_few_launches_of_few_kernels() {
    for device in devices() {
        let device: Device = for_training(&device.without_autodiff(), false);
        if device.clone().without_autodiff() == Device::flex() {
            continue;
        }
        let blank = &mut WeightInit::blank();
        let generator = GeneratorConfig::default()
            .init_with(blank, &device)
            .unwrap();
        let discriminator = PatchGanConfig::default().init_with(blank, &device).unwrap();
        let config = TrainerConfig::default();
        let mut trainer =
            Trainer::from_networks(generator, discriminator, config, &device).unwrap();
        let batch = earth().train.batch(0, 1, &device).unwrap();
        let _dry = DryRun::new();
        let mut step = || assert!(trainer.step(std::slice::from_ref(&batch)).is_ok());
        step(); // moves the optimizer to the card
        let kernels = LaunchedKernels::new();
        let count = Arc::new(Count::default());
        let observation = LaunchObservation::new(count.clone());
        step();
        drop(observation);
        let kernels = kernels.finish().len();
        let launches = count.0.lock().unwrap();
        let all: usize = launches.values().sum();
        println!("{all} launches of {kernels} kernels: {launches:#?}");
        assert!(all <= 280, "{all} launches");
        assert!(kernels <= 60, "{kernels} kernels");
    }
}
