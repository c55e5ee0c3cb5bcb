//! Options for the location and format of the pairs, shared by all commands that read data sets.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use clap::ValueHint;
use pix2pix::data::pair::Direction;
use pix2pix::data::picture::Depth;
use pix2pix::data::survey::{self, Forced, LabelCount, LeftOut, OnError, Survey};
use pix2pix::data::values::SIDES;
use pix2pix::data::{
    Classes, Dataset, Domain, Narrow, Nodata, Options, Pages, Ranges, Values, earth,
};
use pix2pix::{Error, MOST_NEIGHBORS, check_neighbors};

use crate::choice::choice;
use crate::failure::Failure;
use crate::flags;

/// The path of a data set.
#[derive(clap::Args)]
pub struct DataPath {
    /// Pairs, in one of these forms: side-by-side pictures (A left, B right) in a folder or in train/, val/
    /// and test/; two folders A/ and B/ (or trainA/, trainB/, ...) with matching file names; a .csv or .jsonl
    /// manifest with two columns of paths; or a .tar, .tar.gz or .zip of any of these;
    /// earth is the built-in data set
    #[arg(value_name = "DATA")]
    pub path: PathBuf,
}

/// Options for reading a data set.
#[derive(clap::Args)]
#[command(next_help_heading = "Data")]
pub struct DataArgs {
    /// Direction of translation: which picture is the source and which the target
    #[arg(long, value_parser = choice::<Direction>(), default_value_t = Direction::AToB)]
    pub direction: Direction,
    /// Share of the pairs to hold out, for data without val/ or test/
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    pub val_fraction: f64,
    /// Channels of A; pictures are converted to them [default: the pictures' own]
    #[arg(long, value_name = "N")]
    channels_a: Option<usize>,
    /// Channels of B; pictures are converted to them [default: the pictures' own]
    #[arg(long, value_name = "N")]
    channels_b: Option<usize>,
    /// Values of black and white: LOW,HIGH, or LOW:HIGH for each channel, or auto (percentiles of the training data)
    /// [default: 0,255 or 0,65535, and 0,1 for floating point]
    #[arg(long, value_name = "LOW,HIGH", value_parser = range, allow_hyphen_values = true)]
    range: Option<Range>,
    /// The same of A only [default: --range]
    #[arg(long, value_name = "LOW,HIGH", value_parser = range, allow_hyphen_values = true)]
    range_a: Option<Range>,
    /// The same of B only [default: --range]
    #[arg(long, value_name = "LOW,HIGH", value_parser = range, allow_hyphen_values = true)]
    range_b: Option<Range>,
    /// Take A for label maps: a number N of class ids 0 to N-1, or a palette file (JSON: [{"name": .., "color": [r, g, b]}, ..])
    /// [default: none, values are amounts]
    #[arg(long, value_name = "N|FILE", value_hint = ValueHint::FilePath)]
    labels_a: Option<String>,
    /// Take B for label maps, as --labels-a [default: none, values are amounts]
    #[arg(long, value_name = "N|FILE", value_hint = ValueHint::FilePath)]
    labels_b: Option<String>,
    /// Value of pixels without data, which enter no loss and no score: a number, nan, or tag (what each TIFF names itself)
    /// [default: none, all pixels have data]
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    nodata: Option<Nodata>,
    /// The same of A only [default: --nodata]
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    nodata_a: Option<Nodata>,
    /// The same of B only [default: --nodata]
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    nodata_b: Option<Nodata>,
    /// How to read TIFF files with several pages, and NIfTI volumes [default: refuse such TIFF files, read each slice of
    /// volumes]
    #[arg(long, value_parser = choice::<Pages>(), value_name = "PAGES")]
    pages: Option<Pages>,
    /// Give the network K slices (or pages) on either side of each source slice too, as channels; the target is the slice in
    /// the middle
    #[arg(long, alias = "neighbours", default_value_t = 0, value_name = "K", value_parser = neighbors)]
    neighbors: usize,
    /// Names of the files in A/ and B/, without extensions, where * is the name of the pair: --match '*_BF' '*_DAPI'
    /// [default: equal names]
    #[arg(long = "match", num_args = 2, value_names = ["A", "B"])]
    matching: Option<Vec<String>>,
    /// Take files that are square or higher than wide for side-by-side pairs of two narrow pictures [default: refuse them]
    #[arg(long)]
    pub squares: bool,
    /// Action on broken and unmatched files
    #[arg(long, value_parser = choice::<OnError>(), default_value_t = OnError::Stop)]
    pub on_error: OnError,
}

/// Parses a number of neighbors, and names the range.
fn neighbors(text: &str) -> Result<usize, String> {
    let number = text.parse().ok();
    let number = number.filter(|number| *number <= MOST_NEIGHBORS);
    number.ok_or_else(|| format!("use 0 to {MOST_NEIGHBORS} slices on either side"))
}

/// Values of black and white.
#[derive(Clone, Copy)]
enum Range {
    /// Percentiles of the training data.
    Auto,
    /// These.
    Given(Ranges),
}

fn range(text: &str) -> Result<Range, String> {
    if text == "auto" {
        return Ok(Range::Auto);
    }
    let usage = || {
        "use LOW,HIGH with LOW below HIGH, or LOW:HIGH,LOW:HIGH,... with a range for each channel, or auto".to_string()
    };
    given(&numbers(text).ok_or_else(usage)?).map(Range::Given)
}

/// The numbers of LOW,HIGH or of LOW:HIGH,LOW:HIGH,...; `None` of another text.
fn numbers(text: &str) -> Option<Vec<[f32; 2]>> {
    let number = |text: &str| text.trim().parse::<f32>().ok();
    let pair = |text: &str, separator| {
        let (low, high) = text.split_once(separator)?;
        Some([number(low)?, number(high)?])
    };
    match text.contains(':') {
        true => text.split(',').map(|part| pair(part, ':')).collect(),
        false => pair(text, ',').map(|range| vec![range]),
    }
}

/// These ranges, or what is wrong with them.
fn given(ranges: &[[f32; 2]]) -> Result<Ranges, String> {
    Ranges::each(ranges).map_err(|error| match error {
        Error::Field { reason, .. } => format!("it {reason}"),
        other => other.to_string(),
    })
}

/// Parses LOW,HIGH.
pub fn low_and_high(text: &str) -> Result<[f32; 2], String> {
    let one = numbers(text).filter(|ranges| ranges.len() == 1);
    let one = one.ok_or("use LOW,HIGH with LOW below HIGH")?;
    Ok(given(&one)?.of(0))
}

/// Pairs whose values are read for `auto` ranges and for advice: fewer if they have many pixels.
const LOOKED_AT: RangeInclusive<u64> = 4..=64;
/// Pixels of a side that are read for them at most, if that is more than four pairs.
const PIXELS: u64 = 1 << 26;

/// Number of pairs whose values are read, of a data set whose largest picture has so many pixels.
pub fn looked_at(pixels: u64) -> usize {
    let pairs = PIXELS / pixels.max(1);
    pairs.clamp(*LOOKED_AT.start(), *LOOKED_AT.end()) as usize
}

impl DataArgs {
    /// The options that describe the files of a data set. `seed` selects the held-out pairs.
    pub fn options(&self, seed: u64) -> Options {
        Options {
            direction: self.direction,
            val_fraction: self.val_fraction,
            seed,
            pages: self.pages.or((self.neighbors > 0).then_some(Pages::Each)),
            neighbors: self.neighbors,
            matching: self
                .matching
                .clone()
                .map(|patterns| patterns.try_into().expect("clap takes two")),
            narrow: match self.squares {
                true => Narrow::Pairs,
                false => Narrow::Refused,
            },
            nodata: self.nodata(),
            held_out_alone: false,
        }
    }

    /// Those of these options that `prepare align` needs to read the same pairs, as they are typed.
    ///
    /// # Errors
    /// When it does not have one of them; says what to do.
    pub fn of_prepare(&self) -> Result<String, String> {
        let [a, b] = self.nodata();
        if self.matching.is_some() {
            return Err(
                "has no --match: give both files of a pair the same name first".to_string(),
            );
        }
        if a != b {
            return Err(
                "takes one --nodata for A and B: give both the same value first".to_string(),
            );
        }
        let pages = self.options(0).pages;
        let pages = pages.map(|pages| format!(" --pages {pages}"));
        let nodata = a.map(|nodata| format!(" --nodata {nodata}"));
        Ok(pages.unwrap_or_default() + &nodata.unwrap_or_default())
    }

    /// How pixels of A and of B without data are known.
    fn nodata(&self) -> [Option<Nodata>; 2] {
        [self.nodata_a.or(self.nodata), self.nodata_b.or(self.nodata)]
    }

    /// Checks that no option takes the channels of several slices for those of one picture.
    fn check_neighbors(&self) -> Result<(), Failure> {
        let (side, channels, labels) = match self.direction {
            Direction::AToB => ("a", self.channels_a, &self.labels_a),
            Direction::BToA => ("b", self.channels_b, &self.labels_b),
        };
        check_neighbors(self.neighbors, self.pages, labels.is_some())?;
        if self.neighbors == 0 || channels.is_none() {
            return Ok(());
        }
        Err(Failure::Usage(format!(
            "--neighbors joins the channels of slices as they are, which --channels-{side} would change; omit one of them"
        )))
    }

    /// Finds the pairs, without reading any picture.
    pub fn find(&self, path: &Path, seed: u64) -> Result<Dataset, Failure> {
        if !(0.0..1.0).contains(&self.val_fraction) {
            return Err(Failure::Usage(format!(
                "--val-fraction is {}; it must be at least 0 and below 1",
                self.val_fraction
            )));
        }
        let options = self.options(seed);
        let data = match earth::is_typed(path) {
            true => earth::open(&options)?,
            false => Dataset::open(path, &options)?,
        };
        match self.matching.is_some() && !data.by_name {
            true => Err(Failure::Usage(format!(
                "--match is for pictures in folders A/ and B/, and these are {}; omit it",
                data.layout
            ))),
            false => Ok(data),
        }
    }

    /// Finds the pairs and reads every header; skips broken files or returns an error, as `--on-error` says.
    pub fn open(&self, path: &Path, seed: u64) -> Result<(Dataset, Survey, LeftOut), Failure> {
        Ok(survey::checked(self.find(path, seed)?, self.on_error)?)
    }

    /// The domains (channels, depth and value range) of A and B, and the values that were found.
    pub fn domains(&self, data: &Dataset, survey: &Survey) -> Result<Read, Failure> {
        let asked = [self.range_a.or(self.range), self.range_b.or(self.range)];
        let pixels = survey
            .sizes
            .keys()
            .map(|[width, height]| u64::from(*width) * u64::from(*height));
        self.check_neighbors()?;
        let most = looked_at(pixels.max().unwrap_or(1));
        let channels = [self.channels_a, self.channels_b];
        let read = survey.channels(channels)?;
        let mut values = Values::of(&data.train, most, Some(read));
        values.widen(survey.extremes);
        let mut range = [None; 2];
        for (index, asked) in asked.into_iter().enumerate() {
            range[index] = match asked {
                None => None,
                Some(Range::Given(ranges)) => Some(ranges),
                Some(Range::Auto) => Some(values.0[index].automatic(SIDES[index].0)?),
            };
        }
        let mut labels = [None, None];
        for (side, asked) in [&self.labels_a, &self.labels_b].into_iter().enumerate() {
            let classes = asked.as_ref().map(|text| Classes::parse(text, side));
            labels[side] = classes
                .transpose()?
                .map(|classes| values.0[side].stored(classes));
        }
        let forced = Forced {
            channels,
            range,
            labels,
            nodata: self.nodata(),
        };
        let is_open = |side: usize| forced.range[side].is_none() && forced.labels[side].is_none();
        values.check_classes([0, 1].map(is_open))?;
        let domains = survey.domains(&forced)?;
        let data = data.clone().map(|pairs| pairs.in_domains(domains.clone()));
        let labels = survey::check_labels(&data, self.on_error)?;
        let narrow = survey.narrow_halves();
        Ok(Read {
            domains,
            depths: [0, 1].map(|side| survey.depths(side)),
            values,
            labels,
            narrow: narrow.filter(|_| data.is_side_by_side() && !self.squares),
            mixed: data.train.mixed_neighbors(),
            places: data.turned().into_iter().chain(data.apart()).collect(),
        })
    }
}

/// How a data set is read.
pub struct Read {
    /// The domains of A and B.
    pub domains: [Domain; 2],
    /// Number of pictures of each sample type, of A and of B.
    depths: [BTreeMap<Depth, usize>; 2],
    /// The values that were found.
    pub values: Values,
    /// The pixels of the label maps of A and B.
    pub labels: [LabelCount; 2],
    /// The most common size of halves that are higher than wide, if nobody said that such files are pairs.
    narrow: Option<[u32; 2]>,
    /// What to say of neighbors that are of other channels or times.
    mixed: Option<String>,
    /// What to say of volumes that lie in several ways, and of pictures that do not lie where their partners do.
    places: Vec<String>,
}

impl Read {
    /// What to tell the user about values and ranges. An error if most values of a side lie outside of its range.
    pub fn notes(&self) -> Result<Vec<String>, Failure> {
        let mut notes = Vec::new();
        notes.extend(self.narrow.map(|[width, height]| {
            format!(
                "side-by-side pairs with halves of {width}x{height}: if these files are single pictures, see `pix2pix prepare`; \
                 if they are pairs, `squares` says so"
            )
        }));
        notes.extend(self.mixed.clone());
        notes.extend(self.places.iter().cloned());
        let outside = self.values.outside(&self.domains)?;
        for (index, (name, _)) in SIDES.into_iter().enumerate() {
            let (domain, side) = (&self.domains[index], &self.values.0[index]);
            let nodata = format!("nodata[{index}]");
            notes.extend(side.gaps_advice(name, &nodata));
            if domain.nodata == Some(Nodata::Tag) {
                notes.extend(side.tags_advice(name, &nodata));
            }
            notes.extend(self.unmet(index));
            if let Some(labels) = &domain.labels {
                notes.extend(self.labels[index].palettes.advice(index));
                notes.extend(self.labels[index].absent(labels, name));
                let off = self.labels[index].outside;
                if off.clipped > 0 {
                    notes.push(format!(
                        "{} of the pixels of {name} have a color that is not near that of any class, as at the edges in \
                         JPEG files, and count as the nearest class",
                        off.share()
                    ));
                }
                continue;
            }
            notes.extend(several(domain, &self.depths[index], name));
            if outside[index].clipped > 0 {
                notes.push(format!(
                    "{} of the values of {name} lie outside of {} and are clipped (they are from {})",
                    outside[index].share(),
                    domain.range,
                    side.extremes()
                ));
            }
            notes.extend(side.use_advice(domain, index));
        }
        Ok(notes.iter().map(|note| flags::named(note)).collect())
    }

    /// What to say of A or B (`side` 0 or 1) if no pixel that was looked at has the value that says that it has no data. `None` too
    /// if pixels of the other side have it, for which one option for both was given then.
    fn unmet(&self, side: usize) -> Option<String> {
        let value = |side: usize| match self.domains[side].nodata {
            Some(value @ Nodata::Value(_)) => Some(value.to_string()),
            Some(Nodata::Tag) | None => None,
        };
        let meets = |side: usize| match self.domains[side].labels {
            // all of them were read, as what they are
            Some(_) => self.labels[side].has_gaps,
            None => self.values.0[side].meets_gaps(),
        };
        let (named, name) = (value(side)?, SIDES[side].0);
        let is_met = meets(side) || value(1 - side).as_ref() == Some(&named) && meets(1 - side);
        (!is_met).then(|| {
            format!(
                "no pixel of {name} that was looked at is {named}, which `nodata[{side}]` names for pixels without data: all have data"
            )
        })
    }
}

/// What to say of a side whose pictures have several sample types: how each is read. `None` if they have one.
fn several(domain: &Domain, depths: &BTreeMap<Depth, usize>, name: &str) -> Option<String> {
    let each = depths.iter().map(|(depth, count)| {
        let range = domain.range_of(*depth);
        format!("{depth} (pictures: {count}, read from {range})")
    });
    let each: Vec<String> = each.collect();
    (each.len() > 1).then(|| {
        format!(
            "the pictures of {name} have several depths: {}",
            each.join(", ")
        )
    })
}
