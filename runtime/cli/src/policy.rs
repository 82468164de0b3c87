//! `muster policy test`: whether the policy gives the people of its tests what it must. Asks nobody: the files tell it.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use muster_config::Config;
use muster_daemon::local;

use super::printer::Style;
use super::show::plural;
use super::{Answer, Context, Ended};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try the policy on the people of its tests
    Test(Test),
}

#[derive(Debug, clap::Args)]
struct Test {
    /// The folder of the policy files; those of the configuration where it is left out
    folder: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, context: &mut Context<'_, '_>) -> Ended {
    match &args.command {
        Command::Test(args) => test(args.folder.as_deref(), args.json, context),
    }
}

fn test(folder: Option<&Path>, json: bool, context: &mut Context<'_, '_>) -> Ended {
    let config = Config::load_with(&context.config, folder)?;
    let (tests, _) = local::policy_tests(&config);
    let broken = tests.iter().filter(|test| !test.differs.is_empty()).count();
    if json {
        context.printer.json(&tests)?;
    } else {
        for test in tests.iter().filter(|test| !test.differs.is_empty()) {
            let name = Style::Strong.paint(&test.name);
            context.printer.line(&format!("{name} ({})", test.place))?;
            for differs in &test.differs {
                context
                    .printer
                    .line(&format!("  {}", Style::Bad.paint(differs)))?;
            }
        }
        let count = plural(u64::try_from(tests.len()).unwrap_or(u64::MAX), "test");
        let said = if tests.is_empty() {
            "the policy has no tests: write [[test]] into a policy file".to_owned()
        } else if broken == 0 {
            Style::Good.paint(&format!("{count}, and all hold"))
        } else {
            Style::Bad.paint(&format!("{count}, of which the policy breaks {broken}"))
        };
        context.printer.line(&said)?;
    }
    Ok(if broken == 0 { Answer::Yes } else { Answer::No })
}
