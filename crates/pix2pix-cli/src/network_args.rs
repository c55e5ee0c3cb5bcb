//! Options that choose the networks, shared by training, summary and plot.

use clap::{Args, ValueEnum};
use pix2pix::network::{
    GeneratorConfig, Norm, Patch, PatchGanConfig, ResnetConfig, UnetConfig, Upsample,
};

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
    /// The generator
    #[arg(long, value_enum, default_value_t = GeneratorName::Unet)]
    pub generator: GeneratorName,
    /// How the decoder doubles a picture [default: transposed; best: resize]
    #[arg(long, value_enum)]
    pub upsample: Option<UpsampleName>,
    /// Divide the discriminator's weights by their largest singular value (Miyato et al. 2018)
    /// [default: off]
    #[arg(long)]
    pub spectral_norm: bool,
    /// Number of halvings in the U-Net [default: as many as the picture size allows: 7 for 128, 8 for 256,
    /// 9 for 512]
    #[arg(long, value_name = "N")]
    pub depth: Option<usize>,
    /// Dropout rate in the U-Net's first three decoder blocks, or in the middle of each residual block
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
    /// Statistics of each picture and channel, no scale and shift (Ulyanov et al. 2016)
    Instance,
    /// Statistics of each picture and 32 groups of channels (Wu and He 2018)
    Group,
    /// No normalization
    None,
}

/// A generator's name.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum GeneratorName {
    /// The paper's U-Net
    Unet,
    /// Six residual blocks at a quarter of the size (Johnson et al. 2016)
    #[value(name = "resnet-6")]
    Resnet6,
    /// Nine residual blocks
    #[value(name = "resnet-9")]
    Resnet9,
}

/// The name of a way to double a picture.
#[derive(Clone, Copy, ValueEnum)]
pub enum UpsampleName {
    /// By a transposed convolution, as in the paper
    Transposed,
    /// By repeating pixels and a 3x3 convolution, which leaves no checkerboard (Odena et al. 2016)
    Resize,
}

impl NetworkArgs {
    /// The networks for pictures of `sides` pixels and these channels; `upsample` is what a preset says where no
    /// option does.
    pub fn resolve(
        &self,
        sides: [usize; 2],
        channels: [usize; 2],
        upsample: Upsample,
    ) -> Result<(GeneratorConfig, PatchGanConfig), Failure> {
        let norm = match self.norm {
            NormName::Batch => Norm::Batch,
            NormName::Instance => Norm::Instance,
            NormName::Group => Norm::Group,
            NormName::None => Norm::None,
        };
        let upsample = match self.upsample {
            None => upsample,
            Some(UpsampleName::Transposed) => Upsample::Transposed,
            Some(UpsampleName::Resize) => Upsample::Resize,
        };
        let generator = match self.generator {
            GeneratorName::Unet => GeneratorConfig::Unet(UnetConfig {
                in_channels: channels[0],
                out_channels: channels[1],
                filters: self.filters,
                depth: match self.depth {
                    Some(depth) => depth,
                    None => UnetConfig::depth_for(sides)?,
                },
                dropout: self.dropout,
                norm,
                bias_before_norm: self.bias_before_norm,
                upsample,
                ..UnetConfig::default()
            }),
            GeneratorName::Resnet6 | GeneratorName::Resnet9 => {
                GeneratorConfig::Resnet(ResnetConfig {
                    in_channels: channels[0],
                    out_channels: channels[1],
                    filters: self.filters,
                    blocks: if self.generator == GeneratorName::Resnet6 {
                        6
                    } else {
                        9
                    },
                    dropout: self.dropout,
                    norm,
                    bias_before_norm: self.bias_before_norm,
                    upsample,
                })
            }
        };
        let discriminator = PatchGanConfig {
            source_channels: channels[0],
            target_channels: channels[1],
            filters: self.filters,
            patch: self.patch,
            norm,
            bias_before_norm: self.bias_before_norm || self.patch == Patch::Tutorial,
            spectral_norm: self.spectral_norm,
        };
        generator.validate()?;
        generator.check_size(sides[1], sides[0])?;
        discriminator.validate()?;
        discriminator.check_size(sides[1], sides[0])?;
        Ok((generator, discriminator))
    }
}
