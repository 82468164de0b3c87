//! Questions that the ledger answers. Each reads one snapshot, so that an answer belongs together.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use muster_api::error::{API_NOT_HALTED, API_UNUSABLE, Fault, FaultKind};
use muster_api::page::title_of;
use muster_api::v1;
use muster_config::Config;
use muster_core::fact::{Cause, Part, Plan};
use muster_core::finding::{Code, Finding, Severity};
use muster_core::id::{OperationId, PersonId, PlanId, PolicyVersion, RoleName, TargetName};
use muster_core::operation::{OperationState, State};
use muster_core::person::Person;
use muster_core::subject::Subject;
use muster_ledger::{Ledger, Reader, kept};

use super::{Listings, Standing, present, why};
use crate::findings::target::{NOTHING_SUCCEEDS, REFUSED};
use crate::replan::Deciding;
use crate::replan::waiting::Pending;
use crate::server::engine::{
    AccountFilter, FindingFilter, ListPage, OperationFilter, PersonFilter, ProgressSink,
};

/// The ledger's failure as an answer.
pub(crate) fn broken(error: &muster_ledger::Error) -> Fault {
    // After a lasting error the ledger is opened again: whoever asks later may have an answer.
    let kind = if error.is_lasting() {
        FaultKind::Unavailable
    } else {
        FaultKind::Broken
    };
    Fault::of(kind, error)
}

fn read(ledger: &Ledger) -> Result<Reader, Fault> {
    ledger.read().map_err(|error| broken(&error))
}

impl Standing {
    /// The daemon on one page.
    pub(super) fn status_now(&self) -> Result<v1::Status, Fault> {
        let reader = read(&self.ledger)?;
        let counts = reader.counts().map_err(|error| broken(&error))?;
        let mut operations: BTreeMap<String, u64> = BTreeMap::new();
        for (state, count) in counts.operations.values().flatten() {
            *operations.entry(state.to_string()).or_default() += count;
        }
        let mut findings: BTreeMap<String, u64> = BTreeMap::new();
        for kept in reader.findings().map_err(|error| broken(&error))? {
            let kept = kept.map_err(|error| broken(&error))?;
            *findings
                .entry(kept.finding.severity.as_str().to_owned())
                .or_default() += 1;
        }
        let taken = reader.policy_in_force().map_err(|error| broken(&error))?;
        Ok(v1::Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: present::instant(self.started_at),
            now: present::instant(self.clock.now()),
            config: self.config.file.display().to_string(),
            policy: self.planning.policy().version().to_string(),
            policy_since: taken.as_ref().map(|taken| present::instant(taken.at)),
            policy_by: taken.as_ref().map(|taken| present::actor(&taken.by)),
            journal_entries: counts.entries,
            feeds: self.feed_statuses(&reader)?,
            targets: self
                .targets
                .keys()
                .map(|name| self.target_status(name, &counts, &reader))
                .collect::<Result<_, _>>()?,
            people: counts
                .people
                .iter()
                .map(|(phase, count)| (phase.as_str().to_owned(), *count))
                .collect(),
            people_here: counts
                .here
                .iter()
                .map(|(feed, people)| (feed.to_string(), *people))
                .collect(),
            operations,
            findings,
            held: held(&reader, &self.config, &self.deciding, &self.pending)?,
            trouble: None,
        })
    }

    fn feed_statuses(&self, reader: &Reader) -> Result<Vec<v1::FeedStatus>, Fault> {
        let troubles = self.obstacles.all();
        let mut statuses = Vec::new();
        for (name, feed) in &self.config.feeds {
            let kept = reader
                .feed(name)
                .map_err(|error| broken(&error))?
                .unwrap_or_default();
            let people = if self.config.feeds.len() == 1 {
                reader.people_count()
            } else {
                reader.people_count_of(name)
            };
            let people = people.map_err(|error| broken(&error))?;
            statuses.push(v1::FeedStatus {
                name: name.to_string(),
                folder: feed.folder.display().to_string(),
                kind: feed.kind.as_str().to_owned(),
                has_hook: feed.hook.is_some(),
                people,
                last_file: last_file(&kept, reader)?,
                trouble: troubles.get(name).cloned(),
            });
        }
        Ok(statuses)
    }

    fn target_status(
        &self,
        name: &TargetName,
        counts: &kept::Counts,
        reader: &Reader,
    ) -> Result<v1::TargetStatus, Fault> {
        let target = self.targets.get(name);
        let trouble = target.and_then(|target| target.trouble());
        let trouble = trouble.map(|trouble| format!("{} ({})", trouble.text, trouble.code));
        let refused = reader
            .finding(&REFUSED, &Subject::from(name))
            .map_err(|error| broken(&error))?;
        let refused = refused.map(|kept| format!("{} ({REFUSED})", kept.finding.text));
        let trouble = trouble.or(refused).or_else(|| self.failing(name));
        let is_usable = target.is_some_and(|target| target.is_usable());
        let of_target = counts.operations.get(name);
        let open: u64 = of_target.into_iter().flat_map(BTreeMap::values).sum();
        let accounts = counts.accounts.get(name).into_iter().flatten();
        let kept =
            accounts.filter(|(state, _)| **state != muster_core::connector::AccountState::Deleted);
        let answered = self.activity.get(name).map_or(0, |activity| {
            activity
                .answered_at_ms
                .load(std::sync::atomic::Ordering::Relaxed)
        });
        let answered = i64::try_from(answered).ok().filter(|ms| *ms > 0);
        Ok(v1::TargetStatus {
            name: name.to_string(),
            plugin: target
                .map(|target| target.config().plugin.clone())
                .unwrap_or_default(),
            plugin_version: target
                .and_then(|target| target.descriptor())
                .map(|descriptor| descriptor.version),
            state: match (is_usable, &trouble) {
                (true, None) => "ready",
                (true, Some(_)) => "degraded",
                (false, Some(_)) => "unusable",
                (false, None) => "starting",
            }
            .to_owned(),
            trouble,
            accounts: kept.map(|(_, count)| count).sum(),
            operations_open: open,
            operations_halted: of_target
                .and_then(|states| states.get(&OperationState::Halted))
                .copied()
                .unwrap_or(0),
            last_answer_at: answered
                .and_then(|ms| Timestamp::from_millisecond(ms).ok())
                .map(present::instant),
        })
    }

    /// What stands in the way at a target at which nothing succeeds.
    fn failing(&self, name: &TargetName) -> Option<String> {
        let failing = self.activity.get(name)?.failing()?;
        Some(format!(
            "nothing has succeeded there since {}, in {} attempts: {} ({NOTHING_SUCCEEDS})",
            failing.since, failing.attempts, failing.text
        ))
    }
}

impl Listings {
    pub(super) fn people_now(
        &self,
        filter: &PersonFilter,
        page: &ListPage,
    ) -> Result<v1::Page<v1::PersonRow>, Fault> {
        let reader = read(&self.ledger)?;
        let wanted = filter.text.as_ref().map(|text| text.to_lowercase());
        let fits = |person: &Person| {
            let by_text = wanted.as_ref().is_none_or(|text| {
                person.id.to_string().to_lowercase().contains(text)
                    || person.identity.display_name().to_lowercase().contains(text)
            });
            by_text
                && filter
                    .phase
                    .as_deref()
                    .is_none_or(|phase| phase == person.phase.as_str())
        };
        page_of_people(&reader, page, |person, items: &mut Vec<v1::PersonRow>| {
            if fits(person) {
                items.push(present::person_row(person));
            }
        })
    }

    pub(super) fn accounts_now(
        &self,
        filter: &AccountFilter,
        page: &ListPage,
    ) -> Result<v1::Page<v1::Account>, Fault> {
        let reader = read(&self.ledger)?;
        let (known, now) = (self.known.load(), self.clock.now());
        page_of_people(&reader, page, |person, items: &mut Vec<v1::Account>| {
            for (target, held) in &person.accounts {
                let is_meant = filter.target.as_ref().is_none_or(|wanted| wanted == target)
                    && !(filter.is_leaving && held.is_wanted);
                if !is_meant {
                    continue;
                }
                let account = present::account(person, target, &known.titles, now);
                let by_state = |account: &v1::Account| {
                    filter
                        .state
                        .as_ref()
                        .is_none_or(|state| account.state.as_ref() == Some(state))
                };
                items.extend(account.filter(by_state));
            }
        })
    }

    pub(super) fn operations_now(
        &self,
        filter: &OperationFilter,
        page: &ListPage,
    ) -> Result<v1::Page<v1::Operation>, Fault> {
        let reader = read(&self.ledger)?;
        let (known, now) = (self.known.load(), self.clock.now());
        let collect = |person: &Person, items: &mut Vec<v1::Operation>| {
            for target in person.accounts.keys() {
                if filter
                    .target
                    .as_ref()
                    .is_some_and(|wanted| wanted != target)
                {
                    continue;
                }
                let open = present::operations(person, target, &known.titles, now);
                let by_state = |open: &v1::Operation| {
                    filter
                        .state
                        .is_none_or(|state| open.state == state.as_str())
                };
                items.extend(open.into_iter().filter(by_state));
            }
        };
        if let Some(id) = &filter.person {
            let mut items = Vec::new();
            if let Some(person) = reader.person(id).map_err(|error| broken(&error))? {
                collect(&person, &mut items);
            }
            return Ok(v1::Page { items, next: None });
        }
        page_of_people(&reader, page, collect)
    }

    pub(super) fn person_now(&self, id: &PersonId) -> Result<v1::Person, Fault> {
        let person = self.find(id)?;
        let known = self.known.load();
        Ok(present::person(
            &person,
            &self.planning.policy(),
            &known.titles,
            self.clock.now(),
        ))
    }

    pub(super) fn find(&self, id: &PersonId) -> Result<Person, Fault> {
        read(&self.ledger)?
            .person(id)
            .map_err(|error| broken(&error))?
            .ok_or_else(|| {
                Fault::not_found("person", &id.to_string()).hint("`muster people` lists everybody")
            })
    }

    pub(super) fn people_with_key_now(&self, key: &str) -> Result<Vec<PersonId>, Fault> {
        let people = read(&self.ledger)?
            .find_people(key)
            .map_err(|error| broken(&error))?;
        Ok(people.into_iter().map(|person| person.id).collect())
    }

    pub(super) fn findings_now(
        &self,
        filter: &FindingFilter,
        page: &ListPage,
    ) -> Result<v1::Page<v1::Finding>, Fault> {
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

    pub(super) fn why_now(
        &self,
        id: &PersonId,
        target: Option<&TargetName>,
    ) -> Result<v1::Why, Fault> {
        let person = self.find(id)?;
        if let Some(target) = target
            && !self.targets.contains_key(target)
            && !person.accounts.contains_key(target)
        {
            return Err(Fault::not_found("target", target.as_str())
                .hint("`muster status` lists the targets"));
        }
        let reader = read(&self.ledger)?;
        let known = self.known.load();
        let source = |plan: PlanId| source_of(&reader, plan);
        let policy = self.planning.policy();
        let rule_then = |version: &PolicyVersion, role: &RoleName| {
            let kept = reader.policy(version).ok().flatten()?;
            let mut roles = kept.source.roles.iter();
            let found = roles.find(|found| found.name == *role)?;
            Some(found.when.clone())
        };
        let asked = why::Known {
            person: &person,
            policy: &policy,
            titles: &known.titles,
            catalogues: &known.targets.catalogues,
            now: self.clock.now(),
            source: &source,
            rule_then: &rule_then,
        };
        Ok(why::why(&asked, target))
    }

    /// How a plan stands.
    pub(super) fn plan_status(&self, id: PlanId) -> Result<v1::PlanStatus, Fault> {
        let reader = read(&self.ledger)?;
        let kept = reader.plan(id).map_err(|error| broken(&error))?;
        let kept = kept.ok_or_else(|| Fault::not_found("plan", &id.to_string()))?;
        let (mut total, mut open, mut waiting, mut halted) = (0_u64, 0_u64, 0_u64, 0_u64);
        for part in parts(&reader, &kept.plan).map_err(|error| broken(&error))? {
            total += u64::from(part.counts.operations_total());
            let left = reader.open_operations(part.id);
            let left = left.map_err(|error| broken(&error))?;
            open += left.total();
            waiting += left.waiting + left.pending;
            halted += left.halted;
        }
        Ok(v1::PlanStatus {
            plan: id.0,
            cause: cause(&kept.plan.cause),
            made_at: present::instant(kept.at),
            operations: total,
            done: total.saturating_sub(open),
            waiting,
            halted,
            approved_by: present::approver(&kept.by),
        })
    }

    pub(super) fn check_now(&self, progress: &ProgressSink) -> Result<v1::LedgerCheck, Fault> {
        let told = |at: muster_ledger::check::Progress| {
            progress.report("checking the journal", at.done, at.total);
        };
        let report =
            muster_ledger::check::check(&self.ledger, told).map_err(|error| broken(&error))?;
        Ok(ledger_check(&report))
    }
}

/// The files, and the change of the policy, that wait for a person.
pub(super) fn held(
    reader: &Reader,
    config: &Config,
    deciding: &Deciding,
    pending: &Pending,
) -> Result<Vec<v1::Held>, Fault> {
    let mut held = Vec::new();
    for name in config.feeds.keys() {
        let kept = reader.feed(name).map_err(|error| broken(&error))?;
        let Some(file) = kept.and_then(|kept| kept.held) else {
            continue;
        };
        let reasons = file.reasons.iter().map(|code| v1::Finding {
            code: code.to_string(),
            severity: Severity::Error.as_str().to_owned(),
            subject: Subject::from(name).to_string(),
            text: title_of(code.as_str()),
            hint: String::new(),
            since: Some(present::instant(file.at)),
        });
        held.push(v1::Held {
            feed: name.to_string(),
            file: file.file.name.clone(),
            file_digest: file.file.digest.to_string(),
            plan_digest: file.plan_digest.map(|digest| digest.to_string()),
            since: present::instant(file.at),
            reasons: reasons.collect(),
            counts: v1::Counts::default(),
        });
    }
    if let Some(hold) = deciding.held() {
        held.push(v1::Held {
            feed: String::new(),
            file: "the policy".to_owned(),
            file_digest: String::new(),
            plan_digest: hold.summary.digest.map(|digest| digest.to_string()),
            since: present::instant(hold.since),
            reasons: hold
                .summary
                .exceeded
                .iter()
                .map(|finding| present::finding(finding, None))
                .collect(),
            counts: present::counts(&hold.summary.counts),
        });
    }
    let questions = reader.questions().map_err(|error| broken(&error))?;
    for (digest, kept) in questions.into_iter().filter(|(_, kept)| !kept.is_answered) {
        let finding = kept.question.finding(&crate::plugins::short(digest));
        held.push(v1::Held {
            feed: kept.question.person.feed.to_string(),
            file: super::approval::question_title(&kept.question),
            file_digest: String::new(),
            plan_digest: Some(digest.to_string()),
            since: present::instant(kept.at),
            reasons: vec![present::finding(&finding, Some(kept.at))],
            counts: v1::Counts::default(),
        });
    }
    for waiting in crate::replan::waiting::all(pending) {
        let reasons = waiting.summary.exceeded.iter();
        held.push(v1::Held {
            feed: String::new(),
            file: waiting.what.title(),
            file_digest: String::new(),
            plan_digest: waiting.summary.digest.map(|digest| digest.to_string()),
            since: present::instant(waiting.since),
            reasons: reasons
                .map(|finding| present::finding(finding, None))
                .collect(),
            counts: present::counts(&waiting.summary.counts),
        });
    }
    Ok(held)
}

/// Walks everybody from the cursor on until the page is full. The cursor is the last person, so a
/// page may have a few items more than its limit: one person's items are never parted.
fn page_of_people<T>(
    reader: &Reader,
    page: &ListPage,
    mut collect: impl FnMut(&Person, &mut Vec<T>),
) -> Result<v1::Page<T>, Fault> {
    let after = page
        .cursor
        .as_deref()
        .map(PersonId::parse)
        .transpose()
        .map_err(|error| {
            Fault::new(
                FaultKind::Refused,
                API_UNUSABLE,
                format!("the cursor is unusable: {error}"),
            )
        })?;
    let mut items = Vec::new();
    let people = reader
        .everybody_after(after.as_ref())
        .map_err(|error| broken(&error))?;
    for person in people {
        let person = person.map_err(|error| broken(&error))?;
        collect(&person, &mut items);
        if items.len() >= page.limit {
            return Ok(v1::Page {
                items,
                next: Some(person.id.to_string()),
            });
        }
    }
    Ok(v1::Page { items, next: None })
}

/// Where an operation stands: whose it is, and at which target.
pub(super) fn locate(ledger: &Ledger, id: OperationId) -> Result<(PersonId, TargetName), Fault> {
    let reader = read(ledger)?;
    let open = reader.open_operation(id).map_err(|error| broken(&error))?;
    let open = open.ok_or_else(|| {
        Fault::not_found("open operation", &id.to_string())
            .hint("`muster operations` lists those that are open")
    })?;
    match open.operation.state {
        State::Waiting { .. }
        | State::Halted { .. }
        | State::Unknown { .. }
        | State::Pending { .. } => Ok((open.person, open.target)),
        state @ (State::Queued | State::InFlight { .. } | State::Verifying { .. }) => {
            let message = format!("operation {id} is {} and goes on by itself", state.kind());
            Err(Fault::new(FaultKind::Conflict, API_NOT_HALTED, message))
        }
    }
}

/// Findings of one code about operations at one target that are shown one by one.
const FINDINGS_ALIKE_MAX: usize = 5;

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

/// A ledger check as it is answered.
pub(crate) fn ledger_check(report: &muster_ledger::check::Report) -> v1::LedgerCheck {
    let listed: BTreeSet<String> = report
        .differences
        .iter()
        .map(|difference| {
            format!(
                "{} {}: {}",
                difference.table, difference.key, difference.what
            )
        })
        .collect();
    v1::LedgerCheck {
        is_clean: report.is_clean(),
        journal_entries: report.entries,
        people: report.people,
        format: 1,
        differences: listed.into_iter().collect(),
    }
}

/// What led to a plan, in words.
pub(super) fn cause(cause: &Cause) -> String {
    match cause {
        Cause::File { feed, name, .. } => format!("file {name} of feed {feed}"),
        Cause::Policy => "a change of the policy or of what the targets can give".to_owned(),
        Cause::Date => "a date that was reached".to_owned(),
        Cause::Reference => "an account that others refer to".to_owned(),
        Cause::FeedRetired(feed) => format!("feed {feed} is retired"),
        Cause::Operator(name) => format!("order of {name}"),
    }
}

/// The file that a plan came from; `None` for plans that no file asked for.
pub(super) fn source_of(reader: &Reader, plan: PlanId) -> Option<v1::Source> {
    let kept = reader.plan(plan).ok().flatten()?;
    let approved_by = present::approver(&kept.by);
    let Cause::File { feed, name, digest } = &kept.plan.cause else {
        return Some(v1::Source {
            feed: String::new(),
            file: cause(&kept.plan.cause),
            digest: String::new(),
            row: None,
            plan: plan.0,
            at: present::instant(kept.at),
            approved_by,
        });
    };
    Some(v1::Source {
        feed: feed.to_string(),
        file: name.clone(),
        digest: digest.to_string(),
        row: None,
        plan: plan.0,
        at: present::instant(kept.at),
        approved_by,
    })
}

/// The last file of a feed, whatever became of it.
fn last_file(kept: &kept::Feed, reader: &Reader) -> Result<Option<v1::FileSeen>, Fault> {
    let seen = |file: &muster_core::fact::FeedFile,
                result: &str,
                at: Timestamp,
                plan: Option<PlanId>| v1::FileSeen {
        name: file.name.clone(),
        digest: file.digest.to_string(),
        rows: file.content.row_count,
        result: result.to_owned(),
        at: present::instant(at),
        plan: plan.map(|plan| plan.0),
        approved_by: None,
    };
    let accepted = kept
        .accepted
        .as_ref()
        .map(|kept| (kept.at, seen(&kept.file, "accepted", kept.at, kept.plan)));
    let held = kept
        .held
        .as_ref()
        .map(|kept| (kept.at, seen(&kept.file, "held", kept.at, None)));
    let rejected = kept
        .rejected
        .as_ref()
        .map(|kept| (kept.at, seen(&kept.file, "rejected", kept.at, None)));
    let all = [accepted, held, rejected].into_iter().flatten();
    let Some((_, mut last)) = all.max_by_key(|(at, _)| *at) else {
        return Ok(None);
    };
    if let Some(plan) = last.plan {
        let plan = reader.plan(PlanId(plan)).map_err(|error| broken(&error))?;
        last.approved_by = plan.and_then(|kept| present::approver(&kept.by));
    }
    Ok(Some(last))
}

/// All parts of a plan that was made in parts; otherwise the plan.
fn parts(reader: &Reader, plan: &Plan) -> Result<Vec<Plan>, muster_ledger::Error> {
    let Some(Part { first, .. }) = plan.part else {
        return Ok(vec![plan.clone()]);
    };
    let mut parts = Vec::new();
    for number in first.0..reader.next_plan().0 {
        let Some(kept) = reader.plan(PlanId(number))? else {
            continue;
        };
        let Some(part) = kept.plan.part.filter(|part| part.first == first) else {
            continue;
        };
        parts.push(kept.plan);
        if part.is_last {
            break;
        }
    }
    Ok(parts)
}
