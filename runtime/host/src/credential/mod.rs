//! Secrets that a plugin uses and never sees.
//!
//! IT fills the plugin's secret slots with a [`Credential`] each. The host puts it into requests to
//! servers that it is good for, fetches and renews tokens, stands in for initial passwords and signs;
//! whatever comes back is searched for the values before the plugin sees it.

mod apply;
mod jwt;
pub(crate) mod key;
pub(crate) mod redact;
pub(crate) mod remembered;
mod secret;
mod token;

use memchr::memmem::Finder;
use muster_core::permission::HostPattern;

use crate::target_error::TargetError;

pub(crate) use apply::{Applied, NoCredential, apply, renew};
pub(crate) use key::sign;
pub use secret::Secret;
pub(crate) use token::Tokens;

/// What fills a secret slot.
#[derive(Clone, Debug)]
pub struct Credential {
    /// How it is used.
    pub scheme: Scheme,
    /// The servers that it may be sent to; empty: every server that is granted to the target.
    pub hosts: Vec<HostPattern>,
}

/// How a secret is used.
#[derive(Clone, Debug)]
pub enum Scheme {
    /// `Authorization: Bearer <token>`.
    Bearer {
        /// The token.
        token: Secret,
    },
    /// `Authorization: Basic`, RFC 7617.
    Basic {
        /// The user name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A header of the app's own: an API key.
    Header {
        /// The header's name.
        name: String,
        /// Its value.
        value: Secret,
    },
    /// `OAuth` 2.0 client credentials, RFC 6749 section 4.4.
    Oauth2ClientCredentials(ClientCredentials),
    /// JWT bearer, RFC 7523: a token in exchange for a signed claim. Google's service accounts.
    JwtBearer(JwtBearer),
    /// A value that a plugin can put into a request by a placeholder: an initial password.
    Value {
        /// The value.
        value: Secret,
    },
    /// A new random password at every use, known to nobody: for apps that people enter by single
    /// sign-on.
    Generated {
        /// Its length in characters, 16 to 128.
        length: usize,
    },
    /// A key to sign with.
    SigningKey {
        /// The bytes for HMAC, or a private key in PEM.
        key: Secret,
    },
}

/// What a token is asked for with.
#[derive(Clone, Debug)]
pub struct ClientCredentials {
    /// Where tokens are issued.
    pub token_url: String,
    /// The client's name.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: Secret,
    /// What to ask for; may be empty.
    pub scopes: Vec<String>,
    /// For whom the token is, where the app asks for it.
    pub audience: Option<String>,
    /// How the client shows who it is.
    pub client_auth: ClientAuth,
}

/// How a client shows its token server who it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ClientAuth {
    /// Basic authentication, as RFC 6749 prefers.
    #[default]
    Basic,
    /// In the form, for servers that know only this.
    Form,
}

/// What a token is asked for with, by a signed claim.
#[derive(Clone, Debug)]
pub struct JwtBearer {
    /// Where tokens are issued.
    pub token_url: String,
    /// Who asks: the service account.
    pub issuer: String,
    /// For whom it acts: an administrator of the tenant. None: for itself.
    pub subject: Option<String>,
    /// For whom the claim is; none: the token URL.
    pub audience: Option<String>,
    /// What to ask for.
    pub scopes: Vec<String>,
    /// The private key in PEM: RSA.
    pub private_key: Secret,
    /// The name of the key, where the token server knows several.
    pub key_id: Option<String>,
}

impl Credential {
    /// A credential that is good for every server of its target.
    pub fn new(scheme: Scheme) -> Self {
        Self {
            scheme,
            hosts: Vec::new(),
        }
    }

    /// A Google service account from its key file, acting for an administrator.
    ///
    /// # Errors
    ///
    /// When the text is not such a file.
    pub fn google_service_account(
        key_file: &str,
        subject: Option<String>,
        scopes: Vec<String>,
    ) -> Result<Self, NotAServiceAccount> {
        #[derive(serde::Deserialize)]
        struct File {
            client_email: String,
            private_key: String,
            private_key_id: Option<String>,
            token_uri: Option<String>,
        }
        let file: File = serde_json::from_str(key_file).map_err(|error| NotAServiceAccount {
            line: error.line(),
            column: error.column(),
        })?;
        Ok(Self::new(Scheme::JwtBearer(JwtBearer {
            token_url: file
                .token_uri
                .unwrap_or_else(|| "https://oauth2.googleapis.com/token".to_owned()),
            issuer: file.client_email,
            subject,
            audience: None,
            scopes,
            private_key: Secret::new(file.private_key),
            key_id: file.private_key_id,
        })))
    }
}

/// A text that is no key file of a Google service account. The text itself is not repeated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "the key file is no Google service account: `client_email` and `private_key` are needed (line {line}, column {column})"
)]
pub struct NotAServiceAccount {
    /// The line that could not be read.
    pub line: usize,
    /// The column in it.
    pub column: usize,
}

impl Scheme {
    /// The word for it in `muster.toml` and in a plugin's descriptor.
    pub fn name(&self) -> &'static str {
        match self {
            Scheme::Bearer { .. } => "bearer",
            Scheme::Basic { .. } => "basic",
            Scheme::Header { .. } => "header",
            Scheme::Oauth2ClientCredentials(_) => "oauth2-client-credentials",
            Scheme::JwtBearer(_) => "jwt-bearer",
            Scheme::Value { .. } | Scheme::Generated { .. } => "value",
            Scheme::SigningKey { .. } => "signing-key",
        }
    }

    /// The values that must not be seen.
    pub(crate) fn secrets(&self) -> Vec<String> {
        match self {
            Scheme::Bearer { token } => vec![token.expose().to_owned()],
            Scheme::Basic { username, password } => {
                vec![
                    password.expose().to_owned(),
                    format!("{username}:{}", password.expose()),
                ]
            }
            Scheme::Header { value, .. } => {
                // `SSWS abc`: an app may show the key without the word before it.
                let value = value.expose();
                let key = value.rsplit_once(' ').map_or(value, |(_, key)| key);
                vec![value.to_owned(), key.to_owned()]
            }
            Scheme::Value { value } => vec![value.expose().to_owned()],
            Scheme::Oauth2ClientCredentials(client) => vec![
                client.client_secret.expose().to_owned(),
                format!("{}:{}", client.client_id, client.client_secret.expose()),
            ],
            Scheme::JwtBearer(jwt) => vec![jwt.private_key.expose().to_owned()],
            Scheme::SigningKey { key } => vec![key.expose().to_owned()],
            Scheme::Generated { .. } => Vec::new(),
        }
    }

    /// Where its tokens are issued, for those that are fetched.
    pub(crate) fn token_url(&self) -> Option<&str> {
        match self {
            Scheme::Oauth2ClientCredentials(client) => Some(&client.token_url),
            Scheme::JwtBearer(jwt) => Some(&jwt.token_url),
            Scheme::Bearer { .. }
            | Scheme::Basic { .. }
            | Scheme::Header { .. }
            | Scheme::Value { .. }
            | Scheme::Generated { .. }
            | Scheme::SigningKey { .. } => None,
        }
    }

    /// Whether it can be used at all: header names, lengths and private keys are looked at now, not
    /// at the first request.
    pub(crate) fn check(&self, slot: &str) -> Result<(), TargetError> {
        let refuse = |reason: String| TargetError::Credential {
            slot: slot.to_owned(),
            reason,
        };
        match self {
            Scheme::Header { name, value } => {
                http::HeaderName::try_from(name)
                    .map_err(|_| refuse(format!("`{name}` is no header name")))?;
                check_header_value(value).map_err(refuse)
            }
            Scheme::Bearer { token } => check_header_value(token).map_err(refuse),
            Scheme::JwtBearer(jwt) => {
                check_url(&jwt.token_url).map_err(refuse)?;
                key::rsa(jwt.private_key.expose())
                    .map(drop)
                    .map_err(|reason| refuse(reason.to_owned()))
            }
            Scheme::Oauth2ClientCredentials(client) => check_url(&client.token_url).map_err(refuse),
            Scheme::Generated { length } if !(16..=128).contains(length) => Err(refuse(
                "a generated password has 16 to 128 characters".to_owned(),
            )),
            Scheme::Basic { .. }
            | Scheme::Value { .. }
            | Scheme::Generated { .. }
            | Scheme::SigningKey { .. } => Ok(()),
        }
    }
}

fn check_header_value(value: &Secret) -> Result<(), String> {
    http::HeaderValue::try_from(value.expose())
        .map(drop)
        .map_err(|_| "the value cannot stand in a header: is there a line break in it?".to_owned())
}

fn check_url(url: &str) -> Result<(), String> {
    match url::Url::parse(url) {
        Ok(url) if matches!(url.scheme(), "https" | "http") && url.has_host() => Ok(()),
        _ => Err(format!("the token URL `{url}` is no address")),
    }
}

/// A random word that stands for a secret within one call.
#[derive(Debug)]
pub(crate) struct Placeholder {
    pub(crate) word: String,
    pub(crate) slot: String,
    pub(crate) value: Secret,
    /// How the secret may come back in a reply.
    pub(crate) forms: Vec<Finder<'static>>,
    /// Whether the host made it up, so that nobody else knows it.
    pub(crate) is_generated: bool,
}

impl Placeholder {
    /// Makes a placeholder for what is in a slot.
    pub(crate) fn new(slot: &str, credential: &Credential, random: &[u8]) -> Result<Self, String> {
        let value = match &credential.scheme {
            Scheme::Value { value } => value.clone(),
            Scheme::Generated { length } => password(random, *length),
            other => {
                return Err(format!(
                    "the slot `{slot}` holds a `{}` credential; only a `value` has a placeholder",
                    other.name()
                ));
            }
        };
        Ok(Self {
            word: format!("mstr{}", word(random)),
            slot: slot.to_owned(),
            forms: redact::forms(value.expose()),
            is_generated: matches!(credential.scheme, Scheme::Generated { .. }),
            value,
        })
    }
}

/// A word of 32 signs from the first 16 of these random bytes.
pub(crate) fn word(random: &[u8]) -> String {
    let mut bytes = [0; 16];
    for (byte, random) in bytes.iter_mut().zip(random) {
        *byte = *random;
    }
    format!("{:032x}", u128::from_be_bytes(bytes))
}

/// Random bytes that a placeholder takes: 16 for the word, the rest for a password.
pub(crate) const PLACEHOLDER_RANDOM: usize = 16 + 128;

/// A password from random bytes, with a lower and upper case letter, a digit and a sign, as most
/// rules ask for. 64 signs: each byte gives six bits of it. All of them look the same in JSON, in HTML and
/// in an address, so that it is known again however it comes back.
fn password(random: &[u8], length: usize) -> Secret {
    const SIGNS: &[u8; 64] = b"abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ0123456789-_.~l";
    let mut text: String = random[16..]
        .iter()
        .take(length.saturating_sub(4))
        .map(|byte| char::from(SIGNS[usize::from(byte & 63)]))
        .collect();
    text.push_str("aA2-");
    Secret::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_password_meets_usual_rules() {
        let random: Vec<u8> = (0..PLACEHOLDER_RANDOM)
            .map(|n| u8::try_from(n % 256).unwrap())
            .collect();
        let text = password(&random, 32);
        let text = text.expose();
        assert_eq!(text.len(), 32);
        assert!(
            text.chars().any(|c| c.is_ascii_lowercase())
                && text.chars().any(|c| c.is_ascii_digit())
        );
        assert!(
            text.chars().any(|c| c.is_ascii_uppercase())
                && text.chars().any(|c| !c.is_alphanumeric())
        );
    }

    #[test]
    fn a_secret_does_not_show() {
        let credential = Credential::new(Scheme::Bearer {
            token: Secret::new("canary-7f3a"),
        });
        assert!(!format!("{credential:?}").contains("canary"));
        let error =
            Credential::google_service_account("canary-7f3a", None, Vec::new()).unwrap_err();
        assert!(!error.to_string().contains("canary"));
    }
}
