//! Volumes and TIFF files of several pages, through the whole program: the binary in a scratch folder.

use std::fs;
use std::path::Path;

use pix2pix::data::picture::{
    self, Content, Depth, Format, Metadata, Page, Picture, Samples, StackWriter,
};

use crate::common::{SMALL, Scratch};

/// Columns, rows and slices.
const SIZE: [usize; 3] = [48, 40, 4];

/// A volume that nibabel wrote, with other voxels: signed 16-bit integers, or bytes.
fn volume(path: &Path, is_bytes: bool, value: impl Fn(usize, usize, usize) -> i16) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pix2pix/tests/fixtures/volumes");
    let mut bytes = fs::read(fixtures.join("u8.nii")).unwrap();
    bytes.truncate(352);
    for (at, side) in [42, 44, 46].into_iter().zip(SIZE) {
        bytes[at..at + 2].copy_from_slice(&(side as i16).to_le_bytes());
    }
    let [datatype, bits] = if is_bytes { [2u8, 8] } else { [4, 16] };
    (bytes[70], bytes[72]) = (datatype, bits);
    for k in 0..SIZE[2] {
        for (j, i) in (0..SIZE[1]).flat_map(|j| (0..SIZE[0]).map(move |i| (j, i))) {
            match is_bytes {
                true => bytes.push(value(i, j, k) as u8),
                false => bytes.extend(value(i, j, k).to_le_bytes()),
            }
        }
    }
    if path.extension().unwrap() == "gz" {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, &bytes).unwrap();
        bytes = packed.finish().unwrap();
    }
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Turns a volume whose axes point to the right, to the front and up: to the left and to the back.
fn turn(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    // in the matrix, of which each row has four numbers
    for at in [280, 300] {
        bytes[at..at + 4].copy_from_slice(&(-1f32).to_le_bytes());
    }
    fs::write(path, bytes).unwrap();
}

/// Volumes of signed values, the first and last slice constant, and of bytes.
fn data(scratch: &Scratch, count: usize) {
    for n in 0..count {
        let value = move |i: usize, j: usize, k: usize| {
            let pattern = ((i / 8 + j / 8 + k + n) % 2) as i16;
            if k.is_multiple_of(3) {
                -1000
            } else {
                700 * pattern - 500 + i as i16
            }
        };
        volume(&scratch.path(&format!("data/A/v{n}.nii.gz")), false, value);
        volume(
            &scratch.path(&format!("data/B/v{n}.nii")),
            true,
            move |i, j, k| (value(i, j, k) + 1000) / 8,
        );
    }
}

fn refused(scratch: &Scratch, arguments: &str) -> String {
    let output = scratch.run(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.lines().count() == 1,
        "{arguments}: {said}"
    );
    said
}

fn slice(path: &Path, index: usize) -> Picture {
    picture::decode_page(path, &Content::from(path), Page::At(index))
        .unwrap()
        .0
}

#[test]
fn a_model_of_volumes_makes_volumes() {
    let scratch = Scratch::new();
    data(&scratch, 4);
    let options = "--neighbors 1 --range-a=-1000,300 --val-fraction 0.25";
    let said = scratch.trained("data", options);
    assert!(said.contains("16 slices or pages of 4 pairs"), "{said}");
    assert!(said.contains("12 pairs to train on, 4 held out"), "{said}");
    assert!(
        said.contains("A: 3 channels, float from -1000 to 300"),
        "{said}"
    );
    // three slices are not three colors
    let video = b"YUV4MPEG2 W64 H64 F25:1 C444\n";
    let output = scratch.piped("translate run --stdin-y4m", video);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("slices with their neighbors"), "{told}");
    let config = fs::read_to_string(scratch.path("run/config.toml")).unwrap();
    assert!(config.contains("neighbors = 1"), "{config}");
    assert!(config.contains("orientation = \"RAS\""), "{config}");
    // as earlier versions spelled it
    let path = scratch.path("run/config.toml");
    fs::write(&path, config.replace("neighbors", "neighbours")).unwrap();
    scratch.ok("train --resume run --steps 3 --quiet");
    // without neighbors, a gray slice would be taken three times
    fs::write(&path, config.replace("neighbors = 1", "neighbors = 0")).unwrap();
    let said = refused(&scratch, "train --resume run --steps 4 --quiet");
    let wanted = "config.toml: neighbors is 0, but the run has been trained with 1";
    assert!(said.contains(wanted), "{said}");
    fs::write(&path, &config).unwrap();
    let scores = scratch.ok("evaluate run data");
    assert!(scores.contains("4 of val"), "{scores}");
    scratch.ok("report run --out report.html");

    let source = scratch.path("data/A/v0.nii.gz");
    let said = scratch.ok("translate run data/A/v0.nii.gz --out out --gallery");
    assert!(said.contains("48x40, 4 slices) -> out/v0.nii.gz"), "{said}");
    let gallery = fs::read_to_string(scratch.path("out/gallery.html")).unwrap();
    assert!(gallery.contains("v0-1") && gallery.contains("v0-4"));
    let target = scratch.path("out/v0.nii.gz");
    assert_eq!(picture::pages(&Content::from(target.as_path())), 4);
    // the same from the channels of the slices
    fs::create_dir_all(scratch.path("joined")).unwrap();
    for k in 0..4usize {
        let around = [k.saturating_sub(1), k, (k + 1).min(3)].map(|k| slice(&source, k));
        let joined = Picture::with_all_channels(&around);
        let path = scratch.path(&format!("joined/{k}.npy"));
        picture::write(&path, &joined, Format::Npy).unwrap();
    }
    scratch.ok("translate run joined --out single");
    for k in 0..4 {
        let (single, _) = picture::read(&scratch.path(&format!("single/{k}.npy"))).unwrap();
        let made = slice(&target, k);
        assert_eq!((made.depth(), made.channels()), (Depth::U8, 1));
        assert_eq!(made, single, "slice {k}");
    }
    // not packed, and several samples
    volume(&scratch.path("plain.nii"), false, |i, j, k| {
        (i + j + k) as i16
    });
    let said = scratch.ok("translate run plain.nii --out out --samples 2");
    assert!(
        said.contains("standard deviation") && said.contains("out/plain-deviation.nii"),
        "{said}"
    );
    let [before, after] =
        ["plain.nii", "out/plain.nii"].map(|name| fs::read(scratch.path(name)).unwrap());
    for range in [0..40, 42..48, 76..108, 120..124, 132..328] {
        assert_eq!(before[range.clone()], after[range]);
    }
    assert_eq!(
        (after[70], after[72], after.len()),
        (2, 8, 352 + 48 * 40 * 4)
    );
    assert!(!said.contains("axes that point"), "{said}");
    turn(&scratch.path("plain.nii"));
    let said = scratch.ok("translate run plain.nii --out turned");
    let note =
        "axes that point to LPS, and those of the training volumes point to RAS: nothing is turned";
    assert!(said.contains(&format!("  note: it has {note}")), "{said}");
    for (side, is_bytes) in [("A", false), ("B", true)] {
        let path = scratch.path(&format!("other/{side}/v.nii"));
        volume(&path, is_bytes, |i, j, k| (i + j + k) as i16);
        turn(&path);
    }
    let output = scratch.run("evaluate run other --split train");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let note = format!("note: run: the volumes have {note}");
    assert!(said.contains(&note), "{said}");
    for (side, is_bytes) in [("A", false), ("B", true)] {
        let path = scratch.path(&format!("other/{side}/w.nii"));
        volume(&path, is_bytes, |i, j, k| (i + j + k) as i16);
    }
    let said = scratch.ok("inspect other --range-a=-1000,300");
    let note = "note: the axes of volumes do not point to the same sides in all pairs: LPS in 1 pair (first other/A/v.nii), \
                RAS in 1 pair (first other/A/w.nii); nothing is turned";
    assert!(said.contains(note), "{said}");
    scratch.ok("translate run plain.nii --out first --pages first");
    let first = Content::from(scratch.path("first/plain.nii").as_path());
    assert_eq!(picture::pages(&first), 1);
}

/// Nothing is wrong with the partner of a damaged volume.
#[test]
fn a_damaged_volume_is_the_one_that_is_named_and_skipped() {
    let scratch = Scratch::new();
    data(&scratch, 3);
    let damaged = scratch.path("data/B/v1.nii");
    let bytes = fs::read(&damaged).unwrap();
    fs::write(&damaged, &bytes[..bytes.len() / 2]).unwrap();
    let train = format!("train data --steps 1 --range-a=-1000,400 {SMALL}");
    let said = refused(&scratch, &format!("{train} --out stopped --neighbors 1"));
    assert!(said.contains("data/B/v1.nii: damaged"), "{said}");
    let skipped = scratch.run(&format!("{train} --out run --on-error skip"));
    let said = String::from_utf8_lossy(&skipped.stderr).into_owned();
    assert!(skipped.status.success(), "{said}");
    assert!(said.contains("data/B/v1.nii"), "{said}");
}

#[test]
fn a_mask_of_another_number_of_slices_is_refused() {
    let scratch = Scratch::new();
    data(&scratch, 2);
    fs::create_dir(scratch.path("data/mask")).unwrap();
    for n in 0..2 {
        let name = |folder: &str| scratch.path(&format!("data/{folder}/v{n}.nii"));
        let mut bytes = fs::read(name("B")).unwrap();
        // the third dimension
        bytes[46] -= n;
        fs::write(name("mask"), bytes).unwrap();
    }
    let said = refused(&scratch, "inspect data");
    assert!(said.contains("data/mask/v1.nii: "), "{said}");
    assert!(said.contains("slices, but its partner"), "{said}");
}

#[test]
fn volumes_that_lie_apart_are_told() {
    let scratch = Scratch::new();
    data(&scratch, 2);
    let range = "--range-a=-1000,300";
    // the place of the first voxel, to the right
    let at = 292..296;
    let path = scratch.path("data/B/v1.nii");
    let mut bytes = fs::read(&path).unwrap();
    let place = f32::from_le_bytes(bytes[at.clone()].try_into().unwrap());
    for (shift, is_told) in [(0.4, false), (10.0, true)] {
        bytes[at.clone()].copy_from_slice(&(place + shift).to_le_bytes());
        fs::write(&path, &bytes).unwrap();
        let note = "note: by their headers, volumes of 1 pair do not lie at the same place: data/B/v1.nii (spacing \
                    1x1x2.5) is up to 10.0 voxels off data/A/v1.nii.gz (spacing 1x1x2.5); register";
        let said = scratch.ok(&format!("inspect data {range} --sheet sheet.png --force"));
        assert_eq!(said.contains(note), is_told, "{said}");
        let said = scratch.trained("data", range);
        assert_eq!(said.contains(note), is_told, "{said}");
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let scratch = Scratch::new();
    data(&scratch, 2);
    let train = |options: &str| {
        refused(
            &scratch,
            &format!("train data --out x --steps 1 {SMALL} {options}"),
        )
    };
    assert!(train("").contains("give the values of black and white: --range-a"));
    let range = "--range-a=-1000,300";
    assert!(
        train(&format!("{range} --neighbors 1 --channels-a 1"))
            .contains("--channels-a would change")
    );
    assert!(train(&format!("{range} --neighbors 1 --pages first")).contains("choose --pages each"));
    assert!(train("--neighbors 8").contains("0 to 7 slices"));
    scratch.pairs("plain", 2);
    let said = refused(
        &scratch,
        &format!("train plain --out x --steps 1 {SMALL} --neighbors 1"),
    );
    assert!(
        said.contains("--neighbors takes slices of volumes"),
        "{said}"
    );
    scratch.trained("data", range);
    let said = refused(
        &scratch,
        "translate run data/A/v0.nii.gz --out y --pairs yes",
    );
    assert!(said.contains("a volume is no side-by-side pair"), "{said}");
    let said = refused(&scratch, "translate run data/A/v0.nii.gz --out data/A");
    assert!(said.contains("would replace this input"), "{said}");
    let whole = fs::read(scratch.path("data/A/v0.nii.gz")).unwrap();
    fs::write(scratch.path("cut.nii.gz"), &whole[..whole.len() / 2]).unwrap();
    let said = refused(&scratch, "translate run cut.nii.gz --out y");
    assert!(
        said.contains("cut.nii.gz: damaged NIfTI picture (it is truncated"),
        "{said}"
    );
    let said = refused(&scratch, "prepare edges data/A --out y");
    assert!(
        said.contains("it has 4 slices; choose with --pages"),
        "{said}"
    );
    assert!(!scratch.path("y").exists() && !scratch.path("x").exists());
    // one broken volume is left out
    fs::copy(scratch.path("cut.nii.gz"), scratch.path("data/A/v1.nii.gz")).unwrap();
    let said = train(range);
    assert!(
        said.contains("data/A/v1.nii.gz: damaged NIfTI picture"),
        "{said}"
    );
    let said = scratch.trained("data", &format!("{range} --on-error skip"));
    assert!(said.contains("4 pairs"), "{said}");
}

/// Masks, tables and archives, and volumes that are split into folders.
#[test]
fn volumes_come_as_other_pictures_do() {
    let scratch = Scratch::new();
    data(&scratch, 3);
    let lines = (0..3).map(|n| {
        format!(
            "data/A/v{n}.nii.gz,data/B/v{n}.nii,{}\n",
            ["train", "val"][n / 2]
        )
    });
    fs::write(
        scratch.path("list.csv"),
        format!("a,b,split\n{}", lines.collect::<String>()),
    )
    .unwrap();
    let said = scratch.ok("inspect list.csv --range-a=-1000,300");
    assert!(
        said.contains("training can begin") && said.contains("1 channel, float, NIfTI"),
        "{said}"
    );
    scratch.bash("tar czf data.tar.gz data && mv data original");
    let packed = scratch.ok("inspect data.tar.gz --range-a=-1000,300");
    assert!(packed.contains("12 slices or pages of 3 pairs"), "{packed}");
    scratch.ok("prepare split original --out split --val-fraction 0.34");
    for folder in ["split/val/A", "split/val/B"] {
        assert_eq!(fs::read_dir(scratch.path(folder)).unwrap().count(), 1);
    }
    let said = scratch.ok("inspect split --range-a=-1000,300");
    assert!(said.contains("12 slices or pages of 3 pairs"), "{said}");
    let said = scratch.ok("prepare edges original/A --out edges --pages each --range=-1000,300");
    assert!(said.contains("12 files in edges"), "{said}");
    assert!(scratch.path("edges/v2-4.tif").exists());
    // 0 where a voxel has no data
    for n in 0..3 {
        volume(
            &scratch.path(&format!("original/mask/v{n}.nii")),
            true,
            |i, _, _| (i > 9) as i16,
        );
    }
    let said = scratch.trained("original", "--range-a=-1000,300");
    assert!(said.contains("with masks"), "{said}");
}

/// A TIFF file of several pages becomes one, whose pages are those that are translated alone.
#[test]
fn pages_become_pages() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path("data/A")).unwrap();
    fs::create_dir_all(scratch.path("data/B")).unwrap();
    let page = |index: usize| {
        let values = (0..48 * 40).map(|at| ((at % 48) * 3 + 20 * index) as u8);
        Picture::new([48, 40], 1, Samples::U8(values.collect()))
    };
    for name in ["A/0", "B/0", "A/1", "B/1"] {
        let mut file = StackWriter::tiff(&scratch.path(&format!("data/{name}.tif"))).unwrap();
        for index in 0..3 {
            file.write(&page(index), &Metadata::default()).unwrap();
        }
        file.finish().unwrap();
    }
    scratch.trained("data", "--pages each");
    scratch.ok("translate run data/A/0.tif --out all");
    fs::create_dir_all(scratch.path("pages")).unwrap();
    for index in 0..3 {
        let path = scratch.path(&format!("pages/{index}.tif"));
        picture::write(&path, &page(index), Format::Tiff).unwrap();
    }
    scratch.ok("translate run pages --out single");
    let all = scratch.path("all/0.tif");
    assert_eq!(picture::pages(&Content::from(all.as_path())), 3);
    for index in 0..3 {
        let single = scratch.path(&format!("single/{index}.tif"));
        assert_eq!(slice(&all, index), picture::read(&single).unwrap().0);
    }
}

/// Slices of air alone lie outside of a range of tissue; of the whole volume, they are the smaller part.
#[test]
fn values_outside_of_the_range_are_counted_over_the_volume() {
    let scratch = Scratch::new();
    let air = |below: usize| {
        move |i: usize, j: usize, k: usize| match k < below {
            true => -1024,
            false => (i + j) as i16,
        }
    };
    for n in 0..2 {
        volume(&scratch.path(&format!("data/A/v{n}.nii")), false, air(1));
        volume(
            &scratch.path(&format!("data/B/v{n}.nii")),
            true,
            |i, j, _| (i + j) as i16,
        );
    }
    // the contact sheet of crops shows whole slices
    let range = "--range-a=-1000,300 --val-fraction 0.5";
    scratch.ok(&format!(
        "train data --out run --steps 2 --quiet --filters 2 --depth 5 --crop-size 32 --resize crop {range}"
    ));
    scratch.ok("evaluate run data");
    let said = scratch.ok("translate run data/A/v0.nii --out out");
    assert!(said.contains("; 25% of its values lie outside"), "{said}");
    volume(&scratch.path("wrong.nii"), false, air(3));
    let said = refused(&scratch, "translate run wrong.nii --out wrong");
    assert!(
        said.contains("wrong.nii: 75% of its values lie outside of the range"),
        "{said}"
    );
    assert!(!scratch.path("wrong/wrong.nii").exists());
}

/// The first slice of each volume is air, as of most.
#[test]
fn a_range_is_found_in_slices_of_all_places() {
    let scratch = Scratch::new();
    data(&scratch, 64);
    let said = scratch.ok("inspect data --range auto");
    let wanted = "training reads A as 1 channel, float from -1000 to 247 and B as 1 channel, 8-bit from 0 to 155\n";
    assert!(said.contains(wanted), "{said}");
    assert!(said.contains("A: values from -1000 to 247; "), "{said}");
}

/// What is beside a page of such a stack is of another channel.
#[test]
fn neighbors_of_other_channels_are_told() {
    let scratch = Scratch::new();
    let told = "whatever they are: give each channel and each time point a file of its own";
    for side in ["A", "B"] {
        stack_of(
            &scratch.path(&format!("plain/{side}/s.tif")),
            &[[48, 40]; 4],
        );
        fs::create_dir_all(scratch.path(&format!("data/{side}"))).unwrap();
        let file = fs::File::create(scratch.path(&format!("data/{side}/s.tif"))).unwrap();
        let mut file = tiff::encoder::TiffEncoder::new(file).unwrap();
        for page in 0..4u8 {
            let mut image = file
                .new_image::<tiff::encoder::colortype::Gray8>(48, 40)
                .unwrap();
            let text = "ImageJ=1.54f\nimages=4\nchannels=2\nslices=2\n";
            if page == 0 {
                let tag = tiff::tags::Tag::ImageDescription;
                image.encoder().write_tag(tag, text).unwrap();
            }
            let values: Vec<u8> = (0..48 * 40).map(|at| 40 * page + (at % 48) as u8).collect();
            image.write_data(&values).unwrap();
        }
    }
    let said = scratch.ok("inspect data --neighbors 1 --sheet sheet.png");
    let wanted =
        "note: the pages of data/A/s.tif are of 2 channels and 2 slices, and neighbors are";
    assert!(said.contains(wanted) && said.contains(told), "{said}");
    for quiet in ["data --pages each", "plain --neighbors 1"] {
        let said = scratch.ok(&format!("inspect {quiet} --sheet sheet.png --force"));
        assert!(!said.contains(told), "{said}");
    }
}

/// A picture that is no slice with its neighbors.
#[test]
fn channels_of_neighbors_are_not_made_up() {
    let scratch = Scratch::new();
    data(&scratch, 2);
    scratch.trained("data", "--range-a=-1000,300 --neighbors 1");
    let gray = Picture::new([48, 40], 1, Samples::U8(vec![90; 48 * 40]));
    picture::write(&scratch.path("gray.png"), &gray, Format::Png).unwrap();
    let said = refused(&scratch, "translate run gray.png --out out");
    let wanted = "gray.png: it has 1 channel, but the model takes 3: those of a slice and of 1 on either side";
    assert!(said.contains(wanted), "{said}");
    let three = Picture::with_all_channels(&[gray.clone(), gray.clone(), gray.clone()]);
    for (name, format) in [("three.npy", Format::Npy), ("three.tif", Format::Tiff)] {
        picture::write(&scratch.path(name), &three, format).unwrap();
        scratch.ok(&format!("translate run {name} --out out"));
    }
    large_pages(&scratch.path("large.tif"));
    let said = refused(&scratch, "translate run large.tif --out out");
    let wanted = "large.tif: 9000x8000 pixels are too large for memory, and the model needs several pages at once";
    assert!(said.contains(wanted), "{said}");
    // a page of a stack of one
    picture::write(&scratch.path("one.tif"), &gray, Format::Tiff).unwrap();
    scratch.ok("translate run one.tif --out out");
}

#[test]
fn slices_in_files_of_their_own_are_told() {
    let scratch = Scratch::new();
    data(&scratch, 2);
    let told = "note: slices and pages are now files of their own";
    for (task, out) in [
        ("edges data/A --pages each --range=-1000,300", "edges"),
        ("align data", "aligned"),
    ] {
        let said = scratch.ok(&format!("prepare {task} --out {out}"));
        assert!(said.contains(told), "{said}");
    }
    scratch.pairs("plain", 2);
    assert!(
        !scratch
            .ok("prepare combine plain --out combined")
            .contains(told)
    );
    let said = refused(&scratch, "prepare split data --out x --pages each");
    assert!(said.contains("omit --size, --range and --pages"), "{said}");
    let said = refused(&scratch, "prepare combine data --out x --range 0,9");
    assert!(said.contains("omit --range"), "{said}");
}

/// A TIFF file of two pages of 9000x8000 gray pixels, all 0, which share their bytes.
fn large_pages(path: &Path) {
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, &vec![0; 9000 * 8000]).unwrap();
    let packed = packed.finish().unwrap();
    let begin = 8 + packed.len().next_multiple_of(2) as u32;
    let entries = [
        (256, 9000),
        (257, 8000),
        (258, 8),
        (259, 8),
        (262, 1),
        (273, 8),
        (277, 1),
        (278, 8000),
        (279, packed.len() as u32),
    ];
    let length = 2 + 12 * entries.len() as u32 + 4;
    let mut bytes = b"II*\0".to_vec();
    bytes.extend(begin.to_le_bytes());
    bytes.extend(packed);
    bytes.resize(begin as usize, 0);
    for next in [begin + length, 0] {
        bytes.extend((entries.len() as u16).to_le_bytes());
        for (tag, value) in entries {
            bytes.extend([tag, 4u16].map(u16::to_le_bytes).concat());
            bytes.extend([1, value].map(u32::to_le_bytes).concat());
        }
        bytes.extend(next.to_le_bytes());
    }
    fs::write(path, bytes).unwrap();
}

/// A TIFF file whose pages are as wide and high as these.
fn stack_of(path: &Path, sizes: &[[u32; 2]]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = StackWriter::tiff(path).unwrap();
    for size in sizes {
        let samples = (0..size[0] * size[1]).map(|at| (at % size[0]) as u8);
        let page = Picture::new(*size, 1, Samples::U8(samples.collect()));
        file.write(&page, &Metadata::default()).unwrap();
    }
    file.finish().unwrap();
}

/// Pages that become files of their own have numbers in their names, which may be those of other files.
#[test]
fn pages_replace_no_other_file() {
    let scratch = Scratch::new();
    stack_of(&scratch.path("data/a.tif"), &[[16_400, 16]; 2]);
    stack_of(&scratch.path("data/a-2.tif"), &[[32, 32]]);
    let said = refused(&scratch, "translate earth data --out out --pages each");
    let told = "data/a-2.tif: its output would have the same name as that of data/a.tif";
    assert!(said.contains(told), "{said}");
    assert!(!scratch.path("out").exists());
    // an input that lies where the result of a page would, under another name
    #[cfg(unix)]
    {
        stack_of(&scratch.path("out/a-2.tif"), &[[32, 32]]);
        std::os::unix::fs::symlink("out/a-2.tif", scratch.path("link.tif")).unwrap();
        let said = refused(
            &scratch,
            "translate earth data/a.tif link.tif --out out --pages each",
        );
        let told = "link.tif: an output would replace this input";
        assert!(said.contains(told), "{said}");
        assert!(!scratch.path("out/a-1.tif").exists());
    }
}

#[test]
fn neighbors_of_another_size_are_refused_before_the_first_step() {
    let scratch = Scratch::new();
    for side in ["A", "B"] {
        let sizes = [[48, 40], [48, 40], [40, 48], [40, 48]];
        stack_of(&scratch.path(&format!("data/{side}/x.tif")), &sizes);
    }
    let wanted = "data/A/x.tif: page 1 has 48x40 pixels, 1 channel, 8-bit, but page 3 has 40x48 pixels, 1 channel, 8-bit";
    for command in [
        "inspect data".to_string(),
        format!("train data --out run --steps 1 {SMALL}"),
    ] {
        let said = refused(&scratch, &format!("{command} --neighbors 1"));
        assert!(said.contains(wanted), "{said}");
    }
    scratch.trained("data", "--pages each");
    stack_of(&scratch.path("good/A/x.tif"), &[[48, 40]; 3]);
    stack_of(&scratch.path("good/B/x.tif"), &[[48, 40]; 3]);
    scratch.trained("good", "--neighbors 1");
    for command in [
        "translate run data/A/x.tif --out out --pages each",
        "export run --out g.onnx --int8 data/A",
    ] {
        let said = refused(&scratch, command);
        assert!(said.contains("x.tif: page 1 has 48x40"), "{said}");
    }
}

/// 15 slices of 16384x16384 bytes. The files hold no byte of them: they are refused by their headers.
#[cfg(unix)]
#[test]
fn a_slice_and_its_neighbors_have_the_limit_of_a_picture() {
    let scratch = Scratch::new();
    for side in ["A", "B"] {
        let path = scratch.path(&format!("data/{side}/x.nii"));
        volume(&path, true, |_, _, _| 0);
        let mut bytes = fs::read(&path).unwrap();
        bytes.truncate(352);
        for (at, length) in [(42, 16384i16), (44, 16384), (46, 15)] {
            bytes[at..at + 2].copy_from_slice(&length.to_le_bytes());
        }
        fs::write(&path, &bytes).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_len(352 + (15 << 28)).unwrap();
    }
    let said = refused(&scratch, "inspect data --neighbors 7");
    let wanted = "data/A/x.nii: 16384x16384 pixels with 15 channels are too large";
    assert!(said.contains(wanted), "{said}");
}

#[test]
fn each_page_of_a_stack_may_be_a_pair() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "--channels-a 1 --channels-b 1");
    stack_of(&scratch.path("stack.tif"), &[[96, 40], [48, 40]]);
    let said = scratch.ok("translate run stack.tif --out out --pages each");
    let wanted =
        "2 pages, 1 of them side-by-side pairs by their size; for single pictures, use --pairs no";
    assert!(said.contains(wanted), "{said}");
    let made = scratch.path("out/stack.tif");
    assert_eq!([0, 1].map(|page| slice(&made, page).size()), [[48, 40]; 2]);
}

/// A limit on the size of files is an error like a full disk, in the middle of the stack.
#[cfg(unix)]
#[test]
fn a_stack_that_cannot_be_written_is_named_by_its_file() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "--channels-a 1 --channels-b 1");
    stack_of(&scratch.path("stack.tif"), &[[48, 48]; 40]);
    let command = "translate run stack.tif --pages each --out out";
    let output = scratch.bash(&format!("ulimit -f 1; exec $pix2pix {command}"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("out/stack.tif: cannot write the file"),
        "{said}"
    );
}

/// Temporary files that cannot be written are no damage of the data, and skipping it would train on what is left.
#[test]
fn a_folder_for_temporary_files_that_is_missing_ends_the_work() {
    let scratch = Scratch::new();
    data(&scratch, 2);
    scratch.trained("data", "--range-a=-1000,300");
    for command in [
        format!("train data --out other --steps 1 {SMALL} --range-a=-1000,300 --on-error skip"),
        "translate run data/A --out out --on-error skip".to_string(),
    ] {
        let missing = scratch.path("missing");
        let mut command = scratch.command(&command);
        let output = command
            .env("TMPDIR", missing)
            .env("TMP", "missing")
            .output();
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let last = said.lines().last().unwrap_or_default();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            last.contains("missing: cannot create a temporary file") && !said.contains("skipped"),
            "{said}"
        );
    }
}

#[test]
fn eight_bits_are_calibrated_on_slices() {
    let scratch = Scratch::new();
    data(&scratch, 2);
    scratch.trained("data", "--range-a=-1000,300 --neighbours 1");
    let said = scratch.ok("export run --out g.onnx --int8 data/A");
    assert!(said.contains("on 8 pictures"), "{said}");
}
