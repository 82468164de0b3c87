//! `[target.NAME]`: a connected app, what its plugin may reach, and what its accounts look like.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_core::guard::Share;
use muster_core::id::TargetName;
use muster_core::policy::{Adopt, LeaverRules, Prehire, TargetRules};
use muster_host::{HostPattern, PrivateGrant};

use super::document::{Named, Placed, Section, plain_table};
use super::options as opt;
use super::policy::Places;
use super::problem::UNUSABLE_VALUE;
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
    /// The secret in it.
    pub fn secret(&self) -> &SecretSource {
        match self {
            Credential::Bearer { token } => token,
            Credential::Basic { password, .. } => password,
            Credential::Header { value, .. } => value,
            Credential::OAuth2 { client_secret, .. } => client_secret,
            Credential::JwtBearer { key, .. } => key,
        }
    }

    /// The scheme's name, as plugins and the configuration write it.
    pub fn scheme(&self) -> &'static str {
        match self {
            Credential::Bearer { .. } => "bearer",
            Credential::Basic { .. } => "basic",
            Credential::Header { .. } => "header",
            Credential::OAuth2 { .. } => "oauth2",
            Credential::JwtBearer { .. } => "jwt-bearer",
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
}

/// Reads `[target.NAME]`; none where something was noted that leaves nothing to use. The rules are
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
    let secrets = section
        .named("secrets")
        .into_iter()
        .filter_map(|slot| Some((slot.name.value, read_credential(&slot.section, base)?)))
        .collect();
    let rules = read_rules(section);
    let limits = read_limits(&section.section("limits"));
    section.finish();
    let read = plugin.zip(limits).map(|(plugin, limits)| Target {
        name,
        plugin: plugin.value,
        settings,
        hosts: hosts.into_iter().map(|host| host.value).collect(),
        allow_private: allow_private.into_iter().map(|range| range.value).collect(),
        secrets,
        rules: rules.clone(),
        limits,
    });
    (rules, read)
}

fn read_rules(section: &Section<'_>) -> TargetRules {
    let account = section.section("account");
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
    let subject = format!("target {name}");
    places.add(
        &subject,
        "",
        table.section.problem_at(table.section.offset()),
    );
    for (text, offset) in table.section.texts_below(&["account", "keys"]) {
        places.add(&subject, &text, table.section.problem_at(offset));
    }
    for (text, offset) in table.section.texts_below(&["account", "attributes"]) {
        places.add(&subject, &text, table.section.problem_at(offset));
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
    })
}

/// Every option of a secret slot.
const SECRET_OPTIONS: &[&opt::Opt] = &[
    &opt::SECRET_TOKEN,
    &opt::SECRET_USER,
    &opt::SECRET_PASSWORD,
    &opt::SECRET_HEADER,
    &opt::SECRET_VALUE,
    &opt::SECRET_PREFIX,
    &opt::SECRET_TOKEN_URL,
    &opt::SECRET_CLIENT_ID,
    &opt::SECRET_CLIENT_SECRET,
    &opt::SECRET_CLIENT_AUTH,
    &opt::SECRET_SCOPES,
    &opt::SECRET_AUDIENCE,
    &opt::SECRET_ISSUER,
    &opt::SECRET_SUBJECT,
    &opt::SECRET_KEY,
    &opt::SECRET_KEY_ID,
];

/// Reads `[target.NAME.secrets.SLOT]`. Every key is asked for whatever the scheme, so that one that
/// does not belong to it is said to be out of place and not to be unknown.
fn read_credential(section: &Section<'_>, base: &Base<'_>) -> Option<Credential> {
    let Some(scheme) = section.word(&opt::SECRET_SCHEME) else {
        // Which keys belong here is not known, so none of them is wrong.
        section.ignore(SECRET_OPTIONS);
        return None;
    };
    let slot = Slot { section, scheme };
    let token = slot.secret(&opt::SECRET_TOKEN, &["bearer"], base);
    let user = slot.text(&opt::SECRET_USER, &["basic"]);
    let password = slot.secret(&opt::SECRET_PASSWORD, &["basic"], base);
    let header = slot.text(&opt::SECRET_HEADER, &["header"]);
    let value = slot.secret(&opt::SECRET_VALUE, &["header"], base);
    let prefix = slot.optional(&opt::SECRET_PREFIX, &["header"]);
    let token_url = slot.text(&opt::SECRET_TOKEN_URL, &["oauth2", "jwt-bearer"]);
    let client_id = slot.text(&opt::SECRET_CLIENT_ID, &["oauth2"]);
    let client_secret = slot.secret(&opt::SECRET_CLIENT_SECRET, &["oauth2"], base);
    let client_auth = section.choice(&opt::SECRET_CLIENT_AUTH);
    let scopes = section.texts(&opt::SECRET_SCOPES);
    let audience = slot.optional(&opt::SECRET_AUDIENCE, &["oauth2", "jwt-bearer"]);
    let issuer = slot.text(&opt::SECRET_ISSUER, &["jwt-bearer"]);
    let subject = slot.optional(&opt::SECRET_SUBJECT, &["jwt-bearer"]);
    let key = slot.secret(&opt::SECRET_KEY, &["jwt-bearer"], base);
    let key_id = slot.optional(&opt::SECRET_KEY_ID, &["jwt-bearer"]);
    section.finish();
    let scopes = scopes.into_iter().map(|scope| scope.value).collect();
    Some(match scheme {
        "bearer" => Credential::Bearer { token: token? },
        "basic" => Credential::Basic {
            user: user?,
            password: password?,
        },
        "header" => Credential::Header {
            header: header?,
            prefix: prefix.unwrap_or_default(),
            value: value?,
        },
        "oauth2" => Credential::OAuth2 {
            token_url: token_url?,
            client_id: client_id?,
            client_secret: client_secret?,
            in_body: client_auth == "body",
            scopes,
            audience,
        },
        _ => Credential::JwtBearer {
            token_url: token_url?,
            issuer: issuer?,
            subject,
            audience,
            scopes,
            key: key?,
            key_id,
        },
    })
}

/// A secret slot whose scheme is known.
struct Slot<'s, 'a> {
    section: &'s Section<'a>,
    scheme: &'static str,
}

impl Slot<'_, '_> {
    fn belongs(&self, option: &opt::Opt, schemes: &[&str]) -> bool {
        let belongs = schemes.contains(&self.scheme);
        if !belongs && let Some(value) = self.section.raw(option.key) {
            self.section.note(
                UNUSABLE_VALUE,
                value.span().start,
                format!(
                    "`{}` in [{}] does not go with scheme \"{}\"",
                    option.key,
                    self.section.path(),
                    self.scheme
                ),
                format!(
                    "`{}` goes with scheme {}",
                    option.key,
                    schemes.join(" and ")
                ),
            );
        }
        belongs
    }

    fn optional(&self, option: &opt::Opt, schemes: &[&str]) -> Option<String> {
        let belongs = self.belongs(option, schemes);
        belongs
            .then(|| self.section.text(option))?
            .map(|text| text.value)
    }

    fn text(&self, option: &opt::Opt, schemes: &[&str]) -> Option<String> {
        if !self.belongs(option, schemes) {
            return None;
        }
        if self.section.raw(option.key).is_none() {
            self.section.missing(option);
        }
        self.section.text(option).map(|text| text.value)
    }

    fn secret(&self, option: &opt::Opt, schemes: &[&str], base: &Base<'_>) -> Option<SecretSource> {
        if !self.belongs(option, schemes) {
            return None;
        }
        if self.section.raw(option.key).is_none() {
            self.section.missing(option);
        }
        self.section.secret(option, base)
    }
}
