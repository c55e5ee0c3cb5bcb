//! Translates pictures of any size with a trained generator.

use std::path::Path;

use pix2pix_kernels::Arithmetic;

use crate::checkpoint::{self, Model, ModelConfig, no_network};
use crate::choice::choices;
use crate::engine::{Cpu, Engine};
use crate::error::{Error, Result};
use crate::network::LayerGraph;
use crate::picture::{self, Depth, Domain, MAX_SIDE, Outside, Picture, nearest, pad};
use crate::plan::{Input, Noise};
use crate::scale::Scale;
use crate::temporal::{self, Temporal};
use crate::tiles::{NormStatistics, TilePlan, Tiles, Windows};
use crate::words::count;

/// How to bring a picture to a size that the network accepts. The result always has the original size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// Reflection padding at the right and at the bottom, which leaves the pixels of the picture unchanged.
    Pad,
    /// Resize both sides to the nearest multiple. Faster for sides just above a multiple.
    Resize,
}

choices!(Fit, "way of fitting",
    Pad: "pad", "Pad by mirroring at the right and bottom edges";
    Resize: "resize", "Resize to the nearest accepted size";
);

/// Which pictures to cut into tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tiling {
    /// Only those of more than 2^21 pixels, into tiles with sides of about 1024 pixels. This limits memory. A side shorter than
    /// the least that the network takes counts as that.
    Auto,
    /// None. Memory grows with the picture. One that is read window by window is cut as by [`Auto`](Self::Auto).
    Never,
    /// All that do not fit into one tile.
    Cut {
        /// Side of a tile in pixels; where the picture is shorter, the tile is too.
        side: u32,
        /// Overlap of neighboring tiles in pixels, at most half of `side`.
        overlap: u32,
    },
}

impl Tiling {
    /// [`Auto`](Self::Auto) cuts pictures with more pixels than this.
    pub const LARGE: u64 = 1 << 21;

    /// The tiling for a side and an overlap in pixels, each as somebody gives it or not: no side is
    /// [`Auto`](Self::Auto), a side of 0 [`Never`](Self::Never), and no overlap a quarter of the side.
    ///
    /// # Errors
    /// When there is an overlap, but no tiles.
    pub fn of(side: Option<u32>, overlap: Option<u32>) -> Result<Self> {
        let reason = match (side, overlap) {
            (None, None) => return Ok(Self::Auto),
            (Some(0), None) => return Ok(Self::Never),
            (Some(side @ 1..), overlap) => {
                let overlap = overlap.unwrap_or(usual_overlap(side));
                return Ok(Self::Cut { side, overlap });
            }
            (None, Some(_)) => "`overlap` is that of tiles; give `side` too",
            (Some(0), Some(_)) => {
                "`overlap` is that of tiles, and `side` 0 never cuts; omit one of them"
            }
        };
        Err(Error::Config(reason.to_string()))
    }
}

/// The overlap of tiles of this side, in pixels.
fn usual_overlap(side: u32) -> u32 {
    side / 4
}

/// Options of a translation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TranslateOptions {
    /// Whether dropout is active. Paper: it is, at test time too (section 3.3).
    pub dropout: bool,
    /// Seed of the dropout. Another seed gives a different output.
    pub seed: u64,
    /// Number of the picture. Each number has its own dropout.
    pub index: u64,
    /// The scale of the picture to the network.
    pub scale: Scale,
    /// How to fit sizes that the network does not accept.
    pub fit: Fit,
    /// Which pictures to cut into tiles.
    pub tiling: Tiling,
    /// Statistics with which the norms normalize the picture, or a tile of it.
    pub statistics: NormStatistics,
    /// The value of pixels without data that the picture's file names itself, for models that were trained on such files.
    pub nodata: Option<f32>,
    /// Whether a picture is refused if most of its values lie outside of the model's range. Not for a slice of a volume, which
    /// may be empty: see [`check_values`](Translator::check_values).
    pub refuse_outside: bool,
}

impl Default for TranslateOptions {
    /// As in the paper: dropout with seed 0, and statistics of the picture itself.
    fn default() -> Self {
        Self {
            dropout: true,
            seed: 0,
            index: 0,
            scale: Scale::Native,
            fit: Fit::Pad,
            tiling: Tiling::Auto,
            statistics: NormStatistics::Tile,
            nodata: None,
            refuse_outside: true,
        }
    }
}

impl TranslateOptions {
    /// The dropout; `None` for none.
    pub fn noise(&self) -> Option<Noise> {
        self.dropout.then_some(Noise {
            seed: self.seed,
            stream: self.index,
        })
    }
}

/// Side of the tiles of [`Tiling::Auto`] in pixels, before rounding up to a multiple that the network accepts.
const TILE: u32 = 1024;

/// Tiles beside each other in the panels in which a picture is translated that is not in memory.
const TOGETHER: u32 = 8;
/// Least width of these panels in pixels.
const PANEL: u32 = TOGETHER * TILE;
/// Side of the blocks in which such pictures are often stored, and their results always: panels begin at multiples of it.
const BLOCK: u32 = 256;

/// A picture with the channels of a model's sources.
struct Source<'a> {
    translator: &'a Translator,
    picture: &'a dyn Windows,
    gap: Option<f32>,
}

impl Windows for Source<'_> {
    fn size(&self) -> [u32; 2] {
        self.picture.size()
    }

    fn window(&self, corner: [u32; 2], size: [u32; 2]) -> Result<Picture> {
        let window = self.picture.window(corner, size)?;
        let (window, _) = self.translator.model.source.without_gaps(window, self.gap);
        self.translator.source(window)
    }
}

/// A picture in memory, and what is asked before a window of it is taken.
struct Asked<'a> {
    picture: &'a Picture,
    go_on: &'a dyn Fn() -> Result<()>,
}

impl Windows for Asked<'_> {
    fn size(&self) -> [u32; 2] {
        self.picture.size()
    }

    fn window(&self, corner: [u32; 2], size: [u32; 2]) -> Result<Picture> {
        (self.go_on)()?;
        self.picture.window(corner, size)
    }
}

/// A picture that the network accepts.
struct Fitted {
    /// Its place in the list of pictures.
    place: usize,
    picture: Picture,
    /// The pixels that have data; `None` for all.
    mask: Option<Picture>,
    /// Its size before it was fitted.
    before: [u32; 2],
    /// The size that the result must have.
    size: [u32; 2],
    fit: Fit,
    noise: Option<Noise>,
    statistics: NormStatistics,
    /// The value that the file names for pixels without data.
    gap: Option<f32>,
}

impl Fitted {
    /// Whether it can be translated together with another.
    fn joins(&self, other: &Self) -> bool {
        self.picture.size() == other.picture.size() && self.statistics == other.statistics
    }
}

/// A picture on its way.
enum Ready {
    Translated(Picture),
    Fitted(Fitted),
}

/// A trained model, ready to translate; with the feature `image`, pictures of the crate [image](https://docs.rs/image) too:
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let translator = pix2pix_runtime::Translator::load("model.safetensors")?;
/// let photo = image::open("photo.jpg")?;
/// translator.translate(&photo)?.save("translated.png")?;
/// # Ok(())
/// # }
/// ```
pub struct Translator {
    engine: Box<dyn Engine>,
    /// Domains and network of the model.
    pub model: ModelConfig,
    /// Number of training steps done.
    pub step: u64,
}

impl Translator {
    /// Loads a checkpoint file, or the newest checkpoint of a run folder, for 32-bit arithmetic.
    ///
    /// # Errors
    /// When there is no checkpoint, or it is damaged.
    pub fn load(model: impl AsRef<Path>) -> Result<Self> {
        Self::load_with(model.as_ref(), Arithmetic::F32)
    }

    /// As [`load`](Self::load), for an arithmetic.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_with(model: &Path, arithmetic: Arithmetic) -> Result<Self> {
        let path = checkpoint::find(model)?;
        Self::of(Model::load(&path)?, &path, arithmetic)
    }

    /// Loads a checkpoint that is in memory, for 32-bit arithmetic; `path` is its name for messages.
    ///
    /// # Errors
    /// When it is damaged, or not a checkpoint.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self> {
        Self::parse_with(bytes, path, Arithmetic::F32)
    }

    /// As [`parse`](Self::parse), for an arithmetic.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_with(bytes: &[u8], path: &Path, arithmetic: Arithmetic) -> Result<Self> {
        Self::of(Model::parse(bytes, path)?, path, arithmetic)
    }

    fn of(model: Model, path: &Path, arithmetic: Arithmetic) -> Result<Self> {
        let Model {
            config,
            step,
            weights,
        } = model;
        let engine = Cpu::new(&config.generator, weights, arithmetic)
            .map_err(|reason| no_network(path, &reason))?;
        Ok(Self::new(Box::new(engine), config, step))
    }

    /// A model that an engine runs.
    pub fn new(engine: Box<dyn Engine>, model: ModelConfig, step: u64) -> Self {
        Self {
            engine,
            model,
            step,
        }
    }

    /// Checks that the model supports these options.
    ///
    /// # Errors
    /// When the network does not accept tiles of this size, has no running averages but `statistics` asks for them, or does not
    /// know the scale of its training but `scale` asks for it. In browsers, when a picture is to be resized.
    pub fn check(&self, options: &TranslateOptions) -> Result<()> {
        if let Tiling::Cut { side, overlap } = options.tiling {
            let tiles = Tiles {
                side,
                overlap,
                statistics: options.statistics,
            };
            tiles.validate(&self.model.generator)?;
        }
        let frozen = options.statistics == NormStatistics::Frozen;
        if frozen && self.engine.running_statistics().is_none() {
            let message =
                "the model has no running averages: its norms are not batch normalization";
            return Err(Error::Config(message.to_string()));
        }
        if !RESIZES && (options.fit, options.scale) != (Fit::Pad, Scale::Native) {
            let message = "`fit` resize and `scale` train are left out in browsers";
            return Err(Error::Config(message.to_string()));
        }
        // whether that scale is known
        self.at_scale([1, 1], options.scale).map(drop)
    }

    /// Width and height of a picture of `size` at a scale.
    ///
    /// # Errors
    /// [`Error::Config`], when the model does not know the scale of its training; [`Error::Picture`], when a side would be too
    /// long.
    pub fn at_scale(&self, size: [u32; 2], scale: Scale) -> Result<[u32; 2]> {
        if scale == Scale::Native || !RESIZES {
            return Ok(size);
        }
        let Some(known) = self.model.scale else {
            return Err(Error::Config(
                "`scale` is train, but the model does not know the size of its training pictures, as it was imported or \
                 trained by an earlier version; omit it, and give pictures that are resized as those were"
                    .to_string(),
            ));
        };
        let [width, height] = known.of(size);
        if width.max(height) > MAX_SIDE {
            return Err(Error::Picture(format!(
                "at the scale of the training it has {width}x{height} pixels, and a side may have up to {MAX_SIDE}"
            )));
        }
        Ok([width, height])
    }

    /// Checks, before a picture is decoded, that the model takes its number of channels. Where they are slices, they are not
    /// converted: a gray picture is no slice and its neighbors.
    ///
    /// # Errors
    /// [`Error::Picture`], when it does not.
    pub fn check_channels(&self, channels: usize) -> Result<()> {
        let ModelConfig {
            neighbors, source, ..
        } = &self.model;
        if source.labels.is_some() && (1..=4).contains(&channels) {
            return Ok(());
        }
        if *neighbors > 0 && channels != source.channels {
            return Err(Error::Picture(format!(
                "it has {}, but the model takes {}: those of a slice and of {neighbors} on either side",
                count(channels as u64, "channel"),
                source.channels
            )));
        }
        let converted = picture::conversion(channels, self.model.source.channels);
        converted.map(drop).map_err(unlike_source)
    }

    /// Width and height that the network computes for a picture of `size` at its scale, unless it is resized: every side padded
    /// to the next multiple that the network accepts. The time of a translation grows with them.
    pub fn padded(&self, size: [u32; 2]) -> [u32; 2] {
        let generator = &self.model.generator;
        let fitting = |side: u32| side.next_multiple_of(1 << generator.halvings());
        size.map(|side| fitting(side).max(generator.smallest_side()))
    }

    /// Translates a picture of any size. The result has the same size, and the channels and depth of the model's
    /// targets.
    ///
    /// # Errors
    /// [`Error::Picture`], when the picture's channels cannot be converted to those of the model's sources; [`Error::Data`],
    /// when a layer of the network has more values for its pixels than the engine can number; another, when the model does not
    /// support the options: see [`check`](Self::check).
    pub fn translate_with(&self, picture: Picture, options: &TranslateOptions) -> Result<Picture> {
        self.translate_while(picture, options, &|| Ok(()))
    }

    /// As [`translate_with`](Self::translate_with). Before each tile of a picture that is cut, it calls `go_on`, on this thread.
    ///
    /// # Errors
    /// Also that of `go_on`, which ends it.
    pub fn translate_while(
        &self,
        picture: Picture,
        options: &TranslateOptions,
        go_on: &dyn Fn() -> Result<()>,
    ) -> Result<Picture> {
        let pictures = vec![(picture, *options)];
        self.all_translated(pictures, go_on).remove(0)
    }

    /// Translates the next frame of a video as [`translate_with`](Self::translate_with), and averages the outputs where the
    /// sources stay the same: see [`Temporal`], which has the frames before. The first frame is that of `translate_with`.
    ///
    /// # Errors
    /// As [`translate_with`](Self::translate_with), and when the model's outputs are label maps.
    pub fn translate_frame(
        &self,
        frame: Picture,
        options: &TranslateOptions,
        temporal: &mut Temporal,
    ) -> Result<Picture> {
        Temporal::check(&self.model.target)?;
        let output = self.translate_with(frame.clone(), options)?;
        let gap = self.gap_of_source(options.nodata);
        let (frame, known) = self.model.source.without_gaps(frame, gap);
        let frame = self.source(frame)?;
        let source = temporal::Source::new(&self.model.source, &frame, known.clone());
        let average = temporal.add(source, output);
        Ok(self.with_gaps(average, known.as_ref(), options.nodata))
    }

    /// Translates pictures, those of one size together, which takes less time than one after the other and more memory.
    /// Each result is that of [`translate_with`](Self::translate_with), bit for bit.
    pub fn translate_all(
        &self,
        pictures: Vec<(Picture, TranslateOptions)>,
    ) -> Vec<Result<Picture>> {
        self.all_translated(pictures, &|| Ok(()))
    }

    fn all_translated(
        &self,
        pictures: Vec<(Picture, TranslateOptions)>,
        go_on: &dyn Fn() -> Result<()>,
    ) -> Vec<Result<Picture>> {
        let mut results: Vec<Option<Result<Picture>>> = Vec::new();
        let mut groups: Vec<Vec<Fitted>> = Vec::new();
        for (place, (picture, options)) in pictures.into_iter().enumerate() {
            results.push(match self.fitted(place, picture, &options, go_on) {
                Err(reason) => Some(Err(reason)),
                Ok(Ready::Translated(picture)) => Some(Ok(picture)),
                Ok(Ready::Fitted(fitted)) => {
                    match groups.iter_mut().find(|group| group[0].joins(&fitted)) {
                        Some(group) => group.push(fitted),
                        None => groups.push(vec![fitted]),
                    }
                    None
                }
            });
        }
        for group in groups {
            let inputs: Vec<_> = group.iter().map(|one| (&one.picture, one.noise)).collect();
            let known = self.known(group[0].statistics);
            let outputs = self.pass(&inputs, known.as_deref());
            for (output, fitted) in outputs.into_iter().zip(group) {
                let output = match fitted.fit {
                    Fit::Pad => output.crop([0, 0], fitted.before),
                    Fit::Resize => output,
                };
                let output = resized(&self.model.target, output, fitted.size);
                let output = self.with_gaps(output, fitted.mask.as_ref(), fitted.gap);
                results[fitted.place] = Some(Ok(output));
            }
        }
        let translated = |result: Option<Result<Picture>>| result.expect("its group is translated");
        results.into_iter().map(translated).collect()
    }

    /// Brings a picture to a size that the network accepts, or translates it where it needs tiles.
    fn fitted(
        &self,
        place: usize,
        picture: Picture,
        options: &TranslateOptions,
        go_on: &dyn Fn() -> Result<()>,
    ) -> Result<Ready> {
        self.check(options)?;
        let gap = self.gap_of_source(options.nodata);
        let (picture, mask) = self.model.source.without_gaps(picture, gap);
        let picture = self.source(picture)?;
        let mut outside = self.outside(&picture);
        if !options.refuse_outside {
            outside.clipped = 0;
        }
        self.check_values(outside, picture.depth())?;
        let size = picture.size();
        let before = self.at_scale(size, options.scale)?;
        let picture = resized(&self.model.source, picture, before);
        if let Some(tiles) = self.tiles(before, options) {
            let mut bands = Vec::new();
            let plan = TilePlan {
                panel: u32::MAX,
                ..self.plan(tiles, before, options)?
            };
            let asked = Asked {
                picture: &picture,
                go_on,
            };
            plan.translate(&asked, &mut |_, band| {
                bands.push(band);
                Ok(())
            })?;
            let output = resized(&self.model.target, Picture::stacked(bands), size);
            let output = self.with_gaps(output, mask.as_ref(), options.nodata);
            return Ok(Ready::Translated(output));
        }
        let generator = &self.model.generator;
        let unit = 1 << generator.halvings();
        let accepted = match options.fit {
            Fit::Pad => self.padded(before),
            Fit::Resize => before.map(|side| nearest(side, unit).max(generator.smallest_side())),
        };
        self.check_layers(accepted)?;
        Ok(Ready::Fitted(Fitted {
            place,
            mask,
            gap: options.nodata,
            picture: match options.fit {
                Fit::Pad => pad(&picture, accepted),
                Fit::Resize => resized(&self.model.source, picture, accepted),
            },
            before,
            size,
            fit: options.fit,
            noise: options.noise(),
            statistics: options.statistics,
        }))
    }

    /// Checks the values of a picture that is read window by window, as [`check_classes`](Self::check_classes) and
    /// [`check_values`](Self::check_values) do: all of them, before hours of work. Returns the count of those outside of the
    /// model's range. `tag` is the value that the picture's file names for pixels without data.
    ///
    /// # Errors
    /// [`Error::Picture`], when the values are not those of the model's sources, or the channels cannot become theirs; and
    /// when a window cannot be read.
    pub fn check_windows(&self, picture: &dyn Windows, tag: Option<f32>) -> Result<Outside> {
        let source = Source {
            translator: self,
            picture,
            gap: self.gap_of_source(tag),
        };
        let [width, height] = picture.size();
        let (mut outside, mut depth) = (Outside::default(), self.model.source.depth);
        // row by row of a file's blocks, so that each is unpacked once
        for y in (0..height).step_by(BLOCK as usize) {
            for x in (0..width).step_by(PANEL as usize) {
                let size = [PANEL.min(width - x), BLOCK.min(height - y)];
                let window = source.window([x, y], size)?;
                if let Some(labels) = &self.model.source.labels {
                    labels.check_window(&window, [x, y])?;
                }
                outside.add(self.outside(&window));
                depth = window.depth();
            }
        }
        self.check_values(outside, depth)?;
        Ok(outside)
    }

    /// Translates a picture that is read window by window, in tiles, whatever its size. `part` receives the result in
    /// parts that do not overlap, with the upper left pixel of each; their columns begin at multiples of 256. The values are not
    /// checked: [`check_windows`](Self::check_windows) does that before.
    ///
    /// # Errors
    /// When the model does not support the options or the picture's channels, when the picture is to be resized to the scale of the
    /// training, when a tile is larger than the engine can number, when a window cannot be read, and those of `part`.
    pub fn translate_windows(
        &self,
        picture: &dyn Windows,
        options: &TranslateOptions,
        part: &mut dyn FnMut([u32; 2], Picture) -> Result<()>,
    ) -> Result<()> {
        self.check(options)?;
        let size = picture.size();
        if self.at_scale(size, options.scale)? != size {
            let message = "`scale` train resizes pictures in memory, and this one is read window by window; resize it first";
            return Err(Error::Config(message.to_string()));
        }
        let source = Source {
            translator: self,
            picture,
            gap: self.gap_of_source(options.nodata),
        };
        let plan = self.plan(self.chosen_tiles(options), size, options)?;
        let Some(gap) = source.gap else {
            return plan.translate(&source, part);
        };
        plan.translate(&source, &mut |corner, output| {
            let window = picture.window(corner, output.size())?;
            let mask = self.model.source.mask(&window, gap);
            part(
                corner,
                self.with_gaps(output, mask.as_ref(), options.nodata),
            )
        })
    }

    /// The value of a source's pixels without data; `tag` is the one that its file names. `None` if all have data.
    fn gap_of_source(&self, tag: Option<f32>) -> Option<f32> {
        self.model.source.nodata?.value(tag)
    }

    /// The value of pixels without data in the result, where the source has none: see [`gap`](picture::Domain::gap). `tag` is
    /// the value that the source's file names. `None` if all pixels have data.
    pub fn gap_of_result(&self, tag: Option<f32>) -> Option<f32> {
        let source = self.gap_of_source(tag)?;
        Some(self.model.target.gap(source, tag))
    }

    /// A result with its value of pixels without data where the mask has none, and only there: see
    /// [`with_gap`](picture::Domain::with_gap). `tag` is the value that the source's file names.
    pub fn with_gaps(&self, result: Picture, mask: Option<&Picture>, tag: Option<f32>) -> Picture {
        match self.gap_of_result(tag) {
            Some(gap) => self.model.target.with_gap(result, mask, gap),
            None => result,
        }
    }

    /// How to translate a picture of `size` in tiles, panel by panel.
    ///
    /// # Errors
    /// As [`check_layers`](Self::check_layers), for a tile.
    fn plan(
        &self,
        tiles: Tiles,
        size: [u32; 2],
        options: &TranslateOptions,
    ) -> Result<TilePlan<'_>> {
        let panel = tiles.side.saturating_mul(TOGETHER).min(size[0]);
        let plan = TilePlan {
            engine: &*self.engine,
            domains: [&self.model.source, &self.model.target],
            tiles,
            padded: self.padded(size),
            unit: 1 << self.model.generator.halvings(),
            known: self.known(tiles.statistics),
            noise: options.noise(),
            panel: panel.next_multiple_of(BLOCK).max(PANEL),
        };
        self.check_layers(plan.size())?;
        Ok(plan)
    }

    /// Checks, before any work, that the engine can compute every layer for pictures of this size, which the network accepts.
    ///
    /// # Errors
    /// [`Error::Data`], when a layer has more values than the engine can number.
    fn check_layers(&self, [width, height]: [u32; 2]) -> Result<()> {
        let Some(most) = self.engine.most_values() else {
            return Ok(());
        };
        let channels = self.model.source.planes();
        let shape = [channels, height as usize, width as usize];
        let needed = self.model.generator.layers(shape).largest_output();
        if needed <= most {
            return Ok(());
        }
        Err(Error::Data(format!(
            "for {width}x{height} pixels at once, a layer of the network has {needed} values, and the device can number {most}; \
             cut the picture into tiles of a smaller `side`"
        )))
    }

    /// The statistics that need not be measured.
    fn known(&self, statistics: NormStatistics) -> Option<Vec<Vec<f32>>> {
        match statistics {
            NormStatistics::Frozen => self.engine.running_statistics(),
            NormStatistics::Tile | NormStatistics::Image => None,
        }
    }

    /// Converts a picture to the channels of the model's sources.
    fn source(&self, picture: Picture) -> Result<Picture> {
        self.check_channels(picture.channels())?;
        let converted = self.model.source.in_channels(picture);
        converted.map_err(unlike_source)
    }

    /// Checks that every pixel of a label map has the value of a class of the model's sources, where those are label maps:
    /// [`translate_with`](Self::translate_with) takes the nearest color for others, as a JPEG needs.
    /// `tag` is the value that the picture's file names for pixels without data.
    ///
    /// # Errors
    /// [`Error::Picture`], with the first value that no class has.
    pub fn check_classes(&self, picture: &Picture, tag: Option<f32>) -> Result<()> {
        let Some(labels) = &self.model.source.labels else {
            return Ok(());
        };
        let gap = self.gap_of_source(tag);
        let (picture, _) = self.model.source.without_gaps(picture.clone(), gap);
        labels.check(&self.model.source.in_channels(picture)?)
    }

    /// Counts the samples of a picture, with the channels of the model's sources, that lie outside of their range, or the
    /// pixels of a label map that have no class. They are clipped, or become the nearest class.
    pub fn outside(&self, picture: &Picture) -> Outside {
        self.model.source.outside(picture)
    }

    /// As [`outside`](Self::outside), of a picture before it is translated: without the pixels that have no data and the channels
    /// that the model has not, such as opacity. `tag` is the value that the picture's file names for pixels without data.
    pub fn outside_known(&self, picture: &Picture, tag: Option<f32>) -> Outside {
        let domain = &self.model.source;
        let gap = self.gap_of_source(tag);
        if gap.is_none() && picture.channels() == domain.channels {
            return self.outside(picture);
        }
        let (picture, _) = domain.without_gaps(picture.clone(), gap);
        // a picture of other channels is refused when it is translated
        let source = self.source(picture);
        source.map_or_else(|_| Outside::default(), |source| self.outside(&source))
    }

    /// Checks that the values of a picture of this depth, or those of all slices of a volume, are what the model was trained on:
    /// numbers, and for the most part inside its range.
    ///
    /// # Errors
    /// [`Error::Picture`], when they are not.
    pub fn check_values(&self, outside: Outside, depth: Depth) -> Result<()> {
        self.model.source.check_values(outside, depth)
    }

    /// The tiles of a picture; `None` if it is translated as a whole.
    fn tiles(&self, size: [u32; 2], options: &TranslateOptions) -> Option<Tiles> {
        // a picture one pixel high is padded to many times its pixels; any other to fewer than four times as many
        let least = self.model.generator.smallest_side();
        let [width, height] = size.map(|side| side.max(least));
        let is_whole = match options.tiling {
            Tiling::Never => true,
            Tiling::Auto => u64::from(width) * u64::from(height) <= Tiling::LARGE,
            Tiling::Cut { side, .. } => width.max(height) <= side,
        };
        (!is_whole).then(|| self.chosen_tiles(options))
    }

    /// The tiles of a picture that is cut: those that the options choose, or else the usual ones.
    fn chosen_tiles(&self, options: &TranslateOptions) -> Tiles {
        let [side, overlap] = match options.tiling {
            Tiling::Cut { side, overlap } => [side, overlap],
            Tiling::Auto | Tiling::Never => {
                let side = TILE.next_multiple_of(1 << self.model.generator.halvings());
                [side, usual_overlap(side)]
            }
        };
        Tiles {
            side,
            overlap,
            statistics: options.statistics,
        }
    }

    /// The network's layers, for pictures of the size it was trained on.
    pub fn layers(&self) -> LayerGraph {
        let [width, height] = self.model.size().sides();
        let channels = self.model.source.planes();
        self.model.generator.layers([channels, height, width])
    }

    /// Translates a picture without any conversion: it must have the model's source channels, and sides that the
    /// network accepts. Of the options, only dropout, seed and index count.
    pub fn translate_exactly(&self, picture: &Picture, options: &TranslateOptions) -> Picture {
        self.pass(&[(picture, options.noise())], None).remove(0)
    }

    /// Translates pictures of one size that the network accepts.
    fn pass(
        &self,
        pictures: &[(&Picture, Option<Noise>)],
        statistics: Option<&[Vec<f32>]>,
    ) -> Vec<Picture> {
        let size = pictures[0].0.size();
        let [width, height] = size.map(|side| side as usize);
        let planes = |(picture, _): &(&Picture, _)| self.model.source.source_planes(picture);
        let sources: Vec<Vec<f32>> = pictures.iter().map(planes).collect();
        let inputs = sources.iter().zip(pictures);
        let inputs: Vec<Input> = inputs
            .map(|(source, &(_, noise))| Input { source, noise })
            .collect();
        let outputs = self.engine.run(&inputs, [height, width], statistics);
        let picture = |output: &Vec<f32>| self.model.target.picture(output, size);
        outputs.iter().map(picture).collect()
    }
}

/// Whether pictures can be resized. In browsers nobody asks for it, and it would be an eighth of the module.
const RESIZES: bool = !cfg!(target_arch = "wasm32");

/// A picture of a domain at another size; as it is, if that is its own.
fn resized(domain: &Domain, picture: Picture, size: [u32; 2]) -> Picture {
    match picture.size() == size || !RESIZES {
        true => picture,
        false => domain.resized(&picture, size),
    }
}

/// The error for a picture whose channels cannot become those of the model's sources.
fn unlike_source(reason: Error) -> Error {
    Error::Picture(format!("{reason}, the model's source channels"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_and_an_overlap_mean_the_same_wherever_they_are_given() {
        let of = |side, overlap| Tiling::of(side, overlap).map_err(|error| error.to_string());
        let cut = |side, overlap| Ok(Tiling::Cut { side, overlap });
        assert_eq!(of(None, None), Ok(Tiling::Auto));
        assert_eq!(of(Some(0), None), Ok(Tiling::Never));
        assert_eq!(of(Some(512), None), cut(512, 128));
        assert_eq!(of(Some(512), Some(0)), cut(512, 0));
        assert_eq!(of(Some(512), Some(16)), cut(512, 16));
        for (side, told) in [(None, "give `side` too"), (Some(0), "`side` 0 never cuts")] {
            let refused = of(side, Some(16)).unwrap_err();
            assert!(refused.contains(told), "{refused}");
        }
    }
}
