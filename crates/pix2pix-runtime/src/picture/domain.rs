//! Image domains: the format that all pictures of one side of the pairs share, and how their samples become the values of
//! the networks and back.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, setting};
use crate::picture::labels::{self, Labels};
use crate::picture::nodata::{self, Nodata};
use crate::picture::{CHANNELS, Depth, Outside, Picture, Ranges, channels_read, resize};
use crate::words::count;

/// Format of the pictures of one side of the pairs (the sources or the targets).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Domain {
    /// Channels of the pictures, 1 to 16.
    pub channels: usize,
    /// Type of the samples.
    pub depth: Depth,
    /// Sample values that map to -1 and 1 in the networks.
    pub range: Ranges,
    /// The classes, if the pictures are label maps; `None` if their values are amounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Labels>,
    /// How pixels without data are known; `None` if all have data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodata: Option<Nodata>,
}

impl Domain {
    /// 8-bit RGB.
    pub const RGB8: Self = Self {
        channels: 3,
        depth: Depth::U8,
        range: Ranges::all([0.0, 255.0]),
        labels: None,
        nodata: None,
    };

    /// The domain of label maps.
    pub fn of_labels(labels: Labels) -> Self {
        Self {
            channels: labels.channels(),
            depth: labels::DEPTH,
            range: labels::DEPTH.range().into(),
            labels: Some(labels),
            nodata: None,
        }
    }

    /// Checks the channels, the ranges and the classes of the domain called `name`.
    pub fn validate(&self, name: &str) -> Result<()> {
        setting(&format!("{name}.channels"), self.channels, CHANNELS)?;
        self.range.validate(name, self.channels)?;
        let Some(labels) = &self.labels else {
            return Ok(());
        };
        labels.validate(name)?;
        match (self.channels, self.depth) == (labels.channels(), labels::DEPTH) {
            true => Ok(()),
            false => Err(Error::Config(format!(
                "{name}.channels is {} and {name}.depth {}, which do not fit its labels: {labels}",
                self.channels, self.depth
            ))),
        }
    }

    /// Number of the networks' channels for these pictures: theirs, or one for each class.
    pub fn planes(&self) -> usize {
        match &self.labels {
            None => self.channels,
            Some(labels) => labels.classes.len(),
        }
    }

    /// Sample values that map to -1 and 1 for a picture of this depth. Ranges that are not the default of the domain's depth
    /// are in the values of the files, and count for 16 bits and floats alike. Pictures of 8 bits in a deeper domain are
    /// drawings and screenshots, from black to white; so are all others where the domain has the default range.
    pub fn range_of(&self, depth: Depth) -> Ranges {
        let is_default = self.range.uniform() == Some(self.depth.range());
        if depth == self.depth || !is_default && depth != Depth::U8 {
            self.range
        } else {
            depth.range().into()
        }
    }

    /// A picture with the domain's channels; see [`Picture::with_channels`]. Alpha that is added is the upper end of its
    /// range, as it is opaque. Label maps stay as they are: each is read by class, whatever stores it, and luminance is none. Only
    /// class ids that a picture in color has three times become one channel.
    ///
    /// # Errors
    /// [`Error::Picture`], when there is no such conversion.
    pub fn in_channels(&self, picture: Picture) -> Result<Picture> {
        if let Some(labels) = &self.labels {
            return Ok(labels.ids_of(picture));
        }
        let alpha = self.channels.saturating_sub(1);
        let [_, opaque] = self.range_of(picture.depth()).of(alpha);
        picture.with_channels_and(self.channels, opaque)
    }

    /// Checks the channels of pages or files that are joined: they are no colors and opacity, which
    /// [`in_channels`](Self::in_channels) could convert.
    ///
    /// # Errors
    /// [`Error::Picture`], when they are not the domain's.
    pub fn check_joined(&self, channels: usize) -> Result<()> {
        if channels == self.channels {
            return Ok(());
        }
        Err(Error::Picture(format!(
            "its pages or files are joined to {}, but the model takes {}, and they are no colors that could be converted",
            count(channels as u64, "channel"),
            self.channels
        )))
    }

    /// A picture as a source of the networks, `[planes, height, width]`: values in [-1, 1], or one-hot classes of 0 and 1, as
    /// in pix2pixHD and SPADE, so that a class is seen as itself and not as the lack of all others.
    pub fn source_planes(&self, picture: &Picture) -> Vec<f32> {
        match &self.labels {
            None => picture.to_planes(self.range_of(picture.depth())),
            Some(labels) => labels.planes(picture, [0.0, 1.0]),
        }
    }

    /// A picture as a target of the networks, `[planes, height, width]` in [-1, 1], the values of the generator's output;
    /// classes are one-hot, -1 and 1.
    pub fn target_planes(&self, picture: &Picture) -> Vec<f32> {
        match &self.labels {
            None => picture.to_planes(self.range_of(picture.depth())),
            Some(labels) => labels.planes(picture, [-1.0, 1.0]),
        }
    }

    /// The picture of a generator's output `[planes, height, width]`. Of classes, the one with the largest value counts.
    ///
    /// # Panics
    /// When there are fewer values than the size requires.
    pub fn picture(&self, planes: &[f32], size: [u32; 2]) -> Picture {
        match &self.labels {
            None => Picture::from_planes(planes, size, self),
            Some(labels) => {
                let pixels = size[0] as usize * size[1] as usize;
                labels.picture(size, labels.largest(planes, pixels).into_iter())
            }
        }
    }

    /// Replaces the pixels without data by the middle of the range, which the networks see as 0, or by the first class; also
    /// returns the mask of those that have data, if some have none. `value` is that of the pixels without data.
    pub fn without_gaps(&self, picture: Picture, value: Option<f32>) -> (Picture, Option<Picture>) {
        let gaps = vec![value; picture.channels()];
        self.without_gaps_of(picture, &gaps)
    }

    /// As [`without_gaps`](Self::without_gaps), with a value for each channel of the picture.
    pub fn without_gaps_of(
        &self,
        picture: Picture,
        gaps: &[Option<f32>],
    ) -> (Picture, Option<Picture>) {
        let Some(mask) = self.mask_of(&picture, gaps) else {
            return (picture, None);
        };
        let are_ids = |labels: &&Labels| labels.stored == labels::Stored::Ids;
        if let (Some(labels), 3..) = (self.labels.as_ref().filter(are_ids), picture.channels()) {
            // beside ids in three channels, the first class is an id too, and no color
            let zeros = vec![0.0; picture.channels()];
            let ids = labels.ids_of(nodata::filled(&picture, &mask, &zeros));
            if ids.channels() == 1 {
                return (ids, Some(mask));
            }
        }
        (self.filled(&picture, &mask), Some(mask))
    }

    /// The mask of a picture before its conversion to the domain's channels: see [`nodata::mask`]. Alpha that the conversion
    /// drops does not count. A color of a label map has no data if red, green and blue all have the value: one of them says
    /// nothing.
    pub fn mask(&self, picture: &Picture, value: f32) -> Option<Picture> {
        self.mask_of(picture, &vec![Some(value); picture.channels()])
    }

    /// As [`mask`](Self::mask), with a value for each channel of the picture.
    pub fn mask_of(&self, picture: &Picture, gaps: &[Option<f32>]) -> Option<Picture> {
        let read = channels_read(picture.channels(), self.channels);
        let gaps = &gaps[..read];
        match &self.labels {
            Some(_) if picture.channels() >= 3 => nodata::mask_of_colors(picture, gaps),
            _ => nodata::mask(picture, gaps),
        }
    }

    /// Whether a score of pictures of this domain means what it means of another's: they have the same channels and range, or
    /// are label maps of as many classes.
    pub fn is_scored_as(&self, other: &Self) -> bool {
        let key = |domain: &Self| {
            let is_default = domain.range.uniform() == Some(domain.depth.range());
            let range = (!is_default).then_some(domain.range);
            (domain.labels.is_some(), domain.planes(), range)
        };
        key(self) == key(other)
    }

    /// The picture with the middle of the range, or the first class, where the mask has no data.
    pub fn filled(&self, picture: &Picture, mask: &Picture) -> Picture {
        let range = self.range_of(picture.depth());
        let neutral = |channel| match &self.labels {
            None => {
                let [low, high] = range.of(channel);
                f32::midpoint(low, high)
            }
            Some(labels) => {
                let labels = labels.of_channels(picture.channels());
                let first = labels.picture([1, 1], std::iter::once(0)).to_floats();
                first.get(channel).copied().unwrap_or(0.0)
            }
        };
        let samples: Vec<f32> = (0..picture.channels()).map(neutral).collect();
        nodata::filled(picture, mask, &samples)
    }

    /// The value of pixels without data in a result of this domain, where the source has the value `source`: the one that the
    /// domain names, or else that of the source, or 0 if its samples cannot have it. A label map that names none has one that
    /// no class has. `tag` is the value that the source's file names.
    pub fn gap(&self, source: f32, tag: Option<f32>) -> f32 {
        let named = self.nodata.and_then(|gap| gap.value(tag));
        let value = nodata::stored(named.unwrap_or(source), self.depth);
        let is_named = named.is_some_and(|named| nodata::is(named, value));
        match &self.labels {
            Some(labels) if !is_named => labels.unused(value as u8).into(),
            _ => value,
        }
    }

    /// A result with the value `gap` where the mask has no data, and only there: see [`nodata::avoided`]. Classes stay as they
    /// are.
    pub fn with_gap(&self, result: Picture, mask: Option<&Picture>, gap: f32) -> Picture {
        let result = match self.labels {
            None => nodata::avoided(&result, gap),
            Some(_) => result,
        };
        match mask {
            None => result,
            Some(mask) => nodata::filled(&result, mask, &vec![gap; result.channels()]),
        }
    }

    /// Counts the samples of a picture with the domain's channels that lie outside of their range, or the pixels of no class.
    pub fn outside(&self, picture: &Picture) -> Outside {
        match &self.labels {
            None => picture.outside(self.range_of(picture.depth())),
            Some(labels) => labels.outside(picture),
        }
    }

    /// Checks that the values of pictures of this depth, as [`outside`](Self::outside) counts them, are those of a model with
    /// pictures of this domain: numbers, and for the most part inside of its range.
    ///
    /// # Errors
    /// [`Error::Picture`], when they are not.
    pub fn check_values(&self, outside: Outside, depth: Depth) -> Result<()> {
        if let (true, Some(labels)) = (outside.unknown > 0, &self.labels) {
            return Err(Error::Picture(format!(
                "{} of its pixels have none of the model's {labels}",
                outside.unknown
            )));
        }
        if outside.unknown > 0 {
            return Err(Error::Picture(format!(
                "{} of its values are infinite or not a number (NaN); replace them with numbers",
                outside.unknown
            )));
        }
        if outside.is_most() {
            return Err(Error::Picture(format!(
                "{} of its {} that the model was trained on: {}{}",
                outside.share(),
                match self.labels {
                    None => "values lie outside of the range",
                    Some(_) => "pixels have other colors than those",
                },
                self,
                match self.labels.is_none() && depth != self.depth {
                    true => format!("; {depth} values are read from {}", self.range_of(depth)),
                    false => String::new(),
                }
            )));
        }
        Ok(())
    }

    /// What to say of a picture of other channels or another depth than the domain's, which is converted: what it has, which
    /// values become black and white if it has another depth, and what the model takes. `None` for one like the domain's, and
    /// for label maps, which are read by class, whatever stores them.
    pub fn conversion(&self, channels: usize, depth: Depth) -> Option<String> {
        let is_other = (channels, depth) != (self.channels, self.depth) && self.labels.is_none();
        let given = Self {
            channels,
            depth,
            range: Ranges::all(depth.range()),
            labels: None,
            nodata: None,
        };
        let read = match depth == self.depth {
            true => String::new(),
            false => format!(", read from {}", self.range_of(depth)),
        };
        is_other.then(|| {
            format!("{given}{read}, and was converted; the model was trained on pictures of {self}")
        })
    }

    /// Resizes a picture: with the bicubic filter, or label maps by nearest neighbor, which mixes no classes.
    pub fn resized(&self, picture: &Picture, size: [u32; 2]) -> Picture {
        match &self.labels {
            None => resize(picture, size),
            Some(_) => labels::resize_nearest(picture, size),
        }
    }
}

impl Default for Domain {
    fn default() -> Self {
        Self::RGB8
    }
}

impl std::fmt::Display for Domain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            channels,
            depth,
            range,
            labels,
            nodata,
        } = self;
        let gaps = match nodata {
            None => String::new(),
            Some(Nodata::Tag) => ", gaps by each file's tag".to_string(),
            Some(value @ Nodata::Value(_)) => format!(", gaps of {value}"),
        };
        if let Some(labels) = labels {
            return write!(f, "label maps of {labels}{gaps}");
        }
        write!(f, "{}, {depth}", count(*channels as u64, "channel"))?;
        if Ranges::all(depth.range()) != *range {
            write!(f, " from {range}")?;
        }
        f.write_str(&gaps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Samples;

    #[test]
    fn results_have_gaps_where_the_mask_says_so_alone() {
        let plain = Domain::RGB8;
        let named = Domain {
            nodata: Some(Nodata::Value(9.0)),
            ..Domain::RGB8
        };
        assert_eq!(plain.gap(-9999.0, None), 0.0);
        assert_eq!(plain.gap(7.0, None), 7.0);
        assert_eq!(named.gap(7.0, None), 9.0);
        let row = |values: [u8; 6]| Picture::new([2, 1], 3, Samples::U8(values.to_vec()));
        let mask = Picture::new([2, 1], 1, Samples::U8(vec![nodata::KNOWN, 0]));
        let drawn = row([0, 5, 0, 3, 2, 1]);
        assert_eq!(
            plain.with_gap(drawn.clone(), Some(&mask), 0.0),
            row([1, 5, 1, 0, 0, 0])
        );
        assert_eq!(plain.with_gap(drawn, None, 0.0), row([1, 5, 1, 3, 2, 1]));
    }

    /// A class has no neighbor that it could become, so the value of gaps makes way.
    #[test]
    fn gaps_of_label_maps_are_no_class() {
        let class = |class| labels::Class {
            name: String::new(),
            color: labels::color_of(class),
        };
        let map = Domain::of_labels(Labels {
            stored: labels::Stored::Ids,
            classes: (0..4).map(class).collect(),
        });
        let named = |value| Domain {
            nodata: Some(Nodata::Value(value)),
            ..map.clone()
        };
        assert_eq!(map.gap(-9999.0, None), 255.0);
        assert_eq!(map.gap(3.0, None), 255.0);
        assert_eq!(map.gap(77.0, None), 77.0);
        // the class that the user names "no data" is it
        assert_eq!(named(0.0).gap(-9999.0, None), 0.0);
        assert_eq!(named(-1.0).gap(-9999.0, None), 255.0);
        let ids = Picture::new([2, 1], 1, Samples::U8(vec![0, 3]));
        assert_eq!(named(0.0).with_gap(ids.clone(), None, 0.0), ids);
    }

    /// Cars are 0,0,142 in Cityscapes, and black is void.
    #[test]
    fn a_color_without_data_is_the_whole_color() {
        let class = |color| labels::Class {
            name: String::new(),
            color,
        };
        let picture = Picture::new([2, 1], 3, Samples::U8(vec![0, 0, 142, 0, 0, 0]));
        for stored in [labels::Stored::Colors, labels::Stored::Ids] {
            let map = Domain::of_labels(Labels {
                stored,
                classes: vec![class([0, 0, 142]), class([0, 0, 0])],
            });
            let mask = map.mask(&picture, 0.0).unwrap();
            assert_eq!(mask.bytes(), [nodata::KNOWN, 0]);
            assert_eq!(map.mask(&picture, 142.0), None);
        }
        // of amounts, one band says so
        let mask = Domain::RGB8.mask(&picture, 0.0).unwrap();
        assert_eq!(mask.bytes(), [0, 0]);
    }

    /// The color of Cityscapes' first class is no id.
    #[test]
    fn ids_in_three_channels_may_have_gaps() {
        let class = |color| labels::Class {
            name: String::new(),
            color,
        };
        let map = Domain::of_labels(Labels {
            stored: labels::Stored::Ids,
            classes: vec![class([128, 64, 128]), class([244, 35, 232])],
        });
        let read = |samples: Vec<u8>| {
            let picture = Picture::new([3, 1], 3, Samples::U8(samples));
            let (picture, mask) = map.without_gaps(picture, Some(255.0));
            assert_eq!(mask.unwrap().bytes(), [nodata::KNOWN, 0, nodata::KNOWN]);
            map.in_channels(picture).unwrap()
        };
        let ids = Picture::new([3, 1], 1, Samples::U8(vec![1, 0, 0]));
        assert_eq!(read(vec![1, 1, 1, 255, 255, 255, 0, 0, 0]), ids);
        // drawn in colors
        let drawn = Samples::U8(vec![244, 35, 232, 128, 64, 128, 128, 64, 128]);
        assert_eq!(
            read(vec![244, 35, 232, 255, 255, 255, 128, 64, 128]),
            Picture::new([3, 1], 3, drawn)
        );
    }

    #[test]
    fn scores_compare_where_channels_and_ranges_do() {
        let of = |channels, depth: Depth, range: [f32; 2]| Domain {
            channels,
            depth,
            range: range.into(),
            ..Domain::RGB8
        };
        let deep = of(3, Depth::U16, Depth::U16.range());
        assert!(deep.is_scored_as(&Domain::RGB8));
        assert!(!of(1, Depth::U8, Depth::U8.range()).is_scored_as(&Domain::RGB8));
        assert!(!of(3, Depth::U16, [0.0, 4095.0]).is_scored_as(&deep));
        let class = |class| labels::Class {
            name: String::new(),
            color: labels::color_of(class),
        };
        let map = |stored, count| {
            let classes = (0..count).map(class).collect();
            Domain::of_labels(Labels { stored, classes })
        };
        let ids = map(labels::Stored::Ids, 3);
        assert!(ids.is_scored_as(&map(labels::Stored::Colors, 3)));
        assert!(!ids.is_scored_as(&map(labels::Stored::Ids, 4)));
        assert!(!ids.is_scored_as(&Domain::RGB8));
    }

    /// 0 to 4000 meters are the same in files of every depth but 8 bits, which drawings and screenshots have.
    #[test]
    fn a_range_holds_for_pictures_of_every_depth() {
        let heights = Domain {
            channels: 1,
            depth: Depth::F32,
            range: Ranges::all([0.0, 4000.0]),
            ..Domain::RGB8
        };
        let row = |samples| Picture::new([3, 1], 1, samples);
        let planes = |samples| heights.source_planes(&row(samples));
        let wanted = [-1.0, 0.0, 1.0];
        assert_eq!(planes(Samples::F32(vec![0.0, 2000.0, 4000.0])), wanted);
        assert_eq!(planes(Samples::U16(vec![0, 2000, 4000])), wanted);
        assert_eq!(
            heights.target_planes(&row(Samples::U16(vec![0, 2000, 4000]))),
            wanted
        );
        assert_eq!(planes(Samples::U8(vec![0, 0, 255])), [-1.0, -1.0, 1.0]);
        // what is clipped and what is filled follow
        let counts = row(Samples::U16(vec![0, 9, 4001]));
        assert_eq!(heights.outside(&counts).clipped, 1);
        let (filled, _) = heights.without_gaps(counts, Some(9.0));
        assert_eq!(filled.samples(), &Samples::U16(vec![0, 2000, 4001]));
        let said = heights.conversion(1, Depth::U16).unwrap();
        assert!(
            said.starts_with("1 channel, 16-bit, read from 0 to 4000, and was converted; "),
            "{said}"
        );

        // without a range, each depth has its own
        let usual = Domain {
            depth: Depth::U16,
            range: Ranges::each(&[[0.0, 65535.0]]).unwrap(),
            ..heights
        };
        assert_eq!(usual.range_of(Depth::F32), Ranges::all([0.0, 1.0]));
        assert_eq!(
            Domain::RGB8.range_of(Depth::U16),
            Ranges::all([0.0, 65535.0])
        );
    }

    /// Counts of a camera that were saved as floats.
    #[test]
    fn values_outside_of_the_range_are_told_how_they_are_read() {
        let camera = Domain {
            channels: 1,
            depth: Depth::U16,
            range: Ranges::all([0.0, 65535.0]),
            ..Domain::RGB8
        };
        let counts = Picture::new([2, 1], 1, Samples::F32(vec![900.0, 40000.0]));
        let said = camera.check_values(camera.outside(&counts), Depth::F32);
        assert_eq!(
            said.unwrap_err().to_string(),
            "100% of its values lie outside of the range that the model was trained on: 1 channel, 16-bit; float values are \
             read from 0 to 1"
        );
        let narrow = Domain {
            range: Ranges::all([0.0, 99.0]),
            ..camera.clone()
        };
        let counts = Picture::new([2, 1], 1, Samples::U16(vec![900, 40000]));
        let said = narrow.check_values(narrow.outside(&counts), Depth::U16);
        let said = said.unwrap_err().to_string();
        assert!(said.ends_with("1 channel, 16-bit from 0 to 99"), "{said}");
    }

    /// A label map in color, of a model whose classes are ids: what is filled is of the first class's color.
    #[test]
    fn gaps_of_label_maps_in_color_are_the_first_class() {
        let class = |color| labels::Class {
            name: String::new(),
            color,
        };
        let domain = Domain::of_labels(Labels {
            stored: labels::Stored::Ids,
            classes: vec![class([9, 8, 7]), class([200, 0, 0])],
        });
        let mask = Picture::new([2, 1], 1, Samples::U8(vec![255, 0]));
        let filled = |channels, values: &[u8]| {
            let picture = Picture::new([2, 1], channels, Samples::U8(values.to_vec()));
            domain.filled(&picture, &mask)
        };
        let colors = filled(3, &[200, 0, 0, 1, 2, 3]);
        assert_eq!(colors.samples(), &Samples::U8(vec![200, 0, 0, 9, 8, 7]));
        assert_eq!(filled(1, &[1, 1]).samples(), &Samples::U8(vec![1, 0]));
    }

    /// As with `--stack`: radar of another depth than in training.
    #[test]
    fn each_channel_keeps_its_range_in_another_depth() {
        let range = Ranges::each(&[[0.0, 255.0], [0.0, 1000.0]]).unwrap();
        let joined = Domain {
            channels: 2,
            depth: Depth::F32,
            range,
            ..Domain::RGB8
        };
        let pixel = Picture::new([1, 1], 2, Samples::U16(vec![255, 500]));
        assert_eq!(joined.source_planes(&pixel), [1.0, 0.0]);
    }

    #[test]
    fn alpha_that_is_added_is_opaque_whatever_the_range() {
        let rgba = |depth, range| Domain {
            channels: 4,
            depth,
            range,
            ..Domain::RGB8
        };
        let alpha = |domain: &Domain, samples| {
            let gray = Picture::new([1, 1], 1, samples);
            domain.in_channels(gray).unwrap().to_floats()[3]
        };
        let floats = rgba(Depth::F32, Ranges::all([0.0, 1000.0]));
        assert_eq!(alpha(&floats, Samples::F32(vec![0.5])), 1000.0);
        assert_eq!(alpha(&floats, Samples::U8(vec![1])), 255.0);
        let each = Ranges::each(&[[0.0, 9.0], [0.0, 9.0], [0.0, 9.0], [0.0, 2.0]]).unwrap();
        let own = rgba(Depth::U16, each);
        assert_eq!(alpha(&own, Samples::U16(vec![1])), 2.0);
        assert_eq!(
            alpha(
                &rgba(Depth::U8, Ranges::all([0.0, 255.0])),
                Samples::U8(vec![1])
            ),
            255.0
        );
    }

    /// Opaque is 255, and so is the value of "no data" here.
    #[test]
    fn alpha_that_is_dropped_is_no_gap() {
        let picture = |channels, values: &[u8]| {
            let size = [(values.len() / channels) as u32, 1];
            Picture::new(size, channels, Samples::U8(values.to_vec()))
        };
        let domain = |channels| Domain {
            channels,
            ..Domain::RGB8
        };
        let rgba = picture(4, &[1, 2, 3, 255, 4, 255, 5, 255]);
        let gray = picture(2, &[1, 255, 255, 255]);
        let mask = |channels, picture: &Picture| {
            let mask = domain(channels).mask(picture, 255.0);
            mask.map(|mask| mask.bytes().to_vec())
        };
        assert_eq!(mask(3, &rgba), Some(vec![255, 0]));
        assert_eq!(mask(1, &gray), Some(vec![255, 0]));
        assert_eq!(mask(3, &picture(4, &[1, 2, 3, 255])), None);
        // here it is data
        assert_eq!(mask(4, &rgba), Some(vec![0, 0]));
    }
}
