//! Files in a data set that are not of a pair, and why: nothing is left out without a word.

use std::path::{Path, PathBuf};

use pix2pix_runtime::words::count;

use crate::error::shown;

/// Why a file is not of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It is a picture of a format that is not read, by its ending.
    Format,
    /// It is a slice of a DICOM series, by its ending.
    Dicom,
    /// It has no ending of a picture.
    Ending,
    /// Its folder is not one of the layout.
    Folder,
    /// Its name does not fit the pattern of its side.
    Name,
    /// It is in a folder too deep to be searched.
    Deep,
    /// Its name, or that of its folder, begins with a dot.
    Hidden,
    /// It is a link in an archive, one whose target is missing, one that leads back to a folder that it is in, or one of many
    /// to the same folder.
    Link,
    /// It is stored in an archive without its holes.
    Sparse,
    /// It is a pipe, a socket or a device.
    Device,
    /// Its path leads out of the archive.
    Outside,
    /// The table of pairs does not list it, or in a column that is not used.
    Unlisted,
    /// It is another table than the one of the pairs.
    Table,
}

/// Endings of common formats of pictures that are not read.
const FORMATS: [&str; 20] = [
    "arw", "avif", "cr2", "cr3", "czi", "dng", "exr", "gif", "heic", "heif", "jp2", "jxl", "mgz",
    "mha", "nd2", "nef", "nrrd", "psd", "svg", "svs",
];

impl Why {
    /// Why a file is no picture, by its ending.
    pub fn of_ending(file: &Path) -> Self {
        let ending = file.extension().unwrap_or_default();
        let is = |known: &str| ending.eq_ignore_ascii_case(known);
        match () {
            () if is("dcm") => Self::Dicom,
            () if FORMATS.into_iter().any(is) => Self::Format,
            () => Self::Ending,
        }
    }

    /// Whether it is no picture by its ending.
    pub fn is_ending(self) -> bool {
        matches!(self, Self::Format | Self::Dicom | Self::Ending)
    }

    /// So many files, with this reason.
    fn words(self, files: u64) -> String {
        let what = match self {
            Self::Link => return count(files, "link"),
            Self::Device if files == 1 => "pipe or device",
            Self::Device => "pipes or devices",
            Self::Table if files == 1 => "other table",
            Self::Table => "other tables",
            Self::Format => "in formats that are not read",
            Self::Dicom => "of DICOM: make NIfTI volumes of them with dcm2niix",
            Self::Ending => "without a known ending",
            Self::Folder => "in folders outside of the layout",
            Self::Name => "of names that do not fit the patterns",
            Self::Deep => "in folders too deep",
            Self::Hidden => "hidden",
            Self::Sparse => "stored without their holes (sparse files of tar)",
            Self::Outside => "with paths out of the archive",
            Self::Unlisted => "not of the table's pairs",
        };
        format!("{files} {what}")
    }
}

/// A file that is not of a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// The file.
    pub file: PathBuf,
    /// The reason.
    pub why: Why,
}

impl PassedOver {
    /// A file that is passed over.
    pub fn new(file: impl Into<PathBuf>, why: Why) -> Self {
        let file = file.into();
        Self { file, why }
    }
}

/// Describes these files in one line, with an example for each reason: "3 files passed over: 2 hidden (.DS_Store, ...), 1
/// without a known ending (notes.txt)". `None` if there are none.
pub fn summary(files: &[PassedOver]) -> Option<String> {
    let mut reasons: Vec<Why> = files.iter().map(|file| file.why).collect();
    reasons.sort_unstable();
    reasons.dedup();
    let parts = reasons.into_iter().map(|why| {
        let mut of_it = files.iter().filter(|file| file.why == why);
        let count = of_it.clone().count();
        let first = of_it
            .next()
            .map_or_else(String::new, |file| shown(&file.file));
        let more = if count > 1 { ", ..." } else { "" };
        format!("{} ({first}{more})", why.words(count as u64))
    });
    let parts: Vec<String> = parts.collect();
    (!files.is_empty()).then(|| {
        format!(
            "{} passed over: {}",
            count(files.len() as u64, "file"),
            parts.join(", ")
        )
    })
}

/// What to do about pictures of formats that are not read, whose endings are not known.
pub const CONVERT: &str = "convert pictures to PNG, JPEG or TIFF, and volumes to NIfTI";

/// Describes the files with other endings than those of pictures among these: they may be the pictures that somebody misses.
/// `None` if there are none.
pub fn of_other_endings(files: &[PassedOver]) -> Option<String> {
    let others = files.iter().filter(|file| file.why.is_ending());
    summary(&others.cloned().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_of_formats_that_are_not_read_are_known() {
        let files = ["a.HEIC", "b.aae", "c.dcm", "d.txt"];
        let files = files.map(|file| PassedOver::new(file, Why::of_ending(Path::new(file))));
        assert_eq!(
            summary(&files).unwrap(),
            "4 files passed over: 1 in formats that are not read (a.HEIC), 1 of DICOM: make \
             NIfTI volumes of them with dcm2niix (c.dcm), 2 without a known ending (b.aae, ...)"
        );
    }

    #[test]
    fn files_are_counted_and_named_by_their_reasons() {
        let file = |file: &str, why| PassedOver::new(file, why);
        assert_eq!(summary(&[]), None);
        let said = summary(&[file("a\u{1b}[31m\n.txt", Why::Ending)]).unwrap();
        assert!(said.ends_with("(a\\u{1b}[31m\\n.txt)"), "{said:?}");
        assert_eq!(
            summary(&[file("notes.txt", Why::Ending)]).unwrap(),
            "1 file passed over: 1 without a known ending (notes.txt)"
        );
        let files = [
            file(".DS_Store", Why::Hidden),
            file("A/more/m.png", Why::Folder),
            file("A/.x.png", Why::Hidden),
            file("A/l.png", Why::Link),
            file("A/pipe", Why::Device),
            file("b.csv", Why::Table),
        ];
        assert_eq!(
            summary(&files).unwrap(),
            "6 files passed over: 1 in folders outside of the layout (A/more/m.png), 2 hidden (.DS_Store, ...), 1 link (A/l.png), \
             1 pipe or device (A/pipe), 1 other table (b.csv)"
        );
    }
}
