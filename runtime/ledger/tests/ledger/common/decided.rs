//! Everything that people can decide about somebody, beside the policy.

use muster_core::adoption::AdoptionId;
use muster_core::fact::Fact;
use muster_core::id::RoleName;
use muster_core::policy::EntitlementName;
use muster_core::standing::{Access, Barred, Block, BlockId, Decided, Opening, OpeningId};

use super::{at, person, target};

/// What people decide beside the policy, of each kind; something is left open and kept away in the end.
pub(crate) fn standing_decisions() -> Vec<Fact> {
    let name = EntitlementName::parse("group:Finance").unwrap();
    let role = || RoleName::new("staff").unwrap();
    let opened = |gives| {
        Decided::Opened(Opening {
            gives,
            from: at(50),
            until: at(5_000_000),
            reason: "covers for Zoë".to_owned(),
        })
    };
    let blocked = |keeps_away, until| {
        Decided::Blocked(Block {
            keeps_away,
            since: at(60),
            until,
            reason: String::new(),
        })
    };
    let given_back = |opening| Decided::GivenBack {
        opening: OpeningId(opening),
    };
    let decided = [
        opened(Access::Role(role())),
        opened(Access::Account(target("crm"))),
        opened(Access::Entitlement(target("crm"), name.clone())),
        Decided::Extended {
            opening: OpeningId(3),
            until: at(6_000_000),
        },
        given_back(1),
        given_back(2),
        blocked(Barred::Everything, None),
        blocked(Barred::Target(target("mail")), Some(at(7_000_000))),
        blocked(Barred::Role(role()), None),
        blocked(Barred::Entitlement(target("crm"), name), None),
        Decided::Lifted { block: BlockId(1) },
        Decided::Kept {
            adoption: AdoptionId(1),
            until: Some(at(8_000_000)),
        },
        Decided::Kept {
            adoption: AdoptionId(2),
            until: None,
        },
        Decided::Removed {
            adoption: AdoptionId(2),
        },
    ];
    let decided = decided.map(|decided| Fact::StandingDecided {
        person: person("somebody"),
        decided,
    });
    decided.into()
}
