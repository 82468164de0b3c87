//! A company: a folder with configuration, policy and plugins, and HR's exports.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::app::App;

/// A company's folder. It is removed with this value.
pub struct Company {
    folder: TempDir,
}

/// One person of an export.
#[derive(Clone, Debug)]
pub struct Row {
    /// `WorkerID`.
    pub id: String,
    /// `FirstName`.
    pub first: String,
    /// `LastName`.
    pub last: String,
    /// `Email`.
    pub email: String,
    /// `Department`.
    pub department: String,
    /// `WorkerStatus`.
    pub status: String,
    /// `TerminationDate`.
    pub last_day: String,
}

impl Row {
    /// An active person of a department.
    pub fn new(id: &str, department: &str) -> Self {
        Self {
            id: id.to_owned(),
            first: format!("First{id}"),
            last: format!("Last{id}"),
            email: format!("p{id}@corp.example"),
            department: department.to_owned(),
            status: "Active".to_owned(),
            last_day: String::new(),
        }
    }

    /// The same person with this status.
    #[must_use]
    pub fn status(mut self, status: &str) -> Self {
        status.clone_into(&mut self.status);
        self
    }
}

/// An export of these people.
pub fn export(rows: &[Row]) -> String {
    let mut text =
        "WorkerID,FirstName,LastName,Email,Department,WorkerStatus,TerminationDate\n".to_owned();
    for row in rows {
        let Row {
            id,
            first,
            last,
            email,
            department,
            status,
            last_day,
        } = row;
        writeln!(
            text,
            "{id},{first},{last},{email},{department},{status},{last_day}"
        )
        .expect("a string takes everything");
    }
    text
}

/// People with ids from `from` to `to`, in departments by turns.
pub fn people(from: u32, to: u32, departments: &[&str]) -> Vec<Row> {
    let department = |number: u32| departments[number as usize % departments.len()];
    (from..=to)
        .map(|number| Row::new(&number.to_string(), department(number)))
        .collect()
}

/// What `[target.NAME.account]` and below says in every test that does not say otherwise.
const ACCOUNT: &str = r#"
keys = { externalId = "key", userName = "email" }

[target.NAME.account.attributes]
userName = "email"
externalId = "key"
"name.givenName" = "first_name"
"name.familyName" = "last_name"
displayName = "first_name + ' ' + last_name"
"#;

/// The policy of every test that does not say otherwise: an account for everybody, a group for each
/// department.
pub const POLICY: &str = r#"
[[role]]
name = "everybody"
description = "Whoever works here"
when = "true"
access = { crm = ["group:Everybody"] }

[[role]]
name = "sales"
description = "Whoever sells"
when = 'department == "Sales"'
access = { crm = ["group:Sales"] }

[[role]]
name = "finance"
description = "Whoever counts"
when = 'department == "Finance"'
access = { crm = ["group:Finance"] }
"#;

/// The groups that [`POLICY`] names.
pub const GROUPS: [&str; 3] = ["Everybody", "Sales", "Finance"];

/// Plugins as a daemon has compiled them, with the key of its seal.
#[derive(Debug)]
pub struct Compiled(Vec<(std::ffi::OsString, Vec<u8>)>);

impl Company {
    /// A company with the feed `hr` and one target `crm`, which is this app.
    pub fn new(app: &App) -> Self {
        Self::configured(&format!("{}{}", feed(""), target("crm", app, "")), POLICY)
    }

    /// A company with this configuration below `[daemon]`, and this policy.
    pub fn configured(tables: &str, policy: &str) -> Self {
        let folder = TempDir::with_prefix("muster-test-").expect("a folder for the company");
        let company = Self { folder };
        for name in ["policy", "plugins", "secrets", "hr"] {
            std::fs::create_dir(company.path(name)).expect("a folder of the company");
        }
        company.write("secrets/crm", "t0p-s3cret-canary-of-the-app");
        company.allow("secrets/crm", 0o600);
        company.write("policy/roles.toml", policy);
        company.configure(tables);
        company.install("scim", &crate::plugin("scim"));
        company
    }

    /// Writes the configuration anew. What an edited policy changes takes effect without a person, so that a
    /// test which is about something else need not approve it.
    pub fn configure(&self, tables: &str) {
        // The first version, which the cases are shown to fail on, does not know this line.
        let is_first = std::env::var_os("MUSTER_IS_FIRST_VERSION").is_some();
        let apply = if is_first {
            ""
        } else {
            "policy_apply = \"within-limits\"\n"
        };
        self.configure_asking(&format!("{apply}{tables}"));
    }

    /// The same as the product does it where nothing else is configured: an edited policy waits.
    pub fn configure_asking(&self, tables: &str) {
        self.write(
            "muster.toml",
            &format!("[daemon]\nlisten = \"127.0.0.1:0\"\n{tables}"),
        );
    }

    /// A path below the folder.
    pub fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    /// The configuration.
    pub fn config(&self) -> PathBuf {
        self.path("muster.toml")
    }

    /// Writes a file whole.
    pub fn write(&self, below: &str, text: &str) {
        std::fs::write(self.path(below), text).expect("a file of the company");
    }

    /// Sets these permissions on a file or folder.
    pub fn allow(&self, below: &str, mode: u32) {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(self.path(below), mode).expect("permissions of the company");
    }

    /// The plugins as the daemon has compiled them.
    pub fn compiled(&self) -> Compiled {
        let files = std::fs::read_dir(self.path("data/plugin-cache")).expect("a cache");
        let read = |file: std::io::Result<std::fs::DirEntry>| {
            let file = file.expect("a file of the cache");
            let content = std::fs::read(file.path()).expect("a file to read");
            (file.file_name(), content)
        };
        Compiled(files.map(read).collect())
    }

    /// Supplies the daemon with plugins that another one has compiled.
    pub fn warm(&self, compiled: &Compiled) {
        let cache = self.path("data/plugin-cache");
        std::fs::create_dir_all(&cache).expect("a cache");
        self.allow("data", 0o700);
        for (name, content) in &compiled.0 {
            std::fs::write(cache.join(name), content).expect("a file to write");
        }
    }

    /// Puts a plugin into the plugins folder as an installer does: aside, then renamed.
    pub fn install(&self, name: &str, file: &Path) {
        let part = self.path(&format!("plugins/.{name}.part"));
        std::fs::copy(file, &part).expect("a plugin to copy");
        std::fs::rename(&part, self.path(&format!("plugins/{name}.wasm")))
            .expect("a plugin to install");
    }

    /// Drops a file as a careful system does: aside, then renamed.
    pub fn drop_file(&self, name: &str, content: impl AsRef<[u8]>) {
        let part = self.path(&format!("hr/.{name}.part"));
        std::fs::write(&part, content).expect("a file to drop");
        std::fs::rename(&part, self.path(&format!("hr/{name}"))).expect("a file to drop");
    }

    /// The report beside a file that was put away, from whichever folder.
    pub fn report(&self, name: &str) -> Option<Report> {
        ["processed", "held", "rejected"]
            .into_iter()
            .find_map(|place| self.report_in(place, name))
    }

    /// The report beside a file that was put away in this folder.
    pub fn report_in(&self, place: &str, name: &str) -> Option<Report> {
        let files = std::fs::read_dir(self.path("hr").join(place)).ok()?;
        let end = format!("{name}.report.txt");
        let found = files
            .filter_map(|file| Some(file.ok()?.path()))
            .find(|path| {
                path.file_name()
                    .is_some_and(|file| file.to_string_lossy().ends_with(&end))
            })?;
        let text = std::fs::read_to_string(found).ok()?;
        Some(Report {
            place: place.to_owned(),
            text,
        })
    }

    /// Waits for the report beside a file.
    #[track_caller]
    pub fn wait_for_report(&self, name: &str) -> Report {
        crate::wait_for(&format!("the report on {name}"), || self.report(name))
    }
}

/// A report that HR reads.
#[derive(Clone, Debug)]
pub struct Report {
    /// `processed`, `held` or `rejected`.
    pub place: String,
    /// Its text.
    pub text: String,
}

/// An address as a plain text, among the attributes of a feed.
pub const EMAIL: &str = "email = \"Email\"";

/// No department and no role has a budget: how much goes at once is another property.
pub const NO_BUDGETS: &str = "
[budget.department]
losing_percent_max = 100
losing_floor = 1000000

[budget.role]
losing_percent_max = 100
losing_floor = 1000000
";

/// The feed `hr`, with lines of its own after `[feed.hr]`.
pub fn feed(lines: &str) -> String {
    feed_of(lines, "", EMAIL)
}

/// The feed `hr`, with lines of its own after `[feed.hr]`, in its mapping and among its attributes.
pub fn feed_of(lines: &str, mapping: &str, attributes: &str) -> String {
    format!(
        r#"
[feed.hr]
folder = "hr"
time_zone = "UTC"
quiet = "100ms"
{lines}

[feed.hr.mapping]
key = "WorkerID"
end_date = "TerminationDate"
{mapping}

[feed.hr.mapping.status]
column = "WorkerStatus"
active = ["Active"]
leave = ["Leave"]
ended = ["Inactive", "Terminated"]

[feed.hr.mapping.attributes]
first_name = "FirstName"
last_name = "LastName"
department = "Department"
{attributes}
"#
    )
}

/// Everybody has an account at the target `app`.
pub const EVERYBODY: &str = r#"
[[role]]
name = "everybody"
description = "Whoever works here"
when = "true"
access = { app = [] }
"#;

/// A target for the guest `steady`, with lines of its own after its table.
pub fn steady(name: &str, address: SocketAddr, lines: &str) -> String {
    format!(
        r#"
[target.{name}]
plugin = "steady"
settings = {{ url = "http://{address}" }}
hosts = ["http://{address}"]
allow_private = ["127.0.0.1"]

[target.{name}.account]
keys = {{ employee-id = "key" }}
{lines}
"#
    )
}

/// A SCIM target, with lines of its own after `[target.NAME]`.
pub fn target(name: &str, app: &App, lines: &str) -> String {
    let (base_url, address) = (app.base_url(), app.address);
    format!(
        r#"
[target.{name}]
plugin = "scim"
settings = {{ base_url = "{base_url}", sessions_url = "/Users/{{id}}/sessions" }}
hosts = ["http://{address}"]
allow_private = ["127.0.0.1"]
{lines}

[target.{name}.secrets.api]
scheme = "bearer"
token = {{ file = "secrets/crm" }}

[target.{name}.account]{account}
"#,
        account = ACCOUNT.replace("NAME", name)
    )
}
