//! A version of a plugin that loads and then fails takes itself back, and nothing is lost by it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use muster_tests::company::{Company, export, feed, people, steady};
use muster_tests::daemon::Daemon;
use muster_tests::{plugin, wait_for};

const POLICY: &str = r#"
[[role]]
name = "everybody"
when = "true"
access = { app = [] }
"#;

/// An app that keeps nothing and answers every request of the guest `steady` well.
fn app() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    // It ends with the test's process.
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || drop(answer(stream)));
        }
    });
    Ok(address)
}

fn answer(stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    loop {
        let (mut line, mut is_listing, mut length) = (String::new(), false, 0);
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        is_listing |= line.starts_with("GET /accounts?");
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line)?;
            let lower = line.to_ascii_lowercase();
            if let Some(bytes) = lower.strip_prefix("content-length:") {
                length = bytes.trim().parse().unwrap_or(0);
            }
        }
        std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink())?;
        let body = if is_listing {
            r#"{"accounts":[],"total":0}"#
        } else {
            ""
        };
        let length = body.len();
        write!(
            writer,
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}"
        )?;
    }
}

#[test]
fn a_version_that_fails_at_every_change_goes_back_by_itself() {
    let attributes = "\n[target.app.account.attributes]\nemail = \"email\"";
    let target = steady("app", app().unwrap(), attributes);
    let company = Company::configured(&format!("{}{target}", feed("")), POLICY);
    company.install("steady", &plugin("test/steady-v1"));
    let daemon = Daemon::start(&company);
    let version = || {
        let rows = daemon.json(&["plugin", "list"]);
        rows[0]["version"].as_str().unwrap_or_default().to_owned()
    };
    let serves = |wanted: &str| {
        wait_for(&format!("version {wanted} to serve"), || {
            (version() == wanted).then_some(())
        });
    };
    let rows = people(1, 20, &["Sales"]);
    company.drop_file("ten.csv", export(&rows[..10]));
    company.wait_for_report("ten.csv");
    daemon.wait_until_idle();
    assert_eq!(version(), "1.0.0");

    company.install("steady", &plugin("test/steady-v3"));
    serves("3.0.0");
    company.drop_file("twenty.csv", export(&rows));
    company.wait_for_report("twenty.csv");
    serves("1.0.0");
    let findings = daemon.json(&["findings"]).to_string();
    assert!(
        findings.contains("PLG-037") && findings.contains("this version never works"),
        "{findings}"
    );
    daemon.wait_until_idle();
    let accounts = daemon.json(&["accounts"]).to_string();
    assert_eq!(
        accounts.matches("\"active\"").count(),
        20,
        "whom the bad version could not serve is served by the other: {accounts}"
    );

    company.install("steady", &plugin("test/steady-v2"));
    serves("2.0.0");
    wait_for("the finding to be over", || {
        let findings = daemon.json(&["findings"]).to_string();
        (!findings.contains("PLG-03")).then_some(())
    });
    assert!(daemon.stop());
}
