//! Decodes the picture of a request, within the limits of pixels and memory.

use std::path::Path;

use axum::http::StatusCode;
use pix2pix::data::Pages;
use pix2pix::data::picture::{
    self, Content, Format, Gaps, Header, MAX_METADATA, Metadata, Page, Picture,
};
use pix2pix::model::Scale;

use crate::app::App;
use crate::memory::Held;
use crate::models::Model;
use crate::problem::Problem;

/// The limits of a picture.
#[derive(Clone, Copy)]
pub struct Limits {
    /// Pixels, width x height.
    pixels: u64,
    /// The memory of all requests, in bytes.
    memory: u64,
}

impl Limits {
    pub fn of(app: &App) -> Self {
        Self {
            pixels: app.settings.pixels,
            memory: app.uploads.memory.bytes,
        }
    }
}

/// Copies of a picture in memory while it is decoded: the file's strips, the samples as they are stored, converted, and
/// turned.
const DECODED: u64 = 5;
/// Copies of a result: as it is made, as the encoder takes it, and encoded.
const RESULT: u64 = 3;
/// Bytes of a pixel to look at.
const SHOWN: u64 = 3;

/// Refuses volumes, and TIFF files of several pages unless the model takes the first one, or all as the channels of one
/// picture: a request has one picture.
fn check_one_picture(content: &Content, pages: Option<Pages>) -> Result<(), Problem> {
    let format = content
        .starts()
        .ok()
        .and_then(|start| Format::guess(&start));
    let (what, part) = match format {
        Some(Format::Nifti) => ("a volume".to_string(), "slice"),
        Some(Format::Tiff) if matches!(pages, None | Some(Pages::Each)) => {
            match picture::pages(content) {
                0..=1 => return Ok(()),
                count => (format!("a TIFF file with {count} pages"), "page"),
            }
        }
        _ => return Ok(()),
    };
    let detail = format!(
        "the picture: {what}, and this server translates single pictures; translate it with `pix2pix translate`, or send \
         {part} by {part}"
    );
    Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail))
}

/// Decodes a picture, after checking its header: its size, the size to which the model pads it at this scale (of which the time
/// of the translation depends), its channels and the memory that it needs. Also returns the value that the file names for pixels
/// without data.
pub fn decoded(
    bytes: Vec<u8>,
    model: &Model,
    (scale, limits): (Scale, Limits),
    held: &mut Held,
) -> Result<(Picture, Option<f32>), Problem> {
    let unlike = |e: pix2pix::Error| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, e.to_string());
    let large = |detail: String| Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail);
    let translator = &model.translator;
    let (name, page) = (Path::new("the picture"), Page::of(translator.config.pages));
    let received = bytes.len() as u64;
    let content = Content::from(bytes);
    let mut hold = |pixels: u64, bytes_of_pixel: u64| {
        let picture = pixels.saturating_mul(bytes_of_pixel);
        let needed = (2 * received + MAX_METADATA as u64).saturating_add(picture);
        if needed > limits.memory {
            let most = limits.memory;
            let detail = format!(
                "the picture needs {needed} bytes of memory, and this server has {most} bytes for all requests; shrink it, or cut \
                 it into pieces"
            );
            return Err(large(detail));
        }
        match held.grow_to(needed) {
            true => Ok(()),
            false => Err(Problem::no_memory()),
        }
    };
    hold(0, 0)?;
    check_one_picture(&content, translator.config.pages)?;
    let header = Header::read(name, &content, page).map_err(unlike)?;
    let ([width, height], most) = (header.size, limits.pixels);
    if header.pixels() > most {
        return Err(large(format!(
            "the picture has {width}x{height} pixels, and this server accepts at most {most}; shrink it, or cut it into pieces"
        )));
    }
    // a narrow picture is padded to many times its pixels
    let area = |size: [u32; 2]| size.map(u64::from).iter().product::<u64>();
    let most = 2 * most.max(area(translator.padded([1, 1])));
    let scaled = translator.at_scale(header.size, scale).map_err(unlike)?;
    let [width, height] = translator.padded(scaled);
    if area([width, height]) > most {
        let how = match scale {
            Scale::Native => "pads the picture to",
            Scale::Train => "takes the picture at the scale of its training, as",
        };
        return Err(large(format!(
            "the model {how} {width}x{height} pixels, and this server translates at most {most}; send a smaller or less narrow one"
        )));
    }
    let pixels = header.pixels().max(area(scaled));
    translator.check_channels(header.channels).map_err(unlike)?;
    let source = &translator.config.source;
    if page == Page::Channels && picture::pages(&content) > 1 {
        source.check_joined(header.channels).map_err(unlike)?;
    }
    let target = &translator.config.target;
    let stored = header.channels as u64 * header.depth.bytes();
    let result = RESULT * (target.channels as u64 * target.depth.bytes()).max(SHOWN);
    hold(pixels, DECODED * stored + result)?;
    let gaps = Gaps::known_by(source.nodata);
    let decoded = picture::decode_as(name, &content, page, Some(source), gaps);
    let (picture, format) = decoded.map_err(unlike)?;
    let metadata = Metadata::read(&content, format, page, header.channels);
    let nodata = metadata.in_domain(source).nodata();
    held.shrink_to(header.bytes() + pixels * result);
    Ok((picture, nodata))
}
