//! The report: what HR has to do stands in it, and nobody's name does.

use std::collections::BTreeMap;

use muster_core::fact::{Content, Counts, Kind};
use muster_core::id::Digest;

use super::files::THOUSAND;
use super::{Outcome, entra, read_small};
use crate::report::{People, Reason, Report};
use crate::{FileVerdict, IntakeOptions, code};

fn report<'a>(
    outcome: &'a Outcome,
    counts: Option<&'a Counts>,
    reasons: &'a [Reason],
) -> Report<'a> {
    Report {
        feed: "hr",
        file: "workers.csv",
        at: "2026-11-22T09:03:12Z".parse().unwrap(),
        verdict: outcome.verdict(),
        digest: Digest([7; 32]),
        content: Content::default(),
        mistakes: &outcome.mistakes,
        people: outcome.snapshot.as_ref().map(People::of),
        counts,
        is_begun: false,
        changed: Box::leak(Box::default()),
        reasons,
        next: "muster apply hr",
    }
}

#[test]
fn hr_can_act_on_the_report_of_the_real_file() {
    let outcome = Outcome::of(THOUSAND, &entra(), &IntakeOptions::default());
    let text = report(&outcome, None, &[]).text();
    for line in [
        "HELD: nothing was changed; somebody has to look at it",
        "rows    1000, of which 641 were set aside",
        "  HR-024  641 of 1000 rows were set aside, 100 are allowed",
        "  HR-020  the same id on rows that differ: 265 ids on 641 rows",
        "          What to do: give each person an id of their own, and leave one row for each person",
        "  HR-022  a manager who is not in the file: 230 ids on 366 rows",
        "  muster apply hr",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    let listed = text
        .lines()
        .filter(|line| line.starts_with("    id "))
        .count();
    assert_eq!(listed, 265 + 230, "every id that HR has to correct");
    assert!(text.lines().all(|line| line.len() < 400));
}

#[test]
fn nobody_is_named_in_a_report() {
    let outcome = Outcome::of(THOUSAND, &entra(), &IntakeOptions::default());
    let report = report(&outcome, None, &[]);
    let (text, json) = (report.text(), report.json());
    let lines = std::str::from_utf8(THOUSAND).unwrap().lines().skip(1);
    for line in lines {
        let full_name = line.split(',').nth(6).unwrap();
        assert!(
            !text.contains(full_name) && !json.contains(full_name),
            "{full_name}"
        );
    }
}

#[test]
fn each_row_is_named_with_column_and_code() {
    let outcome = read_small(
        "id,name,status,last day\n1,Ada,active,\n2,Bo,Aktiv,\n3,Cy,active,31.12.2030\n4,Di,active,\n",
    );
    let text = report(&outcome, None, &[]).text();
    for line in [
        "ACCEPTED: nothing changed since the last file",
        "  HR-014  a value that no table names: 1 row",
        "    row 3         status: `Aktiv` is not a status that the mapping names (id 2)",
        "    row 4         last day: `31.12.2030` is not a day in any format of this column (id 3)",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[test]
fn what_changes_and_why_it_waits_are_said_first() {
    let outcome = read_small("id,name,status,last day\n1,Ada,active,\n");
    let counts = Counts {
        people: BTreeMap::from([(Kind::Joiner, 3), (Kind::Leaver, 12)]),
        operations: BTreeMap::new(),
    };
    let reasons = [Reason {
        code: code::HEADER_ONLY,
        text: "12 of 15 people would leave".to_owned(),
        hint: "look at the export".to_owned(),
    }];
    let mut report = report(&outcome, Some(&counts), &reasons);
    report.verdict = FileVerdict::Held;
    let text = report.text();
    for line in [
        "What would change",
        "        3  joined",
        "       12  left",
        "Why it is held",
        "  HR-002  12 of 15 people would leave",
        "          What to do: look at the export",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
    assert_eq!(json["version"], 1);
    assert_eq!(json["verdict"], "held");
    assert_eq!(json["changes"]["leaver"], 12);
    assert_eq!(json["reasons"][0]["code"], "HR-002");
}

#[test]
fn a_long_list_ends_with_how_many_more_there_are() {
    let rows: String = super::rows(0..500, |id| format!("{id},Ada,?,\n"));
    let outcome = read_small(&format!("id,name,status,last day\n{rows}"));
    let text = report(&outcome, None, &[]).text();
    assert!(text.contains("    ... and 200 more"), "{text}");
}
