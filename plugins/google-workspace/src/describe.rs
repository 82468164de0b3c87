//! What the connector says about itself.

use muster_sdk::{
    AccountKind, AccountState, ChangeFeed, Descriptor, EntitlementCategory, EntitlementKind,
    SecretSlot, Support,
};

use crate::attribute;
use crate::credential::CATEGORIES;
use crate::feed::LAG_SECONDS;
use crate::group::{self, GROUP};
use crate::notification::CHANNEL_KEY;
use crate::refusal::{DIRECTORY, LICENSING, REPORTS, TRANSFER};
use crate::role::{self, ROLE};
use crate::seat::{self, SEAT};
use crate::service::{SECRET, USER};
use crate::settings;
use crate::user::{EMAIL, EMPLOYEE_ID};

/// The slot with the password of new users.
const PASSWORD: &str = "initial-password";

/// How long after a write Google may still show the old state, in milliseconds. A user is shown at once as a
/// rule, a search and the other APIs follow within seconds.
const LAG_MS: u32 = 15_000;

/// How long a removed user can be brought back, in milliseconds: 20 days.
const IN_BIN_MS: u32 = 20 * 86_400_000;

/// The longest time that the contract can say, in milliseconds.
const LONGEST_MS: u32 = u32::MAX;

/// Google's token server, which is the audience of the assertion too.
const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";

/// The scopes, by what each is for.
pub(crate) mod scope {
    pub(crate) const USERS: &str = "https://www.googleapis.com/auth/admin.directory.user";
    pub(crate) const SECURITY: &str =
        "https://www.googleapis.com/auth/admin.directory.user.security";
    pub(crate) const GROUPS: &str = "https://www.googleapis.com/auth/admin.directory.group";
    pub(crate) const ROLES: &str = "https://www.googleapis.com/auth/admin.directory.rolemanagement";
    pub(crate) const SCHEMAS: &str =
        "https://www.googleapis.com/auth/admin.directory.userschema.readonly";
    pub(crate) const LICENSING: &str = "https://www.googleapis.com/auth/apps.licensing";
    pub(crate) const TRANSFER: &str = "https://www.googleapis.com/auth/admin.datatransfer";
    pub(crate) const REPORTS: &str = "https://www.googleapis.com/auth/admin.reports.audit.readonly";
    /// What is asked for unless IT says otherwise: all but the roles, which are off unless IT says so.
    pub(crate) const DEFAULT: [&str; 7] = [
        USERS, SECURITY, GROUPS, SCHEMAS, LICENSING, TRANSFER, REPORTS,
    ];
}

pub(crate) fn descriptor() -> Descriptor {
    let google = Descriptor::new("google-workspace", env!("CARGO_PKG_VERSION"), "Google Workspace")
        .vendor("Muster")
        .host("admin.googleapis.com")
        .host("licensing.googleapis.com")
        .host("{directory_url}")
        .host("{licensing_url}")
        .host("{transfer_url}")
        .host("{reports_url}")
        .secret(service_account())
        .secret(SecretSlot::optional(
            PASSWORD,
            &["value"],
            "The first password of new users, who change it when they sign in. Without it, each gets one that \
             nobody knows.",
        ))
        .secret(SecretSlot::optional(
            CHANNEL_KEY,
            &["signing-key"],
            "The key of the channels of push notifications: see docs/guides/connector-google-workspace.md.",
        ))
        .rate(DIRECTORY, 1500)
        .rate(LICENSING, 500)
        .rate(TRANSFER, 120)
        .rate(REPORTS, 250)
        .accounts(user())
        .entitlements(group())
        .entitlements(license())
        .entitlements(admin_role())
        .feed(ChangeFeed {
            token_survives_ms: Some(LONGEST_MS),
            removals: false,
            lag_ms: u32::try_from(LAG_SECONDS * 1000).unwrap_or(LONGEST_MS),
            extra: Vec::new(),
        });
    settings::declared()
        .into_iter()
        .fold(google, Descriptor::setting)
}

fn service_account() -> SecretSlot {
    SecretSlot::required(
        SECRET,
        &["jwt-bearer"],
        "A service account's key with domain-wide delegation, acting for an administrator: Google Cloud console > \
         IAM > Service accounts, then Admin console > Security > API controls > Domain-wide delegation.",
    )
    .default("token-url", TOKEN_URL)
    .default("audience", TOKEN_URL)
    .default("scopes", &scope::DEFAULT.join(" "))
}

fn user() -> AccountKind {
    let mut user = AccountKind::new(USER, "User")
        .states([
            AccountState::Active,
            AccountState::Suspended,
            AccountState::Deactivated,
        ])
        .match_key(EMPLOYEE_ID)
        .match_key(EMAIL);
    user.attributes = attribute::specs();
    user.credential_categories = CATEGORIES.iter().map(|name| (*name).to_owned()).collect();
    user.required_permissions = permissions(&[
        (
            scope::USERS,
            &[
                "list-accounts",
                "get-account",
                "find-accounts",
                "ensure-account",
                "ensure-state",
                "ensure-absent",
            ],
        ),
        (
            scope::SECURITY,
            &[
                "list-credentials",
                "end-sessions",
                "revoke-credentials",
                "rotate-credential",
            ],
        ),
        (scope::TRANSFER, &["transfer-owned"]),
    ]);
    user.create_suspended = Support::Native;
    user.read_after_write_lag_ms = LAG_MS;
    user.delete_recoverable_ms = Some(IN_BIN_MS);
    user.reports_last_seen = true;
    user.max_page = 500;
    user
}

fn group() -> EntitlementKind {
    let mut group = EntitlementKind::new(GROUP, "Group", EntitlementCategory::Membership)
        .grant_scopes(&["of-entitlement", "of-principal"]);
    group.required_permissions = on_entitlements(scope::GROUPS);
    group.read_after_write_lag_ms = LAG_MS;
    group.max_page = group::PAGE_MAX;
    group
}

fn license() -> EntitlementKind {
    let mut seat = EntitlementKind::new(SEAT, "Licence", EntitlementCategory::LicenseSeat)
        .grant_scopes(&["of-entitlement", "of-principal"]);
    seat.required_permissions = on_entitlements(scope::LICENSING);
    seat.read_after_write_lag_ms = LAG_MS;
    seat.max_page = seat::PAGE_MAX;
    seat
}

fn admin_role() -> EntitlementKind {
    let mut role = EntitlementKind::new(ROLE, "Administrator role", EntitlementCategory::Role)
        .grant_scopes(&["of-entitlement", "of-principal"]);
    role.required_permissions = on_entitlements(scope::ROLES);
    role.read_after_write_lag_ms = LAG_MS;
    role.max_page = role::PAGE_MAX;
    role
}

fn on_entitlements(scope: &str) -> Vec<(String, String)> {
    permissions(&[(
        scope,
        &[
            "list-entitlements",
            "list-grants",
            "ensure-granted",
            "ensure-revoked",
        ],
    )])
}

fn permissions(by_scope: &[(&str, &[&str])]) -> Vec<(String, String)> {
    let pairs = by_scope.iter().flat_map(|(scope, operations)| {
        operations
            .iter()
            .map(|operation| ((*operation).to_owned(), (*scope).to_owned()))
    });
    pairs.collect()
}
