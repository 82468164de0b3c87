//! `[budget.department]` and `[budget.role]`: how many people of one group may lose something without asking.

use muster_core::guard::GroupLimits;

use super::document::Section;
use super::options::{self as opt, Opt};

/// `[budget]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budgets {
    /// Of a department.
    pub department: GroupLimits,
    /// Of a role.
    pub role: GroupLimits,
}

pub(super) fn read(section: &Section<'_>) -> Option<Budgets> {
    let department = read_group(
        &section.section("department"),
        [
            &opt::DEPARTMENT_PERCENT,
            &opt::DEPARTMENT_FLOOR,
            &opt::DEPARTMENT_MAX,
        ],
    );
    let role = read_group(
        &section.section("role"),
        [&opt::ROLE_PERCENT, &opt::ROLE_FLOOR, &opt::ROLE_MAX],
    );
    section.finish();
    Some(Budgets {
        department: department?,
        role: role?,
    })
}

fn read_group(section: &Section<'_>, [percent, floor, at_most]: [&Opt; 3]) -> Option<GroupLimits> {
    let percent_max = section.percent(percent);
    let (floor, at_most) = (section.number(floor), section.number(at_most));
    section.finish();
    Some(GroupLimits {
        percent_max: percent_max?,
        floor: floor?,
        at_most,
    })
}
