//! The palettes that `pix2pix inspect` writes for what looks like label maps.

use std::path::Path;

use pix2pix::data::labels::{self, Class};
use pix2pix::data::survey::Survey;
use pix2pix::data::{Classes, classes};
use pix2pix::{Error, atomic_file};

use crate::paths::{Plain, word};
use crate::result_file::ResultArgs;

/// Writes the colors that were found in A or B (`side` 0 or 1) to a palette beside the contact sheet `sheet`, and returns
/// what to say of it. A palette of these colors that is there stays, with `--force` too, which may be for the contact sheet: the
/// user may have named its classes.
///
/// # Errors
/// If the file cannot be written.
pub fn written(
    colors: &[Class],
    side: usize,
    survey: &Survey,
    sheet: &Path,
    result: &ResultArgs,
) -> Result<String, Error> {
    let name = ["a", "b"][side];
    let path = sheet.with_extension(format!("{name}.json"));
    let shown = path.plain();
    let is_exact = survey.kinds[side].keys().all(|kind| kind.format.is_exact());
    let check = match is_exact {
        true => "",
        false => " (check it, as JPEG makes colors at edges)",
    };
    let advice = format!(
        "for classes, train with --labels-{name} {}{check}",
        word(&path)
    );
    if is_of(&path, colors, is_exact) {
        return Ok(format!("palette: {shown} is there, and stays; {advice}\n"));
    }
    if atomic_file::replaces(&path) && !result.replaces() {
        return Ok(format!(
            "palette: {shown} is there, and stays, but it is not of these {} colors; replace it with --force, or choose \
             another name with --sheet\n",
            colors.len()
        ));
    }
    atomic_file::write_own(&path, classes::palette(colors).as_bytes())?;
    Ok(format!("palette: {shown}; {advice}\n"))
}

/// Whether a file is a palette with all of these colors.
fn is_of(path: &Path, colors: &[Class], is_exact: bool) -> bool {
    let Ok(Classes::Palette(kept)) = Classes::read(path) else {
        return false;
    };
    let most = if is_exact { 0 } else { labels::NEAR };
    let is_near = |one: &Class, other: &Class| {
        let mut channels = one.color.iter().zip(other.color);
        channels.all(|(one, other)| u32::from(one.abs_diff(other)) <= most)
    };
    let has = |color: &Class| kept.iter().any(|class| is_near(class, color));
    colors.iter().all(has)
}
