//! Questions about who somebody is, which no file can answer: whether two ids are one person, whether an id
//! belongs to somebody else by now, whether somebody who works here has a first day to come.
//!
//! While a question is open, nobody whom it is about is touched, and everybody else goes on. A person
//! answers it by its digest; the answer says that the file is right, and is used up with the next one.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::finding::{Code, Finding, Severity};
use crate::id::PersonId;
use crate::identity::{Identity, Phase};
use crate::person::Person;

/// Somebody who is missing and somebody new look like one person.
pub const SAME_PERSON: Code = Code::new("HR-081");
/// An id has another name, address and first day: it may be somebody else's by now.
pub const OTHER_PERSON: Code = Code::new("HR-082");
/// Somebody who works here has a first day to come.
pub const NOT_YET: Code = Code::new("HR-083");

/// Every code that a question is asked under.
pub const CODES: [Code; 3] = [SAME_PERSON, OTHER_PERSON, NOT_YET];

/// What is asked about somebody.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Doubt {
    /// Whether this new id is the same person. Answered: they are two.
    SamePerson(PersonId),
    /// Whether the id is still the same person's. Answered: the row is right. The text is what the row says
    /// of who it is, as a digest.
    OtherPerson(String),
    /// Whether the first day is still to come. Answered: it is.
    NotYet(Timestamp),
}

/// A question about somebody.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Question {
    /// About whom: somebody whom the ledger has.
    pub person: PersonId,
    /// What.
    pub doubt: Doubt,
}

impl Question {
    /// The code of its page.
    pub fn code(&self) -> Code {
        match self.doubt {
            Doubt::SamePerson(_) => SAME_PERSON,
            Doubt::OtherPerson(_) => OTHER_PERSON,
            Doubt::NotYet(_) => NOT_YET,
        }
    }

    /// What is asked, with ids only.
    pub fn text(&self) -> String {
        let person = &self.person;
        match &self.doubt {
            Doubt::SamePerson(other) => format!(
                "{person}, who is missing or has left, and {other}, who is new, look like one person under two ids; neither is touched"
            ),
            Doubt::OtherPerson(_) => format!(
                "the row of {person} has another name, address and first day than before, as if the id were somebody else's; nothing about {person} changes"
            ),
            Doubt::NotYet(starts_at) => format!(
                "{person} works here already, and the row says that the first day is to come ({starts_at:.0}); nothing about {person} changes"
            ),
        }
    }

    /// What the answer by digest says.
    pub fn answer(&self) -> &'static str {
        match self.doubt {
            Doubt::SamePerson(_) => "they are two people",
            Doubt::OtherPerson(_) => "the row is right",
            Doubt::NotYet(_) => "the first day is to come",
        }
    }

    /// The question as a finding; `digest` is how it is answered.
    pub fn finding(&self, digest: &str) -> Finding {
        let hint = format!(
            "ask HR; if {}, say so with `muster apply {digest}` and have the file dropped again; if not, have HR put the row right",
            self.answer()
        );
        Finding::new(self.code(), Severity::Error, &self.person, self.text()).hint(hint)
    }
}

/// What says who somebody is, beside the id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Traits {
    addresses: BTreeSet<String>,
    name: Option<(String, String)>,
    starts_at: Option<Timestamp>,
}

impl Traits {
    /// What an identity says. An address is any text with an `@` in it, whatever its column is called.
    pub fn of(identity: &Identity) -> Self {
        let lower = |text: &str| text.trim().to_lowercase();
        let texts = identity.attributes.keys();
        let addresses = texts
            .filter_map(|name| identity.text(name))
            .filter(|text| text.contains('@'))
            .map(lower)
            .collect();
        let part = |name| identity.text(name).map(lower);
        let name = match (part("first_name"), part("last_name")) {
            (Some(first), Some(last)) => Some((first, last)),
            _ => part("display_name").map(|name| (name, String::new())),
        };
        Self {
            addresses,
            name,
            starts_at: identity.employment.starts_at,
        }
    }

    /// Whether two ids look like one person: an address in common, or the name and the first day.
    pub fn look_like(&self, other: &Self) -> bool {
        let has_address = !self.addresses.is_disjoint(&other.addresses);
        let has_name = self.name.is_some() && self.name == other.name;
        let has_day = self.starts_at.is_some() && self.starts_at == other.starts_at;
        has_address || (has_name && has_day)
    }

    /// Whether nothing that says who somebody is has stayed: name, address and, where both have one, the
    /// first day.
    pub fn is_unlike(&self, other: &Self) -> bool {
        let names = match (&self.name, &other.name) {
            (Some((first, last)), Some((other_first, other_last))) => {
                first != other_first && (last != other_last || last.is_empty())
            }
            _ => false,
        };
        let addresses = !self.addresses.is_empty()
            && !other.addresses.is_empty()
            && self.addresses.is_disjoint(&other.addresses);
        let days = match (self.starts_at, other.starts_at) {
            (Some(day), Some(other)) => day != other,
            _ => true,
        };
        names && addresses && days
    }

    /// All of it as one text, to know the same answer again. It has personal values and is only digested.
    pub fn as_text(&self) -> String {
        format!("{:?}", (&self.addresses, &self.name, self.starts_at))
    }
}

/// What has to be asked about a row of somebody whom the ledger has; `digest` makes a text unreadable.
pub fn about_row(
    before: &Person,
    identity: &Identity,
    now: Timestamp,
    digest: impl Fn(&str) -> String,
) -> Option<Question> {
    let person = before.id.clone();
    let was = Traits::of(&before.identity);
    // Under an id that will be somebody else's, nothing may be announced either.
    let announced = identity.dated.announced.iter();
    let later = announced.map(|announced| Traits::of(&identity.on(announced.at)));
    let mut each = [Traits::of(identity)].into_iter().chain(later);
    if let Some(is) = each.find(|is| was.is_unlike(is)) {
        let doubt = Doubt::OtherPerson(digest(&is.as_text()));
        return Some(Question { person, doubt });
    }
    let works_here = matches!(before.phase, Phase::Active | Phase::Leave);
    let starts_at = identity.employment.starts_at?;
    (works_here && identity.employment.phase(now) == Phase::Prehire).then_some(Question {
        person,
        doubt: Doubt::NotYet(starts_at),
    })
}
