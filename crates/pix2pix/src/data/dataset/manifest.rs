//! Manifests: tables of pairs, as CSV or JSON lines, with two columns of paths, and optionally one with the split and one with
//! masks.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

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

/// A line of a manifest.
struct Line {
    a: Vec<PathBuf>,
    b: Vec<PathBuf>,
    mask: Option<PathBuf>,
    split: Option<String>,
}

/// One path, or those of pictures whose channels are joined.
#[derive(Deserialize)]
#[serde(untagged)]
enum Paths {
    One(PathBuf),
    Several(Vec<PathBuf>),
}

impl From<Paths> for Vec<PathBuf> {
    fn from(paths: Paths) -> Self {
        match paths {
            Paths::One(path) => vec![path],
            Paths::Several(paths) => paths,
        }
    }
}

/// Reads a manifest. Its paths are relative to its own folder; `path` is relative to the data set's root, and `shown`
/// is for messages.
///
/// # Errors
/// When a line is not two paths and an optional split.
pub fn read(path: &Path, shown: &Path, text: &[u8]) -> Result<Layout> {
    let json = path
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("jsonl"));
    let remedy = match json {
        true => {
            "write two paths and optionally a split (train, val or test) on each line: {\"a\": \"1.png\", \"b\": \"2.png\", \
             \"split\": \"val\"}"
        }
        false => {
            "write two paths and optionally a split (train, val or test) on each line: a,b,split"
        }
    };
    let wrong =
        |line: u64, reason: String| Error::file(shown, format!("line {line}: {reason}"), remedy);
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
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
        if line.a.is_empty() || line.b.is_empty() {
            return Err(wrong(number, "it does not have two paths".to_string()));
        }
        let [a, b] =
            [&line.a, &line.b].map(|paths| paths.iter().map(|path| folder.join(path)).collect());
        let files = Files::Apart(a, b);
        let entry = Entry {
            mask: line.mask.map(|mask| folder.join(mask)),
            ..Entry::new(pair::stem(&line.a[0]), files)
        };
        layout.splits.entry(split).or_default().push(entry);
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

/// The mark that some editors, and Excel, put before UTF-8 text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

fn json_lines(text: &[u8]) -> Lines {
    let lines = (1..).zip(text.split(|&byte| byte == b'\n'));
    lines
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .map(|(number, line)| (number, json_line(line)))
        .collect()
}

/// A line of a JSON manifest: its keys are the names of a table's columns.
fn json_line(line: &[u8]) -> std::result::Result<Line, String> {
    let fields: serde_json::Map<String, Value> =
        serde_json::from_slice(line).map_err(|e| e.to_string())?;
    let [a, mut b, split, mut mask] = COLUMNS.map(|names| {
        let known = |key: &str| names.iter().any(|name| name.eq_ignore_ascii_case(key));
        let field = fields.iter().find(|(key, _)| known(key));
        field.filter(|(_, value)| !value.is_null())
    });
    if b.is_none() {
        b = mask.take();
    }
    fn read<T: DeserializeOwned>(
        field: Option<(&String, &Value)>,
        what: &str,
    ) -> std::result::Result<Option<T>, String> {
        field
            .map(|(key, value)| {
                T::deserialize(value).map_err(|_| format!("\"{key}\" is {value}, not {what}"))
            })
            .transpose()
    }
    let [a, b] = [a, b].map(|side| read::<Paths>(side, "a path or a list of paths"));
    let (Some(a), Some(b)) = (a?, b?) else {
        return Err("it does not have two paths".to_string());
    };
    Ok(Line {
        a: a.into(),
        b: b.into(),
        mask: read(mask, "a path")?,
        split: read(split, "text")?,
    })
}

/// Names of the columns, or of JSON's keys, of A, of B, of the split and of the mask. Where no other is that of B, a mask is B.
const COLUMNS: [&[&str]; 4] = [
    &["a", "source", "input", "image"],
    &["b", "target", "output", "label"],
    &["split", "set", "subset"],
    &["mask"],
];

/// The separator of a table: the character of these that its first line has most of. Excel writes semicolons where the
/// comma is the decimal point.
fn separator(text: &[u8]) -> u8 {
    let first = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let count = |separator: u8| first.iter().filter(|byte| **byte == separator).count();
    let most = [b'\t', b';', b',']
        .into_iter()
        .max_by_key(|&separator| count(separator));
    most.expect("there are three")
}

fn csv_lines(text: &[u8]) -> Lines {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator(text))
        .trim(csv::Trim::All)
        .from_reader(text);
    let mut header = None;
    let mut columns = None;
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
        let is_path = |field: &str| is_picture(Path::new(field));
        // a first line without the path of a picture is the header
        if index == 0 && !record.iter().any(is_path) {
            header = Some(record);
            continue;
        }
        let Columns { a, b, split, mask } =
            columns.get_or_insert_with(|| columns_of(header.as_ref(), &record));
        let field = |column: usize| record.get(column).filter(|field| !field.is_empty());
        let paths = |columns: &[usize]| -> Option<Vec<PathBuf>> {
            columns
                .iter()
                .map(|&column| field(column).map(PathBuf::from))
                .collect()
        };
        let line = match (paths(a), paths(b)) {
            (Some(a), Some(b)) => Ok(Line {
                a,
                b,
                split: field(*split).map(str::to_string),
                mask: mask.and_then(field).map(PathBuf::from),
            }),
            _ => Err("it does not have two paths".to_string()),
        };
        lines.push((number, line));
    }
    lines
}

/// The columns of a table.
struct Columns {
    a: Vec<usize>,
    b: Vec<usize>,
    split: usize,
    mask: Option<usize>,
}

/// The columns of A, of B, of the split and of the mask: those that the header names; otherwise the first two with paths of
/// pictures in this line, which passes over a column of numbers before them, and the one behind them. Columns `a1`, `a2`, ...
/// are those of several pictures whose channels are joined.
fn columns_of(header: Option<&csv::StringRecord>, line: &csv::StringRecord) -> Columns {
    let fields = || header.iter().flat_map(|header| header.iter().enumerate());
    let numbered = |letter: char| {
        let mut found: Vec<(u32, usize)> = fields()
            .filter_map(|(column, field)| {
                let number = field.to_lowercase().strip_prefix(letter)?.parse().ok()?;
                Some((number, column))
            })
            .collect();
        found.sort_unstable();
        found
            .into_iter()
            .map(|(_, column)| column)
            .collect::<Vec<_>>()
    };
    let [several_a, several_b] = ['a', 'b'].map(numbered);
    let [a, mut b, split, mut mask] = COLUMNS.map(|names| {
        let known = |field: &str| names.iter().any(|name| name.eq_ignore_ascii_case(field));
        fields()
            .find(|(_, field)| known(field))
            .map(|(column, _)| column)
    });
    if b.is_none() && several_b.is_empty() {
        b = mask.take();
    }
    let named = [several_a.clone(), several_b.clone()].concat();
    let named: Vec<usize> = named
        .into_iter()
        .chain([a, b, split, mask].into_iter().flatten())
        .collect();
    let mut paths = (0..line.len())
        .filter(|column| is_picture(Path::new(&line[*column])) && !named.contains(column));
    let mut columns =
        |several: Vec<usize>, one: Option<usize>, otherwise: usize| match several.is_empty() {
            true => vec![one.or_else(|| paths.next()).unwrap_or(otherwise)],
            false => several,
        };
    let a = columns(several_a, a, 0);
    let b = columns(several_b, b, a[0] + 1);
    let last = a.iter().chain(&b).copied().max().unwrap_or(0);
    Columns {
        split: split.unwrap_or(last + 1),
        a,
        b,
        mask,
    }
}
