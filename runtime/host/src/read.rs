//! What is read of a target: accounts, entitlements, grants, credentials, changes, and what the
//! connector says of the target itself.

use muster_core::connector::{
    CallContext, Descriptor, Entitlement, Function, GrantScope, ObjectRef, Problem, RemoteAccount,
    RemoteCredential, RemoteGrant,
};

use crate::call::{Call, Ended, Scope};
use crate::change::is_about;
use crate::conduct::Mark;
use crate::described;
use crate::failure::{Garbage, plugin_failed};
use crate::judge::kept;
use crate::listing::{self, Bounds, Listing};
use crate::target::Target;

/// Most changes of one page of the feed.
pub const CHANGES_MAX: u32 = 1000;

/// Largest body of a webhook, in bytes.
pub const DELIVERY_BYTES_MAX: usize = 1 << 20;

/// Which grants to list: a [`GrantScope`] with the kind or the object that it is about.
#[derive(Clone, PartialEq, Debug)]
pub enum WhichGrants {
    /// All grants of all entitlements of this kind.
    OfKind(String),
    /// All who hold this entitlement.
    OfEntitlement(ObjectRef),
    /// All that this principal holds.
    OfPrincipal(ObjectRef),
}

impl WhichGrants {
    /// The scope that a connector has to offer.
    pub fn scope(&self) -> GrantScope {
        match self {
            WhichGrants::OfKind(_) => GrantScope::OfKind,
            WhichGrants::OfEntitlement(_) => GrantScope::OfEntitlement,
            WhichGrants::OfPrincipal(_) => GrantScope::OfPrincipal,
        }
    }

    /// The kind of entitlement that they are of; `None`: any.
    pub(crate) fn kind(&self) -> Option<&str> {
        match self {
            WhichGrants::OfKind(kind) => Some(kind),
            WhichGrants::OfEntitlement(entitlement) => Some(&entitlement.kind),
            WhichGrants::OfPrincipal(_) => None,
        }
    }
}

/// What a try-out of a target showed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProbeReport {
    /// Permissions that the credential lacks at the app.
    pub missing: Vec<MissingPermission>,
    /// As whom the app sees the host, for people.
    pub signed_in_as: Option<String>,
    /// Version or edition of the app.
    pub app_version: Option<String>,
}

/// A permission that is missing at the app.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MissingPermission {
    /// The kind of account or entitlement; none: all.
    pub kind: Option<String>,
    /// The function that will not work.
    pub operation: String,
    /// What it needs, in the app's words.
    pub permission: String,
}

/// An attribute that accounts of a kind can have.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent facts, as in the contract"
)]
pub struct AttributeSpec {
    /// Its name.
    pub name: String,
    /// For people.
    pub title: String,
    /// `text`, `boolean`, `number`, `instant`, `day`, `binary` or `pointer`.
    pub value_type: String,
    /// Whether an account cannot be made without it.
    pub is_required: bool,
    /// Whether it can have more than one value.
    pub is_multiple: bool,
    /// Whether it can be set when an account is made.
    pub is_creatable: bool,
    /// Whether it can be changed later.
    pub is_updatable: bool,
    /// Whether it can be read.
    pub is_readable: bool,
    /// Whether it says something about a person.
    pub is_personal: bool,
    /// The values that are allowed; empty: any.
    pub choices: Vec<String>,
}

/// What changed at an app.
#[derive(Clone, PartialEq, Debug)]
pub enum Changed {
    /// This account is new or different.
    Account(RemoteAccount),
    /// This entitlement is new or different.
    Entitlement(Entitlement),
    /// This grant is new or different.
    Grant(RemoteGrant),
    /// This object is gone.
    ObjectRemoved(ObjectRef),
    /// This grant is gone.
    GrantRemoved(RemoteGrant),
    /// Something about this object changed: read it.
    LookAgain(ObjectRef),
}

/// Some changes, oldest first.
#[derive(Clone, PartialEq, Debug)]
pub struct ChangePage {
    /// Each change with the token after it.
    pub changes: Vec<(String, Changed)>,
    /// The token after all of them.
    pub token: String,
    /// Whether there are more already.
    pub has_more: bool,
}

/// What a webhook of the app says.
#[derive(Clone, PartialEq, Debug)]
pub struct Translation {
    /// What changed.
    pub changes: Vec<Changed>,
    /// What to answer; none: nothing.
    pub reply: Option<Vec<u8>>,
}

/// A credential that was issued anew.
#[derive(Clone, PartialEq, Debug)]
pub struct Rotated {
    /// The new one.
    pub credential: RemoteCredential,
    /// The handle under which the host keeps its secret: see `Target::take_sealed`.
    pub handle: String,
}

impl Target {
    /// One account; `None` if the app has none with this key.
    pub async fn read_account(&self, key: &ObjectRef) -> Result<Option<RemoteAccount>, Problem> {
        let call = self.begin(Scope::None);
        described::check_account(call.descriptor(), &key.kind, Function::GetAccount)?;
        let called = call.get_account(key).await;
        self.judge(called.checked(|found| match found {
            Some(account) if !is_about(key, &account.object) => Err(Garbage::new(
                "it answers with another account than the one asked for",
            )),
            _ => Ok(()),
        }))
    }

    /// All accounts of this kind that hold at least one of the keys. `None` for the kind: people's.
    pub async fn find_accounts(
        &self,
        kind: Option<&str>,
        keys: &[(String, String)],
    ) -> Result<Vec<RemoteAccount>, Problem> {
        let call = self.begin(Scope::None);
        let kind = account_kind(call.descriptor(), kind);
        described::check_account(call.descriptor(), &kind, Function::FindAccounts)?;
        self.judge(call.find_accounts(&kind, keys).await)
    }

    /// All accounts of this kind. `None` for the kind: people's.
    pub async fn list_accounts(
        &self,
        kind: Option<&str>,
    ) -> Result<Listing<RemoteAccount>, Problem> {
        let run = self.run();
        let kind = account_kind(run.descriptor(), kind);
        let described = described::check_account(run.descriptor(), &kind, Function::ListAccounts)?;
        let page_max = described.page_max;
        let (run, kind) = (&run, kind.as_str());
        listing::gather(
            self.bounds(page_max),
            |account: &RemoteAccount| key(&account.object),
            |limit, cursor| {
                Box::pin(
                    async move { self.judge(run.call().list_accounts(kind, limit, cursor).await) },
                )
            },
        )
        .await
    }

    /// All entitlements of this kind.
    pub async fn list_entitlements(&self, kind: &str) -> Result<Listing<Entitlement>, Problem> {
        let run = self.run();
        let function = Function::ListEntitlements;
        let described = described::check_entitlement(run.descriptor(), kind, function)?;
        let page_max = described.page_max;
        let run = &run;
        listing::gather(
            self.bounds(page_max),
            |entitlement: &Entitlement| key(&entitlement.object),
            |limit, cursor| {
                Box::pin(async move {
                    self.judge(run.call().list_entitlements(kind, limit, cursor).await)
                })
            },
        )
        .await
    }

    /// These grants.
    pub async fn list_grants(&self, which: &WhichGrants) -> Result<Listing<RemoteGrant>, Problem> {
        let run = self.run();
        described::check_grants(run.descriptor(), which)?;
        let page_max = page_max_of_entitlements(run.descriptor(), which.kind());
        let key = |grant: &RemoteGrant| (key(&grant.principal), key(&grant.entitlement));
        let run = &run;
        listing::gather(self.bounds(page_max), key, |limit, cursor| {
            Box::pin(async move { self.judge(run.call().list_grants(which, limit, cursor).await) })
        })
        .await
    }

    /// The credentials of this owner, or all of them.
    pub async fn list_credentials(
        &self,
        owner: Option<&ObjectRef>,
    ) -> Result<Listing<RemoteCredential>, Problem> {
        let run = self.run();
        let descriptor = run.descriptor();
        let kind = match owner {
            Some(owner) => {
                let function = Function::ListCredentials;
                Some(described::check_account(descriptor, &owner.kind, function)?)
            }
            None => descriptor.people(),
        };
        let page_max = kind.map_or(listing::PAGE_MAX, |kind| kind.page_max);
        let run = &run;
        listing::gather(
            self.bounds(page_max),
            |credential: &RemoteCredential| key(&credential.object),
            |limit, cursor| {
                Box::pin(async move {
                    self.judge(run.call().list_credentials(owner, limit, cursor).await)
                })
            },
        )
        .await
    }

    /// Tries the target out, changing nothing.
    pub async fn probe(&self) -> Result<ProbeReport, Problem> {
        self.judge(self.begin(Scope::None).probe().await)
    }

    /// Which attributes accounts of this kind have here. `None` for the kind: people's.
    pub async fn discover(&self, kind: Option<&str>) -> Result<Vec<AttributeSpec>, Problem> {
        let call = self.begin(Scope::None);
        let kind = account_kind(call.descriptor(), kind);
        self.judge(call.discover(&kind).await)
    }

    /// Checks the settings against each other: the fields that do not go together, with the reason.
    pub async fn check_settings(&self) -> Result<Vec<(String, String)>, Problem> {
        let called = self.begin(Scope::None).check_settings().await;
        let sent = called.requests.has_left();
        match called.result {
            Ok(faults) => {
                called.by.note(Mark::Good);
                Ok(faults)
            }
            Err(Ended::Failed(text)) => {
                called.by.note(Mark::Failed(&text));
                Err(plugin_failed(text, sent))
            }
            Err(Ended::Kept(text)) => Err(kept(text, sent)),
        }
    }

    /// Where the app's feed of changes stands now.
    pub async fn current_token(&self) -> Result<String, Problem> {
        self.judge(self.begin(Scope::None).current_token().await)
    }

    /// What changed since then, at most `limit` changes, 1 to 1000.
    pub async fn changes_since(&self, token: &str, limit: u32) -> Result<ChangePage, Problem> {
        let limit = limit.clamp(1, CHANGES_MAX);
        self.judge(self.begin(Scope::None).changes_since(token, limit).await)
    }

    /// Says what a webhook of the app means. `headers` have names in lower case.
    pub async fn translate(
        &self,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    ) -> Result<Translation, Problem> {
        if body.len() > DELIVERY_BYTES_MAX {
            return Err(Problem::Unsupported(
                "the webhook's body is larger than 1 MiB".to_owned(),
            ));
        }
        self.judge(self.begin(Scope::None).translate(headers, body).await)
    }

    /// Has a credential issued anew. Never to be repeated after an unknown outcome.
    pub async fn rotate_credential(
        &self,
        key: &ObjectRef,
        ctx: &CallContext,
    ) -> Result<Rotated, Problem> {
        let call = self.begin(Scope::Operation(ctx.operation));
        self.judge(call.rotate_credential(key, ctx).await)
    }

    fn bounds(&self, page_max: u32) -> Bounds {
        Bounds {
            page_max,
            bytes_max: self.context.limits.listing_bytes,
        }
    }

    /// Begins a listing: one version of the plugin makes all of it.
    fn run(&self) -> Run<'_> {
        Run(self.begin(self.next_listing()))
    }
}

/// One listing from its first page to its last.
struct Run<'t>(Call<'t>);

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.0.place.context.scratch.forget(self.0.scope);
    }
}

impl<'t> Run<'t> {
    fn descriptor(&self) -> &Descriptor {
        self.0.descriptor()
    }

    /// The call for the next page.
    fn call(&self) -> Call<'t> {
        self.0.clone()
    }
}

fn key(object: &ObjectRef) -> (String, Option<String>, String) {
    (
        object.kind.clone(),
        object.container.clone(),
        object.id.clone(),
    )
}

/// The kind that is meant; none: that of people's accounts.
fn account_kind(descriptor: &Descriptor, kind: Option<&str>) -> String {
    let people = || descriptor.people().map(|people| people.name.as_str());
    kind.or_else(people).unwrap_or_default().to_owned()
}

fn page_max_of_entitlements(descriptor: &Descriptor, kind: Option<&str>) -> u32 {
    let kinds = &descriptor.entitlement_kinds;
    kinds
        .iter()
        .filter(|known| kind.is_none_or(|kind| known.name == kind))
        .map(|kind| kind.page_max)
        .min()
        .unwrap_or(listing::PAGE_MAX)
}
