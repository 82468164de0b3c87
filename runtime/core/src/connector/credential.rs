//! Sessions, tokens, keys and passwords as an app shows them, and what each is.

use std::fmt;

use super::ObjectRef;

/// A session, token, key or password as an app shows it.
#[derive(Clone, PartialEq, Debug)]
pub struct RemoteCredential {
    /// Its key.
    pub object: ObjectRef,
    /// What it is.
    pub class: CredentialClass,
    /// Whose it is.
    pub owner: ObjectRef,
}

/// What a credential is. The contract leaves the set open: a word that we do not know is kept as it is, since
/// what it names lets somebody in all the same.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CredentialClass {
    /// Somebody who is signed in.
    Session,
    /// What a session is renewed with.
    RefreshToken,
    /// A key for the app's interface.
    ApiKey,
    /// A token that a person made for their own programs.
    PersonalAccessToken,
    /// A key for SSH.
    SshKey,
    /// What a person permitted another app.
    OauthConsent,
    /// What a person signs in with.
    Password,
    /// A password for one program.
    AppPassword,
    /// A certificate.
    Certificate,
    /// What deliveries are signed with.
    WebhookSecret,
    /// Anything else, in the connector's word.
    Other(String),
}

impl CredentialClass {
    /// The classes that the contract names.
    const NAMED: [Self; 10] = [
        Self::Session,
        Self::RefreshToken,
        Self::ApiKey,
        Self::PersonalAccessToken,
        Self::SshKey,
        Self::OauthConsent,
        Self::Password,
        Self::AppPassword,
        Self::Certificate,
        Self::WebhookSecret,
    ];

    /// The contract's word for it, or else the connector's.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Session => "session",
            Self::RefreshToken => "refresh-token",
            Self::ApiKey => "api-key",
            Self::PersonalAccessToken => "personal-access-token",
            Self::SshKey => "ssh-key",
            Self::OauthConsent => "oauth-consent",
            Self::Password => "password",
            Self::AppPassword => "app-password",
            Self::Certificate => "certificate",
            Self::WebhookSecret => "webhook-secret",
            Self::Other(word) => word,
        }
    }

    /// The class of this name.
    pub fn parse(name: &str) -> Self {
        let mut named = Self::NAMED.into_iter();
        named
            .find(|class| class.as_str() == name)
            .unwrap_or_else(|| Self::Other(name.to_owned()))
    }

    /// Whether ending the sessions of an account ends it.
    pub fn is_session(&self) -> bool {
        *self == Self::Session
    }

    /// Whether revoking the credentials of an account ends it. A password of a suspended account opens
    /// nothing; sessions have their own function.
    pub fn is_revocable(&self) -> bool {
        !matches!(self, Self::Session | Self::Password)
    }
}

impl fmt::Display for CredentialClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_classes_are_those_of_the_contract_and_others_are_kept() {
        let text = include_str!("../../../../wit/types.wit");
        let text = text.split_once("record credential {").unwrap().1;
        let text = text.split_once("category: string").unwrap().0;
        let said: Vec<&str> = text
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|word| *word != "id")
            .collect();
        let named: Vec<String> = CredentialClass::NAMED
            .iter()
            .map(CredentialClass::to_string)
            .collect();
        assert_eq!(named, said);
        for word in said.into_iter().chain(["passkey"]) {
            assert_eq!(CredentialClass::parse(word).to_string(), word);
        }
        let unknown = CredentialClass::parse("passkey");
        assert_eq!(unknown, CredentialClass::Other("passkey".to_owned()));
        assert!(unknown.is_revocable());
    }
}
