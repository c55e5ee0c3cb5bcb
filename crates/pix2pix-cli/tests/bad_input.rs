//! Bad input: one line on standard error with the file, the reason and the remedy; exit code 2 for usage errors, else
//! 1; no half-written file under its final name.

use std::fs;
use std::process::Output;

use crate::common::{SMALL, Scratch, names, pair};

/// Checks the exit code, and that the single error line contains `words`.
fn fails(output: &Output, code: i32, words: &[&str]) {
    let line = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(line.starts_with("error: "), "{line}");
    for word in words {
        assert!(line.contains(word), "\"{word}\" is not in: {line}");
    }
    assert!(output.stdout.is_empty());
}

fn train(scratch: &Scratch) -> Output {
    scratch.run(&format!("train data --out run --steps 1 --quiet {SMALL}"))
}

#[test]
fn no_such_folder() {
    let scratch = Scratch::new();
    fails(
        &train(&scratch),
        1,
        &[
            "data",
            "no such folder",
            "give a folder of side-by-side pairs",
        ],
    );
    assert!(!scratch.path("run").exists());
}

/// A run in its first steps, or one that was killed in them.
#[test]
fn a_run_before_its_first_checkpoint() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.ok(&format!("train data --out run --steps 1 --quiet {SMALL}"));
    // the folder of the checkpoints is as good as that of the run
    scratch.ok("translate run/checkpoints data --out out --quiet");
    for name in names(&scratch.path("run/checkpoints")) {
        fs::remove_file(scratch.path("run/checkpoints").join(name)).unwrap();
    }
    // which comes after the last checkpoint
    fs::remove_file(scratch.path("run/samples/step_0000001.png")).unwrap();
    let output = scratch.run("translate run data --out none");
    let words = [
        "run: ",
        "no checkpoint yet",
        "at step 500 (--save-every)",
        "Ctrl-C",
        "train --resume",
    ];
    fails(&output, 1, &words);
    let output = scratch.run("train --resume run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let note = "note: run: there is no checkpoint yet, so the run begins again at step 1";
    assert!(said.contains(note), "{said}");
    scratch.ok("translate run data --out again --quiet");
}

#[test]
fn empty_folder() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path("data/train")).unwrap();
    fails(
        &train(&scratch),
        1,
        &[
            "data:",
            "has no pictures in the places of a known layout",
            "put side-by-side pairs into it",
        ],
    );
    assert!(!scratch.path("run").exists());
}

#[test]
fn a_file_instead_of_a_folder() {
    let scratch = Scratch::new();
    fs::write(scratch.path("data"), "x").unwrap();
    fails(&train(&scratch), 1, &["data", "a file, not a folder"]);
}

#[test]
fn an_image_that_is_not_an_image() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    fs::write(scratch.path("data/broken.png"), "this is no picture").unwrap();
    fails(
        &train(&scratch),
        1,
        &[
            "data/broken.png",
            "not a JPEG, PNG, WebP, TIFF, BMP, npy or NIfTI picture",
            "replace or remove the file",
        ],
    );
    assert!(!scratch.path("run").exists());
}

/// Cut at every length: by itself, the decoder would fill the missing part with gray.
#[test]
fn a_truncated_jpeg_or_png() {
    let scratch = Scratch::new();
    for name in ["cut.jpg", "cut.png"] {
        fs::create_dir_all(scratch.path("data")).unwrap();
        let file = scratch.path("data").join(name);
        pair(96, 40, 0).save(&file).unwrap();
        let whole = fs::read(&file).unwrap();
        for tenths in 1..10 {
            fs::write(&file, &whole[..whole.len() * tenths / 10]).unwrap();
            fails(&train(&scratch), 1, &[name, "replace or remove the file"]);
        }
        fs::write(&file, &whole[..whole.len() - 1]).unwrap();
        if name == "cut.jpg" {
            fails(&train(&scratch), 1, &[name, "truncated"]);
        }
        fs::remove_file(&file).unwrap();
    }
}

#[test]
fn a_pair_of_odd_width() {
    let scratch = Scratch::new();
    scratch.pairs("data", 1);
    pair(97, 40, 0).save(scratch.path("data/odd.png")).unwrap();
    fails(
        &train(&scratch),
        1,
        &["data/odd.png", "odd width 97", "make the width even"],
    );
}

#[test]
fn an_image_too_small() {
    let scratch = Scratch::new();
    scratch.pairs("data", 1);
    pair(30, 15, 0)
        .save(scratch.path("data/small.png"))
        .unwrap();
    fails(
        &train(&scratch),
        1,
        &[
            "data/small.png",
            "30x15 pixels are too small",
            "at least 16",
        ],
    );
    pair(30, 20, 0)
        .save(scratch.path("data/small.png"))
        .unwrap();
    fails(
        &train(&scratch),
        1,
        &[
            "data/small.png",
            "15x20 pixels are too small",
            "at least 16",
        ],
    );
}

#[test]
fn a_broken_checkpoint() {
    let scratch = Scratch::new();
    scratch.pairs("data", 1);
    scratch.ok(&format!("train data --out run --steps 1 --quiet {SMALL}"));
    let translate = || scratch.run("translate model data --out out --quiet");
    let remedy = "give a checkpoint that `pix2pix train` wrote";

    fails(
        &translate(),
        1,
        &["model", "cannot read the checkpoint", "check the path"],
    );
    fs::create_dir(scratch.path("model")).unwrap();
    fails(
        &translate(),
        1,
        &["model", "contains no checkpoint", remedy],
    );
    fs::remove_dir(scratch.path("model")).unwrap();

    let whole = fs::read(scratch.path("run/checkpoints/step_0000001.safetensors")).unwrap();
    for length in [0, 4, 100, whole.len() / 2, whole.len() - 1] {
        fs::write(scratch.path("model"), &whole[..length]).unwrap();
        fails(
            &translate(),
            1,
            &["model", "damaged safetensors checkpoint", remedy],
        );
    }

    // a safetensors file of another program
    let tensor =
        safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![1], &[0; 4]).unwrap();
    let foreign = safetensors::serialize([("weight", &tensor)], None).unwrap();
    fs::write(scratch.path("model"), foreign).unwrap();
    fails(
        &translate(),
        1,
        &["model", "not a pix2pix checkpoint", remedy],
    );

    // our metadata with the tensors of another network
    let text = String::from_utf8_lossy(&whole[8..]).into_owned();
    let other = text.find("\\\"depth\\\":6").unwrap() + "\\\"depth\\\":".len();
    let mut changed = whole.clone();
    changed[8 + other] = b'7';
    fs::write(scratch.path("model"), changed).unwrap();
    fails(&translate(), 1, &["model", "the tensor", remedy]);
    assert!(!scratch.path("out").exists());
}

#[test]
fn unknown_devices_and_values() {
    let scratch = Scratch::new();
    scratch.pairs("data", 1);
    for (options, words) in [
        (
            "--device tpu",
            [
                "'tpu'",
                "unknown device; use auto, cpu, cuda, cuda:N, wgpu or wgpu:N",
            ],
        ),
        (
            "--patch 71",
            ["'71'", "[possible values: pixel, 16, 70, 286, tutorial]"],
        ),
        (
            "--crop-size 100",
            ["100 pixels", "nearest size that works is 128"],
        ),
        (
            "--crop-size 512 --load-size 286",
            [
                "--crop-size 512 is larger than --load-size 286",
                "the usual one is 572",
            ],
        ),
        ("--steps 0", ["--steps is 0", "at least 1"]),
        ("--lr 7", ["--lr is 7", "from 0 to 1"]),
        (
            "--dropout 0.9999999999",
            ["--dropout is 0.9999999999;", "from 0 to 0.99999"],
        ),
        (
            "--crop-size 64 --patch 286",
            ["64x64 pixels are too small", "choose a smaller --patch"],
        ),
        ("--epocs 3", ["--epocs", "--epochs"]),
    ] {
        let output = scratch.run(&format!("train data --out run {options}"));
        fails(&output, 2, &words);
    }
    fails(&scratch.run("train data"), 2, &["--out <RUN>"]);
    fails(
        &scratch.run("import data --out x.safetensors --dropout 2"),
        2,
        &["error: --dropout is 2; it must be from 0 to 0.99999"],
    );
    fails(
        &scratch.run("plot generator --out drawing.gif"),
        2,
        &["drawing.gif", ".svg, .png or .dot"],
    );
    assert_eq!(names(&scratch.path(".")), ["data"]);
}

/// A size that does not count with the way of resizing is refused, from a file of options too. A run's own configuration has
/// all sizes, and is repeated.
#[test]
fn sizes_that_do_not_count() {
    let scratch = Scratch::new();
    scratch.pairs("data", 1);
    for (options, told) in [
        (
            "--resize scale-width --load-size 512",
            "--load-size: --resize scale-width resizes to the width of --crop-size; give the width there",
        ),
        (
            "--resize scale-width --crop-size 64x128",
            "--crop-size 64x128: with --resize scale-width, the height follows from that of each picture; give the width \
             alone, --crop-size 64",
        ),
        (
            "--resize crop --crop-size 64 --load-size 72 --preset best",
            "--load-size: --resize crop does not resize before the crop; omit it, or use --resize scale-and-crop",
        ),
        (
            "--resize none --load-size 72",
            "--load-size: --resize none takes whole pictures at their sizes; omit it, or use another --resize",
        ),
        (
            "--resize none --crop-size 256",
            "--crop-size: --resize none takes whole pictures at their sizes; omit it, or use another --resize",
        ),
    ] {
        let output = scratch.run(&format!("train data --out run {options}"));
        fails(&output, 2, &[told]);
    }
    fs::write(
        scratch.path("options.toml"),
        "resize = \"crop\"\nload_size = 72\n",
    )
    .unwrap();
    let output = scratch.run("train data --out run --config options.toml");
    fails(&output, 2, &["--load-size: --resize crop does not resize"]);
    let options = "--steps 1 --quiet --filters 2 --resize scale-width --crop-size 64";
    scratch.ok(&format!("train data --out run {options}"));
    scratch.ok("train --config run/config.toml --out again --quiet");
    scratch.ok("train --resume again --steps 2 --quiet");
}

#[cfg(not(feature = "cuda"))]
#[test]
fn a_device_or_arithmetic_that_is_not_there() {
    let scratch = Scratch::new();
    scratch.pairs("data", 1);
    for (options, words) in [
        (
            "--device cuda:1",
            [
                "device cuda:1: this program was built without it",
                "--features pix2pix-cli/cuda",
            ],
        ),
        (
            "--precision tf32",
            [
                "device cpu does not support tf32 arithmetic",
                "use --precision f32 or --precision bf16",
            ],
        ),
    ] {
        let output = scratch.run(&format!("train data --out run {options} {SMALL}"));
        fails(&output, 1, &words);
        assert!(!scratch.path("run").exists());
    }
}

#[test]
fn a_run_folder_that_is_taken() {
    let scratch = Scratch::new();
    scratch.pairs("data", 1);
    fs::create_dir(scratch.path("run")).unwrap();
    fs::write(scratch.path("run/thesis.txt"), "years of work").unwrap();
    fails(
        &train(&scratch),
        1,
        &["run", "the folder is not empty", "choose another --out"],
    );
    let demo = scratch.run("demo --out run --steps 1 --quiet");
    fails(&demo, 1, &["run", "the folder is not empty"]);
    assert_eq!(
        fs::read_to_string(scratch.path("run/thesis.txt")).unwrap(),
        "years of work"
    );
}

#[test]
fn translations_that_would_overwrite() {
    let scratch = Scratch::new();
    scratch.pairs("data", 1);
    scratch.pairs("more", 1);
    scratch.ok(&format!("train data --out run --steps 1 --quiet {SMALL}"));
    let twice = scratch.run("translate run data more --out out --quiet");
    fails(
        &twice,
        1,
        &[
            "more/pair0.png",
            "the same name as that of data/pair0.png",
            "two folders",
        ],
    );
    // one picture is no two, whatever paths lead to it
    scratch.ok("translate run data/pair0.png data ./data/pair0.png --out once --quiet");
    assert_eq!(names(&scratch.path("once")), ["pair0.png"]);
    let same = scratch.run("translate run data --out data --quiet");
    fails(
        &same,
        2,
        &[
            "data/pair0.png",
            "would replace this input",
            "another --out",
        ],
    );
    // by other paths, and through links
    let before = fs::read(scratch.path("data/pair0.png")).unwrap();
    let whole = scratch.path("data").display().to_string();
    let mut others = vec![whole, "data/../data".to_string()];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("data", scratch.path("link")).unwrap();
        fs::create_dir(scratch.path("linked")).unwrap();
        let link = scratch.path("linked/pair0.png");
        std::os::unix::fs::symlink("../data/pair0.png", link).unwrap();
        others.extend(["link", "linked"].map(String::from));
    }
    for out in others {
        let same = scratch.run(&format!("translate run data/pair0.png --out {out} --quiet"));
        fails(&same, 2, &["data/pair0.png", "would replace this input"]);
    }
    assert_eq!(fs::read(scratch.path("data/pair0.png")).unwrap(), before);
    // pairs of pictures that lie around them
    for out in ["data", "data/new", "data/../data/new"] {
        let inside = scratch.run(&format!("prepare edges data --out {out}"));
        fails(&inside, 2, &[out, "choose another --out"]);
    }
    assert!(!scratch.path("data/new").exists());
    // the name of a picture where a folder belongs
    for name in ["result.png", "result.nii.gz"] {
        let named = scratch.run(&format!(
            "translate run data/pair0.png --out {name} --quiet"
        ));
        let out = format!("--out takes a folder, and {name} is the name of a picture");
        fails(&named, 2, &[&out, "--out translated"]);
        assert!(!scratch.path(name).exists());
    }
}

#[test]
fn an_output_path_with_a_file_in_the_way() {
    let scratch = Scratch::new();
    scratch.pairs("data", 1);
    fs::write(scratch.path("run"), "a file").unwrap();
    fails(
        &train(&scratch),
        1,
        &["run", "cannot create the folder", "a file is in the way"],
    );
    assert_eq!(fs::read_to_string(scratch.path("run")).unwrap(), "a file");
}

/// Before the work whose result goes there.
#[test]
fn a_place_that_cannot_be_written_is_found_out_first() {
    let scratch = Scratch::new();
    for command in [
        "export garbage --out nowhere/x.safetensors",
        "import garbage --out nowhere/x.safetensors",
        "average garbage --out nowhere/x.safetensors",
        "report garbage --out nowhere/x.html",
        "report garbage --out page.html --csv nowhere/x.csv",
    ] {
        fails(
            &scratch.run(command),
            1,
            &["nowhere/x.", "cannot write the file", "check the path"],
        );
    }
    assert!(!scratch.path("page.html").exists());
}

/// Full and read-only disks, as small file systems that the tests mount.
#[cfg(target_os = "linux")]
mod disks {
    use super::*;
    use std::process::Command;

    /// Runs the binary with a tmpfs of these mount options at `disk`, then writes a list of the disk's files to
    /// `listing`.
    fn on_disk(scratch: &Scratch, options: &str, arguments: &str) -> Output {
        fs::create_dir(scratch.path("disk")).unwrap();
        let program = env!("CARGO_BIN_EXE_pix2pix");
        let script = format!(
            "mount -t tmpfs -o {options} tmpfs disk || exit 99; '{program}' {arguments} >/dev/null; \
             code=$?; find disk -type f >listing; exit $code"
        );
        Command::new("unshare")
            .args(["-rm", "sh", "-c", &script])
            .current_dir(scratch.path("."))
            .output()
            .unwrap()
    }

    #[test]
    fn no_space() {
        let scratch = Scratch::new();
        scratch.pairs("data", 1);
        // a checkpoint has 137 KB and its training state 270: two checkpoints and a state fit, a third does not
        let arguments =
            format!("train data --out disk/run --steps 9 --save-every 1 --quiet {SMALL}");
        let output = on_disk(&scratch, "size=900k", &arguments);
        let third = "disk/run/checkpoints/step_0000003.safetensors";
        fails(&output, 1, &[third, "No space left", "free some space"]);
        let listing = fs::read_to_string(scratch.path("listing")).unwrap();
        for step in [1, 2] {
            let whole = format!("disk/run/checkpoints/step_000000{step}.safetensors");
            assert!(listing.contains(&whole), "{listing}");
        }
        assert!(!listing.contains(third), "{listing}");
        assert!(!listing.contains(".part"), "{listing}");
    }

    /// Not after a night of steps.
    #[test]
    fn no_room_for_a_checkpoint() {
        let scratch = Scratch::new();
        scratch.pairs("data", 1);
        for (count, option) in ["", "--dry-run"].into_iter().enumerate() {
            let arguments = format!("train data --out disk/run --steps 9 --quiet {option} {SMALL}");
            if count > 0 {
                fs::remove_dir(scratch.path("disk")).unwrap();
            }
            let output = on_disk(&scratch, "size=200k", &arguments);
            let told = "a checkpoint of this run needs at least 0.";
            fails(&output, 1, &["disk/run", told, "free some space"]);
            let listing = fs::read_to_string(scratch.path("listing")).unwrap();
            assert_eq!(listing, "", "{option}");
        }
    }

    /// A run that a full disk stopped can be resumed once there is space; if the disk is then read-only, the last
    /// checkpoint stays unchanged.
    #[test]
    fn a_run_goes_on_when_there_is_room() {
        let scratch = Scratch::new();
        scratch.pairs("data", 1);
        fs::create_dir(scratch.path("disk")).unwrap();
        let program = env!("CARGO_BIN_EXE_pix2pix");
        let train = format!("train data --out disk/run --steps 9 --save-every 1 --quiet {SMALL}");
        let script = format!(
            "mount -t tmpfs -o size=900k tmpfs disk || exit 99; '{program}' {train} 2>/dev/null && exit 98
             mount -o remount,size=8m disk || exit 99; '{program}' train --resume disk/run --quiet || exit 97
             sum() {{ cat disk/run/checkpoints/* | sha256sum; }}
             before=$(sum); mount -o remount,ro disk || exit 99
             '{program}' train --resume disk/run --steps 20 --quiet; code=$?
             [ \"$before\" = \"$(sum)\" ] || exit 96; ls disk/run/checkpoints >listing; exit $code"
        );
        let output = Command::new("unshare")
            .args(["-rm", "sh", "-c", &script])
            .current_dir(scratch.path("."))
            .output()
            .unwrap();
        fails(
            &output,
            1,
            &["disk/run", "Read-only file system", "choose another place"],
        );
        let listing = fs::read_to_string(scratch.path("listing")).unwrap();
        assert!(listing.contains("step_0000009.safetensors"), "{listing}");
        assert!(listing.contains("state_0000009.safetensors"), "{listing}");
    }

    #[test]
    fn an_unwritable_folder() {
        let scratch = Scratch::new();
        scratch.pairs("data", 1);
        let arguments = format!("train data --out disk/run --steps 1 --quiet {SMALL}");
        let output = on_disk(&scratch, "ro,size=1m", &arguments);
        fails(
            &output,
            1,
            &[
                "disk/run",
                "cannot create the folder",
                "Read-only file system",
                "choose another place",
            ],
        );
    }
}

/// Without MPI, each process would train by itself, all in the same folder.
#[cfg(not(feature = "mpi"))]
#[test]
fn mpirun_needs_a_build_with_mpi() {
    let scratch = Scratch::new();
    scratch.pairs("pairs", 2);
    let mut command = scratch.command("train pairs --out run");
    let output = command.env("OMPI_COMM_WORLD_SIZE", "4").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("mpirun has started 4 processes, but this program was built without MPI"),
        "{said}"
    );
    assert!(!scratch.path("run").exists());
}

/// Options of the public PyTorch port are answered with ours, all of them at once.
#[test]
fn options_of_the_pytorch_port() {
    let scratch = Scratch::new();
    for (typed, answers) in [
        (
            "train --dataroot data --name run --netG resnet_9blocks --direction BtoA --continue_train",
            &[
                "options of the PyTorch port",
                "--dataroot: give the folder as DATA",
                "--name: use --out RUN",
                "--netG resnet_9blocks: use --generator resnet-9",
                "--direction BtoA: use --direction b-to-a",
                "--continue_train: use --resume RUN",
                "docs/from-pytorch.md",
            ][..],
        ),
        (
            "train data --out run --direction=BtoA",
            &["--direction BtoA: use --direction b-to-a"],
        ),
        (
            "train data --out run --n_epochs 100 --gpu_ids -1",
            &[
                "--n_epochs: add it to --epochs",
                "--gpu_ids -1: use --device cpu",
            ],
        ),
        (
            "train data --out run --preprocess",
            &["--preprocess: use --resize"],
        ),
        (
            "train data --out run --which_model_netG=resnet_6blocks --loadSize 143 --epoch 5",
            &[
                "--which_model_netG resnet_6blocks: use --generator resnet-6",
                "--loadSize: use --load-size",
                "--epoch: omit it: --resume finds the newest checkpoint; --epochs is the number of epochs",
            ],
        ),
        // and those of pix2pixHD
        (
            "train data --out run --netG local --niter_fix_global 10 --num_D 3 --load_pretrain checkpoints/global",
            &[
                "--netG local: use --generator hd --from a run of hd-coarse",
                "--niter_fix_global: use --freeze coarse in a run before this one",
                "--num_D: use --discriminators",
                "--load_pretrain: use --from RUN",
            ],
        ),
        // commands that take a model are answered with what they have
        (
            "evaluate run data --direction BtoA --load_size 256 --no_dropout --gpu_ids 0",
            &[
                "--direction: omit it: the model knows it",
                "--load_size: omit it: the model knows it",
                "--no_dropout: use --dropout off",
                "--gpu_ids 0: use --device cuda:0",
            ],
        ),
        (
            "translate run photos --direction=b-to-a --load_size 256",
            &[
                "--direction: omit it: the model knows it",
                "--load_size: use --scale train",
            ],
        ),
        (
            "translate --dataroot photos --name run --model test --results_dir out",
            &[
                "--dataroot: give it as the last argument",
                "--name: give the run as MODEL",
                "--results_dir: use --out DIR",
            ],
        ),
        (
            "translate run photos --phase test --batch_size 4",
            &[
                "--phase: give the pictures of that split as INPUT",
                "--batch_size: omit it;",
            ],
        ),
        (
            "evaluate run data --phase test",
            &["--phase: use --split of evaluate"],
        ),
        (
            "serve run --dataroot photos --results_dir out --no_dropout --eval --phase test --load_size 256 --epoch 5",
            &[
                "--dataroot: omit it: clients send the pictures",
                "--results_dir: omit it: clients get the results",
                "--no_dropout: omit it: clients ask for dropout=off",
                "--eval: omit it: clients ask for dropout=off",
                "--phase: omit it;",
                "--load_size: omit it: the model knows it",
                "--epoch: give a checkpoint file as MODEL",
            ],
        ),
        (
            "test.py --dataroot data",
            &["use `pix2pix evaluate` for pairs"],
        ),
    ] {
        fails(&scratch.run(typed), 2, answers);
    }
    // a suggestion is of what may have been meant
    for (typed, told) in [
        (
            "prepare edges photos --out data --val-fraction 0.2",
            "unexpected argument '--val-fraction' found; see `pix2pix prepare edges --help`",
        ),
        (
            "prepare edges photos --out data --verson",
            "a similar argument exists: '--version'",
        ),
    ] {
        fails(&scratch.run(typed), 2, &[told]);
    }
    // our own words are not the port's
    let output = scratch.run("train data --out run --lamda 3");
    fails(
        &output,
        2,
        &["a similar argument exists: '--lambda'; see `pix2pix train --help`"],
    );
    let output = scratch.run("train data --out run --decay-epochs 3");
    fails(
        &output,
        2,
        &["--decay-epochs needs --lr-schedule linear or step"],
    );
}

#[test]
fn a_missing_argument_is_told_with_the_others() {
    let scratch = Scratch::new();
    fails(
        &scratch.run("evaluate run"),
        2,
        &["DATA is missing; type pix2pix evaluate <MODEL>... <DATA>; see"],
    );
}

#[test]
fn the_pairs_of_an_augmentation_need_its_target() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    let command = format!("train data --out run --steps 1 {SMALL} --augment-pairs 100");
    fails(&scratch.run(&command), 2, &["--augment-target"]);
}

#[test]
fn a_link_without_a_target_is_not_the_built_in_data() {
    let scratch = Scratch::new();
    scratch.bash("ln -s gone earth");
    fails(&scratch.run("inspect earth"), 1, &["earth: "]);
    fails(&scratch.run("export earth --out g.onnx"), 1, &["earth: "]);
}

/// It would wait for whoever writes into it.
#[cfg(unix)]
#[test]
fn a_pipe_is_no_picture() {
    let scratch = Scratch::new();
    scratch.bash("mkfifo pipe.png");
    fails(
        &scratch.run("translate earth pipe.png --out out"),
        1,
        &["pipe.png: ", "no regular file"],
    );
}

/// Options, palettes and configurations are short texts.
#[test]
#[cfg(unix)]
fn files_of_options_are_short_texts() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    for command in [
        "train data --out run --config /dev/zero",
        "serve --config /dev/zero",
        &format!("train data --out run {SMALL} --labels-a /dev/zero"),
    ] {
        fails(
            &scratch.run(command),
            1,
            &["/dev/zero", "it is no regular file"],
        );
    }
    fs::write(scratch.path("long.toml"), vec![b'#'; 17 << 20]).unwrap();
    fails(
        &scratch.run("train data --out run --config long.toml"),
        1,
        &["long.toml", "more than 16 MiB"],
    );
    scratch.trained("data", "");
    fs::write(scratch.path("run/config.toml"), b"\xff\xfe").unwrap();
    fails(
        &scratch.run("train --resume run"),
        1,
        &[
            "run/config.toml",
            "it is no text",
            "restore the original file",
        ],
    );
    fs::write(scratch.path("run/config.toml"), "steps = `").unwrap();
    let output = scratch.run("train --resume run");
    assert!(!String::from_utf8_lossy(&output.stderr).contains('`'));
}

#[test]
fn values_keep_their_names_in_messages_about_them() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "");
    let config = fs::read_to_string(scratch.path("run/config.toml")).unwrap();
    let config = config.replace("architecture = \"unet\"", "architecture = \"unett\"");
    fs::write(scratch.path("run/config.toml"), config).unwrap();
    fails(
        &scratch.run("train --resume run"),
        1,
        &["unknown variant \"unett\", expected one of \"unet\", \"resnet\""],
    );
    fs::write(scratch.path("serve.toml"), "foo = 3").unwrap();
    fails(
        &scratch.run("serve --config serve.toml"),
        1,
        &["unknown field \"foo\"", "\"host\"", "\"patience\""],
    );
}

#[test]
fn what_a_zip_file_cannot_unpack_is_to_be_unpacked() {
    let scratch = Scratch::new();
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for index in 0..2 {
        let mut bytes = std::io::Cursor::new(Vec::new());
        pair(96, 40, index)
            .write_to(&mut bytes, image::ImageFormat::Png)
            .unwrap();
        let stored = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored);
        zip.start_file(format!("{index}.png"), stored).unwrap();
        std::io::Write::write_all(&mut zip, &bytes.into_inner()).unwrap();
    }
    let mut bytes = zip.finish().unwrap().into_inner();
    // bzip2, in the headers of the files and in the directory
    for (header, method) in [(b"PK\x03\x04", 8), (b"PK\x01\x02", 10)] {
        let places: Vec<_> = (0..bytes.len() - 4)
            .filter(|&place| bytes[place..].starts_with(header))
            .collect();
        for place in places {
            bytes[place + method] = 12;
        }
    }
    fs::write(scratch.path("data.zip"), bytes).unwrap();
    fails(
        &scratch.run(&format!("train data.zip --out run {SMALL}")),
        1,
        &[
            "data.zip",
            "cannot unpack the file",
            "unpack the archive, and give the folder",
        ],
    );
}

#[test]
fn a_full_disk_is_told_in_one_line_by_every_format_of_weights() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "");
    for format in ["pth", "safetensors", "onnx", "model"] {
        let script =
            format!("ulimit -f 8; \"$pix2pix\" export run --format {format} --out out.{format}");
        let output = scratch.bash(&script);
        let line = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(line.lines().count(), 1, "{format}: {line}");
        assert!(line.starts_with("error: "), "{format}: {line}");
    }
}

#[test]
fn a_folder_that_is_no_run_is_not_averaged() {
    let scratch = Scratch::new();
    fails(
        &scratch.run("average nope"),
        1,
        &["nope", "not a run folder"],
    );
    fails(
        &scratch.run("train earth --val-fraction 0.5 --out zz"),
        2,
        &["error: the data set already has held-out pairs; omit --val-fraction"],
    );
    fails(
        &scratch.run("evaluate run --split val"),
        2,
        &["DATA is missing"],
    );
    fails(
        &scratch.run("train earth --perceptual 1 --out zz"),
        2,
        &["pix2pix download lpips-alex", "--perceptual-weights"],
    );
}

/// Options may stand anywhere among the arguments.
#[test]
fn options_stand_between_models_and_data() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "");
    for command in [
        "evaluate run --split train data",
        "evaluate run run --json data",
        "evaluate --json run data",
        "translate run --quiet data --out out",
    ] {
        scratch.ok(command);
    }
}

/// The remedy is that of the place where it stands.
#[test]
fn what_stands_in_the_wrong_place_is_told() {
    let scratch = Scratch::new();
    pair(64, 64, 1).save(scratch.path("photo.png")).unwrap();
    for (arguments, code, words) in [
        (
            "translate photo.png earth --out g",
            2,
            [
                "photo.png is a picture, and no model; the model comes first: ",
                " translate MODEL PICTURE... --out DIR",
            ],
        ),
        (
            "translate earth photo.png --out g/x.png",
            2,
            [
                "--out takes a folder, and g/x.png is the name of a picture",
                "; give e.g. --out translated",
            ],
        ),
        (
            "summary generator photo.png",
            1,
            [
                "photo.png: a PNG picture, and not a pix2pix checkpoint; ",
                "give a checkpoint",
            ],
        ),
        (
            "import photo.png --out m.safetensors",
            1,
            [
                "photo.png: a PNG picture, and not a file of PyTorch; ",
                "give latest_net_G.pth",
            ],
        ),
        (
            "prepare edges photo.png --out pairs",
            1,
            [
                "photo.png: a file, not a folder; ",
                "give a folder of pictures, or a .tar, .tar.gz or .zip of them",
            ],
        ),
        (
            "prepare edges nowhere --out pairs",
            1,
            ["nowhere: no such folder; ", "give a folder of pictures, "],
        ),
    ] {
        fails(&scratch.run(arguments), code, &words);
    }
    assert!(!scratch.path("g").exists() && !scratch.path("pairs").exists());
}
