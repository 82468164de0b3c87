//! A whole life: joins, moves, leaves. Also with a failure at each request in turn, as the host would go on.

use muster_plugin_google_workspace::GoogleWorkspace as Google;
use muster_sdk::{
    AccountState, LeavePlan, ObjectRef, Outcome, OutcomeKind, Problem, Result, dispatch,
};
use serde_json::json;

use crate::setup::{ann, ctx, ensure, grant, held, read, remove, revoke, state};
use crate::workspace::{Fault, Workspace, users::user};

struct Company {
    workspace: Workspace,
    everybody: ObjectRef,
    sales: ObjectRef,
    seat: ObjectRef,
    heir: ObjectRef,
}

impl Company {
    fn new() -> Self {
        let workspace = Workspace::new().with("license_skus", "Google-Apps/1=5");
        let everybody = workspace.group("everybody@example.com");
        let sales = workspace.group("sales@example.com");
        let heir = user(&workspace.user("heir@example.com", "H"));
        let seat = ObjectRef::new("license-seat", "Google-Apps/1");
        Self {
            workspace,
            everybody,
            sales,
            seat,
            heir,
        }
    }

    /// Tries until it is so, as the host does: a loss is followed by a look, which here is the next try.
    fn until_done(&self, operation: impl Fn(&Workspace) -> Result<Outcome>) {
        for _ in 0..10 {
            match operation(&self.workspace) {
                Ok(outcome) if outcome.kind == OutcomeKind::Pending => {
                    self.workspace.change(|all| {
                        for transfer in &mut all.transfers {
                            transfer["overallTransferStatusCode"] = "completed".into();
                        }
                    });
                }
                Ok(_) => return,
                Err(
                    Problem::Transient(_)
                    | Problem::RateLimited(_)
                    | Problem::OutcomeUnknown(_)
                    | Problem::RemoteDefect(_),
                ) => {}
                Err(other) => panic!("{other}"),
            }
        }
        panic!("it does not get done")
    }

    fn joins(&self) -> ObjectRef {
        for _ in 0..10 {
            match ensure(&self.workspace, &ann()) {
                Ok(outcome) => return outcome.account.unwrap().key,
                // Made by an attempt whose reply was lost.
                Err(Problem::Conflict(Some(found))) => return *found,
                Err(_) => {}
            }
        }
        panic!("nobody is made")
    }

    fn live(&self) -> ObjectRef {
        let ann = self.joins();
        for of in [&self.everybody, &self.sales, &self.seat] {
            self.until_done(|workspace| grant(workspace, &ann, of));
        }
        self.workspace.change(|all| {
            all.sessions.insert(ann.id.clone(), 3);
            let token = json!({"kind": "admin#directory#token", "clientId": "app"});
            all.tokens.insert(ann.id.clone(), vec![token]);
            let code = json!({"kind": "admin#directory#asp", "codeId": 1});
            all.app_passwords.insert(ann.id.clone(), vec![code]);
        });
        // Moves.
        let moved = crate::setup::ann().for_target(ann.clone());
        let mut moved = moved;
        moved
            .attributes
            .retain(|delta| delta.name != "organization.title");
        let moved = moved.set("organization.title", "Chief");
        self.until_done(|workspace| ensure(workspace, &moved));
        self.until_done(|workspace| revoke(workspace, &ann, &self.sales));
        // Leaves.
        self.until_done(|workspace| state(workspace, &ann, AccountState::Suspended));
        self.until_done(|workspace| dispatch::end_sessions::<Google>(workspace, &ctx(), &ann));
        self.until_done(|workspace| {
            dispatch::revoke_credentials::<Google>(workspace, &ctx(), &ann, &[])
        });
        for of in [&self.everybody, &self.seat] {
            self.until_done(|workspace| revoke(workspace, &ann, of));
        }
        self.until_done(|workspace| {
            dispatch::transfer_owned::<Google>(workspace, &ctx(), &ann, &self.heir)
        });
        ann
    }

    fn has_left(&self, ann: &ObjectRef) {
        let account = read(&self.workspace, ann).unwrap();
        assert_eq!(account.state, AccountState::Suspended);
        assert_eq!(account.text("organization.title"), Some("Chief"));
        assert_eq!(held(&self.workspace, ann).unwrap().items, []);
        let page = muster_sdk::PageRequest::first(100);
        let left = dispatch::list_credentials::<Google>(&self.workspace, Some(ann), &page).unwrap();
        assert_eq!(left.items(), []);
        self.workspace.change(|all| {
            assert_eq!(all.sessions[&ann.id], 0);
            assert_eq!(
                all.transfers.len(),
                1,
                "one transfer, however often it was tried"
            );
            assert_eq!(all.users.len(), 3, "nobody was made twice");
        });
    }
}

#[test]
fn a_leaver_is_shut_out_everywhere_and_owns_nothing_any_more() {
    let company = Company::new();
    let ann = company.live();
    company.has_left(&ann);
    let plan = LeavePlan {
        transfer_to: Some(company.heir.clone()),
        ..LeavePlan::default()
    };
    assert_eq!(
        remove(&company.workspace, &ann, &plan).unwrap().kind,
        OutcomeKind::Done
    );
    assert_eq!(
        read(&company.workspace, &ann).unwrap().state,
        AccountState::Deleted
    );
}

#[test]
fn one_failure_at_any_request_changes_nothing_about_the_end() {
    let undisturbed = Company::new();
    undisturbed.live();
    let methods: Vec<String> = undisturbed
        .workspace
        .change(|all| all.asked.iter().map(|asked| asked.method.clone()).collect());
    for fault in [
        Fault::Bare(503),
        Fault::Refused(429, "rateLimitExceeded", "slow down"),
        Fault::Refused(403, "userRateLimitExceeded", "slow down"),
        Fault::LostReply,
        Fault::LostRequest,
        Fault::NotSent,
        Fault::Html,
        Fault::Cut,
    ] {
        for at in 0..methods.len() {
            let company = Company::new();
            company
                .workspace
                .change(|all| all.fails_at = Some((at, fault.clone())));
            let ann = company.live();
            company.has_left(&ann);
        }
    }
}
