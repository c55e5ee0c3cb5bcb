//! Manifests: a table of pairs, as CSV or as JSON lines, with two columns of paths and, if wanted, a third
//! with the split.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::layout::{Entry, Files, Layout, Split};
use crate::data::pair;
use crate::data::picture::is_picture;
use crate::error::{Error, Result};

/// Whether a file's name says that it is a manifest.
pub fn is_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|ending| {
        ["csv", "jsonl"]
            .iter()
            .any(|known| ending.eq_ignore_ascii_case(known))
    })
}

/// Names of a manifest that is found by itself in a folder or an archive.
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

/// Reads a manifest whose paths are relative to its own folder; `path` is relative to the data set's
/// root, and `shown` is for messages.
///
/// # Errors
/// When a line is not two paths and a split.
pub fn read(path: &Path, shown: &Path, text: &[u8]) -> Result<Layout> {
    let wrong = |line: u64, reason: String| {
        Error::file(
            shown,
            format!("line {line}: {reason}"),
            "a line has two paths, and a third column for train, val or test: a,b,split",
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
                Some(split.ok_or_else(|| wrong(number, format!("\"{name}\" is no split")))?)
            }
        };
        layout.splits.entry(split).or_default().push(Entry {
            name: pair::stem(&line.a),
            files: Files::Apart(folder.join(line.a), folder.join(line.b)),
        });
    }
    if layout.splits.is_empty() {
        return Err(wrong(1, "there is no pair".to_string()));
    }
    // where some lines have a split, the others are to learn from
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
        // a first line that names no picture names the columns
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
            _ => Err("it has no two paths".to_string()),
        };
        lines.push((number, line));
    }
    lines
}
