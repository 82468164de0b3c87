//! `muster plugin list` and `muster plugin inspect FILE`. Looking into a file needs no daemon, so
//! that whoever wrote a plugin can do it, too.

use std::io;
use std::path::PathBuf;

use clap::Subcommand;
use muster_api::v1;

use super::client::Route;
use super::error::CliError;
use super::printer::{Printer, Style, word};
use super::show::instant_or_dash;
use super::table::Table;
use super::{Answer, Context, Ended, wait};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// The plugins of the running daemon
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// What a plugin file can do and what it asks for
    Inspect {
        /// The .wasm file, or the name of a plugin in the plugins folder
        file: PathBuf,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

/// Largest plugin file that is looked into, in bytes.
const PLUGIN_BYTES_MAX: u64 = 64 << 20;

pub(super) fn run(args: &Args, context: &mut Context<'_, '_>) -> Ended {
    match &args.action {
        Action::List { json } => wait(list(*json, context)),
        Action::Inspect { file, json } => inspect(file, *json, context),
    }
}

async fn list(json: bool, context: &mut Context<'_, '_>) -> Ended {
    let plugins: Vec<v1::PluginRow> = context.client()?.get(Route::new("/v1/plugins")).await?;
    if json {
        context.printer.json(&plugins)?;
        return Ok(Answer::Yes);
    }
    if plugins.is_empty() {
        context
            .printer
            .line("no plugins: put .wasm files into the plugins folder")?;
        return Ok(Answer::Yes);
    }
    let mut table = Table::new([
        "PLUGIN", "STATE", "VERSION", "CONTRACT", "SINCE", "DIGEST", "TARGETS",
    ]);
    let dash = || "-".to_owned();
    for plugin in &plugins {
        table.row([
            plugin.name.clone(),
            word(&plugin.state),
            plugin.version.clone().unwrap_or_else(dash),
            plugin.contract.clone().unwrap_or_else(dash),
            instant_or_dash(plugin.since.as_deref()),
            plugin.digest.clone(),
            plugin.targets.join(", "),
        ]);
    }
    table.print(context.printer, 0)?;
    for plugin in &plugins {
        if let Some(trouble) = &plugin.trouble {
            let mark = Style::Bad.paint("!");
            context
                .printer
                .line(&format!("{mark} {}: {trouble}", plugin.name))?;
        }
    }
    Ok(Answer::Yes)
}

fn inspect(file: &PathBuf, json: bool, context: &mut Context<'_, '_>) -> Ended {
    let mut path = file.clone();
    let is_name = file.extension().is_none() && file.components().count() == 1;
    if is_name && !file.exists() {
        let folder = context.load()?.daemon.plugins;
        path = folder.join(file).with_extension("wasm");
    }
    let failed = |source| CliError::Read {
        path: path.clone(),
        source,
    };
    if std::fs::metadata(&path).map_err(failed)?.len() > PLUGIN_BYTES_MAX {
        return Err(failed(io::Error::other("it is larger than 64 MiB")));
    }
    let plugin = context
        .local
        .inspect_plugin(std::fs::read(&path).map_err(failed)?)?;
    if json {
        context.printer.json(&plugin)?;
    } else {
        print(&plugin, context.printer)?;
    }
    Ok(if plugin.refusals.is_empty() {
        Answer::Yes
    } else {
        Answer::No
    })
}

fn print(plugin: &v1::Plugin, printer: &mut Printer<'_>) -> io::Result<()> {
    let name = Style::Strong.paint(&plugin.name);
    let by = match plugin.vendor.as_str() {
        "" => String::new(),
        vendor => format!(" by {vendor}"),
    };
    printer.line(&format!("{name} {}{by}", plugin.version))?;
    let mut facts = Table::new(Vec::<String>::new());
    let file = format!("{} bytes, sha256 {}", plugin.bytes, plugin.digest);
    for (name, value) in [
        ("app", plugin.app.clone()),
        ("contract", plugin.contract.clone()),
        ("file", file),
        ("capabilities", plugin.capabilities.join(", ")),
        ("imports", plugin.imports.join(", ")),
        ("hosts", plugin.hosts.join(", ")),
    ] {
        if !value.is_empty() {
            facts.row([name.to_owned(), value]);
        }
    }
    facts.print(printer, 2)?;
    for kind in &plugin.kinds {
        let of = Style::Strong.paint(&format!("{} {}", kind.of, kind.name));
        printer.line(&format!("{of}: {}", kind.operations.join(", ")))?;
    }
    let needed = |is_required: bool| if is_required { "required" } else { "optional" };
    let mut asks = Table::new(["ASKS FOR", "", "", ""]);
    for setting in &plugin.settings {
        asks.row([
            "setting",
            &setting.key,
            needed(setting.is_required),
            &setting.description,
        ]);
    }
    for secret in &plugin.secrets {
        let schemes = format!("{} ({})", secret.description, secret.schemes.join(", "));
        asks.row(["secret", &secret.name, needed(secret.is_required), &schemes]);
    }
    if !asks.is_empty() {
        asks.print(printer, 0)?;
    }
    for refusal in &plugin.refusals {
        printer.line(&format!(
            "{} {refusal}",
            Style::Bad.paint("would not be used:")
        ))?;
    }
    Ok(())
}
