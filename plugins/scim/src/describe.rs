//! What the connector says about itself. The same for every service: what a service cannot do is found out when
//! it is asked, and answered in words of the contract.

use muster_sdk::{
    AccountKind, AccountState, Descriptor, EntitlementCategory, EntitlementKind, Function,
    SecretSlot, Support,
};

use crate::schema::usual;
use crate::service::SECRET;
use crate::view::MATCH_KEYS;
use crate::{GROUP_KIND, USER_KIND, settings};

/// The largest page that is asked for; services give less where they must.
const PAGE_MAX: u32 = 200;

/// The descriptor.
pub(crate) fn descriptor() -> Descriptor {
    let secret = SecretSlot::required(
        SECRET,
        &[
            "bearer",
            "basic",
            "header",
            "oauth2-client-credentials",
            "jwt-bearer",
        ],
        "The token or client of the SCIM service, from the app's page on provisioning. It must be allowed to read \
         and write users and groups.",
    );
    let descriptor = Descriptor::new("scim", env!("CARGO_PKG_VERSION"), "any SCIM 2.0 service")
        .vendor("Muster")
        .host("{base_url}")
        .secret(secret)
        .accounts(users())
        .entitlements(kind(GROUP_KIND, "Group", EntitlementCategory::Membership))
        .entitlements(kind("role", "Role", EntitlementCategory::Role))
        .entitlements(kind(
            "entitlement",
            "Entitlement",
            EntitlementCategory::Permission,
        ));
    settings::declared()
        .into_iter()
        .fold(descriptor, Descriptor::setting)
}

fn users() -> AccountKind {
    let mut kind = AccountKind::new(USER_KIND, "User");
    kind.credential_categories = vec!["session".to_owned()];
    kind.create_suspended = Support::Native;
    kind.max_page = PAGE_MAX;
    let kind = kind
        .states([AccountState::Active, AccountState::Suspended])
        .needs_setting(Function::EndSessions, "sessions_url")
        .without(Function::RevokeCredentials)
        .without(Function::TransferOwned);
    let kind = MATCH_KEYS.into_iter().fold(kind, AccountKind::match_key);
    usual().into_iter().fold(kind, AccountKind::attribute)
}

fn kind(name: &str, title: &str, category: EntitlementCategory) -> EntitlementKind {
    let mut kind = EntitlementKind::new(name, title, category);
    kind.max_page = PAGE_MAX;
    kind.grant_scopes(&["of-entitlement", "of-principal"])
}
