//! What is said to people: opened while it holds, closed once it does not, and not written again in the meantime.
//!
//! Whoever looks at something says what they looked at (a [`LookedAt`]) and what they found there. What is open in the
//! scope and was not found is over. The comparison is a pure function, so that it can be made within a transaction
//! that records other things as well, or against what is committed.

pub(crate) mod operation;
pub(crate) mod target;

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_core::actor::Actor;
use muster_core::fact::Fact;
use muster_core::finding::{Code, Finding};
use muster_core::subject::Subject;
use muster_ledger::{Committer, Error, Ledger, Reader, Writer, kept};

use crate::clock::Clock;

/// What somebody looked at: findings of these codes about these subjects.
#[derive(Clone)]
pub struct LookedAt<'a> {
    codes: Vec<Code>,
    about: About<'a>,
}

#[derive(Clone)]
enum About<'a> {
    Everything,
    One(Subject),
    Those(Arc<dyn Fn(&Subject) -> bool + Send + Sync + 'a>),
}

impl<'a> LookedAt<'a> {
    /// These codes, whatever they are about.
    pub fn all(codes: impl IntoIterator<Item = Code>) -> Self {
        Self::new(codes, About::Everything)
    }

    /// These codes about one subject.
    pub fn of(subject: impl Into<Subject>, codes: impl IntoIterator<Item = Code>) -> Self {
        Self::new(codes, About::One(subject.into()))
    }

    /// These codes about whatever fits.
    pub fn those(
        codes: impl IntoIterator<Item = Code>,
        fits: impl Fn(&Subject) -> bool + Send + Sync + 'a,
    ) -> Self {
        Self::new(codes, About::Those(Arc::new(fits)))
    }

    fn new(codes: impl IntoIterator<Item = Code>, about: About<'a>) -> Self {
        let codes = codes.into_iter().collect();
        Self { codes, about }
    }
}

/// Where findings are looked up: what is committed, or what a transaction has led to so far.
pub trait Kept {
    /// One finding.
    fn one(&self, code: &Code, subject: &Subject) -> Result<Option<kept::Finding>, Error>;
    /// All findings of a code.
    fn every(&self, code: &Code) -> Result<Vec<kept::Finding>, Error>;
}

impl Kept for Reader {
    fn one(&self, code: &Code, subject: &Subject) -> Result<Option<kept::Finding>, Error> {
        self.finding(code, subject)
    }

    fn every(&self, code: &Code) -> Result<Vec<kept::Finding>, Error> {
        self.findings_of(code)?.collect()
    }
}

impl Kept for Writer<'_> {
    fn one(&self, code: &Code, subject: &Subject) -> Result<Option<kept::Finding>, Error> {
        self.finding(code, subject)
    }

    fn every(&self, code: &Code) -> Result<Vec<kept::Finding>, Error> {
        self.findings_of(code)
    }
}

/// The facts that bring what is kept to what was found in the scope. Empty if nothing changed.
pub fn changes(
    kept: &impl Kept,
    scope: &LookedAt<'_>,
    found: Vec<Finding>,
) -> Result<Vec<Fact>, Error> {
    let mut open = Vec::new();
    for code in &scope.codes {
        match &scope.about {
            About::One(subject) => open.extend(kept.one(code, subject)?),
            About::Everything => open.extend(kept.every(code)?),
            About::Those(fits) => {
                let every = kept.every(code)?.into_iter();
                open.extend(every.filter(|kept| fits(&kept.finding.subject)));
            }
        }
    }
    // Of two with one code and subject, the later one counts.
    let found: BTreeMap<(Code, Subject), Finding> = found
        .into_iter()
        .map(|finding| ((finding.code.clone(), finding.subject.clone()), finding))
        .collect();
    let over = open.into_iter().map(|kept| kept.finding);
    let over = over.map(|finding| (finding.code, finding.subject));
    let mut facts: Vec<Fact> = over
        .filter(|key| !found.contains_key(key))
        .map(|(code, subject)| Fact::FindingClosed { code, subject })
        .collect();
    for ((code, subject), finding) in found {
        let known = kept.one(&code, &subject)?;
        if known.is_none_or(|known| known.finding != finding) {
            facts.push(Fact::FindingOpened(finding));
        }
    }
    Ok(facts)
}

/// Opens what was found in the scope and closes the rest of it, within a transaction.
pub fn settle(
    writer: &mut Writer<'_>,
    scope: &LookedAt<'_>,
    found: Vec<Finding>,
) -> Result<(), Error> {
    for fact in changes(writer, scope, found)? {
        writer.record(fact)?;
    }
    Ok(())
}

/// Opens and closes findings on behalf of the daemon's loops. What cannot be recorded is logged and goes on: the
/// next look says it again. So nothing but findings goes this way.
#[derive(Clone)]
pub struct Findings {
    ledger: Ledger,
    committer: Committer,
    clock: Clock,
}

impl Findings {
    /// Findings of this ledger.
    pub fn new(ledger: Ledger, committer: Committer, clock: Clock) -> Self {
        Self {
            ledger,
            committer,
            clock,
        }
    }

    /// Opens what was found in the scope and closes the rest of it.
    pub async fn settle(&self, scope: LookedAt<'static>, found: Vec<Finding>) {
        if self.is_settled(&scope, &found) {
            return;
        }
        let work = move |writer: &mut Writer<'_>| settle(writer, &scope, found.clone());
        let settled = self.committer.submit(self.clock.now(), Actor::Daemon, work);
        not_lost(settled.await);
    }

    /// The same on a thread that may wait for the disk.
    pub fn settle_blocking(&self, scope: LookedAt<'static>, found: Vec<Finding>) {
        if self.is_settled(&scope, &found) {
            return;
        }
        let work = move |writer: &mut Writer<'_>| settle(writer, &scope, found.clone());
        let (now, by) = (self.clock.now(), Actor::Daemon);
        not_lost(self.committer.submit_blocking(now, by, work));
    }

    /// Whether everything is as it was found; logs what is not.
    fn is_settled(&self, scope: &LookedAt<'_>, found: &[Finding]) -> bool {
        let seen = self.ledger.read();
        let seen = seen.and_then(|reader| changes(&reader, scope, found.to_vec()));
        // Writing says better what is wrong.
        seen.is_ok_and(|changes| {
            log(&changes);
            changes.is_empty()
        })
    }

    /// Opens a finding.
    pub async fn open(&self, finding: Finding) {
        let scope = LookedAt::of(finding.subject.clone(), [finding.code.clone()]);
        self.settle(scope, vec![finding]).await;
    }

    /// Closes findings of one subject.
    pub async fn close(&self, subject: impl Into<Subject>, codes: impl IntoIterator<Item = Code>) {
        self.settle(LookedAt::of(subject, codes), Vec::new()).await;
    }
}

fn not_lost(settled: Result<(), Error>) {
    if let Err(error) = settled {
        tracing::error!(%error, "could not record a finding");
    }
}

/// The words of a finding may be those of an app; `muster findings` shows them, and no log has them.
fn log(changes: &[Fact]) {
    for change in changes {
        if let Fact::FindingOpened(finding) = change {
            tracing::warn!(code = %finding.code, subject = %finding.subject, "finding opened");
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use muster_core::finding::Severity;
    use muster_core::id::TargetName;

    use super::*;

    const ONE: Code = Code::new("TST-001");
    const OTHER: Code = Code::new("TST-002");

    fn target(name: &str) -> Subject {
        Subject::Target(TargetName::new(name).unwrap())
    }

    fn finding(code: Code, name: &str, text: &str) -> Finding {
        Finding::new(code, Severity::Warning, target(name), text)
    }

    /// The texts that are open after each of these was settled, and how many entries that took.
    fn settled(steps: Vec<(LookedAt<'_>, Vec<Finding>)>) -> (Vec<String>, u64) {
        let ledger = Ledger::in_memory().unwrap();
        for (scope, found) in steps {
            let now = Timestamp::UNIX_EPOCH;
            let settled = ledger.write(now, Actor::Daemon, |writer| settle(writer, &scope, found));
            settled.unwrap();
        }
        let reader = ledger.read().unwrap();
        let open = reader.findings().unwrap();
        let open = open.map(|kept| kept.unwrap().finding.text).collect();
        (open, reader.journal(..).unwrap().count() as u64)
    }

    #[test]
    fn what_was_found_again_is_not_written_again() {
        let look = || {
            (
                LookedAt::of(target("crm"), [ONE]),
                vec![finding(ONE, "crm", "a")],
            )
        };
        assert_eq!(
            settled(vec![look(), look(), look()]),
            (vec!["a".to_owned()], 1)
        );
    }

    #[test]
    fn what_is_in_the_scope_and_was_not_found_is_closed_and_nothing_else() {
        let all = vec![
            finding(ONE, "crm", "a"),
            finding(ONE, "wiki", "b"),
            finding(OTHER, "crm", "c"),
        ];
        let open = || (LookedAt::all([ONE, OTHER]), all.clone());
        let (left, _) = settled(vec![open(), (LookedAt::of(target("crm"), [ONE]), vec![])]);
        assert_eq!(left, ["b", "c"]);
        let those = LookedAt::those([ONE], |subject| *subject == target("wiki"));
        let (left, _) = settled(vec![open(), (those, vec![])]);
        assert_eq!(left, ["a", "c"]);
        let (left, entries) = settled(vec![
            open(),
            (
                LookedAt::all([ONE]),
                vec![finding(ONE, "crm", "other words")],
            ),
        ]);
        assert_eq!(left, ["other words", "c"]);
        assert_eq!(entries, 5, "three opened, one closed, one said anew");
    }
}
