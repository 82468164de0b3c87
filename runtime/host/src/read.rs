//! What is read of a target: accounts, entitlements, grants, credentials, changes, and what the
//! connector says of the target itself.

use std::sync::Arc;

use muster_core::connector::{
    CallContext, Descriptor, Entitlement, Function, GrantScope, ObjectRef, Page, Problem,
    RemoteAccount, RemoteCredential, RemoteGrant,
};

use crate::call::{self, Ended, Place, Scope};
use crate::change::is_about;
use crate::conduct::Mark;
use crate::contract::v0_1::bindings::exports::muster::connector::{changes, events, grants, meta};
use crate::contract::v0_1::bindings::muster::connector::types as wit;
use crate::contract::v0_1::convert::{check, from_guest, problem, to_guest};
use crate::described;
use crate::failure::{Garbage, cut, plugin_failed};
use crate::judge::kept;
use crate::listing::{self, Bounds, Listing};
use crate::target::Target;

/// Most accounts that a search by key can give.
const FOUND_MAX: usize = 100;

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

    /// The kind of entitlement that they are of; none: any.
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

/// Calls a function without a context and judges its answer, as `$convert` reads it.
macro_rules! read {
    ($self:ident, $place:expr, $scope:expr, $function:ident($($argument:expr),*), $convert:expr) => {{
        let called = call::run(&$self.host, $place, $scope, |exports| &exports.$function, move |function, store| {
            Box::pin(async move { function.call(store, ($($argument,)*)).await })
        })
        .await;
        $self.judge(called, $convert)
    }};
}

impl Target {
    /// One account; none if the app has none with this key.
    pub async fn read_account(&self, key: &ObjectRef) -> Result<Option<RemoteAccount>, Problem> {
        let place = self.place();
        described::check_account(place.plugin.descriptor(), &key.kind, Function::GetAccount)?;
        let wanted = to_guest::object(key);
        read!(
            self,
            place,
            Scope::None,
            get_account(&wanted),
            |found| match found.map(from_guest::account).transpose()? {
                Some(account) if !is_about(key, &account.object) => Err(Garbage::new(
                    "it answers with another account than the one asked for",
                )),
                account => Ok(account),
            }
        )
    }

    /// All accounts of this kind that hold at least one of the keys. None for the kind: people's.
    pub async fn find_accounts(
        &self,
        kind: Option<&str>,
        keys: &[(String, String)],
    ) -> Result<Vec<RemoteAccount>, Problem> {
        let place = self.place();
        let kind = account_kind(&place, kind);
        described::check_account(place.plugin.descriptor(), &kind, Function::FindAccounts)?;
        let keys = keys.to_vec();
        read!(
            self,
            place,
            Scope::None,
            find_accounts(&kind, &keys),
            |found| {
                check::few("accounts found", found, FOUND_MAX)?
                    .into_iter()
                    .map(from_guest::account)
                    .collect()
            }
        )
    }

    /// All accounts of this kind. None for the kind: people's.
    pub async fn list_accounts(
        &self,
        kind: Option<&str>,
    ) -> Result<Listing<RemoteAccount>, Problem> {
        let run = self.run();
        let kind = account_kind(&run.place, kind);
        let described = described::check_account(run.descriptor(), &kind, Function::ListAccounts)?;
        let page_max = described.page_max;
        listing::gather(
            self.bounds(page_max),
            |account: &RemoteAccount| key(&account.object),
            |limit, cursor| Box::pin(run.accounts_page(kind.clone(), limit, cursor)),
        )
        .await
    }

    /// All entitlements of this kind.
    pub async fn list_entitlements(&self, kind: &str) -> Result<Listing<Entitlement>, Problem> {
        let run = self.run();
        let described =
            described::check_entitlement(run.descriptor(), kind, Function::ListEntitlements)?;
        let page_max = described.page_max;
        listing::gather(
            self.bounds(page_max),
            |entitlement: &Entitlement| key(&entitlement.object),
            |limit, cursor| Box::pin(run.entitlements_page(kind.to_owned(), limit, cursor)),
        )
        .await
    }

    /// All grants of this scope.
    pub async fn list_grants(&self, which: &WhichGrants) -> Result<Listing<RemoteGrant>, Problem> {
        let run = self.run();
        described::check_grants(run.descriptor(), which)?;
        let page_max = page_max_of_entitlements(&run.place, which.kind());
        let key = |grant: &RemoteGrant| (key(&grant.principal), key(&grant.entitlement));
        listing::gather(self.bounds(page_max), key, |limit, cursor| {
            Box::pin(run.grants_page(which.clone(), limit, cursor))
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
                let kind =
                    described::check_account(descriptor, &owner.kind, Function::ListCredentials);
                Some(kind?)
            }
            None => descriptor.people(),
        };
        let page_max = kind.map_or(listing::PAGE_MAX, |kind| kind.page_max);
        listing::gather(
            self.bounds(page_max),
            |credential: &RemoteCredential| key(&credential.object),
            |limit, cursor| Box::pin(run.credentials_page(owner.cloned(), limit, cursor)),
        )
        .await
    }

    /// Tries the target out, changing nothing.
    pub async fn probe(&self) -> Result<ProbeReport, Problem> {
        read!(self, self.place(), Scope::None, probe(), probe_report)
    }

    /// Which attributes accounts of this kind have here. None for the kind: people's.
    pub async fn discover(&self, kind: Option<&str>) -> Result<Vec<AttributeSpec>, Problem> {
        let place = self.place();
        let kind = account_kind(&place, kind);
        read!(self, place, Scope::None, discover(&kind), |specs| {
            check::few("attributes", specs, check::ENTRIES_MAX)?
                .into_iter()
                .map(attribute_spec)
                .collect()
        })
    }

    /// Checks the settings against each other: the fields that do not go together, with the reason.
    pub async fn check_settings(&self) -> Result<Vec<(String, String)>, Problem> {
        let called = call::run(
            &self.host,
            self.place(),
            Scope::None,
            |exports| &exports.check_settings,
            |function, store| Box::pin(function.call(store, ())),
        )
        .await;
        let sent = called.requests.has_left();
        match called.result {
            Ok(answer) => {
                called.by.note(Mark::Good);
                Ok(answer.map_or_else(|faults| problem::fields(&faults), |()| Vec::new()))
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
        read!(self, self.place(), Scope::None, current_token(), |token| {
            check::opaque("a change token", token)
        })
    }

    /// What changed since then, at most `limit` changes, 1 to 1000.
    pub async fn changes_since(&self, token: &str, limit: u32) -> Result<ChangePage, Problem> {
        let token = token.to_owned();
        let limit = limit.clamp(1, CHANGES_MAX);
        read!(
            self,
            self.place(),
            Scope::None,
            changes_since(&token, limit),
            |page| change_page(page, limit)
        )
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
        let received = (self.site.clock)().to_string();
        let delivery = events::Delivery {
            headers,
            body,
            received,
            extra: Vec::new(),
        };
        read!(
            self,
            self.place(),
            Scope::None,
            translate(&delivery),
            |said| {
                let changes = check::few("changes", said.changes, check::ENTRIES_MAX)?;
                Ok(Translation {
                    changes: changes.into_iter().map(changed).collect::<Result<_, _>>()?,
                    reply: said.reply,
                })
            }
        )
    }

    /// Has a credential issued anew. Never to be repeated after an unknown outcome.
    pub async fn rotate_credential(
        &self,
        key: &ObjectRef,
        ctx: &CallContext,
    ) -> Result<Rotated, Problem> {
        let scope = Scope::Operation(ctx.operation);
        let key = to_guest::object(key);
        let ctx = to_guest::context(ctx, self.site.limits.time);
        read!(
            self,
            self.place(),
            scope,
            rotate_credential(&ctx, &key),
            |rotated| {
                Ok(Rotated {
                    credential: from_guest::credential(rotated.credential)?,
                    handle: check::opaque("the handle of a sealed secret", rotated.sealed)?,
                })
            }
        )
    }

    fn bounds(&self, page_max: u32) -> Bounds {
        Bounds {
            page_max,
            bytes_max: self.site.limits.listing_bytes,
        }
    }

    fn place(&self) -> Place {
        Place {
            site: Arc::clone(&self.site),
            plugin: self.plugin(),
        }
    }

    /// Begins a listing: one version of the plugin makes all of it.
    fn run(&self) -> Run<'_> {
        Run {
            target: self,
            place: self.place(),
            scope: self.next_listing(),
        }
    }
}

/// One listing from its first page to its last.
struct Run<'t> {
    target: &'t Target,
    place: Place,
    scope: Scope,
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.place.site.scratch.forget(self.scope);
    }
}

impl Run<'_> {
    fn descriptor(&self) -> &Descriptor {
        self.place.plugin.descriptor()
    }
}

macro_rules! page {
    ($self:ident, $limit:ident, $function:ident($($argument:expr),*)) => {{
        let target = $self.target;
        read!(target, $self.place.clone(), $self.scope, $function($($argument),*), |page| {
            from_guest::page(page.items, page.end, $limit)
        })
    }};
}

impl Run<'_> {
    async fn accounts_page(
        &self,
        kind: String,
        limit: u32,
        cursor: Option<String>,
    ) -> Result<Page<RemoteAccount>, Problem> {
        page!(self, limit, list_accounts(&kind, limit, cursor.as_ref()))
    }

    async fn entitlements_page(
        &self,
        kind: String,
        limit: u32,
        cursor: Option<String>,
    ) -> Result<Page<Entitlement>, Problem> {
        page!(
            self,
            limit,
            list_entitlements(&kind, limit, cursor.as_ref())
        )
    }

    async fn grants_page(
        &self,
        which: WhichGrants,
        limit: u32,
        cursor: Option<String>,
    ) -> Result<Page<RemoteGrant>, Problem> {
        let scope = match which {
            WhichGrants::OfKind(kind) => grants::GrantScope::OfKind(kind),
            WhichGrants::OfEntitlement(object) => {
                grants::GrantScope::OfEntitlement(to_guest::object(&object))
            }
            WhichGrants::OfPrincipal(object) => {
                grants::GrantScope::OfPrincipal(to_guest::object(&object))
            }
        };
        page!(self, limit, list_grants(&scope, limit, cursor.as_ref()))
    }

    async fn credentials_page(
        &self,
        owner: Option<ObjectRef>,
        limit: u32,
        cursor: Option<String>,
    ) -> Result<Page<RemoteCredential>, Problem> {
        let owner = owner.as_ref().map(to_guest::object);
        page!(
            self,
            limit,
            list_credentials(owner.as_ref(), limit, cursor.as_ref())
        )
    }
}

fn probe_report(report: meta::ProbeReport) -> Result<ProbeReport, Garbage> {
    let missing = check::few("missing permissions", report.missing, 1000)?;
    Ok(ProbeReport {
        missing: missing
            .into_iter()
            .map(|missing| MissingPermission {
                kind: missing.kind.map(|kind| cut(&kind)),
                operation: cut(&missing.operation),
                permission: cut(&missing.permission),
            })
            .collect(),
        signed_in_as: report.signed_in_as.map(|name| cut(&name)),
        app_version: report.app_version.map(|version| cut(&version)),
    })
}

fn key(object: &ObjectRef) -> (String, Option<String>, String) {
    (
        object.kind.clone(),
        object.container.clone(),
        object.id.clone(),
    )
}

fn account_kind(place: &Place, kind: Option<&str>) -> String {
    match kind {
        Some(kind) => kind.to_owned(),
        None => place
            .plugin
            .descriptor()
            .people()
            .map_or_else(String::new, |kind| kind.name.clone()),
    }
}

fn page_max_of_entitlements(place: &Place, kind: Option<&str>) -> u32 {
    let kinds = &place.plugin.descriptor().entitlement_kinds;
    kinds
        .iter()
        .filter(|known| kind.is_none_or(|kind| known.name == kind))
        .map(|kind| kind.page_max)
        .min()
        .unwrap_or(listing::PAGE_MAX)
}

fn attribute_spec(spec: meta::AttributeSpec) -> Result<AttributeSpec, Garbage> {
    Ok(AttributeSpec {
        name: check::named("the name of an attribute", spec.name)?,
        title: check::bounded("a title", spec.title, check::ID_BYTES_MAX)?,
        value_type: match spec.value_type.as_str() {
            "boolean" | "number" | "instant" | "day" | "binary" | "pointer" => spec.value_type,
            _ => "text".to_owned(),
        },
        is_required: spec.required,
        is_multiple: spec.multiple,
        is_creatable: spec.creatable,
        is_updatable: spec.updatable,
        is_readable: spec.readable,
        is_personal: spec.personal,
        choices: check::few("choices", spec.choices, check::ENTRIES_MAX)?,
    })
}

fn change_page(page: changes::ChangePage, limit: u32) -> Result<ChangePage, Garbage> {
    let changes = check::few("changes", page.items, limit as usize)?
        .into_iter()
        .map(|change| {
            Ok((
                check::opaque("a change token", change.token)?,
                changed(change.changed)?,
            ))
        })
        .collect::<Result<_, Garbage>>()?;
    Ok(ChangePage {
        changes,
        token: check::opaque("a change token", page.token)?,
        has_more: page.more,
    })
}

fn changed(changed: wit::Changed) -> Result<Changed, Garbage> {
    Ok(match changed {
        wit::Changed::Account(account) => Changed::Account(from_guest::account(account)?),
        wit::Changed::Entitlement(entitlement) => {
            Changed::Entitlement(from_guest::entitlement(entitlement)?)
        }
        wit::Changed::Grant(grant) => Changed::Grant(from_guest::grant(grant)?),
        wit::Changed::ObjectRemoved(object) => Changed::ObjectRemoved(from_guest::object(object)?),
        wit::Changed::GrantRemoved(grant) => Changed::GrantRemoved(from_guest::grant(grant)?),
        wit::Changed::LookAgain(object) => Changed::LookAgain(from_guest::object(object)?),
    })
}
