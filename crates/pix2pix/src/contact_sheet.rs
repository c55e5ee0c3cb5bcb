//! Contact sheets: input, output and target of several pictures side by side, labelled.

use std::fmt::Write;

use image::{Rgb, RgbImage, imageops};

use crate::raster;

/// One row of a contact sheet; its pictures have one size.
#[derive(Clone, Debug)]
pub struct Row {
    /// The picture's name.
    pub name: String,
    /// What the generator saw.
    pub input: RgbImage,
    /// What it made of it.
    pub output: RgbImage,
    /// What it should have made.
    pub target: RgbImage,
}

const COLUMNS: [&str; 3] = ["input", "output", "target"];
const MARGIN: u32 = 12;
const TITLE: u32 = 56;
const CAPTION: u32 = 22;
const PAPER: Rgb<u8> = Rgb([250, 250, 248]);

/// Draws the sheet under `title`. At least one row is needed.
pub fn draw(title: &str, rows: &[Row]) -> RgbImage {
    let cell_width = rows.iter().map(|row| row.input.width()).max().unwrap_or(1);
    let width = COLUMNS.len() as u32 * (cell_width + MARGIN) + MARGIN;
    let heights = rows.iter().map(|row| row.input.height() + CAPTION + MARGIN);
    let height = TITLE + heights.sum::<u32>();

    let mut sheet = RgbImage::from_pixel(width, height, PAPER);
    let mut text = Text::new(width, height);
    text.write(MARGIN, 22, 15, "bold", title);
    for (column, label) in (0..).zip(COLUMNS) {
        text.write(
            MARGIN + column * (cell_width + MARGIN),
            46,
            13,
            "normal",
            label,
        );
    }
    let mut y = TITLE;
    for row in rows {
        for (column, picture) in (0..).zip([&row.input, &row.output, &row.target]) {
            let x = MARGIN + column * (cell_width + MARGIN);
            imageops::replace(&mut sheet, picture, x.into(), y.into());
        }
        y += row.input.height();
        text.write(MARGIN, y + 16, 12, "normal", &row.name);
        y += CAPTION + MARGIN;
    }
    text.onto(&mut sheet);
    sheet
}

/// The sheet's writing, drawn at once.
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
        let ink = raster::render(&self.svg, 1.0).expect("the writing is valid SVG");
        raster::overlay(sheet, &ink);
    }
}
