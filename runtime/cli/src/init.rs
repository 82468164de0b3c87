//! `muster init`: a commented muster.toml, a first policy, and the folders. They pass `muster check`
//! as they are, so that whoever begins has something that works and changes it from there.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use muster_config::FILE_NAME;

use super::error::CliError;
use super::table::Table;
use super::{Answer, Context, Ended};

/// The configuration that is written.
const MUSTER_TOML: &str = include_str!("templates/muster.toml");
/// The policy that is written.
const ROLES_TOML: &str = include_str!("templates/roles.toml");
/// What must not go into a repository.
const GITIGNORE: &str = "/data\n/secrets\n/feeds\n";

/// Folders that are made: name, and whether only the owner may enter.
const FOLDERS: [(&str, bool); 5] = [
    ("policy", false),
    ("plugins", false),
    ("feeds/hr", true),
    ("secrets", true),
    ("data", true),
];

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where to write; made where it does not exist
    #[arg(default_value = ".")]
    folder: PathBuf,
}

pub(super) fn run(args: &Args, context: &mut Context<'_, '_>) -> Ended {
    let files = [
        (FILE_NAME, MUSTER_TOML),
        ("policy/roles.toml", ROLES_TOML),
        (".gitignore", GITIGNORE),
    ];
    // All of them first, so that nothing is written where one is in the way.
    for (name, _) in files {
        let path = args.folder.join(name);
        if path.symlink_metadata().is_ok() {
            return Err(CliError::Exists { path });
        }
    }
    for (name, is_private) in FOLDERS {
        make_folder(&args.folder.join(name), is_private)?;
    }
    for (name, text) in files {
        make_file(&args.folder.join(name), text)?;
    }
    let printer = &mut *context.printer;
    let shown = args.folder.display().to_string();
    printer.line(&format!(
        "wrote {FILE_NAME} and policy/roles.toml in {shown}"
    ))?;
    printer.line("")?;
    printer.line("next:")?;
    let mut next = Table::new(Vec::<String>::new());
    if shown != "." {
        next.row([format!("cd {shown}"), String::new()]);
    }
    next.row(["muster check", "says everything that is wrong with them"]);
    next.row([
        "muster plan FILE",
        "what an HR file would change; changes nothing",
    ]);
    next.row([
        "muster serve",
        "runs the daemon; then drop an HR export into feeds/hr",
    ]);
    next.print(printer, 2)?;
    Ok(Answer::Yes)
}

fn make_folder(path: &Path, is_private: bool) -> Result<(), CliError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    if is_private {
        builder.mode(0o700);
    }
    builder.create(path).map_err(|source| failed(path, source))
}

fn make_file(path: &Path, text: &str) -> Result<(), CliError> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(|source| failed(path, source))?;
    file.write_all(text.as_bytes())
        .map_err(|source| failed(path, source))
}

fn failed(path: &Path, source: std::io::Error) -> CliError {
    CliError::Write {
        path: path.to_owned(),
        source,
    }
}
