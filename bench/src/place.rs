//! The company that is measured: its configuration, and what happens to the files that it drops.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use muster_tests::app::App;
use muster_tests::company::Company;

use crate::export::{self, Order};

/// The feed `hr` of every measurement: a key, dates, a manager, eight attributes.
pub(crate) const FEED: &str = r#"
[feed.hr]
folder = "hr"
time_zone = "UTC"

[feed.hr.mapping]
key = "WorkerID"
start_date = "HireDate"
end_date = "TerminationDate"
manager = "ManagerID"

[feed.hr.mapping.status]
column = "WorkerStatus"
active = ["Active"]
ended = ["Terminated"]

[feed.hr.mapping.attributes]
first_name = "FirstName"
last_name = "LastName"
email = "Email"
department = "Department"
title = "JobTitle"
location = "Location"
employment_type = "EmploymentType"
cost_center = "CostCenter"
"#;

/// Five roles, at two apps.
pub(crate) const ROLES: &str = r#"
[[role]]
name = "everybody"
description = "Whoever works here"
when = "true"
access = { crm = ["group:Everybody"], wiki = ["group:Everybody"] }

[[role]]
name = "sales"
description = "Whoever sells"
when = 'department == "Sales"'
access = { crm = ["group:Sales"] }

[[role]]
name = "finance"
description = "Whoever counts"
when = 'department == "Finance" && employment_type == "Permanent"'
access = { crm = ["group:Finance"], wiki = ["group:Finance"] }

[[role]]
name = "engineering"
description = "Whoever builds"
when = 'department in ["Engineering", "Operations"]'
access = { wiki = ["group:Engineering"] }

[[role]]
name = "leads"
description = "Whoever leads"
when = 'title == "Manager" || title == "Director"'
access = { crm = ["group:Leads"] }
"#;

/// The groups that [`ROLES`] names.
pub(crate) const GROUPS: [&str; 5] = ["Everybody", "Sales", "Finance", "Engineering", "Leads"];

/// An app that speaks SCIM, with eight attributes for each account. One call at a time: what is
/// measured is the plan, and what is done with it should not be in the way.
pub(crate) fn target(name: &str, app: &App) -> String {
    let (base_url, address) = (app.base_url(), app.address);
    format!(
        r#"
[target.{name}]
plugin = "scim"
settings = {{ base_url = "{base_url}" }}
hosts = ["http://{address}"]
allow_private = ["127.0.0.1"]

[target.{name}.limits]
concurrency = 1

[target.{name}.secrets.api]
scheme = "bearer"
token = {{ file = "secrets/crm" }}

[target.{name}.account]
keys = {{ externalId = "key", userName = "email" }}

[target.{name}.account.attributes]
userName = "email"
externalId = "key"
"name.givenName" = "first_name"
"name.familyName" = "last_name"
displayName = "first_name + ' ' + last_name"
title = "title"
userType = "employment_type"
locale = "location"
"#
    )
}

/// Two apps with five roles.
pub(crate) fn company(app: &App) -> Company {
    let tables = [FEED.to_owned(), target("crm", app), target("wiki", app)];
    Company::configured(&tables.concat(), ROLES)
}

/// A file that lies beside the drop folder's files and is not taken yet.
pub(crate) struct Waiting<'c> {
    company: &'c Company,
    name: String,
}

impl<'c> Waiting<'c> {
    /// Writes an export of permanent staff under a name that is not taken.
    pub(crate) fn write(
        company: &'c Company,
        name: &str,
        people: u32,
        order: Order,
    ) -> anyhow::Result<Self> {
        Self::write_staff(company, name, people, order, |_| true)
    }

    /// The same, where only those are permanent of whose number this holds.
    pub(crate) fn write_staff(
        company: &'c Company,
        name: &str,
        people: u32,
        order: Order,
        is_permanent: impl Fn(u64) -> bool,
    ) -> anyhow::Result<Self> {
        let waiting = Self {
            company,
            name: name.to_owned(),
        };
        export::write(&waiting.path(), people, order, is_permanent)?;
        Ok(waiting)
    }

    /// Where it is until it is dropped.
    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.company.path(&format!("hr/.{}.part", self.name))
    }

    /// Renames it into the folder and returns how long it takes until it was moved to `processed`:
    /// then its acceptance, and the plan that it led to, are durable.
    pub(crate) fn drop_and_wait(self, limit: Duration) -> anyhow::Result<Duration> {
        let dropped = self.company.path(&format!("hr/{}", self.name));
        let began = Instant::now();
        std::fs::rename(self.path(), &dropped).context("could not drop the file")?;
        wait(limit, &self.name, || !dropped.exists())?;
        let taken = began.elapsed();
        let processed = stored(&self.company.path("hr/processed"), &self.name);
        if !processed {
            let report = self.company.report(&self.name);
            bail!("{} was not accepted: {report:?}", self.name);
        }
        Ok(taken)
    }

    /// The same, until both reports lie beside it.
    pub(crate) fn drop_and_wait_for_report(self, limit: Duration) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let report = format!("{}.report.json", self.name);
        let (company, name) = (self.company, self.name.clone());
        self.drop_and_wait(limit)?;
        let folder = company.path("hr/processed");
        wait(limit, &name, || stored(&folder, &report))?;
        Ok(began.elapsed())
    }
}

/// Whether a folder has a file under this name, with the time before it.
fn stored(folder: &Path, name: &str) -> bool {
    let files = std::fs::read_dir(folder).into_iter().flatten();
    files.flatten().any(|file| {
        let found = file.file_name();
        let found = found.to_string_lossy();
        found.ends_with(name) && !found.starts_with('.')
    })
}

/// Waits until something holds, looking often enough not to be seen in what is measured.
fn wait(limit: Duration, what: &str, mut look: impl FnMut() -> bool) -> anyhow::Result<()> {
    let began = Instant::now();
    while !look() {
        anyhow::ensure!(began.elapsed() < limit, "waited {limit:?} for {what}");
        pause(Duration::from_micros(200));
    }
    Ok(())
}

/// Lets time pass.
#[expect(
    clippy::disallowed_methods,
    reason = "the pause between two looks at a condition"
)]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
