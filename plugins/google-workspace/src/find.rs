//! Finding users by key. Google's searches lag behind and compare loosely, so each hit is checked: it counts
//! only if it holds the key.

use muster_sdk::{PageRequest, Problem, Result};

use crate::service::{Google, paged, users};
use crate::user::{EMAIL, EMPLOYEE_ID, User};

/// The most users that a search returns.
const FOUND_MAX: u32 = 100;

impl Google<'_> {
    /// The users that hold this key, each once.
    pub(crate) fn users_with(&self, key: &str, value: &str) -> Result<Vec<User>> {
        if value.trim().is_empty() {
            return Ok(Vec::new());
        }
        let found = match key {
            EMAIL => self.users_at(value)?,
            EMPLOYEE_ID => self.search(&format!("externalId={}", quoted(value)))?,
            _ => {
                let text = format!("users are found by `{EMPLOYEE_ID}` and `{EMAIL}`");
                return Err(Problem::invalid(key, "unknown-field", text));
            }
        };
        Ok(found
            .into_iter()
            .filter(|user| user.holds(key, value))
            .collect())
    }

    /// The users with this address. Reading by address is never behind, a search may be; but an address of
    /// somebody else's domain may be searched for only.
    fn users_at(&self, address: &str) -> Result<Vec<User>> {
        match self.user_by(address) {
            Ok(found) => Ok(found.into_iter().collect()),
            Err(Problem::Forbidden(_)) => self.search(&format!("email={}", quoted(address))),
            Err(problem) => Err(problem),
        }
    }

    /// The first users that a search finds.
    pub(crate) fn search(&self, query: &str) -> Result<Vec<User>> {
        let page = PageRequest::first(FOUND_MAX);
        // The whole customer, also where only one domain is managed: a key that is taken is taken.
        let path = users().query("customer", &self.settings.customer);
        let path = paged(path, &page)
            .query("projection", "full")
            .query("query", query);
        let list = self.list(self.directory.get(path), "admin#directory#users", "users")?;
        list.entries.into_iter().map(User::of).collect()
    }
}

/// A value of a search, which may contain blanks and quotes.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_leave_its_quotes() {
        assert_eq!(quoted("E 1"), "'E 1'");
        assert_eq!(quoted("x' isAdmin=true '\\"), "'x\\' isAdmin=true \\'\\\\'");
    }
}
