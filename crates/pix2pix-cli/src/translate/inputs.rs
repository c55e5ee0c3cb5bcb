//! The files that are translated, by the names of their outputs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::slice;

use pix2pix::Error;
use pix2pix::data::passed_over::PassedOver;
use pix2pix::data::{Store, pair, picture};
use pix2pix::identity::{Identity, alike};

use crate::failure::Failure;
use crate::output_folder;
use crate::paths::{Plain, lies_in};

/// The files of each picture by the name of its output, without ending.
pub type Named = BTreeMap<PathBuf, Vec<PathBuf>>;

/// All inputs, and the files in folders that are not pictures. With `stack`, each input has one file of every picture, and
/// otherwise each file is a picture.
///
/// # Errors
/// If a file cannot be found, two outputs would have the same name or be one file on the disk of `out`, or an output would
/// replace an input.
pub fn find(
    named: &[PathBuf],
    out: &Path,
    stack: bool,
) -> Result<(Named, Vec<PassedOver>), Failure> {
    match stack {
        true => stacks(named, out),
        false => inputs(named, out),
    }
}

/// The inputs of `--stack`: each has one file of every picture.
fn stacks(named: &[PathBuf], out: &Path) -> Result<(Named, Vec<PassedOver>), Failure> {
    if named.len() < 2 {
        let message = "--stack joins several inputs, and there is one; give the pictures or folders of A1, A2, ...";
        return Err(Failure::Usage(message.to_string()));
    }
    let (mut stacks, mut passed_over) = inputs(&named[..1], out)?;
    for input in &named[1..] {
        let (mut found, others) = inputs(slice::from_ref(input), out)?;
        passed_over.extend(others);
        if let (false, 1, 1) = (input.is_dir(), stacks.len(), found.len()) {
            // two files need no common name
            let files = found.into_values().flatten();
            let files: Vec<PathBuf> = files.collect();
            stacks
                .values_mut()
                .for_each(|stack| stack.extend(files.clone()));
            continue;
        }
        let lacks = |name: &Path, input: &Path| {
            let reason = format!("it has no picture called {}", name.plain());
            Error::file(
                input,
                reason,
                "with --stack, every input has one file of each picture",
            )
        };
        for (name, stack) in &mut stacks {
            stack.extend(found.remove(name).ok_or_else(|| lacks(name, input))?);
        }
        if let Some((name, _)) = found.pop_first() {
            return Err(lacks(&name, &named[0]).into());
        }
    }
    Ok((stacks, passed_over))
}

/// All input files, and the files in folders that are not pictures. Sub-folders are kept; hidden files are left out, and
/// earlier outputs in a folder of the inputs.
fn inputs(named: &[PathBuf], out: &Path) -> Result<(Named, Vec<PassedOver>), Failure> {
    let mut inputs = BTreeMap::new();
    let mut passed_over = Vec::new();
    for input in named {
        let mut files = Vec::new();
        if input.is_dir() {
            let (found, others) = Store::open(input)?.pictures()?;
            passed_over.extend(others);
            let is_around = !lies_in(input, out);
            // whatever links lead to its folder
            let is_output = |path: &Path| is_around && lies_in(path.parent().unwrap_or(path), out);
            let named = found
                .iter()
                .map(|file| (file.with_file_name(pair::stem(file)), input.join(file)));
            files.extend(named.filter(|(_, path)| !is_output(path)));
        } else {
            files.push((PathBuf::from(pair::stem(input)), input.clone()));
        }
        for (name, file) in files {
            add(&mut inputs, name, &[file])?;
        }
    }
    check(&inputs, out)?;
    Ok((inputs, passed_over))
}

/// Checks the names of all results, without ending, each with the files of its input: pages that become files of their own
/// have other names than their file.
///
/// # Errors
/// If two results would have the same name or be one file on the disk of `out`, the disk takes no name that is so long, or a
/// result would replace an input.
pub fn check_results<'a>(
    results: impl Iterator<Item = (PathBuf, &'a [PathBuf])>,
    out: &Path,
) -> Result<(), Failure> {
    let mut named = Named::new();
    for (name, files) in results {
        add(&mut named, name, files)?;
    }
    for (name, files) in &named {
        check_length(name, &files[0], out)?;
    }
    check(&named, out)
}

/// Checks the name of a result that is longer than that of its input, `file`.
fn check_length(name: &Path, file: &Path, out: &Path) -> Result<(), Error> {
    // no ending of a result is shorter
    let place = name.with_added_extension(picture::RESULT_EXTENSIONS[0]);
    match output_folder::takes(out, &place) {
        true => Ok(()),
        false => Err(Error::file(
            file,
            format!(
                "the name of its output, {}, is too long for the disk",
                place.plain()
            ),
            "give it a shorter name",
        )),
    }
}

/// Checks that the outputs are files of their own, and none of the inputs.
fn check(named: &Named, out: &Path) -> Result<(), Failure> {
    if let Some([name, other]) = alike(out, named.keys().map(PathBuf::as_path)) {
        let [file, other] = [name, other].map(|name| &named[name][0]);
        let reason = format!(
            "its output and that of {} would be one file on this disk, which takes their names for the same",
            other.plain()
        );
        let remedy = "rename one of them, or translate them into two folders";
        return Err(Error::file(file, reason, remedy).into());
    }
    keep(named, out)
}

/// Adds files by the name of their output, which no others may have yet. Those that are given twice are translated once.
fn add(named: &mut Named, name: PathBuf, files: &[PathBuf]) -> Result<(), Error> {
    match named.insert(name, files.to_vec()) {
        None => Ok(()),
        Some(other) if are_same(&other, files) => Ok(()),
        Some(other) => Err(Error::file(
            &files[0],
            format!(
                "its output would have the same name as that of {}",
                other[0].plain()
            ),
            "rename one of them, or translate them into two folders",
        )),
    }
}

/// Whether these are the same files, whatever paths lead to them.
fn are_same(files: &[PathBuf], others: &[PathBuf]) -> bool {
    let is_same = |(file, other): (&PathBuf, &PathBuf)| {
        let [file, other] = [file, other].map(|path| Identity::of(path));
        file.is_some() && file == other
    };
    files.len() == others.len() && files.iter().zip(others).all(is_same)
}

/// Checks that no output has the place of an input, whatever path, link or mount leads there.
fn keep(inputs: &Named, out: &Path) -> Result<(), Failure> {
    let files = inputs.values().flatten();
    let places = files.filter_map(|file| Some((Identity::of(file)?, file)));
    let places: BTreeMap<Identity, &PathBuf> = places.collect();
    for name in inputs.keys() {
        let endings = picture::RESULT_EXTENSIONS.iter();
        for ending in endings.chain(&picture::VOLUME_EXTENSIONS) {
            let place = Identity::of(&out.join(name).with_added_extension(ending));
            if let Some(file) = place.and_then(|place| places.get(&place)) {
                let message = "an output would replace this input; choose another --out";
                return Err(Failure::Usage(format!("{}: {message}", file.plain())));
            }
        }
    }
    Ok(())
}
