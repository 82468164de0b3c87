//! [`Settings`]: where the service is, and how to get along with what it does differently.
//!
//! Everything but `base_url` has a default that works with a service that keeps to RFC 7644; most deviations
//! are noticed without being told. `docs/guides/connector-scim.md` says which service needs which setting.

use muster_sdk::{FieldFault, Host, Result, Setting};

/// How resources are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PatchStyle {
    /// PATCH with paths; PUT where the service has no PATCH.
    Auto,
    /// PATCH with one operation without a path, for single attributes.
    Object,
    /// PUT.
    Off,
}

/// How listings are turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paging {
    /// As the service says about itself; by index, each page beginning with the last of the one before.
    Auto,
    /// By index, without that overlap.
    Index,
    /// By cursor, RFC 9865.
    Cursor,
    /// Everything in one answer.
    None,
}

/// What removing an account means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deprovision {
    /// DELETE.
    Delete,
    /// `active` false for ever.
    Deactivate,
}

/// Whether users show the groups that they are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtUser {
    /// Where a user shows some, those are all; where a user shows none, the groups are asked.
    Auto,
    /// They do.
    Yes,
    /// They do not, or not rightly.
    No,
}

/// Whether users show in `active` what was written there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ActiveShown {
    /// They do.
    Yes,
    /// Who has not accepted an invitation yet is shown inactive, whatever was written.
    AfterInvitation,
    /// They do not show it at all.
    No,
}

/// The settings, read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    /// The address below which `/Users` is.
    pub(crate) base_url: String,
    pub(crate) patch: PatchStyle,
    pub(crate) paging: Paging,
    pub(crate) deprovision: Deprovision,
    /// Members of groups are changed by PUT of the whole group.
    pub(crate) members_by_put: bool,
    pub(crate) groups_at_user: AtUser,
    pub(crate) active_shown: ActiveShown,
    /// Whether versions are checked.
    pub(crate) etag: bool,
    /// Whether searches are left to the service first.
    pub(crate) filter: bool,
    /// More schemas that new users are said to have.
    pub(crate) extensions: Vec<String>,
    /// The roles that can be given.
    pub(crate) roles: Vec<String>,
    /// The entitlements that can be given.
    pub(crate) entitlements: Vec<String>,
    /// Where the sessions of a user are, below `base_url`, with `{id}`.
    pub(crate) sessions_url: Option<String>,
    /// How often a change took rights from others here, as the host counts.
    pub(crate) side_losses: u32,
}

impl Settings {
    /// The settings of the target.
    ///
    /// # Errors
    ///
    /// `Invalid` if there is no address.
    pub(crate) fn of(host: &dyn Host) -> Result<Self> {
        let text = |key: &str| host.setting(key).unwrap_or_default();
        let list = |key: &str| {
            let words = text(key);
            let words = words
                .split(',')
                .map(str::trim)
                .filter(|word| !word.is_empty());
            words.map(str::to_owned).collect::<Vec<_>>()
        };
        Ok(Self {
            base_url: host.required_setting("base_url")?,
            patch: match text("patch").as_str() {
                "object" => PatchStyle::Object,
                "off" => PatchStyle::Off,
                _ => PatchStyle::Auto,
            },
            paging: match text("paging").as_str() {
                "index" => Paging::Index,
                "cursor" => Paging::Cursor,
                "none" => Paging::None,
                _ => Paging::Auto,
            },
            deprovision: match text("deprovision").as_str() {
                "deactivate" => Deprovision::Deactivate,
                _ => Deprovision::Delete,
            },
            members_by_put: text("members") == "put",
            groups_at_user: match text("groups_at_user").as_str() {
                "yes" => AtUser::Yes,
                "no" => AtUser::No,
                _ => AtUser::Auto,
            },
            active_shown: match text("active_shown").as_str() {
                "after-invitation" => ActiveShown::AfterInvitation,
                "no" => ActiveShown::No,
                _ => ActiveShown::Yes,
            },
            etag: text("etag") != "off",
            filter: text("filter") != "off",
            extensions: list("extensions"),
            roles: list("roles"),
            entitlements: list("entitlements"),
            side_losses: text("host.side-losses").parse().unwrap_or(0),
            sessions_url: Some(text("sessions_url")).filter(|url| !url.is_empty()),
        })
    }

    /// The values of `roles` or `entitlements` that are known without asking.
    pub(crate) fn values_of(&self, list: &str) -> &[String] {
        if list == "roles" {
            &self.roles
        } else {
            &self.entitlements
        }
    }
}

/// What IT can say.
pub(crate) fn declared() -> Vec<Setting> {
    let choice = |key, default, choices: &[&str], text| {
        Setting::with_default(key, "text", default, text).choices(choices)
    };
    let mut declared = vec![
        Setting::required(
            "base_url",
            "url",
            "The address of the SCIM service, without /Users: https://acme.example/scim/v2",
        ),
        choice(
            "patch",
            "auto",
            &["auto", "object", "off"],
            "How users are changed: `auto` is PATCH with paths, and PUT where the service has no PATCH; `object` is \
             PATCH with one value without a path, which some services expect; `off` is PUT.",
        ),
        choice(
            "paging",
            "auto",
            &["auto", "index", "cursor", "none"],
            "How listings are turned: `auto` asks the service and checks that pages join; `index` does not check, for \
             services that know page numbers only; `cursor` is RFC 9865; `none` takes everything in one answer.",
        ),
        choice(
            "deprovision",
            "delete",
            &["delete", "deactivate"],
            "What it is to remove an account: `delete`, or `deactivate` where deleting is not wanted. An inactive \
             account then counts as removed.",
        ),
        choice(
            "members",
            "patch",
            &["patch", "put"],
            "How members of groups are changed: `patch` one by one; `put` with the whole group, for services that \
             lose other members in a PATCH.",
        ),
        choice(
            "groups_at_user",
            "auto",
            &["auto", "yes", "no"],
            "Whether users show in `groups` which groups they are in. `yes` saves reading groups with all their \
             members, which matters where they are large; `no` where what they show is wrong.",
        ),
        choice(
            "active_shown",
            "yes",
            &["yes", "after-invitation", "no"],
            "Whether users show in `active` what was written there: `after-invitation` where people are shown inactive \
             until they have accepted an invitation; `no` where `active` is never shown: what the service says after a \
             write is believed then, and cannot be read back.",
        ),
        choice(
            "etag",
            "on",
            &["on", "off"],
            "Whether writes are checked against the version that was read, where the service gives versions.",
        ),
        choice(
            "filter",
            "on",
            &["on", "off"],
            "Whether the service is asked to search. Answers are checked in any case; `off` saves the attempt where \
             every search is refused.",
        ),
    ];
    declared.extend(optional());
    declared
}

/// What need not be said.
fn optional() -> [Setting; 4] {
    [
        Setting::optional(
            "extensions",
            "text",
            "URNs of schemas that new users are said to have besides those their attributes need, with commas.",
        ),
        Setting::optional(
            "roles",
            "text",
            "Values of the attribute `roles` that can be given, with commas: admin, viewer",
        ),
        Setting::optional(
            "entitlements",
            "text",
            "Values of the attribute `entitlements` that can be given, with commas.",
        ),
        Setting::optional(
            "sessions_url",
            "text",
            "Where a DELETE ends all sessions of a user, below base_url: /Users/{id}/sessions. SCIM itself has no \
             sessions.",
        ),
    ]
}

/// What is wrong with the settings.
///
/// # Errors
///
/// A fault for each setting that cannot work.
pub(crate) fn check(host: &dyn Host) -> core::result::Result<(), Vec<FieldFault>> {
    let mut faults = Vec::new();
    let Ok(settings) = Settings::of(host) else {
        return Err(vec![FieldFault::new(
            "base_url",
            "required",
            "this setting has no value",
        )]);
    };
    let url = settings.base_url.trim_end_matches('/').to_ascii_lowercase();
    if ["/users", "/groups"]
        .iter()
        .any(|ending| url.ends_with(ending))
    {
        faults.push(FieldFault::new(
            "base_url",
            "format",
            "leave out /Users and /Groups at the end",
        ));
    }
    if url.contains(['?', '#', '@']) {
        faults.push(FieldFault::new(
            "base_url",
            "format",
            "an address without query, fragment and user is expected",
        ));
    }
    if let Some(template) = &settings.sessions_url {
        let is_below = template.starts_with('/') && !template.starts_with("//");
        if !is_below || !template.contains("{id}") || template.contains(['?', '#']) {
            let text = "a path below base_url with {id} is expected: /Users/{id}/sessions";
            faults.push(FieldFault::new("sessions_url", "format", text));
        }
    }
    for urn in settings
        .extensions
        .iter()
        .filter(|urn| !urn.starts_with("urn:"))
    {
        faults.push(FieldFault::new(
            "extensions",
            "format",
            format!("`{urn}` is no URN"),
        ));
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}
