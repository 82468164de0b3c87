//! A mapping whose columns were found in one file's header: reads that file's rows.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::damage::{self, Damage};
use super::value::{Fault, Reader, Said, checked, is_plain, sound, trimmed};
use super::{
    Code, Column, DayColumn, MANAGER, Mapping, Mistake, StatusReader, code, day, zone_by_name,
};
use crate::dated::Dated;
use crate::id::{KEY_BYTES_MAX, PersonKey};
use crate::identity::{Attributes, Employment, Identity, Status};
use crate::nearest::nearest;
use crate::text::{folded_name, shown};

/// Longest piece of a cell that a mistake quotes, in characters.
const QUOTED_CHARS_MAX: usize = 40;

/// A mapping bound to a header.
#[derive(Clone, Debug)]
pub struct Bound {
    mapping: Mapping,
    width: usize,
    key: Place,
    attributes: Vec<Option<Place>>,
    status: Option<Place>,
    start: Option<Place>,
    end: Option<Place>,
    effective: Option<Place>,
    zone: Option<Place>,
    manager: Option<Place>,
}

/// Where a column is in the file, and by which of its names.
#[derive(Clone, Debug)]
struct Place {
    index: usize,
    name: String,
}

/// The days of an employment, read and not yet placed in a zone.
struct Days {
    start: Option<Date>,
    end: Option<Date>,
}

/// What to do where nobody can say from which day on a row holds.
const WITHOUT_ITS_DAY: &str = "correct the effective date, or ask IT to add the format to the feed's `date_formats` in \
     muster.toml; until then nothing about the person changes, and what was announced stands";

impl Bound {
    pub(super) fn new<S: AsRef<str>>(
        mapping: &Mapping,
        header: &[S],
    ) -> Result<Self, Vec<Mistake>> {
        let mut search = Search {
            header: header
                .iter()
                .map(|name| folded_name(name.as_ref()))
                .collect(),
            written: header.iter().map(|name| name.as_ref().to_owned()).collect(),
            mistakes: Vec::new(),
            nearest: Vec::new(),
            found: 0,
        };
        let key = search.place("the person's id", &mapping.key);
        let attributes = mapping
            .attributes
            .iter()
            .map(|named| search.place(&format!("`{}`", named.name), &named.column))
            .collect();
        let status = match &mapping.status {
            StatusReader::Column(column, _) => search.place("the status", column),
            StatusReader::Always(_) => None,
        };
        let mut days = |what: &str, day: &Option<DayColumn>| {
            day.as_ref().and_then(|day| search.place(what, &day.column))
        };
        let start = days("the first day", &mapping.start);
        let end = days("the last day", &mapping.end);
        let effective = days("the effective day", &mapping.effective);
        let zones = mapping.zones.as_ref();
        let zone = zones.and_then(|(column, _)| search.place("the place of work", column));
        let manager = mapping.manager.as_ref();
        let manager = manager.and_then(|column| search.place("the manager", column));
        let Some(key) = key.filter(|_| search.mistakes.is_empty()) else {
            return Err(search.into_mistakes());
        };
        Ok(Self {
            mapping: mapping.clone(),
            width: header.len(),
            key,
            attributes,
            status,
            start,
            end,
            effective,
            zone,
            manager,
        })
    }

    /// How many cells a row has to have.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Which cell holds the person's id, counted from 0.
    pub fn key_index(&self) -> usize {
        self.key.index
    }

    /// The person's id as written in a row, without surrounding white space.
    ///
    /// # Errors
    /// The row has not as many cells as the header, or the cell cannot be an id. Nobody can then
    /// say whose row it is.
    pub fn key<'a, S: AsRef<str>>(&self, cells: &'a [S], row: u32) -> Result<&'a str, Mistake> {
        if cells.len() != self.width {
            return Err(Mistake {
                code: code::CELL_COUNT,
                row: Some(row),
                column: None,
                text: format!(
                    "the row has {} cells, the header has {}",
                    cells.len(),
                    self.width
                ),
                hint: "look for a separator or line break inside a text that is not in quotes, \
                       and export again"
                    .to_owned(),
            });
        }
        let key = trimmed(cells[self.key.index].as_ref());
        if damage::is_harmed_id(key) {
            return Err(self.harmed(row, &self.key));
        }
        sound(key).map_err(|fault| self.fault(fault, row, &self.key))?;
        // The plain case of what `PersonKey::new` checks, without taking a copy.
        if !key.is_empty() && key.len() <= KEY_BYTES_MAX && is_plain(key) {
            return Ok(key);
        }
        match PersonKey::new(key) {
            Ok(_) => Ok(key),
            Err(invalid) => Err(Mistake {
                code: code::KEY_UNUSABLE,
                row: Some(row),
                column: Some(self.key.name.clone()),
                text: format!("the id of this row cannot be used: {}", invalid.reason),
                hint: "give the person an id in HR's system and export again".to_owned(),
            }),
        }
    }

    /// The manager's id as written in a row; `None` if the cell or the column is empty or missing.
    pub fn manager<'a, S: AsRef<str>>(&self, cells: &'a [S]) -> Option<&'a str> {
        let cell = cells.get(self.manager.as_ref()?.index)?;
        let text = trimmed(cell.as_ref());
        (!text.is_empty()).then_some(text)
    }

    /// What looks damaged in a row that can be read: nobody can be sure, so a person has to look before
    /// anything follows from the file.
    pub fn doubt<S: AsRef<str>>(&self, cells: &[S], row: u32) -> Option<Mistake> {
        let texts = self.mapping.attributes.iter().zip(&self.attributes);
        let of_text = texts.filter_map(|(named, place)| match named.reader {
            Reader::Text | Reader::Email | Reader::List(_) => place.as_ref(),
            Reader::Verbatim | Reader::Boolean(_) | Reader::Integer | Reader::Day(_) => None,
        });
        let mut places = [&self.key].into_iter().chain(of_text).chain(&self.manager);
        let place = places.find(|place| {
            let cell = cells.get(place.index);
            cell.is_some_and(|cell| damage::of(trimmed(cell.as_ref())) == Damage::Likely)
        })?;
        let text = "letters of the cell look damaged".to_owned();
        Some(Mistake {
            hint:
                "look at the cell; if it is damaged, export again as UTF-8; if it is right, IT can \
                   apply the file, and map the column as `type = \"verbatim\"`"
                    .to_owned(),
            ..self.mistake(code::DOUBTFUL, row, place, text)
        })
    }

    /// The name of the column with the manager, as the mapping has it.
    pub fn manager_column(&self) -> Option<&str> {
        self.manager.as_ref().map(|place| place.name.as_str())
    }

    /// Whether a row can be read, without building anything.
    ///
    /// # Errors
    /// As [`Bound::row`].
    pub fn check<S: AsRef<str>>(&self, cells: &[S], row: u32) -> Result<(), Mistake> {
        self.key(cells, row)?;
        self.each_attribute(cells, row, |_, _| ())?;
        self.status(cells, row)?;
        self.days(cells, row)?;
        self.zone(cells, row)?;
        self.since(cells, row).map(drop)
    }

    /// Whether each row says from which day on it holds.
    pub fn is_dated(&self) -> bool {
        self.mapping.is_dated()
    }

    /// Reads a row, which has the number `row` in the file: a statement that holds from its day on, whether that has
    /// come or not.
    ///
    /// # Errors
    /// Why the row is set aside: nothing of it counts.
    pub fn row<S: AsRef<str>>(
        &self,
        cells: &[S],
        row: u32,
    ) -> Result<(PersonKey, Identity), Mistake> {
        let key = self.key(cells, row)?;
        let Ok(key) = PersonKey::new(key) else {
            // `Bound::key` has just made one of it.
            return Err(self.mistake(code::KEY_UNUSABLE, row, &self.key, String::new()));
        };
        let mut attributes = Vec::with_capacity(self.attributes.len() + 1);
        self.each_attribute(cells, row, |name, said| {
            attributes.push((name.to_owned(), said.value()));
        })?;
        let identity = Identity {
            employment: self.employment(cells, row)?,
            attributes: Attributes::from_iter(attributes),
            dated: Dated {
                since: self.since(cells, row)?,
                announced: Vec::new(),
            },
        };
        Ok((key, identity))
    }

    fn each_attribute<S: AsRef<str>>(
        &self,
        cells: &[S],
        row: u32,
        mut take: impl FnMut(&str, Said<'_>),
    ) -> Result<(), Mistake> {
        for (named, place) in self.mapping.attributes.iter().zip(&self.attributes) {
            let Some(place) = place else { continue };
            let said = named.reader.read(cells[place.index].as_ref());
            take(
                &named.name,
                said.map_err(|fault| self.fault(fault, row, place))?,
            );
        }
        if let Some(place) = &self.manager {
            let text = self.cell(cells, row, place)?;
            if damage::is_harmed_id(text) {
                return Err(self.harmed(row, place));
            }
            sound(text).map_err(|fault| self.fault(fault, row, place))?;
            let said = if text.is_empty() {
                Said::Empty
            } else {
                Said::Text(text)
            };
            take(MANAGER, said);
        }
        Ok(())
    }

    fn employment<S: AsRef<str>>(&self, cells: &[S], row: u32) -> Result<Employment, Mistake> {
        let status = self.status(cells, row)?;
        let days = self.days(cells, row)?;
        let zone = self.zone(cells, row)?;
        let (starts_at, ends_at) = self.instants(&days, zone.as_ref(), row)?;
        Ok(Employment {
            status,
            starts_at,
            ends_at,
        })
    }

    fn days<S: AsRef<str>>(&self, cells: &[S], row: u32) -> Result<Days, Mistake> {
        let days = Days {
            start: self.day(cells, row, self.start.as_ref(), self.mapping.start.as_ref())?,
            end: self.day(cells, row, self.end.as_ref(), self.mapping.end.as_ref())?,
        };
        if let (Some(start), Some(end), Some(place)) = (days.start, days.end, &self.end)
            && end < start
        {
            let text = format!("the last day {end} is before the first day {start}");
            return Err(Mistake {
                hint: "correct one of the two days in HR's system and export again".to_owned(),
                ..self.mistake(code::END_BEFORE_START, row, place, text)
            });
        }
        if let (Some(start), Some(place)) = (days.start, &self.start)
            && start.year() >= day::OPEN_END_YEAR
        {
            return Err(self.fault(Fault::NotADay, row, place));
        }
        for (day, place) in [(days.start, &self.start), (days.end, &self.end)] {
            if let (Some(day), Some(place)) = (day, place)
                && day.year() < day::EMPLOYMENT_YEAR_MIN
            {
                let text = format!("{day} is too long ago to be a day of anybody's employment");
                return Err(Mistake {
                    hint:
                        "correct the day; if HR's system writes it where there is none, ask IT to \
                           add it to the feed's `no_date` in muster.toml"
                            .to_owned(),
                    ..self.mistake(code::DAY_UNREADABLE, row, place, text)
                });
            }
        }
        Ok(days)
    }

    /// The first instant of the effective day, where the row has the person work; `None`: since ever.
    fn since<S: AsRef<str>>(&self, cells: &[S], row: u32) -> Result<Option<Timestamp>, Mistake> {
        let (place, column) = (self.effective.as_ref(), self.mapping.effective.as_ref());
        let Some(place) = place else { return Ok(None) };
        let no_day = |mistake: Mistake| Mistake {
            code: code::EFFECTIVE_UNREADABLE,
            hint: WITHOUT_ITS_DAY.to_owned(),
            ..mistake
        };
        let day = self.day(cells, row, Some(place), column).map_err(no_day)?;
        let Some(day) = day else { return Ok(None) };
        let zone = self.zone(cells, row)?;
        let zone = zone.as_ref().unwrap_or(&self.mapping.zone);
        let is_day = day.year() >= day::EMPLOYMENT_YEAR_MIN && day.year() < day::OPEN_END_YEAR;
        let instant = day::first_instant(day, zone).filter(|_| is_day);
        match instant {
            Some(instant) => Ok(Some(instant)),
            None => Err(no_day(self.fault(Fault::NotADay, row, place))),
        }
    }

    fn status<S: AsRef<str>>(&self, cells: &[S], row: u32) -> Result<Status, Mistake> {
        let (table, place) = match (&self.mapping.status, &self.status) {
            (StatusReader::Always(status), _) => return Ok(*status),
            (StatusReader::Column(_, table), Some(place)) => (table, place),
            (StatusReader::Column(column, _), None) => {
                // `Bound::new` refuses a header without the status column.
                return Err(missing("the status", column));
            }
        };
        let text = self.cell(cells, row, place)?;
        if let Some(status) = table.get(text) {
            return Ok(*status);
        }
        sound(text).map_err(|fault| self.fault(fault, row, place))?;
        Err(Mistake {
            hint: "correct the cell, or ask IT to add the word to the feed's `mapping.status` in muster.toml"
                .to_owned(),
            ..self.mistake(
                code::VALUE_UNKNOWN,
                row,
                place,
                if text.is_empty() {
                    "the cell is empty, which is no status that the mapping names".to_owned()
                } else {
                    format!("{} is not a status that the mapping names", quoted(text))
                },
            )
        })
    }

    fn harmed(&self, row: u32, place: &Place) -> Mistake {
        Mistake {
            hint: "a spreadsheet program wrote a long number in its short form; export again straight \
                   from HR's system, or format the column as text before opening the file"
                .to_owned(),
            ..self.mistake(
                code::KEY_HARMED,
                row,
                place,
                "the id was shortened, and nobody can say whose it is".to_owned(),
            )
        }
    }

    fn day<S: AsRef<str>>(
        &self,
        cells: &[S],
        row: u32,
        place: Option<&Place>,
        column: Option<&DayColumn>,
    ) -> Result<Option<Date>, Mistake> {
        let (Some(place), Some(column)) = (place, column) else {
            return Ok(None);
        };
        let text = self.cell(cells, row, place)?;
        if text.is_empty() || day::says_none(text, &column.forms) {
            return Ok(None);
        }
        sound(text).map_err(|fault| self.fault(fault, row, place))?;
        if let Some(day) = day::read(text, &column.forms) {
            return Ok(Some(day));
        }
        let mut mistake = self.fault(Fault::NotADay, row, place);
        // Without a digit it is no date at all, and may be somebody's name in the wrong column.
        if text.bytes().any(|byte| byte.is_ascii_digit()) {
            mistake.text = format!("{} is not a day in any format of this column", quoted(text));
        }
        Err(mistake)
    }

    fn zone<S: AsRef<str>>(&self, cells: &[S], row: u32) -> Result<Option<TimeZone>, Mistake> {
        let (Some((_, table)), Some(place)) = (&self.mapping.zones, &self.zone) else {
            return Ok(None);
        };
        let text = self.cell(cells, row, place)?;
        if let Some(zone) = table.get(text) {
            return Ok(Some(zone.clone()));
        }
        if text.is_empty() {
            return Ok(None);
        }
        sound(text).map_err(|fault| self.fault(fault, row, place))?;
        zone_by_name(text).map(Some).ok_or_else(|| Mistake {
            hint: "correct the cell, or ask IT to add the place to the feed's `mapping.zones` in muster.toml"
                .to_owned(),
            ..self.mistake(
                code::ZONE_UNKNOWN,
                row,
                place,
                "the place of work has no known time zone".to_owned(),
            )
        })
    }

    fn instants(
        &self,
        days: &Days,
        zone: Option<&TimeZone>,
        row: u32,
    ) -> Result<(Option<Timestamp>, Option<Timestamp>), Mistake> {
        let zone = zone.unwrap_or(&self.mapping.zone);
        let out_of_range = |place: &Option<Place>| {
            let place = place.as_ref().unwrap_or(&self.key);
            self.fault(Fault::NotADay, row, place)
        };
        let starts_at = match days.start {
            None => None,
            Some(start) => {
                Some(day::first_instant(start, zone).ok_or_else(|| out_of_range(&self.start))?)
            }
        };
        let ends_at = match days.end {
            None => None,
            Some(end) => {
                day::first_instant_after(end, zone).map_err(|()| out_of_range(&self.end))?
            }
        };
        Ok((starts_at, ends_at))
    }

    fn cell<'a, S: AsRef<str>>(
        &self,
        cells: &'a [S],
        row: u32,
        place: &Place,
    ) -> Result<&'a str, Mistake> {
        checked(cells[place.index].as_ref()).map_err(|fault| self.fault(fault, row, place))
    }

    fn fault(&self, fault: Fault, row: u32, place: &Place) -> Mistake {
        Mistake {
            hint: fault.hint().to_owned(),
            ..self.mistake(fault.code(), row, place, fault.text())
        }
    }

    #[expect(
        clippy::unused_self,
        reason = "read beside `fault`, at the same call sites"
    )]
    fn mistake(&self, code: Code, row: u32, place: &Place, text: String) -> Mistake {
        Mistake {
            code,
            row: Some(row),
            column: Some(place.name.clone()),
            text,
            hint: String::new(),
        }
    }
}

/// Looks for columns in a header and keeps what it does not find.
struct Search {
    header: Vec<String>,
    written: Vec<String>,
    mistakes: Vec<Mistake>,
    /// The nearest name to that of a missing column, by the place of its mistake.
    nearest: Vec<(usize, Option<String>)>,
    found: u32,
}

impl Search {
    fn place(&mut self, what: &str, column: &Column) -> Option<Place> {
        let mut hits = Vec::new();
        for name in &column.names {
            let folded = folded_name(name);
            let is_repeated = hits
                .iter()
                .any(|hit: &Place| folded_name(&hit.name) == folded);
            if is_repeated {
                continue;
            }
            for (index, cell) in self.header.iter().enumerate() {
                if *cell == folded {
                    hits.push(Place {
                        index,
                        name: name.trim().to_owned(),
                    });
                }
            }
        }
        match (hits.len(), column.optional) {
            (0, true) => None,
            (0, false) => {
                let nearest = self.nearest(column);
                self.nearest.push((self.mistakes.len(), nearest));
                self.mistakes.push(missing(what, column));
                None
            }
            (1, _) => {
                self.found += 1;
                hits.pop()
            }
            (count, _) => {
                self.found += 1;
                self.mistakes.push(Mistake {
                    code: code::COLUMN_AMBIGUOUS,
                    row: None,
                    column: Some(hits[0].name.clone()),
                    text: format!("{count} columns of the file could be {what}"),
                    hint: "export the column once, or ask IT to leave only one name in the mapping"
                        .to_owned(),
                });
                None
            }
        }
    }

    /// The name in the header that comes nearest to one of a column's, as it is shown: where HR sees the
    /// column and Muster does not, a letter of another alphabet stands in it, or a dash for a hyphen.
    fn nearest(&self, column: &Column) -> Option<String> {
        column.names.iter().find_map(|name| {
            let names = self.header.iter().map(String::as_str);
            let near = nearest(&folded_name(name), names)?;
            let index = self.header.iter().position(|folded| folded == near)?;
            let written = self.written.get(index)?;
            Some(if name.is_ascii() {
                written.escape_default().to_string()
            } else {
                shown(written).into_owned()
            })
        })
    }

    /// A header in which nothing was found is no header, most likely.
    fn into_mistakes(mut self) -> Vec<Mistake> {
        if self.found > 0 || self.mistakes.len() < 2 {
            // Only now it is known to be a header, and no row with somebody's name in it.
            for (index, nearest) in self.nearest {
                if let (Some(mistake), Some(nearest)) = (self.mistakes.get_mut(index), nearest) {
                    mistake.text = format!("{}; the nearest there is `{nearest}`", mistake.text);
                }
            }
            return self.mistakes;
        }
        let mut mistakes = vec![Mistake {
            code: code::COLUMN_MISSING,
            row: None,
            column: None,
            text: "the first row is not a header: no column of the mapping is in it".to_owned(),
            hint: "export with the column names in the first row".to_owned(),
        }];
        mistakes.extend(self.mistakes);
        mistakes
    }
}

fn missing(what: &str, column: &Column) -> Mistake {
    let names: Vec<String> = column
        .names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect();
    Mistake {
        code: code::COLUMN_MISSING,
        row: None,
        column: column.names.first().cloned(),
        text: format!(
            "the column for {what} is not in the file: {}",
            names.join(" or ")
        ),
        hint: "export with this column, or ask IT to correct the mapping of the feed".to_owned(),
    }
}

fn quoted(text: &str) -> String {
    let short: String = text.chars().take(QUOTED_CHARS_MAX).collect();
    let more = if short.len() < text.len() { "..." } else { "" };
    format!("`{}{more}`", short.escape_debug())
}
