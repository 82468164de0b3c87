//! `muster explain CODE`: the page of an error code.

use muster_api::PAGES;
use muster_api::page::title;
use muster_core::nearest::nearest;

use super::error::CliError;
use super::printer::Style;
use super::{Answer, Context, Ended};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The code, such as HR-004; without one, all codes are listed
    code: Option<String>,
}

pub(super) fn run(args: &Args, context: &mut Context<'_, '_>) -> Ended {
    let Some(code) = &args.code else {
        for (_, page) in PAGES {
            context.printer.line(title(page))?;
        }
        return Ok(Answer::Yes);
    };
    let wanted = code.to_ascii_uppercase();
    let Some((_, page)) = PAGES.iter().find(|(code, _)| *code == wanted) else {
        return Err(CliError::NoCode {
            code: code.clone(),
            nearest: nearest(&wanted, PAGES.iter().map(|(code, _)| *code)),
        });
    };
    for line in page.trim_end().lines() {
        let heading = line.trim_start_matches('#');
        if heading.len() < line.len() {
            context.printer.line(&Style::Strong.paint(heading.trim()))?;
        } else {
            context.printer.line(line)?;
        }
    }
    Ok(Answer::Yes)
}
