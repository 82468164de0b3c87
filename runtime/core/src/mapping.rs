//! How the columns of a feed's file become an [`Identity`](crate::identity::Identity).
//!
//! IT writes [`Columns`]; [`Mapping::new`] checks them once; [`Mapping::bind`] finds them in the
//! header of a file, in any order; [`Bound::row`] reads one row. Nothing is guessed: a value that no
//! table names, or a day that no format reads, sets the row aside. A mapped column that is missing
//! from the header says nothing about anybody, so it stops the file instead of emptying people.
//!
//! Left to others: whether a manager exists (the snapshot knows all keys), what an attribute that
//! is absent keeps (the planner knows the value before), and which texts become cells (intake).

mod bound;
mod damage;
mod day;
mod value;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::finding::Code;
use crate::identity::{Status, ValueType};

pub use bound::Bound;
use value::Table;

/// Longest cell of a mapped column, in bytes.
pub const CELL_BYTES_MAX: usize = 8_192;

/// Most items of one list cell.
pub const LIST_ITEMS_MAX: usize = 256;

/// Most day formats of one column.
pub const FORMATS_MAX: usize = 16;

/// The attribute that holds the key of a person's manager.
pub const MANAGER: &str = "manager";

/// The codes of what can be wrong with a header or a row. Each has a page under `docs/errors/`.
pub mod code {
    use crate::finding::Code;

    /// A mapped column is not in the file.
    pub const COLUMN_MISSING: Code = Code::new("HR-010");
    /// Two columns of the file answer to one mapped name.
    pub const COLUMN_AMBIGUOUS: Code = Code::new("HR-011");
    /// A row has more or fewer cells than the header.
    pub const CELL_COUNT: Code = Code::new("HR-012");
    /// The cell with the person's id is empty or cannot be an id.
    pub const KEY_UNUSABLE: Code = Code::new("HR-013");
    /// A value stands in no value table.
    pub const VALUE_UNKNOWN: Code = Code::new("HR-014");
    /// No format reads the day.
    pub const DAY_UNREADABLE: Code = Code::new("HR-015");
    /// The last day is before the first.
    pub const END_BEFORE_START: Code = Code::new("HR-016");
    /// A cell has control characters in it.
    pub const CONTROL_CHARACTER: Code = Code::new("HR-017");
    /// A cell is too long.
    pub const CELL_TOO_LONG: Code = Code::new("HR-018");
    /// A value does not fit its type.
    pub const VALUE_UNFIT: Code = Code::new("HR-019");
    /// A place of work has no known time zone.
    pub const ZONE_UNKNOWN: Code = Code::new("HR-034");
    /// A cell holds what a spreadsheet or database writes where it has no value.
    pub const NO_VALUE: Code = Code::new("HR-050");
    /// The letters of a cell are damaged.
    pub const DAMAGED: Code = Code::new("HR-051");
    /// A spreadsheet program changed an id.
    pub const KEY_HARMED: Code = Code::new("HR-052");
    /// A cell is no e-mail address.
    pub const NOT_AN_ADDRESS: Code = Code::new("HR-053");
    /// The letters of a cell look damaged.
    pub const DOUBTFUL: Code = Code::new("HR-054");
    /// No format reads the effective date.
    pub const EFFECTIVE_UNREADABLE: Code = Code::new("HR-060");
}

/// A column of the file, under any of several names. Case, spaces around and characters that nobody
/// sees do not count.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Column {
    /// The names that it may have; exactly one of them has to be in the header.
    pub names: Vec<String>,
    /// Whether a file without it is in order; the attribute is then absent, which says nothing.
    pub optional: bool,
}

impl Column {
    /// A column that has to be there, under one name.
    pub fn named(name: &str) -> Self {
        Self {
            names: vec![name.to_owned()],
            optional: false,
        }
    }
}

/// An attribute: its column and how its cells are read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attribute {
    /// Where it is.
    pub column: Column,
    /// What its cells are.
    pub form: Form,
}

/// How the cells of an attribute are read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Form {
    /// As written, without surrounding white space. What an export writes where it has no value
    /// (`#N/A`, `NULL`), and damaged letters, set the row aside.
    Text,
    /// As written, whatever it is: for a column in which such things are meant.
    Verbatim,
    /// One e-mail address.
    Email,
    /// Yes or no. A value in neither table sets the row aside; case does not count.
    Boolean {
        /// The values that mean yes.
        yes: Vec<String>,
        /// The values that mean no.
        no: Vec<String>,
    },
    /// A whole number.
    Integer,
    /// A day.
    Day(DayForms),
    /// Several texts with a separator between them; empty ones are left out.
    List {
        /// What stands between two items.
        separator: String,
    },
}

/// Where the status of an employment comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StatusRule {
    /// A column with a value table. A value that it does not name sets the row aside, the empty one
    /// too unless the table names it; case does not count.
    Column {
        /// Where it is. Never optional.
        column: Column,
        /// What each value means.
        values: BTreeMap<String, Status>,
    },
    /// The feed has no such column; everybody in it has this status.
    Always(Status),
}

/// How days are written. ISO days and `SuccessFactors`' `/Date(ms)/` are always read; other shapes
/// only with a format (as of strptime).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DayForms {
    /// The formats, tried in order. Two that read one text as two days are refused.
    pub formats: Vec<String>,
    /// The first of the hundred years that two digits stand for. Without it a format with two digits
    /// for the year is refused: nobody but IT knows whether `65` is past or to come.
    pub two_digit_years: Option<i16>,
    /// What HR's system writes where there is no day.
    pub no_date: Vec<String>,
}

impl Default for DayForms {
    fn default() -> Self {
        Self {
            formats: Vec::new(),
            two_digit_years: None,
            no_date: NO_DATE.map(str::to_owned).to_vec(),
        }
    }
}

/// What systems write where there is no day: zeros (SAP and others), and the first day that their
/// database knows (.NET, SQL Server).
pub const NO_DATE: [&str; 13] = [
    "0000-00-00",
    "00000000",
    "00.00.0000",
    "00/00/0000",
    "00-00-0000",
    "0001-01-01",
    "01.01.0001",
    "01/01/0001",
    "1/1/0001",
    "1753-01-01",
    "01.01.1753",
    "01/01/1753",
    "1/1/1753",
];

/// A column with days.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DayColumn {
    /// Where it is. Never optional: a file that lost its end dates would call leavers back.
    pub column: Column,
    /// How they are written.
    pub forms: DayForms,
}

/// In which zone a person's days begin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ZoneRule {
    /// IANA name of the zone of everybody for whom no other is known.
    pub default: String,
    /// A column with the place of work.
    pub column: Option<ZoneColumn>,
}

/// A column with the place of work.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ZoneColumn {
    /// Where it is. Never optional.
    pub column: Column,
    /// IANA name by value. A value that is not here has to be an IANA name itself; an empty cell
    /// takes the default, anything else sets the row aside.
    pub values: BTreeMap<String, String>,
}

/// How the columns of a feed become people, as IT writes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Columns {
    /// The id that HR gives a person. Never optional.
    pub key: Column,
    /// Attributes by the name that policy uses.
    pub attributes: BTreeMap<String, Attribute>,
    /// The status.
    pub status: StatusRule,
    /// The first day.
    pub start: Option<DayColumn>,
    /// The last day.
    pub end: Option<DayColumn>,
    /// The zone of the days.
    pub zone: ZoneRule,
    /// The day from which on a row holds. An empty cell: since ever.
    pub effective: Option<DayColumn>,
    /// The id of the manager: becomes the text attribute [`MANAGER`].
    pub manager: Option<Column>,
}

impl Columns {
    /// The columns of days that decide about the employment, each with the word for it.
    fn days(&self) -> [(&'static str, &Option<DayColumn>); 3] {
        [
            ("start", &self.start),
            ("end", &self.end),
            ("effective", &self.effective),
        ]
    }
}

/// Why columns cannot be used. Each says what to write instead.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidMapping {
    /// A column without a name.
    #[error("`{what}` needs the name of a column")]
    ColumnUnnamed {
        /// Which column.
        what: String,
    },
    /// An optional column that may not be.
    #[error(
        "`{what}` cannot be optional: a file without it would change people whom it says nothing about"
    )]
    ColumnOptional {
        /// Which column.
        what: String,
    },
    /// An attribute name that rules could not use.
    #[error(
        "`{name}` is not a usable attribute name: it begins with a-z, then a-z, 0-9 and `_`, at most 64"
    )]
    AttributeName {
        /// The name.
        name: String,
    },
    /// The attribute that the manager column fills.
    #[error(
        "the attribute `manager` comes from the manager column; give the other one another name"
    )]
    ManagerTwice,
    /// One value under two meanings.
    #[error("`{what}` gives the value `{value}` two meanings")]
    ValueTwice {
        /// Which column.
        what: String,
        /// The value.
        value: String,
    },
    /// A table that names nothing.
    #[error("`{what}` needs a value table: which values mean what")]
    ValuesMissing {
        /// Which column.
        what: String,
    },
    /// A separator that is empty.
    #[error("`{what}` needs a separator, such as `;`")]
    SeparatorMissing {
        /// Which column.
        what: String,
    },
    /// A format that does not read days.
    #[error(
        "`{what}`: the format `{format}` does not read a whole day (year, month and day, as in `%d.%m.%Y`)"
    )]
    FormatUnusable {
        /// Which column.
        what: String,
        /// The format.
        format: String,
    },
    /// A format with two digits for the year, and nobody said which hundred years are meant.
    #[error(
        "`{what}`: the format `{format}` has two digits for the year; say from which year on they count, as in `two_digit_years = 1950`, or have HR's system write four"
    )]
    CenturyMissing {
        /// Which column.
        what: String,
        /// The format.
        format: String,
    },
    /// Formats that contradict each other.
    #[error(
        "`{what}`: `{example}` is {first_day} by `{first}` and {second_day} by `{second}`; keep the one that HR's system writes"
    )]
    FormatsAmbiguous {
        /// Which column.
        what: String,
        /// The one format.
        first: String,
        /// The other.
        second: String,
        /// A text that both read.
        example: String,
        /// How the first reads it.
        first_day: jiff::civil::Date,
        /// How the second reads it.
        second_day: jiff::civil::Date,
    },
    /// More formats than anybody needs.
    #[error("`{what}` has more than {FORMATS_MAX} formats")]
    FormatsTooMany {
        /// Which column.
        what: String,
    },
    /// A zone that is not known.
    #[error("`{zone}` is not an IANA time zone, such as `Europe/Berlin`")]
    ZoneUnknown {
        /// The zone.
        zone: String,
    },
}

/// What is wrong with a header (no row) or a row. Names rows, columns and ids, never a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistake {
    /// Which kind.
    pub code: Code,
    /// The row as a spreadsheet numbers it, the header being row 1; `None` for the file as a whole.
    pub row: Option<u32>,
    /// The column, as the mapping names it.
    pub column: Option<String>,
    /// What is wrong, as a sentence without a full stop.
    pub text: String,
    /// What to do.
    pub hint: String,
}

/// Columns that were checked: every table is sound, every zone is known, no two formats disagree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mapping {
    key: Column,
    attributes: Vec<Named>,
    status: StatusReader,
    start: Option<DayColumn>,
    end: Option<DayColumn>,
    effective: Option<DayColumn>,
    zone: TimeZone,
    zones: Option<(Column, Table<TimeZone>)>,
    manager: Option<Column>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Named {
    name: String,
    column: Column,
    reader: value::Reader,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum StatusReader {
    Column(Column, Table<Status>),
    Always(Status),
}

impl Mapping {
    /// Checks columns.
    ///
    /// # Errors
    /// Everything that is wrong with them, at once.
    pub fn new(columns: Columns) -> Result<Self, Vec<InvalidMapping>> {
        let mut errors = Vec::new();
        check_columns(&columns, &mut errors);
        for (what, day) in columns.days() {
            if let Some(day) = day {
                day::check_formats(what, &day.forms, &mut errors);
            }
        }
        let mut attributes = Vec::new();
        for (name, Attribute { column, form }) in columns.attributes {
            if let Some(reader) = value::Reader::new(&name, form, &mut errors) {
                attributes.push(Named {
                    name,
                    column,
                    reader,
                });
            }
        }
        let status = match columns.status {
            StatusRule::Always(status) => StatusReader::Always(status),
            StatusRule::Column { column, values } => {
                if values.is_empty() {
                    errors.push(InvalidMapping::ValuesMissing {
                        what: "status".to_owned(),
                    });
                }
                StatusReader::Column(column, Table::new("status", values, &mut errors))
            }
        };
        let zone = find_zone(&columns.zone.default, &mut errors);
        let zones = columns.zone.column.map(|ZoneColumn { column, values }| {
            let known = values
                .into_iter()
                .map(|(value, zone)| (value, find_zone(&zone, &mut errors)))
                .collect::<Vec<_>>();
            (column, Table::new("zone", known, &mut errors))
        });
        if errors.is_empty() {
            Ok(Self {
                key: columns.key,
                attributes,
                status,
                start: columns.start,
                end: columns.end,
                effective: columns.effective,
                zone,
                zones,
                manager: columns.manager,
            })
        } else {
            Err(errors)
        }
    }

    /// Whether each row says from which day on it holds.
    pub fn is_dated(&self) -> bool {
        self.effective.is_some()
    }

    /// Finds the columns in a header.
    ///
    /// # Errors
    /// Every mapped column that is missing or there twice. The file then has to be held: nothing may
    /// follow from what it does not say.
    pub fn bind<S: AsRef<str>>(&self, header: &[S]) -> Result<Bound, Vec<Mistake>> {
        Bound::new(self, header)
    }

    /// The attributes that a person may have by this mapping, and what their values are.
    pub fn attribute_types(&self) -> impl Iterator<Item = (&str, ValueType)> {
        let manager = self.manager.as_ref().map(|_| (MANAGER, ValueType::Text));
        self.attributes
            .iter()
            .map(|named| (named.name.as_str(), named.reader.value_type()))
            .chain(manager)
    }

    /// Their names, in order.
    pub fn attribute_names(&self) -> impl Iterator<Item = &str> {
        self.attribute_types().map(|(name, _)| name)
    }
}

fn check_columns(columns: &Columns, errors: &mut Vec<InvalidMapping>) {
    let mut check = |what: &str, column: &Column, may_be_optional: bool| {
        if column.names.is_empty() || column.names.iter().any(|name| name.trim().is_empty()) {
            errors.push(InvalidMapping::ColumnUnnamed {
                what: what.to_owned(),
            });
        }
        if column.optional && !may_be_optional {
            errors.push(InvalidMapping::ColumnOptional {
                what: what.to_owned(),
            });
        }
    };
    check("key", &columns.key, false);
    if let StatusRule::Column { column, .. } = &columns.status {
        check("status", column, false);
    }
    for (what, day) in columns.days() {
        if let Some(day) = day {
            check(what, &day.column, false);
        }
    }
    if let Some(zone) = &columns.zone.column {
        check("zone", &zone.column, false);
    }
    if let Some(manager) = &columns.manager {
        check(MANAGER, manager, true);
    }
    for (name, attribute) in &columns.attributes {
        check(name, &attribute.column, true);
    }
    for name in columns.attributes.keys() {
        if name == MANAGER && columns.manager.is_some() {
            errors.push(InvalidMapping::ManagerTwice);
        }
        if !is_attribute_name(name) {
            errors.push(InvalidMapping::AttributeName { name: name.clone() });
        }
    }
}

fn is_attribute_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    name.len() <= 64
        && bytes.next().is_some_and(|byte| byte.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// The zones are those that the program carries: the machine's own tables could give one file two
/// meanings on two machines.
fn zone_by_name(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok()
}

fn find_zone(name: &str, errors: &mut Vec<InvalidMapping>) -> TimeZone {
    zone_by_name(name).unwrap_or_else(|| {
        errors.push(InvalidMapping::ZoneUnknown {
            zone: name.to_owned(),
        });
        TimeZone::UTC
    })
}
