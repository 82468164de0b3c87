//! Remarks on the policy: what the policy files say of them (`[lint]`, `[[accept]]`), and the remarks that the text of
//! policy and configuration tells without people and targets.

use muster_core::finding::{Finding, Severity};
use muster_core::id::{FeedName, RoleName, TargetName};
use muster_core::identity::Status;
use muster_core::lint::{self, Acceptance, NO_LEAVER_RULE};
use muster_core::mapping::StatusRule;
use muster_core::policy::{EntitlementName, LintSource};
use muster_core::subject::Subject;

use super::Config;
use super::document::{Placed, Section};
use super::feed::{Feed, FeedKind};
use super::mistake::{MISSING_KEY, UNUSABLE_VALUE};
use super::options as opt;
use super::policy::Places;

/// Most remarks that a policy accepts.
pub const ACCEPTED_MAX: usize = 10_000;

/// Reads what a policy file says of remarks.
pub(super) fn read(root: &Section<'_>, lint: &mut LintSource, places: &mut Places) {
    let section = root.section("lint");
    if let Some(rule) = section.text(&opt::LINT_MUST_END) {
        if lint.must_end.is_some() {
            let message = "`must_end` stands in another policy file, too".to_owned();
            let hint = "write one expression: A || B".to_owned();
            section.note(UNUSABLE_VALUE, rule.offset, message, hint);
        }
        let place = section.mistake_at(rule.offset);
        places.add(&Subject::Policy, Some(&rule.value), place);
        lint.must_end = Some(rule.value);
    }
    section.finish();
    for section in root.list("accept") {
        if lint.accepted.len() == ACCEPTED_MAX {
            let message = format!("a policy accepts at most {ACCEPTED_MAX} remarks");
            section.note(UNUSABLE_VALUE, section.offset(), message, String::new());
            return;
        }
        lint.accepted.extend(acceptance(&section));
    }
}

fn acceptance(section: &Section<'_>) -> Option<Acceptance> {
    let code = section.parsed(&opt::ACCEPT_CODE, |text| {
        let found = lint::acceptable().find(|code| code.as_str() == text);
        found.ok_or_else(|| {
            let known: Vec<String> = lint::acceptable().map(|code| code.to_string()).collect();
            format!(
                "`{text}` is no remark that can be accepted: those are {}",
                known.join(", ")
            )
        })
    });
    let name = |reason: &str| reason.to_owned();
    let role = section.parsed(&opt::ACCEPT_ROLE, |text| {
        RoleName::new(text).map_err(|error| name(error.reason))
    });
    let target = section.parsed(&opt::ACCEPT_TARGET, |text| {
        TargetName::new(text).map_err(|error| name(error.reason))
    });
    let entitlement = section.parsed(&opt::ACCEPT_ENTITLEMENT, |text| {
        let parsed = EntitlementName::parse(text);
        parsed.ok_or_else(|| format!("`{text}` is not written as kind:name"))
    });
    let feed = section.parsed(&opt::ACCEPT_FEED, |text| {
        FeedName::new(text).map_err(|error| name(error.reason))
    });
    let reason = section.text(&opt::ACCEPT_REASON);
    section.finish();
    let subject = match (role, target, entitlement, feed) {
        (Some(role), None, None, None) => Subject::Role(role.value),
        (None, Some(target), None, None) => Subject::Target(target.value),
        (None, Some(target), Some(Placed { value, .. }), None) => {
            Subject::Entitlement(target.value, value.to_string())
        }
        (None, None, None, Some(feed)) => Subject::Feed(feed.value),
        _ => {
            section.note(
                MISSING_KEY,
                section.offset(),
                "[[accept]] says what it is about: a role, a target, an entitlement with its target, or a feed"
                    .to_owned(),
                "write for example: role = \"chief\"".to_owned(),
            );
            return None;
        }
    };
    let (code, reason) = (code?.value, reason?.value);
    Some(Acceptance {
        code,
        subject,
        reason,
    })
}

impl Config {
    /// What is remarked about the feeds as they are written: for a [`muster_core::lint::Lint`].
    pub fn remarks_on_feeds(&self) -> Vec<Finding> {
        self.feeds.values().filter_map(leaves_nobody).collect()
    }
}

/// Whether nobody of a feed can ever leave, as it is configured.
fn leaves_nobody(feed: &Feed) -> Option<Finding> {
    let columns = &feed.columns;
    let says_so = match &columns.status {
        StatusRule::Column { values, .. } => values.values().any(|one| *one == Status::Ended),
        StatusRule::Always(_) => false,
    };
    if says_so || columns.end.is_some() || feed.kind == FeedKind::Snapshot || feed.hook.is_some() {
        return None;
    }
    let text = "nothing says when its people leave: its files have only what changed, and neither a status nor a last day";
    let finding = Finding::new(NO_LEAVER_RULE, Severity::Warning, &feed.name, text);
    let hint =
        "give the mapping a status or a last day, or have HR send everybody (kind = \"snapshot\")";
    Some(finding.hint(hint))
}
