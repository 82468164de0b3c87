//! Plans that no file asks for: the policy, the configuration or a catalogue changed, a date was reached, or
//! an account that others refer to is another one. What is too much of these waits for a person and holds up nothing else.

pub mod dates;
pub mod holds;
pub mod references;
pub mod waiting;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use muster_config::editor;
use muster_config::stamps::{self, Stamps};
use muster_config::{Config, PolicyApply};
use muster_core::actor::{Actor, Operator};
use muster_core::fact::Cause;
use muster_core::finding::{Code, Finding, Severity};
use muster_core::hold::{About, End, Hold, What};
use muster_core::id::{Digest, PolicyVersion};
use muster_core::lint::{self, Lint};
use muster_core::policy::{Policy, PolicySource};
use muster_core::subject::Subject;

use crate::clock::Clock;
use crate::findings::{Findings, LookedAt};
use crate::planning::{
    Consent, Failed, KnownTargets, Maker, OnPerson, Order, Planning, Proposal, Scope, Summary,
};
use holds::{Holds, ended};

/// An edited policy changes what somebody has, and waits for a person.
pub const EDITED: Code = Code::new("POL-022");

/// Which policy decides, and which one waits until it may.
pub struct Deciding {
    /// What is configured.
    pub config: Arc<Config>,
    /// The clock.
    pub clock: Clock,
    /// What is said to people.
    pub findings: Findings,
    /// What makes plans, by the policy that decides.
    pub planning: Arc<Planning>,
    /// What is known of the targets.
    pub known: Arc<KnownTargets>,
    /// What waits for a person, a change of the policy among it.
    pub holds: Arc<Holds>,
}

impl Deciding {
    /// What the policy asks for and the connectors cannot do, to be kept as findings.
    fn capabilities(&self) -> (LookedAt<'static>, Vec<Finding>) {
        let (policy, known) = (self.planning.policy(), self.known.load());
        let lacking = muster_core::capability::check(&policy, &known.targets.descriptors);
        (LookedAt::all(muster_core::capability::CODES), lacking)
    }

    /// What is remarked about the policy that decides, to be kept as findings; `None` before anybody was counted.
    fn lint(&self) -> Option<(LookedAt<'static>, Vec<Finding>)> {
        let (census, known) = (self.planning.census()?, self.known.load());
        let policy = self.planning.policy();
        let lint = Lint::of(&policy)
            .with_text(self.config.remarks_on_feeds())
            .with_people(&census, &known.targets.catalogues);
        Some((LookedAt::all(lint::codes()), lint.findings()))
    }

    /// Keeps as findings what is remarked about the policy that decides.
    pub async fn check_lint(&self) {
        if let Some((scope, found)) = self.lint() {
            self.findings.settle(scope, found).await;
        }
    }

    /// Keeps as findings what the policy asks for and the connectors cannot do.
    pub async fn check_capabilities(&self) {
        let (scope, lacking) = self.capabilities();
        self.findings.settle(scope, lacking).await;
    }
}

/// Begins where the daemon stopped: with the policy that decided then, which takes up what its files say now
/// like any other edit.
pub async fn begin(deciding: &Arc<Deciding>, configured: Arc<Policy>) -> Result<(), Failed> {
    let version = configured.version().clone();
    // What was edited while nobody ran was seen by nobody, so that each file may be what changed.
    decide_by(deciding, configured, &newest_file(deciding)).await?;
    let before = deciding.planning.policy().version().clone();
    if before != version {
        tracing::warn!(%before, %version, "the policy before decides until the new one is approved");
        everybody(deciding).await?;
    }
    Ok(())
}

/// Forgets the policy that waited when the daemon stopped, where its files say by now what decided then.
pub async fn taken_back(deciding: &Arc<Deciding>, configured: &Policy) -> Result<(), Failed> {
    if configured.version() == deciding.planning.policy().version() {
        drop_hold(deciding, &newest_file(deciding)).await?;
    }
    Ok(())
}

/// Brings everybody to what the policy says now. A plan that takes too much from too many waits.
pub async fn everybody(deciding: &Arc<Deciding>) -> Result<Summary, Failed> {
    let asked = Arc::clone(deciding);
    // Which policy that is may have been approved a moment ago.
    let decided = move |maker: &Maker<'_>| {
        let edited = newest_file(&asked);
        decide(&asked, maker, &maker.planning().policy(), &edited)
    };
    deciding.planning.alone(decided).await
}

/// Brings everybody to what a policy says, and has it decide from now on. Where it is another policy and
/// changes what somebody has, or takes too much from too many, it waits for a person, and the policy before goes on deciding: a mistake in a rule must
/// not keep a leaver's file from being worked on.
///
/// `edited` is the file whose owner is taken for whoever edited it.
pub async fn decide_by(
    deciding: &Arc<Deciding>,
    policy: Arc<Policy>,
    edited: &Path,
) -> Result<Summary, Failed> {
    let (asked, edited) = (Arc::clone(deciding), edited.to_owned());
    let decided = move |maker: &Maker<'_>| decide(&asked, maker, &policy, &edited);
    deciding.planning.alone(decided).await
}

/// The newest file of the policy, where nobody saw which of them changed.
fn newest_file(deciding: &Deciding) -> PathBuf {
    let newest = stamps::edited(&Stamps::new(), &stamps::of(&deciding.config));
    newest.unwrap_or_else(|| deciding.config.file.clone())
}

fn decide(
    deciding: &Deciding,
    maker: &Maker<'_>,
    policy: &Arc<Policy>,
    edited: &Path,
) -> Result<Summary, Failed> {
    let before = maker.planning().policy();
    let consent = match deciding.config.daemon.policy_apply {
        PolicyApply::Ask if before.version() != policy.version() => Consent::IfNothing,
        PolicyApply::Ask | PolicyApply::WithinLimits => Consent::WithinLimits,
    };
    let by = if maker.planning().is_new(policy)? {
        Actor::Editor(editor::of(edited))
    } else {
        // Nobody edited anything: the same policy is brought to what was read anew.
        Actor::Daemon
    };
    take(deciding, maker, policy, consent, by)
}

/// Makes the plan of a policy as far as `consent` goes, and keeps what waits for a person, or that nothing does.
fn take(
    deciding: &Deciding,
    maker: &Maker<'_>,
    policy: &Arc<Policy>,
    consent: Consent,
    by: Actor,
) -> Result<Summary, Failed> {
    let before = maker.planning().policy();
    let hold = deciding.holds.about(&About::Policy)?;
    let is_other = waits_beside(hold.as_ref(), policy);
    let end = match consent {
        Consent::Approved(_) => End::Approved,
        _ if is_other => End::Replaced,
        _ => End::Over,
    };
    let over = ended(hold.as_ref(), end);
    let goes_on = is_other && before.version() == policy.version();
    let order = order(policy).by(by.clone());
    let order = match over {
        Some(over) if !goes_on => order.with(vec![over]),
        // Another policy that waits goes on waiting: this is the one that decides already.
        Some(_) | None => order,
    };
    let summary = maker.make(order, consent)?;
    if let Some(digest) = summary.digest.filter(|_| !summary.stands()) {
        tracing::warn!(
            digest = digest.short(),
            "a change of the policy waits for a person"
        );
        let source = Arc::new(policy.source().clone());
        let now = holds::of_plan(What::Policy(source), &summary, deciding.clock.now());
        let by = match consent {
            // Whoever approved of something else has not asked for this.
            Consent::Approved(_) | Consent::Ordered => Actor::Daemon,
            Consent::IfNothing | Consent::WithinLimits | Consent::AsFarAsItGoes => by,
        };
        if let Some(opened) = holds::opened(hold.as_ref(), now) {
            maker.record(by, &[opened])?;
        }
        deciding.holds.judge(About::Policy);
        let found = held(&before, policy, &summary, digest);
        deciding.findings.settle_blocking(of_hold(), found);
    } else if !goes_on {
        deciding.holds.end_rest(maker, (&About::Policy, end), by)?;
        deciding.findings.settle_blocking(of_hold(), Vec::new());
        let (scope, lacking) = deciding.capabilities();
        deciding.findings.settle_blocking(scope, lacking);
    }
    if let Some((scope, found)) = deciding.lint() {
        deciding.findings.settle_blocking(scope, found);
    }
    Ok(summary)
}

/// Whether what waits is another policy than this one.
fn waits_beside(hold: Option<&Hold>, policy: &Policy) -> bool {
    hold.is_some_and(|hold| match &hold.what {
        What::Policy(source) => source.version != *policy.version(),
        _ => false,
    })
}

/// The plan that brings everybody to what a policy says.
fn order(policy: &Arc<Policy>) -> Order<'static> {
    let proposal = Proposal::Policy(Arc::clone(policy));
    Order::new(Scope::Everybody, Cause::Policy).proposing(proposal)
}

/// Forgets the policy that waits, because its files say again what decides already. `edited` is the file whose owner
/// took the edit back.
pub async fn drop_hold(deciding: &Arc<Deciding>, edited: &Path) -> Result<(), Failed> {
    let (asked, by) = (Arc::clone(deciding), editor::of(edited));
    let dropped = move |maker: &Maker<'_>| {
        let hold = asked.holds.about(&About::Policy)?;
        if waits_beside(hold.as_ref(), &maker.planning().policy())
            && let Some(ended) = ended(hold.as_ref(), End::GivenUp)
        {
            maker.record(Actor::Editor(by), &[ended])?;
            asked.findings.settle_blocking(of_hold(), Vec::new());
        }
        Ok(())
    };
    deciding.planning.alone(dropped).await
}

/// Applies the change of the policy that waits, if it is still the one with this digest. If the ledger
/// moved meanwhile, what would now be done waits in its place, so that somebody can look at that. `None` if nothing
/// waits under this digest any more.
pub async fn approved(
    deciding: &Arc<Deciding>,
    digest: Digest,
    by: &Operator,
) -> Result<Option<Summary>, Failed> {
    let (asked, by) = (Arc::clone(deciding), by.clone());
    let approved = move |maker: &Maker<'_>| {
        let hold = asked.holds.of_plan(digest)?;
        let Some(What::Policy(source)) = hold.map(|hold| hold.what) else {
            return Ok(None);
        };
        let policy = compiled(&source)?;
        // Where nothing is left of what was shown, the policy decides all the same, and the record says by whom.
        let consent = Consent::Approved(digest);
        take(&asked, maker, &policy, consent, by.into()).map(Some)
    };
    deciding.planning.alone(approved).await
}

/// The policy that waits, fit to be asked.
pub fn compiled(source: &PolicySource) -> Result<Arc<Policy>, Failed> {
    let compiled = Policy::compile(source.clone());
    compiled.map(Arc::new).map_err(|findings| {
        let first = findings.into_iter().next().map(|finding| finding.text);
        Failed::BrokeOff(first.unwrap_or_default())
    })
}

/// What a policy would do, to be looked at. Waits for the disk.
pub fn preview(
    deciding: &Deciding,
    policy: &Arc<Policy>,
    on_person: OnPerson<'_>,
) -> Result<Summary, Failed> {
    deciding.planning.preview(order(policy), on_person)
}

fn held(before: &Policy, policy: &Policy, summary: &Summary, digest: Digest) -> Vec<Finding> {
    let with_digest = |finding: &Finding| {
        finding.clone().hint(format!(
            "`muster apply` shows what it would do, and `muster apply {0}` applies it; or put the policy right",
            digest.short()
        ))
    };
    let exceeded = summary.exceeded.iter().map(with_digest);
    let is_edit = before.version() != policy.version();
    let asked = is_edit.then(|| edited(before.version(), policy, summary, digest));
    asked.into_iter().chain(exceeded).collect()
}

/// Says that an edited policy waits, and what it would change.
fn edited(before: &PolicyVersion, policy: &Policy, summary: &Summary, digest: Digest) -> Finding {
    let counted = |count: (&str, u32)| format!("{} {}", count.0, count.1);
    let people = summary.counts.people.iter();
    let people: Vec<String> = people
        .map(|(kind, count)| counted((kind.as_str(), *count)))
        .collect();
    let operations = summary.counts.operations.iter();
    let operations = operations.filter(|(_, verbs)| !verbs.is_empty());
    let operations: Vec<String> = operations
        .map(|(target, verbs)| {
            let verbs = verbs.iter().map(|(verb, count)| counted((verb, *count)));
            format!("at {target}: {}", verbs.collect::<Vec<_>>().join(", "))
        })
        .collect();
    let text = format!(
        "the edited policy {} changes what people have and waits for a person, policy {before} decides: \
         people: {}; {}",
        policy.version(),
        people.join(", "),
        operations.join("; ")
    );
    let hint = format!(
        "`muster apply {0} --preview` shows whom it hits, `muster apply {0}` lets it decide; or put the files back",
        digest.short()
    );
    Finding::new(EDITED, Severity::Warning, Subject::Policy, text).hint(hint)
}

/// What is said while a change of the policy waits.
fn of_hold() -> LookedAt<'static> {
    let codes = muster_core::guard::CODES.into_iter().chain([EDITED]);
    LookedAt::of(Subject::Policy, codes)
}
