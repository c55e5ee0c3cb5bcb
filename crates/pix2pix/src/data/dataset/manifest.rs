//! Manifests: tables of pairs, as CSV or JSON lines, with two columns of paths, and optionally one with the split and one with
//! masks.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::incomplete::Incomplete;
use super::layout::{Entry, Files, Layout, Split};
use super::passed_over::Why;
use super::path_names::name_by_path;
use super::store::Store;
use crate::data::pair;
use crate::data::picture::is_picture;
use crate::error::{self, Error, Result, one_line};

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

/// Notes the files beside the table of a layout that it does not list, in this folder or archive.
pub fn note_unlisted(layout: &mut Layout, table: &Path, files: &[PathBuf]) {
    let entries = layout.splits.values().flatten();
    let listed = entries.flat_map(|entry| entry.files.all().chain(&entry.mask));
    let incomplete = layout.incomplete.iter().flat_map(|line| &line.files);
    let listed: BTreeSet<PathBuf> = listed.chain(incomplete).cloned().collect();
    for file in files
        .iter()
        .filter(|file| *file != table && !listed.contains(*file))
    {
        let why = if is_picture(file) {
            Why::Unlisted
        } else if is_manifest(file) {
            Why::Table
        } else {
            Why::of_ending(file)
        };
        layout.pass_over(file, why);
    }
}

/// A line of a manifest.
struct Line {
    a: Vec<PathBuf>,
    b: Vec<PathBuf>,
    mask: Option<PathBuf>,
    split: Option<String>,
    /// The first column of A or of B that has no path.
    empty: Option<String>,
    /// The keys with values of a line of JSON, for messages.
    keys: Option<String>,
}

impl Line {
    /// What it lacks, if others have so many pictures of A and of B.
    fn lacks(&self, most: [usize; 2]) -> Option<String> {
        if let Some(column) = &self.empty {
            return Some(format!("{column} is empty"));
        }
        let mut sides = [("A", &self.a), ("B", &self.b)].into_iter().zip(most);
        let ((side, paths), most) = sides.find(|((_, paths), most)| paths.len() < *most)?;
        Some(match (paths.len(), &self.keys) {
            (0, Some(keys)) => format!("it has no picture of {side} (it has {keys})"),
            (0, None) => format!("it has no picture of {side}"),
            (count, _) => format!("it has {count} of {most} pictures of {side}"),
        })
    }
}

/// One path, or those of pictures whose channels are joined.
#[derive(Deserialize)]
#[serde(untagged)]
enum Paths {
    One(String),
    Several(Vec<Option<String>>),
}

impl From<Paths> for Vec<PathBuf> {
    /// The paths that are not empty.
    fn from(paths: Paths) -> Self {
        let paths = match paths {
            Paths::One(path) => vec![Some(path)],
            Paths::Several(paths) => paths,
        };
        let paths = paths.into_iter().flatten().filter(|path| !path.is_empty());
        paths.map(PathBuf::from).collect()
    }
}

/// Reads a manifest of a folder or an archive. Its paths are relative to its own folder; `path` is relative to the data set's
/// root, and `shown` is for messages. A line without one of its pictures is kept apart, and an empty one is none.
///
/// # Errors
/// When it cannot be read, a line is not paths and an optional split, or none has all pictures of a pair; when its paths are
/// those of a disk of Windows, elsewhere.
pub fn open(store: &Store, path: &Path, shown: &Path) -> Result<Layout> {
    let mut layout = read(path, shown, &store.read(path)?)?;
    let mut is_respelled = false;
    let mut respell = |path: &mut PathBuf| {
        if let Some(other) = other_spelling(path, store) {
            *path = other;
            is_respelled = true;
        }
    };
    for entry in layout.splits.values_mut().flatten() {
        if let Files::Apart(a, b) = &mut entry.files {
            a.iter_mut()
                .chain(b)
                .chain(&mut entry.mask)
                .for_each(&mut respell);
        }
    }
    let incomplete = layout.incomplete.iter_mut();
    incomplete
        .flat_map(|line| &mut line.files)
        .for_each(&mut respell);
    if is_respelled {
        for entry in layout.splits.values_mut().flatten() {
            let first = entry.files.all().next();
            entry.name = first.map(|file| pair::stem(file)).unwrap_or_default();
        }
        name_by_path(&mut layout.splits);
    }
    check_disks(&layout, store, shown)?;
    layout.notes.extend(repeated(&layout));
    Ok(layout)
}

/// The other spelling of a path, if only that one is there: `/` for the separator of Windows; accented letters as one character or
/// as a letter and its accent.
fn other_spelling(path: &Path, store: &Store) -> Option<PathBuf> {
    let text = path
        .to_str()
        .filter(|text| !text.is_ascii() || text.contains('\\'))?;
    if store.size(path).is_some() {
        return None;
    }
    let text = text.replace('\\', "/");
    let composed = ComposingNormalizerBorrowed::new_nfc().normalize(&text);
    let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(&text);
    let spellings = [composed, decomposed].map(|text| PathBuf::from(text.into_owned()));
    let mut spellings = spellings.into_iter();
    spellings.find(|path| store.size(path).is_some())
}

/// Checks that no missing file of a table is on a disk of Windows.
fn check_disks(layout: &Layout, store: &Store, shown: &Path) -> Result<()> {
    let entries = layout.splits.values().flatten();
    let files = entries.flat_map(|entry| entry.files.all());
    let mut on_disks = files.filter_map(|file| Some((file, on_disk_of_windows(file)?)));
    match on_disks.find(|(file, _)| store.size(file).is_none()) {
        None => Ok(()),
        Some((_, path)) => Err(Error::file(
            shown,
            format!(
                "{} is a path of a computer with Windows",
                error::shown(&path)
            ),
            "write paths from the table's folder on, as img/1.png",
        )),
    }
}

/// The part of a path from the letter of a disk of Windows on, which other systems take for a name: `C:\img\1.png`.
fn on_disk_of_windows(path: &Path) -> Option<PathBuf> {
    let is_other = |part: &&OsStr| match part.as_encoded_bytes() {
        [letter, b':'] | [letter, b':', b'\\', ..] => !letter.is_ascii_alphabetic(),
        _ => true,
    };
    let path: PathBuf = path.iter().skip_while(is_other).collect();
    (cfg!(not(windows)) && !path.as_os_str().is_empty()).then_some(path)
}

/// What to say of pairs that a split has more than once: each counts as often.
fn repeated(layout: &Layout) -> Option<String> {
    let (mut lines, mut example) = (0, None);
    for entries in layout.splits.values() {
        let mut known = HashSet::new();
        for entry in entries {
            let files: Vec<&PathBuf> = entry.files.all().collect();
            if !known.insert(files) {
                lines += 1;
                example = example.or(entry.files.all().next());
            }
        }
    }
    let example = error::shown(example?);
    Some(match lines {
        1 => format!("a line lists a pair of its split again ({example}), which then counts twice"),
        _ => format!(
            "{lines} lines list pairs of their split again ({example}, ...); each counts as often as it is listed"
        ),
    })
}

fn read(path: &Path, shown: &Path, text: &[u8]) -> Result<Layout> {
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
    if let Err(error) = std::str::from_utf8(text) {
        let before = &text[..error.valid_up_to()];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let remedy = "save it as UTF-8, which spreadsheets call \"CSV UTF-8\"";
        return Err(Error::file(
            shown,
            format!("line {line}: it is not text in UTF-8"),
            remedy,
        ));
    }
    let table = if json {
        json_table(text)
    } else {
        csv_table(text)
    };
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut layout = Layout {
        description: format!("the pairs of {} ({})", error::shown(shown), table.columns()),
        notes: table.notes(),
        ..Layout::default()
    };
    let lines = table.lines.into_iter().map(|(number, line)| {
        let line = line.map_err(|reason| wrong(number, reason))?;
        Ok((number, line))
    });
    let lines: Vec<(u64, Line)> = lines.collect::<Result<_>>()?;
    let most = |count: fn(&Line) -> usize| {
        let counts = lines.iter().map(|(_, line)| count(line));
        counts.max().unwrap_or(0).max(1)
    };
    let most = [most(|line| line.a.len()), most(|line| line.b.len())];
    for (number, line) in lines {
        let split = match line.split.as_deref().map(str::trim) {
            None | Some("") => None,
            Some(name) => {
                let split = Split::parse(name);
                Some(split.ok_or_else(|| wrong(number, format!("\"{name}\" is not a split")))?)
            }
        };
        if let Some(reason) = line.lacks(most) {
            let files = line.a.iter().chain(&line.b).chain(&line.mask);
            layout.incomplete.push(Incomplete {
                table: shown.to_path_buf(),
                line: number,
                reason,
                files: files.map(|path| below(folder, path)).collect(),
            });
            continue;
        }
        let [a, b] =
            [&line.a, &line.b].map(|paths| paths.iter().map(|path| below(folder, path)).collect());
        let files = Files::Apart(a, b);
        let entry = Entry {
            mask: line.mask.map(|mask| below(folder, &mask)),
            ..Entry::new(pair::stem(&line.a[0]), files)
        };
        layout.splits.entry(split).or_default().push(entry);
    }
    if layout.splits.is_empty() {
        return Err(match layout.incomplete.into_iter().next() {
            Some(line) => wrong(line.line, line.reason),
            None => wrong(1, "there are no pairs".to_string()),
        });
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
    name_by_path(&mut layout.splits);
    Ok(layout)
}

/// A path in a folder, without the `.` of `./A/1.png`: names in an archive have none.
fn below(folder: &Path, path: &Path) -> PathBuf {
    let path = folder.join(path);
    let parts = path.components();
    parts.filter(|part| *part != Component::CurDir).collect()
}

/// What a table has. Names of columns are also those of JSON's keys.
#[derive(Default)]
struct Table {
    /// Its lines, each with its number.
    lines: Vec<(u64, std::result::Result<Line, String>)>,
    /// The names of the columns of A, of B, of the mask and of the split; several for one of them if lines of JSON differ.
    used: [BTreeSet<String>; 4],
    /// The names of other columns that hold pictures.
    pictures: BTreeSet<String>,
    /// The names of other columns that hold nothing but names of splits.
    splits: BTreeSet<String>,
}

impl Table {
    /// Remembers which of so many columns are used, and which others hold pictures, or nothing but names of splits.
    fn remember(
        &mut self,
        columns: &Columns,
        count: usize,
        name: impl Fn(usize) -> String,
        holds_picture: impl Fn(usize) -> bool,
        holds_splits: impl Fn(usize) -> bool,
    ) {
        let Columns { a, b, split, mask } = columns;
        let parts = [a.as_slice(), b, mask.as_slice(), split.as_slice()];
        for (known, part) in self.used.iter_mut().zip(parts) {
            let names: Vec<String> = part.iter().map(|column| name(*column)).collect();
            if !names.is_empty() {
                known.insert(names.join(" + "));
            }
        }
        let used = parts.concat();
        for column in (0..count).filter(|column| !used.contains(column)) {
            if holds_picture(column) {
                self.pictures.insert(name(column));
            } else if holds_splits(column) {
                self.splits.insert(name(column));
            }
        }
    }

    /// Says which columns are what: "A: photo, B: drawing, split: set".
    fn columns(&self) -> String {
        let parts = ["A", "B", "mask", "split"].into_iter().zip(&self.used);
        let parts = parts.filter(|(_, names)| !names.is_empty());
        let parts = parts.map(|(part, names)| format!("{part}: {}", listed(names, " or ")));
        parts.collect::<Vec<_>>().join(", ")
    }

    /// What to say of columns that are not used, and may have been meant to be.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.pictures.is_empty() {
            notes.push(format!(
                "the pictures of {} are not used; name columns a (or a1, a2, ...), b and mask to use them",
                listed(&self.pictures, ", ")
            ));
        }
        let [.., split] = &self.used;
        if split.is_empty() && !self.splits.is_empty() {
            notes.push(format!(
                "the splits of {} are not used; name the column split to use them",
                listed(&self.splits, ", ")
            ));
        }
        notes
    }
}

/// Names of columns in one line.
fn listed(names: &BTreeSet<String>, between: &str) -> String {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    one_line(&names.join(between))
}

/// The mark that some editors, and Excel, put before UTF-8 text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

fn json_table(text: &[u8]) -> Table {
    let lines = (1..).zip(text.split(|&byte| byte == b'\n'));
    let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    let read = |line| serde_json::from_slice::<Fields>(line).map_err(|e| e.to_string());
    let mut lines: Vec<_> = lines.map(|(number, line)| (number, read(line))).collect();
    // `label` may be the number of a class
    let is_b = |(key, value): (&String, &Value)| {
        let mut names = COLUMNS[1].iter();
        let is_name = names.any(|name| is_called(key, name, || true));
        (is_name || number(key, 'b').is_some()) && has_picture(value)
    };
    let has_b = lines.iter().flat_map(|(_, fields)| fields);
    let has_b = has_b.flat_map(Fields::iter).any(is_b);
    for fields in lines.iter_mut().flat_map(|(_, fields)| fields) {
        fields.retain(|_, value| !value.is_null() && value.as_str() != Some(""));
    }
    lines.retain(|(_, fields)| !matches!(fields, Ok(fields) if fields.is_empty()));
    let fields = lines.iter().flat_map(|(_, fields)| fields);
    let others = fields.flat_map(Fields::iter).filter(|(_, value)| {
        let text = value.as_str();
        text.is_none_or(|text| Split::parse(text.trim()).is_none())
    });
    let without_splits: BTreeSet<String> = others.map(|(key, _)| key.clone()).collect();
    let mut table = Table::default();
    for (number, fields) in lines {
        let line = fields.and_then(|fields| {
            let columns = json_columns(&fields, has_b);
            let keys: Vec<&String> = fields.keys().collect();
            let values: Vec<&Value> = fields.values().collect();
            table.remember(
                &columns,
                keys.len(),
                |place| keys[place].clone(),
                |place| has_picture(values[place]),
                |place| !without_splits.contains(keys[place]),
            );
            json_line(&fields, columns)
        });
        table.lines.push((number, line));
    }
    table
}

type Fields = serde_json::Map<String, Value>;

/// Whether a value is the path of a picture, or a list of them.
fn has_picture(value: &Value) -> bool {
    let first = value.as_array().map_or(Some(value), |list| list.first());
    let text = first.and_then(Value::as_str);
    text.is_some_and(|text| is_picture(Path::new(text)))
}

/// The places of the keys of a line of a JSON manifest: they are the names of a table's columns. Where lines have a picture
/// under a key of B (`has_b`), a mask is no B in a line that lacks it.
fn json_columns(fields: &Fields, has_b: bool) -> Columns {
    let names: Vec<&str> = fields.keys().map(String::as_str).collect();
    let values: Vec<&Value> = fields.values().collect();
    let holds_picture = |place: usize| has_picture(values[place]);
    let mut columns = named(&names, holds_picture);
    if !has_b {
        columns.mask_may_be_b(holds_picture);
    }
    columns
}

/// A line of a JSON manifest.
fn json_line(fields: &Fields, columns: Columns) -> std::result::Result<Line, String> {
    let Columns { a, b, split, mask } = columns;
    let names: Vec<&str> = fields.keys().map(String::as_str).collect();
    let fields: Vec<(&String, &Value)> = fields.iter().collect();
    fn read<T: DeserializeOwned>(
        (key, value): (&String, &Value),
        what: &str,
    ) -> std::result::Result<T, String> {
        T::deserialize(value).map_err(|_| format!("\"{key}\" is {value}, not {what}"))
    }
    let side = |places: Vec<usize>| {
        let mut all = Vec::new();
        for place in places {
            let paths: Paths = read(fields[place], "a path or a list of paths")?;
            all.extend(Vec::from(paths));
        }
        Ok::<_, String>(all)
    };
    let text = |place: Option<usize>, what: &str| {
        let field = place.map(|place| read::<String>(fields[place], what));
        field.transpose()
    };
    Ok(Line {
        a: side(a)?,
        b: side(b)?,
        mask: text(mask, "a path")?.map(PathBuf::from),
        split: text(split, "text")?,
        empty: None,
        keys: Some(format!("{names:?}").trim_matches(['[', ']']).to_string()),
    })
}

/// Names of the columns, or of JSON's keys, of A, of B, of the split and of the mask, the plainest first.
const COLUMNS: [&[&str]; 4] = [
    &["a", "source", "input", "image"],
    &["b", "target", "output", "label"],
    &["split", "set", "subset"],
    &["mask"],
];

/// The columns of a table.
struct Columns {
    a: Vec<usize>,
    b: Vec<usize>,
    split: Option<usize>,
    mask: Option<usize>,
}

impl Columns {
    /// Makes the mask B where no picture is: where no column is B's, or one that holds the name of a class.
    fn mask_may_be_b(&mut self, holds_picture: impl Fn(usize) -> bool) {
        let Some(mask) = self.mask else {
            return;
        };
        let has_b = self.b.iter().any(|column| holds_picture(*column));
        if self.b.is_empty() || !has_b && holds_picture(mask) {
            self.b = vec![mask];
            self.mask = None;
        }
    }
}

/// Whether a column has this name, or, where it holds pictures, one that says so: `source_path` for `source`. For a long table, it
/// takes time to know what a column holds.
fn is_called(column: &str, name: &str, holds_picture: impl FnOnce() -> bool) -> bool {
    let Some((start, end)) = column.split_at_checked(name.len()) else {
        return false;
    };
    let says_so = || {
        let what = end.strip_prefix(['_', '-', ' ']);
        let mut known = ["path", "file", "image"].into_iter();
        what.is_some_and(|what| known.any(|known| what.eq_ignore_ascii_case(known)))
    };
    start.eq_ignore_ascii_case(name) && (end.is_empty() || says_so() && holds_picture())
}

/// The number in the name of a column of several pictures of a side: 2 of `a2`.
fn number(name: &str, letter: char) -> Option<u32> {
    name.to_lowercase().strip_prefix(letter)?.parse().ok()
}

/// The columns that have a known name; none of A or of B if no name is theirs. Columns `a1`, `a2`, ... are those of several
/// pictures whose channels are joined, and where they begin with `a2`, `a` is the first. Of several names for one thing, one whose
/// column holds a picture comes first: `label` may be the name of a class.
fn named(names: &[&str], holds_picture: impl Fn(usize) -> bool) -> Columns {
    let numbered = |letter: char| {
        let mut found: Vec<(u32, usize)> = (0..names.len())
            .filter_map(|column| Some((number(names[column], letter)?, column)))
            .collect();
        found.sort_unstable();
        found
    };
    let [a, b, split, masks] = COLUMNS.map(|known| {
        let columns = known.iter().flat_map(|name| {
            let has_name = |column: usize| is_called(names[column], name, || holds_picture(column));
            (0..names.len())
                .filter(|column| has_name(*column))
                .collect::<Vec<_>>()
        });
        columns.collect::<Vec<_>>()
    });
    let best = |columns: &[usize]| {
        let picture = columns.iter().find(|column| holds_picture(**column));
        picture.or(columns.first()).copied()
    };
    let side = |letter: char, columns: &[usize]| {
        let several = numbered(letter);
        let has_first = several.first().is_some_and(|(number, _)| *number < 2);
        let plain = best(columns).filter(|_| !has_first);
        let several = several.into_iter().map(|(_, column)| column);
        plain.into_iter().chain(several).collect()
    };
    Columns {
        a: side('a', &a),
        b: side('b', &b),
        split: split.first().copied(),
        mask: best(&masks),
    }
}

fn reader(text: &[u8], separator: u8) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .trim(csv::Trim::All)
        .from_reader(text)
}

fn holds_picture(field: &str) -> bool {
    is_picture(Path::new(field))
}

/// The separator of a table: the character of these that makes most names of pictures of its first two lines, of these most
/// names of columns, or else the one that its first line has most of. Excel writes semicolons where the comma is the decimal
/// point.
fn separator(text: &[u8]) -> u8 {
    let mut ends = (0..text.len()).filter(|&at| text[at] == b'\n');
    let first = ends.next().unwrap_or(text.len());
    let second = ends.next().unwrap_or(text.len());
    let is_column = |field: &str| {
        let mut names = COLUMNS.iter().copied().flatten();
        names.any(|name| name.eq_ignore_ascii_case(field))
    };
    let understood = |separator: u8| {
        let records = reader(&text[..second], separator).into_records();
        let fields: Vec<String> = records
            .flatten()
            .flat_map(|record| record.iter().map(str::to_string).collect::<Vec<_>>())
            .collect();
        let count = |is: &dyn Fn(&str) -> bool| fields.iter().filter(|field| is(field)).count();
        [count(&holds_picture), count(&is_column)]
    };
    let count = |separator: u8| {
        text[..first]
            .iter()
            .filter(|byte| **byte == separator)
            .count()
    };
    let most = [b'\t', b';', b',']
        .into_iter()
        .max_by_key(|&separator| (understood(separator), count(separator)));
    most.expect("there are three")
}

fn csv_table(text: &[u8]) -> Table {
    let mut records = Vec::new();
    let mut table = Table::default();
    for (index, record) in reader(text, separator(text)).into_records().enumerate() {
        match record {
            Ok(record) => records.push(record),
            Err(e) => {
                table.lines.push((index as u64 + 1, Err(e.to_string())));
                break;
            }
        }
    }
    // spreadsheets leave lines of separators behind
    records.retain(|record| record.iter().any(|field| !field.is_empty()));
    let has_header = records
        .split_first()
        .is_some_and(|(first, others)| is_header(first, others));
    let header = has_header.then(|| records.remove(0));
    let Some(count) = records.iter().map(csv::StringRecord::len).max() else {
        return table;
    };
    let columns = columns_of(header.as_ref(), &records, count);
    let name = |column: usize| {
        let name = header.as_ref().and_then(|header| header.get(column));
        let name = name.filter(|name| !name.is_empty()).map(str::to_string);
        name.unwrap_or_else(|| format!("column {}", column + 1))
    };
    let holds_pictures = |column: usize| holds_pictures(&records, column);
    let holds_splits = |column: usize| holds_splits(&records, column);
    table.remember(&columns, count, name, holds_pictures, holds_splits);
    let Columns { a, b, split, mask } = columns;
    let line = |record: &csv::StringRecord| {
        let field = |column: usize| record.get(column).filter(|field| !field.is_empty());
        let paths = |columns: &[usize]| -> Vec<PathBuf> {
            let paths = columns.iter().filter_map(|&column| field(column));
            paths.map(PathBuf::from).collect()
        };
        let empty = a.iter().chain(&b).find(|column| field(**column).is_none());
        Line {
            a: paths(&a),
            b: paths(&b),
            split: split.and_then(field).map(str::to_string),
            mask: mask.and_then(field).map(PathBuf::from),
            empty: empty.map(|column| name(*column)),
            keys: None,
        }
    };
    let first = u64::from(has_header) + 1;
    let numbered = (first..).zip(&records).map(|(number, record)| {
        let number = record.position().map_or(number, csv::Position::line);
        (number, Ok(line(record)))
    });
    // the line that cannot be read is the last
    table.lines.splice(0..0, numbered);
    table
}

/// Whether the first line of a table has the names of its columns. It has none if it goes on as the `others` do: with a picture,
/// with a file in a folder where they have pictures, whatever its ending is, or with a split where they have splits.
fn is_header(first: &csv::StringRecord, others: &[csv::StringRecord]) -> bool {
    let is_name = |(column, field): (usize, &str)| {
        let is_file =
            holds_picture(field) || field.contains(['/', '\\']) && holds_pictures(others, column);
        !is_file && (Split::parse(field).is_none() || !holds_splits(others, column))
    };
    first.iter().enumerate().all(is_name)
}

/// Whether a column has the path of a picture in some line: the first one may lack it.
fn holds_pictures(lines: &[csv::StringRecord], column: usize) -> bool {
    let mut fields = lines.iter().filter_map(|line| line.get(column));
    fields.any(holds_picture)
}

/// Whether a column holds nothing but names of splits.
fn holds_splits(lines: &[csv::StringRecord], column: usize) -> bool {
    let values = lines.iter().filter_map(|line| line.get(column));
    let mut values = values.filter(|value| !value.is_empty()).peekable();
    values.peek().is_some() && values.all(|value| Split::parse(value).is_some())
}

/// The columns of A, of B, of the split and of the mask, of so many: those that the header names; otherwise the first two with
/// the path of a picture in some line, which passes over a column of numbers before them, and the one behind them. Under a
/// header, that one is the split only if it holds nothing but names of splits. A mask is B only if no other column of pictures
/// is left.
fn columns_of(
    header: Option<&csv::StringRecord>,
    lines: &[csv::StringRecord],
    count: usize,
) -> Columns {
    let names: Vec<&str> = header.iter().flat_map(|header| header.iter()).collect();
    let is_path = |column: usize| holds_pictures(lines, column);
    let mut columns = named(&names, is_path);
    let Columns { a, b, split, mask } = &columns;
    let taken: Vec<usize> = [a.as_slice(), b, split.as_slice(), mask.as_slice()].concat();
    let mut paths = (0..count).filter(|&column| is_path(column) && !taken.contains(&column));
    if columns.a.is_empty() {
        columns.a = vec![paths.next().unwrap_or(0)];
    }
    if columns.b.is_empty() {
        columns.b = paths.next().into_iter().collect();
    }
    columns.mask_may_be_b(is_path);
    if columns.b.is_empty() {
        columns.b = vec![columns.a[0] + 1];
    }
    let last = columns.a.iter().chain(&columns.b).max();
    let behind = last.map_or(0, |last| last + 1);
    // without a header, what is no split there is an error
    let is_split = match header {
        None => behind < count,
        Some(_) => holds_splits(lines, behind),
    };
    columns.split = columns.split.or(is_split.then_some(behind));
    columns
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The files of A, of B and of the mask of the only pair, and its split.
    fn only(name: &str, text: &str) -> (Files, Option<PathBuf>, Option<Split>) {
        let layout = read(Path::new(name), Path::new(name), text.as_bytes()).unwrap();
        let mut pairs = layout.splits.into_iter();
        let (split, entries) = pairs.next().unwrap();
        assert_eq!((entries.len(), pairs.next().is_none()), (1, true), "{text}");
        let entry = entries.into_iter().next().unwrap();
        (entry.files, entry.mask, split)
    }

    fn files(a: &[&str], b: &[&str]) -> Files {
        let [a, b] = [a, b].map(|paths| paths.iter().map(PathBuf::from).collect());
        Files::Apart(a, b)
    }

    /// Where other lines have a picture of B, a mask is none, and a first line that lacks a picture hides no column.
    #[test]
    fn a_line_that_lacks_a_picture_takes_no_other() {
        let json = "{\"a\": \"x.png\", \"b\": \"\", \"mask\": \"m.png\"}\n{\"a\": \"x.png\", \"b\": \"y.png\"}\n";
        let numbered = json.replace("\"b\"", "\"b1\"");
        let csv = "photo,map,other\n,y.png,o.png\nx.png,y.png,o.png\n";
        for (name, text) in [("t.jsonl", json), ("t.jsonl", &numbered), ("t.csv", csv)] {
            let layout = read(Path::new(name), Path::new(name), text.as_bytes()).unwrap();
            let entries: Vec<&Entry> = layout.splits.values().flatten().collect();
            assert_eq!(entries.len(), 1, "{text}");
            assert_eq!(entries[0].files, files(&["x.png"], &["y.png"]), "{text}");
        }
    }

    #[test]
    fn columns_are_those_of_their_names() {
        let one = files(&["x.png"], &["y.png"]);
        let mask = Some(PathBuf::from("m.png"));
        let train = Some(Split::Train);
        for (text, mask, split) in [
            // a column behind B that is no split
            ("a,b,width\nx.png,y.png,512", None, None),
            ("photo,drawing,width\nx.png,y.png,512", None, None),
            ("photo,drawing,part\nx.png,y.png,train", None, train),
            ("a,b,scene,split\nx.png,y.png,test,train", None, train),
            ("x.png,y.png,train", None, train),
            // the name of a class, and pictures
            ("image,label,target\nx.png,cat,y.png", None, None),
            ("image,label,output\nx.png,,y.png", None, None),
            ("image,label,mask\nx.png,3,y.png", None, None),
            ("image,mask,label\nx.png,m.png,y.png", mask.clone(), None),
            ("mask,b,a\nm.png,y.png,x.png", mask.clone(), None),
            // a mask is B only where no other column of pictures is left
            (
                "subject,T1,T2,mask,set\n1,x.png,y.png,m.png,train",
                mask.clone(),
                train,
            ),
            ("subject,T1,mask\n1,x.png,y.png", None, None),
            // names that say that there are pictures
            ("target_path,source_path\ny.png,x.png", None, None),
            (
                "Mask File,Label image,Input-Path\nm.png,y.png,x.png",
                mask.clone(),
                None,
            ),
            ("target_pathology,sourcepath\nx.png,y.png", None, None),
            // what holds none is not meant
            ("photo,drawing,set_path\nx.png,y.png,here", None, None),
            ("source_file,x,y\n7,x.png,y.png", None, None),
        ] {
            assert_eq!(only("t.csv", text), (one.clone(), mask, split), "{text}");
        }
        for (text, mask) in [
            (
                r#"{"image": "x.png", "label": "cat", "target": "y.png"}"#,
                None,
            ),
            (r#"{"image": "x.png", "label": 3, "mask": "y.png"}"#, None),
            (
                r#"{"a": "x.png", "label": "y.png", "mask": "m.png"}"#,
                mask.clone(),
            ),
            (
                r#"{"a_path": "x.png", "b_path": "y.png", "mask_path": "m.png"}"#,
                mask,
            ),
        ] {
            assert_eq!(only("t.jsonl", text), (one.clone(), mask, None), "{text}");
        }
        let several = files(&["x.png", "z.png"], &["y.png"]);
        for (name, text) in [
            ("t.csv", "a2,b,a1\nz.png,y.png,x.png"),
            ("t.jsonl", r#"{"a2": "z.png", "b": "y.png", "a1": "x.png"}"#),
            ("t.jsonl", r#"{"a": ["x.png", "z.png"], "b": "y.png"}"#),
            // the one without a number is the first
            ("t.csv", "a,a2,b\nx.png,z.png,y.png"),
            ("t.csv", "a2,source,b\nz.png,x.png,y.png"),
            ("t.jsonl", r#"{"a2": "z.png", "b": "y.png", "a": "x.png"}"#),
        ] {
            assert_eq!(only(name, text).0, several, "{text}");
        }
        let several = files(&["x.png"], &["y.png", "z.png"]);
        assert_eq!(only("t.csv", "a,b,b2\nx.png,y.png,z.png").0, several);
        let beside = only("t.csv", "a,a1,a2,b\nw.png,x.png,z.png,y.png");
        assert_eq!(beside.0, files(&["x.png", "z.png"], &["y.png"]));
    }

    #[test]
    fn columns_are_told_and_those_that_are_not_used() {
        let pictures = |names: &str| {
            format!(
                "the pictures of {names} are not used; name columns a (or a1, a2, ...), b and mask to use them"
            )
        };
        let splits = |names: &str| {
            format!("the splits of {names} are not used; name the column split to use them")
        };
        for (name, text, columns, notes) in [
            (
                "t.csv",
                "subject,T1,T2,mask,set\n1,x.png,y.png,m.png,train",
                "A: T1, B: T2, mask: mask, split: set",
                vec![],
            ),
            (
                "t.csv",
                "subject;source;target;brain mask;split\n1;x.png;y.png;m.png;train",
                "A: source, B: target, split: split",
                vec![pictures("brain mask")],
            ),
            (
                "t.csv",
                "patient,source,target,mask,partition\n1,x.png,y.png,m.png,train\n2,z.png,w.png,n.png,test",
                "A: source, B: target, mask: mask",
                vec![splits("partition")],
            ),
            (
                "t.csv",
                "x.png,y.png,val,z.png",
                "A: column 1, B: column 2, split: column 3",
                vec![pictures("column 4")],
            ),
            ("t.csv", "x.png,y.png", "A: column 1, B: column 2", vec![]),
            (
                "t.csv",
                "a,a2,b,note\nx.png,z.png,y.png,test",
                "A: a + a2, B: b, split: note",
                vec![],
            ),
            (
                "t.csv",
                "a,b,width,phase\nx.png,y.png,7,test\nx.png,y.png,7,arterial",
                "A: a, B: b",
                vec![],
            ),
            (
                "t.csv",
                "a,a1,a2,b\nw.png,x.png,z.png,y.png",
                "A: a1 + a2, B: b",
                vec![pictures("a")],
            ),
            (
                "t.jsonl",
                "{\"a\": \"x.png\", \"b\": \"y.png\", \"phase\": \"test\"}\n\
                 {\"source\": \"x.png\", \"b\": \"y.png\", \"T2\": \"z.png\", \"fold\": \"val\", \"phase\": \"late\"}",
                "A: a or source, B: b",
                vec![pictures("T2"), splits("fold")],
            ),
        ] {
            let layout = read(Path::new(name), Path::new(name), text.as_bytes()).unwrap();
            let wanted = format!("the pairs of {name} ({columns})");
            assert_eq!(
                (layout.description, layout.notes),
                (wanted, notes),
                "{text}"
            );
        }
    }

    /// The first line may have a picture that is not read, as the others may.
    #[test]
    fn a_first_line_that_goes_on_as_the_others_is_no_header() {
        for (text, pairs) in [
            ("A/old.gif,B/old.gif\nA/1.png,B/1.png\n", 2),
            ("old.gif,new.gif,val\n1.png,2.png,train\n", 2),
            ("a,b,w/h\n1.png,2.png,3/4\n", 1),
            ("photo,drawing,train\n1.png,2.png,yes\n", 1),
        ] {
            assert_eq!(incomplete("t.csv", text), (Vec::new(), pairs), "{text}");
        }
    }

    #[test]
    fn accented_letters_are_found_in_either_spelling() {
        let there = ["A/cafe\u{301}.png", "B/caf\u{e9}.png", "m/caf\u{e9}.png"];
        let table =
            "a,b,mask\nA/caf\u{e9}.png,B/cafe\u{301}.png,m/caf\u{e9}.png\n,B/cafe\u{301}.png,\n";
        let mut stored = BTreeMap::from(there.map(|path| (PathBuf::from(path), b"".as_slice())));
        stored.insert(PathBuf::from("t.csv"), table.as_bytes());
        let path = Path::new("t.csv");
        let layout = open(&Store::embedded(stored), path, path).unwrap();
        let entry = &layout.splits[&None][0];
        let [a, b, mask] = there;
        assert_eq!(entry.files, files(&[a], &[b]));
        assert_eq!(entry.mask.as_deref(), Some(Path::new(mask)));
        assert_eq!(layout.incomplete[0].files, [Path::new(b)]);
    }

    /// The layout of a table beside these files.
    fn beside(files: &[&str], table: &str) -> Result<Layout> {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files
            .iter()
            .map(|path| (*path, ""))
            .chain([("t.csv", table)])
        {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let path = Path::new("t.csv");
        open(&Store::open(folder.path()).unwrap(), path, path)
    }

    /// As tables are written on Windows: pandas and its like write the paths that the system has.
    #[test]
    fn separators_of_windows_are_read_elsewhere() {
        let there = ["img/p1/x.png", "img/p2/x.png", "out/1.png", "out/2.png"];
        let table = "a,b\nimg\\p1\\x.png,out\\1.png\nimg\\p2\\x.png,out\\2.png\n";
        let layout = beside(&there, table).unwrap();
        let entries = &layout.splits[&None];
        assert_eq!(entries[1].files, files(&[there[1]], &[there[3]]));
        let names = entries.iter().map(|entry| entry.name.as_str());
        assert_eq!(names.collect::<Vec<_>>(), ["p1/x", "p2/x"]);
        // a name may have one, where it is no separator
        let odd = r"img\x.png";
        let layout = beside(&[odd, "y.png"], "a,b\nimg\\x.png,y.png\n").unwrap();
        assert_eq!(layout.splits[&None][0].files, files(&[odd], &["y.png"]));
    }

    #[cfg(not(windows))]
    #[test]
    fn a_path_on_a_disk_of_windows_is_told() {
        for path in [r"C:\data\x.png", "d:/data/x.png"] {
            let said = beside(&["data/x.png", "y.png"], &format!("a,b\n{path},y.png\n"));
            let said = said.unwrap_err().to_string();
            let wanted = format!(
                "t.csv: {path} is a path of a computer with Windows; write paths from the table's folder on"
            );
            assert!(said.starts_with(&wanted), "{said}");
        }
        assert!(beside(&["c/x.png", "y.png"], "a,b\nc/x.png,y.png\n").is_ok());
    }

    #[test]
    fn pairs_that_are_listed_again_are_told() {
        let notes = |table: &str| beside(&[], table).unwrap().notes;
        let [one, other] = [
            "a,b,split\nx.png,y.png,train\n",
            "z.png,y.png,train\nx.png,y.png,val\n",
        ];
        assert!(notes(&format!("{one}{other}")).is_empty());
        assert_eq!(
            notes(&format!("{one}{other}x.png,y.png,train\n")),
            ["a line lists a pair of its split again (x.png), which then counts twice"]
        );
        let twice = "x.png,y.png,dev\nz.png,y.png,training\n";
        assert_eq!(
            notes(&format!("{one}{other}{twice}")),
            [
                "2 lines list pairs of their split again (z.png, ...); each counts as often as it is listed"
            ]
        );
    }

    /// The lines that lack a picture, and the number of pairs.
    fn incomplete(name: &str, text: &str) -> (Vec<String>, usize) {
        let layout = read(Path::new(name), Path::new(name), text.as_bytes()).unwrap();
        let lines = layout.incomplete.iter().map(Incomplete::said);
        (lines.collect(), layout.splits.values().flatten().count())
    }

    #[test]
    fn lines_that_lack_a_picture_are_kept_apart() {
        for (name, text, wanted) in [
            (
                "t.csv",
                "a1,a2,b\n1.png,2.png,3.png\n4.png,,5.png\n6.png,7.png,8.png",
                "t.csv: line 3: a2 is empty",
            ),
            (
                "t.csv",
                "1.png,2.png,train\n3.png,4.png,val\n5.png\n",
                "t.csv: line 3: column 2 is empty",
            ),
            (
                "t.csv",
                "a,b,split\n1.png,2.png,val\n3.png,4.png,val\n,,val\n",
                "t.csv: line 4: a is empty",
            ),
            (
                "t.jsonl",
                r#"{"a1": "1.png", "a2": "2.png", "b": "3.png"}
                {"a1": "4.png", "a2": null, "b": "5.png"}
                {"a1": "6.png", "a2": "7.png", "b": "8.png"}"#,
                "t.jsonl: line 2: it has 1 of 2 pictures of A",
            ),
            (
                "t.jsonl",
                r#"{"a": ["1.png", null], "b": "3.png"}
                {"a": ["4.png", "5.png"], "b": "6.png"}
                {"a": ["7.png", "8.png"], "b": "9.png"}"#,
                "t.jsonl: line 1: it has 1 of 2 pictures of A",
            ),
            (
                "t.jsonl",
                r#"{"a": "1.png", "b": "2.png"}
                {"a": "3.png", "b": ""}
                {"a": "4.png", "b": "5.png"}"#,
                r#"t.jsonl: line 2: it has no picture of B (it has "a")"#,
            ),
        ] {
            assert_eq!(
                incomplete(name, text),
                (vec![wanted.to_string()], 2),
                "{text}"
            );
        }
        // the pictures that such a line has are listed
        let text = b"a1,a2,b\n1.png,2.png,3.png\n4.png,,5.png\n";
        let table = Path::new("t.csv");
        let mut layout = read(table, table, text).unwrap();
        let files = ["1.png", "2.png", "3.png", "4.png", "5.png", "6.png"].map(PathBuf::from);
        note_unlisted(&mut layout, table, &files);
        let passed_over: Vec<_> = layout.passed_over.iter().map(|file| &file.file).collect();
        assert_eq!(passed_over, [Path::new("6.png")]);
    }

    #[test]
    fn empty_lines_are_none() {
        for (name, text) in [
            (
                "t.csv",
                ",,\na,b,split\n1.png,2.png,val\n , ,\n3.png,4.png,val\n,,\n",
            ),
            ("t.csv", "1.png;2.png\n;\n3.png;4.png\n;;;\n"),
            (
                "t.jsonl",
                "{}\n{\"a\": \"1.png\", \"b\": \"2.png\"}\n{\"a\": null, \"b\": \"\"}\n{\"a\": \"3.png\", \"b\": \"4.png\"}\n\n",
            ),
        ] {
            assert_eq!(incomplete(name, text), (Vec::new(), 2), "{text}");
        }
    }

    /// Where no line has all, the table itself may be wrong.
    #[test]
    fn a_table_without_a_pair_says_what_to_write() {
        for (name, text, wanted) in [
            (
                "t.csv",
                "file\n1.png\n2.png\n",
                "t.csv: line 2: column 2 is empty; write two paths",
            ),
            (
                "t.jsonl",
                "{\"a\": \"1.png\"}",
                r#"t.jsonl: line 1: it has no picture of B (it has "a"); write two paths"#,
            ),
            (
                "t.jsonl",
                r#"{"photo": "1.png", "drawing": "2.png"}"#,
                r#"t.jsonl: line 1: it has no picture of A (it has "drawing", "photo"); write two paths"#,
            ),
            ("t.csv", ",,\n", "t.csv: line 1: there are no pairs"),
        ] {
            let error = read(Path::new(name), Path::new(name), text.as_bytes()).unwrap_err();
            let said = error.to_string();
            assert!(said.starts_with(wanted), "{said}");
        }
    }

    #[test]
    fn a_dot_in_a_path_is_left_out() {
        let found = only("sub/t.csv", "./A/1.png,././B//1.png");
        assert_eq!(found.0, files(&["sub/A/1.png"], &["sub/B/1.png"]));
        let Files::Apart(a, _) = only("t.csv", "./A/1.png,./B/1.png").0 else {
            panic!("two files")
        };
        // as text too, by which archives know it
        assert_eq!(a[0].to_str(), Some("A/1.png"));
    }

    #[test]
    fn the_separator_is_the_one_that_makes_pictures() {
        for text in [
            "x,1.png\ty,1.png",
            "the first, or a\tthe second, or b\nx,1.png\ty,1.png",
            "x,1.png;y,1.png;train",
        ] {
            let (found, _, _) = only("t.csv", text);
            assert_eq!(found, files(&["x,1.png"], &["y,1.png"]), "{text}");
        }
        let (found, _, _) = only("t.csv", "a;1;2;3.png,b;1;2;3.png");
        assert_eq!(found, files(&["a;1;2;3.png"], &["b;1;2;3.png"]));
    }

    #[test]
    fn another_encoding_is_named() {
        for name in ["t.csv", "t.jsonl"] {
            let text = b"a,b\nx.png,y.png\ncaf\xe9.png,y.png";
            let error = read(Path::new(name), Path::new(name), text).unwrap_err();
            let said = error.to_string();
            assert!(said.contains("line 3") && said.contains("UTF-8"), "{said}");
        }
    }
}
