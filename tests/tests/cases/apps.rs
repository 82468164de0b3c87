//! Apps that answer other than they act: ids that change, accounts that were there before, lists that lie.
