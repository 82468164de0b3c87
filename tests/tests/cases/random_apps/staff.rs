//! The people of a seed as HR has them: who works here, who has left, and what changes at random.

use std::collections::BTreeMap;

use muster_tests::company::{Row, export};
use muster_tests::random::Random;
use serde_json::json;

/// Somebody who stays and whose first name makes each file another one than those before.
const MARKER: &str = "900";

const DEPARTMENTS: [&str; 3] = ["Sales", "Finance", "Legal"];

/// Everybody whom HR knows.
pub(super) struct Staff {
    /// Who works here, by key.
    pub(super) here: BTreeMap<String, Row>,
    /// Who worked here once.
    pub(super) gone: BTreeMap<String, Row>,
    newest: u32,
    files: u32,
}

impl Staff {
    pub(super) fn of(random: &mut Random) -> Self {
        let mut staff = Self {
            here: BTreeMap::new(),
            gone: BTreeMap::new(),
            newest: 0,
            files: 0,
        };
        staff.add(Row::new(MARKER, "Legal"));
        for _ in 0..6 + random.below(6) {
            staff.join(random);
        }
        staff
    }

    fn add(&mut self, row: Row) {
        self.here.insert(row.id.clone(), row);
    }

    fn join(&mut self, random: &mut Random) -> String {
        self.newest += 1;
        let key = self.newest.to_string();
        let department = random.of(&DEPARTMENTS);
        self.add(Row::new(&key, department));
        key
    }

    /// The names that their accounts have at the app.
    pub(super) fn names(&self) -> Vec<String> {
        let rows = self.here.values().chain(self.gone.values());
        rows.map(|row| row.email.clone()).collect()
    }

    /// Changes something of somebody, and returns whom it changed.
    pub(super) fn change(&mut self, random: &mut Random) -> String {
        let what = random.below(100);
        if what < 15 {
            return self.join(random);
        }
        if what < 35 && !self.gone.is_empty() {
            let keys: Vec<String> = self.gone.keys().cloned().collect();
            let key = random.of(&keys).clone();
            if let Some(row) = self.gone.remove(&key) {
                self.add(row);
            }
            return key;
        }
        let keys: Vec<String> = self.here.keys().cloned().collect();
        let keys: Vec<String> = keys.into_iter().filter(|key| key != MARKER).collect();
        if keys.len() < 3 {
            return self.join(random);
        }
        let key = random.of(&keys).clone();
        if what < 60 {
            if let Some(row) = self.here.remove(&key) {
                self.gone.insert(key.clone(), row);
            }
            return key;
        }
        let Some(row) = self.here.get_mut(&key) else {
            return key;
        };
        match random.below(10) {
            0..6 => (*random.of(&DEPARTMENTS)).clone_into(&mut row.department),
            6..8 => row.last = format!("Married{}", random.below(1_000)),
            _ => row.email = format!("p{key}.{}@corp.example", random.below(1_000)),
        }
        key
    }

    /// A file of everybody, which is another one than those before.
    pub(super) fn file(&mut self) -> String {
        self.files += 1;
        let files = self.files;
        if let Some(marker) = self.here.get_mut(MARKER) {
            marker.first = format!("F{files}");
        }
        export(&self.here.values().cloned().collect::<Vec<_>>())
    }

    /// The event that says of somebody what is so.
    pub(super) fn event(&self, key: &str) -> String {
        let Some(row) = self.here.get(key) else {
            return json!({ "type": "leave", "row": { "WorkerID": key } }).to_string();
        };
        let Row {
            id,
            first,
            last,
            email,
            department,
            status,
            last_day,
        } = row;
        json!({ "type": "upsert", "row": { "WorkerID": id, "FirstName": first, "LastName": last,
            "Email": email, "Department": department, "WorkerStatus": status,
            "TerminationDate": last_day } })
        .to_string()
    }
}
