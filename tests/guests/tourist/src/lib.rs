//! A guest that imports WASI, as components of other toolchains do, and looks for a way out.
//!
//! It answers with an account whose attribute `seen` says what it found, as JSON. The port in the
//! account's id is where it tries to connect to.

use muster_sdk::{
    Account, AccountKind, AccountState, Accounts, Connector, Descriptor, DesiredAccount, Host,
    LeavePlan, ObjectRef, OpContext, Outcome, Page, PageRequest, ProbeReport, Problem, Result,
};
use serde_json::{Value, json};

#[cfg(target_family = "wasm")]
mod journey {
    wit_bindgen::generate!({ world: "journey", path: "wit", generate_all });
}

/// The guest.
#[derive(Default)]
pub struct Tourist;

impl Connector for Tourist {
    fn describe(&self) -> Descriptor {
        let mut descriptor = Descriptor::new("tourist", "1.0.0", "No app");
        descriptor
            .account_kinds
            .push(AccountKind::new("user", "User"));
        descriptor
    }

    fn probe(&self, _: &dyn Host) -> Result<ProbeReport> {
        Ok(ProbeReport::default())
    }
}

impl Accounts for Tourist {
    fn list_accounts(&self, _: &dyn Host, _: &str, _: &PageRequest) -> Result<Page<Account>> {
        Ok(Page::of(Vec::new()).last())
    }

    fn get_account(&self, _: &dyn Host, key: &ObjectRef) -> Result<Option<Account>> {
        let port = key.id.parse().unwrap_or(0);
        let account = Account::new(key.clone(), AccountState::Active);
        Ok(Some(
            account.correlated_by("seen", look_around(port).to_string()),
        ))
    }

    fn find_accounts(&self, _: &dyn Host, _: &str, _: &[(String, String)]) -> Result<Vec<Account>> {
        Ok(Vec::new())
    }

    fn ensure_account(&self, _: &dyn Host, _: &OpContext, _: &DesiredAccount) -> Result<Outcome> {
        Err(Problem::unsupported("it only looks"))
    }

    fn ensure_state(
        &self,
        _: &dyn Host,
        _: &OpContext,
        _: &ObjectRef,
        _: AccountState,
    ) -> Result<Outcome> {
        Err(Problem::unsupported("it only looks"))
    }

    fn ensure_absent(
        &self,
        _: &dyn Host,
        _: &OpContext,
        _: &ObjectRef,
        _: &LeavePlan,
    ) -> Result<Outcome> {
        Err(Problem::unsupported("it only looks"))
    }
}

#[cfg(target_family = "wasm")]
fn look_around(port: u16) -> Value {
    use journey::wasi::cli::environment;
    use journey::wasi::clocks::wall_clock;
    use journey::wasi::filesystem::preopens;
    use journey::wasi::random::random;
    use journey::wasi::sockets::network::{IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
    use journey::wasi::sockets::{instance_network, ip_name_lookup, tcp_create_socket};

    let network = instance_network::instance_network();
    let address = Ipv4SocketAddress {
        port,
        address: (127, 0, 0, 1),
    };
    let connected = tcp_create_socket::create_tcp_socket(IpAddressFamily::Ipv4)
        .and_then(|socket| socket.start_connect(&network, IpSocketAddress::Ipv4(address)));
    json!({
        "environment": environment::get_environment(),
        "arguments": environment::get_arguments(),
        "folder": environment::initial_cwd(),
        "folders": preopens::get_directories().len(),
        "name-found": ip_name_lookup::resolve_addresses(&network, "localhost").is_ok(),
        "connected": connected.is_ok(),
        "seconds": wall_clock::now().seconds,
        "random": random::get_random_bytes(16),
    })
}

#[cfg(not(target_family = "wasm"))]
fn look_around(_: u16) -> Value {
    json!({})
}

muster_sdk::export!(Tourist: Accounts);
