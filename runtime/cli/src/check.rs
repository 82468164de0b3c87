//! `muster check`: everything that can be found wrong without the daemon and without the apps.

use bytes::Bytes;
use http::Method;
use muster_api::v1;
use muster_config::{Config, ConfigError, SecretError, access};
use muster_core::coded::{Coded, chain};
use muster_core::finding::Code;
use muster_core::id::FeedName;
use muster_daemon::local;
use serde::Serialize;

use super::client::Route;
use super::printer::Style;
use super::show::plural;
use super::{Answer, CliError, Context, Ended, error, show, wait};

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
    findings.extend(open_to_others(&config));
    findings.extend(local::lint(&config));
    findings.extend(local::policy_tests(&config).1);
    findings.extend(config.remarks.iter().map(|remark| remark_of(remark)));
    for finding in context.local.check_plugins(&config)? {
        // A secret that cannot be read also keeps its target from being prepared; once is enough.
        let is_known =
            |known: &v1::Finding| known.code == finding.code && known.text == finding.text;
        if !findings.iter().any(is_known) {
            findings.push(finding);
        }
    }
    findings.extend(ledger_remarks(&config, context)?);
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
            let remarks = findings.len();
            context.printer.line(&summary(&config, remarks))?;
        }
    }
    Ok(if is_usable { Answer::Yes } else { Answer::No })
}

/// What the running daemon says of the policy and of former feeds, or the ledger of one that is stopped.
fn ledger_remarks(
    config: &Config,
    context: &mut Context<'_, '_>,
) -> Result<Vec<v1::Finding>, CliError> {
    let text = local::policy_text(&config.policy).map_err(CliError::Output)?;
    let text = Bytes::from(text);
    let client = context.client()?;
    let route = Route::new("/v1/remarks/policy");
    let asked = wait(client.work(Method::POST, route, text, context.printer));
    let mut remarks: Vec<v1::Finding> = match asked {
        Ok(remarks) => remarks,
        // A ledger that cannot be read is for `muster ledger check` to say.
        Err(CliError::NotRunning { .. }) => {
            return Ok(context.local.ledger_remarks(config).unwrap_or_default());
        }
        // Asking is a help and no condition: another version's daemon does not know the question.
        Err(_) => return Ok(Vec::new()),
    };
    let status: Result<v1::Status, CliError> = wait(client.get(Route::new("/v1/status")));
    let here = status.map(|status| status.people_here).unwrap_or_default();
    let here = here
        .iter()
        .filter_map(|(feed, people)| Some((FeedName::new(feed).ok()?, *people)))
        .collect();
    remarks.extend(local::former_feeds(&here, config));
    Ok(remarks)
}

fn summary(config: &Config, remarks: usize) -> String {
    let count = |length: usize, what| plural(length.try_into().unwrap_or(u64::MAX), what);
    let verdict = match remarks {
        0 => Style::Good.paint("in order:"),
        remarks => Style::Warn.paint(&format!(
            "can be used, {} to look at:",
            count(remarks, "remark")
        )),
    };
    format!(
        "{} {}, {}, {}; policy {}",
        verdict,
        count(config.feeds.len(), "feed"),
        count(config.targets.len(), "target"),
        count(config.policy.roles.len(), "role"),
        config.policy.version
    )
}

fn refuse(error: &ConfigError, args: &Args, context: &mut Context<'_, '_>) -> Ended {
    if args.json {
        let findings = error.mistakes.iter().map(|mistake| v1::Finding {
            code: mistake.code.to_string(),
            severity: "error".to_owned(),
            subject: match mistake.position {
                Some(place) => {
                    format!("{}:{}:{}", mistake.file.display(), place.line, place.column)
                }
                None => mistake.file.display().to_string(),
            },
            text: mistake.message.clone(),
            hint: mistake.hint.clone(),
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
                text: chain(&error),
                hint: error.hint(),
                since: None,
            });
        }
    };
    for feed in config.feeds.values() {
        if let Some(hook) = &feed.hook {
            for read in local::hook_secrets(hook, context.environment) {
                check(format!("feed {}", feed.name), read);
            }
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

/// What others on this machine can write or read.
fn open_to_others(config: &Config) -> Vec<v1::Finding> {
    let finding =
        |code: &Code, severity: &str, open: &access::Open, text: &str, hint: &str| v1::Finding {
            code: code.to_string(),
            severity: severity.to_owned(),
            subject: format!("file {}", open.path.display()),
            text: format!("{text}, mode {:04o}", open.mode),
            hint: hint.to_owned(),
            since: None,
        };
    let writable = access::writable_by_others(config);
    let readable = access::readable_by_others(config);
    let written = writable.iter().map(|open| {
        let hint = "chmod go-w it; the daemon does not start like this";
        finding(
            &access::OTHERS_WRITE,
            "error",
            open,
            "others can write it",
            hint,
        )
    });
    let read = readable.iter().filter(|open| !writable.contains(open));
    let read = read.map(|open| {
        let hint = if open.path == config.daemon.data {
            "chmod 700 it; the daemon does so at its start"
        } else {
            "chmod 600 it, and make another secret where somebody may have read this one"
        };
        finding(
            &access::OTHERS_READ,
            "warning",
            open,
            "others can read it",
            hint,
        )
    });
    written.chain(read).collect()
}

fn remark_of(remark: &str) -> v1::Finding {
    v1::Finding {
        code: muster_config::mistake::LOOK.to_string(),
        severity: "warning".to_owned(),
        subject: "configuration".to_owned(),
        text: remark.to_owned(),
        hint: String::new(),
        since: None,
    }
}
