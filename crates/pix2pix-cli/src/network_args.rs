//! Options for the network architectures, shared by train, summary and plot.

use clap::{Args, ValueEnum};
use pix2pix::network::{
    GeneratorConfig, HdConfig, Norm, Patch, PatchGanConfig, ResnetConfig, UnetConfig, Upsample,
};

use crate::beyond_args::Preset;
use crate::choice::choice;
use crate::failure::Failure;
use crate::switch::Switch;

/// Options for the generator and the discriminator.
#[derive(Args)]
#[command(next_help_heading = "Networks")]
pub struct NetworkArgs {
    /// Receptive field of the discriminator in pixels
    #[arg(long, value_parser = choice::<Patch>(), default_value_t = Patch::P70)]
    pub patch: Patch,
    /// Filters in the first block of both networks; deeper blocks have up to eight times as many, or sixteen with hd-coarse
    /// and hd
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub filters: usize,
    /// Architecture of the generator
    #[arg(long, value_enum, default_value_t = Architecture::Unet)]
    pub generator: Architecture,
    /// Upsampling in the decoder [default: transposed; with --preset best: bilinear]
    #[arg(long, value_parser = choice::<Upsample>())]
    pub upsample: Option<Upsample>,
    /// Whether the source itself is joined to the U-Net's last layer, as the finest of the skips [default: off, as in the paper;
    /// with --preset best: on]
    #[arg(long, value_enum, value_name = "SWITCH")]
    pub input_skip: Option<Switch>,
    /// Spectral normalization: divide the discriminator's weights by their largest singular value (Miyato et
    /// al. 2018) [default: off]
    #[arg(long)]
    pub spectral_norm: bool,
    /// Architecture of the discriminator
    #[arg(long, value_enum, default_value_t = Judge::Patch)]
    pub discriminator: Judge,
    /// Number of discriminators, 1 to 3: the second sees the pair at half its size, the third at a quarter (Wang et al. 2018)
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub discriminators: usize,
    /// Number of downsampling steps in the U-Net [default: as many as the picture size allows: 7 for 128, 8
    /// for 256, 9 for 512]
    #[arg(long, value_name = "N")]
    pub depth: Option<usize>,
    /// Dropout rate in the U-Net's first three decoder blocks, or in the middle of each residual block
    #[arg(long, default_value_t = 0.5, value_name = "RATE")]
    pub dropout: f64,
    /// Normalization layers
    #[arg(long, value_parser = choice::<Norm>(), default_value_t = Norm::Batch)]
    pub norm: Norm,
    /// Give every convolution a bias, even before a normalization layer, as the Keras tutorial does
    /// [default: off; with --norm none, where no layer shifts the values: on]
    #[arg(long)]
    pub bias_before_norm: bool,
}

/// Generator architectures.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Architecture {
    /// The paper's U-Net
    Unet,
    /// Six residual blocks at a quarter of the size (Johnson et al. 2016)
    #[value(name = "resnet-6")]
    Resnet6,
    /// Nine residual blocks
    #[value(name = "resnet-9")]
    Resnet9,
    /// Nine residual blocks at a sixteenth of the size: the coarse network of hd by itself
    HdCoarse,
    /// For 512 pixels and more: hd-coarse at half the size, and an enhancer (pix2pixHD, Wang et al. 2018)
    Hd,
}

impl Architecture {
    /// Halvings and residual blocks of its ResNet; `None` for a U-Net.
    fn resnet(self) -> Option<[usize; 2]> {
        match self {
            Self::Unet => None,
            Self::Resnet6 => Some([2, 6]),
            Self::Resnet9 => Some([2, 9]),
            Self::HdCoarse | Self::Hd => Some([4, 9]),
        }
    }
}

/// Discriminator architectures.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Judge {
    /// The paper's PatchGAN, which decides for each patch
    Patch,
    /// The PatchGAN with a decoder, which decides for each pixel too (Schönfeld et al. 2020)
    Unet,
}

impl NetworkArgs {
    /// The configurations of the generator and the discriminator, for pictures of `sides` (width, height) in pixels,
    /// or of multiples of them if they are `whole`, and `channels` of the source and the target. `preset` has the defaults.
    ///
    /// # Errors
    /// An option out of its range, or a picture size that does not fit the networks.
    pub fn resolve(
        &self,
        (sides, whole): ([usize; 2], bool),
        channels: [usize; 2],
        preset: Preset,
    ) -> Result<(GeneratorConfig, PatchGanConfig), Failure> {
        let generator = self.generator(sides, channels, preset)?;
        let discriminator = self.discriminator(channels);
        discriminator.validate()?;
        // of whole pictures, `sides` is what all are multiples of; the check of the data knows how large they are
        if !whole {
            discriminator.check_size(sides[1], sides[0])?;
        }
        Ok((generator, discriminator))
    }

    /// The configuration of the generator, as [`resolve`](Self::resolve).
    ///
    /// # Errors
    /// An option out of its range, or a picture size that does not fit the generator.
    pub fn generator(
        &self,
        sides: [usize; 2],
        channels: [usize; 2],
        preset: Preset,
    ) -> Result<GeneratorConfig, Failure> {
        let norm = self.norm;
        let upsample = self.upsample.unwrap_or(preset.upsample());
        let resnet = self
            .generator
            .resnet()
            .map(|[halvings, blocks]| ResnetConfig {
                in_channels: channels[0],
                out_channels: channels[1],
                filters: self.filters,
                halvings,
                blocks,
                dropout: self.dropout,
                norm,
                bias_before_norm: self.bias_before_norm,
                upsample,
            });
        for (given, option) in [
            (self.input_skip == Some(Switch::On), "--input-skip on"),
            (self.depth.is_some(), "--depth"),
        ] {
            if given && resnet.is_some() {
                return Err(Failure::Usage(format!(
                    "{option} is for the U-Net; omit it, or choose --generator unet"
                )));
            }
        }
        let generator = match resnet {
            Some(coarse) if self.generator == Architecture::Hd => HdConfig::around(coarse).into(),
            Some(resnet) => resnet.into(),
            None => GeneratorConfig::Unet(UnetConfig {
                in_channels: channels[0],
                out_channels: channels[1],
                filters: self.filters,
                depth: match self.depth {
                    Some(depth) => depth,
                    None => UnetConfig::depth_for(sides)?,
                },
                dropout: self.dropout,
                norm,
                bias_before_norm: self.bias_before_norm || norm == Norm::None,
                upsample,
                input_skip: match self.input_skip {
                    None => preset.input_skip(),
                    Some(switch) => switch == Switch::On,
                },
                ..UnetConfig::default()
            }),
        };
        generator.validate()?;
        generator.check_size(sides[1], sides[0])?;
        Ok(generator)
    }

    /// The configuration of the discriminator for these channels of the source and the target.
    pub fn discriminator(&self, channels: [usize; 2]) -> PatchGanConfig {
        PatchGanConfig {
            source_channels: channels[0],
            target_channels: channels[1],
            filters: self.filters,
            patch: self.patch,
            norm: self.norm,
            bias_before_norm: self.bias_before_norm || self.patch == Patch::Tutorial,
            spectral_norm: self.spectral_norm,
            scales: self.discriminators,
            unet: self.discriminator == Judge::Unet,
        }
    }
}
