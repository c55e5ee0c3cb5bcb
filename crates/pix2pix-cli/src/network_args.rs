//! Options that choose the networks, shared by training, summary and plot.

use clap::{Args, ValueEnum};
use pix2pix::patch_gan::{Patch, PatchGanConfig};
use pix2pix::unet::{Norm, UnetConfig};

use crate::failure::Failure;

/// The networks' options.
#[derive(Args)]
#[command(next_help_heading = "Networks")]
pub struct NetworkArgs {
    /// Patch that one cell of the discriminator sees: pixel (1x1), 16, 70, 286, or tutorial (the
    /// Keras tutorial's, with a bias in every convolution)
    #[arg(long, default_value = "70")]
    pub patch: Patch,
    /// Channels of both networks' first block; deeper blocks have up to eight times as many
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub filters: usize,
    /// Number of halvings in the U-Net [default: as many as the picture size allows: 8 for 256]
    #[arg(long, value_name = "N")]
    pub depth: Option<usize>,
    /// Dropout rate in the first three decoder blocks
    #[arg(long, default_value_t = 0.5, value_name = "RATE")]
    pub dropout: f64,
    /// Normalization
    #[arg(long, value_enum, default_value_t = NormName::Batch)]
    pub norm: NormName,
    /// Give every convolution a bias, as the Keras tutorial does, also where a norm follows
    /// [default: off]
    #[arg(long)]
    pub bias_before_norm: bool,
}

/// A normalization's name.
#[derive(Clone, Copy, ValueEnum)]
pub enum NormName {
    /// Statistics of the batch (of the one picture at batch size 1)
    Batch,
    /// No normalization
    None,
}

impl NetworkArgs {
    /// The networks for pictures of `sides` pixels and these channels.
    pub fn resolve(
        &self,
        sides: [usize; 2],
        channels: [usize; 2],
    ) -> Result<(UnetConfig, PatchGanConfig), Failure> {
        let norm = match self.norm {
            NormName::Batch => Norm::Batch,
            NormName::None => Norm::None,
        };
        let depth = match self.depth {
            Some(depth) => depth,
            None => UnetConfig::depth_for(sides)?,
        };
        let generator = UnetConfig {
            in_channels: channels[0],
            out_channels: channels[1],
            filters: self.filters,
            depth,
            dropout: self.dropout,
            norm,
            bias_before_norm: self.bias_before_norm,
        };
        let discriminator = PatchGanConfig {
            source_channels: channels[0],
            target_channels: channels[1],
            filters: self.filters,
            patch: self.patch,
            norm,
            bias_before_norm: self.bias_before_norm || self.patch == Patch::Tutorial,
        };
        generator.validate()?;
        generator.check_size(sides[1], sides[0])?;
        discriminator.validate()?;
        discriminator.check_size(sides[1], sides[0])?;
        Ok((generator, discriminator))
    }
}
