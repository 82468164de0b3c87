//! Open findings, the gravest first.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use muster_api::error::Fault;
use muster_api::v1;
use muster_core::finding::{Code, Finding};
use muster_core::id::TargetName;
use muster_core::subject::Subject;
use muster_ledger::kept;
use serde::Deserialize;

use super::asking::{ListPage, Parameters};
use super::{Answered, Listings, answered, broken, present, read};

/// Findings of one code about operations at one target that are shown one by one.
const FINDINGS_ALIKE_MAX: usize = 5;

/// Which findings to list.
#[derive(Deserialize)]
pub(crate) struct Filter {
    /// With this code only.
    code: Option<String>,
    /// `note`, `warning` or `error`.
    severity: Option<String>,
    /// Many that one thing may have caused are shown as one.
    #[serde(default, rename = "grouped")]
    is_grouped: bool,
}

/// `GET /v1/findings`.
pub(crate) async fn answer(
    State(listings): State<Arc<Listings>>,
    Parameters(filter): Parameters<Filter>,
    page: ListPage,
) -> Answered<v1::Page<v1::Finding>> {
    answered(listings, move |listings| listings.findings(&filter, &page)).await
}

impl Listings {
    fn findings(&self, filter: &Filter, page: &ListPage) -> Result<v1::Page<v1::Finding>, Fault> {
        let reader = read(&self.ledger)?;
        let mut found = Vec::new();
        for kept in reader.findings().map_err(|error| broken(&error))? {
            let kept = kept.map_err(|error| broken(&error))?;
            let finding = &kept.finding;
            let fits = filter
                .code
                .as_ref()
                .is_none_or(|code| finding.code.as_str() == code)
                && filter
                    .severity
                    .as_ref()
                    .is_none_or(|severity| finding.severity.as_str() == severity);
            if fits {
                found.push(kept);
            }
        }
        found.sort_by(|a, b| {
            let key =
                |kept: &kept::Finding| (std::cmp::Reverse(kept.finding.severity), kept.first_at);
            key(a).cmp(&key(b))
        });
        let found: Vec<v1::Finding> = if filter.is_grouped {
            grouped(&found)
        } else {
            found.iter().map(shown).collect()
        };
        let from: usize = page
            .cursor
            .as_deref()
            .and_then(|cursor| cursor.parse().ok())
            .unwrap_or(0);
        let until = from.saturating_add(page.limit);
        let next = (until < found.len()).then(|| until.to_string());
        let items = found.into_iter().skip(from).take(page.limit).collect();
        Ok(v1::Page { items, next })
    }
}

fn shown(kept: &kept::Finding) -> v1::Finding {
    present::finding(&kept.finding, Some(kept.first_at))
}

/// Where many operations at a target meet the same, one line says so, in the place of the first.
fn grouped(findings: &[kept::Finding]) -> Vec<v1::Finding> {
    let group = |finding: &Finding| match &finding.subject {
        Subject::Operation(_, target, _) => Some((finding.code.clone(), target.clone())),
        _ => None,
    };
    let mut counts: BTreeMap<(Code, TargetName), usize> = BTreeMap::new();
    for key in findings.iter().filter_map(|kept| group(&kept.finding)) {
        *counts.entry(key).or_default() += 1;
    }
    let mut lines = Vec::new();
    for kept in findings {
        let key = group(&kept.finding);
        let count = key.as_ref().and_then(|key| counts.get(key).copied());
        if let (Some(key), Some(count)) = (key, count)
            && count > FINDINGS_ALIKE_MAX
        {
            let mut line = shown(kept);
            line.subject = format!("{count} operations at {}", key.1);
            line.text = format!("one of them: {}", line.text);
            line.hint = format!(
                "{}; `muster findings --code {}` lists them",
                line.hint, key.0
            );
            lines.push(line);
            // The others of the group have been said with the first.
            counts.insert(key, 0);
        } else if count != Some(0) {
            lines.push(shown(kept));
        }
    }
    lines
}
