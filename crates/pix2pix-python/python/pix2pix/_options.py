"""Keyword arguments, which are the options of the command line. Made by `tools/make_python_options.py`."""

import os
from collections.abc import Sequence
from typing import Literal, SupportsFloat, SupportsIndex, TypedDict

#: A value as the command line has it, or the number or the path that it is, or its parts. Numbers may be NumPy's.
Word = str | SupportsFloat | os.PathLike[str] | Sequence[str] | Sequence[SupportsFloat]


class TrainOptions(TypedDict, total=False):
    """Options of ``pix2pix train``, all of which may be left out.

    - config: TOML file with options, such as batch_size = 4, and with data and out; the command line overrides it. Or
      the config.toml of a run, to repeat that run in another folder [default: none]
    - report: Keep report.html in the run folder up to date; a resumed run keeps its report up to date too [default:
      off]
    - epochs: Passes over the data [default: 200]
    - steps: Training steps, instead of epochs [default: as many as epochs gives]
    - time: Time of training instead of epochs, such as 90s, 20m or 1h30m: as many steps as fit, with a learning rate
      that falls to 0 at the end (lr_schedule linear) and averaged weights (ema 0.998), unless you say otherwise
      [default: as long as epochs takes]
    - batch_size: Pairs per step [default: 1]
    - preset: Set of defaults: the paper's, or our recommended ones [default: paper]
    - lr: Adam's learning rate [default: 0.0002]
    - lr_schedule: Learning-rate schedule; plateau needs held-out pairs; with time, the default is linear [default:
      constant]
    - decay_epochs: Epochs of the schedule's decay: with linear, the last ones, over which the rate falls to 0; with
      step, those after which the rate is divided by ten [default: linear: half of all; step: a quarter]
    - lambda_: Weight of the L1 loss (in units of [-1, 1]) relative to the adversarial loss [default: 100]
    - seed: Random seed of weights, order, jitter and dropout; the same seed gives the same run [default: 0]
    - beta1: Adam's decay rate of the first moment [default: 0.5]
    - accumulate: Batches per step: their gradients are averaged, and memory use stays that of one batch [default: 1]
    - keep_best: Score on held-out pairs by which the best checkpoint is kept too, as checkpoints/best.safetensors;
      `--best` of other commands uses it [default: none]
    - patience: Number of samplings (sample_every) without a better score of keep_best after which the run ends; 0 for
      never [default: 0]
    - direction: Direction of translation: which picture is the source and which the target [default: a-to-b]
    - val_fraction: Share of the pairs to hold out, for data without val/ or test/ [default: 0]
    - range: Values of black and white: LOW,HIGH, or LOW:HIGH for each channel, or auto (percentiles of the training
      data) [default: 0,255 or 0,65535, and 0,1 for floating point]
    - range_a: The same of A only [default: range]
    - range_b: The same of B only [default: range]
    - channels_a: Channels of A; pictures are converted to them [default: the pictures' own]
    - channels_b: Channels of B; pictures are converted to them [default: the pictures' own]
    - labels_a: Take A for label maps: a number N of class ids 0 to N-1, or a palette file (JSON: [{"name": .., "color":
      [r, g, b]}, ..]) [default: none, values are amounts]
    - labels_b: Take B for label maps, as labels_a [default: none, values are amounts]
    - nodata: Value of pixels without data, which enter no loss and no score: a number, nan, or tag (what each TIFF
      names itself) [default: none, all pixels have data]
    - nodata_a: The same of A only [default: nodata]
    - nodata_b: The same of B only [default: nodata]
    - pages: How to read TIFF files with several pages, and NIfTI volumes [default: refuse such TIFF files, read each
      slice of volumes]
    - neighbors: Give the network K slices (or pages) on either side of each source slice too, as channels; the target
      is the slice in the middle [default: 0]
    - match: Names of the files in A/ and B/, without extensions, where * is the name of the pair: match '*_BF' '*_DAPI'
      [default: equal names]
    - squares: Take files that are square or higher than wide for side-by-side pairs of two narrow pictures [default:
      refuse them]
    - on_error: Action on broken and unmatched files [default: stop]
    - load_size: Size to which pictures are resized before the crop, with resize scale-and-crop and random-resized-crop:
      PIXELS or WIDTHxHEIGHT [default: 286/256 of crop_size; with preset best 3/2]
    - crop_size: Size of the random crop: PIXELS or WIDTHxHEIGHT; with resize scale-width, the width of the pictures
      [default: 256]
    - resize: How to bring pictures to the input size of the networks [default: scale-and-crop; with preset best
      random-resized-crop]
    - no_mirror: Turn off mirroring left to right, of half of the pairs at random [default: mirror]
    - vertical_mirror: Mirror half of the pairs, at random, top to bottom [default: off]
    - turn: Rotate pairs by random multiples of 90 degrees [default: off]
    - color_jitter: Change brightness, contrast and, of red, green and blue, saturation of A, the sources, by random
      factors between 1 - SHARE and 1 + SHARE [default: 0]
    - generator: Architecture of the generator [default: unet]
    - discriminator: Architecture of the discriminator [default: patch]
    - patch: Receptive field of the discriminator in pixels [default: 70]
    - discriminators: Number of discriminators, 1 to 3: the second sees the pair at half its size, the third at a
      quarter (Wang et al. 2018) [default: 1]
    - filters: Filters in the first block of both networks; deeper blocks have up to eight times as many, or sixteen
      with hd-coarse and hd [default: 64]
    - depth: Number of downsampling steps in the U-Net [default: as many as the picture size allows: 7 for 128, 8 for
      256, 9 for 512]
    - norm: Normalization layers [default: batch]
    - dropout: Dropout rate in the U-Net's first three decoder blocks, or in the middle of each residual block [default:
      0.5]
    - upsample: Upsampling in the decoder [default: transposed; with preset best: bilinear]
    - input_skip: Whether the source itself is joined to the U-Net's last layer, as the finest of the skips [default:
      off, as in the paper; with preset best: on]
    - spectral_norm: Spectral normalization: divide the discriminator's weights by their largest singular value (Miyato
      et al. 2018) [default: off]
    - bias_before_norm: Give every convolution a bias, even before a normalization layer, as the Keras tutorial does
      [default: off; with norm none, where no layer shifts the values: on]
    - from_: Model whose networks and weights the run begins from: a run folder, a checkpoint, a file that `pix2pix
      import` reads, or earth, the built-in model. With generator hd, it can be a model of hd-coarse or another ResNet,
      and an enhancer is added [default: none, random weights]
    - from_channels: What to do if the model of from_ has other channels than the data [default: same]
    - freeze: Part of the generator that keeps the weights of from_ [default: nothing]
    - freeze_generator: Number of first steps in which only the discriminator learns, e.g. because from_ has none
      [default: 0]
    - device: Device: auto (the fastest available), cpu, cuda, cuda:N, wgpu or wgpu:N; `pix2pix devices` lists them
      [default: cpu]
    - precision: Arithmetic of the convolutions [default: f32]
    - threads: CPU threads; 0 for all cores [default: 0]
    - workers: Threads that decode and augment pairs; 0 for one on the CPU, and up to 8 for a card [default: 0]
    - cache: Cache for decoded pairs: ram, disk (a temporary file in the run folder), or off [default: off]
    - recompute: Gradient checkpointing, for large pictures: recompute activations in the backward pass instead of
      keeping them, to save memory [default: off]
    - moments: Number format of Adam's moments on the CPU; in the paper's networks, bf16 saves 0.2 GB [default: f32]
    - save_every: Steps between checkpoints [default: 500]
    - keep: Number of newest checkpoints to keep [default: 3]
    - sample_every: Steps between contact sheets in samples/ [default: 200]
    - log_every: Steps between lines of metrics.jsonl [default: 10]
    - tensorboard: Write TensorBoard event files to tensorboard/ in the run folder [default: off]
    - ema: Decay of an exponential moving average of the generator's weights, which is used to translate (Yazici et al.
      2019); 0 for none [default: 0; with time 0.998; with preset best 0.997]
    - gan: Adversarial loss [default: bce]
    - l1_pyramid: Number of coarser scales at which L1 is measured too, each half of the one before, for pairs that are
      not aligned to the pixel: L1 becomes the mean over all scales (Liu et al. 2022, who use 3); 0 for none [default:
      0]
    - feature_matching: Weight of feature matching: 4 times WEIGHT times the mean L1 between what the blocks of the
      discriminator make of the output and of the target (Wang et al. 2018, who use 10), besides L1 of the pictures; 0
      for none [default: 0]
    - r1: Weight of the R1 penalty on the discriminator's gradient at real pairs (Mescheder et al. 2018), for another
      gan than wgan-gp; 0 for none [default: 0]
    - diff_augment: Augmentations of the discriminator's inputs, for small data sets: color, translation and cutout,
      separated by commas (Zhao et al. 2020) [default: none]
    - augment_target: Adaptive augmentation: apply each kind of diff_augment with a probability that rises while the
      discriminator is too sure of training pairs. TARGET is the mean sign of its decisions on them to aim at (Karras et
      al. 2020, who use 0.6); 0 to augment always [default: 0]
    - augment_pairs: Number of pairs in which that probability can rise from 0 to 1 (Karras et al. use 500000, for 25
      million pictures) [default: 5000]
    - pool: Number of earlier generated pictures to keep and show the discriminator again (Shrivastava et al. 2017)
      [default: 0]
    - perceptual: Weight of LPIPS relative to the adversarial loss (Johnson et al. 2016; Zhang et al. 2018); 0 for none
      [default: 0]
    - perceptual_weights: File of LPIPS's weights, for perceptual and keep_best lpips; `pix2pix download lpips-alex`
      gets it [default: none]
    """

    config: str | os.PathLike[str]
    report: bool
    epochs: SupportsIndex
    steps: SupportsIndex
    time: str
    batch_size: SupportsIndex
    preset: Literal["paper", "best"]
    lr: SupportsFloat
    lr_schedule: Literal["constant", "linear", "step", "cosine", "plateau"]
    decay_epochs: SupportsIndex
    lambda_: SupportsFloat
    seed: SupportsIndex
    beta1: SupportsFloat
    accumulate: SupportsIndex
    keep_best: Literal["l1", "psnr", "ssim", "swd", "spectrum", "lpips", "accuracy", "iou"]
    patience: SupportsIndex
    direction: Literal["a-to-b", "b-to-a"]
    val_fraction: SupportsFloat
    range: Word
    range_a: Word
    range_b: Word
    channels_a: SupportsIndex
    channels_b: SupportsIndex
    labels_a: Word
    labels_b: Word
    nodata: Word
    nodata_a: Word
    nodata_b: Word
    pages: Literal["first", "channels", "each"]
    neighbors: SupportsIndex
    match: Sequence[str]
    squares: bool
    on_error: Literal["stop", "skip"]
    load_size: Word
    crop_size: Word
    resize: Literal["scale-and-crop", "random-resized-crop", "scale-width", "crop", "none"]
    no_mirror: bool
    vertical_mirror: bool
    turn: bool
    color_jitter: SupportsFloat
    generator: Literal["unet", "resnet-6", "resnet-9", "hd-coarse", "hd"]
    discriminator: Literal["patch", "unet"]
    patch: Literal["pixel", "16", "70", "286", "tutorial", 16, 70, 286]
    discriminators: SupportsIndex
    filters: SupportsIndex
    depth: SupportsIndex
    norm: Literal["batch", "instance", "group", "none"]
    dropout: SupportsFloat
    upsample: Literal["transposed", "resize", "bilinear"]
    input_skip: Literal["on", "off"] | bool
    spectral_norm: bool
    bias_before_norm: bool
    from_: str | os.PathLike[str]
    from_channels: Literal["same", "new"]
    freeze: Literal["nothing", "encoder", "coarse"]
    freeze_generator: SupportsIndex
    device: Word
    precision: Literal["f32", "tf32", "bf16"]
    threads: SupportsIndex
    workers: SupportsIndex
    cache: Literal["ram", "disk", "off"]
    recompute: bool
    moments: Literal["f32", "bf16"]
    save_every: SupportsIndex
    keep: SupportsIndex
    sample_every: SupportsIndex
    log_every: SupportsIndex
    tensorboard: bool
    ema: SupportsFloat
    gan: Literal["bce", "lsgan", "hinge", "wgan-gp"]
    l1_pyramid: SupportsIndex
    feature_matching: SupportsFloat
    r1: SupportsFloat
    diff_augment: Word
    augment_target: SupportsFloat
    augment_pairs: SupportsIndex
    pool: SupportsIndex
    perceptual: SupportsFloat
    perceptual_weights: str | os.PathLike[str]


class EvaluateOptions(TypedDict, total=False):
    """Options of ``pix2pix evaluate``, all of which may be left out.

    - best: Use the run's best checkpoint (`train --keep-best`) [default: its newest]
    - split: Split to evaluate on [default: val]
    - out: Folder for scores.json, gallery.html with all pictures and their scores, each model's five best and five
      worst pictures, its power spectrum, and its calibration with samples [default: none]
    - lpips: File of LPIPS's weights; `pix2pix download lpips-alex` gets it [default: no LPIPS]
    - dists: File of DISTS's weights; `pix2pix download dists` gets it [default: no DISTS]
    - fid: File of the Inception network's weights, for the Fréchet and the kernel Inception distance (FID and KID);
      `pix2pix download inception` gets it [default: no FID]
    - samples: Translate each source so many times with other dropout, and say whether the deviation predicts the error
      [default: once]
    - dropout: Dropout at inference; on, as in the paper, each seed gives a different picture [default: on]
    - seed: Random seed of the dropout [default: 0]
    - threads: CPU threads; 0 for all cores [default: 0]
    - device: Device: auto (the fastest available), cpu, cuda, cuda:N, wgpu or wgpu:N; `pix2pix devices` lists them
      [default: cpu]
    - precision: Arithmetic of the convolutions [default: f32]
    """

    best: bool
    split: Literal["train", "val", "test"]
    out: str | os.PathLike[str]
    lpips: str | os.PathLike[str]
    dists: str | os.PathLike[str]
    fid: str | os.PathLike[str]
    samples: SupportsIndex
    dropout: Literal["on", "off"] | bool
    seed: SupportsIndex
    threads: SupportsIndex
    device: Word
    precision: Literal["f32", "tf32", "bf16"]


class SummaryOptions(TypedDict, total=False):
    """Options of ``pix2pix summary``, all of which may be left out.

    - size: Side of the pictures in pixels [default: the model's; without one, 256]
    - in_channels: Number of channels of the source [default: 3]
    - out_channels: Number of channels of the target [default: 3]
    - preset: Defaults of the networks, as in training [default: paper]
    - patch: Receptive field of the discriminator in pixels [default: 70]
    - filters: Filters in the first block of both networks; deeper blocks have up to eight times as many, or sixteen
      with hd-coarse and hd [default: 64]
    - generator: Architecture of the generator [default: unet]
    - upsample: Upsampling in the decoder [default: transposed; with preset best: bilinear]
    - input_skip: Whether the source itself is joined to the U-Net's last layer, as the finest of the skips [default:
      off, as in the paper; with preset best: on]
    - spectral_norm: Spectral normalization: divide the discriminator's weights by their largest singular value (Miyato
      et al. 2018) [default: off]
    - discriminator: Architecture of the discriminator [default: patch]
    - discriminators: Number of discriminators, 1 to 3: the second sees the pair at half its size, the third at a
      quarter (Wang et al. 2018) [default: 1]
    - depth: Number of downsampling steps in the U-Net [default: as many as the picture size allows: 7 for 128, 8 for
      256, 9 for 512]
    - dropout: Dropout rate in the U-Net's first three decoder blocks, or in the middle of each residual block [default:
      0.5]
    - norm: Normalization layers [default: batch]
    - bias_before_norm: Give every convolution a bias, even before a normalization layer, as the Keras tutorial does
      [default: off; with norm none, where no layer shifts the values: on]
    """

    size: SupportsIndex
    in_channels: SupportsIndex
    out_channels: SupportsIndex
    preset: Literal["paper", "best"]
    patch: Literal["pixel", "16", "70", "286", "tutorial", 16, 70, 286]
    filters: SupportsIndex
    generator: Literal["unet", "resnet-6", "resnet-9", "hd-coarse", "hd"]
    upsample: Literal["transposed", "resize", "bilinear"]
    input_skip: Literal["on", "off"] | bool
    spectral_norm: bool
    discriminator: Literal["patch", "unet"]
    discriminators: SupportsIndex
    depth: SupportsIndex
    dropout: SupportsFloat
    norm: Literal["batch", "instance", "group", "none"]
    bias_before_norm: bool


class ReceptiveFieldOptions(TypedDict, total=False):
    """Options of ``pix2pix receptive-field``, all of which may be left out.

    - patch: Receptive field of the discriminator in pixels [default: 70]
    - size: Side of the pictures in pixels [default: the model's; without one, 256]
    """

    patch: Literal["pixel", "16", "70", "286", "tutorial", 16, 70, 286]
    size: SupportsIndex
