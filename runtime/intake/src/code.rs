//! The codes of everything that intake says about a file, each with its title. The page
//! `docs/errors/<CODE>.md` begins with the same title.

use muster_core::finding::Code;
pub use muster_core::mapping::code::{
    CELL_COUNT, CELL_TOO_LONG, COLUMN_AMBIGUOUS, COLUMN_MISSING, CONTROL_CHARACTER, DAMAGED,
    DAY_UNREADABLE, DOUBTFUL, EFFECTIVE_UNREADABLE, END_BEFORE_START, KEY_HARMED, KEY_UNUSABLE,
    NO_VALUE, NOT_AN_ADDRESS, VALUE_UNFIT, VALUE_UNKNOWN, ZONE_UNKNOWN,
};

/// There is nothing in the file.
pub const EMPTY: Code = Code::new("HR-001");
/// There is a header and no row.
pub const HEADER_ONLY: Code = Code::new("HR-002");
/// The file has more bytes than allowed.
pub const TOO_LARGE: Code = Code::new("HR-003");
/// The last row states another number of rows than there are.
pub const ROW_COUNT: Code = Code::new("HR-004");
/// The file is something else than text with separators.
pub const NOT_CSV: Code = Code::new("HR-005");
/// The characters cannot be read.
pub const ENCODING: Code = Code::new("HR-006");
/// The file ends in the middle of something.
pub const CUT: Code = Code::new("HR-007");
/// The last row has no line break, so nobody can say that it is whole.
pub const LAST_LINE_BREAK: Code = Code::new("HR-008");
/// Read as Windows-1252, because it is no UTF-8.
pub const FALLBACK_ENCODING: Code = Code::new("HR-009");
/// Rows with the same id that differ.
pub const KEY_REPEATED: Code = Code::new("HR-020");
/// Rows that are there more than once, byte by byte the same.
pub const ROW_REPEATED: Code = Code::new("HR-021");
/// A manager who is not in the file.
pub const MANAGER_MISSING: Code = Code::new("HR-022");
/// A person who is their own manager.
pub const MANAGER_SELF: Code = Code::new("HR-023");
/// More rows set aside than allowed.
pub const TOO_MANY_SET_ASIDE: Code = Code::new("HR-024");
/// The last row looks like a total.
pub const LAST_ROW_ODD: Code = Code::new("HR-025");
/// The trailer that the feed promises is not there.
pub const TRAILER_MISSING: Code = Code::new("HR-026");
/// A bound on rows, columns or the length of a row was reached.
pub const BOUND: Code = Code::new("HR-027");
/// Quotes that do not match.
pub const QUOTES: Code = Code::new("HR-028");
/// A row that nobody can be found for: who is missing cannot be said.
pub const ABSENCE_UNPROVEN: Code = Code::new("HR-029");
/// Something in the drop folder that is not a plain file.
pub const NOT_A_FILE: Code = Code::new("HR-030");
/// Blank rows were left out.
pub const BLANK_ROWS: Code = Code::new("HR-031");
/// A file that does not come to rest.
pub const UNSETTLED: Code = Code::new("HR-032");
/// A file that could not be read or moved.
pub const FOLDER_IO: Code = Code::new("HR-033");

/// Two people of the file would have one account.
pub const ACCOUNT_KEY_SHARED: Code = Code::new("HR-055");
/// Nothing says which account would be a person's.
pub const ACCOUNT_KEY_EMPTY: Code = Code::new("HR-056");
/// Several employments of one person.
pub const EMPLOYMENTS: Code = Code::new("HR-057");
/// How the header was parted.
pub const SEPARATOR: Code = Code::new("HR-058");
/// Rows with the same id and effective dates that are no line in time.
pub const LINE_BROKEN: Code = Code::new("HR-061");

/// A subfolder of the drop folder that is a link or somebody else's.
pub const PLACE_REFUSED: Code = Code::new("HR-040");
/// A file with a name that the feed does not take.
pub const OTHER_NAME: Code = Code::new("HR-041");
/// The content is that of an older file that was replaced since.
pub const SAID_BEFORE: Code = Code::new("HR-042");
/// The file was written before the one that was accepted last.
pub const OLDER: Code = Code::new("HR-043");
/// The file's copy could not be kept in the data folder.
pub const NOT_KEPT: Code = Code::new("HR-044");

/// Every code with its title.
pub static TITLES: [(Code, &str); 50] = [
    (EMPTY, "the file is empty"),
    (HEADER_ONLY, "the file has a header and no rows"),
    (TOO_LARGE, "the file is too large"),
    (
        ROW_COUNT,
        "the file says how many rows it has, and has another number",
    ),
    (NOT_CSV, "the file is not a CSV file"),
    (ENCODING, "the characters of the file cannot be read"),
    (CUT, "the file ends in the middle of a row"),
    (LAST_LINE_BREAK, "the last row has no line break"),
    (FALLBACK_ENCODING, "the file was read as Windows-1252"),
    (COLUMN_MISSING, "a column is missing"),
    (COLUMN_AMBIGUOUS, "a column is there more than once"),
    (CELL_COUNT, "a row has the wrong number of cells"),
    (KEY_UNUSABLE, "a row without a usable id"),
    (VALUE_UNKNOWN, "a value that no table names"),
    (DAY_UNREADABLE, "a date that cannot be read"),
    (END_BEFORE_START, "the last day is before the first day"),
    (CONTROL_CHARACTER, "a control character in a cell"),
    (CELL_TOO_LONG, "a cell is too long"),
    (VALUE_UNFIT, "a value that does not fit its type"),
    (KEY_REPEATED, "the same id on rows that differ"),
    (ROW_REPEATED, "the same row more than once"),
    (MANAGER_MISSING, "a manager who is not in the file"),
    (MANAGER_SELF, "a person who is their own manager"),
    (TOO_MANY_SET_ASIDE, "too many rows were set aside"),
    (LAST_ROW_ODD, "the last row does not look like a person"),
    (TRAILER_MISSING, "the closing row is missing"),
    (BOUND, "the file exceeds a limit"),
    (QUOTES, "quotes that do not match"),
    (ABSENCE_UNPROVEN, "nobody is taken as having left"),
    (
        NOT_A_FILE,
        "something in the drop folder is not a plain file",
    ),
    (BLANK_ROWS, "blank rows were left out"),
    (UNSETTLED, "a file does not come to rest"),
    (FOLDER_IO, "a file could not be read or moved"),
    (
        PLACE_REFUSED,
        "a subfolder of the drop folder cannot be used",
    ),
    (OTHER_NAME, "a file has not the name that the feed takes"),
    (SAID_BEFORE, "an older file came again"),
    (OLDER, "the file is older than the last accepted one"),
    (NOT_KEPT, "a file's copy could not be kept"),
    (ZONE_UNKNOWN, "a place of work without a time zone"),
    (NO_VALUE, "a cell without a value"),
    (DAMAGED, "damaged letters in a cell"),
    (KEY_HARMED, "an id that a spreadsheet program shortened"),
    (NOT_AN_ADDRESS, "a cell that is no e-mail address"),
    (DOUBTFUL, "letters that look damaged"),
    (ACCOUNT_KEY_SHARED, "two people who would have one account"),
    (
        ACCOUNT_KEY_EMPTY,
        "a person for whom no account can be named",
    ),
    (EMPLOYMENTS, "several employments of one person"),
    (SEPARATOR, "where the header was parted"),
    (EFFECTIVE_UNREADABLE, "an effective date that is no date"),
    (
        LINE_BROKEN,
        "rows with effective dates that contradict each other",
    ),
];

/// The title of a code.
pub fn title(code: &Code) -> &'static str {
    let hit = TITLES.iter().find(|(known, _)| known == code);
    hit.map_or("a problem", |(_, title)| title)
}
