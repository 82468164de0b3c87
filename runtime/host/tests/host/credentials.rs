//! Credentials: put in by the host as each scheme wants it, and never seen by anybody else.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use muster_core::coded::Coded as _;
use muster_core::connector::{Change, Problem};
use muster_host::{
    ClientAuth, ClientCredentials, Credential, HostPattern, JwtBearer, Scheme, Secret, Target,
    TargetError, TargetOptions,
};
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{
    App, Asked, context, desired, failed, guest, host, json_answer, on, target, tell,
};

/// What must not be seen anywhere but in a request to the app.
const CANARY: &str = "canary-5c1e/77+Q\"x";

fn with(app: &App, slot: &str, scheme: Scheme) -> TargetOptions {
    let credentials = BTreeMap::from([(slot.to_owned(), Credential::new(scheme))]);
    TargetOptions {
        credentials,
        ..on(app)
    }
}

fn bearer(token: &str) -> Scheme {
    Scheme::Bearer {
        token: Secret::new(token),
    }
}

fn ask(app: &App) -> Value {
    json!({ "do": "send", "url": app.url("/v1/users"), "credential": "api" })
}

fn client(app: &App, client_auth: ClientAuth) -> Scheme {
    Scheme::Oauth2ClientCredentials(ClientCredentials {
        token_url: app.url("/token"),
        client_id: "muster & co".to_owned(),
        client_secret: Secret::new(CANARY),
        scopes: vec!["read".to_owned(), "write".to_owned()],
        audience: Some("https://api.example.com".to_owned()),
        client_auth,
    })
}

/// An app with a token server: tokens are numbered, and those below `good_from` are refused.
async fn app_with_tokens(good_from: u32) -> App {
    let issued = AtomicU32::new(0);
    App::start(move |asked| {
        if asked.path == "/token" {
            let number = issued.fetch_add(1, Ordering::Relaxed);
            return json_answer(
                200,
                &json!({ "access_token": format!("issued-token-{number}"), "expires_in": 3600 }),
            );
        }
        let number: Option<u32> = asked
            .header("authorization")
            .and_then(|value| value.strip_prefix("Bearer issued-token-"))
            .and_then(|number| number.parse().ok());
        let is_good = number.is_some_and(|number| number >= good_from);
        json_answer(
            if is_good { 200 } else { 401 },
            &json!({ "seen": asked.header("authorization") }),
        )
    })
    .await
}

#[tokio::test]
async fn bearer_basic_and_header_are_put_in_as_they_should_be() {
    let host = host();
    for (scheme, header, value) in [
        (bearer(CANARY), "authorization", format!("Bearer {CANARY}")),
        (
            Scheme::Basic {
                username: "muster".to_owned(),
                password: Secret::new(CANARY),
            },
            "authorization",
            format!("Basic {}", STANDARD.encode(format!("muster:{CANARY}"))),
        ),
        (
            Scheme::Header {
                name: "X-Api-Key".to_owned(),
                value: Secret::new(CANARY),
            },
            "x-api-key",
            CANARY.to_owned(),
        ),
    ] {
        let app = App::echo().await;
        let target = target(&host, with(&app, "api", scheme)).await;
        let shown = tell(&target, ask(&app)).await.unwrap();
        assert_eq!(app.asked()[0].header(header), Some(value.as_str()));
        assert_eq!(shown["status"], 200);
        // The app echoed all headers, and the guest does not see the value.
        let body = shown["body"].as_str().unwrap();
        assert!(
            body.contains("[redacted]") && !body.contains("canary"),
            "{body}"
        );
        assert!(
            !body.contains(&STANDARD.encode(format!("muster:{CANARY}"))),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_guest_cannot_set_the_header_of_the_credential() {
    let host = host();
    let app = App::echo().await;
    let target = target(&host, with(&app, "api", bearer(CANARY))).await;
    let mut what = ask(&app);
    what["headers"] = json!({ "Authorization": "Bearer mine" });
    let shown = tell(&target, what).await.unwrap();
    assert!(
        shown["denied"].as_str().unwrap().contains("NET-003"),
        "{shown}"
    );
    assert!(app.asked().is_empty());
}

#[tokio::test]
async fn client_credentials_fetch_one_token_and_keep_it() {
    let host = host();
    for client_auth in [ClientAuth::Basic, ClientAuth::Form] {
        let app = app_with_tokens(0).await;
        let target = Arc::new(target(&host, with(&app, "api", client(&app, client_auth))).await);
        let calls: Vec<_> = (0..8)
            .map(|_| {
                let (target, what) = (Arc::clone(&target), ask(&app));
                tokio::spawn(async move { tell(&target, what).await.unwrap()["status"].clone() })
            })
            .collect();
        for call in calls {
            assert_eq!(call.await.unwrap(), 200);
        }
        let asked = app.asked();
        let tokens: Vec<&Asked> = asked
            .iter()
            .filter(|asked| asked.path == "/token")
            .collect();
        assert_eq!(tokens.len(), 1);
        let token = tokens[0];
        assert_eq!(
            token.field("grant_type").as_deref(),
            Some("client_credentials")
        );
        assert_eq!(token.field("scope").as_deref(), Some("read write"));
        assert_eq!(
            token.field("audience").as_deref(),
            Some("https://api.example.com")
        );
        match client_auth {
            ClientAuth::Form => {
                assert_eq!(token.field("client_id").as_deref(), Some("muster & co"));
                assert_eq!(token.field("client_secret").as_deref(), Some(CANARY));
            }
            ClientAuth::Basic => {
                let pair = token
                    .header("authorization")
                    .unwrap()
                    .strip_prefix("Basic ")
                    .unwrap();
                let pair = String::from_utf8(STANDARD.decode(pair).unwrap()).unwrap();
                assert_eq!(pair, "muster+%26+co:canary-5c1e%2F77%2BQ%22x");
            }
        }
    }
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let host = host();
    // The first token is no longer good; the second one is.
    let app = app_with_tokens(1).await;
    let target = target(&host, with(&app, "api", client(&app, ClientAuth::Basic))).await;
    let shown = tell(&target, ask(&app)).await.unwrap();
    assert_eq!(shown["status"], 200, "{shown}");
    assert!(!shown.to_string().contains("issued-token"), "{shown}");
    let paths: Vec<String> = app.asked().into_iter().map(|asked| asked.path).collect();
    assert_eq!(paths, ["/token", "/v1/users", "/token", "/v1/users"]);

    // No token is ever good: the guest sees the 401 after one more try.
    let app = app_with_tokens(u32::MAX).await;
    let target =
        crate::support::target(&host, with(&app, "api", client(&app, ClientAuth::Basic))).await;
    assert_eq!(tell(&target, ask(&app)).await.unwrap()["status"], 401);
    assert_eq!(app.asked().len(), 4);
}

#[tokio::test]
async fn a_token_server_that_refuses_is_a_matter_for_it_and_shows_no_secret() {
    let host = host();
    let app = App::start(|asked| {
        let said = format!(
            "unknown secret {}",
            asked.field("client_secret").unwrap_or_default()
        );
        json_answer(
            401,
            &json!({ "error": "invalid_client", "error_description": said }),
        )
    })
    .await;
    let target = target(&host, with(&app, "api", client(&app, ClientAuth::Form))).await;
    let what = json!({ "url": app.url("/v1/users"), "credential": "api" });
    let problem = crate::support::change(&target, what, 1).await.unwrap_err();
    let Problem::Unauthenticated(text) = &problem else {
        panic!("{problem:?}")
    };
    assert!(
        text.contains("NET-008") && text.contains("[redacted]") && !text.contains("canary"),
        "{text}"
    );
}

/// A key that was made for these tests and opens nothing.
pub(crate) fn throwaway_key() -> String {
    let der = include_bytes!("../data/throwaway-rsa.pk8");
    let kind = "PRIVATE KEY";
    format!(
        "-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n",
        STANDARD.encode(der)
    )
}

#[tokio::test]
async fn a_jwt_bearer_claim_is_signed_and_says_what_it_should() {
    let host = host();
    let app = app_with_tokens(0).await;
    let scheme = Scheme::JwtBearer(JwtBearer {
        token_url: app.url("/token"),
        issuer: "muster@project.iam.gserviceaccount.com".to_owned(),
        subject: Some("admin@example.com".to_owned()),
        audience: None,
        scopes: vec!["https://www.googleapis.com/auth/admin.directory.user".to_owned()],
        private_key: Secret::new(throwaway_key()),
        key_id: Some("k1".to_owned()),
    });
    let target = target(&host, with(&app, "api", scheme)).await;
    assert_eq!(tell(&target, ask(&app)).await.unwrap()["status"], 200);
    let asked = app.asked();
    assert_eq!(
        asked[0].field("grant_type").as_deref(),
        Some("urn:ietf:params:oauth:grant-type:jwt-bearer")
    );
    let claim = asked[0].field("assertion").unwrap();
    let parts: Vec<&str> = claim.split('.').collect();
    let json = |part: &str| {
        serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    assert_eq!(
        json(parts[0]),
        json!({ "alg": "RS256", "typ": "JWT", "kid": "k1" })
    );
    let claims = json(parts[1]);
    assert_eq!(claims["iss"], "muster@project.iam.gserviceaccount.com");
    assert_eq!(claims["sub"], "admin@example.com");
    assert_eq!(claims["aud"], app.url("/token"));
    assert_eq!(
        claims["scope"],
        "https://www.googleapis.com/auth/admin.directory.user"
    );
    let issued = claims["iat"].as_i64().unwrap();
    assert_eq!(claims["exp"].as_i64().unwrap() - issued, 3600);
    assert!((issued - jiff::Timestamp::now().as_second()).abs() < 60);
    let public = ring::signature::UnparsedPublicKey::new(
        &ring::signature::RSA_PKCS1_2048_8192_SHA256,
        include_bytes!("../data/throwaway-rsa.pub"),
    );
    let signed = format!("{}.{}", parts[0], parts[1]);
    public
        .verify(
            signed.as_bytes(),
            &URL_SAFE_NO_PAD.decode(parts[2]).unwrap(),
        )
        .unwrap();
}

#[tokio::test]
async fn a_placeholder_becomes_the_secret_on_the_way_out_only() {
    let host = host();
    let app = App::echo().await;
    let options = with(
        &app,
        "password",
        Scheme::Value {
            value: Secret::new(CANARY),
        },
    );
    let target = target(&host, options).await;
    let what = json!({
        "do": "send-placeholder", "slot": "password", "method": "POST", "url": app.url("/"),
        "headers": { "content-type": "application/json" }, "body": r#"{"password":"{}"}"#,
    });
    let shown = tell(&target, what).await.unwrap();
    let sent: Value = serde_json::from_str(&app.asked()[0].body).unwrap();
    assert_eq!(sent["password"], CANARY);
    assert!(!shown.to_string().contains("canary"), "{shown}");
}

#[tokio::test]
async fn a_generated_password_goes_to_the_app_and_to_nobody_else() {
    let host = host();
    let app = App::echo().await;
    let mut options = with(&app, "password", Scheme::Generated { length: 24 });
    options.password_slot = Some("password".to_owned());
    options
        .settings
        .insert("base.url".to_owned(), app.url("/users"));
    let target = target(&host, options).await;
    let desired = desired(None, Vec::new());
    for number in 1..=2 {
        target
            .change(&Change::EnsureAccount(desired.clone()), &context(number))
            .await
            .unwrap();
    }
    let passwords: Vec<Value> = app
        .asked()
        .iter()
        .map(|asked| serde_json::from_str::<Value>(&asked.body).unwrap()["password"].clone())
        .collect();
    assert!(
        passwords
            .iter()
            .all(|password| password.as_str().unwrap().len() == 24),
        "{passwords:?}"
    );
    assert_ne!(passwords[0], passwords[1]);
    assert_eq!(app.asked()[1].header("idempotency-key"), Some("1-2"));
}

#[tokio::test]
async fn a_secret_goes_only_to_the_servers_that_it_is_for() {
    let host = host();
    let (app, other) = (App::echo().await, App::echo().await);
    let mut options = with(&app, "api", bearer(CANARY));
    options
        .hosts
        .push(HostPattern::parse(&other.base()).unwrap());
    options.credentials.get_mut("api").unwrap().hosts =
        vec![HostPattern::parse(&app.base()).unwrap()];
    let target = target(&host, options).await;
    assert_eq!(tell(&target, ask(&app)).await.unwrap()["status"], 200);
    let shown = tell(&target, ask(&other)).await.unwrap();
    assert!(
        shown["denied"].as_str().unwrap().contains("NET-004"),
        "{shown}"
    );
    assert!(other.asked().is_empty());
}

#[tokio::test]
async fn an_issued_secret_is_sealed_before_the_guest_sees_it() {
    let host = host();
    let app = App::start(|_| {
        json_answer(
            201,
            &json!({ "id": "k1", "key": { "value": CANARY }, "again": CANARY }),
        )
    })
    .await;
    let target = target(&host, on(&app)).await;
    let what =
        json!({ "do": "send", "method": "POST", "url": app.url("/keys"), "seal": "/key/value" });
    let shown = tell(&target, what.clone()).await.unwrap();
    let body: Value = serde_json::from_str(shown["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["again"], "[redacted]");
    let handle = body["key"]["value"].as_str().unwrap();
    assert_eq!(target.take_sealed(handle).unwrap().expose(), CANARY);
    assert!(target.take_sealed(handle).is_none());
    let mut elsewhere = what;
    elsewhere["seal"] = json!("/nothing/there");
    let shown = tell(&target, elsewhere).await.unwrap();
    assert!(shown["no-reply"].is_string(), "{shown}");
}

#[tokio::test]
async fn a_guest_signs_without_the_key() {
    let host = host();
    let app = App::echo().await;
    let target = target(
        &host,
        with(
            &app,
            "hook",
            Scheme::SigningKey {
                key: Secret::new("Jefe-longer"),
            },
        ),
    )
    .await;
    let what = json!({ "do": "sign", "slot": "hook", "algorithm": "hmac-sha256", "data": "hello" });
    let shown = tell(&target, what).await.unwrap();
    let expected = ring::hmac::sign(
        &ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"Jefe-longer"),
        b"hello",
    );
    assert_eq!(shown["bytes"], json!(expected.as_ref()));
    let unknown =
        json!({ "do": "sign", "slot": "nobody", "algorithm": "hmac-sha256", "data": "hello" });
    assert!(
        tell(&target, unknown).await.unwrap()["error"]
            .as_str()
            .unwrap()
            .contains("NET-004")
    );
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;

    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}

#[tokio::test]
async fn the_canary_is_in_no_reply_log_or_error() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let host = host();
    let app = App::echo().await;
    let plain = "canary-7f3a-plain";
    let target = target(&host, with(&app, "api", bearer(plain))).await;
    let mut seen = vec![tell(&target, ask(&app)).await.unwrap().to_string()];
    // The app hands the value to the guest in an error page, and the guest logs what it has.
    let shown = tell(
        &target,
        json!({ "do": "log", "text": format!("I saw {plain}") }),
    )
    .await
    .unwrap();
    seen.push(shown.to_string());
    let (text, _) = failed(tell(&target, json!({ "do": "panic" })).await.unwrap_err());
    seen.push(text);
    let elsewhere =
        json!({ "do": "send", "url": "https://elsewhere.example/", "credential": "api" });
    seen.push(tell(&target, elsewhere).await.unwrap().to_string());
    drop(guard);
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("I saw [redacted]"), "{logged}");
    seen.push(logged);
    for text in seen {
        assert!(!text.contains("canary"), "{text}");
    }
    assert!(
        app.asked()[0]
            .header("authorization")
            .unwrap()
            .contains(plain)
    );
}

#[tokio::test]
async fn a_target_says_at_once_what_is_missing_or_wrong() {
    let host = host();
    let app = App::echo().await;
    let plugin = host.load(guest("puppet")).await.unwrap();
    let refused = |options: TargetOptions| {
        let slot = Arc::new(muster_host::Slot::new(Arc::clone(&plugin)));
        let error = Target::new(&host, slot, options)
            .err()
            .expect("it should be refused");
        assert!(!error.to_string().contains("canary"), "{error}");
        (error.code().to_string(), error.to_string())
    };
    let setting = |key: &str, value: &str| TargetOptions {
        settings: BTreeMap::from([(key.to_owned(), value.to_owned())]),
        ..on(&app)
    };
    let (code, text) = refused(setting("color", "red"));
    assert!(
        code == "PLG-010" && text.contains("did you mean `colour`?"),
        "{text}"
    );
    let (code, text) = refused(setting("base.url", "nowhere"));
    assert!(code == "PLG-010" && text.contains("address"), "{text}");
    let (code, text) = refused(with(&app, "pai", bearer(CANARY)));
    assert!(code == "PLG-011" && text.contains("it has api"), "{text}");
    let (code, text) = refused(with(&app, "password", bearer(CANARY)));
    assert!(code == "PLG-011" && text.contains("takes value"), "{text}");
    let (code, _) = refused(with(&app, "api", bearer("canary\nline")));
    assert_eq!(code, "PLG-011");
    let missing = TargetOptions {
        ca_file: Some("/nowhere/ca.pem".into()),
        ..on(&app)
    };
    assert_eq!(refused(missing).0, "NET-007");
    let too_much = muster_host::CallLimits {
        memory_bytes: 1 << 40,
        ..muster_host::CallLimits::default()
    };
    assert_eq!(
        refused(TargetOptions {
            limits: too_much,
            ..on(&app)
        })
        .0,
        "PLG-012"
    );
    assert!(matches!(
        Target::new(
            &host,
            Arc::new(muster_host::Slot::new(plugin)),
            setting("colour", "red")
        ),
        Ok(_) | Err(TargetError::Limit { .. })
    ));
}

#[tokio::test]
async fn c44_a_guest_chooses_neither_the_encoding_nor_the_part_of_a_reply() {
    let host = host();
    let app = App::echo().await;
    let target = target(&host, with(&app, "api", bearer(CANARY))).await;
    for header in [
        "Accept-Encoding",
        "accept-charset",
        "Content-Encoding",
        "Range",
        "if-range",
        "Request-Range",
        "A-IM",
        "TE",
    ] {
        let mut what = ask(&app);
        what["headers"] = json!({ header: "gzip" });
        let shown = tell(&target, what).await.unwrap();
        let denied = shown["denied"].as_str().unwrap_or_default();
        assert!(denied.contains("NET-003"), "{header}: {shown}");
    }
    assert!(app.asked().is_empty());
    tell(&target, ask(&app)).await.unwrap();
    assert_eq!(app.asked()[0].header("accept-encoding"), Some("identity"));
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn encoded(encoding: &str, body: Vec<u8>) -> crate::support::Answer {
    http::Response::builder()
        .status(200)
        .header("content-encoding", encoding)
        .body(http_body_util::Full::new(body.into()))
        .unwrap()
}

#[tokio::test]
async fn c44_a_reply_that_comes_encoded_unasked_is_decoded_and_searched() {
    let host = host();
    let echo = gzipped(r#"{"token":"somebody else's"}"#);
    let bomb = gzipped(&"x".repeat(64 << 20));
    let app = App::start(move |asked| match asked.path.as_str() {
        "/bomb" => encoded("gzip", bomb.clone()),
        "/brotli" => encoded("br", vec![1, 2, 3]),
        "/not" => encoded("gzip", b"plain text".to_vec()),
        _ => encoded("gzip", echo.clone()),
    })
    .await;
    let target = target(&host, with(&app, "api", bearer("canary-5c1e-in-gzip"))).await;
    let shown = tell(&target, ask(&app)).await.unwrap();
    assert_eq!(shown["body"], r#"{"token":"somebody else's"}"#);
    let told = |path: &str| json!({ "do": "send", "url": app.url(path) });
    let shown = tell(&target, told("/bomb")).await.unwrap();
    assert!(
        shown["too-large"].as_str().unwrap().contains("NET-005"),
        "{shown}"
    );
    for (path, says) in [("/brotli", "`br`"), ("/not", "`gzip`")] {
        let shown = tell(&target, told(path)).await.unwrap();
        let text = shown["no-reply"].as_str().unwrap_or_default();
        assert!(text.contains("NET-020") && text.contains(says), "{shown}");
    }
}

#[tokio::test]
async fn c44_a_secret_in_an_encoded_reply_is_not_seen() {
    let host = host();
    let app = App::start(|asked| {
        let said = asked.header("authorization").unwrap_or_default();
        encoded("gzip", gzipped(&format!("you said {said}")))
    })
    .await;
    let target = target(&host, with(&app, "api", bearer("canary-5c1e-in-gzip"))).await;
    let shown = tell(&target, ask(&app)).await.unwrap();
    assert_eq!(shown["body"], "you said Bearer [redacted]");
}

#[tokio::test]
async fn c44_a_made_up_password_is_not_seen_in_a_later_call_either() {
    let folder = tempfile::tempdir().unwrap();
    let made = |_: u32| {
        muster_host::Host::new(muster_host::HostOptions {
            generated: Some(folder.path().join("generated")),
            ..muster_host::HostOptions::default()
        })
        .unwrap()
    };
    // The app keeps what it was told last, and shows it whole, cut off and in Base64.
    let kept = Arc::new(Mutex::new(String::new()));
    let told = Arc::clone(&kept);
    let app = App::start(move |asked| {
        let mut kept = told.lock().unwrap();
        if !asked.body.is_empty() {
            let sent: Value = serde_json::from_str(&asked.body).unwrap();
            *kept = sent["nickName"].as_str().unwrap().to_owned();
        }
        json_answer(
            200,
            &json!({
                "nickName": kept.as_str(), "cut": &kept[..kept.len() - 9],
                "basic": STANDARD.encode(format!("ann:{kept}")),
            }),
        )
    })
    .await;
    let options = with(&app, "password", Scheme::Generated { length: 32 });
    let first = made(1);
    let target_of = async |host: &muster_host::Host| target(host, options.clone()).await;
    let what = json!({
        "do": "send-placeholder", "slot": "password", "method": "POST", "url": app.url("/users"),
        "headers": { "content-type": "application/json" }, "body": r#"{"nickName":"{}"}"#,
    });
    let target = target_of(&first).await;
    tell(&target, what).await.unwrap();
    let password = kept.lock().unwrap().clone();
    assert_eq!(password.len(), 32);
    // In a later call, after the target was connected anew, and after the daemon was started again.
    let read = json!({ "do": "send", "url": app.url("/users") });
    let (again, second) = (target_of(&first).await, made(2));
    let restarted = target_of(&second).await;
    for target in [&target, &again, &restarted] {
        let shown = tell(target, read.clone()).await.unwrap().to_string();
        let basic = STANDARD.encode(format!("ann:{password}"));
        assert!(shown.contains("[redacted]"), "{shown}");
        assert!(
            !shown.contains(&password[..12]) && !shown.contains(&basic[8..24]),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn c48_a_token_server_that_is_not_granted_is_refused_with_the_line_that_grants_it() {
    let host = host();
    let app = App::echo().await;
    let plugin = host.load(guest("puppet")).await.unwrap();
    for scheme in ["https", "http"] {
        let mut elsewhere = client(&app, ClientAuth::Basic);
        if let Scheme::Oauth2ClientCredentials(client) = &mut elsewhere {
            client.token_url = format!("{scheme}://login.example.com/token");
        }
        let slot = Arc::new(muster_host::Slot::new(Arc::clone(&plugin)));
        let Err(error) = Target::new(&host, slot, with(&app, "api", elsewhere)) else {
            panic!("{scheme}: a token would be fetched elsewhere");
        };
        assert_eq!(error.code().as_str(), "NET-001");
        let line = format!(
            r#"hosts = ["{}", "{scheme}://login.example.com"]"#,
            app.base()
        );
        assert!(error.to_string().contains(&line), "{error}");
    }
}
