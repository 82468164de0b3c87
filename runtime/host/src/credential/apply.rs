//! Putting a credential into a request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Scheme, Secret};
use crate::target_context::TargetContext;

/// Why there is no credential for a request. In every case the request was not sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum NoCredential {
    /// It was refused, or cannot be used: a person has to look at it.
    Refused(String),
    /// The token server could not be reached now.
    Unreachable(String),
    /// The token server is inside, and that is not granted.
    Private { host: String, text: String },
    /// The token server is none of the servers that are granted; the text has the line that grants it.
    NotGranted(String),
    /// The slot holds something that does not go into requests, or nothing.
    Denied(String),
}

/// What was put in, for the case that the app refuses it.
pub(crate) struct Applied {
    /// The header that it is in.
    pub(crate) header: HeaderName,
    /// The token, where it was fetched.
    token: Option<Secret>,
}

/// Puts the slot's credential into the headers.
pub(crate) async fn apply(
    context: &TargetContext,
    slot: &str,
    headers: &mut HeaderMap,
) -> Result<Applied, NoCredential> {
    put(context, slot, headers, None).await
}

/// Puts a fresh token in for one that the app has refused. `None` if there is nothing to renew.
pub(crate) async fn renew(
    context: &TargetContext,
    slot: &str,
    headers: &mut HeaderMap,
    refused: &Applied,
) -> Option<Result<Applied, NoCredential>> {
    let token = refused.token.as_ref()?;
    Some(put(context, slot, headers, Some(token)).await)
}

async fn put(
    context: &TargetContext,
    slot: &str,
    headers: &mut HeaderMap,
    unusable: Option<&Secret>,
) -> Result<Applied, NoCredential> {
    let Some(credential) = context.credentials.get(slot) else {
        return Err(NoCredential::Denied(format!(
            "no credential is configured for the slot `{slot}`"
        )));
    };
    let mut token = None;
    let (header, value) = match &credential.scheme {
        Scheme::Bearer { token } => (AUTHORIZATION, format!("Bearer {}", token.expose())),
        Scheme::Basic { username, password } => {
            let pair = STANDARD.encode(format!("{username}:{}", password.expose()));
            (AUTHORIZATION, format!("Basic {pair}"))
        }
        Scheme::Header { name, value } => {
            let name = HeaderName::try_from(name)
                .map_err(|_| NoCredential::Denied(format!("`{name}` is no header name")))?;
            (name, value.expose().to_owned())
        }
        scheme @ (Scheme::Oauth2ClientCredentials(_) | Scheme::JwtBearer(_)) => {
            let fetched = context.tokens.get(context, slot, scheme, unusable).await?;
            let value = format!("Bearer {}", fetched.expose());
            token = Some(fetched);
            (AUTHORIZATION, value)
        }
        other @ (Scheme::Value { .. } | Scheme::Generated { .. } | Scheme::SigningKey { .. }) => {
            return Err(NoCredential::Denied(format!(
                "the slot `{slot}` holds a `{}`, which does not go into a request by itself",
                other.name()
            )));
        }
    };
    let mut value = HeaderValue::try_from(value).map_err(|_| {
        NoCredential::Refused(format!(
            "the credential of `{slot}` cannot stand in a header"
        ))
    })?;
    value.set_sensitive(true);
    headers.insert(header.clone(), value);
    Ok(Applied { header, token })
}
