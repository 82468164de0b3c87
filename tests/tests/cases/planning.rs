//! Plans that take too much, come too late, or take one person for another.
