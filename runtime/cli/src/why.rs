//! `muster why PERSON [TARGET]`: what somebody has and has not, since when, and because of what:
//! the role and its rule, the values that made it true or false, the policy, and HR's row.

use std::io;

use muster_api::v1;

use super::client::Route;
use super::printer::{Printer, Style, word};
use super::show::{self, instant};
use super::{Answer, Context, Ended, people, standing};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The person: feed:key, or the key alone
    person: String,
    /// Only at this target
    target: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Args, context: &mut Context<'_, '_>) -> Ended {
    let client = context.client()?;
    let person = people::resolve(&args.person, &client).await?;
    let route = Route::new("/v1/why")
        .part(&person)
        .parameter("target", args.target.as_deref());
    let why: v1::Why = client.get(route).await?;
    if args.json {
        context.printer.json(&why)?;
    } else {
        print(&why, context.printer)?;
    }
    Ok(Answer::Yes)
}

fn print(why: &v1::Why, printer: &mut Printer<'_>) -> io::Result<()> {
    let because = match why.phase_because.as_str() {
        "" => String::new(),
        because => format!(", {because}"),
    };
    printer.line(&format!(
        "{}: {}{because}",
        show::person(&why.name, &why.person),
        word(&why.phase)
    ))?;
    if let Some(source) = &why.source {
        let says = if source.feed.is_empty() {
            "last looked at for"
        } else {
            "as HR says in"
        };
        printer.line(&format!("  {says} {}", show::source(source)))?;
    }
    printer.line(&format!("  policy {}", why.policy))?;
    for target in &why.targets {
        printer.line("")?;
        print_target(target, printer)?;
    }
    Ok(())
}

fn print_target(target: &v1::WhyTarget, printer: &mut Printer<'_>) -> io::Result<()> {
    let state = target
        .state
        .as_deref()
        .map(|state| format!(" {}", word(state)))
        .unwrap_or_default();
    let account = match &target.account {
        Some(id) => format!("account {id}{state}"),
        None => "no account".to_owned(),
    };
    printer.line(&format!(
        "{}: {account}",
        Style::Strong.paint(&target.target)
    ))?;
    if !target.summary.is_empty() {
        printer.line(&format!("  {}", target.summary))?;
    }
    for grant in &target.has {
        print_grant(grant, printer)?;
    }
    for not in &target.has_not {
        print_not(not, printer)?;
    }
    show::taken(&target.taken, printer, 2)?;
    if !target.pending.is_empty() {
        printer.line("  still to be done")?;
        show::operations(&target.pending, printer, 4)?;
    }
    Ok(())
}

fn print_grant(grant: &v1::WhyGrant, printer: &mut Printer<'_>) -> io::Result<()> {
    let since = grant.since.as_deref();
    let since = since
        .map(|at| format!(" since {}", instant(at)))
        .unwrap_or_default();
    let state = match grant.state.as_str() {
        "held" => Style::Good.paint("has"),
        "being-given" => Style::Warn.paint("is being given"),
        "being-taken" => Style::Warn.paint("is losing"),
        other => other.to_owned(),
    };
    printer.line(&format!("  {state} {}{since}", grant.entitlement))?;
    if grant.because.is_empty() {
        printer.line("      no reason for it is left")?;
    }
    for because in &grant.because {
        let policy = because
            .policy
            .as_deref()
            .map(|policy| format!(" (policy {policy})"));
        let said = match (&because.role, &because.opening) {
            (Some(role), _) => format!("role {role}{}", policy.unwrap_or_default()),
            (None, Some(opening)) => standing::opening(opening),
            (None, None) => "adoption".to_owned(),
        };
        let description = match because.description.as_str() {
            "" => String::new(),
            description => format!(": {description}"),
        };
        printer.line(&format!("      because of {said}{description}"))?;
        if let Some(rule) = &because.rule {
            printer.line(&format!("        rule   {rule}"))?;
            if let Some(now) = &because.rule_now {
                printer.line(&format!("        today  {now}"))?;
            }
            print_values(&because.values, printer)?;
        }
    }
    if let Some(source) = &grant.source {
        printer.line(&format!("        from   {}", show::source(source)))?;
    }
    Ok(())
}

fn print_not(not: &v1::WhyNot, printer: &mut Printer<'_>) -> io::Result<()> {
    let gives = if not.gives.is_empty() {
        "the account".to_owned()
    } else {
        not.gives.join(", ")
    };
    printer.line(&format!("  {} {gives}", Style::Dim.paint("has not")))?;
    if let Some(reason) = &not.unresolved {
        printer.line(&format!(
            "      role {} gives it, and it cannot be given",
            not.role
        ))?;
        printer.line(&format!("        because {reason}"))?;
        printer.line(&format!("        rule   {}", not.rule))?;
        return print_values(&not.values, printer);
    }
    let verdict = if not.undecided.is_some() {
        "cannot be decided, so the accounts stay as they are (PLN-001)"
    } else {
        "does not apply"
    };
    printer.line(&format!("      role {} {verdict}", not.role))?;
    printer.line(&format!("        rule   {}", not.rule))?;
    if let Some(error) = &not.undecided {
        printer.line(&format!("        error  {error}"))?;
    }
    // Where the whole rule is what failed, saying it again would not help.
    for failed in not.failed.iter().filter(|failed| **failed != not.rule) {
        printer.line(&format!("        false  {failed}"))?;
    }
    print_values(&not.values, printer)
}

fn print_values(
    values: &std::collections::BTreeMap<String, serde_json::Value>,
    printer: &mut Printer<'_>,
) -> io::Result<()> {
    if values.is_empty() {
        return Ok(());
    }
    printer.line(&format!("        with   {}", show::values(values)))
}
