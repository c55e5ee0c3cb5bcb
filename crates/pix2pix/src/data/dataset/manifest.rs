//! Manifests: tables of pairs, as CSV or JSON lines, with two columns of paths and optionally a third with the split.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::layout::{Entry, Files, Layout, Split};
use crate::data::pair;
use crate::data::picture::is_picture;
use crate::error::{Error, Result};

/// Whether a file has the extension of a manifest, `.csv` or `.jsonl`.
pub fn is_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|ending| {
        ["csv", "jsonl"]
            .iter()
            .any(|known| ending.eq_ignore_ascii_case(known))
    })
}

/// Names by which a manifest is detected in a folder or an archive.
pub const NAMES: [&str; 4] = ["manifest.csv", "manifest.jsonl", "pairs.csv", "pairs.jsonl"];

/// A line of a JSON manifest.
#[derive(Deserialize)]
struct Line {
    #[serde(alias = "A", alias = "source", alias = "input")]
    a: PathBuf,
    #[serde(alias = "B", alias = "target", alias = "output")]
    b: PathBuf,
    split: Option<String>,
}

/// Reads a manifest. Its paths are relative to its own folder; `path` is relative to the data set's root, and `shown`
/// is for messages.
///
/// # Errors
/// When a line is not two paths and an optional split.
pub fn read(path: &Path, shown: &Path, text: &[u8]) -> Result<Layout> {
    let wrong = |line: u64, reason: String| {
        Error::file(
            shown,
            format!("line {line}: {reason}"),
            "write two paths and optionally a split (train, val or test) on each line: a,b,split",
        )
    };
    let json = path
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("jsonl"));
    let lines = if json {
        json_lines(text)
    } else {
        csv_lines(text)
    };
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut layout = Layout {
        description: format!("the pairs of {}", shown.display()),
        ..Layout::default()
    };
    for (number, line) in lines {
        let line = line.map_err(|reason| wrong(number, reason))?;
        let split = match line.split.as_deref().map(str::trim) {
            None | Some("") => None,
            Some(name) => {
                let split = Split::parse(name);
                Some(split.ok_or_else(|| wrong(number, format!("\"{name}\" is not a split")))?)
            }
        };
        layout.splits.entry(split).or_default().push(Entry {
            name: pair::stem(&line.a),
            files: Files::Apart(folder.join(line.a), folder.join(line.b)),
        });
    }
    if layout.splits.is_empty() {
        return Err(wrong(1, "there are no pairs".to_string()));
    }
    // if some lines have a split, those without one are training pairs
    if layout.splits.len() > 1
        && let Some(rest) = layout.splits.remove(&None)
    {
        layout
            .splits
            .entry(Some(Split::Train))
            .or_default()
            .extend(rest);
    }
    Ok(layout)
}

type Lines = Vec<(u64, std::result::Result<Line, String>)>;

fn json_lines(text: &[u8]) -> Lines {
    let lines = (1..).zip(text.split(|&byte| byte == b'\n'));
    lines
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .map(|(number, line)| {
            (
                number,
                serde_json::from_slice(line).map_err(|e| e.to_string()),
            )
        })
        .collect()
}

fn csv_lines(text: &[u8]) -> Lines {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text);
    let mut columns = [0, 1, 2];
    let mut lines = Lines::new();
    for (index, record) in reader.records().enumerate() {
        let record = match record {
            Ok(record) => record,
            Err(e) => {
                lines.push((index as u64 + 1, Err(e.to_string())));
                break;
            }
        };
        let number = record
            .position()
            .map_or(index as u64 + 1, csv::Position::line);
        // a first line without the path of a picture is the header
        if index == 0
            && !record
                .get(0)
                .is_some_and(|first| is_picture(Path::new(first)))
        {
            let names = [
                ["a", "source", "input"],
                ["b", "target", "output"],
                ["split"; 3],
            ];
            for (column, names) in columns.iter_mut().zip(names) {
                let named = |name: &str| names.iter().any(|known| name.eq_ignore_ascii_case(known));
                *column = record.iter().position(named).unwrap_or(*column);
            }
            continue;
        }
        let field = |column: usize| record.get(column).filter(|field| !field.is_empty());
        let line = match (field(columns[0]), field(columns[1])) {
            (Some(a), Some(b)) => Ok(Line {
                a: a.into(),
                b: b.into(),
                split: field(columns[2]).map(str::to_string),
            }),
            _ => Err("it does not have two paths".to_string()),
        };
        lines.push((number, line));
    }
    lines
}
