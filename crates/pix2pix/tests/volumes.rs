//! Volumes, written and read back by nibabel (`tools/make_volume_fixtures.py`): slices, neighbors, and how they are split.

use std::fs;
use std::path::{Path, PathBuf};

use pix2pix::RunConfig;
use pix2pix::data::picture::{
    self, Content, Depth, Format, Header, Page, Pages, Picture, Stack, Template, decode_page,
};
use pix2pix::data::survey::{self, OnError};
use pix2pix::data::{Change, Dataset, Direction, Domain, Options, duplicates, pair};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use sha2::{Digest, Sha256};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/volumes")
}

fn content(name: &str) -> Content {
    Content::from(folder().join(name).as_path())
}

/// The volumes that are read, with what nibabel says of them.
fn known() -> Vec<(String, Value)> {
    let text = fs::read_to_string(folder().join("expected.json")).unwrap();
    let known: serde_json::Map<String, Value> = serde_json::from_str(&text).unwrap();
    known.into_iter().collect()
}

/// The values of a volume as nibabel reads them, slice by slice.
fn expected(name: &str) -> Vec<Picture> {
    let file = format!("{}.npy", name.split('.').next().unwrap());
    let (all, _) = picture::read(&folder().join(file)).unwrap();
    (0..5)
        .map(|slice| all.crop([0, 16 * slice], [18, 16]))
        .collect()
}

#[test]
fn every_type_order_and_scale_is_read_as_nibabel_reads_it() {
    let known = known();
    assert_eq!(known.len(), 9);
    for (name, said) in known {
        let path = folder().join(&name);
        assert_eq!(picture::pages(&content(&name)), 5, "{name}");
        let depth = match name.as_str() {
            "u8.nii" | "two.nii.gz" | "rgb.nii" => Depth::U8,
            "u16_big.nii" => Depth::U16,
            _ => Depth::F32,
        };
        let channels = said["shape"][3].as_u64().unwrap_or(1) as usize;
        let channels = if name == "rgb.nii" { 3 } else { channels };
        // from the file, and from what is unpacked once
        for content in [content(&name), picture::unpacked(&path).unwrap()] {
            for (slice, values) in expected(&name).into_iter().enumerate() {
                let header = Header::read(&path, &content, Page::At(slice)).unwrap();
                assert_eq!(
                    (header.size, header.channels, header.depth, header.format),
                    ([18, 16], channels, depth, Format::Nifti),
                    "{name}"
                );
                let (read, _) = decode_page(&path, &content, Page::At(slice)).unwrap();
                assert_eq!((read.channels(), read.depth()), (channels, depth));
                assert_eq!(
                    read.to_floats(),
                    values.to_floats(),
                    "{name}, slice {slice}"
                );
            }
            let (all, _) = decode_page(&path, &content, Page::Channels).unwrap();
            assert_eq!(all.channels(), 5 * channels);
        }
        let refused = picture::read(&path).unwrap_err().to_string();
        assert!(
            refused.contains("it has 5 slices; choose with `pages`"),
            "{refused}"
        );
    }
}

#[test]
fn what_is_not_read_is_refused_by_name() {
    for (name, reason) in [
        (
            "complex.nii",
            "complex numbers is not read; save real numbers",
        ),
        (
            "second.nii",
            "a header of NIfTI-2 is not read; convert it to NIfTI-1",
        ),
    ] {
        let error = picture::read(&folder().join(name)).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    let refused = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = fs::read(folder().join("u8.nii")).unwrap();
        change(&mut bytes);
        let content = bytes.into();
        let error = Header::read(Path::new("x.nii"), &content, Page::At(0)).unwrap_err();
        error.to_string()
    };
    assert!(refused(&|bytes| bytes.truncate(1700)).contains("truncated"));
    assert!(refused(&|bytes| bytes.truncate(200)).contains("truncated"));
    assert!(refused(&|bytes| bytes[344..346].copy_from_slice(b"ni")).contains("(.img)"));
    // the length of the third axis
    assert!(refused(&|bytes| bytes[46..48].fill(0xff)).contains("dimension 3 has the length -1"));
    assert!(refused(&|bytes| bytes[46..48].fill(0x7f)).contains("truncated"));
    assert!(refused(&|bytes| bytes[108..112].fill(0xff)).contains("voxels begin at byte NaN"));
    assert!(refused(&|bytes| bytes[70] = 99).contains("voxels of the type 99"));
}

/// A few packed bytes that say that they are a thousand million voxels.
#[test]
fn a_decompression_bomb_is_refused_by_its_header() {
    let mut bytes = fs::read(folder().join("u8.nii")).unwrap();
    for at in [42, 44, 46] {
        bytes[at..at + 2].copy_from_slice(&16000i16.to_le_bytes());
    }
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, &bytes).unwrap();
    let content = packed.finish().unwrap().into();
    let error = Header::read(Path::new("x.nii.gz"), &content, Page::At(0)).unwrap_err();
    assert!(
        error.to_string().contains("too small to hold its voxels"),
        "{error}"
    );
}

/// gzip's checksum tells of a changed bit that its format allows.
#[test]
fn a_changed_bit_is_found() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("x.nii.gz");
    let read = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let content = picture::unpacked(&path)?;
        decode_page(&path, &content, Page::Channels).map(|(all, _)| all)
    };
    let whole = fs::read(folder().join("i16.nii.gz")).unwrap();
    let all = read(&whole).unwrap();
    let mut found = 0;
    // behind gzip's own header, to the end of the checksum and the length
    for at in 10..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        match read(&bytes) {
            // another way to store the same
            Ok(same) => assert_eq!(same, all, "byte {at}"),
            Err(_) => found += 1,
        }
    }
    assert!(found > 1080, "{found} of {}", whole.len());
    // tapes and disks fill their last block
    let filled = read(&[&whole[..], &[0; 512]].concat());
    assert_eq!(filled.unwrap_or_else(|e| panic!("{e}")), all);
}

#[test]
fn axes_are_those_of_nibabel() {
    let known = known();
    for (name, said) in &known {
        for (other_name, other) in &known {
            let [stack, partner] =
                [name, other_name].map(|name| Stack::of(&content(name)).unwrap());
            let checked = Stack::check_partners(
                (Path::new(name), Some(&stack)),
                (Path::new(other_name), Some(&partner)),
            );
            let [axes, others] = [said, other].map(|said| said["axes"].as_str().unwrap());
            match checked {
                Ok(()) => assert_eq!(axes, others, "{name} and {other_name}"),
                Err(error) => {
                    let wanted = format!(
                        "its axes point to {axes}, but those of its partner {other_name} to {others}"
                    );
                    assert!(error.to_string().contains(&wanted), "{error}");
                    assert_ne!(axes, others);
                }
            }
        }
    }
}

/// A network compares voxel by voxel. The distances are those of nibabel's affines.
#[test]
fn volumes_of_other_places_are_told() {
    for (a, b, expected) in [
        ("u8.nii", "u16_big.nii", None),
        ("two.nii.gz", "u8.nii", None),
        ("i16.nii.gz", "f32_big.nii.gz", None),
        ("u8.nii", "i16.nii.gz", Some("79.8")),
        ("i16.nii.gz", "u8.nii", Some("64.4")),
    ] {
        let scratch = tempfile::tempdir().unwrap();
        for (side, name) in [("A", a), ("B", b)] {
            fs::create_dir_all(scratch.path().join(side)).unwrap();
            let ending = &name[name.find('.').unwrap()..];
            let to = scratch.path().join(side).join(format!("brain{ending}"));
            fs::copy(folder().join(name), to).unwrap();
        }
        let data = Dataset::open(scratch.path(), &Options::default()).unwrap();
        let said = data.apart();
        match expected {
            None => assert!(said.is_empty(), "{a} and {b}: {said:?}"),
            Some(voxels) => {
                let [said] = said.as_slice() else {
                    panic!("{said:?}");
                };
                assert!(
                    said.contains("volumes of 1 pair do not lie at the same place"),
                    "{said}"
                );
                assert!(
                    said.contains(&format!("is up to {voxels} voxels off")),
                    "{said}"
                );
                for spacing in ["1x1x2.5", "0.9x1.1x3"] {
                    assert!(said.contains(&format!("(spacing {spacing})")), "{said}");
                }
            }
        }
    }
}

/// Nothing is turned, so the slices of one would be those of the others upside down.
#[test]
fn volumes_that_lie_in_several_ways_are_told() {
    let scratch = data(3);
    let said = || {
        let data = Dataset::open(scratch.path(), &Options::default()).unwrap();
        data.turned()
    };
    assert_eq!(said(), None);
    for side in ["A", "B"] {
        let path = scratch.path().join(side).join("v1.nii");
        let mut bytes = fs::read(&path).unwrap();
        // the first two axes of the matrix, of which each row has four numbers: to the left and to the back
        for at in [280, 300] {
            bytes[at..at + 4].copy_from_slice(&(-1f32).to_le_bytes());
        }
        fs::write(path, bytes).unwrap();
    }
    let told = said().unwrap();
    let first = |name: &str| scratch.path().join("A").join(name).display().to_string();
    let ways = format!(
        "in all pairs: RAS in 2 pairs (first {}), LPS in 1 pair (first {}); nothing is turned",
        first("v0.nii"),
        first("v1.nii")
    );
    assert!(told.contains(&ways), "{told}");
}

/// Volumes in `A/` and `B/` of a new folder: those of B are as long, and brighter by 1.
fn data(count: usize) -> tempfile::TempDir {
    let scratch = tempfile::tempdir().unwrap();
    for side in ["A", "B"] {
        fs::create_dir_all(scratch.path().join(side)).unwrap();
    }
    let bytes = fs::read(folder().join("u8.nii")).unwrap();
    for index in 0..count {
        for (side, more) in [("A", 0), ("B", 1)] {
            let mut bytes = bytes.clone();
            for value in &mut bytes[352..] {
                *value = value.wrapping_add(10 * index as u8 + more);
            }
            fs::write(scratch.path().join(format!("{side}/v{index}.nii")), bytes).unwrap();
        }
    }
    scratch
}

fn names(pairs: &pix2pix::data::Pairs) -> Vec<String> {
    (0..pairs.len())
        .map(|index| pairs.name(index).to_string())
        .collect()
}

#[test]
fn neighbors_are_channels_of_the_source() {
    let scratch = tempfile::tempdir().unwrap();
    for (side, name) in [("A", "i16.nii.gz"), ("B", "f32_big.nii.gz")] {
        fs::create_dir_all(scratch.path().join(side)).unwrap();
        let to = scratch.path().join(side).join("brain.nii.gz");
        fs::copy(folder().join(name), to).unwrap();
    }
    let slices = [expected("i16.nii.gz"), expected("f32_big.nii.gz")];
    for direction in [Direction::AToB, Direction::BToA] {
        for neighbors in [0, 1, 2] {
            let options = Options {
                direction,
                neighbors,
                ..Options::default()
            };
            let data = Dataset::open(scratch.path(), &options).unwrap();
            assert_eq!(
                names(&data.train),
                ["brain-1", "brain-2", "brain-3", "brain-4", "brain-5"]
            );
            let (data, survey, _) = survey::checked(data, OnError::Stop).unwrap();
            let [source, target] = direction.order([0, 1]);
            let kinds = &survey.kinds[source];
            assert!(kinds.keys().all(|kind| kind.channels == 1 + 2 * neighbors));
            for index in 0..5 {
                let pair = data.train.read(index).unwrap();
                let around = (0..=2 * neighbors)
                    .map(|place| (index + place).saturating_sub(neighbors).min(4))
                    .map(|slice| slices[source][slice].clone());
                let around: Vec<Picture> = around.collect();
                assert_eq!(pair.source, Picture::with_all_channels(&around));
                assert_eq!(pair.target, slices[target][index]);
            }
        }
    }
}

#[test]
fn neighbors_without_slices_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    for side in ["A", "B"] {
        fs::create_dir_all(scratch.path().join(side)).unwrap();
        image::RgbImage::new(32, 32)
            .save(scratch.path().join(side).join("x.png"))
            .unwrap();
    }
    let options = Options {
        neighbors: 1,
        pages: Some(Pages::Each),
        ..Options::default()
    };
    let error = Dataset::open(scratch.path(), &options)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("no file has several"), "{error}");
    let config = |neighbors, pages| RunConfig {
        neighbors,
        pages,
        ..RunConfig::default()
    };
    let refused = |config: RunConfig| config.validate().unwrap_err().to_string();
    assert!(refused(config(1, Some(Pages::First))).contains("choose `pages` each"));
    assert!(refused(config(8, None)).contains("neighbors"));
}

/// Slices beside each other are nearly the same: those of a held-out volume must not be trained on.
#[test]
fn volumes_are_held_out_whole() {
    let scratch = data(4);
    for seed in 0..8 {
        let options = Options {
            val_fraction: 0.25,
            seed,
            ..Options::default()
        };
        let data = Dataset::open(scratch.path(), &options).unwrap();
        let [train, val] = [&data.train, data.val.as_ref().unwrap()].map(names);
        assert_eq!((train.len(), val.len()), (15, 5));
        let volume = val[0].split('-').next().unwrap();
        assert!(val.iter().all(|name| name.starts_with(volume)), "{val:?}");
        assert!(!train.iter().any(|name| name.starts_with(volume)));
        assert_eq!(duplicates(&data), []);
    }
    let one = self::data(1);
    let options = Options {
        val_fraction: 0.25,
        ..Options::default()
    };
    let error = Dataset::open(one.path(), &options)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("at least two volumes"), "{error}");
}

/// A run that held out a quarter of its pairs, which an earlier version knew by these names, each behind its split.
fn run_of(seed: u64, names: impl Iterator<Item = String>) -> RunConfig {
    let mut hash = Sha256::new();
    names.for_each(|name| hash.update(name + "\n"));
    let digest = hash.finalize();
    let gray = Domain {
        channels: 1,
        ..Domain::default()
    };
    RunConfig {
        val_fraction: 0.25,
        seed,
        data_digest: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        source: gray.clone(),
        target: gray,
        ..RunConfig::default()
    }
}

/// Earlier versions held out a volume whose partner is that of a training pair too; such a run finds its pairs again.
#[test]
fn a_run_that_held_out_one_pair_of_a_file_finds_it_again() {
    let scratch = data(4);
    let table = scratch.path().join("t.csv");
    let lines = "A/v0.nii,B/v0.nii\nA/v1.nii,B/v0.nii\nA/v2.nii,B/v2.nii\nA/v3.nii,B/v3.nii\n";
    fs::write(&table, lines).unwrap();
    let options = Options {
        pages: Some(Pages::First),
        ..Options::default()
    };
    let volumes = Dataset::open(&table, &options).unwrap().train;
    let seed = (0..).find(|seed| volumes.order(*seed, u64::MAX)[0] == 1);
    let splits = [(0, "train"), (2, "train"), (3, "train"), (1, "val")];
    let slices = splits.into_iter().flat_map(|(volume, split)| {
        let slices = 1..=5;
        slices.map(move |slice| format!("{split}/v{volume}-{slice}"))
    });
    let config = run_of(seed.unwrap(), slices);
    let (data, _) = config.open(&table, OnError::Stop).unwrap();
    assert_eq!(data.changed_since(&config.data_digest), None);
    let held_out = names(&data.val.unwrap());
    assert_eq!(held_out, ["v1-1", "v1-2", "v1-3", "v1-4", "v1-5"]);
    // new runs hold out both or none
    for seed in 0..8 {
        let new = RunConfig {
            data_digest: String::new(),
            seed,
            ..config.clone()
        };
        let (data, _) = new.open(&table, OnError::Stop).unwrap();
        let held_out = names(&data.val.unwrap());
        let is_held_out = |volume: &str| held_out.iter().any(|name| name.starts_with(volume));
        assert_eq!(is_held_out("v0"), is_held_out("v1"), "{held_out:?}");
    }
}

/// Earlier versions held out single pages; such a run finds its pairs again by their digest.
#[test]
fn a_run_that_held_out_pages_finds_them_again() {
    let scratch = data(4);
    let whole = Dataset::open(scratch.path(), &Options::default())
        .unwrap()
        .train;
    let order = whole.order(3, u64::MAX);
    let (mut val, mut train) = (order[..5].to_vec(), order[5..].to_vec());
    val.sort_unstable();
    train.sort_unstable();
    let splits = [("train", train), ("val", val)];
    let names = splits.into_iter().flat_map(|(split, indices)| {
        let names = indices.into_iter().map(|index| whole.name(index));
        names
            .map(|name| format!("{split}/{name}"))
            .collect::<Vec<_>>()
    });
    let config = run_of(3, names);
    let digest = config.data_digest.clone();
    let (data, _) = config.open(scratch.path(), OnError::Stop).unwrap();
    assert_eq!(data.changed_since(&digest), None);
    let new = RunConfig {
        data_digest: String::new(),
        ..config
    };
    let (data, _) = new.open(scratch.path(), OnError::Stop).unwrap();
    assert_eq!(data.changed_since(&digest), Some(Change::Pairs));
    assert_eq!(data.val.unwrap().len(), 5);
}

#[test]
fn what_does_not_fit_is_refused() {
    let scratch = data(2);
    let open = || {
        Dataset::open(scratch.path(), &Options::default())
            .err()
            .unwrap()
            .to_string()
    };
    let file = scratch.path().join("B/v1.nii");
    let whole = fs::read(&file).unwrap();
    let mut bytes = whole.clone();
    bytes[46..48].copy_from_slice(&4i16.to_le_bytes());
    fs::write(&file, &bytes).unwrap();
    let error = open();
    assert!(
        error.contains("B/v1.nii: 4 slices, but its partner") && error.contains("has 5"),
        "{error}"
    );
    let mut bytes = whole.clone();
    bytes[280..284].copy_from_slice(&(-1f32).to_le_bytes());
    fs::write(&file, &bytes).unwrap();
    let error = open();
    assert!(
        error.contains("its axes point to LAS, but those of its partner"),
        "{error}"
    );
    // other columns: the survey tells
    let mut bytes = whole;
    bytes[42..44].copy_from_slice(&17i16.to_le_bytes());
    fs::write(&file, &bytes).unwrap();
    let data = Dataset::open(scratch.path(), &Options::default()).unwrap();
    let error = survey::checked(data, OnError::Stop)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("17x16 pixels, but its partner"), "{error}");
}

/// What is written is read back, in the same place of the body and the same byte order.
#[test]
fn results_keep_the_header() {
    let scratch = tempfile::tempdir().unwrap();
    for (name, packed) in [
        ("i16.nii.gz", true),
        ("u16_big.nii", false),
        ("two.nii.gz", true),
        ("f64.nii", false),
    ] {
        for (channels, depth) in [
            (1, Depth::U8),
            (1, Depth::U16),
            (1, Depth::F32),
            (3, Depth::U8),
        ] {
            let slices: Vec<Picture> = (0..5)
                .map(|slice| {
                    let values = (0..18 * 16 * channels).map(|at| (at % 200 + slice) as f32);
                    let picture =
                        Picture::new([18, 16], channels, picture::Samples::F32(values.collect()));
                    match depth {
                        Depth::F32 => picture,
                        Depth::U8 => bytes_of(&picture),
                        Depth::U16 => words_of(&picture),
                    }
                })
                .collect();
            let domain = Domain {
                channels,
                depth,
                range: depth.range().into(),
                labels: None,
                nodata: None,
            };
            let path = scratch.path().join(name);
            let template = Template::of(Path::new(name), &content(name)).unwrap();
            let mut writer = template.begin(&path, 5, &domain, packed).unwrap();
            for slice in &slices {
                writer.write(slice, &picture::Metadata::default()).unwrap();
            }
            writer.finish().unwrap();
            let written = Content::from(path.as_path());
            assert_eq!(written.is_packed().unwrap(), packed);
            for (index, slice) in slices.iter().enumerate() {
                let (read, _) = decode_page(&path, &written, Page::At(index)).unwrap();
                assert_eq!(&read, slice, "{name}");
            }
            let [before, after] = [content(name), written].map(|content| {
                let mut bytes = Vec::new();
                let mut reader = content.reader().unwrap();
                match content.is_packed().unwrap() {
                    true => std::io::Read::read_to_end(
                        &mut flate2::read::GzDecoder::new(reader),
                        &mut bytes,
                    ),
                    false => std::io::Read::read_to_end(&mut reader, &mut bytes),
                }
                .unwrap();
                bytes
            });
            // spacing, units, description, and how the voxels lie
            for range in [0..40, 42..48, 76..108, 120..124, 132..328, 344..348] {
                assert_eq!(before[range.clone()], after[range], "{name}");
            }
            assert_eq!(
                after.len(),
                352 + 18 * 16 * 5 * channels * depth.bytes() as usize
            );
        }
    }
}

fn bytes_of(picture: &Picture) -> Picture {
    let values = picture.to_floats().into_iter().map(|value| value as u8);
    Picture::new(
        picture.size(),
        picture.channels(),
        picture::Samples::U8(values.collect()),
    )
}

fn words_of(picture: &Picture) -> Picture {
    let values = picture.to_floats().into_iter().map(|value| value as u16);
    Picture::new(
        picture.size(),
        picture.channels(),
        picture::Samples::U16(values.collect()),
    )
}

#[test]
fn names_lose_both_endings() {
    for (name, stem) in [
        ("a/brain.nii.gz", "brain"),
        ("brain.NII", "brain"),
        ("s01.v2.nii.gz", "s01.v2"),
        ("brain.gz", "brain.gz"),
    ] {
        assert_eq!(pair::stem(Path::new(name)), stem);
    }
}

/// Any bytes give pictures or errors.
#[test]
fn mutated_volumes_never_panic() {
    let rng = &mut ChaCha8Rng::seed_from_u64(5);
    let fixtures: Vec<Vec<u8>> = fs::read_dir(folder())
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| picture::is_volume(path))
        .map(|path| fs::read(path).unwrap())
        .collect();
    assert_eq!(fixtures.len(), 11);
    let mut read = 0;
    for round in 0..20_000 {
        let mut bytes = fixtures[round % fixtures.len()].clone();
        for _ in 0..rng.random_range(1..5) {
            // mostly in the header
            let end = if rng.random_range(0..4) == 0 {
                bytes.len()
            } else {
                bytes.len().min(348)
            };
            let at = rng.random_range(0..end);
            match rng.random_range(0..3) {
                0 => bytes[at] = rng.random(),
                1 => bytes[at] ^= 1 << rng.random_range(0..8),
                _ => bytes[at] = [0, 0xff, 0x7f, 0x80][rng.random_range(0..4)],
            }
        }
        let content = Content::from(bytes);
        picture::pages(&content);
        for page in [Page::At(1), Page::Channels] {
            match decode_page(Path::new("x.nii"), &content, page) {
                Ok(_) => read += 1,
                Err(error) => assert!(!error.to_string().contains("its decoder failed"), "{error}"),
            }
        }
    }
    assert!(read > 5_000, "only {read} mutations were read");
}

/// Mirrored volumes are refused whatever is read of them, and masks too.
#[test]
fn axes_are_compared_in_every_mode() {
    let known = known();
    let axes = |said: &Value| said["axes"].as_str().unwrap().to_string();
    let (_, first) = known.iter().find(|(name, _)| name == "u8.nii").unwrap();
    let other = known.iter().find(|(_, said)| axes(said) != axes(first));
    let (other, _) = other.expect("volumes that lie in two ways");
    for side in ["B", "mask"] {
        let scratch = data(1);
        let to = scratch.path().join(side);
        fs::create_dir_all(&to).unwrap();
        let _ = fs::remove_file(to.join("v0.nii"));
        let ending = &other[other.find('.').unwrap()..];
        fs::copy(folder().join(other), to.join(format!("v0{ending}"))).unwrap();
        for pages in [
            None,
            Some(Pages::First),
            Some(Pages::Channels),
            Some(Pages::Each),
        ] {
            let options = Options {
                pages,
                ..Options::default()
            };
            let error = Dataset::open(scratch.path(), &options).err();
            let error = error.unwrap_or_else(|| panic!("{side}, {pages:?}"));
            assert!(error.to_string().contains("its axes point to"), "{error}");
        }
    }
}

/// A picture that gzip packed is none: only volumes are read so.
#[test]
fn other_packed_files_have_no_known_format() {
    let mut png = Vec::new();
    image::RgbImage::new(32, 32)
        .write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png)
        .unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, &png).unwrap();
    let content = packed.finish().unwrap().into();
    let error = Header::read(Path::new("x.png"), &content, Page::Only).unwrap_err();
    assert!(error.to_string().contains("not a JPEG, PNG"), "{error}");
}
