//! What a leaver owned goes to somebody else: files, calendars. Google does it in the background, so the answer
//! is `pending` and `poll` asks how it stands.
//!
//! Google takes the same transfer twice, so one for the same pair is looked for first. One that still runs is
//! joined. One that ended counts as this one only if it began within a day: after that there may be new files.

use muster_sdk::{
    Host, Instant, ObjectRef, OpContext, Outcome, Ownership, PageRequest, Path, Pending, Problem,
    Result, SideEffect,
};
use serde_json::{Value, json};

use crate::GoogleWorkspace;
use crate::credential::{CATEGORIES, REVOKING};
use crate::service::{Google, List, USER, paged, required, text};

/// When to ask how a transfer stands, in milliseconds.
const ASK_AGAIN_MS: u32 = 30_000;

/// How long ago a transfer may have begun that is taken for the one that is meant.
const SAME_TRANSFER_SECONDS: i64 = 86_400;

/// Transfers and applications on a page.
const PAGE: u32 = 500;

/// The beginning of a poll handle.
const TRANSFER: &str = "transfer";

const BY_HAND: &str = "Google could not transfer everything. Open the Admin console, Account > Data migration > \
                       Data transfer, see what failed, and start it again there";

impl Ownership for GoogleWorkspace {
    fn transfer_owned(
        &self,
        host: &dyn Host,
        _: &OpContext,
        source: &ObjectRef,
        target: &ObjectRef,
    ) -> Result<Outcome> {
        if source == target {
            let text = "what somebody owns cannot go to the same account";
            return Err(Problem::invalid("transfer-to", "not-allowed", text));
        }
        let google = Google::of(host)?;
        if let Some(known) = google.known_transfer(source, target)? {
            return known;
        }
        google.user_of(source)?;
        google.user_of(target)?;
        let applications = google.applications()?;
        if applications.is_empty() {
            let note = "Google has no application here whose data could be transferred";
            return Ok(Outcome::already().effect(SideEffect::Noted(note.to_owned())));
        }
        let body = json!({
            "oldOwnerUserId": source.id,
            "newOwnerUserId": target.id,
            "applicationDataTransfers": applications,
        });
        let reply = google.transfer.post(transfers()).json(&body).send(host)?;
        let evidence = reply.request_id().map(str::to_owned);
        let begun: Value = reply.json()?;
        let open = |_| Problem::OutcomeUnknown("a transfer was begun and has no id".to_owned());
        let outcome = standing(&begun).map_err(open)?;
        Ok(outcome.evidence(evidence.or_else(|| text(&begun, "id").map(str::to_owned))))
    }
}

impl Pending for GoogleWorkspace {
    fn poll(&self, host: &dyn Host, _: &OpContext, handle: &str) -> Result<Outcome> {
        let google = Google::of(host)?;
        let unknown = || Problem::OutcomeUnknown("this handle is not known".to_owned());
        match handle.split('/').collect::<Vec<_>>()[..] {
            [TRANSFER, id] => {
                let found = google.find(google.transfer.get(transfers().push(id)))?;
                standing(&found.ok_or_else(unknown)?)
            }
            [REVOKING, owner, categories] => {
                let wanted: Vec<&str> = categories.split(',').collect();
                if wanted.iter().any(|category| !CATEGORIES.contains(category)) {
                    return Err(unknown());
                }
                let outcome = google.revoke(&ObjectRef::new(USER, owner), &wanted)?;
                // For who asks, what an earlier call began is done now.
                Ok(match outcome.kind {
                    muster_sdk::OutcomeKind::Already => Outcome::done(),
                    _ => outcome,
                })
            }
            _ => Err(unknown()),
        }
    }
}

impl Google<'_> {
    /// How a transfer of this pair stands that was begun before.
    fn known_transfer(
        &self,
        source: &ObjectRef,
        target: &ObjectRef,
    ) -> Result<Option<Result<Outcome>>> {
        let now = self.host.now().unix_seconds();
        for transfer in self.transfers_of(&source.id, Some(&target.id))? {
            let begun = text(&transfer, "requestTime").and_then(Instant::parse);
            let age = begun.map(|begun| now - begun.unix_seconds());
            let is_recent = age.is_none_or(|age| age <= SAME_TRANSFER_SECONDS);
            match Standing::of(&transfer) {
                Standing::Running => return Ok(Some(standing(&transfer))),
                Standing::Completed if is_recent => return Ok(Some(Ok(Outcome::already()))),
                // What failed is begun anew.
                Standing::Completed | Standing::Failed => {}
            }
        }
        Ok(None)
    }

    /// Whether something of this user is on its way.
    pub(crate) fn is_transferring(&self, source: &str) -> Result<bool> {
        let found = self.transfers_of(source, None)?;
        Ok(found
            .iter()
            .any(|transfer| Standing::of(transfer) == Standing::Running))
    }

    /// The transfers of a user that Google knows. One page: nobody leaves 500 times.
    fn transfers_of(&self, source: &str, target: Option<&str>) -> Result<Vec<Value>> {
        let path = paged(transfers(), &PageRequest::first(PAGE))
            .query("oldOwnerUserId", source)
            .query_opt("newOwnerUserId", target)
            .query_opt("customerId", self.settings.customer_id());
        let List { mut entries, .. } = self.list(
            self.transfer.get(path),
            "admin#datatransfer#",
            "dataTransfers",
        )?;
        // The filters are Google's; whose transfer it is has to be certain.
        entries.retain(|transfer| {
            text(transfer, "oldOwnerUserId") == Some(source)
                && target.is_none_or(|target| text(transfer, "newOwnerUserId") == Some(target))
        });
        Ok(entries)
    }

    /// The applications whose data is transferred, with everything that each can transfer.
    fn applications(&self) -> Result<Vec<Value>> {
        let path = paged(
            Path::new("/admin/datatransfer/v1/applications"),
            &PageRequest::first(PAGE),
        )
        .query_opt("customerId", self.settings.customer_id());
        let list = self.list(
            self.transfer.get(path),
            "admin#datatransfer#",
            "applications",
        )?;
        let wanted = &self.settings.transfer_apps;
        let is = |application: &Value, name: &str| {
            text(application, "name").is_some_and(|known| known.eq_ignore_ascii_case(name))
        };
        for name in wanted {
            if !list.entries.iter().any(|application| is(application, name)) {
                let text = format!("Google Workspace has no application `{name}` to transfer from");
                return Err(Problem::invalid("transfer_apps", "not-allowed", text));
            }
        }
        let chosen = list.entries.iter().filter(|application| {
            wanted.is_empty() || wanted.iter().any(|name| is(application, name))
        });
        chosen.map(wanted_of).collect()
    }
}

/// How a transfer stands, as an outcome.
fn standing(transfer: &Value) -> Result<Outcome> {
    let id = required(transfer, "id")?;
    let outcome = match Standing::of(transfer) {
        Standing::Completed => Outcome::done(),
        Standing::Running => Outcome::pending(format!("{TRANSFER}/{id}"), ASK_AGAIN_MS),
        Standing::Failed => Outcome::needs_human(BY_HAND),
    };
    Ok(outcome.evidence(Some(id)))
}

/// How a transfer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Running,
    Completed,
    Failed,
}

impl Standing {
    fn of(transfer: &Value) -> Self {
        match text(transfer, "overallTransferStatusCode") {
            Some(code) if code.eq_ignore_ascii_case("completed") => Self::Completed,
            Some(code) if code.eq_ignore_ascii_case("failed") => Self::Failed,
            // `inProgress`, `new`, and what Google may think of later.
            Some(_) | None => Self::Running,
        }
    }
}

/// An application with everything that can be transferred of it. That calendars give up their rooms is a
/// choice of its own, which nobody has made here.
fn wanted_of(application: &Value) -> Result<Value> {
    let params = application
        .get("transferParams")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let params: Vec<Value> = params
        .filter(|param| text(param, "key") != Some("RELEASE_RESOURCES"))
        .filter_map(|param| Some(json!({"key": param.get("key")?, "value": param.get("value")?})))
        .collect();
    let id = required(application, "id")?;
    Ok(json!({"applicationId": id, "applicationTransferParams": params}))
}

fn transfers() -> Path {
    Path::new("/admin/datatransfer/v1/transfers")
}
