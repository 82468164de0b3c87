//! Listings and pages: as tables that read without colour, and as JSON.

use muster_api::v1;
use serde::de::DeserializeOwned;

use super::{check, world};

#[test]
fn status_is_the_daemon_on_one_page() {
    let expected = "
muster 0.1.0 since 2026-11-22 08:00:00Z, policy 1a2b3c4d5e6f, 4711 journal entries
policy 1a2b3c4d5e6f since 2026-11-22 08:30:00Z, let in by ops (uid 1000) as Ann Lee: HR confirmed it
configuration /etc/muster/muster.toml

people           active 118, ended 4
operations open  halted 1, waiting 2
findings open    none

FEED  KIND      PEOPLE  LAST FILE    RESULT  AT                    FOLDER
hr    snapshot  118     workers.csv  held    2026-11-22 09:00:00Z  /srv/hr
! feed hr: the folder cannot be read

TARGET  STATE     PLUGIN      ACCOUNTS  OPEN  HALTED  LAST ANSWER
crm     degraded  scim 0.1.0  110       3     1       -
! target crm: the app does not accept the credentials

HELD FILE    FEED  SINCE                 PLAN          WHY
workers.csv  hr    2026-11-22 09:00:00Z  3fa2b1c0d9e8  PLN-010
`muster apply` shows what is held and lets it take effect
";
    check(&world().muster("status"), 0, expected);
}

#[test]
fn people_are_a_table() {
    let expected = "
PERSON   NAME     PHASE    ACCOUNTS            OPEN
hr:1042  Ann Lee  active   crm active, wiki -  1
hr:7     Zo\u{eb} Roy  ended    crm suspended       0
hr:8              prehire                      0
";
    check(&world().muster("people"), 0, expected);
}

#[test]
fn a_listing_says_where_it_was_cut_and_goes_on_with_all() {
    let open = world();
    let expected = "
PERSON   NAME     PHASE   ACCOUNTS            OPEN
hr:1042  Ann Lee  active  crm active, wiki -  1
there are more: --limit N or --all
";
    check(
        &open.muster("people --limit 1 --phase active --find lee"),
        0,
        expected,
    );
    let asked = open.was_asked();
    assert_eq!(asked, ["GET /v1/people?text=lee&phase=active&limit=1"]);
    let all: v1::Page<v1::PersonRow> = json(&open.muster("people --all --json").out);
    assert_eq!((all.items.len(), all.next), (3, None));
}

#[test]
fn a_person_is_shown_with_accounts_grants_and_what_is_still_to_be_done() {
    let expected = "
Ann Lee (hr:1042): active
  first day begins  2024-01-01 00:00:00Z
  next change       2026-12-31 23:00:00Z
  roles             everyone, sales
  last plan         12
  department        \"Sales\"
  remote            true
  from 2026-12-31 23:00:00Z: department: Sales -> Finance

crm: active, id 4f1
  held group:Sales since 2026-11-01 10:00:00Z: role sales (policy 1a2b3c4d5e6f)
  12-3 grant license-seat:Pro - waiting, attempt 3, next 2026-11-22 09:05:00Z
      the app asks to slow down
";
    let open = world();
    check(&open.muster("people hr:1042"), 0, expected);
    check(&open.muster("people 1042"), 0, expected);
}

#[test]
fn accounts_operations_and_findings_are_listed() {
    let open = world();
    let accounts = "
TARGET  PERSON   NAME     STATE   ID   HAS
crm     hr:1042  Ann Lee  active  4f1  group:Sales
";
    check(
        &open.muster("accounts --target crm --state active"),
        0,
        accounts,
    );
    let operations = "
OPERATION  PERSON   TARGET  WHAT                    STATE                                          WHY IT WAITS
12-3       hr:1042  crm     grant license-seat:Pro  waiting, attempt 3, next 2026-11-22 09:05:00Z  the app asks to slow down
12-4       hr:1042  crm     grant license-seat:Max  halted                                         no seat or quota is left: Pro
12-5       hr:1042  crm     ensure-account          queued
";
    check(&open.muster("operations --person 1042"), 0, operations);
    let findings = "
error PLN-010 feed hr: 30 of 118 people would leave; at most 11 go without asking
    look at the preview; if it is right, apply it with `muster apply`
";
    check(
        &open.muster("findings --severity error --code PLN-010"),
        0,
        findings,
    );
    let asked = open.was_asked().join("\n");
    for part in [
        "GET /v1/accounts?target=crm&state=active",
        "GET /v1/operations?person=hr:1042",
        "GET /v1/findings?code=PLN-010&severity=error",
    ] {
        assert!(asked.contains(part), "{part} in {asked}");
    }
}

#[test]
fn plugins_are_listed_with_what_keeps_the_newest_file_out() {
    let expected = "
PLUGIN  STATE    VERSION  CONTRACT  SINCE                 DIGEST        TARGETS
scim    serving  0.1.0    0.1.0     2026-11-22 08:00:00Z  0123456789ab  crm
! scim: the newest file imports a socket
";
    check(&world().muster("plugin list"), 0, expected);
}

#[test]
fn history_tells_what_the_journal_has_the_newest_first() {
    let open = world();
    let expected = "
2026-11-22 09:00:00Z #14 OP-002: suspend, attempt 2: the app is busy
2026-11-22 09:00:00Z #13 crm: suspend: waits until 2026-11-22T09:01:00Z (12-4)
    the app asks to slow down
2026-11-22 09:00:00Z #9 plan 12: leaver, ended
    department: Sales -> Finance
    crm: suspend
";
    check(&open.muster("history 1042"), 0, expected);
    let asked = open.was_asked().join("\n");
    assert!(asked.contains("GET /v1/history/hr:1042"), "{asked}");
}

#[test]
fn why_names_the_role_the_rule_the_values_and_the_row() {
    let expected = "
Ann Lee (hr:1042): active, employed; HR names no last day
  as HR says in row 17 of workers.csv (feed hr, sha256 abababababab), plan 12, 2026-11-01 09:59:00Z, approved by ops (uid 1000) as Ann Lee: HR confirmed it
  policy 1a2b3c4d5e6f

crm: account 4f1 active
  has everything but one seat
  has group:Sales since 2026-11-01 10:00:00Z
      because of role sales (policy 1a2b3c4d5e6f): Everybody who sells
        rule   department == \"Sales\"
        with   department = \"Sales\"
        from   row 17 of workers.csv (feed hr, sha256 abababababab), plan 12, 2026-11-01 09:59:00Z, approved by ops (uid 1000) as Ann Lee: HR confirmed it
  is losing group:Old since 2025-01-01 10:00:00Z
      no reason for it is left
  has not group:Finance
      role finance does not apply
        rule   department == \"Finance\" && remote
        false  department == \"Finance\"
        with   department = \"Sales\", remote = not said by HR
  has not group:Buyers
      role buyers cannot be decided, so the accounts stay as they are (PLN-001)
        rule   level > 3
        error  `level > 3` fails: a text cannot be compared with a number
        with   level = \"4\"
  still to be done
    12-3 grant license-seat:Pro - waiting, attempt 3, next 2026-11-22 09:05:00Z
        the app asks to slow down
";
    let open = world();
    check(&open.muster("why 1042 crm"), 0, expected);
    assert_eq!(open.was_asked(), ["GET /v1/why/hr:1042?target=crm"]);
}

#[test]
fn every_listing_is_there_as_json() {
    let open = world();
    let out = |arguments: &str| {
        let ran = open.muster(arguments);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{arguments}");
        ran.out
    };
    assert_eq!(
        json::<v1::Status>(&out("status --json")),
        super::answers::status()
    );
    assert_eq!(
        json::<v1::Person>(&out("people 1042 --json")),
        super::answers::person()
    );
    assert_eq!(
        json::<v1::Why>(&out("why 1042 --json")),
        super::answers::why()
    );
    let accounts: v1::Page<v1::Account> = json(&out("accounts --json"));
    assert_eq!(accounts.items, super::answers::person().accounts);
    let operations: v1::Page<v1::Operation> = json(&out("operations --json"));
    assert_eq!(operations.items, super::answers::operations());
    let findings: v1::Page<v1::Finding> = json(&out("findings --json"));
    assert_eq!(findings.items, super::answers::findings());
    assert_eq!(
        json::<Vec<v1::PluginRow>>(&out("plugin list --json")),
        super::answers::plugins()
    );
    let check: v1::LedgerCheck = json(&out("ledger check --json"));
    assert_eq!(check, super::answers::ledger_check());
}

fn json<T: DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
