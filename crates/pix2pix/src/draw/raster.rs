//! Renders drawings (SVG) to pixels, with a typeface that is embedded in the program.

use std::sync::{Arc, LazyLock};

use image::{RgbImage, RgbaImage};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

/// The typeface's name for `font-family`.
pub const FONT: &str = "DejaVu Sans";

static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(dejavu::sans::regular().to_vec());
    fonts.load_font_data(dejavu::sans::bold().to_vec());
    Arc::new(fonts)
});

/// Renders SVG at `scale` pixels per unit, on a transparent background.
///
/// # Errors
/// A message, when it is not valid SVG or has no size.
pub fn render(svg: &str, scale: f32) -> Result<RgbaImage, String> {
    let options = Options {
        font_family: FONT.to_string(),
        fontdb: FONTS.clone(),
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options).map_err(|e| e.to_string())?;
    let size = tree.size();
    let side = |units: f32| (units * scale).ceil() as u32;
    let (width, height) = (side(size.width()), side(size.height()));
    let mut pixels = Pixmap::new(width, height).ok_or("the drawing has no size")?;
    resvg::render(
        &tree,
        Transform::from_scale(scale, scale),
        &mut pixels.as_mut(),
    );
    let colors = pixels.pixels().iter().flat_map(|pixel| {
        let color = pixel.demultiply();
        [color.red(), color.green(), color.blue(), color.alpha()]
    });
    Ok(RgbaImage::from_raw(width, height, colors.collect()).expect("four values a pixel"))
}

/// Lays a drawing over a picture of the same size.
pub fn overlay(picture: &mut RgbImage, drawing: &RgbaImage) {
    for (paper, ink) in picture.pixels_mut().zip(drawing.pixels()) {
        let [red, green, blue, alpha] = ink.0.map(f32::from);
        let share = alpha / 255.0;
        for (paper, ink) in paper.0.iter_mut().zip([red, green, blue]) {
            *paper = (f32::from(*paper) * (1.0 - share) + ink * share).round() as u8;
        }
    }
}

/// Escapes text for an SVG element or attribute; replaces characters that XML does not allow with U+FFFD.
pub fn escape(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, c| {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
        escaped
    })
}
