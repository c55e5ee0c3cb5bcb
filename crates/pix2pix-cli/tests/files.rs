//! What is read of a data set or a folder, what is passed over, and what is refused by name.

use std::fs::{self, File};
use std::io::Write;
use std::process::Output;

use image::{ImageBuffer, Luma, RgbImage, imageops};

use crate::common::{SMALL, Scratch, names, pair};

/// The halves of pair `index`, 48x40 pixels each.
fn halves(index: u32) -> [RgbImage; 2] {
    [0, 48].map(|left| imageops::crop_imm(&pair(96, 40, index), left, 0, 48, 40).to_image())
}

/// Writes the halves of a pair to these paths.
fn apart(scratch: &Scratch, index: u32, a: &str, b: &str) {
    for (half, path) in halves(index).iter().zip([a, b]) {
        let path = scratch.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        half.save_with_format(path, image::ImageFormat::Png)
            .unwrap();
    }
}

fn error(output: &Output, code: i32) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{said}");
    let last = said.lines().last().unwrap_or_default().to_string();
    assert!(last.starts_with("error: "), "{said}");
    last
}

#[test]
fn what_is_passed_over_is_counted_and_named() {
    let scratch = Scratch::new();
    apart(&scratch, 0, "data/A/p0.png", "data/B/p0.png");
    apart(&scratch, 1, "data/more/m.png", "data/more/n.png");
    fs::write(scratch.path("data/A/notes.txt"), "x").unwrap();
    fs::write(scratch.path("data/.hidden"), "x").unwrap();
    let expected = "4 files passed over: 1 without a known ending (A/notes.txt), 2 in folders outside of the layout \
                    (more/m.png, ...), 1 hidden (.hidden)";
    let said = scratch.ok("inspect data");
    assert!(said.contains(expected), "{said}");
    assert!(scratch.trained("data", "").contains(expected));
}

/// Of two tables in a folder, one is read.
#[test]
fn other_tables_are_named_as_such() {
    let scratch = Scratch::new();
    apart(&scratch, 0, "data/A/p0.png", "data/B/p0.png");
    fs::write(scratch.path("data/pairs.csv"), "a,b\nA/p0.png,B/p0.png\n").unwrap();
    fs::write(scratch.path("data/more.jsonl"), "{}\n").unwrap();
    fs::write(scratch.path("data/notes.txt"), "x").unwrap();
    let expected =
        "2 files passed over: 1 without a known ending (notes.txt), 1 other table (more.jsonl)";
    let said = scratch.ok("inspect data");
    assert!(said.contains(expected), "{said}");
}

/// Somebody whose pictures are all GIF is told so.
#[test]
fn pictures_of_formats_that_are_not_read_are_named() {
    let scratch = Scratch::new();
    for name in [
        "gifs/0.gif",
        "gifs/1.gif",
        "apart/A/0.gif",
        "apart/A/1.gif",
        "half/train/0.gif",
    ] {
        let path = scratch.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "GIF89a").unwrap();
    }
    let remedy = "convert pictures to PNG, JPEG or TIFF, and volumes to NIfTI";
    scratch.pairs("data", 1);
    scratch.trained("data", "");
    for command in [
        "translate run gifs --out out",
        "prepare gray gifs --out out",
    ] {
        let said = error(&scratch.run(command), 1);
        let wanted = "error: gifs: contains no picture that is read; 2 files passed over: 2 in formats that are not read (0.gif, ...)";
        assert!(said.starts_with(wanted) && said.ends_with(remedy), "{said}");
    }
    let said = error(&scratch.run("inspect gifs"), 1);
    assert!(
        said.contains("2 in formats that are not read (0.gif, ...)"),
        "{said}"
    );
    assert!(said.ends_with(remedy), "{said}");

    // 8 bits are too few for a scan
    fs::create_dir(scratch.path("series")).unwrap();
    for name in ["1.dcm", "2.DCM"] {
        fs::write(scratch.path("series").join(name), "DICM").unwrap();
    }
    let said = error(&scratch.run("inspect series"), 1);
    let wanted = "2 of DICOM: make NIfTI volumes of them with dcm2niix (1.dcm, ...)";
    assert!(said.contains(wanted) && said.ends_with(remedy), "{said}");

    // one side
    for index in 0..2 {
        let path = format!("apart/B/{index}.png");
        apart(&scratch, index, "half.png", &path);
    }
    let train = |data: &str| {
        error(
            &scratch.run(&format!("train {data} --out other {SMALL}")),
            1,
        )
    };
    let said = train("apart");
    let wanted =
        "apart: there are no training pairs: A/ has no picture that is read; 2 files passed over";
    assert!(said.contains(wanted) && said.ends_with(remedy), "{said}");
    fs::remove_dir_all(scratch.path("apart/A")).unwrap();
    let said = train("apart");
    assert!(
        said.contains("there are no training pairs: the only pictures for training are in B/"),
        "{said}"
    );
    // the split
    scratch.pairs("half/val", 1);
    fs::write(scratch.path("half/val/0.gif"), "GIF89a").unwrap();
    let said = train("half");
    assert!(
        said.contains("train/ has no picture that is read"),
        "{said}"
    );
    fs::remove_dir_all(scratch.path("half/train")).unwrap();
    assert!(train("half").ends_with("put pairs into train/"));
}

/// Two layouts side by side: what is wrong is told, not where pictures are.
#[test]
fn training_pairs_of_another_layout_are_told() {
    let scratch = Scratch::new();
    scratch.pairs("mixed/train", 2);
    apart(&scratch, 0, "mixed/test/A/0.png", "mixed/test/B/0.png");
    let said = error(&scratch.run(&format!("train mixed --out run {SMALL}")), 1);
    let wanted = "mixed: there are no training pairs: the pictures of train/ are side by side, and those of test/A/ apart; put \
                  all into one layout, as into train/A/ and train/B/";
    assert!(said.ends_with(wanted), "{said}");
}

/// A city or a video has a folder of its own, and other names for splits.
#[test]
fn folders_below_the_sides_have_pairs() {
    let scratch = Scratch::new();
    for (index, name) in (0..).zip(["ulm/0", "bonn/0"]) {
        let [a, b] = ["A", "B"].map(|side| format!("data/train{side}/{name}.png"));
        apart(&scratch, index, &a, &b);
    }
    apart(&scratch, 2, "data/dev/A/0.png", "data/dev/B/0.png");
    let said = scratch.trained("data", "");
    assert!(said.contains("2 pairs to train on, 1 held out"), "{said}");
    let scores = scratch.ok("evaluate run data --split train --json --out scores");
    assert!(
        scores.contains("ulm/0") && scores.contains("bonn/0"),
        "{scores}"
    );
}

/// Several pictures of B belong to one of A, and a pattern says which is meant.
#[test]
fn patterns_choose_among_pictures() {
    let scratch = Scratch::new();
    for index in 0..2 {
        let [a, b] = [
            format!("data/A/{index}_photo.png"),
            format!("data/B/{index}_map.png"),
        ];
        apart(&scratch, index, &a, &b);
        fs::write(scratch.path(&format!("data/B/{index}_other.png")), "x").unwrap();
    }
    let said = scratch.trained("data", "--match *_photo *_map");
    assert!(said.contains("2 pairs to train on"), "{said}");
    let told = "2 files passed over: 2 of names that do not fit the patterns (B/0_other.png, ...)";
    assert!(said.contains(told), "{said}");
    let refused = scratch.run(&format!("train data --out other {SMALL} --match *_x *_map"));
    let said = error(&refused, 1);
    let wanted = "there are no training pairs: 4 files passed over: 4 of names that do not fit the patterns (A/0_photo.png, \
                  ...); correct --match";
    assert!(said.ends_with(wanted), "{said}");
}

#[test]
fn every_ending_of_a_picture_is_read() {
    let scratch = Scratch::new();
    for (index, ending) in (0..).zip(["jfif", "jpe", "TIFF", "JPEG", "Png", "dib"]) {
        let name = |side: &str| format!("data/{side}/p{index}.{ending}");
        apart(&scratch, index, &name("A"), &name("B"));
    }
    assert!(scratch.trained("data", "").contains("6 pairs to train on"));
}

#[test]
fn a_zip_with_windows_separators_has_folders() {
    let scratch = Scratch::new();
    let mut zip = zip::ZipWriter::new(File::create(scratch.path("data.zip")).unwrap());
    for index in 0..2 {
        for (half, side) in halves(index).iter().zip(["A", "B"]) {
            let options = zip::write::SimpleFileOptions::default();
            let path = scratch.path("half.png");
            half.save(&path).unwrap();
            zip.start_file(format!("set\\{side}\\p{index}.png"), options)
                .unwrap();
            zip.write_all(&fs::read(path).unwrap()).unwrap();
        }
    }
    zip.finish().unwrap();
    let said = scratch.ok("inspect data.zip");
    assert!(said.contains("two folders, A and B"), "{said}");
    assert!(said.contains("train      2       0  2 of 48x40"), "{said}");
}

#[test]
fn square_files_are_not_cut_into_halves_unasked() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path("data")).unwrap();
    for index in 0..2 {
        pair(64, 64, index)
            .save(scratch.path(&format!("data/{index}.png")))
            .unwrap();
    }
    let said = error(&scratch.run(&format!("train data --out run {SMALL}")), 1);
    assert!(
        said.contains("data/0.png: a square picture of 64x64 pixels"),
        "{said}"
    );
    assert!(
        said.contains("two folders, A/ and B/") && said.contains("--squares"),
        "{said}"
    );
    let output = scratch.run("inspect data");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("training can begin"));
    scratch.trained("data", "--squares");
    scratch.ok("inspect data --squares");
}

/// Halves that are higher than wide are told, as files of most photographs have them, and files that are higher than wide
/// are refused as squares are.
#[test]
fn ordinary_photographs_are_not_pairs_without_a_word() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path("data")).unwrap();
    let photograph = |width, height| {
        pair(width, height, 1)
            .save(scratch.path("data/photograph.png"))
            .unwrap();
    };
    photograph(80, 60);
    let note = "note: side-by-side pairs with halves of 40x60: if these files are single pictures, see `pix2pix prepare`; \
                if they are pairs, --squares says so";
    let said = scratch.ok("inspect data");
    assert!(said.contains(note), "{said}");
    let said = scratch.trained("data", "");
    assert!(said.contains(note), "{said}");
    assert!(!scratch.ok("inspect data --squares").contains("halves of"));
    // the shape of the paper's pairs
    photograph(120, 60);
    assert!(!scratch.ok("inspect data").contains("halves of"));

    photograph(60, 80);
    for command in [
        format!("train data --out other {SMALL}"),
        "inspect data".to_string(),
    ] {
        let output = scratch.run(&command);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        let wanted = "data/photograph.png: a picture of 60x80 pixels, higher than wide, where side-by-side pairs are expected";
        assert!(
            said.contains(wanted) && said.contains("--squares"),
            "{said}"
        );
    }
    scratch.ok("inspect data --squares");
}

/// A run of an earlier version, which took files that are higher than wide for pairs, goes on with them.
#[test]
fn an_earlier_run_with_narrow_pairs_is_resumed() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path("data")).unwrap();
    for index in 0..2 {
        let path = scratch.path(&format!("data/{index}.png"));
        pair(60, 80, index).save(path).unwrap();
    }
    scratch.trained("data", "--squares");
    let path = scratch.path("run/config.toml");
    let config = fs::read_to_string(&path).unwrap();
    let is_new = |line: &&str| !line.starts_with("squares") && !line.starts_with("side_by_side");
    let earlier: Vec<&str> = config.lines().filter(is_new).collect();
    assert_eq!(earlier.len() + 2, config.lines().count(), "{config}");
    fs::write(&path, earlier.join("\n")).unwrap();
    scratch.ok("train --resume run --steps 3");
}

#[test]
fn the_sheet_of_inspect_never_becomes_a_pair() {
    let scratch = Scratch::new();
    scratch.pairs("sets/data", 2);
    for _ in 0..2 {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_pix2pix"))
            .args(["inspect", "."])
            .current_dir(scratch.path("sets/data"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("train      2       0"), "{said}");
        assert_eq!(
            names(&scratch.path("sets/data")),
            ["pair0.png", "pair1.png"]
        );
    }
    assert!(scratch.path("sets/inspect.png").exists());
    let said = error(
        &scratch.run("inspect sets/data --sheet sets/data/sheet.png"),
        2,
    );
    assert!(said.contains("lies in the data set"), "{said}");
    if cfg!(unix) {
        scratch.bash("ln -s sets/data/pair0.png link.png");
        let said = error(&scratch.run("inspect sets/data --sheet link.png"), 2);
        assert!(said.contains("lies in the data set"), "{said}");
    }
}

#[test]
fn names_that_differ_by_a_word_are_paired_on_demand() {
    let scratch = Scratch::new();
    for index in 0..3 {
        let name = |side: &str, stain: &str| format!("data/{side}/cell_{index}_{stain}.png");
        apart(&scratch, index, &name("A", "BF"), &name("B", "DAPI"));
    }
    let said = error(&scratch.run(&format!("train data --out run {SMALL}")), 1);
    assert!(
        said.contains("A has cell_0_BF.png and B has cell_0_DAPI.png, which --match '*_BF' '*_DAPI' would pair"),
        "{said}"
    );
    let said = scratch.trained("data", "--match *_BF *_DAPI");
    assert!(said.contains("3 pairs to train on"), "{said}");
    // the run remembers it
    scratch.ok("train --resume run --steps 3 --quiet");
    let said = scratch.ok("evaluate run data --split train");
    assert!(
        said.contains("train, 3 pictures") || said.contains('3'),
        "{said}"
    );
}

/// macOS decomposes accented letters in names, Linux and Windows compose them.
#[test]
fn both_spellings_of_an_accent_are_one_name() {
    let scratch = Scratch::new();
    apart(
        &scratch,
        0,
        "data/A/caf\u{e9}.png",
        "data/B/cafe\u{301}.png",
    );
    assert!(scratch.trained("data", "").contains("1 pair to train on"));
}

#[test]
fn tables_of_other_programs_are_read() {
    let scratch = Scratch::new();
    for index in 0..2 {
        apart(
            &scratch,
            index,
            &format!("data/x/{index}.png"),
            &format!("data/y/{index}.png"),
        );
    }
    let tables = [
        (
            "mark.csv",
            "\u{feff}a,b\nx/0.png,y/0.png\nx/1.png,y/1.png\n",
        ),
        (
            "pandas.csv",
            ",photo,drawing\n0,x/0.png,y/0.png\n1,x/1.png,y/1.png\n",
        ),
        ("bare.csv", "0,x/0.png,y/0.png\n1,x/1.png,y/1.png\n"),
        (
            "named.csv",
            "target,note,split,input\ny/0.png,one,train,x/0.png\ny/1.png,two,val,x/1.png\n",
        ),
        ("excel.csv", "A;B\nx/0.png;y/0.png\nx/1.png;y/1.png\n"),
        ("tabs.csv", "A\tB\nx/0.png\ty/0.png\nx/1.png\ty/1.png\n"),
        (
            "mark.jsonl",
            "\u{feff}{\"a\": \"x/0.png\", \"b\": \"y/0.png\"}\n{\"a\": \"x/1.png\", \"b\": \"y/1.png\"}\n",
        ),
    ];
    for (name, text) in tables {
        fs::write(scratch.path("data").join(name), text).unwrap();
        let said = scratch.ok(&format!("inspect data/{name} --sheet sheet.png --force"));
        assert!(said.contains("training can begin"), "{name}: {said}");
        let pairs = if name == "named.csv" {
            "train      1"
        } else {
            "train      2"
        };
        assert!(said.contains(pairs), "{name}: {said}");
    }
    // A is the input: gray to the left of the sheet's first pair would be its negative
    scratch.ok("prepare combine data/named.csv --out both");
    let both = image::open(scratch.path("both/train/0.png"))
        .unwrap()
        .into_rgb8();
    assert_eq!(both, pair(96, 40, 0));
}

/// A TIFF of several gray pages of 48x40 pixels.
fn pages(scratch: &Scratch, path: &str, shades: &[u8]) {
    let path = scratch.path(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = tiff::encoder::TiffEncoder::new(File::create(path).unwrap()).unwrap();
    for shade in shades {
        let values: Vec<u8> = (0..48 * 40).map(|at| shade + (at % 48) as u8).collect();
        file.write_image::<tiff::encoder::colortype::Gray8>(48, 40, &values)
            .unwrap();
    }
}

#[test]
fn pages_are_a_choice() {
    let scratch = Scratch::new();
    for index in 0..2 {
        pages(&scratch, &format!("data/A/{index}.tif"), &[0, 60, 120]);
        pages(&scratch, &format!("data/B/{index}.tif"), &[200, 100, 0]);
    }
    let said = error(&scratch.run(&format!("train data --out run {SMALL}")), 1);
    assert!(
        said.contains("it has 3 pages; choose with --pages"),
        "{said}"
    );
    let said = scratch.trained("data", "--pages first");
    assert!(
        said.contains("2 pairs") && said.contains("A: 1 channel"),
        "{said}"
    );
    // three pages are no red, green and blue
    let refused = scratch.run("translate run data/A/0.tif --pages channels --out joined");
    let said = error(&refused, 1);
    let wanted = "0.tif: its pages or files are joined to 3 channels, but the model takes 1";
    assert!(said.contains(wanted), "{said}");
    let said = scratch.trained("data", "--pages each");
    assert!(
        said.contains("6 pairs") && said.contains("A: 1 channel"),
        "{said}"
    );
    // as the model was trained: every page
    let said = scratch.ok("translate run data/A/0.tif --out each");
    assert!(said.contains("48x40, 3 pages) -> each/0.tif"), "{said}");
    assert_eq!(names(&scratch.path("each")), ["0.tif"]);
    let said = scratch.trained("data", "--pages channels");
    assert!(
        said.contains("2 pairs") && said.contains("A: 3 channels"),
        "{said}"
    );
    scratch.ok("translate run data/A/0.tif --out channels");
    let translated = image::open(scratch.path("channels/0.tif"));
    assert!(translated.is_err() || translated.unwrap().width() == 48);
    scratch.ok("train --resume run --steps 3 --quiet");

    pages(&scratch, "data/B/1.tif", &[200, 100]);
    let said = error(
        &scratch.run(&format!("train data --out again --pages each {SMALL}")),
        1,
    );
    assert!(
        said.contains("2 pages, but its partner") && said.contains("has 3"),
        "{said}"
    );
}

/// Radar in decibels beside 12-bit optical data in 16 bits.
fn radar_and_optics(scratch: &Scratch) {
    for side in ["A", "B"] {
        fs::create_dir_all(scratch.path("data").join(side)).unwrap();
    }
    for index in 0..3u32 {
        let values: Vec<f32> = (0..48 * 48)
            .map(|at| -24.0 + (at % (20 + index)) as f32)
            .collect();
        let file = File::create(scratch.path(&format!("data/A/{index}.tif"))).unwrap();
        let mut file = tiff::encoder::TiffEncoder::new(file).unwrap();
        file.write_image::<tiff::encoder::colortype::Gray32Float>(48, 48, &values)
            .unwrap();
        let optics = ImageBuffer::from_fn(48, 48, |x, y| Luma([(x * 80 + y * index) as u16]));
        image::DynamicImage::ImageLuma16(optics)
            .save(scratch.path(&format!("data/B/{index}.png")))
            .unwrap();
    }
}

#[test]
fn each_side_has_its_range() {
    let scratch = Scratch::new();
    radar_and_optics(&scratch);
    // the data is the cause, whichever command finds it
    let train = format!("train data --out run {SMALL}");
    for command in [train.as_str(), "inspect data"] {
        let said = error(&scratch.run(command), 1);
        assert!(said.contains("--range-a -24"), "{said}");
        let said = error(&scratch.run(&format!("{command} --range=-25,0")), 1);
        assert!(
            said.contains("of the values of B lie outside of -25 to 0"),
            "{said}"
        );
        assert!(said.contains("--range-b 0,4095"), "{said}");
    }
    let said = scratch.trained("data", "--range-a=-25,0");
    assert!(
        said.contains("note: the values of B are from 0 to"),
        "{said}"
    );
    let said = scratch.trained("data", "--range-a=-25,0 --range-b 0,3000");
    assert!(
        said.contains("A: 1 channel, float from -25 to 0; B: 1 channel, 16-bit from 0 to 3000"),
        "{said}"
    );
    assert!(
        said.contains("of the values of B lie outside of 0 to 3000 and are clipped"),
        "{said}"
    );
    let said = scratch.trained("data", "--range auto");
    assert!(said.contains("A: 1 channel, float from -24 to -"), "{said}");
    // what is translated is checked too
    scratch.ok("translate run data/A/0.tif --out out");
    let inspected = scratch.ok("inspect data --range-a=-25,0");
    assert!(inspected.contains("A: values from -24 to -"), "{inspected}");
    assert!(inspected.contains("note: the values of B"), "{inspected}");
}

/// What is clipped is told; scores of pairs most of whose values are clipped would say nothing. In the files' values, what
/// lies beyond the range is as far off as it is.
#[test]
fn an_evaluation_counts_the_values_outside_of_the_range() {
    let scratch = Scratch::new();
    radar_and_optics(&scratch);
    scratch.trained("data", "--range-a=-25,0 --range-b 0,3000");
    let output = scratch.run("evaluate run data --json");
    let said = String::from_utf8_lossy(&output.stderr);
    let wanted = "% of the values of the targets lie outside of the model's range and were clipped";
    assert!(output.status.success() && said.contains(wanted), "{said}");
    assert!(!said.contains("of the sources"), "{said}");
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let picture = &found[0]["pictures"][0];
    let scale = 3000.0 / 255.0;
    let clipped = picture["l1"].as_f64().unwrap() * scale;
    assert!(picture["own"]["l1"].as_f64().unwrap() > clipped + 10.0);

    for index in 0..3 {
        let bright = ImageBuffer::from_pixel(48, 48, Luma([9000u16]));
        let path = scratch.path(&format!("data/B/{index}.png"));
        image::DynamicImage::ImageLuma16(bright).save(path).unwrap();
    }
    let said = error(&scratch.run("evaluate run data --out scores"), 1);
    let wanted = "run: 100% of the values of the targets lie outside of the range that the model was trained on: 1 \
                  channel, 16-bit from 0 to 3000; ";
    assert!(said.contains(wanted), "{said}");
    assert!(!scratch.path("scores").exists());

    // what would help is an option of the training
    let file = File::create(scratch.path("data/A/0.tif")).unwrap();
    let mut file = tiff::encoder::TiffEncoder::new(file).unwrap();
    file.write_image::<tiff::encoder::colortype::Gray32Float>(48, 48, &[f32::NAN; 48 * 48])
        .unwrap();
    let said = error(&scratch.run("evaluate run data"), 1);
    assert!(
        said.contains("give --nodata nan; otherwise")
            && said.ends_with("(--nodata is an option of `pix2pix train`)"),
        "{said}"
    );
}

#[test]
fn eight_bits_have_a_range_and_bands_have_theirs() {
    let scratch = Scratch::new();
    apart(&scratch, 0, "data/A/p.png", "data/B/p.png");
    for side in ["A", "B"] {
        // classes 0 to 4
        let classes = RgbImage::from_fn(48, 40, |x, _| image::Rgb([(x % 5) as u8; 3]));
        classes
            .save(scratch.path(&format!("data/{side}/p.png")))
            .unwrap();
    }
    let said = scratch.ok("inspect data");
    assert!(
        said.contains("or, for amounts, the values of black and white: --range-a 0,4"),
        "{said}"
    );
    let said = scratch.ok("inspect data --range 0,4");
    assert!(said.contains("3 channels, 8-bit from 0 to 4"), "{said}");
    let said = scratch.trained("data", "--range-a 0:4,0:8,0:16 --range-b 0,4");
    assert!(
        said.contains("8-bit from 0 to 4, 0 to 8, 0 to 16"),
        "{said}"
    );
    scratch.ok("train --resume run --steps 3 --quiet");
    // an option is the cause
    let train = format!("train data --out again {SMALL}");
    for command in [train.as_str(), "inspect data"] {
        let said = error(&scratch.run(&format!("{command} --range-a 0:4,0:8")), 2);
        assert!(
            said.contains("--range-a has 2 ranges, but A has 3 channels"),
            "{said}"
        );
    }
    for (wrong, told) in [
        (
            "4,0",
            "it is 4 to 0; the first number must be the lower one",
        ),
        ("a,b", "use LOW,HIGH with LOW below HIGH"),
        ("0:1,2", "use LOW,HIGH with LOW below HIGH"),
        ("1", "use LOW,HIGH with LOW below HIGH"),
        ("-3e38,3e38", "these are too far apart for 32-bit floats"),
    ] {
        let output = scratch.run(&format!("train data --out again --range {wrong} {SMALL}"));
        let said = error(&output, 2);
        assert!(said.contains(told), "{wrong}: {said}");
    }
}

/// The pairs that a run holds out are its own: other data is measured whole, or by its own splits.
#[test]
fn held_out_pairs_are_the_runs_own() {
    let scratch = Scratch::new();
    scratch.pairs("data", 10);
    scratch.trained("data", "--val-fraction 0.3");
    scratch.pairs("other/train", 3);
    scratch.pairs("other/val", 2);
    scratch.pairs("other/test", 1);
    scratch.pairs("plain", 4);
    let pictures = |arguments: &str| {
        let json = scratch.ok(&format!("evaluate run {arguments} --json"));
        let found: serde_json::Value = serde_json::from_str(&json).unwrap();
        found[0]["pictures"].as_array().unwrap().len()
    };
    assert_eq!(pictures("data"), 3);
    assert_eq!(pictures("data --split train"), 7);
    assert_eq!(pictures("other"), 2);
    assert_eq!(pictures("other --split test"), 1);
    assert_eq!(pictures("plain"), 4);
    scratch.ok("train --resume run --steps 3 --quiet");
}

#[test]
fn folders_are_translated_whole_and_past_broken_files() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "");
    let [one, other] = [halves(0), halves(1)].map(|[a, _]| a);
    fs::create_dir_all(scratch.path("in/sub")).unwrap();
    one.save(scratch.path("in/one.png")).unwrap();
    other.save(scratch.path("in/sub/other.png")).unwrap();
    other.save(scratch.path("in/.hidden.png")).unwrap();
    fs::write(scratch.path("in/broken.png"), "no picture").unwrap();
    fs::write(scratch.path("in/notes.txt"), "x").unwrap();

    let output = scratch.run("translate run in --out stopped");
    assert!(error(&output, 1).contains("in/broken.png"));
    let output = scratch.run("translate run in --out out --on-error skip");
    assert!(error(&output, 1).contains("1 picture was skipped"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("skipped: in/broken.png: not a JPEG"),
        "{said}"
    );
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.contains("2 files passed over: 1 without a known ending (notes.txt), 1 hidden"),
        "{said}"
    );
    assert_eq!(names(&scratch.path("out")), ["one.png", "sub"]);

    // alone or among others, a picture gets the same dropout
    scratch.ok("translate run in/sub/other.png --out alone");
    let [alone, among] =
        ["alone/other.png", "out/sub/other.png"].map(|path| fs::read(scratch.path(path)).unwrap());
    assert_eq!(alone, among);
    // a second time into a folder of the input does not translate the outputs
    fs::remove_file(scratch.path("in/broken.png")).unwrap();
    for _ in 0..2 {
        scratch.ok("translate run in --out in/out");
        assert_eq!(names(&scratch.path("in/out")), ["one.png", "sub"]);
    }
}

/// Files whose decoder fails late, after their headers were read: the file is named, and what was learnt is saved.
#[test]
fn a_file_that_breaks_during_training_is_named() {
    let scratch = Scratch::new();
    scratch.pairs("data", 3);
    let path = scratch.path("data/pair2.png");
    let mut bytes = fs::read(&path).unwrap();
    // in the middle of the compressed pixels
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8].fill(0xff);
    fs::write(&path, bytes).unwrap();
    let output = scratch.run(&format!("train data --out run --steps 30 {SMALL}"));
    assert!(error(&output, 1).contains("data/pair2.png"));
    // once, though every epoch comes to it
    let skip = format!("train data --out skipping --steps 30 --on-error skip {SMALL}");
    let output = scratch.run(&skip);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(said.matches("skipped: data/pair2.png").count(), 1, "{said}");
}

#[cfg(unix)]
#[test]
fn pipes_are_passed_over_and_told() {
    let scratch = Scratch::new();
    apart(&scratch, 0, "data/A/p0.png", "data/B/p0.png");
    let made = scratch.bash("mkfifo data/A/p1.png && tar cf data.tar -C data A B");
    assert!(made.status.success());
    for data in ["data", "data.tar"] {
        let said = scratch.ok(&format!("inspect {data}"));
        assert!(
            said.contains("1 file passed over: 1 pipe or device (A/p1.png)"),
            "{said}"
        );
    }
}

/// A name of dots alone would lead out of the folder of the results.
#[test]
fn results_stay_in_their_folder() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "");
    for name in ["..png", "...png"] {
        fs::copy(scratch.path("data/pair0.png"), scratch.path(name)).unwrap();
        let before = names(&scratch.path("."));
        scratch.ok(&format!("translate run {name} --pairs yes --out out"));
        assert!(scratch.path(&format!("out/{name}.png")).is_file());
        let mut after = names(&scratch.path("."));
        after.retain(|name| name != "out");
        assert_eq!(
            after,
            before
                .into_iter()
                .filter(|name| name != "out")
                .collect::<Vec<_>>()
        );
    }
}

/// Earlier results are no inputs, whatever links lead to them.
#[cfg(unix)]
#[test]
fn results_in_a_linked_folder_are_not_translated_again() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "");
    std::os::unix::fs::symlink("data", scratch.path("link")).unwrap();
    for _ in 0..2 {
        scratch.ok("translate run link --out data/translated");
        assert_eq!(
            names(&scratch.path("data/translated")),
            ["pair0.png", "pair1.png"]
        );
    }
}

/// The value for "no data" of a TIFF file goes along only where it is true of the result, and the place of a right half begins
/// where the half does.
#[test]
fn results_have_no_gaps_of_another_picture_and_a_place_of_their_own() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    let file = |place: &[f64]| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let mut encoder = tiff::encoder::TiffEncoder::new(&mut bytes).unwrap();
        let mut image = encoder
            .new_image::<tiff::encoder::colortype::RGB8>(128, 64)
            .unwrap();
        let tags = image.encoder();
        let unknown = tiff::tags::Tag::Unknown;
        tags.write_tag(unknown(33550), [0.5, 0.5, 0.0].as_slice())
            .unwrap();
        tags.write_tag(unknown(33922), place).unwrap();
        tags.write_tag(unknown(42113), "0").unwrap();
        image.write_data(&[90; 128 * 64 * 3]).unwrap();
        bytes.into_inner()
    };
    fs::write(
        scratch.path("map.tif"),
        file(&[0.0, 0.0, 0.0, 9.0, 5.0, 0.0]),
    )
    .unwrap();
    for (direction, pairs, column) in [
        ("a-to-b", "yes", 0.0),
        ("b-to-a", "yes", -64.0),
        ("b-to-a", "no", 0.0),
    ] {
        scratch.trained("data", &format!("--direction {direction}"));
        scratch.ok(&format!("translate run map.tif --pairs {pairs} --out out"));
        let result = File::open(scratch.path("out/map.tif")).unwrap();
        let mut result = tiff::decoder::Decoder::new(result).unwrap();
        let unknown = tiff::tags::Tag::Unknown;
        let place = result.get_tag_f64_vec(unknown(33922)).unwrap();
        let expected = [column, 0.0, 0.0, 9.0, 5.0, 0.0];
        assert_eq!(place, expected, "{direction}, {pairs}");
        assert!(result.find_tag(unknown(33550)).unwrap().is_some());
        assert!(result.find_tag(unknown(42113)).unwrap().is_none());
    }
}
