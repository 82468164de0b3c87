//! `muster check`: everything that can be found wrong without the daemon and without the apps.

use serde::Serialize;

use super::printer::Style;
use super::show::plural;
use super::{Answer, Context, Ended, error, show};
use crate::api::v1;
use crate::config::{Config, ConfigError, SecretError};
use crate::error::Coded;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// What `--json` answers.
#[derive(Serialize)]
struct Checked {
    is_usable: bool,
    policy: Option<String>,
    findings: Vec<v1::Finding>,
}

pub(super) fn run(args: &Args, context: &mut Context<'_, '_>) -> Ended {
    let config = match Config::load(&context.config) {
        Ok(config) => config,
        Err(error) => return refuse(&error, args, context),
    };
    let mut findings = secrets(&config, context);
    findings.extend(config.remarks.iter().map(|remark| remark_of(remark)));
    for finding in context.local.check_plugins(&config)? {
        // A secret that cannot be read also keeps its target from being prepared; once is enough.
        let is_known =
            |known: &v1::Finding| known.code == finding.code && known.text == finding.text;
        if !findings.iter().any(is_known) {
            findings.push(finding);
        }
    }
    let is_usable = findings.iter().all(|finding| finding.severity != "error");
    if args.json {
        context.printer.json(&Checked {
            is_usable,
            policy: Some(config.policy.version.to_string()),
            findings,
        })?;
    } else {
        show::findings(&findings, context.printer, 0)?;
        if is_usable {
            context.printer.line(&summary(&config))?;
        }
    }
    Ok(if is_usable { Answer::Yes } else { Answer::No })
}

fn summary(config: &Config) -> String {
    let count = |length: usize, what| plural(length.try_into().unwrap_or(u64::MAX), what);
    format!(
        "{} {}, {}, {}; policy {}",
        Style::Good.paint("in order:"),
        count(config.feeds.len(), "feed"),
        count(config.targets.len(), "target"),
        count(config.policy.roles.len(), "role"),
        config.policy.version
    )
}

fn refuse(error: &ConfigError, args: &Args, context: &mut Context<'_, '_>) -> Ended {
    if args.json {
        let findings = error.problems.iter().map(|problem| v1::Finding {
            code: problem.code.to_string(),
            severity: "error".to_owned(),
            subject: match problem.position {
                Some(place) => {
                    format!("{}:{}:{}", problem.file.display(), place.line, place.column)
                }
                None => problem.file.display().to_string(),
            },
            text: problem.message.clone(),
            hint: problem.hint.clone(),
            since: None,
        });
        context.printer.json(&Checked {
            is_usable: false,
            policy: None,
            findings: findings.collect(),
        })?;
    } else {
        error::print_config(error, context.printer)?;
    }
    Ok(Answer::No)
}

/// Every secret is read once, and its value forgotten at once.
fn secrets(config: &Config, context: &Context<'_, '_>) -> Vec<v1::Finding> {
    let mut findings = Vec::new();
    let mut check = |subject: String, read: Result<(), SecretError>| {
        if let Err(error) = read {
            findings.push(v1::Finding {
                code: error.code().to_string(),
                severity: "error".to_owned(),
                subject,
                text: crate::error::chain(&error),
                hint: error.hint(),
                since: None,
            });
        }
    };
    for feed in config.feeds.values() {
        if let Some(hook) = &feed.hook {
            let read = hook.read(context.environment);
            check(format!("feed {}", feed.name), read.map(drop));
        }
    }
    for target in config.targets.values() {
        for (slot, credential) in &target.secrets {
            if let Some(source) = credential.secret() {
                let read = source.read(context.environment);
                check(
                    format!("target {}, secret {slot}", target.name),
                    read.map(drop),
                );
            }
        }
    }
    findings
}

fn remark_of(remark: &str) -> v1::Finding {
    v1::Finding {
        code: crate::config::problem::LOOK.to_string(),
        severity: "warning".to_owned(),
        subject: "configuration".to_owned(),
        text: remark.to_owned(),
        hint: String::new(),
        since: None,
    }
}
