//! Exports of HR as large companies have them: 20 columns, about 200 bytes a row.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::Context as _;

const HEADER: &str = "WorkerID,FirstName,LastName,Email,Department,JobTitle,Location,\
    EmploymentType,WorkerStatus,HireDate,TerminationDate,ManagerID,CostCenter,LegalEntity,Phone,\
    Building,Desk,Grade,Language,Remarks";

const DEPARTMENTS: [&str; 6] = [
    "Sales",
    "Finance",
    "Engineering",
    "Support",
    "Legal",
    "Operations",
];
const TITLES: [&str; 5] = ["Analyst", "Engineer", "Manager", "Associate", "Director"];
const PLACES: [&str; 4] = ["Berlin", "Lyon", "Porto", "Gdansk"];

/// Primes above every count that is measured: a step of such a length meets every row once.
const STEPS: [u64; 5] = [1, 15_485_863, 32_452_843, 49_979_687, 67_867_967];

/// In which order the rows stand.
#[derive(Clone, Copy)]
pub(crate) struct Order(pub(crate) usize);

impl Order {
    fn step(self) -> u64 {
        STEPS[self.0 % STEPS.len()]
    }
}

/// Writes an export of `people` people, with the employment type `Permanent` for those of whose number this holds.
/// The same people in another order are the same rows.
pub(crate) fn write(
    path: &Path,
    people: u32,
    order: Order,
    is_permanent: impl Fn(u64) -> bool,
) -> anyhow::Result<()> {
    let failed = || format!("could not write {}", path.display());
    let mut file = BufWriter::new(File::create(path).with_context(failed)?);
    writeln!(file, "{HEADER}").with_context(failed)?;
    for index in 0..u64::from(people) {
        let number = index * order.step() % u64::from(people);
        row(&mut file, number, people, is_permanent(number)).with_context(failed)?;
    }
    let file = file
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error);
    // What the disk still has to do would otherwise be somebody's turn to pay.
    file.and_then(|file| file.sync_all()).with_context(failed)
}

fn row(
    file: &mut impl std::io::Write,
    number: u64,
    people: u32,
    is_permanent: bool,
) -> std::io::Result<()> {
    let department = pick(&DEPARTMENTS, number);
    let manager = number / 12 % u64::from(people);
    writeln!(
        file,
        "E{number:07},Given{number},\"Family-{number}, of {department}\",p{number}@corp.example,\
         {department},{title},{place},{employment},Active,20{year:02}-0{month}-15,,E{manager:07},\
         CC-{cost:04},Corp Holding SE,+49 30 {number:07},Building {building},{desk:04},G{grade},en,",
        title = pick(&TITLES, number / 3),
        place = pick(&PLACES, number / 7),
        employment = if is_permanent {
            "Permanent"
        } else {
            "Temporary"
        },
        year = number % 24,
        month = 1 + number % 9,
        cost = number % 900,
        building = number % 40,
        desk = number % 3000,
        grade = 1 + number % 12,
    )
}

fn pick(words: &[&'static str], number: u64) -> &'static str {
    let index = usize::try_from(number).unwrap_or(0) % words.len();
    words.get(index).copied().unwrap_or_default()
}
