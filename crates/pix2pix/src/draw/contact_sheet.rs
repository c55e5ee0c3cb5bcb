//! Contact sheets: input, output and target of several pictures side by side, labeled.

use std::fmt::Write;
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, Rgb, RgbImage, imageops};
use pix2pix_runtime::picture::Domain;

use crate::atomic_file;
use crate::data::pair::Pair;
use crate::data::picture::{self, Picture};
use crate::draw::raster;
use crate::error::Result;

/// One row of a contact sheet. All its pictures have the same size.
#[derive(Clone, Debug)]
pub struct Row {
    /// Label of the row, e.g. the pair's name.
    pub name: String,
    /// Input of the generator (x in the paper).
    pub input: RgbImage,
    /// Output of the generator (G(x, z)).
    pub output: RgbImage,
    /// Target (y).
    pub target: RgbImage,
}

impl Row {
    /// A row of a pair and its translation. `domains` are those of source and target.
    pub fn of(pair: &Pair, output: &Picture, domains: [Domain; 2]) -> Self {
        let [source, target] = domains;
        Self {
            name: pair.name.clone(),
            input: source.shown(&pair.source),
            output: target.shown(output),
            target: target.shown(&pair.target),
        }
    }
}

/// Which channels the colors of input and target are, for a title or a caption; `None` where they need no word. The
/// `domains` are those of source and target.
pub fn legend(domains: [&Domain; 2]) -> Option<String> {
    let sides = ["input", "target"].into_iter().zip(domains);
    let said =
        sides.filter_map(|(side, domain)| Some(format!("{side}: {}", domain.colors_shown()?)));
    let said: Vec<String> = said.collect();
    (!said.is_empty()).then(|| said.join("; "))
}

/// A title with the [`legend`] behind it, if there is one.
pub fn titled(title: String, domains: [&Domain; 2]) -> String {
    match legend(domains) {
        Some(legend) => format!("{title}; {legend}"),
        None => title,
    }
}

const MARGIN: u32 = 12;
/// Height of the first line of the title with the labels of the columns, and of each further line.
const TITLE: u32 = 56;
const TITLE_LINE: u32 = 20;
/// Width of a character of the title, on average, in pixels.
const TITLE_CHARACTER: u32 = 9;
/// Height of the first line of a row's name, and of each further line.
const CAPTION: u32 = 22;
const CAPTION_LINE: u32 = 16;
/// Width of its characters.
const CAPTION_CHARACTER: u32 = 7;
const PAPER: Rgb<u8> = Rgb([250, 250, 248]);

/// The lines of a text on a sheet of this width, with characters of that width: as many words in each as there is room for.
fn lines(text: &str, width: u32, character: u32) -> Vec<String> {
    let most = (width.saturating_sub(2 * MARGIN) / character) as usize;
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is a line");
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > most {
            lines.push(word.to_string());
        } else {
            let gap = if line.is_empty() { "" } else { " " };
            *line += &format!("{gap}{word}");
        }
    }
    lines
}

/// Draws rows of input, output and target under `title`, each with its name.
pub fn draw(title: &str, rows: &[Row]) -> RgbImage {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| (row.name.as_str(), [&row.input, &row.output, &row.target]))
        .collect();
    draw_columns(title, ["input", "output", "target"], &rows)
}

/// Draws rows as [`draw`] does, and writes them as PNG, or as JPEG if `path` ends in .jpg.
///
/// # Errors
/// When the file cannot be written.
pub fn save(path: impl AsRef<Path>, title: &str, rows: &[Row]) -> Result<()> {
    let (path, sheet) = (path.as_ref(), draw(title, rows));
    if ImageFormat::from_path(path).is_ok_and(|format| format == ImageFormat::Jpeg) {
        let mut bytes = Vec::new();
        sheet
            .write_with_encoder(JpegEncoder::new(&mut bytes))
            .expect("encoding a JPEG in memory does not fail");
        return atomic_file::write(path, &bytes);
    }
    picture::write_png(path, &sheet)
}

/// Draws rows of pictures, each with its name, under `title` and a label for each column.
pub fn draw_columns<const N: usize>(
    title: &str,
    labels: [&str; N],
    rows: &[(&str, [&RgbImage; N])],
) -> RgbImage {
    let cells = || rows.iter().flat_map(|(_, cells)| cells);
    let cell_width = cells().map(|cell| cell.width()).max().unwrap_or(1);
    let row_height =
        |cells: &[&RgbImage; N]| cells.iter().map(|cell| cell.height()).max().unwrap_or(1);
    let width = N as u32 * (cell_width + MARGIN) + MARGIN;
    let captions: Vec<_> = rows
        .iter()
        .map(|(name, _)| lines(name, width, CAPTION_CHARACTER))
        .collect();
    let caption_height = |lines: &[String]| CAPTION + CAPTION_LINE * (lines.len() as u32 - 1);
    let heights = rows
        .iter()
        .zip(&captions)
        .map(|((_, cells), caption)| row_height(cells) + caption_height(caption) + MARGIN);
    let lines = lines(title, width, TITLE_CHARACTER);
    let more = TITLE_LINE * (lines.len() as u32 - 1);
    let height = TITLE + more + heights.sum::<u32>();

    let mut sheet = RgbImage::from_pixel(width, height, PAPER);
    let mut text = Text::new(width, height);
    for (number, line) in (0..).zip(&lines) {
        text.write(MARGIN, 22 + TITLE_LINE * number, 15, "bold", line);
    }
    for (column, label) in (0..).zip(labels) {
        text.write(
            MARGIN + column * (cell_width + MARGIN),
            46 + more,
            13,
            "normal",
            label,
        );
    }
    let mut y = TITLE + more;
    for ((_, cells), caption) in rows.iter().zip(&captions) {
        for (column, picture) in (0..).zip(cells) {
            let x = MARGIN + column * (cell_width + MARGIN);
            imageops::replace(&mut sheet, *picture, x.into(), y.into());
        }
        y += row_height(cells);
        for (number, line) in (0..).zip(caption) {
            text.write(MARGIN, y + 16 + CAPTION_LINE * number, 12, "normal", line);
        }
        y += caption_height(caption) + MARGIN;
    }
    text.onto(&mut sheet);
    sheet
}

/// All text of the sheet, collected and rendered together.
struct Text {
    svg: String,
}

impl Text {
    fn new(width: u32, height: u32) -> Self {
        Self {
            svg: format!(
                r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">"#
            ),
        }
    }

    fn write(&mut self, x: u32, y: u32, size: u32, weight: &str, text: &str) {
        write!(
            self.svg,
            r##"<text x="{x}" y="{y}" font-family="{}" font-size="{size}" font-weight="{weight}" fill="#222">{}</text>"##,
            raster::FONT,
            raster::escape(text)
        )
        .expect("writing to memory does not fail");
    }

    fn onto(mut self, sheet: &mut RgbImage) {
        self.svg.push_str("</svg>");
        let ink = raster::render(&self.svg, 1.0).expect("the text is valid SVG");
        raster::overlay(sheet, &ink);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_say_which_channels_the_colors_are() {
        let of = |channels| Domain {
            channels,
            ..Domain::RGB8
        };
        let title = |source, target| titled("run".to_string(), [&of(source), &of(target)]);
        assert_eq!(title(1, 3), "run");
        assert_eq!(
            title(6, 2),
            "run; input: red, green and blue are channels 1 to 3 of 6; target: green is channel 1, magenta channel 2"
        );
    }

    /// Narrow sheets have their whole title and the whole names of their rows, too.
    #[test]
    fn texts_have_the_lines_that_they_need() {
        let title = "pix2pix, step 10000 of 200000, training L1 100.25 of 255";
        let cell = RgbImage::from_pixel(64, 64, Rgb([0, 0, 0]));
        let name = "N64.4E050.4: L1 80.44 of 255, PSNR 9.01 dB, SSIM 0.135";
        let sheet = draw_columns(title, ["input", "output", "target"], &[(name, [&cell; 3])]);
        let wide = RgbImage::from_pixel(256, 64, Rgb([0, 0, 0]));
        let plain = draw_columns(title, ["input", "output", "target"], &[("a", [&wide; 3])]);
        assert_eq!(plain.height(), TITLE + 64 + CAPTION + MARGIN);
        assert!(sheet.height() > plain.height());
        let right = sheet
            .enumerate_pixels()
            .filter(|(x, ..)| x + 4 > sheet.width());
        assert!(right.into_iter().all(|(.., pixel)| *pixel == PAPER));
        assert_eq!(lines(title, sheet.width(), 9).join(" "), title);
        assert_eq!(lines("", 100, 9), [""]);
    }
}
