//! Descriptions in TIFF files: what they say of pages, sizes and samples must be true of the result that they go to.

use super::Depth;

/// The result that a description goes to.
pub struct Subject {
    /// Width and height.
    pub size: [u32; 2],
    /// Channels of the described picture, and of the result.
    pub channels: [usize; 2],
    /// Type of the result's samples.
    pub depth: Depth,
    /// Whether the result has as many pages as the described file.
    pub all_pages: bool,
}

/// Lines of ImageJ's description that tell of several pages.
const PAGES: [&str; 10] = [
    "images",
    "channels",
    "slices",
    "frames",
    "hyperstack",
    "mode",
    "spacing",
    "finterval",
    "fps",
    "loop",
];
/// Lines of ImageJ's description that tell of values: those shown as black and white, and what they measure.
const VALUES: [&str; 9] = ["min", "max", "cf", "c0", "c1", "c2", "c3", "c4", "vunit"];

/// The description as it is true of the result; `None` if nothing of it is.
pub fn retold(text: &str, subject: &Subject) -> Option<String> {
    if text.starts_with("ImageJ=") {
        return Some(of_imagej(text, subject.all_pages));
    }
    // tifffile's, of the array that was written
    if text.starts_with("{\"shape\"") || text.starts_with("shape=(") {
        return None;
    }
    if !text.contains("<OME ") {
        return Some(text.to_string());
    }
    match subject.all_pages {
        true => of_ome_stack(text, subject),
        false if is_true(text, subject) => Some(text.to_string()),
        false => Some(of_ome(text, subject)),
    }
}

fn of_imagej(text: &str, all_pages: bool) -> String {
    let is_kept = |line: &&str| {
        let name = line.split('=').next().unwrap_or_default();
        !VALUES.contains(&name) && (all_pages || !PAGES.contains(&name))
    };
    let lines = text.lines().filter(is_kept);
    lines.map(|line| format!("{line}\n")).collect()
}

/// Whether OME's text tells of one picture like this one.
fn is_true(text: &str, subject: &Subject) -> bool {
    let Some([_, pixels, _]) = pixels(text) else {
        return false;
    };
    let [width, height] = subject.size;
    let [_, channels] = subject.channels;
    let said = |name: &str, value: usize| attribute(pixels, name) == Some(&value.to_string());
    let together = attribute(text, "SamplesPerPixel").unwrap_or("1");
    said("SizeX", width as usize)
        && said("SizeY", height as usize)
        && said("SizeC", channels)
        && said("SizeZ", 1)
        && said("SizeT", 1)
        && together == channels.to_string()
        && attribute(pixels, "Type") == Some(kind(subject.depth))
}

/// OME's text of one picture, with the size of its pixels from another text.
fn of_ome(text: &str, subject: &Subject) -> String {
    let kept = [
        "PhysicalSizeX",
        "PhysicalSizeXUnit",
        "PhysicalSizeY",
        "PhysicalSizeYUnit",
    ];
    let kept = kept
        .iter()
        .filter_map(|name| Some(format!(" {name}=\"{}\"", attribute(text, name)?)));
    let ([width, height], [_, channels]) = (subject.size, subject.channels);
    let kind = kind(subject.depth);
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><OME xmlns=\"http://www.openmicroscopy.org/Schemas/OME/2016-06\">\
         <Image ID=\"Image:0\"><Pixels ID=\"Pixels:0\" DimensionOrder=\"XYCZT\" Type=\"{kind}\" SizeX=\"{width}\" \
         SizeY=\"{height}\" SizeC=\"{channels}\" SizeZ=\"1\" SizeT=\"1\"{}><Channel ID=\"Channel:0:0\" \
         SamplesPerPixel=\"{channels}\"/><TiffData/></Pixels></Image></OME>",
        kept.collect::<String>()
    )
}

/// OME's text of a stack with the size and the samples of the result; `None` if it tells of several stacks or of other
/// channels.
fn of_ome_stack(text: &str, subject: &Subject) -> Option<String> {
    let [before, pixels, behind] = pixels(text)?;
    let [channels, now] = subject.channels;
    if channels != now {
        return None;
    }
    let [width, height] = subject.size.map(|side| side.to_string());
    let mut pixels = pixels.to_string();
    for (name, value) in [
        ("SizeX", width.as_str()),
        ("SizeY", &height),
        ("Type", kind(subject.depth)),
    ] {
        let said = format!(" {name}=\"{}\"", attribute(&pixels, name)?);
        pixels = pixels.replacen(&said, &format!(" {name}=\"{value}\""), 1);
    }
    if let Some(bits) = attribute(&pixels, "SignificantBits") {
        pixels = pixels.replacen(&format!(" SignificantBits=\"{bits}\""), "", 1);
    }
    Some(format!("{before}{pixels}{behind}"))
}

/// OME's name of a type of samples.
fn kind(depth: Depth) -> &'static str {
    match depth {
        Depth::U8 => "uint8",
        Depth::U16 => "uint16",
        Depth::F32 => "float",
    }
}

/// Of how many channels, slices and time points the pages of a stack are, as ImageJ's or OME's text says. `None` of other
/// texts.
pub fn axes(text: &str) -> Option<[usize; 3]> {
    if text.starts_with("ImageJ=") {
        let said = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once('='));
            let (_, value) = lines.find(|(found, _)| *found == name)?;
            value.trim().parse().ok()
        };
        return Some(["channels", "slices", "frames"].map(|name| said(name).unwrap_or(1)));
    }
    let [_, pixels, _] = pixels(text)?;
    let said = |name: &str| attribute(pixels, name)?.parse::<usize>().ok();
    let together = attribute(text, "SamplesPerPixel").and_then(|samples| samples.parse().ok());
    // channels of one page are not of several
    let channels = said("SizeC")? / together.unwrap_or(1).max(1);
    Some([channels, said("SizeZ")?, said("SizeT")?])
}

/// OME's text before the start tag of its only `Pixels`, that tag, and the text behind it; `None` without or with several.
fn pixels(text: &str) -> Option<[&str; 3]> {
    let (start, _) = text.match_indices("<Pixels ").next()?;
    let (before, rest) = text.split_at(start);
    let (pixels, behind) = rest.split_at(rest.find('>')?);
    (!behind.contains("<Pixels ")).then_some([before, pixels, behind])
}

/// The value of an XML attribute, as it is written.
fn attribute<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, behind) = xml.split_once(&format!(" {name}=\""))?;
    behind.split_once('"').map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_of_channels_slices_and_times() {
        let ome = |sizes: &str, samples: usize| {
            format!(
                "<OME><Image ID=\"Image:0\"><Pixels ID=\"Pixels:0\" SizeX=\"24\" {sizes}><Channel ID=\"Channel:0:0\" \
                 SamplesPerPixel=\"{samples}\"/></Pixels></Image></OME>"
            )
        };
        for (text, wanted) in [
            (
                "ImageJ=1.54f\nimages=12\nchannels=2\nslices=3\nframes=2\nhyperstack=true\n"
                    .to_string(),
                Some([2, 3, 2]),
            ),
            (
                "ImageJ=1.54f\nimages=5\nslices=5\n".to_string(),
                Some([1, 5, 1]),
            ),
            (
                ome("SizeC=\"2\" SizeZ=\"3\" SizeT=\"4\"", 1),
                Some([2, 3, 4]),
            ),
            (
                ome("SizeC=\"3\" SizeZ=\"3\" SizeT=\"1\"", 3),
                Some([1, 3, 1]),
            ),
            (ome("SizeC=\"2\"", 1), None),
            ("a photograph".to_string(), None),
        ] {
            assert_eq!(axes(&text), wanted, "{text}");
        }
    }

    /// One 16-bit picture of 24x16 pixels with a channel.
    const ONE: Subject = Subject {
        size: [24, 16],
        channels: [1, 1],
        depth: Depth::U16,
        all_pages: false,
    };

    fn ome(kind: &str, slices: usize) -> String {
        format!(
            "<OME xmlns=\"x\"><Instrument><Detector Type=\"CCD\"/></Instrument><Image><Pixels Type=\"{kind}\" SizeX=\"24\" \
             SizeY=\"16\" SizeC=\"1\" SizeZ=\"{slices}\" SizeT=\"1\" SignificantBits=\"12\" PhysicalSizeX=\"0.25\">\
             <TiffData IFD=\"0\" PlaneCount=\"{slices}\"/></Pixels></Image></OME>"
        )
    }

    #[test]
    fn a_page_of_a_stack_is_no_stack() {
        let retold = retold(&ome("uint16", 3), &ONE).unwrap();
        for said in [
            "SizeZ=\"1\"",
            "Type=\"uint16\"",
            "PhysicalSizeX=\"0.25\"",
            "SizeC=\"1\"",
        ] {
            assert!(retold.contains(said), "{said} is not in {retold}");
        }
        assert!(!retold.contains("PlaneCount"), "{retold}");
    }

    #[test]
    fn what_is_true_stays_as_it_is() {
        let text = ome("uint16", 1);
        assert_eq!(retold(&text, &ONE).as_ref(), Some(&text));
        assert_eq!(retold("a cell", &ONE).as_deref(), Some("a cell"));
    }

    #[test]
    fn the_type_is_that_of_the_samples() {
        for (depth, expected) in [
            (Depth::U8, "Type=\"uint8\""),
            (Depth::U16, "Type=\"uint16\""),
            (Depth::F32, "Type=\"float\""),
        ] {
            for all_pages in [false, true] {
                let subject = Subject {
                    depth,
                    all_pages,
                    ..ONE
                };
                let retold = retold(&ome("int16", 3), &subject).unwrap();
                assert!(retold.contains(expected), "{retold}");
                assert!(!retold.contains("int16\" SizeX") || depth == Depth::U16);
                assert!(!retold.contains("SignificantBits"), "{retold}");
                assert_eq!(retold.contains("SizeZ=\"3\""), all_pages, "{retold}");
                assert_eq!(retold.contains("Type=\"CCD\""), all_pages, "{retold}");
            }
        }
    }

    #[test]
    fn a_stack_of_other_channels_is_not_described() {
        let subject = Subject {
            channels: [1, 3],
            all_pages: true,
            ..ONE
        };
        assert_eq!(retold(&ome("uint8", 3), &subject), None);
    }

    #[test]
    fn values_of_the_input_are_not_told_of_the_result() {
        let text = "ImageJ=1.54f\nimages=3\nslices=3\nunit=um\nspacing=2\nmin=7.0\nmax=900.0\ncf=0\nvunit=OD\n";
        let stack = Subject {
            all_pages: true,
            ..ONE
        };
        assert_eq!(
            retold(text, &ONE).as_deref(),
            Some("ImageJ=1.54f\nunit=um\n")
        );
        assert_eq!(
            retold(text, &stack).as_deref(),
            Some("ImageJ=1.54f\nimages=3\nslices=3\nunit=um\nspacing=2\n")
        );
        for all_pages in [false, true] {
            let subject = Subject { all_pages, ..ONE };
            assert_eq!(retold("{\"shape\": [3, 16, 24]}", &subject), None);
        }
    }
}
