//! `[target.NAME]`: a connected app, what its plugin may reach, and what its accounts look like.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use muster_core::guard::Share;
use muster_core::id::TargetName;
use muster_core::permission::{HostPattern, PrivateAccess, PrivateGrant, Proxy};
use muster_core::policy::{Adopt, LeaverRules, Prehire, TargetRules};
use muster_core::subject::Subject;

use super::document::{Named, Placed, Section, plain_table};
use super::mistake::UNUSABLE_VALUE;
use super::options as opt;
use super::policy::Places;
use super::secret::{Base, SecretSource};

/// A connected app, ready to be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// Its name.
    pub name: TargetName,
    /// The plugin that speaks to it: `PLUGIN.wasm` in the plugins folder.
    pub plugin: String,
    /// What the plugin is told.
    pub settings: BTreeMap<String, String>,
    /// The hosts that the plugin may reach, as [`HostPattern`] reads them.
    pub hosts: Vec<String>,
    /// What it may reach in private networks all the same, as [`PrivateGrant`] reads it.
    pub allow_private: Vec<String>,
    /// The proxy that leads to its servers.
    pub proxy: Option<Proxy>,
    /// Certificates that are trusted beside the machine's.
    pub ca_file: Option<PathBuf>,
    /// The slot that the first password of a new account comes from.
    pub password_slot: Option<String>,
    /// Credentials by the slot that the plugin asks for.
    pub secrets: BTreeMap<String, Credential>,
    /// What its accounts look like, and what happens to them.
    pub rules: TargetRules,
    /// What it may use.
    pub limits: Limits,
}

/// How the host authenticates to the app. The values stay where they are until they are used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Credential {
    /// `Authorization: Bearer TOKEN`.
    Bearer {
        /// The token.
        token: SecretSource,
    },
    /// `Authorization: Basic ...`.
    Basic {
        /// The user's name.
        user: String,
        /// The password.
        password: SecretSource,
    },
    /// A header of its own.
    Header {
        /// The header's name.
        header: String,
        /// What stands before the value.
        prefix: String,
        /// The value.
        value: SecretSource,
    },
    /// OAuth 2.0 client credentials.
    OAuth2 {
        /// Where tokens are fetched.
        token_url: String,
        /// The client's id.
        client_id: String,
        /// The client's secret.
        client_secret: SecretSource,
        /// Whether id and secret stand in the body and not in the header.
        in_body: bool,
        /// The scopes asked for.
        scopes: Vec<String>,
        /// For whom the token is meant.
        audience: Option<String>,
    },
    /// JWT bearer (RFC 7523), signed with RS256, for a Google service account.
    ServiceAccount {
        /// Google's key file.
        file: SecretSource,
        /// In whose name.
        subject: Option<String>,
        /// The scopes asked for.
        scopes: Vec<String>,
    },
    /// A value that a plugin may put into a request without seeing it.
    Value {
        /// The value.
        value: SecretSource,
    },
    /// A new random password at each use, known to nobody.
    Generated {
        /// Its length in characters.
        length: u32,
    },
    /// A key that the host signs with.
    SigningKey {
        /// The bytes for HMAC, or a private key in PEM.
        key: SecretSource,
    },
    /// JWT bearer (RFC 7523), signed with RS256.
    JwtBearer {
        /// Where tokens are fetched.
        token_url: String,
        /// Who signs.
        issuer: String,
        /// In whose name.
        subject: Option<String>,
        /// For whom the assertion is meant; none: `token_url`.
        audience: Option<String>,
        /// The scopes asked for.
        scopes: Vec<String>,
        /// The private key: PEM, PKCS #8.
        key: SecretSource,
        /// The key's id.
        key_id: Option<String>,
    },
}

impl Credential {
    /// The secret in it; `None` if nothing has to be kept.
    pub fn secret(&self) -> Option<&SecretSource> {
        match self {
            Credential::Bearer { token } => Some(token),
            Credential::Basic { password, .. } => Some(password),
            Credential::Header { value, .. } | Credential::Value { value } => Some(value),
            Credential::OAuth2 { client_secret, .. } => Some(client_secret),
            Credential::JwtBearer { key, .. } | Credential::SigningKey { key } => Some(key),
            Credential::ServiceAccount { file, .. } => Some(file),
            Credential::Generated { .. } => None,
        }
    }
}

/// What a target may use, and how much may be removed there at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Calls that are out at once.
    pub concurrency: u32,
    /// Requests in a minute; none: what the plugin says of the app.
    pub requests_per_minute: Option<u32>,
    /// Accounts that one plan may take something from, of those at the target.
    pub removals: Share,
    /// Attempts before a person is asked.
    pub attempts_max: u32,
    /// Memory of one call, in bytes.
    pub memory_bytes_max: u64,
    /// Longest call.
    pub call_time_max: Duration,
    /// Largest answer of the app, in bytes.
    pub answer_bytes_max: u64,
    /// Largest listing, in bytes.
    pub listing_bytes_max: u64,
    /// How often its accounts are compared with the ledger.
    pub compare_every: Duration,
}

/// Reads `[target.NAME]`; `None` if something was noted that leaves nothing to use. The rules are
/// there in any case, so that a role that names the target is not said to be wrong, too.
pub(super) fn read(
    name: TargetName,
    section: &Section<'_>,
    base: &Base<'_>,
) -> (TargetRules, Option<Target>) {
    let plugin = section.parsed(&opt::TARGET_PLUGIN, plugin_name);
    let settings = plain_table(section.text_table(&opt::TARGET_SETTINGS));
    let hosts = section.texts(&opt::TARGET_HOSTS);
    for host in &hosts {
        check_host(section, host);
    }
    let allow_private = section.texts(&opt::TARGET_PRIVATE);
    for range in &allow_private {
        check_private(section, range);
    }
    check_reach(section, &hosts, &allow_private);
    let secrets = section
        .named("secrets")
        .into_iter()
        .filter_map(|slot| {
            let read = read_credential(&slot.section, base, &hosts)?;
            Some((slot.name.value, read))
        })
        .collect();
    let proxy = section.parsed(&opt::TARGET_PROXY, |text| {
        text.parse::<Proxy>().map_err(|error| error.to_string())
    });
    let ca_file = section.text(&opt::TARGET_CA);
    let account = section.section("account");
    let password_slot = account.parsed(&opt::ACCOUNT_PASSWORD, |slot| {
        let is_there = section.section("secrets").is_written_at(slot);
        let missing = || format!("there is no [{}.secrets.{slot}]", section.path());
        is_there.then(|| slot.to_owned()).ok_or_else(missing)
    });
    let rules = read_rules(section, &account);
    let limits = read_limits(&section.section("limits"));
    section.finish();
    let read = plugin.zip(limits).map(|(plugin, limits)| Target {
        name,
        plugin: plugin.value,
        settings,
        hosts: hosts.into_iter().map(|host| host.value).collect(),
        allow_private: allow_private.into_iter().map(|range| range.value).collect(),
        proxy: proxy.map(|proxy| proxy.value),
        ca_file: ca_file.map(|path| base.join(&path.value)),
        password_slot: password_slot.map(|slot| slot.value),
        secrets,
        rules: rules.clone(),
        limits,
    });
    (rules, read)
}

fn read_rules(section: &Section<'_>, account: &Section<'_>) -> TargetRules {
    let keys = account.text_table(&opt::ACCOUNT_KEYS);
    let attributes = account.text_table(&opt::ACCOUNT_ATTRIBUTES);
    let adopt = match account.choice(&opt::ACCOUNT_ADOPT) {
        "when-keys-agree" => Adopt::WhenKeysAgree,
        _ => Adopt::Never,
    };
    account.finish();
    TargetRules {
        keys: plain_table(keys).into_iter().collect(),
        attributes: plain_table(attributes),
        adopt,
        leaver: read_leaver(&section.section("leaver")),
        prehire: read_prehire(&section.section("prehire")),
    }
}

/// Remembers where the expressions of a target stand, for what the policy says of them later.
pub(super) fn remember_places(name: &TargetName, table: &Named<'_>, places: &mut Places) {
    let subject = Subject::from(name);
    places.add(
        &subject,
        None,
        table.section.mistake_at(table.section.offset()),
    );
    for (text, offset) in table.section.texts_below(&["account", "keys"]) {
        places.add(&subject, Some(&text), table.section.mistake_at(offset));
    }
    for (text, offset) in table.section.texts_below(&["account", "attributes"]) {
        places.add(&subject, Some(&text), table.section.mistake_at(offset));
    }
}

fn plugin_name(text: &str) -> Result<String, String> {
    match TargetName::new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!(
            "\"{text}\" is no plugin's name; write it without `.wasm` and without a folder"
        )),
    }
}

/// Servers and addresses are read by the same parser that later decides about each request.
fn check_host(section: &Section<'_>, host: &Placed<String>) {
    if let Err(error) = HostPattern::parse(&host.value) {
        section.note(
            UNUSABLE_VALUE,
            host.offset,
            format!("`hosts` in [{}]: {error}", section.path()),
            "write for example: hosts = [\"https://crm.example.com\", \"https://*.example.com\"]"
                .to_owned(),
        );
    }
}

fn check_private(section: &Section<'_>, grant: &Placed<String>) {
    if let Err(error) = grant.value.parse::<PrivateGrant>() {
        section.note(
            UNUSABLE_VALUE,
            grant.offset,
            format!("`allow_private` in [{}]: {error}", section.path()),
            "write for example: allow_private = [\"10.1.2.3\", \"10.1.0.0/16\"]".to_owned(),
        );
    }
}

/// A server that is granted in one list and out of reach by the other would refuse every call later.
fn check_reach(section: &Section<'_>, hosts: &[Placed<String>], allow_private: &[Placed<String>]) {
    let grants = allow_private
        .iter()
        .filter_map(|grant| grant.value.parse().ok());
    let access = PrivateAccess::only(grants.collect());
    for host in hosts {
        let pattern = HostPattern::parse(&host.value).ok();
        if let Some(what) = pattern.and_then(|pattern| pattern.refused_by(&access)) {
            section.note(
                UNUSABLE_VALUE,
                host.offset,
                format!(
                    "`hosts` in [{}]: {} is {what}, which `allow_private` does not grant, so that every call would be refused (NET-002)",
                    section.path(),
                    host.value
                ),
                "if that is meant, write for example: allow_private = [\"127.0.0.1\"]".to_owned(),
            );
        }
    }
}

fn read_leaver(section: &Section<'_>) -> LeaverRules {
    let rules = LeaverRules {
        suspend: section.boolean(&opt::LEAVER_SUSPEND),
        end_sessions: section.boolean(&opt::LEAVER_SESSIONS),
        revoke_credentials: section.boolean(&opt::LEAVER_CREDENTIALS),
        transfer_to_manager: section.choice(&opt::LEAVER_TRANSFER) == "manager",
        delete_after: section.duration(&opt::LEAVER_DELETE),
    };
    section.finish();
    rules
}

fn read_prehire(section: &Section<'_>) -> Prehire {
    let create = section.choice(&opt::PREHIRE_CREATE);
    section.finish();
    match create {
        "suspended" => Prehire::Suspended,
        _ => Prehire::Nothing,
    }
}

fn read_limits(section: &Section<'_>) -> Option<Limits> {
    let concurrency = section.number(&opt::LIMIT_CONCURRENCY);
    let requests_per_minute = section.number(&opt::LIMIT_REQUESTS);
    let removals_percent = section.percent(&opt::LIMIT_REMOVALS_PERCENT);
    let removals_floor = section.number(&opt::LIMIT_REMOVALS_FLOOR);
    let attempts_max = section.number(&opt::LIMIT_ATTEMPTS);
    let memory_bytes_max = section.size(&opt::LIMIT_MEMORY);
    let call_time_max = section.duration(&opt::LIMIT_TIME);
    let answer_bytes_max = section.size(&opt::LIMIT_ANSWER);
    let listing_bytes_max = section.size(&opt::LIMIT_LISTING);
    let compare_every = section.duration(&opt::LIMIT_COMPARE);
    section.finish();
    Some(Limits {
        concurrency: concurrency?,
        requests_per_minute,
        removals: Share {
            percent_max: removals_percent?,
            floor: removals_floor?,
        },
        attempts_max: attempts_max?,
        memory_bytes_max,
        call_time_max: call_time_max?,
        answer_bytes_max,
        listing_bytes_max,
        compare_every: compare_every?,
    })
}

/// Every option of a secret slot besides its scheme, and the schemes that it goes with.
const SECRET_OPTIONS: &[(&opt::Opt, &[&str])] = &[
    (&opt::SECRET_TOKEN, &["bearer"]),
    (&opt::SECRET_USER, &["basic"]),
    (&opt::SECRET_PASSWORD, &["basic"]),
    (&opt::SECRET_HEADER, &["header"]),
    (&opt::SECRET_VALUE, &["header", "value"]),
    (&opt::SECRET_PREFIX, &["header"]),
    (&opt::SECRET_TOKEN_URL, &[OAUTH2, JWT]),
    (&opt::SECRET_CLIENT_ID, &[OAUTH2]),
    (&opt::SECRET_CLIENT_SECRET, &[OAUTH2]),
    (&opt::SECRET_CLIENT_AUTH, &[OAUTH2]),
    (&opt::SECRET_SCOPES, &[OAUTH2, JWT]),
    (&opt::SECRET_AUDIENCE, &[OAUTH2, JWT]),
    (&opt::SECRET_SERVICE_ACCOUNT, &[JWT]),
    (&opt::SECRET_ISSUER, &[JWT]),
    (&opt::SECRET_SUBJECT, &[JWT]),
    (&opt::SECRET_KEY, &[JWT, "signing-key"]),
    (&opt::SECRET_KEY_ID, &[JWT]),
    (&opt::SECRET_LENGTH, &["generated"]),
];

const OAUTH2: &str = "oauth2-client-credentials";
const JWT: &str = "jwt-bearer";

/// Reads `[target.NAME.secrets.SLOT]`. A key that does not go with the scheme is said to be out of
/// place and not to be unknown.
fn read_credential(
    section: &Section<'_>,
    base: &Base<'_>,
    hosts: &[Placed<String>],
) -> Option<Credential> {
    let scheme = section.word(&opt::SECRET_SCHEME);
    for (option, schemes) in SECRET_OPTIONS {
        let written = section.raw(option.key);
        // Where the scheme is not known, no key is wrong.
        if let (Some(value), Some(scheme)) = (written, scheme)
            && !schemes.contains(&scheme)
        {
            section.note(
                UNUSABLE_VALUE,
                value.span().start,
                format!(
                    "`{}` in [{}] does not go with scheme \"{scheme}\"",
                    option.key,
                    section.path()
                ),
                format!(
                    "`{}` goes with scheme {}",
                    option.key,
                    schemes.join(" and ")
                ),
            );
        }
    }
    let slot = Slot {
        section,
        base,
        hosts,
    };
    let credential = match scheme? {
        "bearer" => slot
            .secret(&opt::SECRET_TOKEN)
            .map(|token| Credential::Bearer { token }),
        "basic" => slot.basic(),
        "header" => slot.header(),
        "value" => slot
            .secret(&opt::SECRET_VALUE)
            .map(|value| Credential::Value { value }),
        "signing-key" => slot
            .secret(&opt::SECRET_KEY)
            .map(|key| Credential::SigningKey { key }),
        "generated" => {
            let length = section.number(&opt::SECRET_LENGTH);
            length.map(|length| Credential::Generated { length })
        }
        OAUTH2 => slot.oauth2(),
        _ => slot.jwt(),
    };
    section.finish();
    credential
}

/// A secret slot whose scheme is known.
struct Slot<'s, 'a> {
    section: &'s Section<'a>,
    base: &'s Base<'s>,
    /// The servers that are granted to the target.
    hosts: &'s [Placed<String>],
}

impl Slot<'_, '_> {
    fn optional(&self, option: &opt::Opt) -> Option<String> {
        self.section.text(option).map(|text| text.value)
    }

    fn text(&self, option: &opt::Opt) -> Option<String> {
        if self.section.raw(option.key).is_none() {
            self.section.missing(option);
        }
        self.optional(option)
    }

    /// Where tokens are issued: a server that is granted, like any other.
    fn token_url(&self) -> Option<String> {
        if self.section.raw(opt::SECRET_TOKEN_URL.key).is_none() {
            self.section.missing(&opt::SECRET_TOKEN_URL);
        }
        let url = self.section.text(&opt::SECRET_TOKEN_URL)?;
        let granted = self.hosts.iter().map(|host| host.value.as_str());
        let is_granted = granted
            .clone()
            .filter_map(|host| HostPattern::parse(host).ok())
            .any(|host| host.covers(&url.value) == Some(true));
        // What is no address is said where the credential is used.
        if let Some(server) = HostPattern::of_text(&url.value).filter(|_| !is_granted) {
            let server = server.to_string();
            let hosts: Vec<String> = granted
                .chain([server.as_str()])
                .map(|host| format!("{host:?}"))
                .collect();
            self.section.note(
                UNUSABLE_VALUE,
                url.offset,
                format!(
                    "`token_url` in [{}]: {server} is not in `hosts`, so that no token could be fetched (NET-001)",
                    self.section.path()
                ),
                format!("if that is meant, write: hosts = [{}]", hosts.join(", ")),
            );
        }
        Some(url.value)
    }

    fn secret(&self, option: &opt::Opt) -> Option<SecretSource> {
        if self.section.raw(option.key).is_none() {
            self.section.missing(option);
        }
        self.section.secret(option, self.base)
    }

    fn scopes(&self) -> Vec<String> {
        let scopes = self.section.texts(&opt::SECRET_SCOPES);
        scopes.into_iter().map(|scope| scope.value).collect()
    }

    fn basic(&self) -> Option<Credential> {
        let user = self.text(&opt::SECRET_USER);
        let password = self.secret(&opt::SECRET_PASSWORD);
        Some(Credential::Basic {
            user: user?,
            password: password?,
        })
    }

    fn header(&self) -> Option<Credential> {
        let header = self.text(&opt::SECRET_HEADER);
        let value = self.secret(&opt::SECRET_VALUE);
        let prefix = self.optional(&opt::SECRET_PREFIX).unwrap_or_default();
        Some(Credential::Header {
            header: header?,
            prefix,
            value: value?,
        })
    }

    fn oauth2(&self) -> Option<Credential> {
        let token_url = self.token_url();
        let client_id = self.text(&opt::SECRET_CLIENT_ID);
        let client_secret = self.secret(&opt::SECRET_CLIENT_SECRET);
        let in_body = self.section.choice(&opt::SECRET_CLIENT_AUTH) == "body";
        let scopes = self.scopes();
        let audience = self.optional(&opt::SECRET_AUDIENCE);
        Some(Credential::OAuth2 {
            token_url: token_url?,
            client_id: client_id?,
            client_secret: client_secret?,
            in_body,
            scopes,
            audience,
        })
    }

    fn jwt(&self) -> Option<Credential> {
        let subject = self.optional(&opt::SECRET_SUBJECT);
        let scopes = self.scopes();
        if self.section.is_written_at(opt::SECRET_SERVICE_ACCOUNT.key) {
            let file = self.secret(&opt::SECRET_SERVICE_ACCOUNT)?;
            return Some(Credential::ServiceAccount {
                file,
                subject,
                scopes,
            });
        }
        let token_url = self.token_url();
        let issuer = self.text(&opt::SECRET_ISSUER);
        let key = self.secret(&opt::SECRET_KEY);
        Some(Credential::JwtBearer {
            token_url: token_url?,
            issuer: issuer?,
            subject,
            audience: self.optional(&opt::SECRET_AUDIENCE),
            scopes,
            key: key?,
            key_id: self.optional(&opt::SECRET_KEY_ID),
        })
    }
}
