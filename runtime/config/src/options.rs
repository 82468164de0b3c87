//! Every option that `muster.toml` and the policy files know, said once: where it stands, what it
//! takes, what holds without it, and what it is for. The reader takes defaults from here, an unknown
//! key is compared with these names, and `docs/guides/configuration.md` is made from this list.

/// One option.
#[derive(Debug)]
pub struct Opt {
    /// The table it stands in, with `NAME` where the table's name is chosen by the user.
    pub table: &'static str,
    /// Its key.
    pub key: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// What holds without it.
    pub default: Default,
    /// What it is for: sentences.
    pub doc: &'static str,
    /// A value as it would be written.
    pub example: &'static str,
}

/// What an option takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Takes {
    /// Any text.
    Text,
    /// A file or folder, relative to `muster.toml`.
    Path,
    /// `true` or `false`.
    Boolean,
    /// A whole number between two limits, both included.
    Number(u32, u32),
    /// A duration such as `"30s"`.
    Duration,
    /// A size such as `"20MiB"`.
    Size,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of texts.
    Texts,
    /// An address with a port, such as `"127.0.0.1:8460"`.
    Address,
    /// A zone of the IANA database, such as `"Europe/Berlin"`.
    Zone,
    /// A column of the file, by its header; several are tried in turn.
    Columns,
    /// An expression in CEL over the attributes of a person.
    Expression,
    /// A table of its own, in these words.
    Table(&'static str),
    /// A secret: where it is, never what it is.
    Secret,
    /// Several secrets.
    Secrets,
}

impl Takes {
    /// In words: what a person would have to write.
    pub fn words(self) -> String {
        match self {
            Takes::Text => "a text".to_owned(),
            Takes::Path => "a path".to_owned(),
            Takes::Boolean => "`true` or `false`".to_owned(),
            Takes::Number(min, max) => format!("a whole number from {min} to {max}"),
            Takes::Duration => "a duration such as \"30s\", \"5m\", \"2h\" or \"30d\"".to_owned(),
            Takes::Size => "a size such as \"512KiB\" or \"20MiB\"".to_owned(),
            Takes::Choice(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
                match words.split_last() {
                    Some((last, rest)) if !rest.is_empty() => {
                        format!("{} or {last}", rest.join(", "))
                    }
                    _ => words.concat(),
                }
            }
            Takes::Texts => "a list of texts".to_owned(),
            Takes::Address => "an address with a port, such as \"127.0.0.1:8460\"".to_owned(),
            Takes::Zone => "a time zone such as \"Europe/Berlin\" or \"UTC\"".to_owned(),
            Takes::Columns => "a column's header, or a list of headers".to_owned(),
            Takes::Expression => "an expression".to_owned(),
            Takes::Table(words) => words.to_owned(),
            Takes::Secret => "{ file = \"PATH\" } or { env = \"VARIABLE\" }".to_owned(),
            Takes::Secrets => "a list of { file = \"PATH\" } or { env = \"VARIABLE\" }".to_owned(),
        }
    }
}

/// What holds without an option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Default {
    /// It has to be written.
    Required,
    /// This value, as it would be written without quotes.
    Is(&'static str),
    /// Nothing, in these words.
    None(&'static str),
}

macro_rules! options {
    ($($(#[doc = $doc:literal])+ $name:ident = [$table:literal] $key:literal, $takes:expr, $default:expr, $example:literal;)+) => {
        $(
            $(#[doc = $doc])+
            pub const $name: Opt = Opt {
                table: $table,
                key: $key,
                takes: $takes,
                default: $default,
                doc: concat!($($doc),+),
                example: $example,
            };
        )+

        /// All of them, in the order of the reference.
        pub const ALL: &[&Opt] = &[$(&$name),+];
    };
}

options! {
    /// The folder of everything that Muster writes: the ledger, the files that HR sent, the plugin
    /// cache and the socket of the command line. Back up this folder. Only the daemon's own user can
    /// enter it.
    DATA = ["daemon"] "data", Takes::Path, Default::Is("data"), "\"/var/lib/muster\"";
    /// The folder of the connector plugins. A file that is replaced here is taken into service while
    /// the daemon runs.
    PLUGINS = ["daemon"] "plugins", Takes::Path, Default::Is("plugins"), "\"plugins\"";
    /// The folder of the policy: every `*.toml` file in it is read, in the order of the names.
    POLICY = ["daemon"] "policy", Takes::Path, Default::Is("policy"), "\"policy\"";
    /// What becomes of an edited policy that changes what somebody has: `"ask"` has it wait until a person
    /// has seen whom it hits (`muster apply`), `"within-limits"` lets it decide at once as long as no limit
    /// is exceeded. One that changes nothing for anybody decides at once in either case.
    POLICY_APPLY = ["daemon"] "policy_apply", Takes::Choice(&["ask", "within-limits"]), Default::Is("ask"), "\"within-limits\"";
    /// Where hooks, health checks and metrics are answered; `"off"` for nowhere. Hooks are signed, but
    /// this door speaks plain HTTP: put a TLS proxy before it to reach it from another machine.
    LISTEN = ["daemon"] "listen", Takes::Address, Default::Is("127.0.0.1:8460"), "\"127.0.0.1:8460\"";
    /// What is logged: a level (`error`, `warn`, `info`, `debug`, `trace`), or levels by module such as
    /// `"info,muster_daemon::driver=debug"`.
    LOG = ["daemon"] "log", Takes::Text, Default::Is("info"), "\"info\"";
    /// How log lines are written on stderr.
    LOG_FORMAT = ["daemon"] "log_format", Takes::Choice(&["text", "json"]), Default::Is("text"), "\"json\"";
    /// Over how long it is counted who leaves, who comes back and which accounts lose something, before
    /// `[feed.NAME.guard]` and `[target.NAME.limits]` say that it is too much.
    BUDGET_WINDOW = ["daemon"] "budget_window", Takes::Duration, Default::Is("7d"), "\"7d\"";
    /// The largest HR file or hook delivery that is read.
    FILE_MAX = ["daemon"] "file_max", Takes::Size, Default::Is("256MiB"), "\"256MiB\"";

    /// Of the people of a department (the attribute `department` of any feed), how many in a hundred may lose something,
    /// or have their last day announced, within `budget_window` before what comes is held: files, events, dates and edits
    /// of the policy together. Of this and the limits of feeds and targets the strictest counts.
    DEPARTMENT_PERCENT = ["budget.department"] "losing_percent_max", Takes::Number(0, 100), Default::Is("30"), "20";
    /// As many people of a department as this never stop anything by themselves, however small it is.
    DEPARTMENT_FLOOR = ["budget.department"] "losing_floor", Takes::Number(0, 1_000_000), Default::Is("10"), "5";
    /// More people of a department than this are always held, however large it is.
    DEPARTMENT_MAX = ["budget.department"] "losing_max", Takes::Number(1, 1_000_000), Default::None("no such limit"), "100";
    /// Of the people who have something because of a role, how many in a hundred may lose the role, or have their last
    /// day announced, within `budget_window` before what comes is held. Whom it costs nothing is not counted: another
    /// role gives them the same.
    ROLE_PERCENT = ["budget.role"] "losing_percent_max", Takes::Number(0, 100), Default::Is("30"), "20";
    /// As many people as this never stop anything by themselves, however few have the role.
    ROLE_FLOOR = ["budget.role"] "losing_floor", Takes::Number(0, 1_000_000), Default::Is("10"), "5";
    /// More people than this are always held, however many have the role.
    ROLE_MAX = ["budget.role"] "losing_max", Takes::Number(1, 1_000_000), Default::None("no such limit"), "100";

    /// The folder that HR drops files into. Muster makes `processed`, `held` and `rejected` beside what
    /// is dropped, and puts each file there with a report.
    FEED_FOLDER = ["feed.NAME"] "folder", Takes::Path, Default::Required, "\"feeds/hr\"";
    /// The names of the files that the feed takes: `*` stands for any characters, `?` for one, and case
    /// does not count. Others are left alone and remarked. What editors, copies in progress and checksums
    /// are called is never read.
    FEED_FILES = ["feed.NAME"] "files", Takes::Text, Default::Is("*"), "\"workers*.csv\"";
    /// What a file says: `snapshot`, everybody that there is, so that somebody who is missing has left;
    /// or `changes`, only what changed, so that who is missing stays as they are.
    FEED_KIND = ["feed.NAME"] "kind", Takes::Choice(&["snapshot", "changes"]), Default::Is("snapshot"), "\"snapshot\"";
    /// The zone in which the dates of the file are meant: a first day begins, and a last day ends, at
    /// midnight there. `zone` in the mapping says it person by person.
    FEED_ZONE = ["feed.NAME"] "time_zone", Takes::Zone, Default::Required, "\"Europe/Berlin\"";
    /// How long a file must not have changed before it is read. A file that is moved into the folder is
    /// read at once.
    FEED_QUIET = ["feed.NAME"] "quiet", Takes::Duration, Default::Is("1s"), "\"5s\"";
    /// Names that this feed had before in muster.toml. Its people keep what is theirs under the new name; once
    /// the daemon has run with it, it can be left out.
    FEED_RENAMED = ["feed.NAME"] "renamed_from", Takes::Texts, Default::None("it had no other name"), "[\"hr\"]";
    /// Whether the feed is used no more. Its people count as having left, within the limits at once and
    /// beyond them once somebody approved it (`muster apply`); everything else in the section is ignored.
    FEED_RETIRED = ["feed.NAME"] "retired", Takes::Boolean, Default::Is("false"), "true";
    /// How often the folder is looked at besides the notices of the operating system, which network
    /// file systems do not give.
    FEED_POLL = ["feed.NAME"] "poll", Takes::Duration, Default::Is("30s"), "\"30s\"";

    /// The character between two cells; `auto` takes the one that makes the header widest.
    CSV_DELIMITER = ["feed.NAME.csv"] "delimiter", Takes::Choice(&["auto", ",", ";", "tab", "|"]), Default::Is("auto"), "\";\"";
    /// The encoding. `auto` knows UTF-8 and UTF-16 by themselves and takes anything else for
    /// Windows-1252; name one from the WHATWG list to be sure.
    CSV_ENCODING = ["feed.NAME.csv"] "encoding", Takes::Text, Default::Is("auto"), "\"windows-1252\"";
    /// A closing row that proves the file whole: the text of its first cell, with `{count}` where the
    /// number of rows stands. A file without it is taken for one that was cut off.
    CSV_TRAILER = ["feed.NAME.csv"] "trailer", Takes::Text, Default::None("no closing row is expected"), "\"Total records: {count}\"";
    /// Whether the last row has to end with a line break. With it, every cut inside a row is found.
    CSV_LAST_LINE_BREAK = ["feed.NAME.csv"] "last_line_break", Takes::Boolean, Default::Is("true"), "false";
    /// Most rows of a file.
    CSV_ROWS_MAX = ["feed.NAME.csv"] "rows_max", Takes::Number(1, 100_000_000), Default::Is("5000000"), "200000";

    /// The column of the key that HR never changes and never gives to somebody else: the worker's
    /// number, not the e-mail address. Taken as written; leading zeros count.
    MAP_KEY = ["feed.NAME.mapping"] "key", Takes::Columns, Default::Required, "\"WorkerID\"";
    /// The column of the place of work, where people work in several zones: an IANA name, or a word that
    /// `zones` names. An empty cell means `time_zone`.
    MAP_ZONE = ["feed.NAME.mapping"] "zone", Takes::Columns, Default::None("everybody is in `time_zone`"), "\"Location\"";
    /// Which words in the column of the place of work mean which zone.
    MAP_ZONES = ["feed.NAME.mapping"] "zones", Takes::Table("a table of zones by word"), Default::None("the column has IANA names"), "{ \"Munich\" = \"Europe/Berlin\" }";
    /// The column of the first day.
    MAP_START = ["feed.NAME.mapping"] "start_date", Takes::Columns, Default::None("employed as soon as the file says so"), "\"HireDate\"";
    /// The column of the last day. The person is a leaver when that day has ended.
    MAP_END = ["feed.NAME.mapping"] "end_date", Takes::Columns, Default::None("employed until the file says otherwise"), "\"TerminationDate\"";
    /// The column of the day from which on a row holds, where HR's file says what is to change later: 00:00 of that day
    /// where the row has the person work. A row with a day to come is announced, and takes effect by itself on that
    /// day; an empty cell means since ever. Several rows of one person are then a line in time: one for each day.
    MAP_EFFECTIVE = ["feed.NAME.mapping"] "effective", Takes::Columns, Default::None("every row holds at once"), "\"EffectiveDate\"";
    /// The column with the key of the person's manager, in the same feed. Rules and accounts see it as
    /// the attribute `manager`.
    MAP_MANAGER = ["feed.NAME.mapping"] "manager", Takes::Columns, Default::None("no managers are known"), "\"ManagerID\"";
    /// How dates are written besides `2026-11-22`, which is always read: `%Y` year, `%m` month, `%d` day.
    /// Two forms that read one text as two days are refused.
    MAP_FORMATS = ["feed.NAME.mapping"] "date_formats", Takes::Texts, Default::None("only the ISO form is read"), "[\"%d.%m.%Y\"]";
    /// What HR's system writes where there is no date; takes the place of the list that holds without it.
    MAP_NO_DATE = ["feed.NAME.mapping"] "no_date", Takes::Texts, Default::None("zeros (`0000-00-00`, `00.00.0000`, `00000000` and the like) and the first days that databases know, in the years 1 and 1753"), "[\"00.00.0000\", \"01.01.1900\"]";
    /// The first of the hundred years that a year of two digits stands for: with 1950, `50` is 1950 and
    /// `49` is 2049. A form with `%y` needs it.
    MAP_TWO_DIGITS = ["feed.NAME.mapping"] "two_digit_years", Takes::Number(1850, 2050), Default::None("forms with two digits for the year are refused"), "1950";
    /// The column of the status.
    STATUS_COLUMN = ["feed.NAME.mapping.status"] "column", Takes::Columns, Default::Required, "\"WorkerStatus\"";
    /// The words for somebody who is employed, or is to be. A word in none of the three lists sets its
    /// row aside: nothing is guessed. Case does not count.
    STATUS_ACTIVE = ["feed.NAME.mapping.status"] "active", Takes::Texts, Default::Required, "[\"Active\"]";
    /// The words for somebody who is employed and away.
    STATUS_LEAVE = ["feed.NAME.mapping.status"] "leave", Takes::Texts, Default::None("no word means leave"), "[\"On leave\"]";
    /// The words for somebody who is employed no longer.
    STATUS_ENDED = ["feed.NAME.mapping.status"] "ended", Takes::Texts, Default::None("no word means ended"), "[\"Inactive\"]";
    /// An attribute that rules and accounts can use under this name, and the column it comes from; as a
    /// table where the column is no plain text. Names are of a-z, 0-9 and `_`; `first_name`, `last_name`
    /// and `display_name` are what Muster itself shows people by.
    ATTRIBUTE = ["feed.NAME.mapping.attributes"] "ATTRIBUTE", Takes::Table("a column's header, or a table such as { column = \"Remote\", type = \"boolean\" }"), Default::None("no attribute"), "\"Department\"";
    /// The column, by its header.
    ATTRIBUTE_COLUMN = ["feed.NAME.mapping.attributes.ATTRIBUTE"] "column", Takes::Columns, Default::Required, "\"Remote\"";
    /// What the cells hold. `email` is one address, anything else sets the row aside. `text` sets a row
    /// aside whose cell has an error of a spreadsheet (`#N/A`), `NULL`, or damaged letters; `verbatim` takes
    /// such a cell as it is written.
    ATTRIBUTE_TYPE = ["feed.NAME.mapping.attributes.ATTRIBUTE"] "type", Takes::Choice(&["text", "email", "verbatim", "boolean", "integer", "day", "list"]), Default::Is("text"), "\"boolean\"";
    /// For `boolean`: the words that mean yes. A cell in neither list sets its row aside.
    ATTRIBUTE_TRUE = ["feed.NAME.mapping.attributes.ATTRIBUTE"] "true", Takes::Texts, Default::None("required with type \"boolean\""), "[\"True\", \"yes\"]";
    /// For `boolean`: the words that mean no.
    ATTRIBUTE_FALSE = ["feed.NAME.mapping.attributes.ATTRIBUTE"] "false", Takes::Texts, Default::None("required with type \"boolean\""), "[\"False\", \"no\"]";
    /// For `day`: how the days are written.
    ATTRIBUTE_FORMATS = ["feed.NAME.mapping.attributes.ATTRIBUTE"] "formats", Takes::Texts, Default::None("`date_formats` of the mapping"), "[\"%Y-%m-%d\"]";
    /// For `list`: what stands between two items.
    ATTRIBUTE_SEPARATOR = ["feed.NAME.mapping.attributes.ATTRIBUTE"] "separator", Takes::Text, Default::Is(";"), "\";\"";
    /// For `day`: the first of the hundred years that a year of two digits stands for.
    ATTRIBUTE_TWO_DIGITS = ["feed.NAME.mapping.attributes.ATTRIBUTE"] "two_digit_years", Takes::Number(1850, 2050), Default::None("`two_digit_years` of the mapping"), "1930";
    /// Whether the column may be missing from the file. Without it nothing is said of the attribute; it
    /// is not the same as an empty cell.
    ATTRIBUTE_OPTIONAL = ["feed.NAME.mapping.attributes.ATTRIBUTE"] "optional", Takes::Boolean, Default::Is("false"), "true";

    /// Of the people who are here, how many in a hundred may leave, or have their last day announced,
    /// within `budget_window` before what comes is held for a person to look at: files, events, dates and
    /// edits of the policy together.
    GUARD_LEAVERS_PERCENT = ["feed.NAME.guard"] "leavers_percent_max", Takes::Number(0, 100), Default::Is("10"), "10";
    /// As many leavers as this within `budget_window` never stop anything, but never more than half of the
    /// people.
    GUARD_LEAVERS_FLOOR = ["feed.NAME.guard"] "leavers_floor", Takes::Number(0, 1_000_000), Default::Is("5"), "5";
    /// More leavers than this within `budget_window` are always held, however small a part of the people
    /// they are.
    GUARD_LEAVERS_MAX = ["feed.NAME.guard"] "leavers_max", Takes::Number(0, 1_000_000), Default::Is("500"), "200";
    /// Of the people who are here, how many in a hundred may come back after they had left, within
    /// `budget_window`, before what comes is held.
    GUARD_REHIRES_PERCENT = ["feed.NAME.guard"] "rehires_percent_max", Takes::Number(0, 100), Default::Is("10"), "10";
    /// As many people as this who come back within `budget_window` never stop anything, but never more than
    /// half of the people.
    GUARD_REHIRES_FLOOR = ["feed.NAME.guard"] "rehires_floor", Takes::Number(0, 1_000_000), Default::Is("5"), "5";
    /// New people by one file, in a hundred of those who are here, before it is held. The first file of a
    /// feed is not held for this.
    GUARD_JOINERS_PERCENT = ["feed.NAME.guard"] "joiners_percent_max", Takes::Number(0, 100), Default::Is("50"), "50";
    /// As many new people as this never stop a file.
    GUARD_JOINERS_FLOOR = ["feed.NAME.guard"] "joiners_floor", Takes::Number(0, 1_000_000), Default::Is("50"), "50";
    /// Of the people who are here, how many in a hundred may change place by one file before it is held.
    GUARD_MOVERS_PERCENT = ["feed.NAME.guard"] "movers_percent_max", Takes::Number(0, 100), Default::Is("30"), "30";
    /// As many movers as this never stop a file, but never more than half of the people.
    GUARD_MOVERS_FLOOR = ["feed.NAME.guard"] "movers_floor", Takes::Number(0, 1_000_000), Default::Is("10"), "10";
    /// Of the people who are here, about how many in a hundred anything may change by one file before it
    /// is held: a shifted column changes everybody.
    GUARD_UPDATES_PERCENT = ["feed.NAME.guard"] "updates_percent_max", Takes::Number(0, 100), Default::Is("60"), "60";
    /// As many changed people as this never stop a file, but never more than half of the people.
    GUARD_UPDATES_FLOOR = ["feed.NAME.guard"] "updates_floor", Takes::Number(0, 1_000_000), Default::Is("20"), "20";
    /// Of the rows, how many in a hundred may be set aside because they cannot be read without doubt,
    /// before the file is held.
    GUARD_ASIDE_PERCENT = ["feed.NAME.guard"] "set_aside_percent_max", Takes::Number(0, 100), Default::Is("10"), "5";
    /// As many rows as this may be set aside in any case.
    GUARD_ASIDE_FLOOR = ["feed.NAME.guard"] "set_aside_floor", Takes::Number(0, 1_000_000), Default::Is("10"), "10";

    /// The secrets that a delivery may be signed with, as Standard Webhooks writes them (`whsec_` and
    /// base64). Two while the sender changes over from one to the other.
    HOOK_SECRETS = ["feed.NAME.hook"] "secrets", Takes::Secrets, Default::Required, "[{ file = \"secrets/hr-hook\" }]";
    /// How far a delivery's time may be from the daemon's clock, to either side.
    HOOK_TOLERANCE = ["feed.NAME.hook"] "tolerance", Takes::Duration, Default::Is("5m"), "\"5m\"";

    /// Whom to believe where several feeds speak of one person: an attribute is what the first of them says.
    /// Feeds that are not named come last, in the order in which they are written.
    CORRELATION_TRUST = ["correlation"] "trust", Takes::Texts, Default::None("the order in which the feeds are written"), "[\"hr\", \"contractors\"]";
    /// From which weight on, of the keys that agree, a record that is new is somebody's who is known.
    CORRELATION_LINK = ["correlation"] "link_at", Takes::Number(1, 1_000_000), Default::Is("100"), "100";
    /// From which weight on a person is asked whose a new record is. Below it the record is somebody new.
    CORRELATION_ASK = ["correlation"] "ask_at", Takes::Number(1, 1_000_000), Default::Is("50"), "50";
    /// The attributes that have to agree, all of them: case, spaces and dashes do not count.
    CORRELATION_ATTRIBUTES = ["correlation.key.KEY"] "attributes", Takes::Texts, Default::Required, "[\"first_name\", \"last_name\", \"birth_date\"]";
    /// How much the key says. E-mail addresses alone must not come to `link_at`: an address is given to the
    /// next who asks for it.
    CORRELATION_WEIGHT = ["correlation.key.KEY"] "weight", Takes::Number(1, 1_000_000), Default::Required, "60";
    /// The feed of which the attribute is an earlier number: it is compared with the keys of that feed, and
    /// not with the attribute.
    CORRELATION_NUMBER_OF = ["correlation.key.KEY"] "number_of", Takes::Text, Default::None("attributes are compared with themselves"), "\"hr\"";

    /// The plugin that speaks to the app: a file `PLUGIN.wasm` in the plugins folder.
    TARGET_PLUGIN = ["target.NAME"] "plugin", Takes::Text, Default::Required, "\"scim\"";
    /// What the plugin is told, text by text; `muster plugin inspect` lists the settings it knows.
    TARGET_SETTINGS = ["target.NAME"] "settings", Takes::Table("a table of texts"), Default::None("no settings"), "{ base_url = \"https://crm.example.com/scim/v2\" }";
    /// The servers that the plugin may reach: scheme, host and, where it is not the usual one, the port.
    /// `https://*.example.com` stands for every name below that domain.
    TARGET_HOSTS = ["target.NAME"] "hosts", Takes::Texts, Default::Required, "[\"https://crm.example.com\"]";
    /// What the plugin may reach in private networks all the same: addresses, ranges or a host's name.
    TARGET_PRIVATE = ["target.NAME"] "allow_private", Takes::Texts, Default::None("nothing in private networks"), "[\"10.1.2.0/24\", \"127.0.0.1\"]";

    /// The proxy through which the target's servers, and its token servers, are reached. The permissions stay
    /// those of the servers themselves; the proxy looks their names up.
    TARGET_PROXY = ["target.NAME"] "proxy", Takes::Text, Default::None("connections are made directly"), "\"http://proxy.example.com:3128\"";
    /// A file with certificates in PEM that are trusted at this target beside the machine's: for an app
    /// with a certificate of your own authority, or with one that it signed itself.
    TARGET_CA = ["target.NAME"] "ca_file", Takes::Path, Default::None("only the machine's certificates"), "\"ca.pem\"";

    /// How the secret is used. `muster plugin inspect` lists the slots that a plugin has and the schemes
    /// that go with each.
    SECRET_SCHEME = ["target.NAME.secrets.SLOT"] "scheme", Takes::Choice(&["bearer", "basic", "header", "oauth2-client-credentials", "jwt-bearer", "value", "generated", "signing-key"]), Default::Required, "\"bearer\"";
    /// For `bearer`: the token.
    SECRET_TOKEN = ["target.NAME.secrets.SLOT"] "token", Takes::Secret, Default::None("required with scheme \"bearer\""), "{ file = \"secrets/crm-token\" }";
    /// For `basic`: the user's name.
    SECRET_USER = ["target.NAME.secrets.SLOT"] "user", Takes::Text, Default::None("required with scheme \"basic\""), "\"muster\"";
    /// For `basic`: the password.
    SECRET_PASSWORD = ["target.NAME.secrets.SLOT"] "password", Takes::Secret, Default::None("required with scheme \"basic\""), "{ env = \"CRM_PASSWORD\" }";
    /// For `header`: the header's name.
    SECRET_HEADER = ["target.NAME.secrets.SLOT"] "header", Takes::Text, Default::None("required with scheme \"header\""), "\"X-Api-Key\"";
    /// For `header`: its value. For `value`: what a plugin may put into a request without seeing it, such
    /// as a first password.
    SECRET_VALUE = ["target.NAME.secrets.SLOT"] "value", Takes::Secret, Default::None("required with schemes \"header\" and \"value\""), "{ file = \"secrets/crm-key\" }";
    /// For `header`: what stands before the value.
    SECRET_PREFIX = ["target.NAME.secrets.SLOT"] "prefix", Takes::Text, Default::None("nothing stands before it"), "\"SSWS \"";
    /// For `oauth2-client-credentials` and `jwt-bearer`: where tokens are fetched. Its host has to be in
    /// `hosts`.
    SECRET_TOKEN_URL = ["target.NAME.secrets.SLOT"] "token_url", Takes::Text, Default::None("required with \"oauth2-client-credentials\", and with \"jwt-bearer\" unless `service_account` says it"), "\"https://login.example.com/token\"";
    /// For `oauth2-client-credentials`: the client's id.
    SECRET_CLIENT_ID = ["target.NAME.secrets.SLOT"] "client_id", Takes::Text, Default::None("required with scheme \"oauth2-client-credentials\""), "\"muster\"";
    /// For `oauth2-client-credentials`: the client's secret.
    SECRET_CLIENT_SECRET = ["target.NAME.secrets.SLOT"] "client_secret", Takes::Secret, Default::None("required with scheme \"oauth2-client-credentials\""), "{ file = \"secrets/crm-client\" }";
    /// For `oauth2-client-credentials`: where the client's id and secret stand in the request for a token.
    SECRET_CLIENT_AUTH = ["target.NAME.secrets.SLOT"] "client_auth", Takes::Choice(&["basic", "body"]), Default::Is("basic"), "\"body\"";
    /// For `oauth2-client-credentials` and `jwt-bearer`: the scopes that are asked for.
    SECRET_SCOPES = ["target.NAME.secrets.SLOT"] "scopes", Takes::Texts, Default::None("no scopes"), "[\"scim\"]";
    /// For `oauth2-client-credentials` and `jwt-bearer`: for whom the token or assertion is meant.
    SECRET_AUDIENCE = ["target.NAME.secrets.SLOT"] "audience", Takes::Text, Default::None("none is asked for; with \"jwt-bearer\" it is `token_url`"), "\"https://crm.example.com\"";
    /// For `jwt-bearer`: the key file of a Google service account, as Google hands it out (JSON). It takes
    /// the place of `token_url`, `audience`, `issuer`, `key` and `key_id`.
    SECRET_SERVICE_ACCOUNT = ["target.NAME.secrets.SLOT"] "service_account", Takes::Secret, Default::None("`issuer` and `key` say it"), "{ file = \"secrets/google.json\" }";
    /// For `jwt-bearer`: who signs.
    SECRET_ISSUER = ["target.NAME.secrets.SLOT"] "issuer", Takes::Text, Default::None("required with scheme \"jwt-bearer\" unless `service_account` says it"), "\"muster@example.com\"";
    /// For `jwt-bearer`: in whose name, such as an administrator of the tenant.
    SECRET_SUBJECT = ["target.NAME.secrets.SLOT"] "subject", Takes::Text, Default::None("in the issuer's own name"), "\"admin@example.com\"";
    /// For `jwt-bearer`: the private key (PEM, RSA). For `signing-key`: the bytes for HMAC, or a private
    /// key in PEM.
    SECRET_KEY = ["target.NAME.secrets.SLOT"] "key", Takes::Secret, Default::None("required with scheme \"signing-key\", and with \"jwt-bearer\" unless `service_account` says it"), "{ file = \"secrets/crm-key.pem\" }";
    /// For `jwt-bearer`: the key's id, where the app wants to be told.
    SECRET_KEY_ID = ["target.NAME.secrets.SLOT"] "key_id", Takes::Text, Default::None("none is sent"), "\"2f8a\"";
    /// For `generated`: a new random password at each use, known to nobody, of this many characters.
    SECRET_LENGTH = ["target.NAME.secrets.SLOT"] "length", Takes::Number(16, 128), Default::Is("32"), "32";

    /// The keys by which a person's account is recognised: the app's name of the key, and an expression.
    ACCOUNT_KEYS = ["target.NAME.account"] "keys", Takes::Table("a table of expressions"), Default::Required, "{ externalId = \"key\", userName = \"email\" }";
    /// The attributes that Muster writes: the app's name of the attribute, and an expression. Attributes
    /// that are not named are left alone. Where an attribute is another account at the app, such as the
    /// manager, `account_of(manager)` gives it: the account, at this target, of the person with that key in the
    /// same feed. It is left out while there is no such account, and written once there is.
    ACCOUNT_ATTRIBUTES = ["target.NAME.account"] "attributes", Takes::Table("a table of expressions"), Default::None("no attributes"), "{ userName = \"email\", \"name.givenName\" = \"first_name\" }";
    /// The secret slot that the first password of a new account comes from, for apps that demand one. Best
    /// one with scheme `generated`: people then come in by single sign-on.
    ACCOUNT_PASSWORD = ["target.NAME.account"] "password_from", Takes::Text, Default::None("accounts are made without a password"), "\"password\"";
    /// Whether an account that is there already is taken over: `never`, a person decides; or
    /// `when-keys-agree`, where at least two keys are configured and every one of them agrees.
    ACCOUNT_ADOPT = ["target.NAME.account"] "adopt", Takes::Choice(&["never", "when-keys-agree"]), Default::Is("never"), "\"when-keys-agree\"";

    /// Whether the account is suspended.
    LEAVER_SUSPEND = ["target.NAME.leaver"] "suspend", Takes::Boolean, Default::Is("true"), "true";
    /// Whether its sessions are ended.
    LEAVER_SESSIONS = ["target.NAME.leaver"] "end_sessions", Takes::Boolean, Default::Is("true"), "true";
    /// Whether its tokens, keys, app passwords and consents are ended.
    LEAVER_CREDENTIALS = ["target.NAME.leaver"] "revoke_credentials", Takes::Boolean, Default::Is("true"), "true";
    /// Who gets what the account owns: the account of the person's `manager` at the same target.
    LEAVER_TRANSFER = ["target.NAME.leaver"] "transfer_to", Takes::Choice(&["nobody", "manager"]), Default::Is("nobody"), "\"manager\"";
    /// How long after the last day the account is deleted.
    LEAVER_DELETE = ["target.NAME.leaver"] "delete_after", Takes::Duration, Default::None("it is never deleted"), "\"30d\"";

    /// What happens before the first day: `no`, nothing; or `suspended`, the account is made and cannot
    /// be used yet.
    PREHIRE_CREATE = ["target.NAME.prehire"] "create", Takes::Choice(&["no", "suspended"]), Default::Is("no"), "\"suspended\"";

    /// How many calls to the app are out at once.
    LIMIT_CONCURRENCY = ["target.NAME.limits"] "concurrency", Takes::Number(1, 64), Default::Is("4"), "4";
    /// How many requests the app is sent in a minute.
    LIMIT_REQUESTS = ["target.NAME.limits"] "requests_per_minute", Takes::Number(1, 1_000_000), Default::None("what the plugin says of the app"), "600";
    /// Of the accounts at the app, from how many in a hundred something may be taken within
    /// `budget_window` before what comes is held.
    LIMIT_REMOVALS_PERCENT = ["target.NAME.limits"] "removals_percent_max", Takes::Number(0, 100), Default::Is("20"), "20";
    /// As many such accounts as this never stop anything, but never more than half of them.
    LIMIT_REMOVALS_FLOOR = ["target.NAME.limits"] "removals_floor", Takes::Number(0, 1_000_000), Default::Is("5"), "5";
    /// Attempts before a person is asked. What takes access away is tried for ever.
    LIMIT_ATTEMPTS = ["target.NAME.limits"] "attempts_max", Takes::Number(1, 1_000), Default::Is("12"), "12";
    /// How much memory one call of the plugin may use.
    LIMIT_MEMORY = ["target.NAME.limits"] "memory", Takes::Size, Default::Is("64MiB"), "\"128MiB\"";
    /// How long one call of the plugin may take, the app's answers included.
    LIMIT_TIME = ["target.NAME.limits"] "call_time", Takes::Duration, Default::Is("60s"), "\"60s\"";
    /// How much all items of one listing of the target may come to in memory. A listing that is larger is
    /// not whole, and nothing follows from what is not in it.
    LIMIT_LISTING = ["target.NAME.limits"] "listing", Takes::Size, Default::Is("256MiB"), "\"1GiB\"";
    /// How large one answer of the app may be.
    LIMIT_ANSWER = ["target.NAME.limits"] "answer", Takes::Size, Default::Is("16MiB"), "\"16MiB\"";
    /// How often the accounts at the app are listed and compared with what Muster knows of them.
    LIMIT_COMPARE = ["target.NAME.limits"] "compare_every", Takes::Duration, Default::Is("1h"), "\"15m\"";

    /// The role's name, of a-z, 0-9, `-` and `_`.
    ROLE_NAME = ["role"] "name", Takes::Text, Default::Required, "\"sales\"";
    /// What the role is, for the people who read `muster why`.
    ROLE_DESCRIPTION = ["role"] "description", Takes::Text, Default::Is(""), "\"Everybody who sells\"";
    /// Who has the role: an expression over the attributes, and `key`, `feed` and `phase`.
    ROLE_WHEN = ["role"] "when", Takes::Expression, Default::Required, "'department == \"Sales\"'";
    /// What the role gives, target by target, each written `kind:name`. A target with an empty list gives
    /// just the account.
    ROLE_ACCESS = ["role"] "access", Takes::Table("a table of lists such as { crm = [\"group:Sales\"], wiki = [] }"), Default::None("it gives nothing"), "{ crm = [\"group:Sales\", \"license-seat:Pro\"], wiki = [] }";

    /// Who has to have a last day: an expression over the attributes, and `key`, `feed` and `phase`. Whoever it is true of and has
    /// none is remarked (POL-030).
    LINT_MUST_END = ["lint"] "must_end", Takes::Expression, Default::None("whoever an attribute such as `worker_type` or `employment_type` calls a contractor, an external, an intern or the like"), "'worker_type == \"Contractor\"'";

    /// The code of a remark that is meant to be so: one of POL-030 to POL-038.
    ACCEPT_CODE = ["accept"] "code", Takes::Text, Default::Required, "\"POL-033\"";
    /// The role that it is about.
    ACCEPT_ROLE = ["accept"] "role", Takes::Text, Default::None("it is about something else"), "\"chief\"";
    /// The target that it is about; with `entitlement`, the one where that is.
    ACCEPT_TARGET = ["accept"] "target", Takes::Text, Default::None("it is about something else"), "\"crm\"";
    /// The entitlement at the target that it is about, written `kind:name`.
    ACCEPT_ENTITLEMENT = ["accept"] "entitlement", Takes::Text, Default::None("it is about something else"), "\"group:Sales\"";
    /// The feed that it is about.
    ACCEPT_FEED = ["accept"] "feed", Takes::Text, Default::None("it is about something else"), "\"hr\"";
    /// Why it is meant to be so: shown with the remark for as long as it holds.
    ACCEPT_REASON = ["accept"] "reason", Takes::Text, Default::Required, "\"there is one chief executive\"";

    /// What the test is called: who the person is, in a few words. A policy that breaks a test is not taken (POL-040), and
    /// `muster policy test` shows what differs.
    TEST_NAME = ["test"] "name", Takes::Text, Default::Required, "\"a seller\"";
    /// The person's attributes, as the mapping names them. What is left out is empty.
    TEST_PERSON = ["test"] "person", Takes::Table("a table of attributes such as { department = \"Sales\" }"), Default::Required, "{ department = \"Sales\", email = \"ann@corp.example\" }";
    /// Where the person stands.
    TEST_PHASE = ["test"] "phase", Takes::Choice(&["prehire", "active", "leave", "ended"]), Default::Is("active"), "\"leave\"";
    /// The feed that the person is in: for rules that look at `feed`.
    TEST_FEED = ["test"] "feed", Takes::Text, Default::None("the first feed by its name"), "\"hr\"";
    /// What the person must have, target by target, each written `kind:name`. A target with an empty list is the account.
    TEST_MUST_HAVE = ["test"] "must_have", Takes::Table("a table of lists such as { crm = [\"group:Sales\"], wiki = [] }"), Default::None("nothing is asked"), "{ crm = [\"group:Sales\"] }";
    /// What the person must not have, written in the same way: a target with an empty list is the account.
    TEST_MUST_NOT_HAVE = ["test"] "must_not_have", Takes::Table("a table of lists such as { crm = [\"group:Admins\"], erp = [] }"), Default::None("nothing is kept away"), "{ crm = [\"group:Admins\"], erp = [] }";
}

/// One target's list in a role's `access`; documented there.
pub(super) const ROLE_ACCESS_LIST: Opt = Opt {
    table: "role.access",
    key: "access",
    takes: Takes::Texts,
    default: Default::None("just the account"),
    doc: "",
    example: ROLE_ACCESS.example,
};
