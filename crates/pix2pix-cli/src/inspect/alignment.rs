//! `pix2pix inspect --align`: how far the two pictures of each pair are shifted against each other.

use std::path::Path;

use pix2pix::data::{Dataset, Shift};
use pix2pix::one_line;
use pix2pix::text_table::headed;
use rayon::prelude::*;

use crate::data_args::DataArgs;
use crate::failure::Failure;
use crate::paths::word;
use crate::program::program;

/// Most names that are listed.
const NAMED: usize = 5;

/// A table of the shifts of every split, the pairs with the largest ones, those without a reliable one, and what to do.
pub fn report(data: &Dataset, path: &Path, options: &DataArgs) -> Result<String, Failure> {
    let mut rows = Vec::new();
    let mut shifts: Vec<(String, Shift)> = Vec::new();
    let mut unsure = Vec::new();
    for (split, pairs) in &data.splits {
        let found: Vec<Option<Shift>> = (0..pairs.len())
            .into_par_iter()
            .map(|index| pairs.shift(index))
            .collect::<Result<_, _>>()?;
        let mut lengths: Vec<f64> = found.iter().flatten().map(Shift::length).collect();
        lengths.sort_by(f64::total_cmp);
        let shown = |length: Option<f64>| length.map_or("-".to_string(), |l| format!("{l:.1}"));
        rows.push([
            split.to_string(),
            pairs.len().to_string(),
            found
                .iter()
                .flatten()
                .filter(|s| is_shifted(s))
                .count()
                .to_string(),
            shown(median(&lengths)),
            shown(lengths.last().copied()),
            (pairs.len() - lengths.len()).to_string(),
        ]);
        for (index, shift) in found.into_iter().enumerate() {
            let name = format!("{split}: {}", one_line(pairs.name(index)));
            match shift {
                Some(shift) => shifts.push((name, shift)),
                None => unsure.push(name),
            }
        }
    }
    let headers = [
        "split",
        "pairs",
        "shifted",
        "median",
        "largest",
        "no reliable shift",
    ];
    let mut text = "shift of B against A, in pixels:\n".to_string();
    text += &headed(&headers, &rows, &[1, 2, 3, 4, 5]);
    shifts.retain(|(_, shift)| is_shifted(shift));
    shifts.sort_by(|(_, one), (_, other)| other.length().total_cmp(&one.length()));
    for (name, shift) in shifts.iter().take(NAMED) {
        text += &format!("shifted: {name}, {}\n", described(shift));
    }
    if !unsure.is_empty() {
        text += &format!("no reliable shift: {}\n", few(&unsure));
    }
    if !shifts.is_empty() {
        let masked = data.splits.iter().any(|(_, pairs)| pairs.has_masks());
        let options = match options.of_prepare() {
            _ if masked => {
                Err("takes no masks: mark the pixels without data by a value first".to_string())
            }
            options => options,
        };
        let options = match options {
            Ok(options) => options,
            Err(reason) => return Ok(text + &format!("prepare align moves B, but {reason}\n")),
        };
        text += &format!(
            "{} prepare align {}{options} --out aligned moves B of {} and crops both pictures\n",
            program(),
            word(path),
            match shifts.len() {
                1 => "this pair".to_string(),
                count => format!("{count} pairs"),
            }
        );
    }
    Ok(text)
}

/// The median of sorted numbers.
fn median(sorted: &[f64]) -> Option<f64> {
    let half = sorted.len() / 2;
    let upper = *sorted.get(half)?;
    Some(match sorted.len() % 2 {
        1 => upper,
        _ => (sorted[half - 1] + upper) / 2.0,
    })
}

/// Whether moving B by whole pixels would change the pair.
fn is_shifted(shift: &Shift) -> bool {
    shift.whole() != [0, 0]
}

/// A shift in words, such as "3.1 pixels right, 2.0 up".
fn described(shift: &Shift) -> String {
    let [across, along] = [shift.right, shift.down].map(f64::abs);
    let to = if shift.right < 0.0 { "left" } else { "right" };
    let at = if shift.down < 0.0 { "up" } else { "down" };
    format!("{across:.1} pixels {to}, {along:.1} {at}")
}

/// The first names of a list, and how many more it has; "none" of an empty list.
pub fn few(names: &[String]) -> String {
    let listed = names
        .iter()
        .take(NAMED)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    match names.len() {
        0 => "none".to_string(),
        count if count > NAMED => format!("{listed} and {} more", count - NAMED),
        _ => listed,
    }
}
