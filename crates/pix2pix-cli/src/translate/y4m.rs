//! YUV4MPEG2: uncompressed video with a header, and 8-bit planes of luma and chroma.

use std::cell::Cell;
use std::io::{self, Read};
use std::path::Path;
use std::rc::Rc;

use pix2pix::Translator;
use pix2pix::data::picture::{Depth, MAX_PIXELS, MAX_SIDE, MIN_SIDE, Picture, Samples};
use y4m::{Colorspace, Decoder, Limits};
use yuv::{
    YuvChromaSubsampling, YuvConversionMode, YuvGrayImage, YuvPlanarImage, YuvPlanarImageMut,
    YuvRange, YuvStandardMatrix,
};

use crate::failure::Failure;
use crate::paths::Plain;

/// Checks that a model takes the frames of such a video, 8-bit RGB, and that its pictures can be frames of one. `model` is for
/// messages.
///
/// # Errors
/// Names the model, and what does not fit.
pub fn check(model: &Path, translator: &Translator) -> Result<(), Failure> {
    let [source, target] = [&translator.config.source, &translator.config.target];
    let reason = if translator.check_channels(3).is_err() {
        let channels = source.channels;
        format!("its sources have {channels} channels, and frames of YUV4MPEG2 have 3")
    } else if translator.config.neighbors > 0 {
        "its sources are slices with their neighbors, and frames of YUV4MPEG2 are colors"
            .to_string()
    } else if target.labels.is_some() {
        return Ok(()); // classes are shown in colors
    } else if target.depth != Depth::U8 {
        "its pictures have more than 8 bits per channel, which YUV4MPEG2 cannot store".to_string()
    } else if target.channels > 4 {
        let channels = target.channels;
        format!("its pictures have {channels} channels, and frames of YUV4MPEG2 have 3")
    } else {
        return Ok(());
    };
    let model = model.plain();
    Err(Failure::Usage(format!(
        "{model}: {reason}; use --stdin-raw"
    )))
}

/// A reader of a video.
pub struct Reader<R: Read> {
    decoder: Decoder<Counted<R>>,
    /// Bytes read so far.
    read: Rc<Cell<u64>>,
    /// Bytes up to the end of the last whole frame. The decoder reports a frame cut short as the end of the video.
    whole: u64,
    size: [u32; 2],
    range: YuvRange,
    /// Chroma subsampling; `None` for gray.
    chroma: Option<YuvChromaSubsampling>,
}

/// Counts the bytes read from `input`.
struct Counted<R> {
    input: R,
    read: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.read.set(self.read.get() + count as u64);
        Ok(count)
    }
}

/// Color matrix. YUV4MPEG2 does not store it; ffmpeg then assumes this one.
const MATRIX: YuvStandardMatrix = YuvStandardMatrix::Bt601;

impl<R: Read> Reader<R> {
    /// Reads the header.
    pub fn new(input: R) -> Result<Self, Failure> {
        let limits = Limits {
            bytes: 4 * MAX_PIXELS as usize,
        };
        let read = Rc::new(Cell::new(0));
        let input = Counted {
            input,
            read: read.clone(),
        };
        let decoder = Decoder::new_with_limits(input, limits).map_err(|e| match e {
            y4m::Error::OutOfMemory => Failure::input(format!(
                "a video whose frames have more than {} bytes; a frame's sides have {MIN_SIDE} to {MAX_SIDE} pixels, of 8 bits",
                limits.bytes
            )),
            y4m::Error::UnknownColorspace => other_pixels("a pixel format that is not read"),
            e => Failure::input(format!(
                "not a YUV4MPEG2 video ({e}); pipe from ffmpeg -f yuv4mpegpipe -"
            )),
        })?;
        let size = [decoder.get_width(), decoder.get_height()];
        if size
            .iter()
            .any(|side| !(MIN_SIDE as usize..=MAX_SIDE as usize).contains(side))
        {
            let [width, height] = size;
            return Err(Failure::input(format!(
                "a video of {width}x{height} pixels; a frame's sides have {MIN_SIDE} to {MAX_SIDE} pixels"
            )));
        }
        let chroma = match decoder.get_colorspace() {
            Colorspace::Cmono => None,
            Colorspace::C420
            | Colorspace::C420jpeg
            | Colorspace::C420paldv
            | Colorspace::C420mpeg2 => Some(YuvChromaSubsampling::Yuv420),
            Colorspace::C422 => Some(YuvChromaSubsampling::Yuv422),
            Colorspace::C444 => Some(YuvChromaSubsampling::Yuv444),
            other => {
                let what = format!("more than 8 bits per sample ({other:?})");
                return Err(other_pixels(&what));
            }
        };
        let full = decoder
            .get_raw_params()
            .split(|byte| *byte == b' ')
            .any(|parameter| parameter == b"XCOLORRANGE=FULL");
        Ok(Self {
            size: size.map(|side| side as u32),
            range: if full {
                YuvRange::Full
            } else {
                YuvRange::Limited
            },
            decoder,
            whole: read.get(),
            read,
            chroma,
        })
    }

    /// The header of the translated video: a copy of the input's, with gray changed to C444.
    pub fn header(&self) -> Vec<u8> {
        let mut header = b"YUV4MPEG2 ".to_vec();
        let gray = self.chroma.is_none();
        let parameters = self.decoder.get_raw_params().split(|byte| *byte == b' ');
        let kept = parameters.filter(|parameter| !(gray && parameter.starts_with(b"C")));
        header.extend(kept.collect::<Vec<_>>().join(&b' '));
        if gray {
            header.extend(b" C444");
        }
        header.push(b'\n');
        header
    }

    /// Reads the next frame as 8-bit RGB, `None` at the end of the video. `number` is used in error messages.
    pub fn frame(&mut self, number: u64) -> Result<Option<Picture>, Failure> {
        let frame = match self.decoder.read_frame() {
            Ok(frame) => frame,
            Err(y4m::Error::EOF) if self.read.get() == self.whole => return Ok(None),
            Err(y4m::Error::EOF) => {
                return Err(Failure::input(format!(
                    "ends in the middle of frame {number}"
                )));
            }
            Err(e) => return Err(Failure::input(format!("frame {number} is broken ({e})"))),
        };
        self.whole = self.read.get();
        let [width, height] = self.size;
        let mut pixels = vec![0; 3 * width as usize * height as usize];
        let (range, stride) = (self.range, 3 * width);
        let done = match self.chroma {
            None => {
                let image = YuvGrayImage {
                    y_plane: frame.get_y_plane(),
                    y_stride: width,
                    width,
                    height,
                };
                yuv::yuv400_to_rgb(&image, &mut pixels, stride, range, MATRIX)
            }
            Some(chroma) => {
                let chroma_width = chroma_width(chroma, width);
                let image = YuvPlanarImage {
                    y_plane: frame.get_y_plane(),
                    y_stride: width,
                    u_plane: frame.get_u_plane(),
                    u_stride: chroma_width,
                    v_plane: frame.get_v_plane(),
                    v_stride: chroma_width,
                    width,
                    height,
                };
                let convert = match chroma {
                    YuvChromaSubsampling::Yuv420 => yuv::yuv420_to_rgb,
                    YuvChromaSubsampling::Yuv422 => yuv::yuv422_to_rgb,
                    YuvChromaSubsampling::Yuv444 => yuv::yuv444_to_rgb,
                };
                convert(&image, &mut pixels, stride, range, MATRIX)
            }
        };
        done.map_err(|e| Failure::input(format!("frame {number}: {e}")))?;
        Ok(Some(Picture::new(self.size, 3, Samples::U8(pixels))))
    }

    /// Encodes a translated frame in this video's chroma subsampling and range.
    ///
    /// # Errors
    /// If the conversion to luma and chroma fails.
    ///
    /// # Panics
    /// If the model's pictures cannot be frames: see [`check`].
    pub fn encoded(&self, frame: Picture) -> Result<Vec<u8>, Failure> {
        let frame = frame.with_channels(3).expect("as checked");
        let [width, height] = frame.size();
        let Samples::U8(pixels) = frame.into_samples() else {
            panic!("8 bits, as checked");
        };
        let chroma = self.chroma.unwrap_or(YuvChromaSubsampling::Yuv444);
        let mut planes = YuvPlanarImageMut::<u8>::alloc(width, height, chroma);
        let convert = match chroma {
            YuvChromaSubsampling::Yuv420 => yuv::rgb_to_yuv420,
            YuvChromaSubsampling::Yuv422 => yuv::rgb_to_yuv422,
            YuvChromaSubsampling::Yuv444 => yuv::rgb_to_yuv444,
        };
        let mode = YuvConversionMode::Balanced;
        convert(&mut planes, &pixels, 3 * width, self.range, MATRIX, mode)
            .map_err(Failure::input)?;
        let mut bytes = b"FRAME\n".to_vec();
        for plane in [&planes.y_plane, &planes.u_plane, &planes.v_plane] {
            bytes.extend(plane.borrow());
        }
        Ok(bytes)
    }
}

/// The failure for pixels that are not read.
fn other_pixels(what: &str) -> Failure {
    Failure::input(format!(
        "{what}; add -pix_fmt yuv444p to the ffmpeg command"
    ))
}

fn chroma_width(chroma: YuvChromaSubsampling, width: u32) -> u32 {
    match chroma {
        YuvChromaSubsampling::Yuv420 | YuvChromaSubsampling::Yuv422 => width.div_ceil(2),
        YuvChromaSubsampling::Yuv444 => width,
    }
}
