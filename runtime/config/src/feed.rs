//! `[feed.NAME]`: an HR source, what its columns mean, and how much it may change at once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use muster_core::guard::{PeopleLimits, Share};
use muster_core::id::FeedName;
use muster_core::identity::Status;
use muster_core::mapping::{
    Attribute, Column, Columns, DayColumn, DayForms, Form, Mapping, StatusRule, ZoneColumn,
    ZoneRule,
};
use muster_intake::folder::Pattern;
use toml::Spanned;
use toml::de::DeValue;

use super::document::{Placed, Section, plain_table};
use super::mistake::UNUSABLE_VALUE;
use super::options as opt;
use super::secret::{Base, SecretSource};

/// Most attributes of a mapping.
const ATTRIBUTES_MAX: usize = 256;

/// An HR source, ready to be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Feed {
    /// Its name.
    pub name: FeedName,
    /// The folder that HR drops files into.
    pub folder: PathBuf,
    /// Which names are taken.
    pub files: Pattern,
    /// What a file says.
    pub kind: FeedKind,
    /// Names that it had before.
    pub renamed_from: Vec<FeedName>,
    /// How long a file must not have changed before it is read.
    pub quiet: Duration,
    /// How often the folder is looked at besides notices.
    pub poll: Duration,
    /// How the file is written.
    pub csv: Csv,
    /// What the columns mean, as IT wrote it.
    pub columns: Columns,
    /// The same, checked and ready to read headers and rows.
    pub mapping: Mapping,
    /// How much may change at once.
    pub guard: Guard,
    /// The hook; `None` if the feed takes files from the folder only.
    pub hook: Option<HookSource>,
}

/// What a file says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FeedKind {
    /// Everybody that there is: who is missing has left.
    Snapshot,
    /// Only what changed: who is missing stays as they are.
    Changes,
}

impl FeedKind {
    /// The word for it in the configuration and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            FeedKind::Snapshot => "snapshot",
            FeedKind::Changes => "changes",
        }
    }
}

/// How a file is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Csv {
    /// The byte between two cells; none: the one that makes the header widest.
    pub delimiter: Option<u8>,
    /// The encoding's name from the WHATWG list; none: found out from the bytes.
    pub encoding: Option<&'static encoding_rs::Encoding>,
    /// The closing row that each file has to have, with `{count}` where the number of rows stands.
    pub trailer: Option<String>,
    /// Whether the last row has to end with a line break, so that every cut inside a row is found.
    pub needs_last_line_break: bool,
    /// Most rows.
    pub rows_max: u32,
}

/// How much one file may change before a person has to look at it. What may be removed at a target
/// is said there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Guard {
    /// Its people.
    pub people: PeopleLimits,
    /// Rows that may be set aside.
    pub set_aside: Share,
}

/// The hook of a feed, with its secrets still where they are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HookSource {
    /// Any of these may have signed.
    pub secrets: Vec<SecretSource>,
    /// How far a delivery's time may be from the clock.
    pub tolerance: Duration,
    /// Which columns an event has to have: those of the feed.
    pub mapping: Mapping,
}

/// Whether `[feed.NAME]` is used no more. Nothing else in it counts then.
pub(super) fn is_retired(section: &Section<'_>) -> bool {
    section.boolean(&opt::FEED_RETIRED)
}

/// Reads `[feed.NAME]`; `None` if something was noted that leaves nothing to use.
pub(super) fn read(name: FeedName, section: &Section<'_>, base: &Base<'_>) -> Option<Feed> {
    let folder = section.text(&opt::FEED_FOLDER);
    let zone = section.parsed(&opt::FEED_ZONE, |text| match TimeZone::get(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!("there is no zone \"{text}\"")),
    });
    let files = section.parsed(&opt::FEED_FILES, |text| {
        Pattern::new(text).map_err(|error| error.to_string())
    });
    let kind = match section.choice(&opt::FEED_KIND) {
        "changes" => FeedKind::Changes,
        _ => FeedKind::Snapshot,
    };
    let (quiet, poll) = (
        section.duration(&opt::FEED_QUIET),
        section.duration(&opt::FEED_POLL),
    );
    let renamed_from = read_former_names(section);
    let csv = read_csv(&section.section("csv"));
    let default_zone = zone.map_or_else(|| "UTC".to_owned(), |zone| zone.value);
    let mapping = read_mapping(&section.section("mapping"), &default_zone);
    let guard = read_guard(&section.section("guard"));
    let hook = section.section("hook");
    let hook = hook.is_written().then(|| read_hook(&hook, base));
    section.finish();
    let (columns, mapping) = mapping?;
    let hook = hook.flatten().map(|(secrets, tolerance)| HookSource {
        secrets,
        tolerance,
        mapping: mapping.clone(),
    });
    Some(Feed {
        name,
        folder: base.join(&folder?.value),
        files: files?.value,
        kind,
        renamed_from,
        quiet: quiet?,
        poll: poll?,
        csv,
        columns,
        mapping,
        guard: guard?,
        hook,
    })
}

fn read_former_names(section: &Section<'_>) -> Vec<FeedName> {
    let mut names = Vec::new();
    for written in section.texts(&opt::FEED_RENAMED) {
        match FeedName::new(&written.value) {
            Ok(name) => names.push(name),
            Err(error) => {
                let hint = "write the name that stood after `feed.`".to_owned();
                section.note(UNUSABLE_VALUE, written.offset, error.to_string(), hint);
            }
        }
    }
    names
}

fn read_csv(section: &Section<'_>) -> Csv {
    let delimiter = match section.choice(&opt::CSV_DELIMITER) {
        "tab" => Some(b'\t'),
        "auto" => None,
        character => character.bytes().next(),
    };
    let encoding = section.parsed(&opt::CSV_ENCODING, |text| {
        if text == "auto" {
            return Ok(None);
        }
        encoding_rs::Encoding::for_label(text.as_bytes())
            .map(Some)
            .ok_or_else(|| format!("there is no encoding \"{text}\""))
    });
    let trailer = section.parsed(&opt::CSV_TRAILER, |text| {
        match text.matches("{count}").count() {
            1 => Ok(text.to_owned()),
            _ => {
                Err("`{count}` has to stand in it once, where the number of rows stands".to_owned())
            }
        }
    });
    let needs_last_line_break = section.boolean(&opt::CSV_LAST_LINE_BREAK);
    let rows_max = section.number(&opt::CSV_ROWS_MAX);
    section.finish();
    Csv {
        delimiter,
        encoding: encoding.and_then(|placed| placed.value),
        trailer: trailer.map(|placed| placed.value),
        needs_last_line_break,
        rows_max: rows_max.unwrap_or(0),
    }
}

/// What was read of `[feed.NAME.mapping]`, and where: the core names what it refuses by a word.
struct Places(Vec<(String, usize)>);

fn read_mapping(section: &Section<'_>, default_zone: &str) -> Option<(Columns, Mapping)> {
    let mut places = Places(Vec::new());
    let forms = read_day_forms(section);
    let mut day = |word: &str, option: &opt::Opt| {
        let column = column(section, option, &mut places, word)?;
        let forms = forms.clone();
        Some(DayColumn { column, forms })
    };
    let (start, end) = (day("start", &opt::MAP_START), day("end", &opt::MAP_END));
    let effective = day("effective", &opt::MAP_EFFECTIVE);
    let key = column(section, &opt::MAP_KEY, &mut places, "key");
    let manager = column(section, &opt::MAP_MANAGER, &mut places, "manager");
    let zones = plain_table(section.text_table(&opt::MAP_ZONES));
    let zone_column = column(section, &opt::MAP_ZONE, &mut places, "zone");
    let status = read_status(&section.section("status"), &mut places);
    let attributes = read_attributes(&section.section("attributes"), &forms, &mut places);
    section.finish();
    let columns = Columns {
        key: key?,
        attributes,
        status,
        start,
        end,
        effective,
        zone: ZoneRule {
            default: default_zone.to_owned(),
            column: zone_column.map(|column| ZoneColumn {
                column,
                values: zones,
            }),
        },
        manager,
    };
    match Mapping::new(columns.clone()) {
        Ok(mapping) => Some((columns, mapping)),
        Err(errors) => {
            for error in errors {
                places.note(section, &error.to_string());
            }
            None
        }
    }
}

fn read_day_forms(section: &Section<'_>) -> DayForms {
    let is_own = section.is_written_at(opt::MAP_NO_DATE.key);
    let no_date = plain(section.texts(&opt::MAP_NO_DATE));
    DayForms {
        formats: plain(section.texts(&opt::MAP_FORMATS)),
        two_digit_years: first_year(section, &opt::MAP_TWO_DIGITS),
        no_date: if is_own {
            no_date
        } else {
            DayForms::default().no_date
        },
    }
}

fn first_year(section: &Section<'_>, option: &opt::Opt) -> Option<i16> {
    i16::try_from(section.number(option)?).ok()
}

impl Places {
    /// Notes what the core refuses, at the option whose word stands first in the sentence.
    fn note(&self, section: &Section<'_>, message: &str) {
        let word = message.split('`').nth(1).unwrap_or("");
        let place = self.0.iter().find(|(name, _)| name == word);
        section.note(
            UNUSABLE_VALUE,
            place.map_or(section.offset(), |(_, offset)| *offset),
            message.to_owned(),
            "`muster explain CFG-005` shows how a mapping is written".to_owned(),
        );
    }
}

fn column(
    section: &Section<'_>,
    option: &opt::Opt,
    places: &mut Places,
    word: &str,
) -> Option<Column> {
    let names = section.texts(option);
    let offset = names.first()?.offset;
    places.0.push((word.to_owned(), offset));
    Some(Column {
        names: plain(names),
        optional: false,
    })
}

fn read_status(section: &Section<'_>, places: &mut Places) -> StatusRule {
    if !section.is_written() {
        return StatusRule::Always(Status::Active);
    }
    let column = column(section, &opt::STATUS_COLUMN, places, "status");
    let words = [
        (Status::Active, section.texts(&opt::STATUS_ACTIVE)),
        (Status::Leave, section.texts(&opt::STATUS_LEAVE)),
        (Status::Ended, section.texts(&opt::STATUS_ENDED)),
    ];
    let mut values = BTreeMap::new();
    for (status, words) in words {
        for word in words {
            // The core compares without case and finds the rest; equal words would be lost here.
            if values.insert(word.value.clone(), status).is_some() {
                note_double(section, &word);
            }
        }
    }
    section.finish();
    match column {
        Some(column) => StatusRule::Column { column, values },
        None => StatusRule::Always(Status::Active),
    }
}

fn read_attributes(
    section: &Section<'_>,
    forms: &DayForms,
    places: &mut Places,
) -> BTreeMap<String, Attribute> {
    let mut attributes = BTreeMap::new();
    for (name, value) in section.entries() {
        places.0.push((name.value.clone(), name.offset));
        if muster_core::rule::BUILT_IN.contains(&name.value.as_str()) {
            section.note(
                UNUSABLE_VALUE,
                name.offset,
                format!(
                    "an attribute cannot be called `{}`: every rule knows that name",
                    name.value
                ),
                "give it another name, for example worker_key".to_owned(),
            );
        }
        if let Some(attribute) = read_attribute(section, &name, value, forms) {
            attributes.insert(name.value, attribute);
        }
    }
    if attributes.len() > ATTRIBUTES_MAX {
        section.note(
            UNUSABLE_VALUE,
            section.offset(),
            format!("a mapping has at most {ATTRIBUTES_MAX} attributes"),
            "map the columns that rules and accounts use, and no others".to_owned(),
        );
    }
    attributes
}

fn read_attribute<'a>(
    parent: &Section<'a>,
    name: &Placed<String>,
    value: &'a Spanned<DeValue<'a>>,
    forms: &DayForms,
) -> Option<Attribute> {
    let Some(table) = value.get_ref().as_table() else {
        let names = plain(parent.texts_of(&opt::ATTRIBUTE_COLUMN, value));
        return (!names.is_empty()).then_some(Attribute {
            column: Column {
                names,
                optional: false,
            },
            form: Form::Text,
        });
    };
    let section = parent.below(&name.value, name.offset, table);
    let names = plain(section.texts(&opt::ATTRIBUTE_COLUMN));
    let optional = section.boolean(&opt::ATTRIBUTE_OPTIONAL);
    let form = read_form(&section, forms);
    section.finish();
    (!names.is_empty()).then_some(Attribute {
        column: Column { names, optional },
        form,
    })
}

fn read_form(section: &Section<'_>, forms: &DayForms) -> Form {
    let yes = section.texts(&opt::ATTRIBUTE_TRUE);
    let no = section.texts(&opt::ATTRIBUTE_FALSE);
    let own_formats = plain(section.texts(&opt::ATTRIBUTE_FORMATS));
    let own_years = first_year(section, &opt::ATTRIBUTE_TWO_DIGITS);
    let separator = section.text(&opt::ATTRIBUTE_SEPARATOR);
    match section.choice(&opt::ATTRIBUTE_TYPE) {
        "boolean" => {
            for (option, words) in [(&opt::ATTRIBUTE_TRUE, &yes), (&opt::ATTRIBUTE_FALSE, &no)] {
                if words.is_empty() {
                    section.missing(option);
                }
            }
            if yes.is_empty() || no.is_empty() {
                // Said already; the core would only say it again.
                return Form::Text;
            }
            Form::Boolean {
                yes: plain(yes),
                no: plain(no),
            }
        }
        "integer" => Form::Integer,
        "email" => Form::Email,
        "verbatim" => Form::Verbatim,
        "day" => {
            let mut forms = forms.clone();
            if !own_formats.is_empty() {
                forms.formats = own_formats;
            }
            forms.two_digit_years = own_years.or(forms.two_digit_years);
            Form::Day(forms)
        }
        "list" => Form::List {
            separator: separator.map_or_else(String::new, |text| text.value),
        },
        _ => Form::Text,
    }
}

fn read_guard(section: &Section<'_>) -> Option<Guard> {
    let share = |percent, floor| {
        let (percent, floor) = (section.percent(percent), section.number(floor));
        Some(Share {
            percent_max: percent?,
            floor: floor?,
        })
    };
    let leavers = share(&opt::GUARD_LEAVERS_PERCENT, &opt::GUARD_LEAVERS_FLOOR);
    let movers = share(&opt::GUARD_MOVERS_PERCENT, &opt::GUARD_MOVERS_FLOOR);
    let updates = share(&opt::GUARD_UPDATES_PERCENT, &opt::GUARD_UPDATES_FLOOR);
    let rehires = share(&opt::GUARD_REHIRES_PERCENT, &opt::GUARD_REHIRES_FLOOR);
    let joiners = share(&opt::GUARD_JOINERS_PERCENT, &opt::GUARD_JOINERS_FLOOR);
    let leavers_max = section.number(&opt::GUARD_LEAVERS_MAX);
    let set_aside = share(&opt::GUARD_ASIDE_PERCENT, &opt::GUARD_ASIDE_FLOOR);
    section.finish();
    Some(Guard {
        people: PeopleLimits {
            leavers: leavers?,
            leavers_max: leavers_max?,
            rehires: rehires?,
            joiners: joiners?,
            movers: movers?,
            updates: updates?,
        },
        set_aside: set_aside?,
    })
}

fn read_hook(section: &Section<'_>, base: &Base<'_>) -> Option<(Vec<SecretSource>, Duration)> {
    let secrets = section.secrets(&opt::HOOK_SECRETS, base);
    let tolerance = section.duration(&opt::HOOK_TOLERANCE);
    section.finish();
    Some((secrets, tolerance?))
}

fn plain(texts: Vec<Placed<String>>) -> Vec<String> {
    texts.into_iter().map(|text| text.value).collect()
}

fn note_double(section: &Section<'_>, word: &Placed<String>) {
    section.note(
        UNUSABLE_VALUE,
        word.offset,
        format!("\"{}\" stands twice in [{}]", word.value, section.path()),
        "each word can mean one thing only".to_owned(),
    );
}
