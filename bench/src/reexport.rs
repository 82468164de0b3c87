//! A re-export in another order of rows, in which nothing changed, against reading the same file with
//! the `csv` crate.
//!
//! Ours begins with the rename into the folder of a running daemon and ends when the file's
//! acceptance is durable, the file lies in `processed`, and both reports lie beside it. The peer reads
//! byte records into one reused record and looks at nothing.

use std::path::Path;
use std::time::Duration;

use muster_tests::company::Company;
use muster_tests::daemon::Daemon;

use crate::Scale;
use crate::export::Order;
use crate::figure::{Better, Figure};
use crate::place::{FEED, Waiting};
use crate::rounds::{Rounds, ms, timed};

const ROWS: u32 = 100_000;
const ROUNDS: usize = 9;
const LIMIT: Duration = Duration::from_mins(5);

pub(crate) fn measure(scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let rows = scale.of(ROWS);
    let company = Company::configured(FEED, "");
    let daemon = Daemon::start(&company);
    Waiting::write(&company, "first.csv", rows, Order(0))?.drop_and_wait(LIMIT)?;
    let (mut rounds, mut moved, mut bytes) = (Rounds::default(), Rounds::default(), 0);
    for round in 0..ROUNDS {
        let name = format!("again-{round}.csv");
        let file = Waiting::write(&company, &name, rows, Order(round + 1))?;
        bytes = std::fs::metadata(file.path())?.len();
        let (peer, read) = timed(|| read(&file.path()));
        anyhow::ensure!(read? == u64::from(rows), "the csv crate read other rows");
        let ours = file.drop_and_wait_for_report(LIMIT)?;
        rounds.add(ours, peer);
        let file = Waiting::write(
            &company,
            &format!("moved-{round}.csv"),
            rows,
            Order(round + 2),
        )?;
        moved.add(file.drop_and_wait(LIMIT)?, peer);
    }
    anyhow::ensure!(daemon.stop(), "the daemon did not stop well");
    let detail = format!(
        "{rows} rows, {:.1} MB: dropped to reports {}, to moved away {} ({:.2}x), csv byte records {}; {} rounds",
        f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / 1e6,
        ms(rounds.ours()),
        ms(moved.ours()),
        moved.ratio(),
        ms(rounds.peer()),
        rounds.count()
    );
    Ok(vec![Figure {
        name: "reexport_unchanged",
        ratio: rounds.ratio(),
        bound: 1.5,
        better: Better::Lower,
        detail,
    }])
}

fn read(path: &Path) -> csv::Result<u64> {
    let mut reader = csv::Reader::from_path(path)?;
    let (mut record, mut count) = (csv::ByteRecord::new(), 0);
    while reader.read_byte_record(&mut record)? {
        count += 1;
    }
    Ok(count)
}
