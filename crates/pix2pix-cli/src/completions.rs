//! `pix2pix completions` and `pix2pix man`.

use std::path::{Path, PathBuf};

use clap::{Arg, Command, ValueHint};
use clap_complete::Shell;
use clap_mangen::Man;
use pix2pix::{Error, atomic_file};

use crate::failure::{Failure, print};
use crate::output::say;
use crate::paths::{Plain, word};

/// Shown after the options of `pix2pix completions`.
pub const EXAMPLES: &str = "\
Examples:
  pix2pix completions bash  > ~/.local/share/bash-completion/completions/pix2pix
  pix2pix completions zsh  > ~/.zfunc/_pix2pix
  pix2pix completions fish  > ~/.config/fish/completions/pix2pix.fish";

/// Options of `pix2pix completions`.
#[derive(clap::Args)]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Prints the script that completes the program's commands and options in a shell.
pub fn run(args: Args, mut program: Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    program = without_files(program);
    clap_complete::generate(args.shell, &mut program, "pix2pix", &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// A command, and those below it, of whose options none but those that take paths is completed with the names of files.
fn without_files(command: Command) -> Command {
    let without = |option: Arg| {
        let takes_words = option.get_action().takes_values()
            && option.get_possible_values().is_empty()
            && option.get_value_hint() == ValueHint::Unknown;
        match takes_words {
            true => option.value_hint(ValueHint::Other),
            false => option,
        }
    };
    command.mut_args(without).mut_subcommands(without_files)
}

/// Options of `pix2pix man`.
#[derive(clap::Args)]
pub struct ManArgs {
    /// Folder for the pages, such as ~/.local/share/man/man1
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Writes the manual page of every command.
pub fn man(args: ManArgs, mut program: Command) -> Result<(), Failure> {
    program.build();
    atomic_file::create_folder(&args.out)?;
    let pages = write(&program, &args.out)?;
    // a page is told from a topic by its slash, which the folder gives it
    say(&format!(
        "wrote {pages} pages into {}; read them with man {}\n",
        args.out.plain(),
        word(&args.out.join("pix2pix.1"))
    ));
    Ok(())
}

/// Writes the page of a command and of those below it; returns their number.
fn write(command: &Command, folder: &Path) -> Result<usize, Error> {
    // as --help has them, not -h
    let page = Man::new(command.clone().mut_args(|arg| arg.hide_short_help(false)));
    let path = folder.join(page.get_filename());
    let mut text = Vec::new();
    page.render(&mut text)
        .map_err(|e| Error::io(&path, "write the page", e))?;
    atomic_file::write_own(&path, &text)?;
    let below = command.get_subcommands();
    // its own help is in every command
    let below = below.filter(|command| command.get_name() != "help");
    below
        .map(|command| write(command, folder))
        .sum::<Result<usize, Error>>()
        .map(|pages| pages + 1)
}
