//! The pictures that a demo keeps beside its run: the newest contact sheet, and inputs and outputs of the held-out tiles.

use std::path::Path;

use pix2pix::data::{earth, picture};
use pix2pix::draw::contact_sheet::Row;
use pix2pix::run::Event;
use pix2pix::{Error, RunConfig, atomic_file};

/// Name of the newest contact sheet.
pub const SHEET: &str = "contact-sheet.png";

/// Whether the run of this folder is a demo's.
pub fn are_kept(out: &Path, config: &RunConfig) -> bool {
    earth::is_named(&config.data) && out.join(SHEET).is_file()
}

/// Brings them up to date.
///
/// # Errors
/// When one cannot be written.
pub fn keep(out: &Path, event: &Event) -> Result<(), Error> {
    let Event::Sampled { sheet, rows, .. } = event else {
        return Ok(());
    };
    draw(&out.join(SHEET), sheet)?;
    write(&out.join("inputs"), rows, |row| &row.input)?;
    write(&out.join("outputs"), rows, |row| &row.output)
}

fn write(folder: &Path, rows: &[Row], which: fn(&Row) -> &image::RgbImage) -> Result<(), Error> {
    atomic_file::create_folder(folder)?;
    for row in rows {
        draw(&folder.join(format!("{}.png", row.name)), which(row))?;
    }
    Ok(())
}

fn draw(file: &Path, picture: &image::RgbImage) -> Result<(), Error> {
    atomic_file::check_own(file)?;
    picture::write_png(file, picture)
}
