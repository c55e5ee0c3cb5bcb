//! A training to start.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use pix2pix::RunConfig;
use pix2pix::data::Dataset;
use pix2pix::device::Device;
use pix2pix::parallel::Group;
use pix2pix::run::RunFolder;

use super::args::{Args, RunArgs};
use crate::progress::Lines;

/// A training to start: the arguments of [`train`](super::train).
pub struct Session<'a> {
    /// The run's configuration.
    pub config: RunConfig,
    /// Its device, without autodiff.
    pub device: Device,
    /// Its data set.
    pub data: &'a Dataset,
    /// Its folder.
    pub folder: RunFolder,
    /// The processes that train together, if there are several.
    pub group: Option<Group>,
    /// How the run starts.
    pub start: Start,
    /// Ends the run when it is set.
    pub stop: Arc<AtomicBool>,
    /// The outputs for the user.
    pub shown: Shown<'a>,
}

/// How a run starts.
pub enum Start {
    /// In an empty folder, or in place of the run that its folder [replaces](RunFolder::replacing).
    New,
    /// From the newest checkpoint in the folder.
    Resume,
}

impl Start {
    /// As these options say.
    pub fn of(args: &Args) -> Self {
        match args.resume {
            Some(_) => Self::Resume,
            None => Self::New,
        }
    }
}

/// The outputs of a training for the user: report, TensorBoard, page and progress.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    pub report: bool,
    pub tensorboard: bool,
    pub serve: Option<SocketAddr>,
    pub lines: Lines<'a>,
}

impl Shown<'static> {
    /// The outputs that these options ask for.
    pub fn of(args: &RunArgs) -> Self {
        Self {
            report: args.report,
            tensorboard: args.tensorboard,
            serve: args.serve,
            lines: match args.quiet {
                true => Lines::Nowhere,
                false => Lines::Stderr,
            },
        }
    }
}
