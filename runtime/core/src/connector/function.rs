//! The words in which a connector says what it can do: the functions of the contract, and by what it lists
//! grants.
//!
//! Both sets are open in the contract: a connector may be newer than we are and name what we do not know.
//! Such a name is no [`Function`] and no [`GrantScope`], and is ignored: nobody here would call it.

use std::fmt;

/// A function of the contract that a connector exports, in the contract's order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Function {
    /// Says what the connector is and can do.
    Describe,
    /// Checks the settings against each other.
    CheckSettings,
    /// Tries the target out.
    Probe,
    /// Says which attributes accounts of a kind can have.
    Discover,
    /// Lists the accounts of a kind.
    ListAccounts,
    /// Reads one account.
    GetAccount,
    /// Finds accounts by keys.
    FindAccounts,
    /// Creates or updates an account.
    EnsureAccount,
    /// Brings an account into a state.
    EnsureState,
    /// Deletes an account.
    EnsureAbsent,
    /// Lists the entitlements of a kind.
    ListEntitlements,
    /// Lists grants, by the scopes that the kind of entitlement names.
    ListGrants,
    /// Grants an entitlement.
    EnsureGranted,
    /// Takes an entitlement away.
    EnsureRevoked,
    /// Lists sessions, tokens, keys and passwords.
    ListCredentials,
    /// Ends every session of an account.
    EndSessions,
    /// Revokes tokens, keys, app passwords and consents of an account.
    RevokeCredentials,
    /// Issues a credential anew.
    RotateCredential,
    /// Hands what one account owns to another.
    TransferOwned,
    /// Says where the feed of changes stands.
    CurrentToken,
    /// Reads the feed of changes.
    ChangesSince,
    /// Asks how a pending change went on.
    Poll,
    /// Says what a webhook of the app means.
    Translate,
}

impl Function {
    /// Every function.
    pub const ALL: [Self; 23] = [
        Self::Describe,
        Self::CheckSettings,
        Self::Probe,
        Self::Discover,
        Self::ListAccounts,
        Self::GetAccount,
        Self::FindAccounts,
        Self::EnsureAccount,
        Self::EnsureState,
        Self::EnsureAbsent,
        Self::ListEntitlements,
        Self::ListGrants,
        Self::EnsureGranted,
        Self::EnsureRevoked,
        Self::ListCredentials,
        Self::EndSessions,
        Self::RevokeCredentials,
        Self::RotateCredential,
        Self::TransferOwned,
        Self::CurrentToken,
        Self::ChangesSince,
        Self::Poll,
        Self::Translate,
    ];

    /// The contract's name of it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Describe => "describe",
            Self::CheckSettings => "check-settings",
            Self::Probe => "probe",
            Self::Discover => "discover",
            Self::ListAccounts => "list-accounts",
            Self::GetAccount => "get-account",
            Self::FindAccounts => "find-accounts",
            Self::EnsureAccount => "ensure-account",
            Self::EnsureState => "ensure-state",
            Self::EnsureAbsent => "ensure-absent",
            Self::ListEntitlements => "list-entitlements",
            Self::ListGrants => "list-grants",
            Self::EnsureGranted => "ensure-granted",
            Self::EnsureRevoked => "ensure-revoked",
            Self::ListCredentials => "list-credentials",
            Self::EndSessions => "end-sessions",
            Self::RevokeCredentials => "revoke-credentials",
            Self::RotateCredential => "rotate-credential",
            Self::TransferOwned => "transfer-owned",
            Self::CurrentToken => "current-token",
            Self::ChangesSince => "changes-since",
            Self::Poll => "poll",
            Self::Translate => "translate",
        }
    }

    /// The function of this name; `None` if we do not know it.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|function| function.as_str() == name)
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// By what a connector can list grants, as its description has it. A call that lists them names the kind or
/// the object as well.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum GrantScope {
    /// All grants of a kind of entitlement.
    OfKind,
    /// Everybody who has one entitlement.
    OfEntitlement,
    /// Everything that one account has.
    OfPrincipal,
}

impl GrantScope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::OfKind, Self::OfEntitlement, Self::OfPrincipal];

    /// The contract's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OfKind => "of-kind",
            Self::OfEntitlement => "of-entitlement",
            Self::OfPrincipal => "of-principal",
        }
    }

    /// The scope of this name; `None` if we do not know it.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }
}

impl fmt::Display for GrantScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of what stands in the contract's text as `NAME: func(...)`, or as a case `NAME(...)`.
    fn named(text: &str, ends: &str) -> Vec<String> {
        let names = text.lines().filter_map(|line| {
            let (name, _) = line.trim_start().split_once(ends)?;
            let is_name = |c: char| c.is_ascii_lowercase() || c == '-';
            name.chars().all(is_name).then(|| name.to_owned())
        });
        names.collect()
    }

    #[test]
    fn the_functions_are_those_of_the_contract_in_its_order() {
        let mut functions = named(include_str!("../../../../wit/meta.wit"), ": func(");
        functions.extend(named(
            include_str!("../../../../wit/capabilities.wit"),
            ": func(",
        ));
        assert_eq!(Function::ALL.map(Function::as_str).to_vec(), functions);
        for function in Function::ALL {
            assert_eq!(Function::parse(&function.to_string()), Some(function));
        }
        assert!(Function::ALL.is_sorted());
        assert_eq!(Function::parse("ensure_account"), None);
    }

    #[test]
    fn the_scopes_are_those_of_the_contract() {
        let text = include_str!("../../../../wit/capabilities.wit");
        let scopes = text.split_once("variant grant-scope {").unwrap().1;
        let scopes = named(scopes.split_once('}').unwrap().0, "(");
        assert_eq!(GrantScope::ALL.map(GrantScope::as_str).to_vec(), scopes);
        for scope in GrantScope::ALL {
            assert_eq!(GrantScope::parse(&scope.to_string()), Some(scope));
        }
    }
}
