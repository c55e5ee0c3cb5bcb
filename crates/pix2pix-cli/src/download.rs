//! `pix2pix download`.

use std::fs;
use std::path::{Path, PathBuf};
use std::slice;

use clap::builder::PossibleValuesParser;
use pix2pix::data::{
    ADDRESS, DATASETS, PublicDataset, fetch, is_download, passed_over, remove, sha256, unpack,
};
use pix2pix::quality::{PUBLISHED, Published};
use pix2pix::{Error, atomic_file};

use crate::failure::{Failure, print};
use crate::flags;
use crate::output::say;
use crate::paths::{Plain, word};
use crate::program::program;
use crate::progress;

/// Shown after the options.
pub const EXAMPLES: &str = "\
Examples:
  pix2pix download
  pix2pix download facades
  pix2pix download maps --out data --mirror http://localhost:8000/datasets
  pix2pix download lpips-alex
  pix2pix download inception --out weights";

/// Options of `pix2pix download`.
#[derive(clap::Args)]
pub struct Args {
    /// Data set, or weights for LPIPS, DISTS or FID; without a name, lists all with their sizes
    #[arg(value_parser = PossibleValuesParser::new(names()))]
    name: Option<String>,
    /// Folder for the download [default: datasets, or weights]
    #[arg(long, value_name = "DIR", requires = "name")]
    out: Option<PathBuf>,
    /// Base URL of a mirror that has NAME.tar.gz, or the files of the weights [default: the authors' servers]
    #[arg(long, value_name = "URL", requires = "name")]
    mirror: Option<String>,
    /// Expected SHA-256 of the data set's archive [default: printed, not checked]
    #[arg(long, value_name = "HEX", value_parser = digits, requires = "name")]
    sha256: Option<String>,
}

/// Parses a SHA-256.
fn digits(text: &str) -> Result<String, String> {
    match text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => Ok(text.to_string()),
        false => Err("a SHA-256 has 64 hexadecimal digits".to_string()),
    }
}

fn names() -> Vec<&'static str> {
    let weights = PUBLISHED.iter().map(|weights| weights.name);
    DATASETS
        .iter()
        .map(|dataset| dataset.name)
        .chain(weights)
        .collect()
}

/// Downloads.
pub fn run(args: Args) -> Result<(), Failure> {
    let Some(name) = &args.name else {
        for dataset in DATASETS {
            let size = format!("{} MB", dataset.megabytes);
            let direction = format!("--direction {}", dataset.direction);
            let (name, about) = (dataset.name, dataset.about);
            print(&format!("{name:<15} {size:>8}  {direction}  {about}\n"))?;
        }
        for weights in PUBLISHED {
            let size = format!("{} MB", weights.megabytes);
            let (name, about) = (weights.name, flags::named(weights.about));
            print(&format!(
                "{name:<15} {size:>8}  weights             {about}\n"
            ))?;
        }
        return Ok(());
    };
    match PUBLISHED.into_iter().find(|weights| weights.name == name) {
        Some(weights) => download_weights(weights, &args),
        None => {
            let dataset = DATASETS.into_iter().find(|dataset| dataset.name == name);
            download_dataset(dataset.expect("clap takes known names only"), &args)
        }
    }
}

/// Downloads and unpacks.
fn download_dataset(dataset: PublicDataset, args: &Args) -> Result<(), Failure> {
    let name = dataset.name;
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| PathBuf::from("datasets"));
    let folder = out.join(name);
    let archive = out.join(format!("{name}.tar.gz"));
    if folder.exists() {
        sweep(slice::from_ref(&archive))?;
        let remedy = "remove it, or choose another --out";
        return Err(Error::file(&folder, "the data set already exists", remedy).into());
    }
    let made = Made::folder(&out)?;
    let mirror = args.mirror.as_deref().unwrap_or(ADDRESS);
    let address = format!("{}/{name}.tar.gz", mirror.trim_end_matches('/'));
    say(&format!(
        "{name}: {}, about {} MB from {address}\n",
        dataset.about, dataset.megabytes
    ));
    let is_ours = fetch_once(&address, dataset.megabytes, &archive)?;
    drop(made);
    let found = sha256::of_file(&archive, "read the download")?;
    let wanted = args.sha256.as_ref();
    if let Some(wanted) = wanted.filter(|wanted| !wanted.eq_ignore_ascii_case(&found)) {
        let reason = format!("its SHA-256 is {found}, not {wanted}; it is kept, and not unpacked");
        let remedy = "give another --sha256, or remove it and download it again";
        return Err(Error::file(&archive, reason, remedy).into());
    }
    let ours = if is_ours {
        vec![archive.clone()]
    } else {
        Vec::new()
    };
    let left_out = used(unpack(&archive, &folder), &ours)?;
    if let Some(files) = passed_over::summary(&left_out) {
        say(&format!("note: {files}\n"));
    }
    let program = program();
    let (data, direction) = (word(&folder), dataset.direction);
    say(&format!(
        "SHA-256 {found}\nunpacked to {}. Now type:\n  \
         {program} inspect {data}\n  \
         {program} train {data} --direction {direction} --out runs/{name}\n",
        folder.plain()
    ));
    Ok(())
}

/// Removes downloads when they are used: good ones, which are no longer needed, and bad ones, which must not be used again.
/// Where the disk fails, they are kept for the next attempt.
fn used<T>(result: Result<T, Error>, ours: &[PathBuf]) -> Result<T, Error> {
    match result {
        Err(Error::Io {
            path,
            action,
            reason,
            remedy,
        }) if !ours.is_empty() => {
            let kept: Vec<String> = ours.iter().map(|file| file.plain()).collect();
            let reason = format!("cannot {action}: {reason}");
            let remedy = format!(
                "{remedy}, and type the command again: it uses {}, and removes it at the end",
                kept.join(" and ")
            );
            Err(Error::file(&path, reason, remedy))
        }
        result => {
            ours.iter().try_for_each(|file| remove(file))?;
            result
        }
    }
}

/// Removes downloads that were used, but not removed: the command was killed.
fn sweep(files: &[PathBuf]) -> Result<(), Error> {
    for file in files.iter().filter(|file| is_download(file)) {
        remove(file)?;
        say(&format!(
            "removed {}, a download that was used\n",
            file.plain()
        ));
    }
    Ok(())
}

/// The name of the file that an address leads to.
fn file_name(address: &str) -> &str {
    address.rsplit('/').next().unwrap_or(address)
}

/// Downloads the files of the weights and converts them to one `.safetensors` file.
fn download_weights(weights: Published, args: &Args) -> Result<(), Failure> {
    if args.sha256.is_some() {
        let message =
            "--sha256 is that of a data set's archive, and weights are of several files; omit it";
        return Err(Failure::Usage(message.to_string()));
    }
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from("weights"));
    let file = out.join(format!("{}.safetensors", weights.name));
    let targets = weights.parts.iter().map(|part| out.join(file_name(part)));
    let targets: Vec<PathBuf> = targets.collect();
    if file.exists() {
        sweep(&targets)?;
        let remedy = "remove it, or choose another --out";
        return Err(Error::file(&file, "the weights already exist", remedy).into());
    }
    let made = Made::folder(&out)?;
    let about = flags::named(weights.about);
    say(&format!("{}: {about}\n", weights.name));
    let (mut parts, mut ours) = (Vec::new(), Vec::new());
    for (part, target) in weights.parts.iter().zip(targets) {
        let name = file_name(part);
        let address = match &args.mirror {
            Some(mirror) => format!("{}/{name}", mirror.trim_end_matches('/')),
            None => part.to_string(),
        };
        say(&format!("from {address}\n"));
        let is_ours = fetch_once(&address, weights.megabytes, &target)?;
        let found = sha256::of_file(&target, "read the download")?;
        say(&format!("SHA-256 {found}\n"));
        // a mirror may have other weights under the same name
        let wanted = Published::hash_of(name).filter(|_| args.mirror.is_none());
        if let Some(wanted) = wanted.filter(|wanted| !found.starts_with(wanted)) {
            let remedy = match is_ours {
                true => {
                    remove(&target)?;
                    "it was removed; download it again"
                }
                false => "remove it and download it again",
            };
            let reason = format!("its SHA-256 is {found} and does not begin with {wanted}");
            return Err(Error::file(&target, reason, remedy).into());
        }
        if is_ours {
            ours.push(target.clone());
        }
        parts.push(target);
    }
    drop(made);
    used(weights.convert(&parts, &file), &ours)?;
    say(&format!("wrote {}\n", file.plain()));
    Ok(())
}

/// A folder for downloads. If it was made for them and is still empty in the end, it is removed again.
struct Made(Option<PathBuf>);

impl Made {
    fn folder(folder: &Path) -> Result<Self, Error> {
        let made = (!folder.exists()).then(|| folder.to_path_buf());
        atomic_file::create_folder(folder)?;
        atomic_file::remove_unfinished(folder)?;
        Ok(Self(made))
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // a folder with files in it stays
        let _ = self.0.as_ref().map(fs::remove_dir);
    }
}

/// Downloads a file of about so many megabytes unless it exists, with a progress bar on a terminal. Returns whether it is a
/// download of this program: another file that was here before is somebody's, and stays.
fn fetch_once(address: &str, megabytes: u32, file: &Path) -> Result<bool, Error> {
    if file.exists() {
        let is_ours = is_download(file);
        let stays = if is_ours { "" } else { " and kept" };
        say(&format!(
            "nothing to download: {} is already here; it is used{stays} (to download it again, remove it)\n",
            file.plain()
        ));
        return Ok(is_ours);
    }
    // the server tells the length
    let rest = "{bytes}/{total_bytes}  {bytes_per_sec}  {eta} left";
    let bar = progress::bar(None, rest, false);
    let fetched = fetch(address, megabytes, file, &mut |done, total| {
        if let Some(total) = total {
            bar.set_length(total);
        }
        bar.set_position(done);
    });
    bar.finish_and_clear();
    if !fetched? {
        say(
            "note: the server does not say where the file ends, and a connection that breaks off looks the same: its content is \
             checked\n",
        );
    }
    Ok(true)
}
