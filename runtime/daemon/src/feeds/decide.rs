//! What becomes of a file: accepted, held or rejected, recorded in one transaction with the plan that
//! it led to. Nothing is moved here.

use muster_core::actor::{Actor, Operator};
use muster_core::fact::{Cause, Fact, FeedFile, HoldEnd, PersonPlanned};
use muster_core::finding::{Code, Finding, Severity};
use muster_core::id::PlanId;
use muster_core::person::Person;

use super::shelf::is_stored;
use super::{Feed, FeedError, HELD, REJECTED, ROWS_SET_ASIDE, WAITS, event, keys};
use crate::app::App;
use crate::intake::folder::place::Place;
use crate::intake::report::{Changed, People};
use crate::intake::{Opened, Problems, Reading, Sheet, Snapshot, Verdict, code};
use crate::planning::{self, Consent, Order, Scope, Summary};

/// What was decided about a file.
#[derive(Debug)]
pub struct Decision {
    /// What became of it.
    pub verdict: Verdict,
    /// The file.
    pub file: FeedFile,
    /// What is to be said about its rows.
    pub problems: Problems,
    /// Its people, where they could be read.
    pub people: Option<People>,
    /// What it changes, or would change.
    pub summary: Option<Summary>,
    /// Whom it changes, or would change.
    pub changed: Changed,
}

/// Where the files of one feed are decided about.
#[derive(Clone, Copy)]
pub struct Desk<'a> {
    /// The daemon.
    pub app: &'a App,
    /// The feed.
    pub feed: &'a Feed,
    /// Who approves what was held; none for a file that comes by itself.
    pub approver: Option<&'a Operator>,
}

impl Desk<'_> {
    /// Decides about a file and records it, as far as `consent` goes. Nothing is moved.
    pub fn decide(
        &self,
        name: &str,
        opened: Opened,
        consent: Consent,
        watch: planning::Watch<'_>,
    ) -> Result<Decision, FeedError> {
        let mut file = FeedFile {
            feed: self.feed.name().clone(),
            name: name.to_owned(),
            digest: opened.digest,
            content: opened.content,
        };
        if consent == Consent::WithinLimits && is_unchanged(self.app, &file, &opened)? {
            let facts = accepted(self, &file)?;
            self.app.ledger.write(self.app.clock.now(), |writer| {
                facts
                    .iter()
                    .try_for_each(|fact| writer.record(fact).map(drop))
            })?;
            let summary = Some(Summary::default());
            return Ok(Decision {
                verdict: Verdict::Accepted,
                file,
                problems: opened.problems,
                people: None,
                summary,
                changed: Changed::default(),
            });
        }
        let mut problems = opened.problems;
        let snapshot = self.read(opened.sheet, &mut file, &mut problems);
        let people = snapshot.as_ref().map(People::of);
        let verdict = problems.verdict();
        let mut changed = Changed::default();
        let summary = match &snapshot {
            Some(snapshot) if verdict != Verdict::Rejected => {
                // A file that is held for its content is planned, too: to show what approving it means.
                let consent = match (verdict, consent) {
                    (Verdict::Held, Consent::WithinLimits) => Consent::Preview,
                    (_, consent) => consent,
                };
                let mut watch = |planned: &PersonPlanned, before: Option<&Person>| {
                    changed.add(planned);
                    watch(planned, before);
                };
                Some(self.plan(&file, snapshot, consent, &mut watch)?)
            }
            Some(_) | None => None,
        };
        let mut decision = Decision {
            verdict,
            file,
            problems,
            people,
            summary,
            changed,
        };
        if consent == Consent::WithinLimits {
            record_refusal(self.app, self.feed, &mut decision)?;
        }
        Ok(decision)
    }

    /// Reads the rows of a file, with all that is to be said of them.
    fn read(
        &self,
        sheet: Option<Sheet>,
        file: &mut FeedFile,
        problems: &mut Problems,
    ) -> Option<Snapshot> {
        let (app, feed, now) = (self.app, self.feed, self.app.clock.now());
        let (mapping, options) = (feed.mapping(&file.name), feed.options(&file.name));
        let reading = sheet.map(|sheet| Snapshot::read(sheet, mapping, &options, now));
        let snapshot = reading.and_then(
            |Reading {
                 problems: of_rows,
                 snapshot,
             }| {
                problems.merge(of_rows);
                snapshot
            },
        );
        if let Some(snapshot) = &snapshot {
            let of_keys = keys::remarks(&app.policy.load(), feed.name(), snapshot, now);
            problems.merge(of_keys);
        }
        if problems.is_remarkable() {
            // What had to be said of its rows has to be said again when it comes again.
            file.content.read_as = 0;
        }
        snapshot
    }

    fn plan(
        &self,
        file: &FeedFile,
        snapshot: &Snapshot,
        consent: Consent,
        watch: planning::Watch<'_>,
    ) -> Result<Summary, FeedError> {
        let Self {
            app,
            feed,
            approver,
        } = *self;
        let (known, policy) = (app.known.load_full(), app.policy.load_full());
        let limits = app.limits();
        let scope = if feed.is_partial(&file.name) {
            let mut people = Feed::changes(snapshot)?;
            event::mark_leavers(&file.name, &mut people);
            Scope::Changes {
                feed: feed.name(),
                people,
                carried: &feed.carried,
            }
        } else {
            Scope::File {
                feed: feed.name(),
                snapshot,
                carried: &feed.carried,
                since: newest_before(app, file)?,
            }
        };
        let cause = Cause::File {
            feed: feed.name().clone(),
            name: file.name.clone(),
            digest: file.digest,
        };
        let order = Order {
            scope,
            cause,
            consent,
            limits: &limits,
            approved_by: approver,
        };
        // Read before the plan's transaction begins: a hold only ends through the lock that we hold.
        let mut facts = accepted(self, file)?;
        facts.extend(of_rows(app, feed, file, snapshot)?);
        let mut beside = |summary: &Summary| {
            let plan = summary.plan.as_ref().map(|plan| plan.id);
            let of_file = |fact: &Fact| match fact {
                Fact::FileAccepted { file, .. } => Fact::FileAccepted {
                    file: file.clone(),
                    plan,
                },
                other => other.clone(),
            };
            facts.iter().map(of_file).collect()
        };
        Ok(planning::make(
            &app.ledger,
            app.world(&policy, &known),
            order,
            watch,
            &mut beside,
        )?)
    }
}

/// What is kept open of the rows of an accepted file that do not count: HR reads of it in the report,
/// and IT has to know that a leaver may be among them, for as long as no file is whole. A single event
/// says nothing about a file.
fn of_rows(
    app: &App,
    feed: &Feed,
    file: &FeedFile,
    snapshot: &Snapshot,
) -> Result<Vec<Fact>, FeedError> {
    if event::is_event(&file.name) {
        return Ok(Vec::new());
    }
    let subject = format!("feed {}", file.feed);
    let (set_aside, anybodys) = (snapshot.set_aside_count(), snapshot.unattributed_count());
    let aside = || {
        let text = format!(
            "rows of `{}` that were set aside: {set_aside}; these people stay as they are, whoever left among them, too",
            file.name
        );
        Finding::new(ROWS_SET_ASIDE, Severity::Warning, subject.clone(), text).hint(
            "the report beside the file names each row; have HR mend them and drop the file again",
        )
    };
    let unproven = || {
        let text = format!(
            "nobody who is missing from `{}` is taken as having left: {anybodys} of its rows could be theirs",
            file.name
        );
        Finding::new(
            code::ABSENCE_UNPROVEN,
            Severity::Error,
            subject.clone(),
            text,
        )
        .hint("have HR mend the rows that the report beside the file names, and drop it again; until then take the access of whoever left away at the app")
    };
    let is_whole = !feed.is_partial(&file.name);
    let open = [
        (ROWS_SET_ASIDE, (set_aside > 0).then(aside)),
        (
            code::ABSENCE_UNPROVEN,
            (is_whole && anybodys > 0).then(unproven),
        ),
    ];
    let reader = app.ledger.read()?;
    let mut facts = Vec::new();
    for (code, finding) in open {
        let known = reader.finding(&code, &subject)?;
        match finding {
            Some(finding) => facts.push(Fact::FindingOpened(finding)),
            None if known.is_some() => facts.push(Fact::FindingClosed {
                code,
                subject: subject.clone(),
            }),
            None => {}
        }
    }
    Ok(facts)
}

/// Whether a file says what the last accepted one said, in whichever order.
fn is_unchanged(app: &App, file: &FeedFile, opened: &Opened) -> Result<bool, FeedError> {
    if opened.problems.verdict() != Verdict::Accepted
        || !event::is_comparable(&file.content, &file.name)
    {
        return Ok(false);
    }
    let reader = app.ledger.read()?;
    // What was asked about its rows may have been answered since.
    let questions = reader.questions()?;
    if questions
        .iter()
        .any(|(_, kept)| kept.question.person.feed == file.feed)
    {
        return Ok(false);
    }
    let kept = reader.feed(&file.feed)?;
    Ok(kept
        .and_then(|kept| kept.accepted)
        .is_some_and(|accepted| accepted.file.content == file.content))
}

/// For a file that is held, the newest plan that was made before it was.
fn newest_before(app: &App, file: &FeedFile) -> Result<Option<PlanId>, FeedError> {
    let reader = app.ledger.read()?;
    let held = reader.feed(&file.feed)?.and_then(|kept| kept.held);
    let Some(held) = held.filter(|held| held.file.digest == file.digest) else {
        return Ok(None);
    };
    for kept in reader.plans()? {
        let kept = kept?;
        if kept.at <= held.at {
            return Ok(Some(kept.plan.id));
        }
    }
    Ok(Some(PlanId(0)))
}

/// What is recorded of an accepted file: itself, and that a file that was held has been approved or, by
/// a file with everybody, overtaken. One that says only what changed overtakes nothing.
fn accepted(desk: &Desk<'_>, file: &FeedFile) -> Result<Vec<Fact>, FeedError> {
    let Desk {
        app,
        feed,
        approver,
    } = *desk;
    let mut facts = vec![Fact::FileAccepted {
        file: file.clone(),
        plan: None,
    }];
    let reader = app.ledger.read()?;
    let kept = reader.feed(&file.feed)?.unwrap_or_default();
    let is_whole = !feed.is_partial(&file.name);
    let held = kept
        .held
        .filter(|held| is_whole || held.file.digest == file.digest);
    // What only a rejected file said is missing until it comes again, or somebody took the file away.
    let is_made_good = is_whole
        || kept.rejected.is_none_or(|rejected| {
            let name = &rejected.file.name;
            *name == file.name || !is_stored(feed, Place::Rejected, name)
        });
    let subject = format!("feed {}", file.feed);
    let of_hold = held.iter().flat_map(|_| [HELD, WAITS]);
    for code in of_hold.chain(is_made_good.then_some(REJECTED)) {
        if reader.finding(&code, &subject)?.is_some() {
            let subject = subject.clone();
            facts.push(Fact::FindingClosed { code, subject });
        }
    }
    if let Some(held) = held {
        // The same file may have come again, and within the limits this time: nobody approved that.
        let (end, by) = match approver {
            Some(operator) => (HoldEnd::Approved, Actor::Operator(operator.clone())),
            None => (HoldEnd::Replaced, of_file(file)),
        };
        facts.push(Fact::HoldEnded {
            feed: file.feed.clone(),
            digest: held.file.digest,
            end,
            by,
        });
    }
    Ok(facts)
}

fn of_file(file: &FeedFile) -> Actor {
    Actor::File {
        feed: file.feed.clone(),
        name: file.name.clone(),
        digest: file.digest,
    }
}

/// Records that a file was held or rejected; turns an accepted one into a held one where the plan
/// takes too much.
fn record_refusal(app: &App, feed: &Feed, decision: &mut Decision) -> Result<(), FeedError> {
    let exceeded = decision
        .summary
        .as_ref()
        .map(|summary| summary.exceeded.clone())
        .unwrap_or_default();
    if decision.verdict == Verdict::Accepted && !exceeded.is_empty() {
        decision.verdict = Verdict::Held;
    }
    let mut reasons: Vec<Code> = decision.problems.reasons();
    reasons.extend(exceeded.iter().map(|finding| finding.code.clone()));
    reasons.sort();
    reasons.dedup();
    let file = decision.file.clone();
    let said = refusal_finding(feed, decision.verdict, &file, &reasons);
    let fact = match decision.verdict {
        Verdict::Accepted => return Ok(()),
        Verdict::Held => {
            let plan_digest = decision.summary.as_ref().and_then(|summary| summary.digest);
            Fact::FileHeld {
                file,
                plan_digest,
                reasons,
            }
        }
        Verdict::Rejected => Fact::FileRejected { file, reasons },
    };
    app.ledger.write(app.clock.now(), |writer| {
        writer.record(&fact)?;
        writer.record(Fact::FindingOpened(said))
    })?;
    Ok(())
}

fn refusal_finding(feed: &Feed, verdict: Verdict, file: &FeedFile, reasons: &[Code]) -> Finding {
    let codes: Vec<&str> = reasons.iter().map(Code::as_str).collect();
    let (code, hint) = match verdict {
        Verdict::Rejected => (REJECTED, "mend the file and drop it again"),
        Verdict::Held | Verdict::Accepted if feed.is_partial(&file.name) => (
            HELD,
            "look at it with `muster apply`; if it is wrong, delete it from the folder `held`",
        ),
        Verdict::Held | Verdict::Accepted => (
            HELD,
            "look at it with `muster apply`, or drop the right file",
        ),
    };
    let text = format!(
        "`{}` is {}: {}; the report beside the file says why",
        file.name,
        verdict.as_str(),
        codes.join(", ")
    );
    let subject = format!("feed {}", file.feed);
    Finding::new(code, Severity::Error, subject, text).hint(hint)
}
