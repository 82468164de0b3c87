//! The signed claim of RFC 7523, as Google's and others' token servers take it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::json;

use super::{JwtBearer, key};

/// How long a claim is good, in seconds. Google takes at most an hour.
const CLAIM_SECONDS: i64 = 3600;

/// The claim, signed with RS256.
pub(crate) fn claim(jwt: &JwtBearer, now: Timestamp) -> Result<String, &'static str> {
    let mut header = json!({ "alg": "RS256", "typ": "JWT" });
    if let Some(key_id) = &jwt.key_id {
        header["kid"] = json!(key_id);
    }
    let issued = now.as_second();
    let mut claims = json!({
        "iss": jwt.issuer,
        "aud": jwt.audience.as_ref().unwrap_or(&jwt.token_url),
        "iat": issued,
        "exp": issued + CLAIM_SECONDS,
    });
    if !jwt.scopes.is_empty() {
        claims["scope"] = json!(jwt.scopes.join(" "));
    }
    if let Some(subject) = &jwt.subject {
        claims["sub"] = json!(subject);
    }
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(&claims));
    let signature = key::rs256(jwt.private_key.expose(), signed.as_bytes())?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
