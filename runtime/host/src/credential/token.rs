//! Tokens that are fetched: one per slot, kept until shortly before it expires, fetched once however
//! many calls wait for it.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, StatusCode};
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::{ClientAuth, ClientCredentials, JwtBearer, NoCredential, Scheme, Secret, jwt};
use crate::failure::cut_to;
use crate::http::client::{Allowance, Departures, Fault, Reply};
use crate::target_context::TargetContext;

/// What holds for a token whose server does not say how long it is good.
const LIFE_BY_DEFAULT: Duration = Duration::from_mins(5);

/// A token is fetched anew this long before it expires.
const MARGIN: Duration = Duration::from_secs(30);

/// Largest reply of a token server, in bytes.
const REPLY_BYTES_MAX: usize = 256 << 10;

/// How long a token server may take.
const TIME: Duration = Duration::from_secs(15);

/// The tokens of one target, by slot.
#[derive(Default)]
pub(crate) struct Tokens(BTreeMap<String, Mutex<Option<Token>>>);

struct Token {
    value: Secret,
    good_until: Instant,
}

#[derive(serde::Deserialize)]
struct Issued {
    access_token: Option<String>,
    #[serde(default)]
    expires_in: Option<serde_json::Value>,
    #[serde(default)]
    error: Option<serde_json::Value>,
    #[serde(default)]
    error_description: Option<String>,
}

impl Tokens {
    pub(crate) fn for_slots(slots: impl Iterator<Item = String>) -> Self {
        Self(slots.map(|slot| (slot, Mutex::new(None))).collect())
    }

    /// The slot's token; `unusable` is one that the app has just refused.
    pub(crate) async fn get(
        &self,
        context: &TargetContext,
        slot: &str,
        scheme: &Scheme,
        unusable: Option<&Secret>,
    ) -> Result<Secret, NoCredential> {
        let Some(place) = self.0.get(slot) else {
            return Err(NoCredential::Refused(format!(
                "the slot `{slot}` holds no credential"
            )));
        };
        let mut kept = place.lock().await;
        if let Some(token) = kept.as_ref()
            && token.good_until > Instant::now()
            && unusable != Some(&token.value)
        {
            return Ok(token.value.clone());
        }
        *kept = None;
        let token = fetch(context, scheme).await?;
        context.redactor.learn_token(token.value.expose());
        let value = token.value.clone();
        *kept = Some(token);
        Ok(value)
    }
}

async fn fetch(context: &TargetContext, scheme: &Scheme) -> Result<Token, NoCredential> {
    let (token_url, request) = match scheme {
        Scheme::Oauth2ClientCredentials(client) => (&client.token_url, client_request(client)?),
        Scheme::JwtBearer(jwt) => (&jwt.token_url, jwt_request(context, jwt)?),
        other => {
            let text = format!("a `{}` credential has no token", other.name());
            return Err(NoCredential::Refused(text));
        }
    };
    let url = Url::parse(token_url).map_err(|_| unusable_url())?;
    if !context.grants(&url) {
        return Err(NoCredential::NotGranted(context.denied_host(&url)));
    }
    let allowed = Allowance {
        time: TIME,
        reply_bytes: REPLY_BYTES_MAX,
    };
    let host = url.host_str().unwrap_or_default();
    let Some(client) = context.wire.client() else {
        let text = "no token is fetched while a tape is played".to_owned();
        return Err(NoCredential::Unreachable(text));
    };
    match client
        .exchange(request, allowed, &Departures::default())
        .await
    {
        Ok(reply) => read(context, host, &reply),
        Err(Fault::Private { text, .. }) => Err(NoCredential::Private {
            host: host.to_owned(),
            text,
        }),
        Err(Fault::Certificate { text, is_unknown }) => Err(NoCredential::Unreachable(format!(
            "the token server {host} gave no token: {}",
            context.untrusted(&text, is_unknown)
        ))),
        Err(Fault::NotSent(text) | Fault::SentNoReply(text) | Fault::TooLarge(text)) => Err(
            NoCredential::Unreachable(format!("the token server {host} gave no token: {text}")),
        ),
    }
}

fn unusable_url() -> NoCredential {
    NoCredential::Refused("the token URL is no address".to_owned())
}

fn client_request(client: &ClientCredentials) -> Result<Request<Bytes>, NoCredential> {
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    if !client.scopes.is_empty() {
        form.append_pair("scope", &client.scopes.join(" "));
    }
    if let Some(audience) = &client.audience {
        form.append_pair("audience", audience);
    }
    let authorization = match client.client_auth {
        ClientAuth::Form => {
            form.append_pair("client_id", &client.client_id);
            form.append_pair("client_secret", client.client_secret.expose());
            None
        }
        ClientAuth::Basic => {
            // RFC 6749 section 2.3.1: both are form-encoded before they become user and password.
            let part = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
            let pair = format!(
                "{}:{}",
                part(&client.client_id),
                part(client.client_secret.expose())
            );
            Some(format!("Basic {}", STANDARD.encode(pair)))
        }
    };
    post(&client.token_url, form.finish(), authorization)
}

fn jwt_request(context: &TargetContext, jwt: &JwtBearer) -> Result<Request<Bytes>, NoCredential> {
    let claim = jwt::claim(jwt, (context.clock)()).map_err(|reason| {
        NoCredential::Refused(format!("the claim could not be signed: {reason}"))
    })?;
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
    form.append_pair("assertion", &claim);
    post(&jwt.token_url, form.finish(), None)
}

fn post(
    url: &str,
    form: String,
    authorization: Option<String>,
) -> Result<Request<Bytes>, NoCredential> {
    let mut request = Request::post(url)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(ACCEPT, "application/json")
        .header(ACCEPT_ENCODING, "identity")
        .body(Bytes::from(form))
        .map_err(|_| unusable_url())?;
    if let Some(authorization) = authorization {
        let mut value = HeaderValue::try_from(authorization).map_err(|_| unusable_url())?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    Ok(request)
}

fn read(context: &TargetContext, host: &str, reply: &Reply) -> Result<Token, NoCredential> {
    let issued = serde_json::from_slice::<Issued>(&reply.body).ok();
    let is_theirs = reply.status.is_server_error() || reply.status == StatusCode::TOO_MANY_REQUESTS;
    if is_theirs {
        let text = format!("the token server {host} answered {}", reply.status.as_u16());
        return Err(NoCredential::Unreachable(text));
    }
    let Some(issued) = issued else {
        let text = format!(
            "the token server {host} answered {} and not with a token",
            reply.status.as_u16()
        );
        return Err(NoCredential::Refused(text));
    };
    if let (true, Some(value)) = (reply.status.is_success(), issued.access_token) {
        let life = match &issued.expires_in {
            Some(serde_json::Value::Number(seconds)) => seconds.as_u64(),
            Some(serde_json::Value::String(seconds)) => seconds.parse().ok(),
            _ => None,
        };
        let life = life
            .map_or(LIFE_BY_DEFAULT, Duration::from_secs)
            .min(Duration::from_hours(24));
        let margin = MARGIN.min(life / 2);
        return Ok(Token {
            value: Secret::new(value),
            good_until: Instant::now() + life.saturating_sub(margin),
        });
    }
    let said = issued
        .error_description
        .or(issued.error.map(|error| error.to_string()))
        .unwrap_or_default();
    let said = cut_to(&context.redactor.text(said, &[]), 300);
    Err(NoCredential::Refused(format!(
        "the token server {host} refused with {}: {said}",
        reply.status.as_u16()
    )))
}
