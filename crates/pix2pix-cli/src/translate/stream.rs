//! Video: reads frames from standard input and writes translated frames to standard output, to pipe from and to ffmpeg.

use std::io::{self, BufReader, BufWriter, Read, Write, stdin, stdout};
use std::time::Instant;

use pix2pix::Translator;
use pix2pix::data::Size;
use pix2pix::data::picture::{MAX_SIDE, MIN_SIDE, Outside, Picture, Samples};
use pix2pix::model::{Temporal, TranslateOptions};

use super::args::Args;
use super::notes::{other_scale, said_of_clipped};
use super::y4m;
use crate::failure::{Failure, unwritten};
use crate::output::tell;
use crate::words::count;

/// Translates the video on standard input.
///
/// # Errors
/// If the model does not fit the options, the input is not such a video, has no frame or is cut short, the model refuses a frame, or the
/// output cannot be written.
pub fn run(args: &Args, translator: &Translator) -> Result<(), Failure> {
    translator.check(&args.options())?;
    if args.stdin_raw.is_none() {
        y4m::check(&args.model, translator)?;
    }
    let temporal = match args.temporal {
        None => None,
        Some(frames) => {
            Temporal::check(&translator.config.target)?;
            Some(Temporal::over(frames))
        }
    };
    let options = |index| args.frame_options(index);
    let frames = Frames::new(translator, &options, temporal, args);
    match args.stdin_raw {
        Some(size) => raw(frames, size),
        None => yuv4mpeg(frames),
    }
}

/// Translates headerless frames: each has `size` pixels with interleaved channels, in the channels and depth of the
/// model's source (ffmpeg's rgb24 for an 8-bit RGB model; 16 bits and floats are little-endian). The output has the
/// channels and depth of the target.
///
/// # Errors
/// If no frame comes or one is cut short, the model refuses it, or the output cannot be written.
fn raw(mut frames: Frames, size: Size) -> Result<(), Failure> {
    let Size([width, height]) = size;
    let domain = &frames.translator.config.source;
    let pixels = u64::from(width) * u64::from(height);
    if width.min(height) < MIN_SIDE || width.max(height) > MAX_SIDE {
        let message =
            format!("--stdin-raw {size}: a frame's sides have {MIN_SIDE} to {MAX_SIDE} pixels");
        return Err(Failure::Usage(message));
    }
    let length = pixels * domain.channels as u64 * domain.depth.bytes();
    let mut input = BufReader::new(stdin().lock());
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let read = (&mut input).take(length).read_to_end(&mut bytes);
        let read = read.map_err(Failure::input)? as u64;
        if read == 0 {
            return frames.finish();
        }
        if read < length {
            return Err(Failure::input(format!(
                "ends in the middle of frame {}, after {read} of {length} bytes; give frames of {size} pixels \
                 of {domain}",
                frames.count
            )));
        }
        let samples = Samples::from_bytes(domain.depth, &bytes);
        let frame = Picture::new(size.0, domain.channels, samples);
        let frame = frames.translate(frame)?;
        frames.write(frame.bytes())?;
    }
}

/// Translates YUV4MPEG2, whose header has the size and frame rate (`ffmpeg -f yuv4mpegpipe`).
///
/// # Errors
/// If the input is not such a video, has no frame or is cut short, the model refuses a frame, or the output cannot be written.
fn yuv4mpeg(mut frames: Frames) -> Result<(), Failure> {
    let mut video = y4m::Reader::new(BufReader::new(stdin().lock()))?;
    frames.write(&video.header())?;
    while let Some(frame) = video.frame(frames.count)? {
        let mut frame = frames.translate(frame)?;
        let target = &frames.translator.config.target;
        if target.labels.is_some() {
            frame = target.shown(&frame).into();
        }
        let bytes = video.encoded(frame)?;
        frames.write(&bytes)?;
    }
    frames.finish()
}

/// Translates frames and writes them, counts and times them.
struct Frames<'a> {
    translator: &'a Translator,
    /// Returns the options of a frame by its number, from 0.
    options: &'a dyn Fn(u64) -> TranslateOptions,
    /// What a calm video keeps of its frames.
    temporal: Option<Temporal>,
    out: BufWriter<io::StdoutLock<'static>>,
    count: u64,
    /// The values of all frames outside of the model's range.
    clipped: Outside,
    started: Instant,
    args: &'a Args,
    /// What to say of frames at another scale than the training's.
    scale: Option<String>,
}

impl<'a> Frames<'a> {
    /// Before the first frame.
    fn new(
        translator: &'a Translator,
        options: &'a dyn Fn(u64) -> TranslateOptions,
        temporal: Option<Temporal>,
        args: &'a Args,
    ) -> Self {
        Self {
            translator,
            options,
            temporal,
            out: BufWriter::new(stdout().lock()),
            count: 0,
            clipped: Outside::default(),
            started: Instant::now(),
            args,
            scale: None,
        }
    }

    fn translate(&mut self, frame: Picture) -> Result<Picture, Failure> {
        let options = (self.options)(self.count);
        if self.count == 0 {
            self.scale = other_scale(self.args, self.translator, frame.size());
        }
        let outside = self.translator.outside_known(&frame, options.nodata);
        self.clipped.add(outside);
        let translated = match &mut self.temporal {
            None => self.translator.translate_with(frame, &options),
            Some(temporal) => self.translator.translate_frame(frame, &options, temporal),
        };
        self.count += 1;
        translated.map_err(Failure::input)
    }

    /// Writes and flushes, as the reader may be waiting for the frame.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = self.out.write_all(bytes).and_then(|()| self.out.flush());
        written.map_err(|e| unwritten(&e))
    }

    /// Prints the number of frames, the speed, the share of values that were clipped, and whether their scale is another than the
    /// training's.
    ///
    /// # Errors
    /// If there was no frame: the program before the pipe has failed, and its exit code is lost.
    fn finish(self) -> Result<(), Failure> {
        if self.count == 0 {
            return Err(Failure::input(
                "no frame came in; look at the messages of the program that writes them",
            ));
        }
        let seconds = self.started.elapsed().as_secs_f64();
        let rate = self.count as f64 / seconds;
        if !self.args.quiet {
            tell(&format!(
                "{} in {seconds:.1} s: {rate:.1} frames per second{}",
                count(self.count, "frame"),
                said_of_clipped(self.translator, self.clipped)
            ));
            if let Some(note) = self.scale {
                tell(&format!("note: {note}"));
            }
        }
        Ok(())
    }
}
